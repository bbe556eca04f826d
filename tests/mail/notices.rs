//! What an account's admins are told: one mail for one change of state.

use std::fs;

use serde_json::{Value, json};

use crate::desk::{herald_with, letter, send};
use crate::server::MailServer;
use crate::support::api::order;
use crate::support::receiver::Receiver;
use crate::support::{Herald, wait_for};

fn start(server: &MailServer) -> Herald {
    let herald = herald_with(&server.url(), &[("HERALD_NOTICE_AFTER_SECONDS", "1")]);
    herald.sql(
        "insert into herald_user (id, account_id, email, email_key, name, role) values \
         ('0192f5a0-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000001', \
          'admin@example.com', 'admin@example.com', 'Zoë', 'admin'), \
         ('0192f5a0-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', \
          'viewer@example.com', 'viewer@example.com', '', 'viewer')",
    );
    herald
}

/// Waits for a notice of a topic; all of that topic so far.
fn told(herald: &Herald, server: &MailServer, topic: &str, number: usize) -> Vec<Value> {
    let query = format!("/v1/mails?topic={}", topic.replace(' ', "%20"));
    let ids = wait_for(topic, || {
        let mails = herald.client.list(&query);
        let sent = mails.iter().filter(|mail| mail["state"] == "sent").count();
        (sent >= number).then_some(mails)
    });
    assert_eq!(ids.len(), number, "{topic}");
    assert!(
        ids.iter()
            .all(|mail| mail["to"] == json!(["Zoë <admin@example.com>"]))
    );
    let subjects: Vec<Value> = ids.iter().map(|mail| mail["subject"].clone()).collect();
    let taken = server.taken();
    taken
        .into_iter()
        .filter(|mail| subjects.contains(&mail["subject"]))
        .collect()
}

#[test]
fn a_target_that_fails_recovers_and_is_gone_is_told_once_each() {
    let server = MailServer::start();
    let herald = start(&server);
    let receiver = Receiver::start(&["--fail", "500"]);
    let schedule = json!({ "retry_schedule": vec![1; 30] });
    herald.subscribe_with(&receiver.url, &["ORDER_CREATED"], &schedule);
    herald.publish_event(&json!({
        "event_type": "ORDER_CREATED", "data": {"id": "7", "note": "ü".repeat(4_000)}
    }));
    let mails = told(&herald, &server, "Target Failing", 1);
    let text = mails[0]["text"].as_str().unwrap();
    assert!(text.contains("ORDER_CREATED (evt_"), "{text}");
    assert!(text.contains("The target answered 500"), "{text}");
    assert!(text.contains(r#""id":"7""#), "{text}");
    for n in 0..20 {
        herald.publish_event(&order(n));
    }
    let receiver = receiver.restart(&[]);
    told(&herald, &server, "Target Recovered", 1);
    herald.settled();
    // Twenty more that failed and went were no news.
    told(&herald, &server, "Target Failing", 1);
    let _gone = receiver.restart(&["--fail", "410"]);
    herald.publish_event(&order(1));
    let mails = told(&herald, &server, "Subscription Disabled", 1);
    let text = mails[0]["text"].as_str().unwrap();
    assert!(text.contains("410 (Gone)"), "{text}");
}

#[test]
fn a_plugin_that_breaks_and_works_again_is_told_once_each() {
    let server = MailServer::start();
    let herald = start(&server);
    let folder = herald.plugins().join("named");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("x.rhai"), "fn filter(event) { true }").unwrap();
    wait_for("it to be loaded", || {
        let plugins = herald.client.list("/v1/plugins");
        plugins.iter().any(|it| it["state"] == "ok").then_some(())
    });
    fs::write(folder.join("x.rhai"), "fn filter(event) { ").unwrap();
    let mails = told(&herald, &server, "Plugin Broken", 1);
    let text = mails[0]["text"].as_str().unwrap();
    assert!(text.contains("line 1"), "{text}");
    fs::write(folder.join("x.rhai"), "fn filter(event) { false }").unwrap();
    told(&herald, &server, "Plugin Recovered", 1);
}

#[test]
fn a_plugin_that_is_suspended_and_mended_is_told_once_each() {
    let server = MailServer::start();
    let herald = start(&server);
    let folder = herald.plugins().join("triggers");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("ORDER_CREATED.rhai");
    fs::write(
        &path,
        r#"fn filter(event) { throw "a secret of " + event.id }"#,
    )
    .unwrap();
    wait_for("it to be loaded", || {
        let plugins = herald.client.list("/v1/plugins");
        plugins.iter().any(|it| it["state"] == "ok").then_some(())
    });
    let receiver = Receiver::start(&[]);
    herald.subscribe(&receiver.url, &["ORDER_CREATED"]);
    herald.client.publish_batch((0..60).map(order));
    let mails = told(&herald, &server, "Plugin Suspended", 1);
    let text = mails[0]["text"].as_str().unwrap();
    assert!(text.contains("failed within a minute"), "{text}");
    assert!(!text.contains("a secret of"), "{text}");
    fs::write(&path, "fn filter(event) { true }").unwrap();
    told(&herald, &server, "Plugin Recovered", 1);
}

#[test]
fn mails_that_are_given_up_are_told_together_and_notices_never_of_themselves() {
    let server = MailServer::start();
    let herald = start(&server);
    for n in 0..30 {
        send(
            &herald.client,
            &letter(&["no550@example.com"], &format!("m{n}")),
        );
    }
    wait_for("the notice", || {
        let mails = herald.client.list("/v1/mails?topic=Mail%20Given%20Up");
        mails
            .iter()
            .any(|mail| mail["state"] == "sent")
            .then_some(())
    });
    let taken = server.taken();
    assert_eq!(taken.len(), 1, "{taken:#?}");
    let text = taken[0]["text"].as_str().unwrap();
    assert!(
        text.contains("550 5.1.1") && text.contains("no550@example.com"),
        "{text}"
    );
    // A notice that cannot be sent makes no other.
    herald.sql("update herald_user set email = 'no550@example.com' where role = 'admin'");
    herald.sql("update notice set at = now() - interval '2 hours' where kind = 'mails'");
    send(&herald.client, &letter(&["no550@example.com"], "last"));
    wait_for("the notice to fail", || {
        let mails = herald.client.list("/v1/mails?topic=Mail%20Given%20Up");
        mails
            .iter()
            .any(|mail| mail["state"] == "failed")
            .then_some(())
    });
    herald.sql("update notice set at = now() - interval '2 hours' where kind = 'mails'");
    assert_eq!(
        herald.count("select count(*) from notice where kind = 'mail'"),
        0
    );
}
