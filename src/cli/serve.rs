//! `herald serve`: the daemon, on the thread that called.

use clap::Args;

use crate::app;
use crate::config::Config;

/// What the daemon is asked for besides its settings.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Use a PostgreSQL that may lose what was committed; HERALD_UNSAFE_DATABASE=accept must be
    /// set as well
    #[arg(long)]
    unsafe_database: bool,
}

impl Serve {
    pub(super) fn run(self, config: Config) -> anyhow::Result<()> {
        super::block_on(app::run(config, self.unsafe_database))
    }
}
