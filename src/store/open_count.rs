//! How many deliveries of a subscription are open, counted up to a bound: a backlog of millions
//! must not make a page slow.

use diesel::sql_types::{BigInt, Uuid as SqlUuid};

use super::statement::One;
use super::{Database, StoreError};
use crate::domain::id::{AccountId, SubscriptionId};

/// Rows that are looked at.
const MOST: i64 = 10_001;

/// What a subscription has open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenCount {
    /// So many deliveries.
    pub open: i64,
    /// Those of them that a script holds up.
    pub by_script: i64,
    /// There are more, which were not looked at.
    pub more: bool,
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    open: i64,
    #[diesel(sql_type = BigInt)]
    by_script: i64,
}

/// What a subscription has open.
///
/// # Errors
/// When the database is away.
pub async fn of(
    database: &Database,
    account: AccountId,
    subscription: SubscriptionId,
) -> Result<OpenCount, StoreError> {
    let row: Row = diesel::sql_query(
        "select count(*) as open, \
             count(*) filter (where held_by is not null and held_by <> 'mail') as by_script \
         from ( \
             select held_by from delivery \
             where account_id = $1 and subscription_id = $2 limit $3 \
         ) looked_at",
    )
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<SqlUuid, _>(subscription.uuid())
    .bind::<BigInt, _>(MOST)
    .one(&mut *database.get().await?)
    .await?;
    let more = row.open >= MOST;
    Ok(OpenCount {
        open: row.open.min(MOST - 1),
        by_script: row.by_script,
        more,
    })
}
