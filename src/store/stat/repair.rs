//! Repair: what a daemon had counted and not written when it died is counted again from the
//! logs, for the minutes from its last write on.

use chrono::{DateTime, Duration, DurationRound, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, Bool, Integer, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};

use crate::domain::stat_bucket::{BOUNDS, PARTS};
use crate::store::lane::LaneId;
use crate::store::partition::lowest_id_at;
use crate::store::statement::One;
use crate::store::{Connection, Database, StoreError};

/// For so long after a lane was closed, attempts that were under way may still be recorded in it.
const LATE: &str = "interval '3 minutes'";
/// The first key of the advisory locks under which lanes are repaired.
const LOCK: i32 = 0x4845_5241;

#[derive(QueryableByName)]
struct LaneRow {
    #[diesel(sql_type = Integer)]
    id: i32,
}

/// The closed lanes whose counts may miss something and that nobody looked at since: those that
/// closed just now, and once more those to which nothing can come any more.
///
/// # Errors
/// When the database is away.
pub async fn unsettled(database: &Database) -> Result<Vec<LaneId>, StoreError> {
    let rows: Vec<LaneRow> = diesel::sql_query(format!(
        "select id from lane where stats_at is not null and not stats_settled \
             and closed_at is not null \
             and (stats_repaired_at is null or closed_at < now() - {LATE}) order by id"
    ))
    .load(&mut database.get().await?)
    .await?;
    Ok(rows.into_iter().map(|row| LaneId(row.id)).collect())
}

#[derive(QueryableByName)]
struct Span {
    #[diesel(sql_type = Timestamptz)]
    stats_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    until: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    settled: bool,
}

#[derive(QueryableByName)]
struct LaneLock {
    #[diesel(sql_type = Bool)]
    got: bool,
}

/// Counts a closed lane's last minutes again and raises its rows to what was found. Safe to run
/// at any time, beside the lane's own daemon as well. False: somebody else is doing it, or
/// there is nothing to do.
///
/// # Errors
/// When the database is away.
pub async fn repair(database: &Database, lane: LaneId) -> Result<bool, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let sql = "select pg_try_advisory_xact_lock($1, $2) as got";
            let lock: LaneLock = diesel::sql_query(sql)
                .bind::<Integer, _>(LOCK)
                .bind::<Integer, _>(lane.0)
                .one(connection)
                .await?;
            if !lock.got {
                return Ok(false);
            }
            let spans: Vec<Span> = diesel::sql_query(format!(
                "select stats_at, closed_at + {LATE} as until, closed_at < now() - {LATE} as settled \
                 from lane where id = $1 and stats_at is not null and closed_at is not null \
                     and not stats_settled"
            ))
            .bind::<Integer, _>(lane.0)
            .load(connection)
            .await?;
            let Some(span) = spans.into_iter().next() else {
                return Ok(false);
            };
            count(connection, lane, &span).await?;
            diesel::sql_query(
                "update lane set stats_settled = $2, stats_repaired_at = now() where id = $1",
            )
            .bind::<Integer, _>(lane.0)
            .bind::<Bool, _>(span.settled)
            .execute(connection)
            .await?;
            Ok(true)
        })
        .await
}

async fn count(connection: &mut Connection, lane: LaneId, span: &Span) -> Result<(), StoreError> {
    // Whole minutes, and whole hours: what is counted again is counted as a whole.
    let start = |length: Duration| {
        span.stats_at
            .duration_trunc(length)
            .unwrap_or(span.stats_at)
    };
    let minute = start(Duration::minutes(1));
    let parts: Vec<String> = (0..PARTS)
        .map(|part| format!("count(*) filter (where status is not null and part = {part})"))
        .collect();
    let bounds: Vec<String> = BOUNDS.iter().map(ToString::to_string).collect();
    let minutes = include_str!("repair_minutes.sql")
        .replace("{BOUNDS}", &format!("{{{}}}", bounds.join(",")))
        .replace("array[PARTS]", &format!("array[{}]", parts.join(", ")));
    diesel::sql_query(minutes)
        .bind::<Integer, _>(lane.0)
        .bind::<Timestamptz, _>(minute)
        .bind::<Timestamptz, _>(span.until)
        .bind::<SqlUuid, _>(lowest_id_at(minute))
        .bind::<SqlUuid, _>(lowest_id_at(span.until))
        .execute(connection)
        .await?;
    diesel::sql_query(include_str!("repair_hours.sql"))
        .bind::<Integer, _>(lane.0)
        .bind::<Timestamptz, _>(start(Duration::hours(1)))
        .bind::<Timestamptz, _>(span.until)
        .execute(connection)
        .await?;
    Ok(())
}

/// Marks lanes whose daemon closed them and wrote all that it had counted: nothing is to be
/// repaired.
///
/// # Errors
/// When the database is away: they are repaired then, which changes nothing.
pub async fn settle(connection: &mut Connection, lanes: &[LaneId]) -> Result<(), StoreError> {
    let ids: Vec<i32> = lanes.iter().map(|lane| lane.0).collect();
    diesel::sql_query(
        "update lane set stats_settled = true where id = any($1) and closed_at is not null",
    )
    .bind::<Array<Integer>, _>(ids)
    .execute(connection)
    .await?;
    Ok(())
}
