//! Claiming due rows of the spill table.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::deserialize::QueryableByName;
use diesel::sql_types::{
    BigInt, Binary, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::lane::LaneId;
use super::schema::sql_types::DeliveryOrigin;
use super::{Connection, StoreError};
use crate::domain::delivery::Origin;
use crate::domain::hops::Hops;
use crate::domain::id::{AccountId, EventId, SubscriptionId};

/// Payload bytes that one claim brings into memory, beyond its first row. A claim that brought
/// so many may have been cut short.
pub const CLAIM_BYTES: i64 = 1 << 20;

/// A row that is this daemon's until the claim runs out.
#[derive(Debug)]
pub struct ClaimedDelivery {
    /// Whose it is.
    pub account: AccountId,
    /// Its event.
    pub event: EventId,
    /// The number of this try.
    pub n: i32,
    /// Failed attempts of its round before this one.
    pub failures: i32,
    /// What began its round.
    pub origin: Origin,
    /// The event's type.
    pub event_type: String,
    /// When the event was accepted.
    pub received_at: DateTime<Utc>,
    /// The bytes as published.
    pub payload: Vec<u8>,
    /// The databases that the event came through.
    pub hops: Option<Hops>,
    /// The event tries a subscription out.
    pub test: bool,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    account_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Integer)]
    n: i32,
    #[diesel(sql_type = Integer)]
    failures: i32,
    #[diesel(sql_type = DeliveryOrigin)]
    origin: Origin,
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = Timestamptz)]
    received_at: DateTime<Utc>,
    #[diesel(sql_type = Binary)]
    payload: Vec<u8>,
    #[diesel(sql_type = Nullable<Text>)]
    hops: Option<String>,
    #[diesel(sql_type = Bool)]
    test: bool,
}

/// Claims up to `room` due rows for `hold` (the timeout of an attempt and 5 s), oldest due
/// first, in the name of the daemon's lane.
///
/// # Errors
/// When the database is away; what was claimed then becomes due again after `hold`.
pub async fn claim(
    connection: &mut Connection,
    lane: LaneId,
    subscription: SubscriptionId,
    room: usize,
    hold: Duration,
) -> Result<Vec<ClaimedDelivery>, StoreError> {
    let mut rows: Vec<Row> = diesel::sql_query(include_str!("claim.sql"))
        .bind::<SqlUuid, _>(subscription.uuid())
        .bind::<BigInt, _>(i64::try_from(room).unwrap_or(i64::MAX))
        .bind::<Double, _>(hold.as_secs_f64())
        .bind::<BigInt, _>(CLAIM_BYTES)
        .bind::<Integer, _>(lane.0)
        .load(connection)
        .await?;
    rows.sort_by_key(|row| row.event_id);
    Ok(rows
        .into_iter()
        .map(|row| ClaimedDelivery {
            account: AccountId::from_uuid(row.account_id),
            event: EventId::from_uuid(row.event_id),
            n: row.n,
            failures: row.failures,
            origin: row.origin,
            event_type: row.event_type,
            received_at: row.received_at,
            payload: row.payload,
            hops: row.hops.map(Hops::stored),
            test: row.test,
        })
        .collect())
}

#[derive(QueryableByName)]
struct DueSubscription {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// The subscriptions that have due rows.
///
/// # Errors
/// When the database is away.
pub async fn subscriptions_due(
    connection: &mut Connection,
) -> Result<Vec<SubscriptionId>, StoreError> {
    let due: Vec<DueSubscription> = diesel::sql_query(include_str!("due.sql"))
        .load(connection)
        .await?;
    Ok(due
        .into_iter()
        .map(|due| SubscriptionId::from_uuid(due.id))
        .collect())
}
