//! `Idempotency-Key` on requests that make something other than events: the same key makes it once,
//! and answers the same thing without its secrets.

use std::thread;

use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::cluster::Cluster;
use crate::support::receiver::Receiver;
use crate::support::{Herald, OLDER_LANE, psql};

/// What is made, where, and the field that only its maker sees.
fn makings() -> Vec<(&'static str, Value, Option<&'static str>)> {
    let target = json!({ "url": "http://127.0.0.1:9/", "triggers": ["*"] });
    let event_type = json!({ "name": "INVOICE_PAID", "title": "Paid" });
    let mail = json!({
        "topic": "Welcome", "to": ["ann@example.com"], "subject": "Hello", "text": "Hello Ann",
    });
    let activity = json!({ "user": "ann", "group": "Order", "activity": "Submit" });
    vec![
        ("/v1/subscriptions", target, Some("secret")),
        ("/v1/event-types", event_type, None),
        (
            "/v1/activity-types",
            json!({ "group": "Order", "activity": "Frame" }),
            None,
        ),
        (
            "/v1/tokens",
            json!({ "title": "Shop", "role": "publisher" }),
            Some("token"),
        ),
        (
            "/v1/users",
            json!({ "email": "ann@example.com", "role": "viewer" }),
            Some("link"),
        ),
        ("/v1/mails", mail, None),
        ("/v1/activities", activity, None),
        ("/v1/accounts", json!({ "name": "second" }), None),
    ]
}

fn keyed(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    let key = [("Idempotency-Key", key)];
    client.send("POST", path, &key, body.to_string().as_bytes())
}

/// Whoever may make everything: an operator, who names the account.
fn operator(herald: &Herald) -> Client {
    let token = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    let mut client = herald.client.clone();
    client.token = Some(token.trim().to_owned());
    client.account = Some("main".to_owned());
    client
}

#[test]
fn the_same_key_makes_it_once_and_answers_it_again_without_its_secrets() {
    let herald = Herald::launch();
    let client = operator(&herald);
    for (path, body, secret) in makings() {
        let first = keyed(&client, path, "once", &body);
        assert!(matches!(first.status, 201 | 202), "{path}: {first:?}");
        let again = keyed(&client, path, "\"once\"", &body);
        assert_eq!(again.status, first.status, "{path}: {again:?}");
        assert_eq!(again.header("location"), first.header("location"), "{path}");
        let (mut first, again) = (first.json(), again.json());
        if let Some(secret) = secret {
            assert!(first[secret].is_string(), "{path}: {first}");
            assert_eq!(again[secret], Value::Null, "{path}");
            first[secret] = Value::Null;
        }
        assert_eq!(again, first, "{path}");
        let mut other = body.clone();
        other["more"] = json!(1);
        let other = keyed(&client, path, "once", &other);
        assert_eq!(other.status, 422, "{path}");
        let renamed = match path {
            "/v1/event-types" => json!({ "name": "INVOICE_LOST" }),
            _ => {
                let mut renamed = body.clone();
                let field = ["title", "activity", "email", "subject", "name"];
                let field = field.into_iter().find(|it| !renamed[*it].is_null());
                renamed[field.unwrap_or("title")] = match path {
                    "/v1/users" => json!("bob@example.com"),
                    "/v1/activities" => json!("Review"),
                    _ => json!("other"),
                };
                renamed
            }
        };
        let reused = keyed(&client, path, "once", &renamed).expect(422);
        assert_eq!(reused.pointers(), ["Idempotency-Key"], "{path}");
        // Without a key, or with another one, it is a request of its own.
        let alone = client.post(path, &body);
        assert!(matches!(alone.status, 201 | 202 | 409), "{path}: {alone:?}");
    }
    assert_eq!(herald.count("select count(*) from made_key"), 8);
}

#[test]
fn a_batch_of_activities_with_a_key_is_recorded_once() {
    let herald = Herald::launch();
    let line = json!({ "user": "ann", "group": "Order", "activity": "Submit" });
    let body = format!("{line}\n{line}\nnothing\n");
    let send = || {
        let key = [("Idempotency-Key", "batch")];
        let path = "/v1/activities/batch";
        herald
            .send("POST", path, &key, body.as_bytes())
            .expect(202)
            .json()
    };
    let first = send();
    assert_eq!(send(), first);
    assert_eq!(first["accepted"], 2);
    assert_eq!(herald.list("/v1/activities?user=ann").len(), 2);
}

