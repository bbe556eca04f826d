//! Scripts that take too long.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::desk::Desk;
use crate::support::api::order;
use crate::support::scripted::Scripted;
use crate::support::wait_until;

#[test]
fn an_endless_script_is_set_apart_then_suspended_and_the_others_go_on() {
    let desk = Desk::new();
    desk.save("named/loop.rhai", "fn filter(event) { loop { } }");
    let (good, bad) = (Scripted::answering(200, ""), Scripted::answering(200, ""));
    let fine = desk.subscribe(&good.url, &["*"]);
    let endless = desk.subscribe_through("loop", &bad.url, &["*"]);
    let begin = Instant::now();
    let mut events = Vec::new();
    while desk.plugin("named/loop.rhai").unwrap()["state"] != "suspended" {
        events.push(desk.publish_event(&order(events.len() as u64)));
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "it should be suspended"
        );
    }
    let told = desk.plugin("named/loop.rhai").unwrap();
    assert!(told["apart_since"].is_string(), "{told:#}");
    println!(
        "endless script: suspended after {:?}, {} runs",
        begin.elapsed(),
        told["calls"]
    );
    for event in &events {
        desk.delivery_in("sent", event, &fine);
        desk.delivery_in("held", event, &endless);
    }
    assert_eq!(bad.requests().len(), 0);
    desk.save("named/loop.rhai", "fn filter(event) { true }");
    for event in &events {
        desk.delivery_in("sent", event, &endless);
    }
    assert_eq!(bad.requests().len(), events.len());
    desk.client.settled();
}

#[test]
fn a_slow_script_that_works_runs_apart_and_its_deliveries_arrive() {
    let desk = Desk::with(&[
        ("HERALD_PLUGIN_DEADLINE_MS", "1000"),
        ("HERALD_PLUGIN_OPERATIONS", "1000000000"),
    ]);
    // Longer than a tenth of the deadline, shorter than the deadline.
    desk.save(
        "named/slow.rhai",
        "fn transform(event) { let n = 0; while n < 700000 { n += 1 } #{ n: n } }",
    );
    let target = Scripted::answering(200, "");
    let id = desk.subscribe_through("slow", &target.url, &["*"]);
    let events = desk.client.publish_batch((0..8).map(order));
    wait_until("it to be set apart", || {
        desk.plugin("named/slow.rhai").unwrap()["apart_since"].is_string()
    });
    for event in &events {
        desk.delivery_in("sent", event, &id);
    }
    let told = desk.plugin("named/slow.rhai").unwrap();
    assert_eq!(told["failures"], json!(0), "{told:#}");
    assert_eq!(target.requests().len(), 8);
    desk.client.settled();
}

#[test]
fn a_slow_script_keeps_neither_a_new_one_nor_its_own_subscription_s_other_events_waiting() {
    let desk = Desk::with(&[
        ("HERALD_PLUGIN_DEADLINE_MS", "1000"),
        ("HERALD_PLUGIN_OPERATIONS", "1000000000"),
    ]);
    desk.save(
        "triggers/ORDER_CREATED.rhai",
        "fn transform(event) { let n = 0; while n < 700000 { n += 1 } #{ n: n } }",
    );
    let target = Scripted::answering(200, "");
    let id = desk.subscribe(&target.url, &["*"]);
    // More than it can do in a minute.
    desk.client.publish_batch((0..400).map(order));
    wait_until("it to be set apart", || {
        desk.plugin("triggers/ORDER_CREATED.rhai").unwrap()["apart_since"].is_string()
    });
    desk.save("named/new.rhai", "fn transform(event) { #{ fresh: true } }");
    let new = desk.subscribe_through("new", &target.url, &["STORE_*"]);
    let begin = Instant::now();
    let event = desk.publish_event(&json!({"event_type": "STORE_PRODUCT_UPDATED"}));
    desk.delivery_in("sent", &event, &new);
    let of_new = begin.elapsed();
    desk.delivery_in("sent", &event, &id);
    println!(
        "beside a slow script with a backlog: a new script's delivery after {of_new:?}, another \
         type's of the same subscription after {:?}",
        begin.elapsed()
    );
    let audit = desk.client.audit();
    assert!(
        audit["open"].as_u64() > Some(0),
        "the backlog is still there: {audit:#}"
    );
    desk.switch(&id, "pause");
    desk.client.resume(&id, "drop");
    desk.client.settled();
}
