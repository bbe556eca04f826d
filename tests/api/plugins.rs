//! Plugins as the API shows them: the field of a subscription, the list, dry runs, what an
//! attempt tells of them, metrics.

use serde_json::{Value, json};

use crate::support::Herald;
use crate::support::scripted::{Scripted, answer};
use crate::support::tenant::Tenant;

/// Gives a subscription a script whose file is gone, as if it had been there.
fn name_a_lost_plugin(herald: &Herald, subscription: &str) {
    let title = format!("title = '{subscription}'");
    let path = format!("/v1/subscriptions/{subscription}");
    herald
        .patch(&path, &json!({ "title": subscription }))
        .expect(200);
    herald.sql(&format!(
        "with bumped as (update routing set version = version + 1 returning version) \
         update subscription set plugin = 'lost', version = bumped.version from bumped where {title}"
    ));
}

#[test]
fn a_plugin_that_is_not_there_is_refused_in_words() {
    let tenant = Tenant::new();
    let path = format!(
        "/v1/subscriptions/{}",
        tenant.subscribe("https://example.com/", &["*"])
    );
    for (name, words) in [
        (
            json!("nobody-has-this"),
            "no script named/nobody-has-this.rhai",
        ),
        (json!("Nobody"), "a-z"),
        (json!("../x"), "a-z"),
        (json!(""), "a-z"),
        (json!(7), "must be a string"),
    ] {
        let body = json!({ "url": "https://example.com/", "triggers": ["*"], "plugin": name });
        let made = tenant.admin.post("/v1/subscriptions", &body).expect(422);
        let changed = tenant.admin.patch(&path, &json!({ "plugin": name }));
        for answer in [made, changed.expect(422)] {
            assert_eq!(answer.pointers(), ["/plugin"]);
            assert!(answer.detail().contains(words), "{}", answer.detail());
        }
    }
}

