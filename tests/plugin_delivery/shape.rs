//! What scripts make of a delivery, and what the log tells of it.

use herald::domain::secret::Secret;
use herald::domain::signature::verify;
use serde_json::{Value, json};

use crate::desk::{Desk, body, hash};
use crate::support::api::text;
use crate::support::scripted::{Scripted, answer};

const TRIGGER: &str = r#"
fn transform(event) {
    log("trigger saw " + event.payload.data.id);
    #{ step: 1, id: event.id, type: event.type, from: event.payload.data.id }
}
fn headers(event) { #{ "X-Step": "one", "X-Trigger": "yes" } }
"#;

const NAMED: &str = r#"
fn filter(event) { event.payload.step == 1 && event.subscription.title == "A test" }
fn transform(event) {
    log("named saw step " + event.payload.step);
    `step ${event.payload.step} of ${event.type} for ${event.subscription.target}`
}
fn headers(event) { #{ "content-type": "text/x-step", "X-Step": "two" } }
"#;

#[test]
fn the_scripts_of_the_type_and_of_the_subscription_shape_the_request_in_this_order() {
    let desk = Desk::new();
    desk.save("triggers/ORDER_CREATED.rhai", TRIGGER);
    desk.save("named/second.rhai", NAMED);
    let target = Scripted::answering(200, "");
    let through = desk.subscribe_through("second", &target.url, &["*"]);
    let plain = desk.subscribe(&target.url, &["*"]);
    let secret = desk
        .client
        .get(&format!("/v1/subscriptions/{through}/secret"))
        .expect(200)
        .json();
    let order = json!({"event_type": "ORDER_CREATED", "data": {"id": "7"}});
    let event = desk.publish_event(&order);
    let delivery = desk.delivery_in("sent", &event, &through);
    desk.delivery_in("sent", &event, &plain);

    let requests = target.requests();
    let shaped = requests
        .iter()
        .find(|it| it.headers["content-type"] == "text/x-step");
    let shaped = shaped.expect("the shaped request");
    let origin = target.url.trim_end_matches('/');
    let expected = format!("step 1 of ORDER_CREATED for {origin}");
    assert_eq!(String::from_utf8_lossy(&shaped.body), expected);
    assert_eq!(shaped.headers["x-step"], "two");
    assert_eq!(shaped.headers["x-trigger"], "yes");
    let timestamp = &shaped.headers["webhook-timestamp"];
    verify(
        &[Secret::parse(
            secret["secrets"][0]["secret"]
                .as_str()
                .unwrap_or_else(|| secret["secret"].as_str().unwrap()),
        )
        .unwrap()],
        &event,
        timestamp,
        &shaped.headers["webhook-signature"],
        &shaped.body,
        timestamp.parse().unwrap(),
        300,
    )
    .expect("the signature is that of the body as sent");

    let other = requests.iter().find(|it| it.headers["x-step"] == "one");
    let other = other.expect("the request that only the trigger shaped");
    assert_eq!(other.headers["content-type"], "application/json");
    assert_eq!(
        body(other),
        json!({"step": 1, "id": event, "type": "ORDER_CREATED", "from": "7"})
    );

    let attempt = &delivery["attempts"][0];
    let scripts: Vec<_> = attempt["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (text(&it["name"]), text(&it["hash"])))
        .collect();
    let path = |path: &str, script: &str| (path.to_owned(), hash(script));
    assert_eq!(
        scripts,
        [
            path("triggers/ORDER_CREATED.rhai", TRIGGER),
            path("named/second.rhai", NAMED)
        ]
    );
    assert_eq!(attempt["log"], json!(["trigger saw 7", "named saw step 1"]));
    assert_eq!(attempt["request"]["body"], expected.as_str());
    let headers = attempt["request"]["headers"].as_array().unwrap();
    let header = |name: &str| {
        let found = headers.iter().find(|it| it["name"] == name);
        found.map(|it| text(&it["value"]))
    };
    assert_eq!(header("content-type").as_deref(), Some("text/x-step"));
    assert_eq!(header("X-Step").as_deref(), Some("•••"));
    let listed = desk.plugin("named/second.rhai").unwrap();
    assert_eq!(listed["calls"], 1, "{listed:#}");
    assert_eq!(listed["failures"], 0, "{listed:#}");
    assert_eq!(listed["state"], "ok", "{listed:#}");
}

#[test]
fn without_a_script_the_body_is_the_published_bytes() {
    let desk = Desk::new();
    desk.save("triggers/OTHER.rhai", TRIGGER);
    let target = Scripted::answering(200, "");
    let id = desk.subscribe(&target.url, &["*"]);
    let published = br#"{ "event_type" : "ORDER_CREATED", "data": {"id": "1"}, "x": 1.50e1 }"#;
    let event = text(&desk.client.publish(published).expect(202).json()["id"]);
    let delivery = desk.delivery_in("sent", &event, &id);
    assert_eq!(target.requests()[0].body, published);
    assert_eq!(delivery["attempts"][0]["plugins"], json!([]));
}

#[test]
fn what_a_filter_refuses_is_filtered_and_says_by_whom() {
    let desk = Desk::new();
    desk.save(
        "named/paid.rhai",
        r#"fn filter(event) { log("looked"); event.payload.data?.paid == true }"#,
    );
    let target = Scripted::answering(200, "");
    let id = desk.subscribe_through("paid", &target.url, &["*"]);
    let event = |paid: Value| {
        desk.publish_event(
            &json!({"event_type": "ORDER_CREATED", "data": {"id": "1", "paid": paid}}),
        )
    };
    let (unpaid, paid) = (event(json!(false)), event(json!(true)));
    let filtered = desk.delivery_in("filtered", &unpaid, &id);
    desk.delivery_in("sent", &paid, &id);
    let attempt = &filtered["attempts"][0];
    assert_eq!(attempt["outcome"], "filtered");
    assert_eq!(attempt["filtered_by"], "named/paid.rhai");
    assert_eq!(attempt["log"], json!(["looked"]));
    assert_eq!(attempt["request"], Value::Null);
    let why = "Filtered by the plugin named/paid.rhai.";
    assert_eq!(filtered["last_error"], why, "{filtered:#}");
    let listed = desk.client.list("/v1/deliveries?state=filtered");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["last_error"], why);
    let shown = desk.client.get(&format!("/v1/events/{unpaid}"));
    assert_eq!(shown.expect(200).json()["deliveries"][0]["last_error"], why);
    assert_eq!(target.ids(), [paid]);
    assert_eq!(desk.client.subscription(&id)["counts"]["filtered"], 1);
    let audit = desk.client.settled();
    assert_eq!((&audit["filtered"], &audit["sent"]), (&json!(1), &json!(1)));
}

#[test]
fn a_script_that_errs_leaves_its_delivery_open_with_the_reason_and_its_next_version_sends_it() {
    let desk = Desk::new();
    desk.save(
        "named/x.rhai",
        "fn transform(event) {\n    event.payload.data.missing.part\n}",
    );
    let target = Scripted::answering(200, "");
    let id = desk.subscribe_through("x", &target.url, &["*"]);
    let event = desk.publish_event(&json!({"event_type": "ORDER_CREATED", "data": {"id": "1"}}));
    let open = desk.delivery_in("retrying", &event, &id);
    let error = text(&open["last_error"]);
    assert!(
        error.starts_with("The plugin named/x.rhai failed: line 2, column"),
        "{error}"
    );
    assert!(!error.contains('\n'), "{error}");
    let mended = "fn transform(event) { #{ mended: true } }";
    desk.save("named/x.rhai", mended);
    let sent = desk.delivery_in("sent", &event, &id);
    let last = sent["attempts"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["plugins"][0]["hash"], hash(mended).as_str());
    assert_eq!(body(&target.requests()[0]), json!({"mended": true}));
    desk.client.settled();
}

#[test]
fn an_attempt_keeps_the_version_it_began_with_and_the_next_takes_the_new_one() {
    let desk = Desk::new();
    let version = |n: u32| format!("fn transform(event) {{ #{{ version: {n} }} }}");
    desk.save("named/x.rhai", &version(1));
    let (begun, wait) = std::sync::mpsc::channel();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let target = Scripted::start(move |request, stream| {
        if body(request)["version"] == 1 {
            begun.send(()).unwrap();
            let _ = gone.lock().unwrap().recv();
            return answer(stream, 503, "", b"");
        }
        answer(stream, 200, "", b"")
    });
    let id = desk.subscribe_through("x", &target.url, &["*"]);
    let event = desk.publish_event(&json!({"event_type": "ORDER_CREATED", "data": {"id": "1"}}));
    wait.recv().unwrap();
    desk.save("named/x.rhai", &version(2));
    go.send(()).unwrap();
    let sent = desk.delivery_in("sent", &event, &id);
    let hashes: Vec<_> = sent["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| text(&it["plugins"][0]["hash"]))
        .collect();
    assert_eq!(hashes, [hash(&version(1)), hash(&version(2))]);
    let bodies: Vec<_> = target.requests().iter().map(body).collect();
    assert_eq!(bodies, [json!({"version": 1}), json!({"version": 2})]);
}

#[test]
fn a_test_goes_through_the_scripts_and_tells_why_it_cannot() {
    let desk = Desk::new();
    desk.save(
        "named/x.rhai",
        "fn transform(event) { #{ tested: event.type } }",
    );
    let target = Scripted::answering(200, "");
    let id = desk.subscribe_through("x", &target.url, &["*"]);
    let test = |expected: &str| {
        let sent = desk.client.post(
            &format!("/v1/subscriptions/{id}/test"),
            &json!({"event_type": "ORDER_CREATED"}),
        );
        let sent = sent.json();
        let event = text(&sent["event_id"]);
        desk.delivery_in(expected, &event, &id)
    };
    test("sent");
    assert_eq!(
        body(&target.requests()[0]),
        json!({"tested": "ORDER_CREATED"})
    );
    desk.remove("named/x.rhai");
    let failed = test("failed");
    let error = text(&failed["last_error"]);
    assert!(
        error.contains("named/x.rhai is not in the plugins folder"),
        "{error}"
    );
}
