//! Plugins as the API shows them: the field of a subscription, the list, what deliveries and
//! attempts tell of them, metrics.

use std::fs;

use serde_json::{Value, json};

use crate::support::scripted::{Scripted, answer};
use crate::support::tenant::Tenant;
use crate::support::{Herald, wait_for};

/// Saves a script (`named/x`) and waits until the daemon has judged it; answers what it tells.
#[track_caller]
pub(crate) fn save(herald: &Herald, name: &str, text: &str) -> Value {
    let file = herald.plugins().join(format!("{name}.rhai"));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let before = listed(herald, name);
    fs::write(&file, text).unwrap();
    wait_for(&format!("{name} to be read"), || {
        listed(herald, name).filter(|now| before.as_ref() != Some(now))
    })
}

/// Removes a script and waits until the daemon knows.
fn lose(herald: &Herald, name: &str) {
    fs::remove_file(herald.plugins().join(format!("{name}.rhai"))).unwrap();
    wait_for(&format!("{name} to be gone"), || {
        listed(herald, name).is_none().then_some(())
    });
}

fn listed(herald: &Herald, name: &str) -> Option<Value> {
    let name = format!("{name}.rhai");
    let mut all = herald.list("/v1/plugins?limit=200").into_iter();
    all.find(|plugin| plugin["name"] == name)
}

/// A target that takes everything.
fn receiver() -> Scripted {
    Scripted::start(|_, stream| answer(stream, 200, "", b""))
}

fn publish(herald: &Herald) -> String {
    herald.publish_event(&json!({ "event_type": "STORE_ORDER_CREATED" }))
}

