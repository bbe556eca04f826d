//! Subscriptions that deliver by mail: one schedule, the mail's, and what ends the mail ends the
//! delivery.

use std::collections::HashMap;
use std::fs;

use serde_json::{Value, json};

use crate::desk::{herald, hurry, mail, tried};
use crate::server::MailServer;
use crate::support::api::{order, text};
use crate::support::{Herald, wait_for, wait_until};

/// The mail that carries a delivery.
fn carrier(herald: &Herald, event: &str) -> String {
    wait_for("the delivery to become a mail", || {
        let mails = herald.client.list("/v1/mails");
        let found = mails.iter().find(|mail| mail["event_id"] == event);
        found.map(|mail| text(&mail["id"]))
    })
}

fn script(herald: &Herald, name: &str, source: &str) {
    let folder = herald.plugins().join("named");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.rhai")), source).unwrap();
}

#[test]
fn any_event_becomes_a_clean_mail_and_its_delivery_ends_with_it() {
    let server = MailServer::start();
    let herald = herald(&server.url());
    let target = "mailto:ann@example.com,bob@example.com";
    let subscription = herald.subscribe(target, &["ORDER_CREATED"]);
    let event = herald.publish_event(&order(7));
    let delivery = herald.delivery_in("sent", &event, &subscription);
    let attempt = &delivery["attempts"][0];
    assert_eq!(
        (&attempt["n"], &attempt["outcome"]),
        (&json!(1), &json!("sent"))
    );
    assert_eq!(attempt["mail"]["smtp_reply"], "250 2.0.0 Taken");
    assert_eq!(delivery["request"]["method"], "MAIL");
    let logged = mail(&herald.client, attempt["mail"]["id"].as_str().unwrap());
    assert_eq!(
        (
            &logged["topic"],
            &logged["state"],
            &logged["subscription_id"]
        ),
        (
            &json!("ORDER_CREATED"),
            &json!("sent"),
            &json!(subscription)
        )
    );
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        taken[0]["envelope_to"],
        json!(["ann@example.com", "bob@example.com"])
    );
    assert_eq!(taken[0]["subject"], "ORDER_CREATED (A test)");
    let body = taken[0]["text"].as_str().unwrap();
    assert!(body.contains(&format!("Id: {event}")), "{body}");
    assert!(body.contains("\"id\": \"7\""), "{body}");
    assert_eq!(herald.settled()["sent"], 1);
    let counts = herald.subscription(&subscription);
    assert_eq!(counts["last_status"], "sent", "{counts:#}");
}

#[test]
fn a_plugin_draws_the_mail_up_or_says_no() {
    let server = MailServer::start();
    let mut herald = herald(&server.url());
    script(
        &herald,
        "letter",
        r#"fn filter(event) { event.payload.data.id != "2" }
           fn mail(event) {
               #{ subject: "Größe: " + event.payload.data.id, text: "Hello",
                  html: "<p>Hello</p>", to: ["Zoë <zoe@example.com>"] }
           }"#,
    );
    script(
        &herald,
        "wrong",
        r#"fn mail(event) { #{ subject: "x", text: "x", to: "nobody" } }"#,
    );
    herald.terminate();
    herald.spawn();
    let target = "mailto:ann@example.com";
    let with = |plugin: &str, schedule: Value| {
        let more = json!({ "plugin": plugin, "retry_schedule": schedule });
        herald.subscribe_with(target, &["ORDER_CREATED"], &more)
    };
    let (letter, wrong) = (with("letter", json!([60])), with("wrong", json!([])));
    let sent = herald.publish_event(&order(1));
    let delivery = herald.delivery_in("sent", &sent, &letter);
    assert_eq!(
        delivery["attempts"][0]["plugins"][0]["name"],
        "named/letter.rhai"
    );
    let taken = server.taken();
    assert_eq!(taken[0]["subject"], "Größe: 1");
    assert_eq!(taken[0]["to"], json!([["Zoë", "zoe@example.com"]]));
    assert_eq!(taken[0]["kind"], "multipart/alternative");
    let filtered = herald.publish_event(&order(2));
    herald.delivery_in("filtered", &filtered, &letter);
    let failed = herald.delivery_in("failed", &sent, &wrong);
    let error = failed["attempts"][0]["error"].as_str().unwrap();
    assert!(error.contains("\"nobody\": must be an address"), "{error}");
    assert_eq!(server.taken().len(), 1);
    herald.settled();
}

