//! What becomes of a mail by what the server says.

use serde_json::{Value, json};

use crate::desk::{herald, herald_with, hurry, letter, mail, mail_in, send, tried};
use crate::server::MailServer;
use crate::support::wait_until;

fn reply(mail: &Value) -> &str {
    mail["smtp_reply"].as_str().unwrap()
}

/// Seconds from its last try to the next.
fn pause(mail: &Value) -> i64 {
    let time = |value: &Value| {
        value
            .as_str()
            .unwrap()
            .parse::<chrono::DateTime<chrono::Utc>>()
            .unwrap()
    };
    let last = mail["tries"].as_array().unwrap().last().unwrap();
    (time(&mail["next_attempt_at"]) - time(&last["at"])).num_seconds()
}

#[test]
fn a_refusal_for_now_is_tried_again_by_the_schedule_with_the_same_message_id() {
    for (mode, told) in [
        ("data450", "450 4.3.1 The disk is full"),
        ("mail450", "450 4.2.0 Come back later"),
        ("data421", "421 4.3.2 Shutting down"),
        ("mail421", "421 4.3.2 Shutting down"),
    ] {
        let server = MailServer::start();
        let herald = herald(&server.url());
        server.mode(mode);
        let id = send(&herald.client, &letter(&["ann@example.com"], mode));
        for (n, minutes) in [(1, 5), (2, 15)] {
            let mail = tried(&herald.client, &id, n);
            assert_eq!(mail["state"], "queued");
            assert!(reply(&mail).contains(told), "{mode}: {mail:#}");
            assert_eq!(mail["tries"][n - 1]["outcome"], "retry");
            let expected = minutes * 60;
            let pause = pause(&mail);
            assert!(
                (expected - 2..=expected * 11 / 10 + 2).contains(&pause),
                "{mode}: {pause}"
            );
            if n == 1 {
                hurry(&herald);
            }
        }
        let before = mail(&herald.client, &id)["message_id"].clone();
        server.mode("ok");
        hurry(&herald);
        let mail = mail_in(&herald.client, "sent", &id);
        assert_eq!(mail["attempts"], 3);
        assert_eq!(mail["message_id"], before);
        assert_eq!(mail["next_attempt_at"], Value::Null);
        let taken = server.taken();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0]["message_id"], before);
    }
}

#[test]
fn a_refusal_for_good_ends_a_mail_at_once() {
    let server = MailServer::start();
    let herald = herald(&server.url());
    let id = send(&herald.client, &letter(&["no550@example.com"], "x"));
    let mail = mail_in(&herald.client, "failed", &id);
    // What a server says is shown, not obeyed.
    assert_eq!(reply(&mail), "550 5.1.1 Nobody\\u{1b}[31m here");
    assert_eq!(
        (&mail["attempts"], &mail["sent_at"]),
        (&json!(1), &Value::Null)
    );
    server.mode("data550");
    let id = send(&herald.client, &letter(&["ann@example.com"], "x"));
    let mail = mail_in(&herald.client, "failed", &id);
    assert_eq!(reply(&mail), "550 5.7.1 This is not wanted");
    assert_eq!(herald.count("select count(*) from mail_due"), 0);
    // Refused mails leave the connection in order.
    server.mode("ok");
    let id = send(&herald.client, &letter(&["ann@example.com"], "x"));
    mail_in(&herald.client, "sent", &id);
}

#[test]
fn each_receiver_gets_it_once_whatever_becomes_of_the_others() {
    let server = MailServer::start();
    let herald = herald(&server.url());
    let all = [
        "ann@example.com",
        "no450@example.com",
        "no550@example.com",
        "bob@example.com",
    ];
    let id = send(&herald.client, &letter(&all, "x"));
    let mail = tried(&herald.client, &id, 1);
    assert_eq!(mail["state"], "queued");
    assert_eq!(
        reply(&mail),
        "no550@example.com: 550 5.1.1 Nobody\\u{1b}[31m here"
    );
    let said = mail["tries"][0]["receivers"].as_array().unwrap();
    let taken: Vec<bool> = said
        .iter()
        .map(|it| it["taken"].as_bool().unwrap())
        .collect();
    assert_eq!(taken, [true, false, false, true]);
    hurry(&herald);
    let mail = tried(&herald.client, &id, 2);
    assert!(reply(&mail).starts_with("450 4.2.1"), "{mail:#}");
    // The mailbox is busy for four days.
    herald.sql("update mail_due set failures = 98, due_at = now()");
    let mail = tried(&herald.client, &id, 3);
    assert_eq!(mail["state"], "failed", "{mail:#}");
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        taken[0]["envelope_to"],
        json!(["ann@example.com", "bob@example.com"])
    );
    // All that it is from and to stands in it, for everybody.
    assert_eq!(taken[0]["to"].as_array().unwrap().len(), 4);
}

