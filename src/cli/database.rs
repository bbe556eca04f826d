//! The way of commands that work directly in the database: the one that is set, or the private
//! PostgreSQL, which is started for the command when no daemon has it running.

use std::fs::File;
use std::path::Path;

use anyhow::Context;

use crate::config::Config;
use crate::postgres::PrivatePostgres;
use crate::store::Database;

/// Commands run one statement after another.
const CONNECTIONS: usize = 2;
/// The file in the data folder whose lock says that somebody works on the folder.
const LOCK_FILE: &str = "lock";

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
    let lock = lock(folder)?;
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

/// Locks the data folder, so that no daemon starts on it meanwhile.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let shown = folder.display();
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {shown}"))?;
    let path = folder.join(LOCK_FILE);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    file.try_lock().with_context(|| {
        format!("a Herald that works on {shown} is starting or stopping: try again in a moment")
    })?;
    Ok(file)
}
