//! Claiming due rows.

use std::collections::HashSet;
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use herald::store::claim::{claim, subscriptions_due};

use crate::store::bench::Bench;

const HOLD: Duration = Duration::from_secs(20);

#[actix_rt::test]
async fn a_claim_raises_n_holds_the_row_and_hides_it_from_others() {
    let mut bench = Bench::new().await;
    let events = bench.store(3, true).await;
    assert_eq!(
        subscriptions_due(&mut bench.connection).await.unwrap(),
        [bench.subscription]
    );
    let first = bench.claim(2, HOLD).await;
    let claimed: Vec<_> = first.iter().map(|row| (row.event, row.n)).collect();
    assert_eq!(
        claimed,
        [(events[0], 1), (events[1], 1)],
        "the oldest first"
    );
    assert_eq!(bench.row(events[0]), "1|0|0|20");
    let second = bench.claim(10, HOLD).await;
    assert_eq!(
        second.iter().map(|row| row.event).collect::<Vec<_>>(),
        [events[2]]
    );
    let none = bench.claim(10, HOLD).await;
    assert!(none.is_empty());
    assert_eq!(subscriptions_due(&mut bench.connection).await.unwrap(), []);
}

#[actix_rt::test]
async fn rows_that_somebody_is_claiming_are_passed_over() {
    let mut bench = Bench::new().await;
    let events = bench.store(3, true).await;
    let mut other = bench.database.dedicated().await.unwrap();
    let lock = format!(
        "begin; select from delivery where event_id = '{}' for update",
        events[0].uuid()
    );
    other.batch_execute(&lock).await.unwrap();
    let claimed = bench.claim(2, HOLD).await;
    assert_eq!(
        claimed.iter().map(|row| row.event).collect::<Vec<_>>(),
        events[1..]
    );
    other.batch_execute("rollback").await.unwrap();
}

#[actix_rt::test]
async fn two_that_claim_at_once_share_the_rows() {
    let mut bench = Bench::new().await;
    let events = bench.store(400, true).await;
    let mut other = bench.database.dedicated().await.unwrap();
    let mut claimed = Vec::new();
    for _ in 0..20 {
        let (mine, theirs) = tokio::join!(
            claim(
                &mut bench.connection,
                bench.lane,
                bench.subscription,
                20,
                HOLD
            ),
            claim(&mut other, bench.lane, bench.subscription, 20, HOLD),
        );
        claimed.extend(mine.unwrap());
        claimed.extend(theirs.unwrap());
    }
    assert_eq!(claimed.len(), events.len());
    let once: HashSet<_> = claimed.iter().map(|row| row.event).collect();
    assert_eq!(once.len(), events.len());
}

#[actix_rt::test]
async fn a_claim_brings_a_bounded_number_of_bytes_and_at_least_one_row() {
    const MEGABYTE: usize = 1 << 20;
    let mut bench = Bench::new().await;
    bench.store_payload(12, true, &vec![b'x'; MEGABYTE]).await;
    let mut rows = 0;
    while rows < 12 {
        let claimed = bench.claim(256, HOLD).await;
        let bytes: usize = claimed.iter().map(|row| row.payload.len()).sum();
        assert!(
            (1..=2).contains(&(bytes / MEGABYTE)),
            "{bytes} bytes at once"
        );
        rows += claimed.len();
    }
    // What did not fit is not held back: it was claimed by the next one.
    assert_eq!(bench.sql("select count(*), max(n) from delivery"), "12|1");
}