#[test]
fn after_four_days_a_mail_is_given_up() {
    let server = MailServer::start();
    let herald = herald(&server.url());
    server.mode("data450");
    let id = send(&herald.client, &letter(&["ann@example.com"], "x"));
    tried(&herald.client, &id, 1);
    herald.sql("update mail_due set failures = 97, due_at = now()");
    assert_eq!(tried(&herald.client, &id, 2)["state"], "queued");
    herald.sql("update mail_due set due_at = now()");
    let mail = mail_in(&herald.client, "failed", &id);
    assert_eq!(reply(&mail), "450 4.3.1 The disk is full");
}

#[test]
fn a_server_that_hangs_or_hangs_up_is_tried_again() {
    for (mode, told) in [
        ("hang", "did not answer within 2 s"),
        ("hangmail", "did not answer within 2 s"),
        ("drop", ""),
        ("greet554", "554 5.3.2 No service here"),
    ] {
        let server = MailServer::start();
        let herald = herald_with(&server.url(), &[("HERALD_SMTP_TIMEOUT_SECONDS", "2")]);
        server.mode(mode);
        let id = send(&herald.client, &letter(&["ann@example.com"], mode));
        let mail = tried(&herald.client, &id, 1);
        assert_eq!(mail["state"], "queued", "{mode}: {mail:#}");
        assert!(reply(&mail).contains(told), "{mode}: {mail:#}");
        println!("{mode}: {}", reply(&mail));
        server.mode("ok");
        hurry(&herald);
        mail_in(&herald.client, "sent", &id);
        assert_eq!(server.taken().len(), 1);
    }
}

#[test]
fn an_answer_that_comes_too_late_is_never_taken_for_the_next_mails() {
    let server = MailServer::start();
    let more = [
        ("HERALD_SMTP_TIMEOUT_SECONDS", "2"),
        ("HERALD_SMTP_CONNECTIONS", "1"),
    ];
    let herald = herald_with(&server.url(), &more);
    let first = send(&herald.client, &letter(&["ann@example.com"], "first"));
    mail_in(&herald.client, "sent", &first);
    server.mode("hang");
    let hung = send(&herald.client, &letter(&["ann@example.com"], "hung"));
    tried(&herald.client, &hung, 1);
    server.mode("ok");
    let refused = send(&herald.client, &letter(&["no550@example.com"], "refused"));
    let mail = mail_in(&herald.client, "failed", &refused);
    assert!(reply(&mail).starts_with("550 5.1.1"), "{mail:#}");
    assert_eq!(crate::desk::mail(&herald.client, &hung)["state"], "queued");
}

#[test]
fn a_connection_that_the_server_closed_meanwhile_costs_no_try() {
    let mut server = MailServer::start();
    let herald = herald(&server.url());
    let first = send(&herald.client, &letter(&["ann@example.com"], "first"));
    mail_in(&herald.client, "sent", &first);
    server.end();
    server.begin();
    let second = send(&herald.client, &letter(&["ann@example.com"], "second"));
    let mail = mail_in(&herald.client, "sent", &second);
    assert_eq!(mail["attempts"], 1, "{mail:#}");
}

#[test]
fn mails_wait_for_a_server_that_is_down_and_go_when_it_is_back() {
    let mut server = MailServer::start();
    let herald = herald(&server.url());
    server.end();
    let ids: Vec<String> = (0..40)
        .map(|n| {
            send(
                &herald.client,
                &letter(&["ann@example.com"], &format!("m{n}")),
            )
        })
        .collect();
    wait_until("some to be tried", || {
        herald.count("select count(*) from mail_try") >= 3
    });
    server.begin();
    hurry(&herald);
    for id in &ids {
        mail_in(&herald.client, "sent", id);
    }
    assert_eq!(server.taken().len(), ids.len());
}
