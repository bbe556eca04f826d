//! What waits for a script, and when it goes on.

use serde_json::{Value, json};

use crate::desk::{Desk, body, hash};
use crate::support::api::{order, text};
use crate::support::scripted::Scripted;
use crate::support::wait_until;

const GOOD: &str = "fn transform(event) { #{ good: true } }";

#[test]
fn a_broken_save_leaves_the_last_good_version_at_work() {
    let desk = Desk::new();
    desk.save("triggers/ORDER_CREATED.rhai", GOOD);
    desk.write(
        "triggers/ORDER_CREATED.rhai",
        "fn transform(event) {\n  #{ good: \n}",
    );
    let told = desk.plugin_in("broken", "triggers/ORDER_CREATED.rhai");
    assert_eq!(told["hash"], hash(GOOD).as_str());
    assert!(told["error"]["line"].as_u64() >= Some(2), "{told:#}");
    assert!(told["error"]["column"].is_u64(), "{told:#}");
    let target = Scripted::answering(200, "");
    let id = desk.subscribe(&target.url, &["*"]);
    let event = desk.publish_event(&order(1));
    let sent = desk.delivery_in("sent", &event, &id);
    assert_eq!(
        sent["attempts"][0]["plugins"][0]["hash"],
        hash(GOOD).as_str()
    );
    assert_eq!(body(&target.requests()[0]), json!({"good": true}));
}

#[test]
fn deliveries_wait_for_a_script_that_has_no_good_version_and_go_when_it_is_mended() {
    let desk = Desk::new();
    desk.write("triggers/ORDER_CREATED.rhai", "fn transform(event) {");
    desk.plugin_in("broken", "triggers/ORDER_CREATED.rhai");
    let target = Scripted::answering(200, "");
    let id = desk.subscribe(&target.url, &["*"]);
    let events: Vec<_> = (0..50).map(|n| desk.publish_event(&order(n))).collect();
    let held = desk.delivery_in("held", &events[0], &id);
    assert_eq!(held["attempts"], json!([]));
    assert_eq!(held["next_attempt_at"], Value::Null);
    let because = text(&held["held_because"]);
    assert!(
        because.contains("triggers/ORDER_CREATED.rhai is broken"),
        "{because}"
    );
    // Another type of the same subscription is not held up.
    let other = desk.publish_event(&json!({"event_type": "STORE_PRODUCT_UPDATED"}));
    desk.delivery_in("sent", &other, &id);
    for event in &events {
        desk.delivery_in("held", event, &id);
    }
    assert_eq!(desk.client.list("/v1/deliveries?state=held").len(), 50);
    assert_eq!(target.ids(), [other]);
    assert_eq!(desk.client.audit()["open"], 50);

    desk.save("triggers/ORDER_CREATED.rhai", GOOD);
    for event in &events {
        desk.delivery_in("sent", event, &id);
    }
    assert_eq!(target.requests().len(), 51);
    desk.client.settled();
}

#[test]
fn a_named_script_that_is_gone_holds_and_nothing_goes_unfiltered() {
    let mut desk = Desk::new();
    desk.save("named/x.rhai", GOOD);
    let target = Scripted::answering(200, "");
    let id = desk.subscribe_through("x", &target.url, &["*"]);
    desk.remove("named/x.rhai");
    let first = desk.publish_event(&order(1));
    let held = desk.delivery_in("held", &first, &id);
    let because = text(&held["held_because"]);
    assert!(
        because.contains("named/x.rhai is not in the plugins folder"),
        "{because}"
    );
    // Beyond a crash, too.
    desk.herald.kill();
    desk.herald.spawn();
    let second = desk.publish_event(&order(2));
    desk.delivery_in("held", &second, &id);
    assert_eq!(target.requests().len(), 0);
    desk.save("named/x.rhai", GOOD);
    desk.delivery_in("sent", &first, &id);
    desk.delivery_in("sent", &second, &id);

    // Or the subscription goes on without it.
    desk.remove("named/x.rhai");
    let third = desk.publish_event(&order(3));
    desk.delivery_in("held", &third, &id);
    let path = format!("/v1/subscriptions/{id}");
    desk.client
        .patch(&path, &json!({"plugin": null}))
        .expect(200);
    desk.delivery_in("sent", &third, &id);
    let bodies: Vec<_> = target.requests().iter().map(body).collect();
    assert_eq!(bodies[..2], [json!({"good": true}), json!({"good": true})]);
    assert_eq!(bodies[2], order(3));
    desk.client.settled();
}

