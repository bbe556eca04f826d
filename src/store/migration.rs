//! The schema's migrations, embedded in the binary, run under an advisory lock so that several
//! daemons may start at once.

use diesel_async::{AsyncMigrationHarness, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{Database, StoreError};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
/// The key of the advisory lock that migrations hold.
const LOCK: i64 = 0x4845_5241_4c44;

/// Brings the schema up to this Herald's version. Returns the names of what ran.
///
/// # Errors
/// When the database is away or a migration fails (it is rolled back as a whole).
pub async fn migrate(database: &Database) -> Result<Vec<String>, StoreError> {
    run(database, |harness| {
        let done = harness.run_pending_migrations(MIGRATIONS)?;
        Ok(done.iter().map(ToString::to_string).collect())
    })
    .await
}

/// Takes every migration back, newest first: the database is empty afterwards.
///
/// # Errors
/// As [`migrate`].
pub async fn revert_all(database: &Database) -> Result<Vec<String>, StoreError> {
    run(database, |harness| {
        let done = harness.revert_all_migrations(MIGRATIONS)?;
        Ok(done.iter().map(ToString::to_string).collect())
    })
    .await
}

type Harness = AsyncMigrationHarness<super::Connection>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn run<F>(database: &Database, work: F) -> Result<Vec<String>, StoreError>
where
    F: FnOnce(&mut Harness) -> Result<Vec<String>, Failure> + Send + 'static,
{
    let mut connection = database.bare().await?;
    diesel::sql_query("select pg_advisory_lock($1)")
        .bind::<diesel::sql_types::BigInt, _>(LOCK)
        .execute(&mut connection)
        .await?;
    // The harness blocks its thread; the lock goes with the connection.
    tokio::task::spawn_blocking(move || work(&mut AsyncMigrationHarness::new(connection)))
        .await
        .map_err(|error| StoreError::Unfit(format!("a migration stopped: {error}")))?
        .map_err(|error| StoreError::Unfit(format!("a migration failed: {error}")))
}
