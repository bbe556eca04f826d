//! The rollups: writing, repairing, reading and removing them.

use chrono::{DateTime, Duration, DurationRound, Utc};
use herald::domain::delivery::Outcome::{Failed, Retry, Sent};
use herald::domain::stat_bucket::StatBucket;
use herald::store::lane::{self, LaneId, Owner};
use herald::store::record::{record_claimed, record_first};
use herald::store::stat::{self, Grain, StatKey};

use crate::store::bench::Bench;
use crate::support::rollups::{differences, latency_differences};

fn row(bench: &Bench, grain: Grain, at: DateTime<Utc>, sent: u32) -> (StatKey, StatBucket) {
    let mut bucket = StatBucket::default();
    for duration in 0..sent {
        bucket.attempt(Sent, i32::try_from(duration).unwrap(), Some(200));
    }
    let key = StatKey {
        grain,
        account: bench.account,
        subscription: Some(bench.subscription),
        at: at.timestamp_micros(),
        lane: bench.lane,
    };
    (key, bucket)
}

fn this_minute() -> DateTime<Utc> {
    Utc::now().duration_trunc(Duration::minutes(1)).unwrap()
}

#[actix_rt::test]
async fn what_is_written_late_or_twice_takes_nothing_away() {
    let mut bench = Bench::new().await;
    let at = this_minute();
    for sent in [3, 9, 5, 9] {
        let rows = [row(&bench, Grain::Minute, at, sent)];
        stat::flush(&mut bench.connection, &rows).await.unwrap();
    }
    // 0, 1, 2, 3 and 4, 5 and 6, 7 and 8 milliseconds.
    assert_eq!(
        bench.sql("select sent, latency from stat"),
        "9|{1,1,1,2,2,2}"
    );
}

#[actix_rt::test]
async fn a_closed_lanes_counts_are_repaired_from_the_logs_and_settle_when_nothing_can_come() {
    let mut bench = Bench::new().await;
    let events = bench.store(3, false).await;
    let mut attempts = [Sent, Retry, Failed].map(|outcome| bench.attempt(events[0], 1, outcome));
    for (attempt, event) in attempts.iter_mut().zip(&events) {
        attempt.key.event = *event;
        attempt.duration_ms = 40;
    }
    let lane = bench.lane;
    let first = record_first(&mut bench.connection, lane, &attempts).await;
    assert!(first.unwrap().is_some());
    assert!(!differences(&bench.url).is_empty());
    assert_eq!(
        stat::unsettled(&bench.database).await.unwrap(),
        [],
        "it is open"
    );
    assert!(!stat::repair(&bench.database, lane).await.unwrap());
    let close = lane::close(&bench.database, lane, Owner::Gone, false).await;
    close.unwrap();
    assert_eq!(stat::unsettled(&bench.database).await.unwrap(), [lane]);
    assert!(stat::repair(&bench.database, lane).await.unwrap());
    assert_eq!(differences(&bench.url), "");
    assert_eq!(latency_differences(&bench.url), "");
    assert_eq!(stat::unsettled(&bench.database).await.unwrap(), []);
    // What was under way is recorded late, and then the daemon dies as well.
    let late = [bench.attempt(events[1], 2, Sent)];
    let late = record_claimed(&mut bench.connection, lane, &late).await;
    late.unwrap();
    assert!(!differences(&bench.url).is_empty());
    bench.sql("update lane set closed_at = closed_at - interval '170 seconds'");
    assert_eq!(stat::unsettled(&bench.database).await.unwrap(), []);
    bench.sql("update lane set closed_at = closed_at - interval '11 seconds'");
    assert_eq!(stat::unsettled(&bench.database).await.unwrap(), [lane]);
    bench.sql("update lane set closed_at = closed_at + interval '1 second'");
    assert!(stat::repair(&bench.database, lane).await.unwrap());
    assert_eq!(stat::unsettled(&bench.database).await.unwrap(), []);
    assert_eq!(bench.sql("select stats_settled from lane"), "t");
}

#[actix_rt::test]
async fn minutes_are_kept_for_two_days_and_hours_as_long_as_the_events() {
    let mut bench = Bench::new().await;
    let now = this_minute();
    let ages = [1, 47, 49, 24 * 29, 24 * 31].map(|hours| now - Duration::hours(hours));
    let rows: Vec<_> = (ages.iter())
        .flat_map(|at| [Grain::Minute, Grain::Hour].map(|grain| row(&bench, grain, *at, 1)))
        .collect();
    stat::flush(&mut bench.connection, &rows).await.unwrap();
    assert_eq!(stat::retire(&bench.database, 30).await.unwrap(), 4);
    let kept = bench.sql("select grain, count(*) from stat group by 1 order by 1");
    assert_eq!(kept, "1|2\n60|4");
}

#[actix_rt::test]
async fn a_series_has_every_step_of_its_range_and_adds_up_the_lanes() {
    let mut bench = Bench::new().await;
    let now = this_minute();
    let mut rows = Vec::new();
    for minutes in [0, 1, 16, 61] {
        let (mut key, mut bucket) = row(&bench, Grain::Minute, now - Duration::minutes(minutes), 4);
        rows.push((key, bucket));
        key.lane = LaneId(77);
        bucket.attempt(Failed, 9_000, None);
        rows.push((key, bucket));
        key.subscription = None;
        bucket.events = 2;
        rows.push((key, bucket));
    }
    rows.sort_by_key(|(key, _)| *key);
    stat::flush(&mut bench.connection, &rows).await.unwrap();
    let (account, of) = (bench.account, Some(bench.subscription));
    let minute = Duration::minutes(1);
    let hour = stat::series(&bench.database, account, of, now, minute, 60).await;
    let hour = hour.unwrap();
    assert_eq!(hour.points.len(), 60);
    assert_eq!(hour.points.last().unwrap().at, now);
    assert_eq!(hour.points.last().unwrap().bucket.sent, 8);
    let total = hour.total();
    assert_eq!((total.sent, total.failed, total.events), (24, 3, 0));
    assert_eq!(total.latency.counts(), [6, 6, 6, 6]);
    let quarter = Duration::minutes(15);
    let day = stat::series(&bench.database, account, None, now, quarter, 96).await;
    let total = day.unwrap().total();
    assert_eq!((total.sent, total.failed, total.events), (16, 4, 8));
    // Hours come from rows of hours.
    let week = stat::series(&bench.database, account, None, now, Duration::hours(3), 56).await;
    assert_eq!(week.unwrap().total(), StatBucket::default());
    let sparks = stat::sparks(&bench.database, account, &[bench.subscription], now).await;
    assert!(sparks.unwrap().is_empty());
    let start = now.duration_trunc(Duration::hours(1)).unwrap();
    let rows = [row(&bench, Grain::Hour, start, 7)];
    stat::flush(&mut bench.connection, &rows).await.unwrap();
    let sparks = stat::sparks(&bench.database, account, &[bench.subscription], now).await;
    let sparks = sparks.unwrap();
    let points = &sparks[&bench.subscription].points;
    assert_eq!((points.len(), points[23].bucket.sent), (24, 7));
}
