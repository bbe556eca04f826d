//! The delivery log: states, filters, one delivery with its attempts, sending again, tests.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::json;

use crate::daemon::Tenant;

/// A receiver that answers every request with a status that can be changed.
fn receiver(status: u16) -> (String, Arc<AtomicU16>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let answer = Arc::new(AtomicU16::new(status));
    let current = Arc::clone(&answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut bytes = Vec::new();
            let mut piece = [0; 4_096];
            while let Ok(read @ 1..) = stream.read(&mut piece) {
                bytes.extend_from_slice(&piece[..read]);
                // Every request here ends with the end of its JSON object.
                if bytes.ends_with(b"}") {
                    break;
                }
            }
            let status = current.load(Ordering::Relaxed);
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\nset-cookie: a=secret\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody"
            );
        }
    });
    (url, answer)
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
    tenant.wait_for_state(&event, id, "retrying");
    answer.store(200, Ordering::Relaxed);
    let path = format!("/v1/deliveries/{event}/{id}");
    let resent = tenant
        .admin
        .send("POST", &format!("{path}/resend"), &[], b"")
        .expect(202);
    assert_eq!(resent.json()["state"], "retrying");
    tenant.wait_for_state(&event, id, "sent");
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
    tenant.wait_for_state(&event, &id, "sent");
    let path = format!("/v1/deliveries/{event}/{id}");
    tenant
        .admin
        .send("POST", &format!("{path}/resend"), &[], b"")
        .expect(202);
    crate::daemon::wait_until("it is sent again", || {
        let shown = tenant.viewer.get(&path).expect(200).json();
        shown["attempts"].as_array().unwrap().len() == 2 && shown["state"] == "sent"
    });
    assert_eq!(
        tenant.viewer.get(&path).json()["attempts"][1]["origin"],
        "resend"
    );
    let stranger = tenant.subscribe(&url, &["NOTHING"]);
    let resend = format!("/v1/deliveries/{event}/{stranger}/resend");
    tenant.admin.send("POST", &resend, &[], b"").expect(404);
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
        .send("POST", &format!("/v1/subscriptions/{held}/pause"), &[], b"")
        .expect(200);
    let created = tenant.publish("STORE_ORDER_CREATED");
    let updated = tenant.publish("STORE_ORDER_UPDATED");
    tenant.wait_for_state(&created, &sent, "sent");
    tenant.wait_for_state(&updated, failed, "failed");
    tenant.wait_for_state(&updated, &held, "held");
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
    let mut seen = 0;
    let mut path = "/v1/deliveries?limit=1".to_owned();
    loop {
        let answer = tenant.viewer.get(&path).expect(200);
        seen += answer.json()["data"].as_array().unwrap().len();
        match answer.header("link") {
            Some(link) => path = link.split(['<', '>']).nth(1).unwrap().to_owned(),
            None => break assert_eq!(seen, 4),
        }
    }
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
        tenant
            .admin
            .send("POST", &format!("{path}/pause"), &[], b"")
            .expect(200);
        let first = tenant.publish("STORE_ORDER_CREATED");
        let second = tenant.publish("STORE_ORDER_CREATED");
        for event in [&first, &second] {
            tenant.wait_for_state(event, &id, "held");
        }
        tenant
            .admin
            .post(&format!("{path}/resume"), &json!({ "held": choice }))
            .expect(200);
        tenant.wait_for_state(&first, &id, old);
        tenant.wait_for_state(&second, &id, new);
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
    let begun = tenant
        .admin
        .send("POST", &test, &[], b"")
        .expect(202)
        .json();
    assert_eq!(begun["event_type"], "STORE_ORDER_UPDATED");
    let event = begun["event_id"].as_str().unwrap();
    tenant.wait_for_state(event, &id, "sent");
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
