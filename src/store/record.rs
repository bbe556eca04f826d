//! Recording what attempts came to, and moving deliveries from memory into rows and back.
//!
//! No batch may hold one delivery twice: the parts of one statement share a snapshot.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, BigInt, Double, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::lane::LaneId;
use super::recorded::{Counted, look_up};
use super::statement::One;
use super::{Connection, StoreError};
use crate::domain::delivery::{Origin, Outcome};
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::domain::stat_bucket::StatBucket;

/// Which delivery is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryKey {
    /// Whose it is.
    pub account: AccountId,
    /// For which subscription.
    pub subscription: SubscriptionId,
    /// Of which event.
    pub event: EventId,
}

/// One attempt as it is to be recorded.
#[derive(Debug, Clone)]
pub struct AttemptRecord {
    /// Its delivery.
    pub key: DeliveryKey,
    /// The number of the try.
    pub n: i32,
    /// What began its round.
    pub origin: Origin,
    /// What it came to; never `superseded`, the database finds that out.
    pub outcome: Outcome,
    /// Milliseconds from start to end.
    pub duration_ms: i32,
    /// The HTTP status, if the target answered.
    pub status: Option<i16>,
    /// JSON for people: phases, error, response.
    pub detail: Option<String>,
    /// Failed attempts of this round, this one included.
    pub failures: i32,
    /// When to try again; None with an ending outcome.
    pub due_in: Option<Duration>,
}

/// Bytes of detail for one unit of [`AttemptRecord::weight`].
const WEIGHED: usize = 2_048;

impl AttemptRecord {
    /// What it takes of memory until it is recorded, in units of some kilobytes; at least 1.
    #[must_use]
    pub fn weight(&self) -> usize {
        1 + self.detail.as_ref().map_or(0, String::len) / WEIGHED
    }

    /// Whether it counts, unless a later try superseded it.
    pub(super) const fn counts(&self) -> bool {
        StatBucket::takes(self.origin, self.outcome)
    }
}

/// Whether a statement that is fenced by a lane did its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    /// The lane is open; the work is done.
    Passed,
    /// The lane is closed; nothing was written.
    Closed,
}

impl Fence {
    const fn of(live: i64) -> Self {
        if live == 1 {
            Self::Passed
        } else {
            Self::Closed
        }
    }
}

statement! {
    RecordFirst<'a>(
        lane: Integer = i32,
        accounts: Array<SqlUuid> = &'a [Uuid],
        subscriptions: Array<SqlUuid> = &'a [Uuid],
        events: Array<SqlUuid> = &'a [Uuid],
        durations: Array<Integer> = &'a [i32],
        outcomes: Array<Text> = &'a [&'static str],
        statuses: Array<Nullable<SmallInt>> = &'a [Option<i16>],
        details: Array<Nullable<Text>> = &'a [Option<&'a str>],
        retry_subscriptions: Array<SqlUuid> = &'a [Uuid],
        retry_events: Array<SqlUuid> = &'a [Uuid],
        retry_due: Array<Double> = &'a [f64],
        count_lane: Integer = i32,
    ) -> (BigInt, BigInt, Timestamptz) from "record_first.sql"
}

statement! {
    RecordClaimed<'a>(
        accounts: Array<SqlUuid> = &'a [Uuid],
        subscriptions: Array<SqlUuid> = &'a [Uuid],
        events: Array<SqlUuid> = &'a [Uuid],
        tries: Array<Integer> = &'a [i32],
        durations: Array<Integer> = &'a [i32],
        outcomes: Array<Text> = &'a [&'static str],
        origins: Array<Text> = &'a [&'static str],
        statuses: Array<Nullable<SmallInt>> = &'a [Option<i16>],
        details: Array<Nullable<Text>> = &'a [Option<&'a str>],
        failures: Array<Integer> = &'a [i32],
        due: Array<Nullable<Double>> = &'a [Option<f64>],
        lane: Integer = i32,
        count_lane: Integer = i32,
    ) -> (BigInt, Timestamptz) from "record_claimed.sql"
}

statement! {
    Spill<'a>(
        lane: Integer = i32,
        accounts: Array<SqlUuid> = &'a [Uuid],
        subscriptions: Array<SqlUuid> = &'a [Uuid],
        events: Array<SqlUuid> = &'a [Uuid],
        tries: Array<Integer> = &'a [i32],
        due: Array<Double> = &'a [f64],
        held_by: Array<Nullable<Text>> = &'a [Option<&'a str>],
    ) -> (BigInt,) from "spill.sql"
}

