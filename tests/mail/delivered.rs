//! OpenSMTPD delivers what Herald hands over; another parser reads it in the mailboxes.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::desk::{herald, letter, mail_in, send};
use crate::server::{MailServer, OpenSmtpd};
use crate::support::wait_for;

/// Mails of every kind, by what names them in the mailbox.
fn mails(number: usize) -> Vec<Value> {
    let subjects = [
        "Your order".to_owned(),
        "Bestellung Nº 5 — Größe „M“".to_owned(),
        "日本語の件名がここにありますそして長いので折り返されますきっとそうなります".to_owned(),
        "x".repeat(500),
        "=?utf-8?q?not_encoded?=".to_owned(),
        "🎉🎉🎉 two  spaces".to_owned(),
    ];
    let texts = [
        "Hello\n".to_owned(),
        ".\n..\n.leading\nFrom the start\n".to_owned(),
        format!("{}\n", "long ".repeat(1_000)),
        "x".repeat(5_000),
        "Grüße, 日本語, 🎉\n\n\n  indented\ttab\n-- \nsig\n".to_owned(),
        "<script>alert(1)</script>\n".to_owned(),
    ];
    (0..number)
        .map(|n| {
            let mut mail = letter(&[&format!("Größe, \"Ann\" {n} <u{n}@example.com>")], "");
            mail["to"] = json!([
                format!("u{n}@example.com"),
                format!("Zoë Größe <z{n}@example.com>")
            ]);
            mail["subject"] = subjects[n % subjects.len()].clone().into();
            mail["text"] = texts[(n / 2) % texts.len()].clone().into();
            if n % 3 == 0 {
                mail["html"] = format!("<p>Grüße {n}</p>\n<script>alert(1)</script>").into();
            }
            if n % 4 == 0 {
                mail["reply_to"] = "\"Hilfe, bitte\" <help@example.com>".into();
            }
            mail
        })
        .collect()
}

fn same_text(found: &Value, wanted: &Value) {
    let plain = |text: &Value| {
        let text = text.as_str().unwrap_or_default().replace("\r\n", "\n");
        text.trim_end_matches('\n').to_owned()
    };
    assert_eq!(plain(found), plain(wanted));
}

fn check(found: &Value, wanted: &Value, id: &Value) {
    assert_eq!(found["faults"], json!([]), "{found:#}");
    assert_eq!(found["ascii"], true);
    assert!(found["longest"].as_u64().unwrap() <= 999, "{found:#}");
    assert_eq!(found["subject"], wanted["subject"]);
    assert_eq!(found["message_id"], *id);
    assert_eq!(found["auto_submitted"], "auto-generated");
    assert_eq!(found["from"], json!([["Hérald", "herald@example.com"]]));
    assert_eq!(found["to"][1][0], "Zoë Größe");
    same_text(&found["text"], &wanted["text"]);
    same_text(&found["html"], &wanted["html"]);
    if wanted["html"].is_string() {
        assert_eq!(found["kind"], "multipart/alternative");
        assert_eq!(found["parts"], json!(["text/plain", "text/html"]));
    }
    if wanted["reply_to"].is_string() {
        assert_eq!(
            found["reply_to"],
            json!([["Hilfe, bitte", "help@example.com"]])
        );
    }
}

#[test]
fn each_mail_is_logged_once_and_in_each_receivers_mailbox_once_as_it_was_written() {
    const MAILS: usize = 120;
    let Some(server) = OpenSmtpd::start() else {
        return;
    };
    let herald = herald(&format!("smtp://127.0.0.1:{}", server.port));
    let mails = mails(MAILS);
    let ids: Vec<String> = mails
        .iter()
        .map(|mail| send(&herald.client, mail))
        .collect();
    for id in &ids {
        let mail = mail_in(&herald.client, "sent", id);
        assert_eq!(mail["attempts"], 1);
        assert!(
            mail["smtp_reply"].as_str().unwrap().starts_with("250 "),
            "{mail:#}"
        );
    }
    let delivered = wait_for("the mailboxes to be full", || {
        let delivered = server.delivered();
        (delivered.len() >= 2 * MAILS).then_some(delivered)
    });
    let mut boxes: HashMap<&str, Vec<&Value>> = HashMap::new();
    for mail in &delivered {
        boxes
            .entry(mail["box"].as_str().unwrap())
            .or_default()
            .push(mail);
    }
    for (n, (mail, id)) in mails.iter().zip(&ids).enumerate() {
        let told = crate::desk::mail(&herald.client, id)["message_id"].clone();
        for name in [format!("u{n}"), format!("z{n}")] {
            let found = &boxes[name.as_str()];
            assert_eq!(found.len(), 1, "{name}");
            check(found[0], mail, &told);
        }
    }
    assert_eq!(herald.count("select count(*) from mail"), ids.len() as i64);
    println!(
        "OpenSMTPD: {MAILS} mails sent and logged once each, {} in {} mailboxes, none twice",
        delivered.len(),
        boxes.len()
    );
}

#[test]
fn aiosmtpd_takes_the_same_mails_with_crlf_alone() {
    let server = MailServer::start();
    let herald = herald(&server.url());
    let mails = mails(24);
    for mail in &mails {
        let id = send(&herald.client, mail);
        let told = mail_in(&herald.client, "sent", &id)["message_id"].clone();
        let taken = server.taken();
        let found: Vec<_> = taken.iter().filter(|it| it["message_id"] == told).collect();
        assert_eq!(found.len(), 1);
        check(found[0], mail, &told);
        assert_eq!(found[0]["bare"], 0);
        assert_eq!(found[0]["envelope_from"], "herald@example.com");
        assert_eq!(found[0]["envelope_to"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn without_a_mail_server_mails_become_files() {
    let herald = crate::support::Herald::launch();
    let id = send(&herald.client, &letter(&["ann@example.com"], "Größe"));
    let mail = mail_in(&herald.client, "sent", &id);
    let reply = mail["smtp_reply"].as_str().unwrap();
    let name = reply.strip_prefix("written to mails/").expect(reply);
    let text = std::fs::read_to_string(herald.folder.join("mails").join(name)).unwrap();
    assert!(text.contains("To: ann@example.com\r\n"), "{text}");
    assert!(
        text.starts_with(mail["headers"].as_str().unwrap()),
        "{text}"
    );
}