#[test]
fn a_plugin_that_is_not_there_is_refused_in_words() {
    let tenant = Tenant::new();
    let path = format!(
        "/v1/subscriptions/{}",
        tenant.subscribe("https://example.com/", &["*"])
    );
    for (name, words) in [
        (json!("nobody"), "no script named/nobody.rhai"),
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
    save(&herald, "named/only-paid", "fn filter(event) { true }");
    save(&herald, "named/other", "fn filter(event) { true }");
    let id = herald.subscribe("https://example.com/", &["*"]);
    let path = format!("/v1/subscriptions/{id}");
    let refused = herald.patch(&path, &json!({ "plugin": "only-payed" }));
    let detail = refused.expect(422).detail();
    assert!(detail.contains("did you mean only-paid?"), "{detail}");
    let refused = herald.patch(&path, &json!({ "plugin": "zzz" }));
    let detail = refused.expect(422).detail();
    assert!(detail.contains("there are only-paid, other"), "{detail}");
    herald.run(&["subscription", "edit", &id, "--plugin", "only-paid"]);
    lose(&herald, "named/only-paid");
    assert_eq!(herald.subscription(&id)["plugin"], "only-paid");
    assert_eq!(herald.list("/v1/subscriptions")[0]["plugin"], "only-paid");
    let shown = herald.run(&["subscription", "list"]);
    assert!(shown.contains("only-paid"), "{shown}");
    let same = json!({ "title": "Shop", "plugin": "only-paid" });
    let changed = herald.patch(&path, &same).expect(200).json();
    assert_eq!(changed["plugin"], "only-paid");
    let title = json!({ "title": "Other" });
    let changed = herald.patch(&path, &title).expect(200).json();
    assert_eq!(changed["plugin"], "only-paid");
    let shown = herald.run(&["subscription", "edit", &id, "--no-plugin", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["plugin"], Value::Null);
    herald
        .patch(&path, &json!({ "plugin": "other" }))
        .expect(200);
    herald.run(&["subscription", "edit", &id, "--plugin", ""]);
    assert_eq!(herald.subscription(&id)["plugin"], Value::Null);
    let new = [
        "--title",
        "Shop",
        "--url",
        "https://example.com/",
        "--trigger",
        "*",
    ];
    let add = [
        &["subscription", "add", "--json", "--plugin", "other"],
        &new[..],
    ]
    .concat();
    let made: Value = serde_json::from_str(&herald.run(&add)).unwrap();
    assert_eq!(made["plugin"], "other");
}

#[test]
fn the_list_tells_what_is_loaded_and_what_is_broken_where() {
    let herald = Herald::launch();
    let good = save(&herald, "named/good", "fn filter(event) { true }");
    assert_eq!(good["kind"], "named");
    assert_eq!(good["state"], "ok");
    assert_eq!(good["hash"].as_str().unwrap().len(), 64);
    for field in [
        "error",
        "suspended_at",
        "suspended_reason",
        "apart_since",
        "p99_ms",
    ] {
        assert_eq!(good[field], Value::Null, "{field}");
    }
    assert_eq!(good["calls"], 0);
    let still = save(
        &herald,
        "named/good",
        "fn filter(event) { true }\nfn filter(",
    );
    assert_eq!(still["state"], "broken");
    assert_eq!(
        still["hash"], good["hash"],
        "the version before stays at work"
    );
    assert_eq!(still["error"]["line"], 2);
    assert_eq!(still["error"]["source_line"], "fn filter(");
    let bad = save(
        &herald,
        "triggers/STORE_ORDER_CREATED",
        "fn filter(event) { sesame +",
    );
    assert_eq!(bad["kind"], "trigger");
    assert_eq!(bad["hash"], Value::Null);
    assert_eq!(bad["error"]["line"], 1);
    assert!(bad["error"]["column"].as_u64().unwrap() > 1);
    // The admin of an account does not see the operator's scripts.
    assert_eq!(bad["error"]["source_line"], Value::Null);
    let operator = herald.run(&["token", "create", "--operator", "--role", "viewer"]);
    let mut operator_wide = herald.client.clone();
    operator_wide.token = Some(operator.trim().to_owned());
    for account in [None, Some("main")] {
        operator_wide.account = account.map(str::to_owned);
        let all = operator_wide.list("/v1/plugins?limit=1");
        assert_eq!(all.len(), 2);
        assert_eq!(all[0]["name"], "named/good.rhai");
        let line = all[1]["error"]["source_line"].as_str().unwrap();
        assert!(line.contains("sesame"), "{line}");
    }
    let text = String::from_utf8(herald.get("/metrics").expect(200).body).unwrap();
    for line in [
        "herald_plugins{state=\"broken\"} 2",
        "herald_plugins{state=\"ok\"} 0",
        "herald_plugin_calls_total{plugin=\"named/good.rhai\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
}

#[test]
fn what_a_plugin_holds_up_is_held_and_says_why() {
    let herald = Herald::launch();
    let target = receiver();
    save(&herald, "named/lost", "fn filter(event) { true }");
    let more = json!({ "plugin": "lost" });
    let id = herald.subscribe_with(&target.url, &["STORE_*"], &more);
    lose(&herald, "named/lost");
    let event = publish(&herald);
    let held = herald.delivery_in("held", &event, &id);
    assert_eq!(held["held_by"], "named/lost.rhai");
    assert_eq!(held["next_attempt_at"], Value::Null);
    let why = held["held_because"].as_str().unwrap();
    assert!(
        why.starts_with("The plugin named/lost.rhai is not in"),
        "{why}"
    );
    let list = |state: &str| herald.list(&format!("/v1/deliveries?state={state}"));
    assert_eq!(list("held")[0]["held_by"], "named/lost.rhai");
    assert_eq!(list("queued").len() + list("retrying").len(), 0);
    let shown = herald
        .get(&format!("/v1/events/{event}"))
        .expect(200)
        .json();
    assert_eq!(shown["deliveries"][0]["state"], "held");
    assert_eq!(shown["deliveries"][0]["held_by"], "named/lost.rhai");
    herald.switch(&id, "pause");
    let why = herald.delivery(&event, &id)["held_because"].to_string();
    assert!(
        why.contains("is paused. The plugin named/lost.rhai"),
        "{why}"
    );
    herald.switch(&id, "resume");
    save(&herald, "named/lost", "fn filter(event) { true }");
    let sent = herald.delivery_in("sent", &event, &id);
    assert_eq!(
        (&sent["held_by"], &sent["held_because"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn an_attempt_tells_which_plugins_ran_and_what_was_sent() {
    let herald = Herald::launch();
    let target = receiver();
    let headers = json!({ "headers": { "X-Shop": "sesame", "X-Key": "sesame" } });
    let id = herald.subscribe_with(&target.url, &["STORE_*"], &headers);
    let published = r#"{"event_type":"STORE_ORDER_CREATED"}"#;
    let event = publish(&herald);
    let untouched = herald.delivery_in("sent", &event, &id);
    let attempt = &untouched["attempts"][0];
    assert_eq!(attempt["request"]["body"], Value::Null);
    assert_eq!(attempt["request"]["body_encoding"], Value::Null);
    assert_eq!(attempt["request"]["truncated"], false);
    assert_eq!(attempt["plugins"], json!([]));
    assert_eq!(attempt["log"], json!([]));
    assert_eq!(attempt["filtered_by"], Value::Null);
    let script = r#"
        fn transform(event) { log("hello"); "a=1" }
        fn headers(event) { #{ "content-type": "text/plain", "x-key": "open sesame" } }
    "#;
    let loaded = save(&herald, "named/form", script);
    let path = format!("/v1/subscriptions/{id}");
    herald
        .patch(&path, &json!({ "plugin": "form" }))
        .expect(200);
    let event = publish(&herald);
    let shown = herald.delivery_in("sent", &event, &id);
    let attempt = &shown["attempts"][0];
    let ran = attempt["plugins"].as_array().unwrap();
    assert_eq!(ran.len(), 1);
    assert_eq!(ran[0]["name"], "named/form.rhai");
    assert_eq!(ran[0]["hash"], loaded["hash"]);
    assert!(ran[0]["microseconds"].is_u64() && ran[0]["operations"].as_u64().unwrap() > 0);
    assert_eq!(attempt["log"], json!(["hello"]));
    assert_eq!(attempt["request"]["body"], "a=1");
    assert_eq!(attempt["request"]["body_encoding"], "utf-8");
    assert_eq!(attempt["request"]["truncated"], false);
    let headers = attempt["request"]["headers"].as_array().unwrap();
    let kind = json!({ "name": "content-type", "value": "text/plain" });
    assert_eq!(headers[0], kind);
    let named = |name: &str| headers.iter().filter(|it| it["name"] == name).count();
    assert_eq!((named("x-key"), named("X-Key"), named("X-Shop")), (1, 0, 1));
    assert!(!shown.to_string().contains("sesame"));
    assert_eq!(shown["request"]["body"], published);
}

#[test]
fn a_filtered_delivery_names_the_plugin_that_said_no() {
    let herald = Herald::launch();
    let target = receiver();
    save(
        &herald,
        "triggers/STORE_ORDER_CREATED",
        "fn filter(event) { false }",
    );
    let id = herald.subscribe(&target.url, &["STORE_*"]);
    let event = publish(&herald);
    let words = "Filtered by the plugin triggers/STORE_ORDER_CREATED.rhai.";
    let shown = herald.delivery_in("filtered", &event, &id);
    assert_eq!(shown["last_error"], words);
    let attempt = &shown["attempts"][0];
    assert_eq!(attempt["filtered_by"], "triggers/STORE_ORDER_CREATED.rhai");
    assert_eq!(attempt["request"], Value::Null);
    let list = herald.list("/v1/deliveries?state=filtered");
    assert_eq!(list[0]["last_error"], words);
    let shown = herald
        .get(&format!("/v1/events/{event}"))
        .expect(200)
        .json();
    assert_eq!(shown["deliveries"][0]["last_error"], words);
}

#[test]
fn a_failure_tells_its_place_and_quotes_nothing_of_a_trigger() {
    let herald = Herald::launch();
    let target = receiver();
    let id = herald.subscribe(&target.url, &["STORE_*"]);
    let script = "fn filter(event) {\n  event.payload.sesame.open > 1\n}";
    save(&herald, "triggers/STORE_ORDER_CREATED", script);
    let event = publish(&herald);
    let shown = herald.delivery_in("retrying", &event, &id);
    let error = shown["last_error"].as_str().unwrap();
    let start = "The plugin triggers/STORE_ORDER_CREATED.rhai failed: line 2, column ";
    assert!(error.starts_with(start), "{error}");
    assert!(!shown.to_string().contains("event.payload"), "{shown:#}");
    assert_eq!(shown["attempts"][0]["request"], Value::Null);
}

#[test]
fn metrics_are_told_to_everybody_in_prometheus_text() {
    let tenant = Tenant::new();
    let answer = tenant.daemon.client(None).get("/metrics").expect(200);
    let kind = Some("text/plain; version=0.0.4");
    assert_eq!(answer.header("content-type"), kind);
    let text = String::from_utf8(answer.body.clone()).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let info = format!("herald_build_info{{version=\"{version}\"}} 1");
    let kind = "# TYPE herald_plugins gauge".to_owned();
    for line in [info, kind] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    tenant.daemon.client(None).get("/metrics?x=1").expect(400);
}
