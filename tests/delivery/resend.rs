//! Sending again because somebody asks.

use serde_json::json;
use std::thread;

use crate::support::api::order;
use crate::support::receiver::Receiver;
use crate::support::scripted::{Scripted, answer};
use crate::support::tenant::Tenant;
use crate::support::{Herald, wait_for, wait_until};

#[test]
fn what_was_sent_failed_or_held_can_be_sent_again() {
    let tenant = Tenant::new();
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let target = Scripted::start(move |_, stream| {
        let first = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        answer(stream, if first { 500 } else { 200 }, "", b"")
    });
    let more = json!({ "retry_schedule": [] });
    let id = tenant.admin.subscribe_with(&target.url, &["*"], &more);
    let event = tenant.publish("STORE_ORDER_CREATED");
    tenant.viewer.delivery_in("failed", &event, &id);
    for times in 2..=3 {
        let told = tenant.admin.resend(&event, &id).expect(202).json();
        assert_eq!(told["state"], "queued");
        let sent = wait_for("another attempt", || {
            let delivery = tenant.viewer.delivery_in("sent", &event, &id);
            let attempts = delivery["attempts"].as_array().unwrap();
            (attempts.len() == times).then(|| attempts.clone())
        });
        assert_eq!(sent[times - 1]["origin"], "resend");
        assert_eq!(sent[times - 1]["n"], times);
    }
    tenant.admin.switch(&id, "pause");
    assert_eq!(
        tenant.admin.resend(&event, &id).expect(202).json()["state"],
        "held"
    );
    tenant.viewer.delivery_in("held", &event, &id);
    let held = tenant.publish("STORE_ORDER_UPDATED");
    assert_eq!(
        tenant.admin.resend(&held, &id).expect(202).json()["state"],
        "held"
    );
    tenant.admin.switch(&id, "resume");
    for event in [&event, &held] {
        tenant.viewer.delivery_in("sent", event, &id);
    }
    let requests = target.requests();
    assert!(
        requests
            .iter()
            .all(|it| !it.headers.contains_key("webhook-test"))
    );
    assert_eq!(requests.len(), 5);
}

#[test]
fn a_first_attempt_under_way_is_not_sent_beside_itself() {
    let tenant = Tenant::new();
    let receiver = Receiver::start(&["--delay", "1000"]);
    let id = tenant.subscribe(&receiver.url, &["*"]);
    let event = tenant.publish("STORE_ORDER_CREATED");
    tenant.admin.resend(&event, &id).expect(409);
    tenant.viewer.delivery_in("sent", &event, &id);
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn a_thousand_resends_at_once_are_each_delivered_once() {
    let herald = Herald::launch();
    let receiver = Receiver::start(&[]);
    let id = herald.subscribe_with(&receiver.url, &["*"], &json!({ "max_in_flight": 32 }));
    let events = herald.publish_batch((0..1_000).map(order));
    herald.settled();
    thread::scope(|scope| {
        for part in events.chunks(63) {
            let (herald, id) = (&herald, &id);
            scope.spawn(move || {
                for event in part {
                    herald.resend(event, id).expect(202);
                }
            });
        }
    });
    let audit = herald.settled();
    assert_eq!(audit["sent"], 1_000, "the audit counts first rounds alone");
    wait_until("all to be received", || receiver.received().len() >= 2_000);
    let answered = receiver.answered();
    assert!(events.iter().all(|event| answered[event] == 2));
    assert_eq!(
        herald.count("select count(*) from attempt where origin = 'resend'"),
        1_000
    );
}

#[test]
fn sixteen_resends_of_one_delivery_begin_one_round() {
    let tenant = Tenant::new();
    let target = Scripted::answering(200, "");
    let id = tenant.subscribe(&target.url, &["*"]);
    let event = tenant.publish("STORE_ORDER_CREATED");
    tenant.viewer.delivery_in("sent", &event, &id);
    tenant.admin.switch(&id, "pause");
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| tenant.admin.resend(&event, &id).expect(202));
        }
    });
    tenant.admin.switch(&id, "resume");
    tenant.viewer.delivery_in("sent", &event, &id);
    assert_eq!(target.requests().len(), 2);
}