#[test]
fn a_held_delivery_can_be_cancelled_with_its_subscription_and_resent_by_hand() {
    let desk = Desk::new();
    desk.save("named/x.rhai", GOOD);
    let target = Scripted::answering(200, "");
    let id = desk.subscribe_through("x", &target.url, &["*"]);
    desk.remove("named/x.rhai");
    let event = desk.publish_event(&order(1));
    desk.delivery_in("held", &event, &id);
    desk.client.resend(&event, &id).expect(202);
    desk.delivery_in("held", &event, &id);
    assert_eq!(target.requests().len(), 0);
    desk.client
        .delete(&format!("/v1/subscriptions/{id}"))
        .expect(204);
    wait_until("the delivery to be cancelled", || {
        let delivery = desk.client.get(&format!("/v1/deliveries/{event}/{id}"));
        delivery.status == 200 && delivery.json()["state"] == "cancelled"
    });
    desk.client.settled();
}

#[test]
fn a_folder_that_is_not_there_at_the_start_lets_nothing_pass_unfiltered() {
    let mut desk = Desk::new();
    desk.save("triggers/ORDER_CREATED.rhai", GOOD);
    wait_until("the database to know the script", || {
        desk.count("select count(*) from plugin_state") == 1
    });
    let target = Scripted::answering(200, "");
    let id = desk.subscribe(&target.url, &["*"]);
    let (folder, away) = (desk.plugins(), desk.plugins().with_extension("away"));
    desk.herald.kill();
    std::fs::rename(&folder, &away).unwrap();
    desk.herald.spawn();
    let event = desk.publish_event(&order(1));
    let held = desk.delivery_in("held", &event, &id);
    let because = text(&held["held_because"]);
    assert!(because.contains("is missing"), "{because}");
    std::fs::rename(away, folder).unwrap();
    desk.delivery_in("sent", &event, &id);
    assert_eq!(body(&target.requests()[0]), json!({"good": true}));

    // Taken away by somebody who means it, it steps aside.
    desk.remove("triggers/ORDER_CREATED.rhai");
    let event = desk.publish_event(&order(2));
    desk.delivery_in("sent", &event, &id);
    assert_eq!(body(&target.requests()[1]), order(2));
    desk.client.settled();
}

#[test]
fn what_a_script_holds_up_can_be_paused_resumed_and_dropped() {
    let desk = Desk::new();
    desk.save("named/x.rhai", GOOD);
    let target = Scripted::answering(200, "");
    let id = desk.subscribe_through("x", &target.url, &["*"]);
    desk.remove("named/x.rhai");
    let events: Vec<_> = (0..3).map(|n| desk.publish_event(&order(n))).collect();
    for event in &events {
        desk.delivery_in("held", event, &id);
    }
    desk.switch(&id, "pause");
    desk.save("named/x.rhai", GOOD);
    wait_until("the script to hold nothing up", || {
        desk.count("select count(*) from delivery where held_by is not null") == 0
    });
    for event in &events {
        desk.delivery_in("held", event, &id);
    }
    assert_eq!(target.requests().len(), 0);
    desk.client.resume(&id, "newest");
    desk.delivery_in("sent", &events[2], &id);
    for event in &events[..2] {
        desk.delivery_in("cancelled", event, &id);
    }
    assert_eq!(target.ids(), [events[2].clone()]);
    desk.client.settled();
}
