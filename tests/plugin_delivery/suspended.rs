//! Scripts that fail too much.

use serde_json::json;

use crate::desk::Desk;
use crate::support::api::{order, text};
use crate::support::scripted::Scripted;

const THROWS: &str = r#"fn filter(event) { throw "no mood" }"#;
const GOOD: &str = "fn filter(event) { true }";

/// Publishes so many orders and answers their ids.
fn orders(desk: &Desk, number: u64) -> Vec<String> {
    desk.client.publish_batch((0..number).map(order))
}

#[test]
fn a_script_that_fails_too_often_is_suspended_until_its_file_changes() {
    let mut desk = Desk::new();
    desk.save("triggers/ORDER_CREATED.rhai", THROWS);
    let target = Scripted::answering(200, "");
    let more = json!({"retry_schedule": [1, 1, 1, 1, 1, 1, 1, 1]});
    let id = desk.client.subscribe_with(&target.url, &["*"], &more);
    let mut events = orders(&desk, 60);
    let told = desk.plugin_in("suspended", "triggers/ORDER_CREATED.rhai");
    let reason = text(&told["suspended_reason"]);
    assert!(reason.contains("failed"), "{reason}");
    assert!(told["failures"].as_u64() >= Some(20), "{told:#}");
    for event in &events {
        desk.delivery_in("held", event, &id);
    }
    let calls = desk.plugin("triggers/ORDER_CREATED.rhai").unwrap()["calls"].clone();
    events.extend(orders(&desk, 5));
    let other = desk.publish_event(&json!({"event_type": "STORE_PRODUCT_UPDATED"}));
    desk.delivery_in("sent", &other, &id);
    desk.delivery_in("held", &events[64], &id);
    let again = desk.plugin("triggers/ORDER_CREATED.rhai").unwrap();
    assert_eq!(again["calls"], calls, "a suspended script is not run");

    // A restart does not give it another chance, nor does another daemon.
    desk.herald.kill();
    desk.herald.spawn();
    desk.plugin_in("suspended", "triggers/ORDER_CREATED.rhai");
    events.extend(orders(&desk, 5));
    desk.delivery_in("held", &events[69], &id);
    let told = desk.plugin("triggers/ORDER_CREATED.rhai").unwrap();
    assert_eq!(told["calls"], 0, "{told:#}");

    desk.save("triggers/ORDER_CREATED.rhai", GOOD);
    for event in &events {
        desk.delivery_in("sent", event, &id);
    }
    let audit = desk.client.settled();
    assert_eq!(audit["sent"], 71, "{audit:#}");
    assert_eq!(target.requests().len(), 71);
    let told = desk.client.list("/v1/activities?group=Herald");
    let told: Vec<_> = told
        .iter()
        .rev()
        .filter(|it| it["subject"] == "triggers/ORDER_CREATED.rhai")
        .map(|it| text(&it["activity"]))
        .collect();
    assert_eq!(
        told,
        ["Plugin Loaded", "Plugin Suspended", "Plugin Recovered"]
    );
    assert_eq!(
        desk.count("select count(*) from plugin_state where suspended_at is not null"),
        0
    );
}

#[test]
fn a_script_that_fails_now_and_then_goes_on() {
    let desk = Desk::new();
    desk.save(
        "named/x.rhai",
        r#"fn filter(event) { if event.payload.data.id.parse_int() % 5 == 0 { throw "five" } true }"#,
    );
    let target = Scripted::answering(200, "");
    let id = desk.client.subscribe_with(
        &target.url,
        &["*"],
        &json!({"plugin": "x", "retry_schedule": [600]}),
    );
    let events = orders(&desk, 200);
    for (n, event) in events.iter().enumerate() {
        let state = if n % 5 == 0 { "retrying" } else { "sent" };
        desk.delivery_in(state, event, &id);
    }
    let told = desk.plugin("named/x.rhai").unwrap();
    assert_eq!(told["state"], "ok", "{told:#}");
    assert_eq!(
        (&told["calls"], &told["failures"]),
        (&json!(200), &json!(40))
    );
}

#[test]
fn a_daemon_obeys_what_another_one_found_out() {
    let desk = Desk::new();
    let other = Desk {
        herald: desk.launch_beside(),
    };
    for folder in ["triggers", "named"] {
        std::fs::create_dir_all(other.plugins().join(folder)).unwrap();
    }
    desk.save("triggers/ORDER_CREATED.rhai", THROWS);
    other.save("triggers/ORDER_CREATED.rhai", THROWS);
    let target = Scripted::answering(200, "");
    let id = desk.subscribe(&target.url, &["*"]);
    orders(&desk, 60);
    desk.plugin_in("suspended", "triggers/ORDER_CREATED.rhai");
    let told = other.plugin_in("suspended", "triggers/ORDER_CREATED.rhai");
    assert!(
        text(&told["suspended_reason"]).contains("failed"),
        "{told:#}"
    );
    let event = other.publish_event(&order(99));
    other.delivery_in("held", &event, &id);
}

#[test]
fn no_word_that_a_script_throws_keeps_the_others_from_being_looked_after() {
    let desk = Desk::new();
    desk.save(
        "named/x.rhai",
        r#"fn filter(event) { throw "bad: " + event.payload.data.id }"#,
    );
    let target = Scripted::answering(200, "");
    let id = desk.subscribe_through("x", &target.url, &["*"]);
    let nul = json!({"event_type": "ORDER_CREATED", "data": {"id": "\u{0}\u{1b}[2J"}});
    let events: Vec<_> = (0..30).map(|_| desk.publish_event(&nul)).collect();
    let told = desk.plugin_in("suspended", "named/x.rhai");
    let reason = text(&told["suspended_reason"]);
    assert!(
        !reason.contains("bad:"),
        "another account may read it: {reason}"
    );
    desk.write("named/y.rhai", "\0\0\0\0");
    desk.plugin_in("broken", "named/y.rhai");
    known(&desk, 2);
    desk.save("named/x.rhai", GOOD);
    for event in &events {
        desk.delivery_in("sent", event, &id);
    }
    desk.client.settled();
}

/// Waits until the database knows so many scripts.
fn known(desk: &Desk, scripts: i64) {
    crate::support::wait_until("the database to know the scripts", || {
        desk.count("select count(*) from plugin_state") == scripts
    });
}
