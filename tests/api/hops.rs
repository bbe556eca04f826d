//! Hops: what deliveries say of where their event came from, and events that go in a circle.

use serde_json::{Value, json};

use crate::support::api::{order, text};
use crate::support::client::Answer;
use crate::support::scripted::Scripted;
use crate::support::{Herald, wait_until};

const HEADER: &str = "herald-hops";

fn publish(herald: &Herald, hops: &str) -> Answer {
    let body = order(1).to_string();
    herald.send("POST", "/v1/events", &[(HEADER, hops)], body.as_bytes())
}

fn own(herald: &Herald) -> String {
    herald.sql("select id from hop").trim().to_owned()
}

/// The hops that a delivery of this event came with.
fn delivered(target: &Scripted, event: &str) -> String {
    let mut found = None;
    wait_until("its delivery", || {
        let requests = target.requests();
        let of_it = requests.into_iter().find(|request| request.id() == event);
        found = of_it.map(|request| request.headers[HEADER].clone());
        found.is_some()
    });
    found.unwrap()
}

fn reports(herald: &Herald) -> Vec<Value> {
    herald.list("/v1/activities?group=Herald&activity=Event%20Loop%20Refused")
}

#[test]
fn each_delivery_lists_the_databases_that_its_event_came_through() {
    let mut herald = Herald::launch();
    let own = own(&herald);
    assert_eq!(own.len(), 16);
    let target = Scripted::answering(200, "");
    let id = herald.subscribe(&target.url, &["*"]);

    // One that began here; a test; one that came from elsewhere; each line of a batch.
    let event = herald.publish_event(&order(1));
    assert_eq!(delivered(&target, &event), own);
    assert_eq!(
        herald.get(&format!("/v1/events/{event}")).json()["hops"],
        Value::Null
    );
    let test = herald
        .poke(&format!("/v1/subscriptions/{id}/test"))
        .expect(202);
    assert_eq!(delivered(&target, &text(&test.json()["event_id"])), own);
    let event = text(&publish(&herald, "other,another").expect(202).json()["id"]);
    assert_eq!(delivered(&target, &event), format!("other, another, {own}"));
    assert_eq!(
        herald.get(&format!("/v1/events/{event}")).json()["hops"],
        "other, another"
    );
    let lines = format!("{}\n{}\n", order(1), order(2));
    let batch = herald.send(
        "POST",
        "/v1/events/batch",
        &[(HEADER, "x")],
        lines.as_bytes(),
    );
    for event in batch.expect(202).json()["ids"].as_array().unwrap() {
        assert_eq!(delivered(&target, &text(event)), format!("x, {own}"));
    }

    // The log of attempts shows what was sent.
    let attempt = &herald.delivery_in("sent", &event, &id)["attempts"][0];
    let headers = attempt["request"]["headers"].as_array().unwrap();
    let shown = headers.iter().find(|it| it["name"] == HEADER).unwrap();
    assert_eq!(shown["value"], format!("other, another, {own}"));

    // By way of a row, and after a restart.
    herald.switch(&id, "pause");
    let held = text(&publish(&herald, "far").expect(202).json()["id"]);
    herald.kill();
    herald.spawn();
    herald.switch(&id, "resume");
    assert_eq!(delivered(&target, &held), format!("far, {own}"));
    herald.settled();

    // The first answer again for the same key, whatever the header.
    let keyed = |hops| {
        let headers = [(HEADER, hops), ("idempotency-key", "one")];
        let body = order(7).to_string();
        herald
            .send("POST", "/v1/events", &headers, body.as_bytes())
            .expect(202)
            .json()
    };
    let (first, again) = (keyed("a"), keyed("b"));
    assert_eq!(first["id"], again["id"]);
    assert_eq!(again["duplicate"], true);
    assert_eq!(delivered(&target, &text(&first["id"])), format!("a, {own}"));
}

