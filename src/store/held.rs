//! Deliveries that a script holds up: their rows are due only when somebody finds that the script
//! works again, or that the subscription names another, and lets them go here.

use diesel::deserialize::QueryableByName;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::{Database, StoreError};
use crate::domain::id::SubscriptionId;

/// Rows that one statement lets go: they are locked until it ends.
const BATCH: i64 = 5_000;

/// Used instead of a script's name where a mail carries the delivery: what ends the mail ends the
/// row. No script has this name, since a script's name has a folder.
pub const BY_MAIL: &str = "mail";

/// Which script holds up deliveries of which subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The script's name.
    pub script: String,
    /// Whose deliveries.
    pub subscription: SubscriptionId,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    held_by: String,
    #[diesel(sql_type = SqlUuid)]
    subscription_id: Uuid,
}

/// Every hold of a script, by one index probe each.
///
/// # Errors
/// When the database is away.
pub async fn holds(database: &Database) -> Result<Vec<Hold>, StoreError> {
    let mut connection = database.get().await?;
    let rows: Vec<Row> = diesel::sql_query(
        "with recursive first as ( \
             (select held_by, subscription_id from delivery where held_by is not null \
              order by held_by, subscription_id limit 1) \
             union all \
             select next.held_by, next.subscription_id \
             from first f cross join lateral ( \
                 select held_by, subscription_id from delivery \
                 where held_by is not null \
                     and (held_by, subscription_id) > (f.held_by, f.subscription_id) \
                 order by held_by, subscription_id limit 1 \
             ) next \
         ) \
         select held_by, subscription_id from first",
    )
    .load(&mut connection)
    .await?;
    Ok(rows
        .into_iter()
        .filter(|row| row.held_by != BY_MAIL)
        .map(|row| Hold {
            script: row.held_by,
            subscription: SubscriptionId::from_uuid(row.subscription_id),
        })
        .collect())
}

/// Lets deliveries go, in the order of their events. Safe to run again. Returns how many.
///
/// # Errors
/// When the database is away; some may have been let go.
pub async fn let_go(database: &Database, hold: &Hold) -> Result<usize, StoreError> {
    let mut connection = database.get().await?;
    let mut all = 0;
    loop {
        let some = diesel::sql_query(
            "update delivery d set held_by = null, due_at = least(now(), to_timestamp( \
                 ('x' || left(replace(d.event_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)) \
             from ( \
                 select account_id, subscription_id, event_id from delivery \
                 where held_by = $1 and subscription_id = $2 \
                 order by event_id \
                 limit $3 for update skip locked \
             ) i \
             where d.account_id = i.account_id and d.subscription_id = i.subscription_id \
                 and d.event_id = i.event_id",
        )
        .bind::<Text, _>(&hold.script)
        .bind::<SqlUuid, _>(hold.subscription.uuid())
        .bind::<BigInt, _>(BATCH)
        .execute(&mut connection)
        .await?;
        all += some;
        if i64::try_from(some).is_ok_and(|some| some < BATCH) {
            return Ok(all);
        }
    }
}
