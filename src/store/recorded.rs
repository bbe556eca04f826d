//! Which attempts of a batch are in the log and count, and when they were recorded: what the
//! rollups are raised by.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, Integer, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::lane::LaneId;
use super::record::AttemptRecord;
use super::{Connection, StoreError};

/// What of a batch counts. Tests never do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    /// All of it, recorded now.
    All {
        /// Where.
        lane: LaneId,
        /// When.
        at: DateTime<Utc>,
    },
    /// These: some were recorded before, by a statement whose outcome was not known, or
    /// superseded.
    These(Vec<Recorded>),
}

/// One attempt of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the batch.
    pub place: usize,
    /// Where it was recorded.
    pub lane: LaneId,
    /// When.
    pub at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    place: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    lane: Option<i32>,
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
}

/// Looks up what of a batch is in the log and counts. An attempt is written again until it is known
/// to be recorded, so that each is found here once.
pub(super) async fn look_up(
    connection: &mut Connection,
    attempts: &[AttemptRecord],
) -> Result<Counted, StoreError> {
    let column =
        |read: fn(&AttemptRecord) -> Uuid| -> Vec<Uuid> { attempts.iter().map(read).collect() };
    let tries: Vec<i32> = attempts.iter().map(|attempt| attempt.n).collect();
    let rows: Vec<Row> = diesel::sql_query(
        "select i.place::int4 as place, a.lane, a.at \
         from unnest($1, $2, $3, $4) with ordinality \
             as i (account_id, subscription_id, event_id, n, place) \
         join attempt a on a.account_id = i.account_id and a.subscription_id = i.subscription_id \
             and a.event_id = i.event_id and a.n = i.n \
         where a.outcome <> 'superseded' and a.origin <> 'test'",
    )
    .bind::<Array<SqlUuid>, _>(column(|attempt| attempt.key.account.uuid()))
    .bind::<Array<SqlUuid>, _>(column(|attempt| attempt.key.subscription.uuid()))
    .bind::<Array<SqlUuid>, _>(column(|attempt| attempt.key.event.uuid()))
    .bind::<Array<Integer>, _>(tries)
    .load(connection)
    .await?;
    let recorded = rows.into_iter().filter_map(|row| {
        Some(Recorded {
            place: usize::try_from(row.place).ok()?.checked_sub(1)?,
            lane: LaneId(row.lane?),
            at: row.at,
        })
    });
    Ok(Counted::These(recorded.collect()))
}
