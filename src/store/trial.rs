//! Trying a subscription out: an event that only it gets, marked as a test.

use std::time::Duration;

use diesel::sql_types::{Binary, Double, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::activity::note;
use super::made_key::{Kind, Making};
use super::{Connection, Database, StoreError};
use crate::domain::activity::OwnActivity;
use crate::domain::id::{AccountId, EventId, SubscriptionId};

/// The event of a test.
#[derive(Debug, Clone, Copy)]
pub struct TestEvent<'a> {
    /// Its id.
    pub id: EventId,
    /// The name of its type.
    pub event_type: &'a str,
    /// The example that is sent.
    pub payload: &'a [u8],
}

/// Stores a test event and its delivery, claimed as try 1 for `hold`. It belongs to no lane:
/// its row is there from the start. Records who did it.
///
/// # Errors
/// When the database is away.
pub async fn begin(
    database: &Database,
    account: AccountId,
    subscription: SubscriptionId,
    event: &TestEvent<'_>,
    hold: Duration,
    making: Making<'_>,
) -> Result<(), StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let (owner, made) = (Some(account), event.id.to_string());
            let bounds = database.bounds();
            making
                .keep(connection, owner, Kind::Test, &made, &bounds)
                .await?;
            store(connection, account, subscription, event, hold).await?;
            let payload = serde_json::json!({
                "event_id": event.id, "event_type": event.event_type,
            });
            let (what, subject) = (OwnActivity::TestSent, subscription.to_string());
            note(connection, owner, making.by, what, subject, Some(payload)).await
        })
        .await
}

async fn store(
    connection: &mut Connection,
    account: AccountId,
    subscription: SubscriptionId,
    event: &TestEvent<'_>,
    hold: Duration,
) -> Result<(), StoreError> {
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
    .bind::<SqlUuid, _>(event.id.uuid())
    .bind::<Text, _>(event.event_type)
    .bind::<SqlUuid, _>(subscription.uuid())
    .bind::<Binary, _>(event.payload)
    .bind::<Double, _>(hold.as_secs_f64())
    .execute(connection)
    .await?;
    Ok(())
}
