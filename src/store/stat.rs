//! The rollups: counts and latencies of each minute and each hour, by subscription, account and
//! lane. A daemon counts in memory what its statements recorded and writes absolute values here
//! once a second; what it had not written when it died is repaired from the logs.

mod repair;
mod series;

use std::marker::PhantomData;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, BigInt, Double, Integer, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

pub use self::repair::{repair, settle, unsettled};
pub use self::series::{Point, Series, series, sparks};
use super::lane::LaneId;
use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::stat_bucket::StatBucket;

/// How long minutes are kept; hours are kept as long as the event log.
pub const MINUTES_KEPT: Duration = Duration::from_secs(2 * 86_400);

/// The time that a row covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grain {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
}

impl Grain {
    /// Its length in minutes, as the database holds it.
    #[must_use]
    pub const fn minutes(self) -> i16 {
        match self {
            Self::Minute => 1,
            Self::Hour => 60,
        }
    }

    /// Its length in microseconds.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.minutes() as i64 * 60_000_000
    }
}

/// Which row. Ordered as rows are written, so that two writers never wait for each other in a
/// circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatKey {
    /// Minute or hour.
    pub grain: Grain,
    /// Whose.
    pub account: AccountId,
    /// None: the account as a whole.
    pub subscription: Option<SubscriptionId>,
    /// Where it begins, in microseconds since 1970.
    pub at: i64,
    /// The lane that it was recorded in.
    pub lane: LaneId,
}

/// A subscription's column.
pub(super) fn or_nil(subscription: Option<SubscriptionId>) -> Uuid {
    subscription.map_or(Uuid::nil(), SubscriptionId::uuid)
}

statement! {
    Flush<'a>(
        accounts: Array<SqlUuid> = &'a [Uuid],
        subscriptions: Array<SqlUuid> = &'a [Uuid],
        grains: Array<SmallInt> = &'a [i16],
        at: Array<Timestamptz> = &'a [DateTime<Utc>],
        lanes: Array<Integer> = &'a [i32],
        events: Array<Integer> = &'a [i32],
        sent: Array<Integer> = &'a [i32],
        failed: Array<Integer> = &'a [i32],
        filtered: Array<Integer> = &'a [i32],
        cancelled: Array<Integer> = &'a [i32],
        retried: Array<Integer> = &'a [i32],
        latency: Array<Text> = &'a [String],
    ) -> (BigInt,) from "stat/flush.sql"
}

/// Writes absolute values. Higher values that are there already stay, so that running it
/// again, late, or beside a repair is harmless.
///
/// # Errors
/// When the database is away: write them again.
pub async fn flush(
    connection: &mut Connection,
    rows: &[(StatKey, StatBucket)],
) -> Result<(), StoreError> {
    fn column(rows: &[(StatKey, StatBucket)], read: impl Fn(&StatBucket) -> u32) -> Vec<i32> {
        let count =
            |(_, bucket): &(StatKey, StatBucket)| i32::try_from(read(bucket)).unwrap_or(i32::MAX);
        rows.iter().map(count).collect()
    }
    fn keys<T>(rows: &[(StatKey, StatBucket)], read: impl Fn(&StatKey) -> T) -> Vec<T> {
        rows.iter().map(|(key, _)| read(key)).collect()
    }
    let latency: Vec<String> = rows.iter().map(|(_, bucket)| literal(bucket)).collect();
    let statement = Flush {
        accounts: &keys(rows, |key| key.account.uuid()),
        subscriptions: &keys(rows, |key| or_nil(key.subscription)),
        grains: &keys(rows, |key| key.grain.minutes()),
        at: &keys(rows, |key| {
            DateTime::from_timestamp_micros(key.at).unwrap_or_default()
        }),
        lanes: &keys(rows, |key| key.lane.0),
        events: &column(rows, |bucket| bucket.events),
        sent: &column(rows, |bucket| bucket.sent),
        failed: &column(rows, |bucket| bucket.failed),
        filtered: &column(rows, |bucket| bucket.filtered),
        cancelled: &column(rows, |bucket| bucket.cancelled),
        retried: &column(rows, |bucket| bucket.retried),
        latency: &latency,
        life: PhantomData,
    };
    let (_rows,): (i64,) = statement.one(connection).await?;
    Ok(())
}

/// The latencies as an array literal.
fn literal(bucket: &StatBucket) -> String {
    let mut text = String::from("{");
    for (place, count) in bucket.latency.counts().iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&count.to_string());
    }
    text.push('}');
    text
}

/// Removes minutes older than [`MINUTES_KEPT`], unless their lane is still to be repaired, and
/// hours older than the event log. Returns how many rows.
///
/// # Errors
/// When the database is away.
pub async fn retire(database: &Database, keep_days: u32) -> Result<usize, StoreError> {
    let mut connection = database.get().await?;
    // By the key, so that what is kept is not looked at.
    Ok(diesel::sql_query(
        "delete from stat s using ( \
             select account_id, id from subscription \
             union all select id, '00000000-0000-0000-0000-000000000000'::uuid from account \
         ) k, (values (1::int2, $1), (60::int2, $2)) as old (grain, seconds) \
         where s.account_id = k.account_id and s.subscription_id = k.id \
             and s.grain = old.grain and s.at < now() - make_interval(secs => old.seconds) \
             and s.lane not in (select id from lane where stats_at is not null \
                 and not stats_settled and closed_at is not null)",
    )
    .bind::<Double, _>(MINUTES_KEPT.as_secs_f64())
    .bind::<Double, _>(f64::from(keep_days) * 86_400.0)
    .execute(&mut connection)
    .await?)
}