#[test]
fn an_event_that_goes_in_a_circle_is_refused_the_third_time_and_reported_once() {
    let herald = Herald::launch();
    // Herald's own door is the target: each delivery publishes the event again.
    let url = format!("{}/v1/events", herald.url);
    let token = format!("Bearer {}", herald.admin_token);
    let more = json!({ "headers": { "authorization": token }, "retry_schedule": [] });
    let id = herald.subscribe_with(&url, &["*"], &more);
    herald.publish_event(&order(1));
    wait_until("the circle to be broken", || {
        let failed = herald.list("/v1/deliveries?state=failed");
        !failed.is_empty()
    });
    herald.settled();
    let events = herald.list("/v1/events");
    assert_eq!(events.len(), 3, "{events:?}");
    let last = text(&events[0]["id"]);
    let delivery = herald.delivery(&last, &id);
    let attempt = &delivery["attempts"][0];
    assert_eq!(attempt["response"]["status"], 508, "{delivery:#}");
    assert!(text(&attempt["response"]["body"]).contains("goes in a circle"));

    // The account gets one report, however many are refused.
    let own = own(&herald);
    for _ in 0..5 {
        publish(&herald, &[own.as_str(); 3].join(", ")).expect(508);
    }
    let told = reports(&herald);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["payload"]["event_type"], "ORDER_CREATED");
    assert_eq!(told[0]["payload"]["hops"], [own.as_str(); 3].join(", "));
    assert_eq!(herald.count("select count(*) from event"), 3);

    // Another daemon, or a restart, reports within the hour no more; after it, once.
    let beside = herald.launch_beside();
    publish(&beside, &[own.as_str(); 3].join(", ")).expect(508);
    assert_eq!(reports(&herald).len(), 1);
    herald.sql("update notice set at = at - interval '61 minutes' where kind = 'loop'");
    let another = herald.launch_beside();
    publish(&another, &[own.as_str(); 3].join(", ")).expect(508);
    assert_eq!(reports(&herald).len(), 2);
}

#[test]
fn the_admins_of_the_account_get_a_mail_about_events_in_a_circle() {
    let herald = Herald::launch();
    herald.run(&[
        "user",
        "add",
        "ann@example.com",
        "--role",
        "admin",
        "--name",
        "Ann",
    ]);
    publish(&herald, &vec!["x"; 16].join(",")).expect(508);
    let mails = || herald.list("/v1/mails?topic=Event%20Loop");
    wait_until("the mail", || !mails().is_empty());
    let mail = herald.get(&format!("/v1/mails/{}", text(&mails()[0]["id"])));
    let mail = String::from_utf8(mail.expect(200).body).unwrap();
    for words in ["ann@example.com", "ORDER_CREATED", "16 databases of Herald"] {
        assert!(mail.contains(words), "{words}: {mail}");
    }
}

#[test]
fn sixteen_hops_and_malformed_ones_are_refused_with_what_to_do() {
    let herald = Herald::launch();
    publish(&herald, &vec!["x"; 15].join(",")).expect(202);
    let refused = publish(&herald, &vec!["x"; 16].join(",")).expect(508);
    assert_eq!(refused.json()["type"], "urn:herald:problem:loop");
    assert!(
        refused.detail().contains("16 databases"),
        "{}",
        refused.detail()
    );
    let batch = herald.send(
        "POST",
        "/v1/events/batch",
        &[(HEADER, &vec!["x"; 16].join(","))],
        b"{}",
    );
    batch.expect(508);
    for malformed in ["a b", "a;b", &"x".repeat(65)] {
        let refused = publish(&herald, malformed).expect(400);
        assert_eq!(refused.pointers(), [HEADER]);
        assert!(refused.detail().contains("separated by commas"));
    }
    publish(&herald, "").expect(202);
    assert_eq!(
        herald.count("select count(*) from event where hops is null"),
        1
    );
}

#[test]
fn neither_own_headers_nor_plugins_set_hops() {
    let herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let body = json!({ "title": "A test", "url": target.url, "triggers": ["*"],
        "headers": { "Herald-Hops": "mine" } });
    let refused = herald.post("/v1/subscriptions", &body).expect(422);
    assert_eq!(refused.pointers(), ["/headers/Herald-Hops"]);

    // What stands in the database from before does not count.
    let id = herald.subscribe_with(&target.url, &["*"], &json!({ "headers": { "x-a": "b" } }));
    herald.sql(
        r#"begin; update routing set version = version + 1;
        update subscription set headers = '{"herald-hops": "mine", "x-b": "c"}',
            version = (select version from routing); commit"#,
    );
    wait_until("the change", || {
        let event = herald.publish_event(&order(1));
        herald.delivery_in("sent", &event, &id);
        let request = target.requests().into_iter().find(|it| it.id() == event);
        let headers = request.unwrap().headers;
        assert_eq!(headers[HEADER], own(&herald));
        headers.contains_key("x-b")
    });

    let script = r#"fn headers(event) { #{ "herald-hops": "mine" } }"#;
    let triggers = herald.plugins().join("triggers");
    std::fs::create_dir_all(&triggers).unwrap();
    std::fs::write(triggers.join("ORDER_CREATED.rhai"), script).unwrap();
    wait_until("the script to fail", || {
        let event = herald.publish_event(&order(1));
        let mut state = String::new();
        wait_until("its attempt", || {
            state = text(&herald.delivery(&event, &id)["state"]);
            state != "queued"
        });
        state == "retrying" && {
            let told = herald.delivery(&event, &id).to_string();
            assert!(told.contains("is reserved"), "{told}");
            true
        }
    });
}
