//! A daemon with an account that makes and uses hostile schemas, and another account beside it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::client::Client;
use crate::support::tenant::Tenant;
use crate::support::{Herald, wait_for, wait_until};

/// How long the neighbour's publish may take while builds of other tests keep the cores busy.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the hostile account keeps its checks up.
const LASTING: Duration = Duration::from_secs(3);

/// A schema of some 3 KB for which the library takes as many steps as 2 to the power of the
/// levels.
fn doubling(levels: usize) -> Value {
    let mut schema = json!({"properties": {"event_type": {}, "a": {}}});
    for _ in 0..levels {
        schema = json!({"unevaluatedProperties": false, "allOf": [schema]});
    }
    schema
}

/// Publishes for the other account until something is done, 20 times at least; how long the
/// slowest one took, and how many there were.
fn neighbour(client: &Client, event: &str, is_done: impl Fn() -> bool) -> (Duration, usize) {
    let (mut slowest, mut number) = (Duration::ZERO, 0);
    while !is_done() || number < 20 {
        let begun = Instant::now();
        client.publish(event.as_bytes()).expect(202);
        slowest = slowest.max(begun.elapsed());
        number += 1;
    }
    (slowest, number)
}

#[test]
fn a_3_kb_schema_that_would_take_for_ever_is_refused_with_its_place_while_others_publish() {
    let (hostile, other) = (Tenant::new(), Tenant::new());
    let done = AtomicBool::new(false);
    let (slowest, number) = thread::scope(|scope| {
        let event = r#"{"event_type":"ORDER_CREATED","data":{"id":"1"}}"#;
        let beside =
            scope.spawn(|| neighbour(&other.publisher, event, || done.load(Ordering::Relaxed)));
        let schema = doubling(55);
        assert!((2_000..4_000).contains(&schema.to_string().len()));
        for _ in 0..3 {
            let body = json!({"name": "BAD", "schema": schema});
            let refused = hostile.admin.post("/v1/event-types", &body).expect(422);
            let pointers = refused.pointers();
            let place = pointers.first().unwrap();
            assert!(place.starts_with("/schema/allOf/0"), "{place}");
            let reason = refused.json()["errors"][0]["detail"].to_string();
            assert!(reason.contains("costs too much"), "{reason}");
            assert!(reason.contains("each level of it doubles that"), "{reason}");
        }
        done.store(true, Ordering::Relaxed);
        beside.join().unwrap()
    });
    println!("beside three refusals: {number} publishes, the slowest took {slowest:?}");
    assert!(slowest < PATIENCE, "{slowest:?}");
}

/// Puts a schema where an older version took it.
fn plant(herald: &Herald, account: &str, name: &str, schema: &Value, validation: &str) {
    let bump = "update routing set version = version + 1";
    let planted = format!(
        "with v as ({bump} returning version) \
         insert into event_type (account_id, name, schema, validation, version) \
         select id, '{name}', '{schema}', '{validation}', version from v, account \
         where name = '{account}'"
    );
    herald.sql(&planted);
}

#[test]
fn a_stored_schema_that_is_refused_today_stays_and_says_why_it_does_not_check() {
    let (hostile, other) = (Tenant::new(), Tenant::new());
    let herald = hostile.daemon.herald();
    for mode in ["warn", "reject"] {
        let name = format!("OLD_{}", mode.to_uppercase());
        plant(herald, &hostile.name, &name, &doubling(55), mode);
    }
    let publish = |name: &str| {
        let event = json!({"event_type": name, "a": {"b": 1}}).to_string();
        hostile.publisher.publish(event.as_bytes())
    };
    let accepted = wait_for("the older type to be known", || {
        Some(publish("OLD_WARN")).filter(|answer| answer.status == 202)
    });
    let warning = accepted.json()["warnings"][0]["detail"].to_string();
    assert!(warning.contains("was not checked"), "{warning}");
    assert!(
        warning.contains("each level of it doubles that"),
        "{warning}"
    );
    let refused = publish("OLD_REJECT").expect(422);
    let reason = refused.json()["errors"][0]["detail"].to_string();
    assert!(reason.contains("was not checked"), "{reason}");
    other.publish("ORDER_CREATED");
    // What does not touch the schema goes on; a change of it is judged by today's rules.
    let path = "/v1/event-types/OLD_WARN";
    hostile
        .admin
        .patch(path, &json!({"title": "Old"}))
        .expect(200);
    hostile
        .admin
        .patch(path, &json!({"schema": doubling(40)}))
        .expect(422);
    hostile
        .admin
        .patch(path, &json!({"schema": {"required": ["a"]}}))
        .expect(200);
    wait_until("the new schema to check", || {
        publish("OLD_WARN").expect(202).json()["warnings"].is_null()
    });
}

