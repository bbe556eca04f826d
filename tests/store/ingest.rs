//! The statement behind each 202.

use herald::domain::id::EventId;
use herald::store::ingest::{Ingested, ingest, known_keys};
use herald::store::lane::{self, Owner};
use proptest::prelude::*;
use uuid::Uuid;

use crate::store::bench::{Bench, batch};

#[actix_rt::test]
async fn it_stores_only_in_a_live_lane_and_under_the_version_that_was_matched() {
    let mut bench = Bench::new().await;
    let ids = [Uuid::now_v7()];
    let events = batch(bench.account, &ids, "{}", b"{}", &[]);
    let keyed = batch(bench.account, &ids, "{}", b"{}", &["key"]);
    for batch in [&events, &keyed] {
        let stale = ingest(
            &mut bench.connection,
            bench.lane,
            bench.version + 1,
            batch,
            1_000_000,
        )
        .await;
        assert_eq!(stale.unwrap(), Ingested::Stale);
        let nobody = lane::LaneId(99);
        let fenced = ingest(
            &mut bench.connection,
            nobody,
            bench.version,
            batch,
            1_000_000,
        )
        .await;
        assert_eq!(fenced.unwrap(), Ingested::Fenced);
    }
    assert_eq!(bench.sql("select count(*) from event"), "0");
    assert_eq!(bench.sql("select count(*) from idempotency"), "0");
    let stored = ingest(
        &mut bench.connection,
        bench.lane,
        bench.version,
        &keyed,
        1_000_000,
    )
    .await;
    let new_keys = vec![EventId::from_uuid(ids[0])];
    assert_eq!(
        stored.unwrap(),
        Ingested::Stored {
            new_keys,
            out_of_keys: Vec::new()
        }
    );
    lane::close(&bench.database, bench.lane, Owner::Gone, false)
        .await
        .unwrap();
    let after = [Uuid::now_v7()];
    let late = batch(bench.account, &after, "{}", b"{}", &[]);
    let fenced = ingest(
        &mut bench.connection,
        bench.lane,
        bench.version,
        &late,
        1_000_000,
    )
    .await;
    assert_eq!(fenced.unwrap(), Ingested::Fenced);
    assert_eq!(bench.sql("select count(*) from event"), "1");
}

#[actix_rt::test]
async fn a_key_stands_for_one_event_whichever_connection_comes_first() {
    let mut bench = Bench::new().await;
    let mut other = bench.database.dedicated().await.unwrap();
    let target = format!("{{{}}}", bench.subscription.uuid());
    let keys = ["a", "b", "c", "d"];
    let backwards = ["d", "c", "b", "a"];
    let (mine, theirs) = (
        [0; 4].map(|_| Uuid::now_v7()),
        [0; 4].map(|_| Uuid::now_v7()),
    );
    let first = batch(bench.account, &mine, &target, b"{}", &keys);
    let second = batch(bench.account, &theirs, &target, b"{}", &backwards);
    let (first, second) = tokio::join!(
        ingest(
            &mut bench.connection,
            bench.lane,
            bench.version,
            &first,
            1_000_000
        ),
        ingest(&mut other, bench.lane, bench.version, &second, 1_000_000),
    );
    let new = |ingested| match ingested {
        Ingested::Stored { new_keys, .. } => new_keys.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(new(first.unwrap()) + new(second.unwrap()), 4);
    assert_eq!(bench.sql("select count(*) from event"), "4");
    assert_eq!(
        bench.sql("select count(*) from idempotency i join event e on e.id = i.event_id"),
        "4"
    );
    let asked = [(bench.account, "a"), (bench.account, "unknown")];
    let known = known_keys(&mut other, &asked).await.unwrap();
    assert_eq!((known.len(), known[0].deliveries), (1, 1));
}

#[actix_rt::test]
async fn a_taken_key_stores_neither_its_event_nor_its_rows() {
    let mut bench = Bench::new().await;
    let target = format!("{{{}}}", bench.subscription.uuid());
    for round in 0..2 {
        let ids = [Uuid::now_v7(), Uuid::now_v7()];
        let fresh = format!("fresh-{round}");
        let mut events = batch(bench.account, &ids, &target, b"{}", &["taken", &fresh]);
        events.spill_accounts = events.accounts.clone();
        events.spill_subscriptions = vec![bench.subscription.uuid(); 2];
        events.spill_events = ids.to_vec();
        ingest(
            &mut bench.connection,
            bench.lane,
            bench.version,
            &events,
            1_000,
        )
        .await
        .unwrap();
    }
    assert_eq!(bench.sql("select count(*) from event"), "3");
    assert_eq!(
        bench.sql("select count(*) from delivery d join event e on e.id = d.event_id"),
        "3"
    );
    assert_eq!(bench.audit().await.difference(), 0);
}

#[actix_rt::test]
async fn rows_written_at_once_are_due_in_the_order_of_their_events() {
    let mut bench = Bench::new().await;
    let mut events = bench.store(3, true).await;
    events.extend(bench.store(2, true).await);
    let ordered = bench.sql("select event_id from delivery order by due_at, event_id");
    let wanted: Vec<String> = events.iter().map(|it| it.uuid().to_string()).collect();
    assert_eq!(ordered.lines().collect::<Vec<_>>(), wanted);
    assert_eq!(
        bench.sql("select count(*) from delivery where due_at > now()"),
        "0"
    );
}

#[test]
fn every_payload_comes_back_as_it_was_stored() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let bench = std::cell::RefCell::new(runtime.block_on(Bench::new()));
    proptest!(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() }, |(payload: Vec<u8>, warning in proptest::option::of("[^\0]{0,40}"))| {
        let mut bench = bench.borrow_mut();
        let ids = [Uuid::now_v7()];
        let mut events = batch(bench.account, &ids, "{}", &payload, &[]);
        events.warnings = vec![warning.as_deref()];
        let (lane, version) = (bench.lane, bench.version);
        let stored = runtime.block_on(ingest(&mut bench.connection, lane, version, &events, 1_000));
        prop_assert!(stored.is_ok(), "{:?}", stored);
        let found = herald::store::event::find(
            &bench.database, bench.account, EventId::from_uuid(ids[0]),
        );
        let (event, kept) = runtime.block_on(found).unwrap().unwrap();
        prop_assert_eq!(kept, payload);
        prop_assert_eq!(event.warnings, warning);
    });
}
