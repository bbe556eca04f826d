//! A script acts for every account, and what one account publishes says nothing of the others.

use serde_json::{Value, json};

use crate::desk::Desk;
use crate::support::api::{order, text};
use crate::support::client::Client;
use crate::support::scripted::Scripted;
use crate::support::{wait_for, wait_until};

const PATH: &str = "triggers/ORDER_CREATED.rhai";
/// It does what the payload says.
const OBEDIENT: &str = r#"
    fn filter(event) {
        let id = event.payload.data.id;
        if id == "throw" { throw "no mood" }
        if id == "loop" { loop { } }
        true
    }
"#;

fn payload(id: &str) -> Value {
    json!({"event_type": "ORDER_CREATED", "data": {"id": id}})
}

/// An operator-wide client, and the admin of another account than `main`.
fn other_account(desk: &Desk) -> (Client, Client, String) {
    let operator = desk.run(&["token", "create", "--operator", "--role", "admin"]);
    let operator = Client {
        token: Some(operator.trim().to_owned()),
        ..desk.client.clone()
    };
    let made = operator.post("/v1/accounts", &json!({"name": "other"}));
    let id = text(&made.expect(201).json()["id"]);
    let token = desk.run(&["token", "create", "--account", "other", "--role", "admin"]);
    let other = Client {
        token: Some(token.trim().to_owned()),
        ..desk.client.clone()
    };
    (operator, other, id)
}

/// The script as a caller sees it.
fn seen_by(client: &Client) -> Value {
    let list = client.list("/v1/plugins");
    list.into_iter().find(|it| it["name"] == PATH).unwrap()
}

#[test]
fn one_account_s_payloads_suspend_a_script_for_that_account_alone() {
    let mut desk = Desk::new();
    desk.save(PATH, OBEDIENT);
    let (operator, other, other_id) = other_account(&desk);
    let target = Scripted::answering(200, "");
    let mine = desk.subscribe(&target.url, &["*"]);
    let theirs = other.subscribe_with(&target.url, &["*"], &json!({"retry_schedule": [1, 1, 1]}));
    let first = desk.publish_event(&order(0));
    desk.delivery_in("sent", &first, &mine);
    let bad: Vec<String> = (0..40)
        .map(|_| other.publish_event(&payload("throw")))
        .collect();
    wait_until("it to be suspended for the other account", || {
        seen_by(&other)["state"] == "suspended"
    });
    let reason = text(&seen_by(&other)["suspended_reason"]);
    assert!(reason.contains("failed within a minute"), "{reason}");

    // Here it goes on, and there everything is held.
    let good: Vec<String> = (1..21).map(|n| desk.publish_event(&order(n))).collect();
    for event in &good {
        desk.delivery_in("sent", event, &mine);
    }
    let waits = other.publish_event(&order(99));
    let held = other.delivery_in("held", &waits, &theirs);
    assert!(
        text(&held["held_because"]).contains("is suspended"),
        "{held:#}"
    );
    for event in &bad {
        other.delivery_in("held", event, &theirs);
    }
    assert_eq!(desk.client.list("/v1/deliveries?state=held").len(), 0);

    // Each sees what is theirs, operators see whom it concerns.
    let here = seen_by(&desk.client);
    assert_eq!(
        (&here["state"], &here["calls"], &here["failures"]),
        (&json!("ok"), &json!(21), &json!(0)),
        "{here:#}"
    );
    assert_eq!(here["accounts"], Value::Null);
    assert_eq!(seen_by(&other)["accounts"], Value::Null);
    let whole = seen_by(&operator);
    assert_eq!(whole["state"], "suspended");
    assert!(whole["calls"].as_u64() > Some(40), "{whole:#}");
    let of_main = Client {
        account: Some("main".to_owned()),
        ..operator.clone()
    };
    for it in [&whole, &seen_by(&of_main)] {
        let accounts = it["accounts"].as_array().unwrap();
        assert_eq!(accounts.len(), 1, "{it:#}");
        assert_eq!(accounts[0]["account_id"], other_id.as_str());
        assert_eq!(accounts[0]["suspended_reason"], reason.as_str());
    }
    assert_eq!(seen_by(&of_main)["state"], "ok");
    let metrics = String::from_utf8(desk.client.get("/metrics").expect(200).body).unwrap();
    for line in [
        "herald_plugins{state=\"suspended\"} 1",
        &format!("herald_plugin_suspended_accounts{{plugin=\"{PATH}\"}} 1"),
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line} in {metrics}");
    }
    let told = |client: &Client| {
        let path = "/v1/activities?group=Herald&activity=Plugin%20Suspended";
        wait_for("the suspension to be told", || {
            let told = client.list(path);
            (!told.is_empty()).then_some(told)
        })
    };
    for client in [&other, &desk.client] {
        let told = told(client);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert_eq!(told[0]["payload"]["account_id"], other_id.as_str());
    }

    // So it is after a restart, and for another daemon.
    desk.herald.kill();
    desk.herald.spawn();
    let moved = |client: &Client| Client {
        address: desk.client.address,
        ..client.clone()
    };
    let (operator, other) = (moved(&operator), moved(&other));
    assert_eq!(seen_by(&other)["state"], "suspended");
    assert_eq!(seen_by(&desk.client)["state"], "ok");
    let event = desk.publish_event(&order(100));
    desk.delivery_in("sent", &event, &mine);

    desk.save(PATH, "fn filter(event) { true }");
    for event in bad.iter().chain([&waits]) {
        other.delivery_in("sent", event, &theirs);
    }
    let recovered = "/v1/activities?group=Herald&activity=Plugin%20Recovered";
    for client in [&other, &desk.client] {
        wait_until("the recovery to be told", || {
            client.list(recovered).len() == 1
        });
    }
    assert_eq!(desk.count("select count(*) from plugin_health"), 0);
    operator.settled();
}

