//! The delivery log: states, filters, one delivery with its attempts, sending again, tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::json;

use crate::support::scripted::{Scripted, answer};
use crate::support::tenant::Tenant;
use crate::support::wait_until;

/// A target that answers every request with a status that can be changed.
fn receiver(status: u16) -> (String, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(status));
    let current = Arc::clone(&status);
    let target = Scripted::start(move |_, stream| {
        let status = current.load(Ordering::Relaxed);
        answer(stream, status, "set-cookie: a=secret\r\n", b"body")
    });
    (target.url, status)
}

fn ids(tenant: &Tenant, query: &str) -> Vec<String> {
    let page = tenant
        .viewer
        .get(&format!("/v1/deliveries?{query}"))
        .expect(200)
        .json();
    let data = page["data"].as_array().unwrap();
    data.iter()
        .map(|one| one["event_id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_delivery_shows_every_attempt_and_no_secret() {
    let tenant = Tenant::new();
    let (url, answer) = receiver(500);
    let body = json!({
        "url": url, "triggers": ["STORE_*"], "retry_schedule": [600], "headers": {"X-Key": "sesame"},
    });
    let made = tenant
        .admin
        .post("/v1/subscriptions", &body)
        .expect(201)
        .json();
    let id = made["id"].as_str().unwrap();
    let event = tenant.publish("STORE_ORDER_CREATED");
    tenant.viewer.delivery_in("retrying", &event, id);
    answer.store(200, Ordering::Relaxed);
    let path = format!("/v1/deliveries/{event}/{id}");
    let resent = tenant.admin.poke(&format!("{path}/resend")).expect(202);
    assert_eq!(resent.json()["state"], "retrying");
    tenant.viewer.delivery_in("sent", &event, id);
    let answer = tenant.viewer.get(&path).expect(200);
    let shown = answer.json();
    let attempts = shown["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[0]["outcome"], "retry");
    assert_eq!(attempts[0]["response"]["status"], 500);
    assert_eq!(attempts[0]["response"]["body"], "body");
    assert!(attempts[0]["error"].as_str().unwrap().contains("500"));
    assert_eq!(attempts[1]["outcome"], "sent");
    assert_eq!(
        shown["request"]["body"],
        r#"{"event_type":"STORE_ORDER_CREATED"}"#
    );
    assert_eq!(shown["request"]["body_encoding"], "utf-8");
    let text = String::from_utf8(answer.body).unwrap();
    assert!(!text.contains("sesame") && !text.contains("a=secret") && !text.contains("v1,"));
}

#[test]
fn what_was_sent_can_be_sent_again() {
    let tenant = Tenant::new();
    let (url, _) = receiver(200);
    let id = tenant.subscribe(&url, &["STORE_*"]);
    let event = tenant.publish("STORE_ORDER_CREATED");
    tenant.viewer.delivery_in("sent", &event, &id);
    let path = format!("/v1/deliveries/{event}/{id}");
    tenant.admin.poke(&format!("{path}/resend")).expect(202);
    wait_until("it is sent again", || {
        let shown = tenant.viewer.get(&path).expect(200).json();
        shown["attempts"].as_array().unwrap().len() == 2 && shown["state"] == "sent"
    });
    assert_eq!(
        tenant.viewer.get(&path).json()["attempts"][1]["origin"],
        "resend"
    );
    let stranger = tenant.subscribe(&url, &["NOTHING"]);
    let resend = format!("/v1/deliveries/{event}/{stranger}/resend");
    tenant.admin.poke(&resend).expect(404);
}

#[test]
fn every_filter_of_the_list_finds_what_it_names() {
    let tenant = Tenant::new();
    let (good, _) = receiver(200);
    let (bad, _) = receiver(500);
    let sent = tenant.subscribe(&good, &["STORE_ORDER_CREATED"]);
    let body = json!({ "url": bad, "triggers": ["STORE_ORDER_UPDATED"], "retry_schedule": [] });
    let made = tenant
        .admin
        .post("/v1/subscriptions", &body)
        .expect(201)
        .json();
    let failed = made["id"].as_str().unwrap();
    let held = tenant.subscribe(&good, &["STORE_ORDER_*"]);
    tenant
        .admin
        .poke(&format!("/v1/subscriptions/{held}/pause"))
        .expect(200);
    let created = tenant.publish("STORE_ORDER_CREATED");
    let updated = tenant.publish("STORE_ORDER_UPDATED");
    tenant.viewer.delivery_in("sent", &created, &sent);
    tenant.viewer.delivery_in("failed", &updated, failed);
    tenant.viewer.delivery_in("held", &updated, &held);
    assert_eq!(ids(&tenant, "").len(), 4);
    assert_eq!(ids(&tenant, "state=sent"), [created.as_str()]);
    assert_eq!(ids(&tenant, "state=failed"), [updated.as_str()]);
    assert_eq!(
        ids(&tenant, "state=held"),
        [updated.as_str(), created.as_str()]
    );
    assert_eq!(ids(&tenant, "state=queued").len(), 0);
    assert_eq!(ids(&tenant, "event_type=STORE_ORDER_CREATED").len(), 2);
    assert_eq!(
        ids(&tenant, "event_type=STORE_ORDER_CREATED&state=held"),
        [created.as_str()]
    );
    assert_eq!(
        ids(&tenant, &format!("subscription={held}")),
        [updated.as_str(), created.as_str()]
    );
    let typed = format!("subscription={held}&event_type=STORE_ORDER_UPDATED");
    assert_eq!(ids(&tenant, &typed), [updated.as_str()]);
    assert_eq!(
        ids(&tenant, &format!("subscription={failed}&state=failed")),
        [updated.as_str()]
    );
    assert_eq!(ids(&tenant, "to=2020-01-01").len(), 0);
    assert_eq!(ids(&tenant, "from=2020-01-01").len(), 4);
    assert_eq!(tenant.viewer.list("/v1/deliveries?limit=1").len(), 4);
}

#[test]
fn held_deliveries_are_delivered_dropped_or_the_newest_alone() {
    let tenant = Tenant::new();
    let (url, _) = receiver(200);
    for (choice, old, new) in [
        ("deliver", "sent", "sent"),
        ("drop", "cancelled", "cancelled"),
        ("newest", "cancelled", "sent"),
    ] {
        let id = tenant.subscribe(&url, &["STORE_*"]);
        let path = format!("/v1/subscriptions/{id}");
        tenant.admin.poke(&format!("{path}/pause")).expect(200);
        let first = tenant.publish("STORE_ORDER_CREATED");
        let second = tenant.publish("STORE_ORDER_CREATED");
        for event in [&first, &second] {
            tenant.viewer.delivery_in("held", event, &id);
        }
        tenant
            .admin
            .post(&format!("{path}/resume"), &json!({ "held": choice }))
            .expect(200);
        tenant.viewer.delivery_in(old, &first, &id);
        tenant.viewer.delivery_in(new, &second, &id);
        tenant.admin.delete(&path).expect(204);
    }
}

#[test]
fn a_test_sends_an_example_to_one_subscription_alone() {
    let tenant = Tenant::new();
    let (url, _) = receiver(200);
    let id = tenant.subscribe(&url, &["STORE_ORDER_UPDATED"]);
    tenant.subscribe(&url, &["*"]);
    let test = format!("/v1/subscriptions/{id}/test");
    let begun = tenant.admin.poke(&test).expect(202).json();
    assert_eq!(begun["event_type"], "STORE_ORDER_UPDATED");
    let event = begun["event_id"].as_str().unwrap();
    tenant.viewer.delivery_in("sent", event, &id);
    let shown = tenant
        .viewer
        .get(&format!("/v1/events/{event}"))
        .expect(200)
        .json();
    assert_eq!(shown["test"], true);
    assert_eq!(shown["deliveries"].as_array().unwrap().len(), 1);
    tenant
        .admin
        .post(&test, &json!({ "event_type": "NOBODY" }))
        .expect(422);
}