#[test]
fn a_plugin_whose_file_is_gone_stays_until_it_is_changed_or_taken_away() {
    let herald = Herald::launch();
    let id = herald.subscribe("https://example.com/", &["*"]);
    name_a_lost_plugin(&herald, &id);
    let path = format!("/v1/subscriptions/{id}");
    assert_eq!(herald.subscription(&id)["plugin"], "lost");
    assert_eq!(
        herald.get("/v1/subscriptions").json()["data"][0]["plugin"],
        "lost"
    );
    let listed = herald.run(&["subscription", "list"]);
    assert!(listed.contains("lost"), "{listed}");
    let same = json!({ "title": "Shop", "plugin": "lost" });
    let changed = herald.patch(&path, &same).expect(200).json();
    assert_eq!(changed["plugin"], "lost");
    herald
        .patch(&path, &json!({ "plugin": "loss" }))
        .expect(422);
    herald
        .patch(&path, &json!({ "title": "Other" }))
        .expect(200);
    assert_eq!(herald.subscription(&id)["plugin"], "lost");
    let shown = herald.run(&["subscription", "edit", &id, "--no-plugin", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["plugin"], Value::Null);
    name_a_lost_plugin(&herald, &id);
    herald.run(&["subscription", "edit", &id, "--plugin", ""]);
    assert_eq!(herald.subscription(&id)["plugin"], Value::Null);
}

#[test]
fn what_a_plugin_holds_up_is_held_and_says_why() {
    let herald = Herald::launch();
    let target = Scripted::start(|_, stream| answer(stream, 500, "", b""));
    let id = herald.subscribe(&target.url, &["STORE_*"]);
    name_a_lost_plugin(&herald, &id);
    let event = herald.publish_event(&json!({ "event_type": "STORE_ORDER_CREATED" }));
    herald.switch(&id, "pause");
    herald.delivery_in("held", &event, &id);
    let paused = herald.delivery(&event, &id);
    assert_eq!(paused["held_because"], "Its subscription is paused.");
    herald.sql("update delivery set held_by = 'named/lost.rhai', due_at = '9999-12-31'");
    herald.switch(&id, "resume");
    let held = herald.delivery_in("held", &event, &id);
    assert_eq!(held["held_by"], "named/lost.rhai");
    assert_eq!(held["next_attempt_at"], Value::Null);
    let why = held["held_because"].as_str().unwrap();
    assert!(why.starts_with("The plugin named/lost.rhai is"), "{why}");
    let list = |state: &str| herald.list(&format!("/v1/deliveries?state={state}"));
    assert_eq!(list("held")[0]["held_by"], "named/lost.rhai");
    assert_eq!(list("queued").len() + list("retrying").len(), 0);
    let event = herald
        .get(&format!("/v1/events/{event}"))
        .expect(200)
        .json();
    assert_eq!(event["deliveries"][0]["state"], "held");
    assert_eq!(event["deliveries"][0]["held_by"], "named/lost.rhai");
}

#[test]
fn an_attempt_tells_which_plugins_ran_and_what_was_sent() {
    let herald = Herald::launch();
    let target = Scripted::start(|_, stream| answer(stream, 200, "", b""));
    let body = json!({ "headers": { "X-Shop": "sesame", "X-Key": "sesame" } });
    let id = herald.subscribe_with(&target.url, &["STORE_*"], &body);
    let event = herald.publish_event(&json!({ "event_type": "STORE_ORDER_CREATED" }));
    let untouched = herald.delivery_in("sent", &event, &id);
    let attempt = &untouched["attempts"][0];
    assert_eq!(attempt["request"]["body"], Value::Null);
    assert_eq!(attempt["request"]["truncated"], false);
    assert_eq!(attempt["plugins"], json!([]));
    assert_eq!(attempt["log"], json!([]));
    assert_eq!(attempt["filtered_by"], Value::Null);
    herald.sql(
        "update attempt set detail = (detail::jsonb || '{\"plugins\": [{\"name\": \
         \"named/x.rhai\", \"hash\": \"ab\", \"us\": 12, \"operations\": 40}], \"log\": [\"hello\"], \
         \"sent\": {\"body\": \"a=1\", \"truncated\": true, \"content_type\": \"text/plain\", \
         \"headers\": [\"x-key\"]}}')::text",
    );
    let shown = herald.delivery(&event, &id);
    let attempt = &shown["attempts"][0];
    let ran =
        json!([{ "name": "named/x.rhai", "hash": "ab", "microseconds": 12, "operations": 40 }]);
    assert_eq!(attempt["plugins"], ran);
    assert_eq!(attempt["log"], json!(["hello"]));
    assert_eq!(attempt["request"]["body"], "a=1");
    assert_eq!(attempt["request"]["body_encoding"], "utf-8");
    assert_eq!(attempt["request"]["truncated"], true);
    let headers = attempt["request"]["headers"].as_array().unwrap();
    let named = |name: &str| {
        headers
            .iter()
            .filter(|header| header["name"] == name)
            .count()
    };
    assert_eq!(
        headers[0],
        json!({ "name": "content-type", "value": "text/plain" })
    );
    assert_eq!((named("x-key"), named("X-Key"), named("X-Shop")), (1, 0, 1));
    assert!(!shown.to_string().contains("sesame"));
    let published = r#"{"event_type":"STORE_ORDER_CREATED"}"#;
    assert_eq!(shown["request"]["body"], published);
}

#[test]
fn a_filtered_delivery_names_the_plugin_that_said_no() {
    let herald = Herald::launch();
    let target = Scripted::start(|_, stream| answer(stream, 200, "", b""));
    let id = herald.subscribe(&target.url, &["STORE_*"]);
    let event = herald.publish_event(&json!({ "event_type": "STORE_ORDER_CREATED" }));
    herald.delivery_in("sent", &event, &id);
    herald.sql(
        "update attempt set outcome = 'filtered', status = null, \
         detail = '{\"ms\":[0,0,0,0],\"filtered_by\":\"named/x.rhai\"}'",
    );
    let words = "Filtered by the plugin named/x.rhai.";
    let shown = herald.delivery(&event, &id);
    assert_eq!(shown["state"], "filtered");
    assert_eq!(shown["last_error"], words);
    assert_eq!(shown["attempts"][0]["filtered_by"], "named/x.rhai");
    assert_eq!(shown["attempts"][0]["request"], Value::Null);
    let list = herald.list("/v1/deliveries?state=filtered");
    assert_eq!(list[0]["last_error"], words);
    let event = herald
        .get(&format!("/v1/events/{event}"))
        .expect(200)
        .json();
    assert_eq!(event["deliveries"][0]["last_error"], words);
}

#[test]
fn a_dry_run_takes_an_event_or_the_id_of_one_of_its_own() {
    let tenant = Tenant::new();
    let path = "/v1/plugins/named/nobody-has-this.rhai/dry-run";
    let event = json!({ "event_type": "STORE_ORDER_CREATED" });
    for (body, pointer) in [
        (json!({}), "/event"),
        (json!({ "event": null }), "/event"),
        (json!({ "event": [] }), "/event"),
        (json!({ "event": {} }), "/event/event_type"),
        (json!({ "event_id": "x" }), "/event_id"),
        (
            json!({ "event": event, "event_id": "evt_01h455vb4pex5vsknk084sn02q" }),
            "/event_id",
        ),
        (
            json!({ "event": event, "subscription": "x" }),
            "/subscription",
        ),
        (json!({ "event": event, "colour": "red" }), "/colour"),
    ] {
        let answer = tenant.admin.post(path, &body).expect(422);
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    let other = Tenant::new();
    let foreign = json!({ "event_id": other.publish("STORE_ORDER_CREATED") });
    tenant.admin.post(path, &foreign).expect(404);
    let subscription = other.subscribe("https://example.com/", &["*"]);
    let foreign = json!({ "event": event, "subscription": subscription });
    tenant.admin.post(path, &foreign).expect(404);
    let unnamed = tenant.daemon.operator(None);
    let own = json!({ "event_id": tenant.publish("STORE_ORDER_CREATED") });
    assert_eq!(
        unnamed.post(path, &own).expect(400).pointers(),
        ["Herald-Account"]
    );
    let missing = tenant
        .admin
        .post(path, &json!({ "event": event }))
        .expect(404);
    assert!(missing.detail().contains("named/nobody-has-this.rhai"));
    let nothing = tenant.admin.post(
        "/v1/plugins/other/x.rhai/dry-run",
        &json!({ "event": event }),
    );
    assert!(nothing.expect(404).detail().contains("names no plugin"));
    tenant
        .viewer
        .post(path, &json!({ "event": event }))
        .expect(403);
}

#[test]
fn metrics_are_told_to_everybody_in_prometheus_text() {
    let tenant = Tenant::new();
    let answer = tenant.daemon.client(None).get("/metrics").expect(200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4")
    );
    let text = String::from_utf8(answer.body.clone()).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let info = format!("herald_build_info{{version=\"{version}\"}} 1");
    let kind = "# TYPE herald_plugins gauge".to_owned();
    for line in [info, kind] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    tenant.daemon.client(None).get("/metrics?x=1").expect(400);
}
