//! Publishing: receipts, idempotency, batches, validation, and reading back what was published.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::tenant::Tenant;
use crate::support::wait_until;

#[test]
fn the_payload_is_kept_byte_for_byte() {
    let tenant = Tenant::new();
    let body = "{ \"event_type\" : \"STORE_ORDER_CREATED\", \"z\":1.0, \"a\":\"é\\u00e9\" }";
    let receipt = tenant.publisher.publish(body.as_bytes()).expect(202).json();
    assert_eq!(receipt["duplicate"], false);
    assert_eq!(receipt["deliveries"], 0);
    let path = format!("/v1/events/{}", receipt["id"].as_str().unwrap());
    let shown = String::from_utf8(tenant.viewer.get(&path).expect(200).body).unwrap();
    assert!(shown.contains(body), "{shown}");
}

#[test]
fn the_same_key_with_the_same_body_gets_the_first_answer_again() {
    let tenant = Tenant::new();
    let publish = |key: &str, body: &[u8]| tenant.publisher.publish_keyed(key, body);
    let body = br#"{"event_type":"STORE_ORDER_CREATED"}"#;
    let first = publish("order-1", body).expect(202).json();
    let again = publish("\"order-1\"", body).expect(202).json();
    assert_eq!(first["id"], again["id"]);
    assert_eq!(again["duplicate"], true);
    let other = publish("order-1", br#"{"event_type":"STORE_ORDER_UPDATED"}"#).expect(422);
    assert_eq!(other.pointers(), ["Idempotency-Key"]);
    for key in ["", "\"\"", "a b", &"k".repeat(256)] {
        publish(key, body).expect(400);
    }
    publish(&"k".repeat(255), body).expect(202);
    assert_eq!(
        tenant.viewer.get("/v1/events").json()["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_batch_commits_its_good_lines_and_tells_the_others_by_number() {
    let tenant = Tenant::new();
    let good = r#"{"event_type":"STORE_ORDER_CREATED"}"#;
    let batch = format!("{good}\r\n\n{{broken\n{{\"event_type\":\"NOBODY\"}}\n{good}");
    let key = [("idempotency-key", "batch-1")];
    let send = || {
        tenant
            .publisher
            .send("POST", "/v1/events/batch", &key, batch.as_bytes())
    };
    let first = send().expect(202).json();
    assert_eq!(first["accepted"], 2);
    let lines: Vec<&Value> = first["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["line"])
        .collect();
    assert_eq!(lines, [3, 4]);
    assert_eq!(
        send().expect(202).json()["ids"],
        first["ids"],
        "repeated, it stores nothing new"
    );
    let post = |body: &[u8]| tenant.publisher.send("POST", "/v1/events/batch", &[], body);
    post(b"\n\n").expect(422);
    post(format!("{good}\n").repeat(1_001).as_bytes()).expect(422);
    assert_eq!(
        post(format!("{good}\n").repeat(1_000).as_bytes()).json()["accepted"],
        1_000
    );
    post(&vec![b'\n'; (16 << 20) + 1]).expect(413);
}

#[test]
fn validation_warns_rejects_or_keeps_quiet_as_the_account_wants() {
    let tenant = Tenant::new();
    let wrong = br#"{"event_type":"STORE_ORDER_CREATED","data":1}"#;
    let warned = tenant.publisher.publish(wrong).expect(202).json();
    assert_eq!(warned["warnings"][0]["pointer"], "/data");
    let path = format!("/v1/events/{}", warned["id"].as_str().unwrap());
    assert_eq!(
        tenant.viewer.get(&path).json()["warnings"],
        warned["warnings"]
    );
    let set = |mode: Value| {
        let path = "/v1/event-types/STORE_ORDER_CREATED";
        tenant
            .admin
            .patch(path, &json!({ "validation": mode }))
            .expect(200);
    };
    set(json!("reject"));
    wait_until("it is rejected", || {
        tenant.publisher.publish(wrong).status == 422
    });
    assert_eq!(
        tenant.publisher.publish(wrong).expect(422).pointers(),
        ["/data"]
    );
    set(json!("off"));
    wait_until("it is not looked at", || {
        let answer = tenant.publisher.publish(wrong);
        answer.status == 202 && answer.json().get("warnings").is_none()
    });
}

#[test]
fn events_are_listed_newest_first_page_by_page() {
    let tenant = Tenant::new();
    let mut ids: Vec<String> = (0..7)
        .map(|_| tenant.publish("STORE_ORDER_CREATED"))
        .collect();
    tenant.publish("STORE_ORDER_UPDATED");
    ids.reverse();
    let page = "/v1/events?event_type=STORE_ORDER_CREATED&limit=3";
    let first = tenant.viewer.get(page).expect(200);
    let cursor = text(&first.json()["next_cursor"]);
    assert!(first.next_page().unwrap().ends_with(&cursor));
    let listed = tenant.viewer.list(page);
    let seen: Vec<String> = listed.iter().map(|event| text(&event["id"])).collect();
    assert_eq!(seen, ids);
}
