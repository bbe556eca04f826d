//! The scripts that come with Herald, at work in it.

use std::fs;

use serde_json::{Value, json};

use crate::desk::{Desk, body};
use crate::support::scripted::Scripted;

/// A daemon with the shipped scripts.
fn desk() -> Desk {
    let desk = Desk::new();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/named");
    for file in fs::read_dir(shipped).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        if name.ends_with(".rhai") {
            let text = fs::read_to_string(file.path()).unwrap();
            desk.save(&format!("named/{name}"), &text);
        }
    }
    desk
}

/// The example of an event type.
fn example(desk: &Desk, name: &str) -> Value {
    let shown = desk.client.get(&format!("/v1/event-types/{name}"));
    shown.expect(200).json()["example"].clone()
}

/// What the target gets when the example of a type goes through a script.
#[track_caller]
fn through(desk: &Desk, script: &str, event: &Value) -> Value {
    let target = Scripted::answering(200, "");
    let id = desk.subscribe_through(script, &target.url, &["*"]);
    let event = desk.publish_event(event);
    let delivery = desk.delivery_in("sent", &event, &id);
    desk.switch(&id, "disable");
    let body = body(&target.requests()[0]);
    let shown = &delivery["attempts"][0]["request"]["body"];
    let shown: Value = serde_json::from_str(shown.as_str().unwrap()).unwrap();
    assert_eq!(shown, body, "the log shows what was sent");
    body
}

#[test]
fn every_shipped_script_does_its_work_in_the_daemon() {
    let desk = desk();
    let order = example(&desk, "ECOMM_ORDER_CREATED");
    let slack = through(&desk, "slack-order", &order);
    assert!(
        slack["text"].is_string() && slack["blocks"].is_array(),
        "{slack:#}"
    );
    let redacted = through(&desk, "redact-personal", &order);
    assert_eq!(redacted["event_type"], order["event_type"]);
    assert_ne!(redacted, order);
    let envelope = through(&desk, "cloudevents", &order);
    assert_eq!(envelope["specversion"], "1.0", "{envelope:#}");
    let flat = through(&desk, "flatten-order", &order);
    let flat = flat.as_object().unwrap();
    assert!(!flat.values().any(Value::is_object), "{flat:#?}");
}

#[test]
fn only_paid_orders_lets_paid_ones_through_alone() {
    let desk = desk();
    let target = Scripted::answering(200, "");
    let id = desk.subscribe_through("only-paid-orders", &target.url, &["*"]);
    let mut order = example(&desk, "ECOMM_ORDER_CREATED");
    let paid = desk.publish_event(&order);
    order["data"]["payment"]["status"] = json!("REFUNDED");
    let refunded = desk.publish_event(&order);
    desk.delivery_in("filtered", &refunded, &id);
    desk.delivery_in("sent", &paid, &id);
    assert_eq!(target.ids(), [paid]);
}
