//! `herald serve`: the daemon, on the thread that called.

use crate::app;
use crate::config::Config;

pub(super) fn run(config: Config) -> anyhow::Result<()> {
    super::block_on(app::run(config))
}