#[test]
fn a_script_that_ran_apart_for_an_account_comes_back_after_a_hundred_quick_runs() {
    let desk = Desk::new();
    desk.save(PATH, OBEDIENT);
    let (_, other, _) = other_account(&desk);
    let target = Scripted::answering(200, "");
    let mine = desk.subscribe(&target.url, &["*"]);
    let theirs = other.subscribe_with(&target.url, &["*"], &json!({"retry_schedule": [600]}));
    let first = desk.publish_event(&order(0));
    desk.delivery_in("sent", &first, &mine);
    let first = other.publish_event(&order(0));
    other.delivery_in("sent", &first, &theirs);
    let endless = other.publish_event(&payload("loop"));
    other.delivery_in("retrying", &endless, &theirs);
    assert!(seen_by(&other)["apart_since"].is_string());
    assert_eq!(seen_by(&desk.client)["apart_since"], Value::Null);
    let marked = |what: &str| {
        let marked = format!("select count(*) from plugin_health where apart_at is {what}");
        desk.count(&marked) == 1
    };
    wait_until("the database to know", || marked("not null"));
    let mut runs = 0;
    wait_for("it to come back", || {
        assert!(runs < 2_000, "{:#}", seen_by(&other));
        let events = other.publish_batch((0..20).map(order));
        for event in &events {
            other.delivery_in("sent", event, &theirs);
        }
        runs += events.len();
        seen_by(&other)["apart_since"].is_null().then_some(())
    });
    assert!(runs >= 100, "{runs}");
    println!("it came back after {runs} quick runs");
    wait_until("the database to know", || marked("null"));
    // What is known of it is not told again when it goes to and fro.
    let endless = other.publish_event(&payload("loop"));
    other.delivery_in("retrying", &endless, &theirs);
    assert!(seen_by(&other)["apart_since"].is_string());
    wait_until("the database to know", || marked("not null"));
    let told = "/v1/activities?group=Herald&activity=Plugin%20Set%20Apart";
    assert_eq!(other.list(told).len(), 1);
    assert_eq!(seen_by(&desk.client)["state"], "ok");
}

#[test]
fn what_a_daemon_suspended_that_knew_no_accounts_is_suspended_for_all_of_them() {
    let mut desk = Desk::new();
    desk.save(PATH, OBEDIENT);
    wait_until("the database to know the script", || {
        desk.count("select count(*) from plugin_state") == 1
    });
    let target = Scripted::answering(200, "");
    let mine = desk.subscribe(&target.url, &["*"]);
    desk.sql("update plugin_state set suspended_at = now(), reason = 'it failed'");
    desk.plugin_in("suspended", PATH);
    let event = desk.publish_event(&order(1));
    desk.delivery_in("held", &event, &mine);
    desk.herald.kill();
    desk.herald.spawn();
    desk.plugin_in("suspended", PATH);
    desk.save(PATH, "fn filter(event) { true }");
    desk.delivery_in("sent", &event, &mine);
}
