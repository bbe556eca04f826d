//! What the PostgreSQL server says of itself: its version, the settings that Herald's promises
//! rest on, its time, its room for connections, and what Herald's user may do there. And the one
//! thing that it is asked to do: a checkpoint.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Text, Timestamptz};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::statement::One;
use super::{Connection, Database, StoreError};

/// A server's own account of itself, as one statement found it.
#[derive(Debug, Clone, QueryableByName)]
pub struct ServerReport {
    /// As in `PostgreSQL 15.18 (Debian 15.18-0+deb12u1)`, without the name.
    #[diesel(sql_type = Text)]
    pub version: String,
    /// 150018 for 15.18.
    #[diesel(sql_type = Integer)]
    pub version_number: i32,
    /// Whether commits reach the disk.
    #[diesel(sql_type = Bool)]
    pub fsync: bool,
    /// Whether pages survive being written in part.
    #[diesel(sql_type = Bool)]
    pub full_page_writes: bool,
    /// What the server, the database or the user has it set to; Herald's connections never have
    /// it off.
    #[diesel(sql_type = Text)]
    pub synchronous_commit: String,
    /// Whether dead rows are cleared away.
    #[diesel(sql_type = Bool)]
    pub autovacuum: bool,
    /// Follows another server and takes no writes.
    #[diesel(sql_type = Bool)]
    pub standby: bool,
    /// New transactions may not write.
    #[diesel(sql_type = Bool)]
    pub read_only: bool,
    /// Its time.
    #[diesel(sql_type = Timestamptz)]
    pub now: DateTime<Utc>,
    /// Connections that users without privileges may have together.
    #[diesel(sql_type = Integer)]
    pub connections: i32,
    /// Those that are open.
    #[diesel(sql_type = BigInt)]
    pub connections_used: i64,
    /// Those that Herald's user may have at most; -1: no limit of its own.
    #[diesel(sql_type = Integer)]
    pub connections_of_user: i32,
    /// Those that Herald's user has.
    #[diesel(sql_type = BigInt)]
    pub connections_used_by_user: i64,
    /// Herald's user there.
    #[diesel(sql_type = Text)]
    pub user: String,
    /// The name of the database.
    #[diesel(sql_type = Text)]
    pub database: String,
    /// Its encoding.
    #[diesel(sql_type = Text)]
    pub encoding: String,
    /// Whether Herald's user may make tables in the schema that it works in.
    #[diesel(sql_type = Bool)]
    pub may_create: bool,
    /// Whether this connection is encrypted.
    #[diesel(sql_type = Bool)]
    pub encrypted: bool,
    /// Whether it goes over a Unix socket, where there is nothing to encrypt.
    #[diesel(sql_type = Bool)]
    pub socket: bool,
}

const REPORT: &str = "select \
     current_setting('server_version') as version, \
     current_setting('server_version_num')::integer as version_number, \
     current_setting('fsync')::boolean as fsync, \
     current_setting('full_page_writes')::boolean as full_page_writes, \
     (select coalesce(reset_val, '') from pg_settings where name = 'synchronous_commit') \
         as synchronous_commit, \
     current_setting('autovacuum')::boolean as autovacuum, \
     pg_is_in_recovery() as standby, \
     current_setting('default_transaction_read_only')::boolean as read_only, \
     clock_timestamp() as now, \
     current_setting('max_connections')::integer \
         - current_setting('superuser_reserved_connections')::integer as connections, \
     (select count(*) from pg_stat_activity where backend_type = 'client backend') \
         as connections_used, \
     (select rolconnlimit from pg_roles where rolname = current_user) as connections_of_user, \
     (select count(*) from pg_stat_activity where usename = current_user) \
         as connections_used_by_user, \
     current_user::text as user, \
     current_database()::text as database, \
     current_setting('server_encoding') as encoding, \
     coalesce(has_schema_privilege(current_schema(), 'create'), false) as may_create, \
     coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as encrypted, \
     inet_server_addr() is null as socket";

/// Asks the server.
///
/// # Errors
/// When it is away.
pub async fn look(database: &Database) -> Result<ServerReport, StoreError> {
    let mut connection = database.get().await?;
    Ok(diesel::sql_query(REPORT).one(&mut connection).await?)
}

/// Scheme, host and port of the https targets of webhooks at work, the most recently changed first.
///
/// # Errors
/// When the database is away or holds no tables of Herald.
pub async fn https_targets(database: &Database, most: i64) -> Result<Vec<String>, StoreError> {
    use diesel::{ExpressionMethods, PgTextExpressionMethods, QueryDsl};

    use super::schema::subscription;

    let mut connection = database.get().await?;
    let urls: Vec<String> = subscription::table
        .filter(subscription::deleted_at.is_null())
        .filter(subscription::url.ilike("https://%"))
        .order(subscription::updated_at.desc())
        .select(subscription::url)
        .limit(most)
        .load(&mut connection)
        .await?;
    let origin = |url: &String| url.split('/').take(3).collect::<Vec<_>>().join("/");
    Ok(urls.iter().map(origin).collect())
}

/// Sees to it that a commit on this connection is on the disk before it returns, where the
/// server, the database or the user has that off. A stricter setting stays. And that errors are in
/// English, by which they are recognised, where Herald's user may choose that. Without prepared
/// statements: what a pooler does to them is found out later.
pub(super) async fn keep_promises(connection: &mut Connection) -> diesel::QueryResult<()> {
    connection
        .batch_execute(
            "select set_config('synchronous_commit', 'on', false) \
             where current_setting('synchronous_commit') = 'off'; \
             select set_config('lc_messages', 'C', false) \
             where current_setting('lc_messages') <> 'C' \
                 and has_parameter_privilege('lc_messages', 'set')",
        )
        .await
}

/// Has the server write down what it has in memory, so that its stop takes less time. Only for
/// a user who may: the owner of a private server.
///
/// # Errors
/// When the database is away or refuses.
pub async fn checkpoint(database: &Database) -> Result<(), StoreError> {
    let mut connection = database.get().await?;
    diesel::sql_query("checkpoint")
        .execute(&mut connection)
        .await?;
    Ok(())
}
