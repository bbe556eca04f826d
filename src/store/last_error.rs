//! What went wrong last with each of some subscriptions, for lists: found at the end of the log by
//! its key, a bounded number of rows for each.

use std::collections::HashMap;

use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::{Database, StoreError};
use crate::domain::id::{AccountId, SubscriptionId};

/// Attempts of the newest events that are looked at for each subscription.
const LOOKED_AT: i64 = 20;

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    detail: Option<String>,
}

/// The recorder's JSON about the newest attempt that went wrong; subscriptions without one among
/// the newest events are left out.
///
/// # Errors
/// When the database is away.
pub async fn of(
    database: &Database,
    account: AccountId,
    subscriptions: &[SubscriptionId],
) -> Result<HashMap<SubscriptionId, String>, StoreError> {
    if subscriptions.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = subscriptions.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Row> = diesel::sql_query(
        "select s.id, e.detail from unnest($2::uuid[]) as s (id) \
         cross join lateral ( \
             select newest.detail from ( \
                 select outcome, detail from attempt \
                 where account_id = $1 and subscription_id = s.id \
                 order by event_id desc, n desc limit $3 \
             ) newest \
             where newest.outcome in ('retry', 'failed') limit 1 \
         ) e",
    )
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<BigInt, _>(LOOKED_AT)
    .load(&mut database.get().await?)
    .await?;
    let found = |row: Row| Some((SubscriptionId::from_uuid(row.id), row.detail?));
    Ok(rows.into_iter().filter_map(found).collect())
}