/// Keys as parallel arrays.
struct Keys {
    accounts: Vec<Uuid>,
    subscriptions: Vec<Uuid>,
    events: Vec<Uuid>,
}

impl Keys {
    fn of(keys: impl ExactSizeIterator<Item = DeliveryKey>) -> Self {
        let mut columns = Self {
            accounts: Vec::with_capacity(keys.len()),
            subscriptions: Vec::with_capacity(keys.len()),
            events: Vec::with_capacity(keys.len()),
        };
        for key in keys {
            columns.accounts.push(key.account.uuid());
            columns.subscriptions.push(key.subscription.uuid());
            columns.events.push(key.event.uuid());
        }
        columns
    }
}

/// Records first attempts made from memory (n = 1). Safe to run again after a lost connection.
/// Returns which of them are in the log, or none if the lane is closed.
///
/// # Errors
/// [`StoreError::Away`]: it is not known whether they are recorded.
pub async fn record_first(
    connection: &mut Connection,
    lane: LaneId,
    attempts: &[AttemptRecord],
) -> Result<Option<Counted>, StoreError> {
    let keys = Keys::of(attempts.iter().map(|attempt| attempt.key));
    let mut retry_subscriptions = Vec::new();
    let mut retry_events = Vec::new();
    let mut retry_due = Vec::new();
    for attempt in attempts {
        if let Some(due_in) = attempt.due_in {
            retry_subscriptions.push(attempt.key.subscription.uuid());
            retry_events.push(attempt.key.event.uuid());
            retry_due.push(due_in.as_secs_f64());
        }
    }
    let durations: Vec<_> = attempts.iter().map(|attempt| attempt.duration_ms).collect();
    let outcomes: Vec<_> = attempts
        .iter()
        .map(|attempt| attempt.outcome.as_str())
        .collect();
    let statuses: Vec<_> = attempts.iter().map(|attempt| attempt.status).collect();
    let details: Vec<_> = attempts
        .iter()
        .map(|attempt| attempt.detail.as_deref())
        .collect();
    let statement = RecordFirst {
        lane: lane.0,
        accounts: &keys.accounts,
        subscriptions: &keys.subscriptions,
        events: &keys.events,
        durations: &durations,
        outcomes: &outcomes,
        statuses: &statuses,
        details: &details,
        retry_subscriptions: &retry_subscriptions,
        retry_events: &retry_events,
        retry_due: &retry_due,
        count_lane: lane.0,
        life: PhantomData,
    };
    let (live, kept, at): (i64, i64, DateTime<Utc>) = statement.one(connection).await?;
    if live != 1 {
        return Ok(None);
    }
    if usize::try_from(kept).is_ok_and(|kept| kept == attempts.len()) {
        return Ok(Some(Counted::All { lane, at }));
    }
    look_up(connection, attempts).await.map(Some)
}

/// Records attempts at claimed rows; `lane` is where they are counted. Safe to run again.
/// Returns which of them are in the log and count.
///
/// # Errors
/// [`StoreError::Away`]: it is not known whether they are recorded.
pub async fn record_claimed(
    connection: &mut Connection,
    lane: LaneId,
    attempts: &[AttemptRecord],
) -> Result<Counted, StoreError> {
    let keys = Keys::of(attempts.iter().map(|attempt| attempt.key));
    let tries: Vec<_> = attempts.iter().map(|attempt| attempt.n).collect();
    let durations: Vec<_> = attempts.iter().map(|attempt| attempt.duration_ms).collect();
    let outcomes: Vec<_> = attempts
        .iter()
        .map(|attempt| attempt.outcome.as_str())
        .collect();
    let origins: Vec<_> = attempts
        .iter()
        .map(|attempt| attempt.origin.as_str())
        .collect();
    let statuses: Vec<_> = attempts.iter().map(|attempt| attempt.status).collect();
    let details: Vec<_> = attempts
        .iter()
        .map(|attempt| attempt.detail.as_deref())
        .collect();
    let failures: Vec<_> = attempts.iter().map(|attempt| attempt.failures).collect();
    let due: Vec<_> = attempts
        .iter()
        .map(|attempt| attempt.due_in.map(|due| due.as_secs_f64()))
        .collect();
    let statement = RecordClaimed {
        accounts: &keys.accounts,
        subscriptions: &keys.subscriptions,
        events: &keys.events,
        tries: &tries,
        durations: &durations,
        outcomes: &outcomes,
        origins: &origins,
        statuses: &statuses,
        details: &details,
        failures: &failures,
        due: &due,
        lane: lane.0,
        count_lane: lane.0,
        life: PhantomData,
    };
    let (kept, at): (i64, DateTime<Utc>) = statement.one(connection).await?;
    let meant = attempts.iter().filter(|attempt| attempt.counts()).count();
    if usize::try_from(kept).is_ok_and(|kept| kept == meant) {
        return Ok(Counted::All { lane, at });
    }
    look_up(connection, attempts).await
}

