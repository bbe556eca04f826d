//! The rollups, held against exact counts over the logs: after a load, after kills, with two
//! daemons, after a clean stop, and while the database goes away.

use serde_json::json;

use crate::support::api::order;
use crate::support::receiver::Receiver;
use crate::support::rollups::{differences, latency_differences};
use crate::support::{Herald, wait_until};
use crate::{alone, load};

/// Waits until the rollups are what the logs say.
fn equal(herald: &Herald) {
    let mut found = String::new();
    let begin = std::time::Instant::now();
    while begin.elapsed() < crate::support::PATIENCE {
        found = differences(&herald.database_url);
        if found.is_empty() {
            assert_eq!(latency_differences(&herald.database_url), "");
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("the rollups differ from the logs:\n{found}");
}

/// A target that fails a fifth of its deliveries, and one that is dead.
fn failing(herald: &Herald, receiver: &Receiver) {
    let soon = json!({ "retry_schedule": [1, 1] });
    herald.subscribe_with(&receiver.url, &["*"], &soon);
    let never = json!({ "retry_schedule": [] });
    herald.subscribe_with("http://127.0.0.1:9/", &["ORDER_*"], &never);
}

#[test]
fn the_rollups_are_what_a_count_over_the_logs_gives() {
    let _alone = alone();
    let receiver = Receiver::start(&["--fail", "500", "--rate", "0.2"]);
    let mut herald = Herald::launch();
    failing(&herald, &receiver);
    std::fs::create_dir_all(herald.plugins().join("named")).unwrap();
    let script = "fn filter(event) { event.payload.data.id.len() % 2 == 0 }";
    std::fs::write(herald.plugins().join("named/half.rhai"), script).unwrap();
    let known = "select count(*) from plugin_state where name = 'named/half.rhai'";
    wait_until("the script to be known", || herald.count(known) == 1);
    let half = json!({ "plugin": "half", "retry_schedule": [1, 1] });
    let filtering = herald.subscribe_with(&receiver.url, &["*"], &half);
    let dropped = herald.subscribe(&receiver.url, &["*"]);
    herald.switch(&dropped, "pause");
    for batch in 0..5 {
        herald.publish_batch((batch * 200..batch * 200 + 200).map(order));
    }
    herald
        .poke(&format!("/v1/subscriptions/{filtering}/test"))
        .expect(202);
    herald
        .delete(&format!("/v1/subscriptions/{dropped}"))
        .expect(204);
    herald.settled();
    let outcomes = herald.sql("select distinct outcome from attempt order by 1");
    let outcomes: Vec<&str> = outcomes.lines().collect();
    for outcome in ["sent", "failed", "filtered", "cancelled", "retry"] {
        assert!(outcomes.contains(&outcome), "{outcomes:?}");
    }
    assert_eq!(
        herald.count("select count(*) from attempt where origin = 'test'"),
        1
    );
    equal(&herald);
    // A clean stop writes all, and leaves nothing to be repaired.
    herald.publish_batch((0..200).map(order));
    herald.terminate();
    assert_eq!(differences(&herald.database_url), "");
    let unsettled = "select count(*) from lane where not stats_settled";
    assert_eq!(herald.count(unsettled), 0);
}

#[test]
fn after_kills_under_load_the_rollups_are_what_the_logs_say() {
    const KILLS: usize = 6;
    let _alone = alone();
    let receiver = Receiver::start(&["--fail", "500", "--rate", "0.2"]);
    let mut herald = Herald::launch();
    failing(&herald, &receiver);
    let load = load::Load::start(&herald, 8);
    let mut missed = 0;
    for _ in 0..KILLS {
        let before = load.accepted();
        wait_until("events to be accepted", || load.accepted() > before + 300);
        herald.kill();
        missed += differences(&herald.database_url).lines().count();
        herald.spawn();
    }
    load.stop();
    herald.settled();
    equal(&herald);
    assert!(missed > 0, "no kill came before the counts were written");
    println!("{KILLS} kills: {missed} rows differed before the repairs");
}

#[test]
fn the_counts_of_a_killed_daemon_are_repaired_by_the_other() {
    let _alone = alone();
    let mut herald = Herald::launch_with(&[("HERALD_LEASE_TTL_SECONDS", "5")]);
    let other = herald.launch_beside();
    let receiver = Receiver::start(&["--fail", "500", "--rate", "0.2"]);
    failing(&herald, &receiver);
    let loads = [load::Load::start(&herald, 4), load::Load::start(&other, 4)];
    wait_until("events to be accepted by both", || {
        loads.iter().all(|load| load.accepted() > 500)
    });
    herald.kill();
    for load in loads {
        load.stop();
    }
    other.settled();
    equal(&other);
    let lanes = "select count(distinct lane) from stat where grain = 60 and lane > 0";
    assert_eq!(other.count(lanes), 2);
}

#[test]
fn statements_of_unknown_outcome_are_counted_once() {
    let _alone = alone();
    let receiver = Receiver::start(&["--fail", "500", "--rate", "0.2"]);
    let herald = Herald::launch();
    failing(&herald, &receiver);
    let load = load::Load::start(&herald, 8);
    for _ in 0..10 {
        let before = load.accepted();
        wait_until("events to be accepted", || load.accepted() > before + 200);
        herald.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where application_name = 'herald' and pid <> pg_backend_pid() \
                 and datname = current_database()",
        );
    }
    load.stop();
    // The last cut may reach the first audit: who asks is told to ask again.
    wait_until("the database to answer", || {
        herald.get("/v1/audit").status == 200
    });
    herald.settled();
    equal(&herald);
}
