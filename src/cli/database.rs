//! The way of commands that work directly in the database: the one that is set, or the private
//! PostgreSQL, which is started for the command when no daemon has it running.

use anyhow::{Context, bail};

use crate::app::DataFolder;
use crate::config::Config;
use crate::postgres::PrivatePostgres;
use crate::store::Database;

/// Commands run one statement after another.
const CONNECTIONS: usize = 2;

/// What a command does where there is no database yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Make one: the command is the first of a new installation.
    Create,
    /// Say so: the command looks into one, and this is the wrong folder.
    Refuse,
}

/// Opens the database, does the work and closes again what was started for it.
pub(super) async fn with_database<T>(
    config: &Config,
    missing: Missing,
    work: impl AsyncFnOnce(&Database) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    if let Some(url) = &config.database.url {
        let ca_file = config.database.ca_file.as_deref();
        let database = Database::trusting(url, ca_file, CONNECTIONS)?;
        database.set_bounds(config.accounts);
        return work(&database).await;
    }
    if let Some(url) = PrivatePostgres::running(&config.data_dir) {
        let database = Database::new(&url, CONNECTIONS)?;
        database.set_bounds(config.accounts);
        return work(&database).await;
    }
    let folder = &config.data_dir;
    if missing == Missing::Refuse && !PrivatePostgres::exists(folder) {
        bail!(
            "there is no database of Herald in {}: set HERALD_DATA_DIR or HERALD_DATABASE_URL as \
             for `herald serve`",
            folder.display()
        );
    }
    // So that no daemon starts on it meanwhile.
    let lock = DataFolder::lock(folder)?;
    let server = PrivatePostgres::start(folder)
        .await
        .context("the private PostgreSQL cannot be started")?;
    // In a block, so that the connections are closed before the server is stopped.
    let done = {
        let database = Database::new(&server.url(), CONNECTIONS)?;
        database.set_bounds(config.accounts);
        work(&database).await
    };
    let stopped = server
        .stop()
        .await
        .context("the private PostgreSQL did not stop");
    drop(lock);
    let done = done?;
    stopped?;
    Ok(done)
}