/// A delivery on its way from memory to a row.
#[derive(Debug, Clone)]
pub struct SpilledDelivery {
    /// Which.
    pub key: DeliveryKey,
    /// None: not begun, due at once. Some: its first attempt runs and must have ended by then.
    pub running_for: Option<Duration>,
    /// What has not begun is due again after this; zero: at once, in the order of the events.
    pub wait: Duration,
    /// The script that holds up what has not begun.
    pub held_by: Option<Arc<str>>,
}

/// A claimed row whose attempt was never begun.
#[derive(Debug, Clone)]
pub struct ReleasedClaim {
    /// Which.
    pub key: DeliveryKey,
    /// The number of the claim: it may not hold any more.
    pub n: i32,
    /// It is due after this; zero: at once, in the order of the events.
    pub wait: Duration,
    /// The script that holds it up, whatever the time.
    pub held_by: Option<Arc<str>>,
}

/// Writes rows for deliveries that leave memory.
///
/// # Errors
/// [`StoreError::Away`]: it is not known whether they are written; close the lane.
pub async fn spill(
    connection: &mut Connection,
    lane: LaneId,
    deliveries: &[SpilledDelivery],
) -> Result<Fence, StoreError> {
    let keys = Keys::of(deliveries.iter().map(|delivery| delivery.key));
    let tries: Vec<_> = deliveries
        .iter()
        .map(|delivery| i32::from(delivery.running_for.is_some()))
        .collect();
    let due: Vec<_> = deliveries
        .iter()
        .map(|delivery| delivery.running_for.unwrap_or(delivery.wait).as_secs_f64())
        .collect();
    let held_by: Vec<_> = deliveries
        .iter()
        .map(|delivery| delivery.held_by.as_deref())
        .collect();
    let statement = Spill {
        lane: lane.0,
        accounts: &keys.accounts,
        subscriptions: &keys.subscriptions,
        events: &keys.events,
        tries: &tries,
        due: &due,
        held_by: &held_by,
        life: PhantomData,
    };
    let (live,): (i64,) = statement.one(connection).await?;
    Ok(Fence::of(live))
}

/// Gives claimed rows back whose attempt was never begun: due at once, in the order of their
/// events, or when the script works that holds them up.
///
/// # Errors
/// When the database is away: they become due when the claim runs out.
pub async fn release(
    connection: &mut Connection,
    claims: &[ReleasedClaim],
) -> Result<(), StoreError> {
    let keys = Keys::of(claims.iter().map(|claim| claim.key));
    let tries: Vec<i32> = claims.iter().map(|claim| claim.n).collect();
    let waits: Vec<_> = claims
        .iter()
        .map(|claim| claim.wait.as_secs_f64())
        .collect();
    let held_by: Vec<_> = claims
        .iter()
        .map(|claim| claim.held_by.as_deref())
        .collect();
    diesel::sql_query(
        "update delivery d set claim_lane = null, held_by = i.held_by, \
             due_at = case when i.held_by is not null then '9999-12-31' \
                 when i.wait > 0 then now() + make_interval(secs => i.wait) \
                 else least(now(), to_timestamp(('x' || \
                     left(replace(d.event_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)) end \
         from unnest($1, $2, $3, $4, $5, $6) \
             as i (account_id, subscription_id, event_id, n, wait, held_by) \
         where d.account_id = i.account_id and d.subscription_id = i.subscription_id \
             and d.event_id = i.event_id and d.n = i.n",
    )
    .bind::<Array<SqlUuid>, _>(keys.accounts)
    .bind::<Array<SqlUuid>, _>(keys.subscriptions)
    .bind::<Array<SqlUuid>, _>(keys.events)
    .bind::<Array<Integer>, _>(tries)
    .bind::<Array<Double>, _>(waits)
    .bind::<Array<Nullable<Text>>, _>(held_by)
    .execute(connection)
    .await?;
    Ok(())
}
