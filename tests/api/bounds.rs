//! How much one account may have, and how it learns that it has it all.

use std::thread;

use serde_json::{Value, json};

use crate::support::Herald;
use crate::support::api::text;
use crate::support::client::Answer;

/// A daemon whose accounts may have little.
fn narrow() -> Herald {
    Herald::launch_with(&[
        ("HERALD_ACCOUNT_EVENT_TYPES", "4"),
        ("HERALD_ACCOUNT_SCHEMA_BYTES", "65536"),
        ("HERALD_ACCOUNT_SUBSCRIPTIONS", "3"),
        ("HERALD_ACCOUNT_TOKENS", "5"),
        ("HERALD_ACCOUNT_USERS", "3"),
        ("HERALD_ACCOUNT_ACTIVITY_TYPES", "2"),
        ("HERALD_ACCOUNT_IDEMPOTENCY_KEYS", "7"),
    ])
}

/// Makes ten at the same time: how many were made, and what one refusal says.
fn ten(make: impl Fn(usize) -> Answer + Sync) -> (usize, Answer) {
    let answers: Vec<Answer> = thread::scope(|scope| {
        let make = &make;
        let all: Vec<_> = (0..10).map(|n| scope.spawn(move || make(n))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let made = answers.iter().filter(|it| it.status < 300).count();
    let refused = answers.into_iter().find(|it| it.status >= 300);
    (made, refused.expect("a refusal"))
}

#[test]
fn ten_at_once_make_no_more_than_the_account_may_have_and_the_refusal_names_the_setting() {
    let herald = narrow();
    let client = &herald.client;
    let operator = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    let mut operator_client = client.clone();
    operator_client.token = Some(operator.trim().to_owned());
    let accounts = operator_client.get("/v1/accounts").expect(200).json();
    let account = text(&accounts["data"][0]["id"]);
    let bounds = || {
        let shown = operator_client.get(&format!("/v1/accounts/{account}"));
        shown.expect(200).json()["bounds"].clone()
    };
    let refused = |answer: Answer, number: usize, setting: &str| {
        assert_eq!(answer.status, 409, "{}", answer.detail());
        let detail = answer.detail();
        assert!(detail.contains(setting), "{detail}");
        assert!(detail.contains(&number.to_string()), "{detail}");
    };
    let before = bounds();
    let had = |what: &str| before[what]["used"].as_u64().unwrap();

    let of_type = |n: usize| json!({"name": format!("OWN_{n}")});
    let (made, answer) = ten(|n| client.post("/v1/event-types", &of_type(n)));
    assert_eq!(made, 4);
    refused(answer, 4, "account_event_types");

    let of_webhook = |n: usize| json!({"title": format!("w{n}"), "url": "http://127.0.0.1:9/", "triggers": ["*"]});
    let (made, answer) = ten(|n| client.post("/v1/subscriptions", &of_webhook(n)));
    assert_eq!(made, 3);
    refused(answer, 3, "account_subscriptions");

    let of_token = |n: usize| json!({"title": format!("t{n}"), "role": "viewer"});
    let (made, answer) = ten(|n| client.post("/v1/tokens", &of_token(n)));
    assert_eq!(made as u64, 5 - had("tokens"));
    refused(answer, 5, "account_tokens");

    let of_user = |n: usize| json!({"email": format!("u{n}@example.com"), "role": "viewer"});
    let (made, answer) = ten(|n| client.post("/v1/users", &of_user(n)));
    assert_eq!(made as u64, 3 - had("users"));
    refused(answer, 3, "account_users");

    let of_activity = |n: usize| json!({"group": "Own", "activity": format!("A {n}")});
    let (made, answer) = ten(|n| client.post("/v1/activity-types", &of_activity(n)));
    assert_eq!(made, 2);
    refused(answer, 2, "account_activity_types");

    let after = bounds();
    for (what, used) in [
        ("event_types", 4),
        ("subscriptions", 3),
        ("tokens", 5),
        ("users", 3),
        ("activity_types", 2),
    ] {
        assert_eq!(after[what], json!({"used": used, "most": used}), "{what}");
    }
    // What is removed makes room.
    client.delete("/v1/event-types/OWN_0");
    client.delete("/v1/event-types/OWN_1");
    client.delete("/v1/event-types/OWN_2");
    client.delete("/v1/event-types/OWN_3");
    client.post("/v1/event-types", &of_type(20)).expect(201);
}

#[test]
fn the_schemas_of_an_account_have_a_bound_together_also_when_one_is_changed() {
    let herald = narrow();
    let client = &herald.client;
    let schema = |bytes: usize| json!({"description": "x".repeat(bytes)});
    let make = |name: &str, bytes: usize| {
        client.post(
            "/v1/event-types",
            &json!({"name": name, "schema": schema(bytes)}),
        )
    };
    make("A", 40_000).expect(201);
    let detail = make("B", 40_000).expect(409).detail();
    assert!(detail.contains("account_schema_bytes"), "{detail}");
    make("B", 20_000).expect(201);
    let change =
        |bytes: usize| client.patch("/v1/event-types/B", &json!({"schema": schema(bytes)}));
    change(40_000).expect(409);
    change(10_000).expect(200);
    // One schema alone has a bound of its own.
    let refused = make("C", 70_000).expect(422);
    assert_eq!(refused.pointers(), ["/schema"]);
}

#[test]
fn idempotency_keys_of_a_day_are_counted_to_the_last_one_and_a_known_key_goes_on() {
    let herald = narrow();
    let client = &herald.client;
    let event = |n: usize| format!(r#"{{"event_type":"ORDER_CREATED","data":{{"id":"{n}"}}}}"#);
    let publish = |n: usize| client.publish_keyed(&format!("key-{n}"), event(n).as_bytes());
    let (made, answer) = ten(publish);
    assert_eq!(made, 7);
    assert_eq!(answer.status, 429);
    assert!(answer.detail().contains("account_idempotency_keys"));
    assert!(answer.header("retry-after").is_some());
    assert_eq!(herald.count("select count(*) from idempotency"), 7);
    assert_eq!(herald.count("select keys from idempotency_count"), 7);
    assert_eq!(herald.count("select count(*) from event"), 7);
    let known = (0..10).map(publish).filter(|it| it.status == 202);
    let known: Vec<Value> = known.map(|it| it.json()).collect();
    assert_eq!(known.len(), 7);
    assert!(known.iter().all(|it| it["duplicate"] == true));
    // Without a key there is no end.
    client.publish(event(11).as_bytes()).expect(202);
    // In a batch each line is reported, and the others are stored.
    let lines = format!("{}\n{}\n", event(20), event(21));
    let key = [("idempotency-key", "batch")];
    let batch = client.send("POST", "/v1/events/batch", &key, lines.as_bytes());
    let batch = batch.json();
    let rejected = batch["rejected"].as_array();
    if let Some(rejected) = rejected {
        assert_eq!(rejected.len(), 2, "{batch}");
    }
    assert_eq!(herald.count("select keys from idempotency_count"), 7);
}

#[test]
fn two_daemons_count_the_same_keys_together() {
    let herald = narrow();
    let mut beside = herald.launch_beside();
    beside.set("HERALD_ACCOUNT_IDEMPOTENCY_KEYS", "7");
    beside.terminate();
    beside.spawn();
    let beside = beside;
    let event = r#"{"event_type":"ORDER_CREATED","data":{"id":"1"}}"#.as_bytes();
    let (made, _) = ten(|n| {
        let client = if n % 2 == 0 {
            &herald.client
        } else {
            &beside.client
        };
        client.publish_keyed(&format!("key-{n}"), event)
    });
    assert_eq!(made, 7);
    assert_eq!(
        herald.count("select keys from idempotency_count"),
        made as i64
    );
    assert_eq!(
        herald.count("select count(*) from idempotency"),
        made as i64
    );
}
