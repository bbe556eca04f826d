//! What became of a subscription's attempts, from the counts that the recorder keeps: never a
//! count over the logs.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::schema::sql_types::AttemptOutcome;
use super::{Connection, Database, StoreError};
use crate::domain::delivery::Outcome;
use crate::domain::id::SubscriptionId;

/// Counts of one subscription's attempts since it was made.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct Counts {
    #[diesel(sql_type = SqlUuid)]
    subscription_id: Uuid,
    /// Answered 2xx.
    #[diesel(sql_type = BigInt)]
    pub sent: i64,
    /// The schedule was used up.
    #[diesel(sql_type = BigInt)]
    pub failed: i64,
    /// A plugin said no.
    #[diesel(sql_type = BigInt)]
    pub filtered: i64,
    /// Given up on purpose.
    #[diesel(sql_type = BigInt)]
    pub cancelled: i64,
    /// Went wrong and were tried again.
    #[diesel(sql_type = BigInt)]
    pub retried: i64,
    /// What the last attempt came to.
    #[diesel(sql_type = AttemptOutcome)]
    pub last_outcome: Outcome,
    /// When the last attempt ended.
    #[diesel(sql_type = Timestamptz)]
    pub last_attempt_at: DateTime<Utc>,
}

/// The counts of the subscriptions that had attempts.
///
/// # Errors
/// When the database is away.
pub async fn of(
    database: &Database,
    subscriptions: &[SubscriptionId],
) -> Result<HashMap<SubscriptionId, Counts>, StoreError> {
    if subscriptions.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = subscriptions.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Counts> = diesel::sql_query(
        "select subscription_id, sum(sent)::bigint as sent, sum(failed)::bigint as failed, \
            sum(filtered)::bigint as filtered, sum(cancelled)::bigint as cancelled, \
            sum(retried)::bigint as retried, max(last_attempt_at) as last_attempt_at, \
            (array_agg(last_outcome order by last_attempt_at desc))[1] as last_outcome \
         from subscription_count where subscription_id = any($1) group by subscription_id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .load(&mut database.get().await?)
    .await?;
    let by_id = |row: Counts| (SubscriptionId::from_uuid(row.subscription_id), row);
    Ok(rows.into_iter().map(by_id).collect())
}

/// Adds the counts of lanes that closed over a day ago to those of lane 0, which belongs to no
/// run of a daemon, so that restarts do not pile up rows. Returns how many rows were added up.
///
/// # Errors
/// When the database is away.
pub async fn fold(connection: &mut Connection) -> Result<usize, StoreError> {
    Ok(diesel::sql_query(
        "with gone as ( \
             delete from subscription_count c using lane l \
             where l.id = c.lane and l.closed_at < now() - interval '1 day' returning c.* \
         ) \
         insert into subscription_count as c (subscription_id, lane, sent, failed, filtered, \
             cancelled, retried, last_outcome, last_attempt_at) \
         select subscription_id, 0, sum(sent), sum(failed), sum(filtered), sum(cancelled), \
             sum(retried), (array_agg(last_outcome order by last_attempt_at desc))[1], \
             max(last_attempt_at) \
         from gone group by subscription_id \
         on conflict (subscription_id, lane) do update set \
             sent = c.sent + excluded.sent, failed = c.failed + excluded.failed, \
             filtered = c.filtered + excluded.filtered, \
             cancelled = c.cancelled + excluded.cancelled, \
             retried = c.retried + excluded.retried, \
             last_outcome = case when excluded.last_attempt_at > c.last_attempt_at \
                 then excluded.last_outcome else c.last_outcome end, \
             last_attempt_at = greatest(c.last_attempt_at, excluded.last_attempt_at)",
    )
    .execute(connection)
    .await?)
}
