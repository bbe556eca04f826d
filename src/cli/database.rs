//! The way of commands that work directly in the database: the one that is set, or the private
//! PostgreSQL, which is started for the command when no daemon has it running.

use anyhow::Context;

use crate::app::DataFolder;
use crate::config::Config;
use crate::postgres::PrivatePostgres;
use crate::store::Database;

/// Commands run one statement after another.
const CONNECTIONS: usize = 2;

/// Opens the database, does the work and closes again what was started for it.
pub(super) async fn with_database<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Database) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    if let Some(url) = &config.database_url {
        return work(&Database::new(url, CONNECTIONS)?).await;
    }
    if let Some(url) = PrivatePostgres::running(&config.data_dir) {
        return work(&Database::new(&url, CONNECTIONS)?).await;
    }
    let folder = &config.data_dir;
    // So that no daemon starts on it meanwhile.
    let lock = DataFolder::lock(folder)?;
    let server = PrivatePostgres::start(folder)
        .await
        .context("the private PostgreSQL cannot be started")?;
    // In a block, so that the connections are closed before the server is told to stop.
    let done = {
        let database = Database::new(&server.url(), CONNECTIONS)?;
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
