//! Pausing, resuming, disabling and deleting: what is held, in which order it comes, what is
//! given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::support::api::order;
use crate::support::receiver::Receiver;
use crate::support::scripted::{Scripted, answer};
use crate::support::tenant::Tenant;
use crate::support::{Herald, wait_until};

/// A target that answers only while its gate is open.
fn gated() -> (Scripted, Arc<AtomicBool>) {
    let gate = Arc::new(AtomicBool::new(false));
    let open = Arc::clone(&gate);
    let target = Scripted::start(move |_, stream| {
        wait_until("the gate to open", || open.load(Ordering::Relaxed));
        answer(stream, 200, "", b"")
    });
    (target, gate)
}

fn one_by_one() -> serde_json::Value {
    json!({ "max_in_flight": 1 })
}

#[test]
fn held_deliveries_come_in_the_order_of_their_events_when_resumed() {
    let tenant = Tenant::new();
    let target = Scripted::answering(200, "");
    let id = tenant
        .admin
        .subscribe_with(&target.url, &["*"], &one_by_one());
    tenant.admin.switch(&id, "pause");
    let mut events: Vec<String> = (0..20)
        .map(|n| tenant.admin.publish_event(&order(n)))
        .collect();
    events.extend(tenant.admin.publish_batch((0..600).map(order)));
    tenant.viewer.delivery_in("held", &events[0], &id);
    tenant.admin.resume(&id, "deliver");
    wait_until("all to come", || target.requests().len() == events.len());
    assert!(target.ids() == events, "they came in another order");
}

#[test]
fn what_waits_in_memory_is_held_by_a_pause_and_comes_in_order_when_resumed() {
    let tenant = Tenant::new();
    let (target, gate) = gated();
    let id = tenant
        .admin
        .subscribe_with(&target.url, &["*"], &one_by_one());
    let mut events = tenant.admin.publish_batch((0..200).map(order));
    wait_until("the first to come", || !target.requests().is_empty());
    tenant.admin.switch(&id, "pause");
    events.extend((0..50).map(|n| tenant.admin.publish_event(&order(n))));
    for event in &events[1..] {
        tenant.viewer.delivery_in("held", event, &id);
    }
    gate.store(true, Ordering::Relaxed);
    tenant.viewer.delivery_in("sent", &events[0], &id);
    assert_eq!(
        target.requests().len(),
        1,
        "a paused subscription delivers nothing"
    );
    tenant.admin.resume(&id, "deliver");
    wait_until("all to come", || target.requests().len() >= events.len());
    assert!(target.ids() == events, "they came in another order");
}

#[test]
fn pausing_while_events_wait_in_memory_loses_nothing() {
    let herald = Herald::launch();
    let receiver = Receiver::start(&["--delay", "20"]);
    let id = herald.subscribe(&receiver.url, &["*"]);
    let mut events = Vec::new();
    for _ in 0..4 {
        events.extend(herald.publish_batch((0..300).map(order)));
        herald.switch(&id, "pause");
        events.extend(herald.publish_batch((0..20).map(order)));
        herald.switch(&id, "resume");
    }
    let audit = herald.settled();
    assert_eq!(audit["sent"], events.len());
    let answered = receiver.answered();
    for event in &events {
        assert_eq!(answered.get(event), Some(&1), "{event}");
    }
}

#[test]
fn resuming_drops_what_was_held_or_keeps_the_newest_alone() {
    let tenant = Tenant::new();
    for (choice, kept) in [("drop", 0), ("newest", 1)] {
        let target = Scripted::answering(200, "");
        let id = tenant.subscribe(&target.url, &["*"]);
        tenant.admin.switch(&id, "pause");
        let events = tenant.admin.publish_batch((0..30).map(order));
        tenant.viewer.delivery_in("held", &events[0], &id);
        tenant.admin.resume(&id, choice);
        for event in &events[..events.len() - kept] {
            tenant.viewer.delivery_in("cancelled", event, &id);
        }
        let later = tenant.admin.publish_event(&order(99));
        tenant.viewer.delivery_in("sent", &later, &id);
        let newest = events.last().filter(|_| kept == 1);
        if let Some(newest) = newest {
            tenant.viewer.delivery_in("sent", newest, &id);
        }
        assert_eq!(
            target.requests().len(),
            kept + 1,
            "{choice}: {:?}",
            target.ids()
        );
        tenant.admin.switch(&id, "disable");
    }
}

#[test]
fn a_disabled_subscription_matches_nothing_new_and_keeps_what_it_held() {
    let tenant = Tenant::new();
    let target = Scripted::answering(200, "");
    let id = tenant.subscribe(&target.url, &["*"]);
    tenant.admin.switch(&id, "pause");
    let held = tenant.publish("STORE_ORDER_CREATED");
    tenant.admin.switch(&id, "disable");
    let answer = tenant
        .publisher
        .publish(br#"{"event_type":"STORE_ORDER_CREATED"}"#);
    let answer = answer.expect(202).json();
    assert_eq!(answer["deliveries"], 0);
    let path = format!("/v1/deliveries/{}/{id}", answer["id"].as_str().unwrap());
    tenant.viewer.get(&path).expect(404);
    tenant.viewer.delivery_in("held", &held, &id);
    assert_eq!(target.requests().len(), 0);
    tenant.admin.switch(&id, "enable");
    tenant.viewer.delivery_in("sent", &held, &id);
    assert_eq!(target.ids(), [held]);
}

#[test]
fn deleting_cancels_what_is_held_what_waits_in_memory_and_what_is_retried() {
    let herald = Herald::launch();
    let (target, gate) = gated();
    let failing = Scripted::answering(500, "");
    let waiting = herald.subscribe_with(&target.url, &["*"], &one_by_one());
    let retried = herald.subscribe(&failing.url, &["*"]);
    let paused = herald.subscribe(&target.url, &["*"]);
    herald.switch(&paused, "pause");
    let events = herald.publish_batch((0..100).map(order));
    wait_until("one to be under way", || !target.requests().is_empty());
    herald.delivery_in("retrying", &events[99], &retried);
    for id in [&waiting, &retried, &paused] {
        herald
            .delete(&format!("/v1/subscriptions/{id}"))
            .expect(204);
    }
    gate.store(true, Ordering::Relaxed);
    let audit = herald.settled();
    let came = target.requests().len();
    assert_eq!(audit["targets"], 300);
    assert_eq!(
        audit["cancelled"].as_u64().unwrap() + audit["sent"].as_u64().unwrap(),
        300
    );
    // The one under way ended well, whatever became of its subscription.
    assert!((1..=2).contains(&came), "{came} came");
    herald.delivery_in("cancelled", &events[50], &waiting);
    herald.delivery_in("cancelled", &events[0], &paused);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(
        target.requests().len(),
        came,
        "nothing comes after the deletion"
    );
}
