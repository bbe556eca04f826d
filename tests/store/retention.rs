//! Daily partitions: made ahead, removed in whole days, counted before.

use herald::store::{partition, retention};
use uuid::Uuid;

use crate::store::bench::Bench;

#[actix_rt::test]
async fn partitions_exist_for_three_days_ahead_and_none_is_a_default() {
    let bench = Bench::new().await;
    partition::ensure(&bench.database).await.unwrap();
    let names = bench.sql(
        "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid \
         where i.inhparent in ('event'::regclass, 'attempt'::regclass) order by 1",
    );
    let wanted = bench.sql(
        "select t || to_char((now() at time zone 'utc')::date + d, '_YYYYMMDD') \
         from unnest(array['event', 'attempt']) t, generate_series(-1, 3) d order by 1",
    );
    assert_eq!(names, wanted);
    let defaults = "select count(*) from pg_partitioned_table where partdefid <> 0";
    assert_eq!(bench.sql(defaults), "0");
    // An event of a day without a partition is refused rather than put anywhere.
    let day = chrono::Utc::now().date_naive() + chrono::Days::new(9);
    let far = partition::lowest_id(day);
    let ids = [far];
    let batch = crate::store::bench::batch(bench.account, &ids, "{}", b"{}", &[]);
    let mut connection = bench.database.dedicated().await.unwrap();
    let refused = herald::store::ingest::ingest(
        &mut connection,
        bench.lane,
        bench.version,
        &batch,
        1_000_000,
    )
    .await;
    println!("{refused:?}");
    assert!(refused.is_err());
}

#[actix_rt::test]
async fn two_that_make_partitions_at_once_do_not_disturb_each_other() {
    let bench = Bench::new().await;
    for table in ["event", "attempt"] {
        bench.sql(&format!(
            "do $$ declare name text; begin \
                 for name in select inhrelid::regclass from pg_inherits \
                     where inhparent = '{table}'::regclass loop \
                     execute 'drop table ' || name; end loop; end $$"
        ));
    }
    let (one, other) = tokio::join!(
        partition::ensure(&bench.database),
        partition::ensure(&bench.database)
    );
    one.unwrap();
    other.unwrap();
    assert_eq!(
        bench.sql("select count(*) from pg_inherits where inhparent = 'event'::regclass"),
        "5"
    );
}

#[actix_rt::test]
async fn an_old_day_is_counted_and_removed_with_its_open_deliveries_and_the_audit_stays_clean() {
    let mut bench = Bench::new().await;
    let kept = bench.store(2, true).await;
    let today = chrono::Utc::now().date_naive();
    let days = [40_u64, 31].map(|ago| today - chrono::Days::new(ago));
    for day in days {
        let (from, to) = (
            partition::lowest_id(day),
            partition::lowest_id(day + chrono::Days::new(1)),
        );
        let name = day.format("%Y%m%d");
        for table in ["event", "attempt"] {
            bench.sql(&format!(
                "create table {table}_{name} partition of {table} for values from ('{from}') to ('{to}')"
            ));
        }
        // Three events: one sent, one open, one for nobody; and a test, which counts nowhere.
        for place in 1..=4_u128 {
            let id = Uuid::from_u128(from.as_u128() + place);
            let (account, subscription) = (bench.account.uuid(), bench.subscription.uuid());
            let target = if place == 3 {
                String::new()
            } else {
                subscription.to_string()
            };
            bench.sql(&format!(
                "insert into event (account_id, id, lane, test, type, targets, payload) \
                 values ('{account}', '{id}', 0, {}, 'A', '{{{target}}}', '')",
                place == 4
            ));
            if place == 1 {
                bench.sql(&format!(
                    "insert into attempt (account_id, subscription_id, event_id, n, duration_ms, \
                         outcome, origin) \
                     values ('{account}', '{subscription}', '{id}', 1, 1, 'sent', 'first')"
                ));
            }
            if place == 2 {
                bench.sql(&format!(
                    "insert into delivery (account_id, subscription_id, event_id, due_at, n, \
                         base, failures, origin) \
                     values ('{account}', '{subscription}', '{id}', now(), 0, 0, 0, 'first')"
                ));
            }
        }
    }
    let before = bench.audit().await;
    assert_eq!(
        (before.accepted, before.open, before.difference()),
        (8, 4, 0)
    );
    let retired = retention::retire(&bench.database, 30).await.unwrap();
    assert_eq!(retired.iter().map(|it| it.day).collect::<Vec<_>>(), days);
    for day in &retired {
        assert_eq!((day.events, day.targets, day.open_deliveries), (3, 2, 1));
    }
    assert_eq!(retention::retire(&bench.database, 30).await.unwrap(), []);
    let after = bench.audit().await;
    assert_eq!((after.accepted, after.open, after.difference()), (2, 2, 0));
    assert_eq!(after.retired_events, 6);
    assert_eq!((after.retired_targets, after.retired_open), (4, 2));
    for event in kept {
        assert!(!bench.row(event).is_empty());
    }
}
