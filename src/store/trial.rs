//! Trying a subscription out: an event that only it gets, marked as a test.

use std::time::Duration;

use diesel::sql_types::{Binary, Double, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::{Database, StoreError};
use crate::domain::id::{AccountId, EventId, SubscriptionId};

/// Stores a test event and its delivery, claimed as try 1 for `hold`. It belongs to no lane:
/// its row stands from the start.
///
/// # Errors
/// When the database is away.
pub async fn begin(
    database: &Database,
    account: AccountId,
    subscription: SubscriptionId,
    event: EventId,
    event_type: &str,
    payload: &[u8],
    hold: Duration,
) -> Result<(), StoreError> {
    let mut connection = database.get().await?;
    diesel::sql_query(
        "with stored as ( \
             insert into event (account_id, id, lane, test, type, targets, payload) \
             values ($1, $2, 0, true, $3, array[$4], $5) returning id \
         ) \
         insert into delivery (account_id, subscription_id, event_id, due_at, n, base, failures, \
             origin) \
         select $1, $4, id, now() + make_interval(secs => $6), 1, 0, 0, 'test' from stored",
    )
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<SqlUuid, _>(event.uuid())
    .bind::<Text, _>(event_type)
    .bind::<SqlUuid, _>(subscription.uuid())
    .bind::<Binary, _>(payload)
    .bind::<Double, _>(hold.as_secs_f64())
    .execute(&mut connection)
    .await?;
    Ok(())
}
