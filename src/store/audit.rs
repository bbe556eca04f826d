//! The proof: every target of every accepted event, in the first class that fits. What the last
//! one found is kept, so that a page can show it without counting.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::schema::audit_result;
use super::statement::One;
use super::{Database, StoreError};
use crate::domain::id::AccountId;

/// The counts of one snapshot. Targets are counted, but for `accepted`.
#[derive(
    Debug, Clone, PartialEq, Eq, QueryableByName, Queryable, Selectable, Insertable, AsChangeset,
)]
#[diesel(table_name = audit_result)]
pub struct Audit {
    /// The snapshot's time.
    #[diesel(sql_type = Timestamptz)]
    pub as_of: DateTime<Utc>,
    /// Events accepted and still stored.
    #[diesel(sql_type = BigInt)]
    pub accepted: i64,
    /// Their targets.
    #[diesel(sql_type = BigInt)]
    pub targets: i64,
    /// Ended: the receiver answered 2xx.
    #[diesel(sql_type = BigInt)]
    pub sent: i64,
    /// Ended: the schedule is used up.
    #[diesel(sql_type = BigInt)]
    pub failed: i64,
    /// Ended: a plugin said no.
    #[diesel(sql_type = BigInt)]
    pub filtered: i64,
    /// Ended: given up on purpose.
    #[diesel(sql_type = BigInt)]
    pub cancelled: i64,
    /// A row waits in `delivery`.
    #[diesel(sql_type = BigInt)]
    pub open: i64,
    /// At or above the low-water mark of an open lane.
    #[diesel(sql_type = BigInt)]
    pub in_flight: i64,
    /// None of these. Must be 0.
    #[diesel(sql_type = BigInt)]
    pub lost: i64,
    /// Rows beside an ending attempt of their round. Must be 0.
    #[diesel(sql_type = BigInt)]
    pub double: i64,
    /// Events that retention removed.
    #[diesel(sql_type = BigInt)]
    pub retired_events: i64,
    /// Their targets.
    #[diesel(sql_type = BigInt)]
    pub retired_targets: i64,
    /// Deliveries that were still open when retention removed them.
    #[diesel(sql_type = BigInt)]
    pub retired_open: i64,
}

impl Audit {
    /// Lost and double together; anything but 0 is a defect of Herald.
    #[must_use]
    pub const fn difference(&self) -> i64 {
        self.lost + self.double
    }
}

/// Counts one account's targets, or all, in one snapshot, and keeps what it found. Reads both
/// logs as a whole: seconds for millions of events.
///
/// # Errors
/// When the database is away.
pub async fn run(database: &Database, account: Option<AccountId>) -> Result<Audit, StoreError> {
    let mut connection = database.get().await?;
    let audit: Audit = diesel::sql_query(include_str!("audit.sql"))
        .bind::<Nullable<SqlUuid>, _>(account.map(AccountId::uuid))
        .one(&mut connection)
        .await?;
    diesel::insert_into(audit_result::table)
        .values((audit_result::account_id.eq(key(account)), &audit))
        .on_conflict(audit_result::account_id)
        .do_update()
        .set(&audit)
        .execute(&mut connection)
        .await?;
    Ok(audit)
}

/// What the last audit of an account, or of the whole server, found; none: there was none yet.
///
/// # Errors
/// When the database is away.
pub async fn last(
    database: &Database,
    account: Option<AccountId>,
) -> Result<Option<Audit>, StoreError> {
    Ok(audit_result::table
        .find(key(account))
        .select(Audit::as_select())
        .first(&mut database.get().await?)
        .await
        .optional()?)
}

#[derive(QueryableByName)]
struct Due {
    #[diesel(sql_type = Bool)]
    due: bool,
}

/// Whether the last audit of the whole server is over a day ago.
///
/// # Errors
/// When the database is away.
pub async fn is_due(database: &Database) -> Result<bool, StoreError> {
    let due: Due = diesel::sql_query(
        "select not exists (select from audit_result \
             where account_id = $1 and as_of > now() - interval '1 day') as due",
    )
    .bind::<SqlUuid, _>(Uuid::nil())
    .one(&mut *database.get().await?)
    .await?;
    Ok(due.due)
}

/// The whole server has the nil UUID.
fn key(account: Option<AccountId>) -> Uuid {
    account.map_or(Uuid::nil(), AccountId::uuid)
}
