//! Lanes: one for each run of a daemon. A lane's lease says that its daemon lives; its
//! low-water mark bounds what must be looked at when it does not.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Binary, Double, Integer, Nullable, SmallInt, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::feature_level::FeatureLevel;
use super::schema::lane;
use super::statement::One;
use super::{Connection, Database, StoreError, seal};
use crate::domain::id::{EventId, SubscriptionId};

/// The number of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(pub i32);

/// A lane just opened.
#[derive(Debug, Clone, Copy)]
pub struct OpenedLane {
    /// Its number.
    pub id: LaneId,
    /// Every id of the lane must be above this one.
    pub floor: Uuid,
    /// The database's time.
    pub now: DateTime<Utc>,
}

/// What a renewal of the lease returned.
#[derive(Debug, Clone, Copy)]
pub struct Renewal {
    /// False: somebody closed the lane. Nothing more may begin in it.
    pub live: bool,
    /// The version of subscriptions and event types.
    pub routing_version: i64,
    /// The database's time.
    pub now: DateTime<Utc>,
}

#[derive(diesel::QueryableByName)]
struct Opened {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    floor: Option<Uuid>,
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
}

/// Opens a lane above everything that was stored or marked before.
///
/// # Errors
/// When the database is away.
pub async fn open(
    database: &Database,
    folder: Uuid,
    ttl: Duration,
) -> Result<OpenedLane, StoreError> {
    let mut connection = database.get().await?;
    let opened: Opened = diesel::sql_query(
        "with floor as ( \
             select id from ( \
                 (select low_water as id from lane order by low_water desc limit 1) \
                 union all \
                 select e.id from account a cross join lateral \
                     (select id from event where account_id = a.id order by id desc limit 1) e \
             ) known order by id desc limit 1 \
         ), opened as ( \
             insert into lane (folder, lease_until, low_water, stats_at, seal_keys, \
                 feature_level) \
             select $1, clock_timestamp() + make_interval(secs => $2), \
                 coalesce((select id from floor), '00000000-0000-0000-0000-000000000000'::uuid), \
                 now(), $3, $4 \
             returning id \
         ) select opened.id, (select id from floor) as floor, clock_timestamp() as now from opened",
    )
    .bind::<SqlUuid, _>(folder)
    .bind::<Double, _>(ttl.as_secs_f64())
    .bind::<Array<Binary>, _>(seal::fingerprints(&database.keys()))
    .bind::<SmallInt, _>(FeatureLevel::OWN.number())
    .one(&mut connection)
    .await?;
    Ok(OpenedLane {
        id: LaneId(opened.id),
        floor: opened.floor.unwrap_or(Uuid::nil()),
        now: opened.now,
    })
}

#[derive(diesel::QueryableByName)]
struct Renewed {
    #[diesel(sql_type = BigInt)]
    live: i64,
    #[diesel(sql_type = BigInt)]
    routing_version: i64,
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
}

/// Renews the lease, writes the low-water mark and the time up to which the rollups hold all that
/// was counted, and returns what every daemon needs to know once a second.
///
/// # Errors
/// When the database is away.
pub async fn renew(
    connection: &mut Connection,
    id: LaneId,
    ttl: Duration,
    low_water: Uuid,
    stats_at: DateTime<Utc>,
) -> Result<Renewal, StoreError> {
    let renewed: Renewed = diesel::sql_query(
        "with renewed as ( \
             update lane set lease_until = clock_timestamp() + make_interval(secs => $2), \
                 low_water = greatest(low_water, $3), stats_at = greatest(stats_at, $4) \
             where id = $1 and closed_at is null returning id \
         ) select (select count(*) from renewed) as live, \
             (select version from routing) as routing_version, clock_timestamp() as now",
    )
    .bind::<Integer, _>(id.0)
    .bind::<Double, _>(ttl.as_secs_f64())
    .bind::<SqlUuid, _>(low_water)
    .bind::<Timestamptz, _>(stats_at)
    .one(connection)
    .await?;
    Ok(Renewal {
        live: renewed.live == 1,
        routing_version: renewed.routing_version,
        now: renewed.now,
    })
}

