//! The schema's migrations, embedded in the binary, run under an advisory lock so that several
//! daemons may start at once.

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
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
type MigrationError = Box<dyn std::error::Error + Send + Sync>;

async fn run<F>(database: &Database, work: F) -> Result<Vec<String>, StoreError>
where
    F: FnOnce(&mut Harness) -> Result<Vec<String>, MigrationError> + Send + 'static,
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

/// How a database's schema compares with this Herald's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaState {
    /// The migrations that the database does not have yet, in order.
    pub pending: Vec<String>,
    /// Those that it has and this Herald does not know: a newer one made them.
    pub unknown: Vec<String>,
}

/// Compares the schema with this Herald's, and changes nothing.
///
/// # Errors
/// When the database is away.
pub async fn schema_state(database: &Database) -> Result<SchemaState, StoreError> {
    use diesel::sql_types::Text;

    #[derive(diesel::QueryableByName)]
    struct Applied {
        #[diesel(sql_type = Text)]
        version: String,
    }

    let mut connection = database.get().await?;
    let asked = "select version::text from __diesel_schema_migrations order by version";
    let applied: Result<Vec<Applied>, _> = diesel::sql_query(asked).load(&mut connection).await;
    let applied: Vec<String> = match applied.map_err(StoreError::from) {
        Ok(rows) => rows.into_iter().map(|row| row.version).collect(),
        // Not even the table of migrations: a new database.
        Err(StoreError::Unfit(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let unfit = |error: MigrationError| StoreError::Unfit(error.to_string());
    let known = MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(unfit)?;
    let mut known: Vec<(String, String)> = known
        .iter()
        .map(|migration| {
            let name = migration.name();
            (name.version().to_string(), name.to_string())
        })
        .collect();
    known.sort();
    let unknown = applied
        .iter()
        .filter(|version| !known.iter().any(|(own, _)| own == *version));
    let unknown = unknown.cloned().collect();
    let pending = known
        .into_iter()
        .filter(|(version, _)| !applied.contains(version))
        .map(|(_, name)| name)
        .collect();
    Ok(SchemaState { pending, unknown })
}
