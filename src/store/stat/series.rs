//! Reading the rollups: a series of one subscription or of the whole account, and the small
//! charts of many subscriptions. Each reads a range of the key: some thousands of rows at most.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Double, SmallInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::{Grain, or_nil};
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::stat_bucket::{Latency, StatBucket};
use crate::store::{Database, StoreError};

/// One point of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Where it begins.
    pub at: DateTime<Utc>,
    /// What fell into it.
    pub bucket: StatBucket,
}

/// A range cut into points of one length, those without anything included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// In time.
    pub points: Vec<Point>,
    /// How long a point is.
    pub step: Duration,
}

impl Series {
    /// All points together.
    #[must_use]
    pub fn total(&self) -> StatBucket {
        let mut total = StatBucket::default();
        for point in &self.points {
            total.add(&point.bucket);
        }
        total
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    subscription_id: Uuid,
    #[diesel(sql_type = BigInt)]
    step: i64,
    #[diesel(sql_type = BigInt)]
    events: i64,
    #[diesel(sql_type = BigInt)]
    sent: i64,
    #[diesel(sql_type = BigInt)]
    failed: i64,
    #[diesel(sql_type = BigInt)]
    filtered: i64,
    #[diesel(sql_type = BigInt)]
    cancelled: i64,
    #[diesel(sql_type = BigInt)]
    retried: i64,
}

impl Row {
    fn bucket(&self) -> StatBucket {
        let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
        StatBucket {
            events: count(self.events),
            sent: count(self.sent),
            failed: count(self.failed),
            filtered: count(self.filtered),
            cancelled: count(self.cancelled),
            retried: count(self.retried),
            latency: Latency::default(),
        }
    }
}

/// The counts of a range, by subscription and step; `$1` to `$6` as [`series`] binds them.
const COUNTS: &str = "select subscription_id, \
        floor(extract(epoch from at - $4) / $6)::bigint as step, \
        sum(events)::bigint as events, sum(sent)::bigint as sent, sum(failed)::bigint as failed, \
        sum(filtered)::bigint as filtered, sum(cancelled)::bigint as cancelled, \
        sum(retried)::bigint as retried \
    from stat \
    where account_id = $1 and subscription_id = any($2) and grain = $3 and at >= $4 and at < $5 \
    group by 1, 2";

#[derive(QueryableByName)]
struct LatencyRow {
    #[diesel(sql_type = BigInt)]
    step: i64,
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// What fell into `points` steps of this length that end with the step which holds `until`, of
/// a subscription or of the account as a whole. Steps are aligned to UTC; those of less than an
/// hour read minutes, which are kept for two days.
///
/// # Errors
/// When the database is away.
pub async fn series(
    database: &Database,
    account: AccountId,
    subscription: Option<SubscriptionId>,
    until: DateTime<Utc>,
    step: Duration,
    points: u16,
) -> Result<Series, StoreError> {
    let mut lent = database.get().await?;
    let range = Range::ending(until, step, points);
    let of = vec![or_nil(subscription)];
    let rows: Vec<Row> = diesel::sql_query(COUNTS)
        .bind::<SqlUuid, _>(account.uuid())
        .bind::<Array<SqlUuid>, _>(&of)
        .bind::<SmallInt, _>(range.grain.minutes())
        .bind::<Timestamptz, _>(range.from)
        .bind::<Timestamptz, _>(range.until)
        .bind::<Double, _>(range.seconds)
        .load(&mut lent)
        .await?;
    let latencies: Vec<LatencyRow> = diesel::sql_query(
        "select floor(extract(epoch from s.at - $4) / $6)::bigint as step, u.place, \
             sum(u.count)::bigint as count \
         from stat s cross join lateral unnest(s.latency) with ordinality as u (count, place) \
         where s.account_id = $1 and s.subscription_id = any($2) and s.grain = $3 \
             and s.at >= $4 and s.at < $5 \
         group by 1, 2",
    )
    .bind::<SqlUuid, _>(account.uuid())
    .bind::<Array<SqlUuid>, _>(&of)
    .bind::<SmallInt, _>(range.grain.minutes())
    .bind::<Timestamptz, _>(range.from)
    .bind::<Timestamptz, _>(range.until)
    .bind::<Double, _>(range.seconds)
    .load(&mut lent)
    .await?;
    let mut points = range.empty();
    for row in rows {
        if let Some(point) = place(row.step).and_then(|step| points.get_mut(step)) {
            point.bucket = row.bucket();
        }
    }
    for row in latencies {
        let point = place(row.step).and_then(|step| points.get_mut(step));
        if let (Some(point), Some(part)) = (point, place(row.place - 1)) {
            let count = u32::try_from(row.count).unwrap_or(u32::MAX);
            point.bucket.latency.set(part, count);
        }
    }
    Ok(Series { points, step })
}

fn place(number: i64) -> Option<usize> {
    usize::try_from(number).ok()
}

/// The counts of the last 24 hours, hour by hour and without latencies, of each of these
/// subscriptions; those without any are left out.
///
/// # Errors
/// When the database is away.
pub async fn sparks(
    database: &Database,
    account: AccountId,
    subscriptions: &[SubscriptionId],
    until: DateTime<Utc>,
) -> Result<HashMap<SubscriptionId, Series>, StoreError> {
    if subscriptions.is_empty() {
        return Ok(HashMap::new());
    }
    let mut lent = database.get().await?;
    let step = Duration::hours(1);
    let range = Range::ending(until, step, 24);
    let of: Vec<Uuid> = subscriptions.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Row> = diesel::sql_query(COUNTS)
        .bind::<SqlUuid, _>(account.uuid())
        .bind::<Array<SqlUuid>, _>(of)
        .bind::<SmallInt, _>(range.grain.minutes())
        .bind::<Timestamptz, _>(range.from)
        .bind::<Timestamptz, _>(range.until)
        .bind::<Double, _>(range.seconds)
        .load(&mut lent)
        .await?;
    let mut found: HashMap<SubscriptionId, Series> = HashMap::new();
    for row in rows {
        let series = found
            .entry(SubscriptionId::from_uuid(row.subscription_id))
            .or_insert_with(|| Series {
                points: range.empty(),
                step,
            });
        if let Some(point) = place(row.step).and_then(|step| series.points.get_mut(step)) {
            point.bucket = row.bucket();
        }
    }
    Ok(found)
}

struct Range {
    grain: Grain,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    seconds: f64,
    step: Duration,
}

impl Range {
    fn ending(until: DateTime<Utc>, step: Duration, points: u16) -> Self {
        let seconds = step.num_seconds().max(60);
        let grain = if seconds < 3_600 {
            Grain::Minute
        } else {
            Grain::Hour
        };
        let end = (until.timestamp().div_euclid(seconds) + 1) * seconds;
        let at = |timestamp: i64| DateTime::from_timestamp(timestamp, 0).unwrap_or_default();
        Self {
            grain,
            from: at(end - seconds * i64::from(points)),
            until: at(end),
            seconds: seconds as f64,
            step: Duration::seconds(seconds),
        }
    }

    fn empty(&self) -> Vec<Point> {
        let mut points = Vec::new();
        let mut at = self.from;
        while at < self.until {
            points.push(Point {
                at,
                bucket: StatBucket::default(),
            });
            at += self.step;
        }
        points
    }
}