/// The open lanes of a data folder. Whoever holds the folder's lock may close them.
///
/// # Errors
/// When the database is away.
pub async fn open_of_folder(database: &Database, folder: Uuid) -> Result<Vec<LaneId>, StoreError> {
    let mut connection = database.get().await?;
    let ids: Vec<i32> = lane::table
        .filter(lane::folder.eq(folder).and(lane::closed_at.is_null()))
        .select(lane::id)
        .order(lane::id)
        .load(&mut connection)
        .await?;
    Ok(ids.into_iter().map(LaneId).collect())
}

/// The open lanes whose lease ran out.
///
/// # Errors
/// When the database is away.
pub async fn expired(database: &Database) -> Result<Vec<LaneId>, StoreError> {
    let mut connection = database.get().await?;
    let ids: Vec<i32> = lane::table
        .filter(
            lane::closed_at
                .is_null()
                .and(lane::lease_until.lt(diesel::dsl::now)),
        )
        .select(lane::id)
        .order(lane::id)
        .load(&mut connection)
        .await?;
    Ok(ids.into_iter().map(LaneId).collect())
}

/// First attempts that the closing daemon itself has under way.
#[derive(Debug, Default, Clone)]
pub struct UnderWay {
    /// What is under way.
    pub deliveries: Vec<(SubscriptionId, EventId)>,
    /// After how long each must have ended.
    pub ends_within: Duration,
}

/// Whose lane is closed.
#[derive(Debug, Clone, Copy)]
pub enum Owner<'a> {
    /// The caller's own: its claims hold, and this is under way.
    Alive(&'a UnderWay),
    /// Of a daemon that is gone, or counts as gone because its lease ran out.
    Gone,
}

/// Closes a lane in one transaction: lock it, close it, write a row for each of its targets
/// that has neither an attempt nor a row. The lock waits for every statement that still writes
/// into the lane, so nothing can come after. `only_expired` spares a lane that was renewed
/// meanwhile. What a daemon that is gone had claimed becomes due at once. Returns the number of
/// rows, or None if it was closed already or spared.
///
/// # Errors
/// When the database is away; it is then not known whether the lane is closed: close it again.
pub async fn close(
    database: &Database,
    id: LaneId,
    owner: Owner<'_>,
    only_expired: bool,
) -> Result<Option<u64>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let mark: Option<(Uuid, bool)> = lane::table
                .filter(lane::id.eq(id.0).and(lane::closed_at.is_null()))
                .select((lane::low_water, lane::lease_until.lt(diesel::dsl::now)))
                .for_update()
                .first(connection)
                .await
                .optional()?;
            let low_water = match mark {
                Some((low_water, expired)) if expired || !only_expired => low_water,
                _ => return Ok(None),
            };
            diesel::update(lane::table.filter(lane::id.eq(id.0)))
                .set(lane::closed_at.eq(diesel::dsl::now))
                .execute(connection)
                .await?;
            let gone = UnderWay::default();
            let under_way = match owner {
                Owner::Alive(under_way) => under_way,
                Owner::Gone => {
                    diesel::sql_query(
                        "update delivery set due_at = now(), claim_lane = null \
                         where claim_lane = $1 and due_at > now()",
                    )
                    .bind::<Integer, _>(id.0)
                    .execute(connection)
                    .await?;
                    diesel::sql_query(
                        "update mail_due set due_at = now(), claim_lane = null \
                         where claim_lane = $1 and due_at > now()",
                    )
                    .bind::<Integer, _>(id.0)
                    .execute(connection)
                    .await?;
                    &gone
                }
            };
            let (subscriptions, events): (Vec<Uuid>, Vec<Uuid>) = under_way
                .deliveries
                .iter()
                .map(|(subscription, event)| (subscription.uuid(), event.uuid()))
                .unzip();
            let rows = diesel::sql_query(include_str!("close_lane.sql"))
                .bind::<Integer, _>(id.0)
                .bind::<SqlUuid, _>(low_water)
                .bind::<Array<SqlUuid>, _>(subscriptions)
                .bind::<Array<SqlUuid>, _>(events)
                .bind::<Double, _>(under_way.ends_within.as_secs_f64())
                .execute(connection)
                .await?;
            Ok(Some(rows as u64))
        })
        .await
}
