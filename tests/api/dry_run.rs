//! Running a plugin on an event without sending anything.

use serde_json::{Value, json};

use super::plugins::save;
use crate::support::Herald;
use crate::support::tenant::Tenant;

fn path(name: &str) -> String {
    format!("/v1/plugins/{name}.rhai/dry-run")
}

#[test]
fn it_takes_an_event_or_the_id_of_one_of_its_own() {
    let tenant = Tenant::new();
    let path = path("named/nobody-has-this");
    let event = json!({ "event_type": "STORE_ORDER_CREATED" });
    let id = "evt_01h455vb4pex5vsknk084sn02q";
    for (body, pointer) in [
        (json!({}), "/event"),
        (json!({ "event": null }), "/event"),
        (json!({ "event": [] }), "/event"),
        (json!({ "event": {} }), "/event/event_type"),
        (json!({ "event_id": "x" }), "/event_id"),
        (json!({ "event": event, "event_id": id }), "/event_id"),
        (
            json!({ "event": event, "subscription": "x" }),
            "/subscription",
        ),
        (json!({ "event": event, "colour": "red" }), "/colour"),
    ] {
        let answer = tenant.admin.post(&path, &body).expect(422);
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    let other = Tenant::new();
    let foreign = json!({ "event_id": other.publish("STORE_ORDER_CREATED") });
    tenant.admin.post(&path, &foreign).expect(404);
    let subscription = other.subscribe("https://example.com/", &["*"]);
    let foreign = json!({ "event": event, "subscription": subscription });
    tenant.admin.post(&path, &foreign).expect(404);
    let unnamed = tenant.daemon.operator(None);
    let own = json!({ "event_id": tenant.publish("STORE_ORDER_CREATED") });
    let answer = unnamed.post(&path, &own).expect(400);
    assert_eq!(answer.pointers(), ["Herald-Account"]);
    let given = json!({ "event": event });
    let missing = tenant.admin.post(&path, &given).expect(404);
    assert!(
        missing
            .detail()
            .contains("no plugin named/nobody-has-this.rhai")
    );
    let other = "/v1/plugins/other/x.rhai/dry-run";
    let nothing = tenant.admin.post(other, &given).expect(404);
    assert!(nothing.detail().contains("names no plugin"));
    tenant.viewer.post(&path, &given).expect(403);
}

#[test]
fn it_answers_the_decision_and_everything_that_led_to_it() {
    let herald = Herald::launch();
    let script = r#"
        fn filter(event) { log(event.subscription.title); event.payload.data.paid }
        fn transform(event) { event.payload.data }
        fn headers(event) { #{ "X-Event": event.id } }
    "#;
    let loaded = save(&herald, "named/paid", script);
    let path = path("named/paid");
    // Read into a document and written again, this number would be another one.
    let body = r#"{"event":{"event_type":"X","data":{"paid":true,"id":9007199254740993}}}"#;
    let answer = herald.send("POST", &path, &[], body.as_bytes());
    let shown = answer.expect(200).json();
    assert_eq!(shown["decision"], "deliver");
    assert_eq!(shown["changed"], true);
    let body = shown["body"].as_str().unwrap();
    assert!(body.contains("9007199254740993"), "{body}");
    assert_eq!(shown["content_type"], "application/json");
    let id = "evt_01jz0000000000000000000000";
    assert_eq!(shown["headers"], json!({ "X-Event": id }));
    assert_eq!(shown["log"], json!(["Example"]));
    assert_eq!(shown["hash"], loaded["hash"]);
    assert!(shown["operations"].as_u64().unwrap() > 0 && shown["milliseconds"].is_f64());
    assert_eq!(
        (&shown["mail"], &shown["error"]),
        (&Value::Null, &Value::Null)
    );

    let subscription = herald.subscribe("https://example.com/", &["NOTHING"]);
    let stored = json!({ "event_type": "ORDER_CREATED", "data": { "paid": false } });
    let event = herald.publish_event(&stored);
    let asked = json!({ "event_id": event, "subscription": subscription });
    let shown = herald.post(&path, &asked).expect(200).json();
    assert_eq!(shown["decision"], "filtered");
    assert_eq!(shown["body"], Value::Null);
    assert_eq!(shown["log"], json!(["A test"]));

    let shown = herald.post(&path, &json!({ "event": { "event_type": "X" } }));
    let shown = shown.expect(200).json();
    assert_eq!(shown["decision"], "failed");
    assert_eq!(shown["error"]["kind"], "error");
    assert_eq!(shown["error"]["line"], 2);
    let quoted = shown["error"]["source_line"].as_str().unwrap();
    assert!(quoted.contains("fn filter"), "{quoted}");
}

#[test]
fn a_plugin_without_a_version_that_works_is_told_with_its_fault() {
    let herald = Herald::launch();
    save(&herald, "triggers/X", "fn filter(event) { sesame +");
    let given = json!({ "event": { "event_type": "X" } });
    let told = herald
        .post(&path("triggers/X"), &given)
        .expect(409)
        .detail();
    assert!(told.contains("line 1, column"), "{told}");
    assert!(!told.contains("sesame"), "{told}");
}
