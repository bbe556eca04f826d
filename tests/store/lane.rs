//! Opening, renewing and closing lanes.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use herald::domain::delivery::Outcome::Sent;
use herald::store::lane::{self, Owner, UnderWay};
use herald::store::record::record_first;
use uuid::Uuid;

use crate::store::bench::{Bench, LEASE};

#[actix_rt::test]
async fn closing_writes_a_row_for_what_has_neither_attempt_nor_row_once() {
    let mut bench = Bench::new().await;
    let spilled = bench.store(1, true).await[0];
    let events = bench.store(3, false).await;
    let sent = [bench.attempt(events[0], 1, Sent)];
    record_first(&mut bench.connection, bench.lane, &sent)
        .await
        .unwrap();
    let under_way = UnderWay {
        deliveries: vec![(bench.subscription, events[1])],
        ends_within: Duration::from_secs(20),
    };
    let closed = lane::close(&bench.database, bench.lane, Owner::Alive(&under_way), false)
        .await
        .unwrap();
    assert_eq!(closed, Some(2));
    assert_eq!(bench.row(spilled), "0|0|0|0");
    assert_eq!(bench.row(events[0]), "");
    assert_eq!(
        bench.row(events[1]),
        "1|0|0|20",
        "its attempt may still end"
    );
    assert_eq!(bench.row(events[2]), "1|0|0|0");
    let again = lane::close(&bench.database, bench.lane, Owner::Alive(&under_way), false)
        .await
        .unwrap();
    assert_eq!(again, None);
    assert_eq!(bench.sql("select count(*) from delivery"), "3");
    let audit = bench.audit().await;
    assert_eq!((audit.open, audit.in_flight, audit.difference()), (3, 0, 0));
}

#[actix_rt::test]
async fn a_lane_that_was_renewed_meanwhile_is_spared() {
    let mut bench = Bench::new().await;
    let event = bench.store(1, false).await[0];
    let expire = "update lane set lease_until = now() - interval '1 second'";
    bench.sql(expire);
    assert_eq!(lane::expired(&bench.database).await.unwrap(), [bench.lane]);
    let mark = Uuid::nil();
    let renewed = lane::renew(
        &mut bench.connection,
        bench.lane,
        LEASE,
        mark,
        chrono::Utc::now(),
    )
    .await
    .unwrap();
    assert!(renewed.live);
    let only_expired = lane::close(&bench.database, bench.lane, Owner::Gone, true).await;
    assert_eq!(only_expired.unwrap(), None);
    assert_eq!(bench.row(event), "");
    bench.sql(expire);
    let only_expired = lane::close(&bench.database, bench.lane, Owner::Gone, true).await;
    assert_eq!(only_expired.unwrap(), Some(1));
    let renewed = lane::renew(
        &mut bench.connection,
        bench.lane,
        LEASE,
        mark,
        chrono::Utc::now(),
    )
    .await
    .unwrap();
    assert!(!renewed.live, "a closed lane is not renewed");
    assert_eq!(lane::expired(&bench.database).await.unwrap(), []);
}

#[actix_rt::test]
async fn closing_waits_for_an_ingest_under_way_and_sees_its_events() {
    let bench = Bench::new().await;
    // An ingest statement holds this lock until its transaction ends.
    let mut ingesting = bench.database.dedicated().await.unwrap();
    let event = Uuid::now_v7();
    ingesting
        .batch_execute(&format!(
            "begin; select from lane where id = {} and closed_at is null for key share; \
             insert into event (account_id, id, lane, type, targets, payload) \
             values ('{}', '{event}', {}, 'A', '{{{}}}', '')",
            bench.lane.0,
            bench.account.uuid(),
            bench.lane.0,
            bench.subscription.uuid()
        ))
        .await
        .unwrap();
    let (database, lane) = (bench.database.clone(), bench.lane);
    let closing =
        actix_rt::spawn(async move { lane::close(&database, lane, Owner::Gone, false).await });
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() \
         and wait_event_type = 'Lock'";
    // The closing runs on this thread, so the wait must let it.
    for _ in 0..500 {
        if bench.sql(waiting) == "1" || closing.is_finished() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(bench.sql(waiting), "1");
    assert!(!closing.is_finished());
    ingesting.batch_execute("commit").await.unwrap();
    assert_eq!(closing.await.unwrap().unwrap(), Some(1));
    assert_eq!(
        bench.row(herald::domain::id::EventId::from_uuid(event)),
        "1|0|0|0"
    );
}

#[actix_rt::test]
async fn a_lane_opens_above_everything_stored_or_marked() {
    let mut bench = Bench::new().await;
    assert_eq!(bench.floor, Uuid::nil());
    let event = bench.store(1, false).await[0];
    let opened = lane::open(&bench.database, bench.folder, LEASE)
        .await
        .unwrap();
    assert_eq!(opened.floor, event.uuid());
    let mark = Uuid::now_v7();
    lane::renew(
        &mut bench.connection,
        opened.id,
        LEASE,
        mark,
        chrono::Utc::now(),
    )
    .await
    .unwrap();
    // A mark never goes back.
    lane::renew(
        &mut bench.connection,
        opened.id,
        LEASE,
        event.uuid(),
        chrono::Utc::now(),
    )
    .await
    .unwrap();
    let third = lane::open(&bench.database, bench.folder, LEASE)
        .await
        .unwrap();
    assert_eq!(third.floor, mark);
    let open = lane::open_of_folder(&bench.database, bench.folder)
        .await
        .unwrap();
    assert_eq!(open, [bench.lane, opened.id, third.id]);
    let stranger = lane::open_of_folder(&bench.database, Uuid::new_v4())
        .await
        .unwrap();
    assert_eq!(stranger, []);
}
