//! `herald migrate`: the schema, forwards or all the way back.

use clap::Args;

use super::database::{self, Missing};
use super::output;
use crate::config::Config;
use crate::store;

#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// Take every migration back: all of Herald's data is lost
    #[arg(long, requires = "yes")]
    revert_all: bool,
    /// Yes, lose all data
    #[arg(long, requires = "revert_all")]
    yes: bool,
}

impl Migrate {
    pub(super) async fn run(self, config: &Config, json: bool) -> anyhow::Result<()> {
        let back = self.revert_all;
        let missing = if back {
            Missing::Refuse
        } else {
            Missing::Create
        };
        let names = database::with_database(config, missing, async |database| {
            let done = if back {
                store::revert_all(database).await
            } else {
                store::migrate(database).await
            };
            Ok(done?)
        })
        .await?;
        let verb = if back { "reverted" } else { "applied" };
        if json {
            output::json(&serde_json::json!({ verb: names }))?;
        } else if names.is_empty() {
            output::line("Nothing to do.")?;
        } else {
            for name in names {
                output::line(&format!("{verb} {name}"))?;
            }
        }
        Ok(())
    }
}