#[test]
fn of_many_requests_with_one_key_at_one_time_one_makes_it() {
    let herald = Herald::launch();
    let body = json!({ "title": "Shop", "role": "publisher" });
    let answers: Vec<Answer> = thread::scope(|scope| {
        let ask = || scope.spawn(|| keyed(&herald.client, "/v1/tokens", "race", &body));
        let asked: Vec<_> = (0..8).map(|_| ask()).collect();
        asked.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let made: Vec<&Answer> = answers.iter().filter(|it| it.status == 201).collect();
    let with_text = made.iter().filter(|it| it.json()["token"].is_string());
    assert_eq!(with_text.count(), 1);
    assert!(answers.iter().all(|it| matches!(it.status, 201 | 409)));
    let titled = "select count(*) from token where title = 'Shop'";
    assert_eq!(herald.count(titled), 1);
}

#[test]
fn keys_count_against_what_an_account_may_use_in_a_day() {
    let herald = Herald::launch_with(&[("HERALD_ACCOUNT_IDEMPOTENCY_KEYS", "2")]);
    let make = |key: &str| {
        let body = json!({ "title": key, "role": "publisher" });
        keyed(&herald.client, "/v1/tokens", key, &body)
    };
    make("a").expect(201);
    make("b").expect(201);
    let refused = make("c").expect(429);
    assert!(refused.detail().contains("account_idempotency_keys"));
    make("a").expect(201);
    assert_eq!(herald.count("select count(*) from made_key"), 2);
}

#[test]
fn a_key_is_refused_while_an_older_daemon_lives_that_would_ignore_it() {
    let database = Cluster::shared().database();
    psql(&database, OLDER_LANE);
    let herald = Herald::launch_at(&database, &[]);
    let body = json!({ "title": "Shop", "role": "publisher" });
    let refused = keyed(&herald.client, "/v1/tokens", "key", &body).expect(409);
    assert!(refused.detail().contains("older version"));
    herald.post("/v1/tokens", &body).expect(201);
    herald.sql("update lane set closed_at = now() where feature_level = 0");
    keyed(&herald.client, "/v1/tokens", "key", &body).expect(201);
}

#[test]
fn what_is_done_with_a_thing_is_done_once_for_a_key_and_a_path() {
    let herald = Herald::launch();
    let client = &herald.client;
    let target = Receiver::start(&[]);
    let [one, other] = ["A", "B"]
        .map(|title| client.subscribe_with(&target.url, &["*"], &json!({ "title": title })));
    let send = |path: &str, body: &str| {
        client.send("POST", path, &[("Idempotency-Key", "k")], body.as_bytes())
    };

    let rotate = format!("/v1/subscriptions/{one}/secret/rotate");
    let first = send(&rotate, "{}").expect(200).json();
    assert!(first["secret"].is_string() && first["previous"][0]["secret"].is_string());
    let again = send(&rotate, "{}").expect(200).json();
    assert_eq!(again, json!({ "secret": null, "previous": [] }));
    let shown = client
        .get(&format!("/v1/subscriptions/{one}/secret"))
        .json();
    assert_eq!(shown["secret"], first["secret"]);
    let reused = send(&rotate, "{\"overlap_hours\":1}").expect(422);
    assert_eq!(reused.pointers(), ["Idempotency-Key"]);

    let test = format!("/v1/subscriptions/{one}/test");
    let body = "{\"event_type\":\"STORE_ORDER_CREATED\"}";
    let first = send(&test, body).expect(202).json();
    assert_eq!(send(&test, body).expect(202).json(), first);
    // The same request for another subscription is another request.
    let elsewhere = format!("/v1/subscriptions/{other}/test");
    assert_eq!(
        send(&elsewhere, body).expect(422).pointers(),
        ["Idempotency-Key"]
    );

    let event = first["event_id"].as_str().unwrap();
    client.delivery_in("sent", event, &one);
    let resend = format!("/v1/deliveries/{event}/{one}/resend");
    send(&resend, "").expect(202);
    client.delivery_in("sent", event, &one);
    assert_eq!(send(&resend, "").expect(202).json()["state"], "sent");
    let done = "select count(*) from activity where activity in \
                ('Secret Rotated', 'Test Sent', 'Delivery Resent')";
    assert_eq!(herald.count(done), 3);
}