/// The most expensive that is taken: a mixed list with which each value is compared.
fn dear() -> Value {
    let list: Vec<Value> = (0..2_000).map(|n| json!(f64::from(n) + 0.5)).collect();
    json!({"properties": {"data": {"items": {"enum": list}}}})
}

#[test]
fn an_account_whose_checks_are_the_dearest_delays_no_other_account() {
    let (hostile, other) = (Tenant::new(), Tenant::new());
    let make = |tenant: &Tenant, name: &str, schema: Value| {
        let body = json!({"name": name, "schema": schema});
        tenant.admin.post("/v1/event-types", &body).expect(201);
    };
    make(&hostile, "DEAR", dear());
    make(&other, "OWN", json!({"required": ["data"]}));
    let publish = |tenant: &Tenant, event: &str| tenant.publisher.publish(event.as_bytes());
    let own = r#"{"event_type":"OWN","data":{"id":"1"}}"#;
    wait_until("both types to be known", || {
        publish(&other, own).status == 202
            && publish(&hostile, r#"{"event_type":"DEAR"}"#).status == 202
    });
    let zeros = |values: usize| {
        let list = vec!["0"; values].join(",");
        format!("{{\"event_type\":\"DEAR\",\"data\":[{list}]}}")
    };
    let unfit = publish(&hostile, &zeros(1_000)).expect(202).json();
    assert!(text(&unfit["warnings"][0]["detail"]).contains("must be one of"));
    let too_large = publish(&hostile, &zeros(100_000)).expect(202).json();
    let warning = text(&too_large["warnings"][0]["detail"]);
    assert!(warning.contains("was not checked"), "{warning}");

    let done = AtomicBool::new(false);
    let batch = format!("{}\n", zeros(1_000)).repeat(100);
    let (slowest, number) = thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let send = |body: &[u8]| {
                        hostile
                            .publisher
                            .send("POST", "/v1/events/batch", &[], body)
                    };
                    send(batch.as_bytes()).expect(202);
                }
            });
        }
        let begun = Instant::now();
        let found = neighbour(&other.publisher, own, || begun.elapsed() > LASTING);
        done.store(true, Ordering::Relaxed);
        found
    });
    println!("beside the dearest checks: {number} publishes, the slowest took {slowest:?}");
    assert!(slowest < PATIENCE, "{slowest:?}");
}

#[test]
fn a_batch_of_own_events_is_checked_as_a_whole_and_each_line_has_its_verdict() {
    let tenant = Tenant::new();
    let body = json!({"name": "OWN", "schema": {"required": ["a"]}, "validation": "reject"});
    tenant.admin.post("/v1/event-types", &body).expect(201);
    let line = |number: usize| match number % 3 {
        0 => r#"{"event_type":"OWN","a":1}"#,
        1 => r#"{"event_type":"OWN"}"#,
        _ => r#"{"event_type":"ORDER_CREATED","data":{"id":"1"}}"#,
    };
    let lines: Vec<&str> = (0..300).map(line).collect();
    let answer = wait_for("the type to be known", || {
        let body = lines.join("\n");
        let answer = tenant
            .publisher
            .send("POST", "/v1/events/batch", &[], body.as_bytes());
        let answer = answer.expect(202).json();
        (answer["accepted"] == 200).then_some(answer)
    });
    let rejected = answer["rejected"].as_array().unwrap();
    assert_eq!(rejected.len(), 100);
    for one in rejected {
        assert_eq!(one["line"].as_u64().unwrap() % 3, 2);
        assert_eq!(one["errors"][0]["detail"], "lacks the field \"a\"");
    }
}
