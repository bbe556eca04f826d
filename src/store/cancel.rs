//! Giving up open deliveries on purpose: their subscription was deleted, or somebody resumed it
//! and dropped what was held.

use diesel::sql_types::{BigInt, Bool, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::domain::id::{AccountId, SubscriptionId};

/// Rows that one statement cancels.
const BATCH: i64 = 5_000;

/// Cancels what a subscription has open, but for the newest delivery if `keep_newest`. Each
/// gets an ending attempt, so that the log and the audit show it. Runs in the caller's
/// transaction. Returns how many were cancelled.
///
/// # Errors
/// When the database is away.
pub async fn cancel_open(
    connection: &mut Connection,
    account: AccountId,
    subscription: SubscriptionId,
    keep_newest: bool,
) -> Result<u64, StoreError> {
    let mut cancelled = 0;
    loop {
        let batch: Count = diesel::sql_query(
            "with newest as ( \
                 select event_id from delivery where account_id = $1 and subscription_id = $2 \
                     and $3 order by event_id desc limit 1 \
             ), gone as ( \
                 delete from delivery d using ( \
                     select account_id, subscription_id, event_id from delivery \
                     where account_id = $1 and subscription_id = $2 \
                         and event_id not in (select event_id from newest) \
                     order by event_id limit $4 for update \
                 ) o \
                 where d.account_id = o.account_id and d.subscription_id = o.subscription_id \
                     and d.event_id = o.event_id \
                 returning d.* \
             ), ended as ( \
                 insert into attempt (account_id, subscription_id, event_id, n, duration_ms, \
                     outcome, origin) \
                 select account_id, subscription_id, event_id, n + 1, 0, 'cancelled', origin \
                 from gone on conflict do nothing \
                 returning account_id, subscription_id, origin \
             ), counted as ( \
                 insert into subscription_count as c (subscription_id, lane, cancelled, \
                     last_outcome, last_attempt_at) \
                 select subscription_id, 0, count(*), 'cancelled', to_timestamp(0) from ended \
                 where origin <> 'test' group by subscription_id \
                 on conflict (subscription_id, lane) do update \
                     set cancelled = c.cancelled + excluded.cancelled \
             ), rolled_up as ( \
                 insert into stat as s (account_id, subscription_id, grain, at, lane, cancelled) \
                 select account_id, \
                     coalesce(subscription_id, '00000000-0000-0000-0000-000000000000'), grain, \
                     date_trunc(unit, now(), 'UTC'), 0, count(*) \
                 from ended, (values (1, 'minute'), (60, 'hour')) as g (grain, unit) \
                 where origin <> 'test' \
                 group by grouping sets ((account_id, subscription_id, grain, unit), \
                     (account_id, grain, unit)) \
                 order by grain, account_id, 2 \
                 on conflict (account_id, subscription_id, grain, at, lane) do update \
                     set cancelled = s.cancelled + excluded.cancelled \
             ) \
             select count(*) as count from ended",
        )
        .bind::<SqlUuid, _>(account.uuid())
        .bind::<SqlUuid, _>(subscription.uuid())
        .bind::<Bool, _>(keep_newest)
        .bind::<BigInt, _>(BATCH)
        .one(connection)
        .await?;
        cancelled += u64::try_from(batch.count).unwrap_or(0);
        if batch.count < BATCH {
            return Ok(cancelled);
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(diesel::QueryableByName)]
struct Orphaned {
    #[diesel(sql_type = SqlUuid)]
    account_id: uuid::Uuid,
    #[diesel(sql_type = SqlUuid)]
    id: uuid::Uuid,
}

/// Cancels what deleted subscriptions still have open: their memory queues and closed lanes
/// write rows after the deletion.
///
/// # Errors
/// When the database is away.
pub async fn sweep_deleted(database: &Database) -> Result<u64, StoreError> {
    let mut connection = database.get().await?;
    let orphaned: Vec<Orphaned> = diesel::sql_query(
        "select s.account_id, s.id from subscription s where s.deleted_at is not null \
         and exists (select from delivery d where d.subscription_id = s.id)",
    )
    .load(&mut connection)
    .await?;
    let mut cancelled = 0;
    for row in orphaned {
        cancelled += cancel_open(
            &mut connection,
            AccountId::from_uuid(row.account_id),
            SubscriptionId::from_uuid(row.id),
            false,
        )
        .await?;
    }
    Ok(cancelled)
}