#[test]
fn a_delivery_shows_and_ends_as_its_mail_does() {
    let server = MailServer::start();
    let herald = herald(&server.url());
    let subscription = herald.subscribe("mailto:ann@example.com", &["ORDER_CREATED"]);
    server.mode("data450");
    let event = herald.publish_event(&order(1));
    let id = carrier(&herald, &event);
    tried(&herald.client, &id, 1);
    let delivery = herald.delivery_in("retrying", &event, &subscription);
    assert_eq!(
        (&delivery["held_by"], &delivery["attempts"]),
        (&Value::Null, &json!([]))
    );
    for (state, number) in [("retrying", 1), ("held", 0), ("queued", 0)] {
        let path = format!("/v1/deliveries?state={state}");
        assert_eq!(herald.client.list(&path).len(), number, "{state}");
    }
    let audit = herald.audit();
    assert_eq!(
        (&audit["open"], &audit["difference"]),
        (&json!(1), &json!(0))
    );
    // To send it again is to send its mail now: there is one schedule.
    assert_eq!(
        herald
            .client
            .resend(&event, &subscription)
            .expect(202)
            .json()["state"],
        "retrying"
    );
    tried(&herald.client, &id, 2);
    server.mode("data550");
    hurry(&herald);
    let delivery = herald.delivery_in("failed", &event, &subscription);
    assert_eq!(
        delivery["attempts"][0]["error"],
        "550 5.7.1 This is not wanted"
    );
    assert_eq!(delivery["attempts"][0]["mail"]["tries"], 3);
    assert_eq!(herald.settled()["failed"], 1);
    // A new round is a new mail.
    server.mode("ok");
    herald.client.resend(&event, &subscription).expect(202);
    let delivery = herald.delivery_in("sent", &event, &subscription);
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 2);
    let (first, last) = (
        &delivery["attempts"][0]["mail"],
        &delivery["attempts"][1]["mail"],
    );
    assert_ne!(first["id"], last["id"]);
    assert_eq!(server.taken().len(), 1);
    assert_eq!(herald.count("select count(*) from mail_due"), 0);
}

#[test]
fn a_test_of_a_mail_target_is_a_mail_that_says_so() {
    let server = MailServer::start();
    let herald = herald(&server.url());
    let subscription = herald.subscribe("mailto:ann@example.com", &["ORDER_CREATED"]);
    let path = format!("/v1/subscriptions/{subscription}/test");
    herald
        .client
        .post(&path, &json!({"event_type": "ORDER_CREATED"}))
        .expect(202);
    wait_until("the test to arrive", || server.taken().len() == 1);
    assert_eq!(server.taken()[0]["subject"], "Test: ORDER_CREATED (A test)");
    herald.settled();
}

#[test]
fn what_was_cancelled_is_not_mailed() {
    let mut server = MailServer::start();
    let herald = herald(&server.url());
    let subscription = herald.subscribe("mailto:ann@example.com", &["ORDER_CREATED"]);
    server.end();
    let event = herald.publish_event(&order(1));
    let id = carrier(&herald, &event);
    tried(&herald.client, &id, 1);
    herald
        .client
        .delete(&format!("/v1/subscriptions/{subscription}"))
        .expect(204);
    herald.delivery_in("cancelled", &event, &subscription);
    server.begin();
    hurry(&herald);
    let mail = crate::desk::mail_in(&herald.client, "failed", &id);
    assert!(
        mail["smtp_reply"].as_str().unwrap().contains("cancelled"),
        "{mail:#}"
    );
    assert_eq!(server.taken().len(), 0);
    assert_eq!(herald.settled()["cancelled"], 1);
}

#[test]
fn kills_while_deliveries_become_mails_lose_none_and_double_none() {
    const KILLS: usize = 6;
    let server = MailServer::start();
    let mut herald = herald(&server.url());
    let subscription = herald.subscribe("mailto:ann@example.com", &["ORDER_CREATED"]);
    let mut events: Vec<String> = Vec::new();
    for kill in 0..KILLS {
        let from = kill as u64 * 100;
        events.extend(herald.publish_batch((from..from + 100).map(order)));
        let before = server.taken().len();
        wait_until("some to be mailed", || server.taken().len() > before + 20);
        herald.kill();
        herald.spawn();
        assert_eq!(herald.audit()["difference"], 0);
    }
    let audit = herald.settled();
    assert_eq!(audit["sent"], events.len());
    // One mail for each delivery: only the handing over to the server may have been repeated.
    assert_eq!(
        herald.count("select count(*) from mail"),
        events.len() as i64
    );
    let mut copies: HashMap<String, usize> = HashMap::new();
    for mail in server.taken() {
        *copies.entry(text(&mail["message_id"])).or_default() += 1;
    }
    let twice: usize = copies.values().map(|copies| copies - 1).sum();
    assert_eq!(copies.len(), events.len());
    assert!(twice <= KILLS * 4, "{twice}");
    println!(
        "{KILLS} kills: {} deliveries by mail, each sent and in the mailbox, {twice} twice with \
         the same Message-ID; audit {audit}",
        events.len()
    );
    let delivery = herald.delivery(&events[0], &subscription);
    assert_eq!(delivery["state"], "sent");
}
