//! No value of a mail becomes a line of a protocol, a field of a header or another receiver.

use serde_json::{Value, json};

use crate::desk::{herald, letter, mail, mail_in, send};
use crate::server::MailServer;

const EVE: &str = "eve@example.com";

#[test]
fn what_could_be_a_second_line_is_refused_by_name() {
    let server = MailServer::start();
    let herald = herald(&server.url());
    let breaks = [
        "\r\n", "\n", "\r", "\0", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}",
    ];
    for field in ["topic", "subject", "from", "reply_to", "to"] {
        for cut in breaks {
            for value in [
                format!("Ann{cut}Bcc: {EVE} <ann@example.com>"),
                format!("Ann <ann@example.com>{cut}RCPT TO:<{EVE}>"),
                format!("{cut}Ann <ann@example.com>"),
                format!("Ann <ann@example.com{cut}>"),
            ] {
                let mut mail = letter(&["ann@example.com"], "x");
                mail[field] = if field == "to" {
                    json!([value])
                } else {
                    json!(value)
                };
                let answer = herald.client.post("/v1/mails", &mail).expect(422);
                let pointer = if field == "to" {
                    "/to/0".to_owned()
                } else {
                    format!("/{field}")
                };
                assert_eq!(answer.pointers(), [pointer], "{value:?}");
            }
        }
    }
    for address in [
        "\"ann eve\"@example.com",
        "\"ann\\\"eve\"@example.com",
        "ann@example.com, eve@example.com",
        "ann@example.com;eve@example.com",
        "ann@[127.0.0.1]",
        "zo\u{202e}e@example.com",
        "ann@example.com> SIZE=1",
        "@example.com:ann@example.com",
        "",
    ] {
        herald
            .client
            .post("/v1/mails", &letter(&[address], "x"))
            .expect(422);
    }
    assert_eq!(herald.count("select count(*) from mail"), 0);
}

#[test]
fn what_looks_like_protocol_arrives_as_text_for_its_receiver_alone() {
    let server = MailServer::start();
    let herald = herald(&server.url());
    let texts = [
        format!("x\r\n.\r\nMAIL FROM:<{EVE}>\r\nRCPT TO:<{EVE}>\r\nDATA\r\n"),
        format!("x\n.\nMAIL FROM:<{EVE}>\n"),
        format!("x\r.\rMAIL FROM:<{EVE}>\r"),
        format!("x\n.\r\nMAIL FROM:<{EVE}>\r\n"),
        format!("x\r\n.\nMAIL FROM:<{EVE}>\r\n"),
        format!("\r\nBcc: {EVE}\r\n\r\n"),
        "\0\u{1b}[31m\u{7f}\u{85}".to_owned(),
        "y".repeat(200_000),
        "=\r\n=0D=0A.=0D=0A".to_owned(),
        "--=_x\r\nContent-Type: text/html\r\n\r\n<b>".to_owned(),
    ];
    let subjects = [
        format!("Bcc: {EVE}"),
        "Subject: Subject: Content-Type: text/html".to_owned(),
        "=?utf-8?q?=0D=0ABcc:_eve@example.com?=".to_owned(),
        "\" <eve@example.com>,".to_owned(),
        "ü".repeat(500),
        "a".repeat(500),
    ];
    let names = [
        "\"Ann, eve@example.com\" <ann@example.com>",
        "Ann (eve@example.com) <ann@example.com>",
        "Ann =?utf-8?q?=0D=0ABcc:_eve?= <ann@example.com>",
        "Ann; eve@example.com: <ann@example.com>",
        "Ann \\\" <eve@example.com>, \\\" <ann@example.com>",
        "üöä, <eve@example.com> <ann@example.com>",
    ];
    let mut number = 0;
    for (n, text) in texts.iter().enumerate() {
        for html in [None, Some(format!("<p>{text}</p>"))] {
            let mut mail = letter(&[names[n % names.len()]], &subjects[n % subjects.len()]);
            mail["from"] = names[(n + 1) % names.len()].into();
            mail["text"] = text.clone().into();
            mail["html"] = html.into();
            let id = send(&herald.client, &mail);
            let told = mail_in(&herald.client, "sent", &id);
            number += 1;
            let taken = server.taken();
            assert_eq!(taken.len(), number, "one mail stays one");
            let found = &taken[number - 1];
            assert_eq!(found["message_id"], told["message_id"]);
            assert_eq!(found["envelope_to"], json!(["ann@example.com"]));
            assert_eq!(found["envelope_from"], "ann@example.com");
            assert_eq!(found["faults"], json!([]), "{found:#}");
            assert_eq!((&found["bare"], &found["ascii"]), (&json!(0), &json!(true)));
            assert!(found["longest"].as_u64().unwrap() <= 999, "{found:#}");
            assert_eq!(found["to"].as_array().unwrap().len(), 1, "{found:#}");
            assert_eq!(found["to"][0][1], "ann@example.com");
            assert_eq!(found["subject"], mail["subject"]);
            let expected: &[&str] = &[
                "auto-submitted",
                "content-transfer-encoding",
                "content-type",
                "date",
                "from",
                "message-id",
                "mime-version",
                "subject",
                "to",
            ];
            let of_one =
                |name: &&str| mail["html"].is_null() || *name != "content-transfer-encoding";
            let fields: Vec<Value> = found["headers"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|name| *name != "x-peer")
                .cloned()
                .collect();
            let wanted: Vec<Value> = expected
                .iter()
                .copied()
                .filter(|name| of_one(name))
                .map(Value::from)
                .collect();
            assert_eq!(fields, wanted);
        }
    }
    println!("{number} hostile mails arrived as text, each once, for their receiver alone");
}

#[test]
fn what_is_too_large_or_too_much_is_refused_by_name() {
    let server = MailServer::start();
    let herald = herald(&server.url());
    let long = "x".repeat(512 * 1024 + 1);
    let many: Vec<String> = (0..51).map(|n| format!("u{n}@example.com")).collect();
    for (field, value, pointer) in [
        ("to", json!([]), "/to"),
        ("to", json!(many), "/to"),
        ("to", json!("ann@example.com"), "/to"),
        ("to", Value::Null, "/to"),
        ("subject", json!(""), "/subject"),
        ("subject", json!("x".repeat(501)), "/subject"),
        ("topic", json!("x".repeat(101)), "/topic"),
        ("text", json!(long), "/text"),
        ("html", json!(long), "/html"),
        ("text", Value::Null, "/text"),
        ("record_only", json!("yes"), "/record_only"),
        ("cc", json!(["ann@example.com"]), "/cc"),
    ] {
        let mut mail = letter(&["ann@example.com"], "x");
        mail[field] = value;
        let answer = herald.client.post("/v1/mails", &mail).expect(422);
        assert_eq!(answer.pointers(), [pointer], "{field}");
    }
    let mail = json!({ "text": "x".repeat(5 << 20) });
    herald.client.post("/v1/mails", &mail).expect(413);
    let answer = herald.client.post("/v1/mails", &json!({})).expect(422);
    assert_eq!(answer.pointers(), ["/topic", "/to", "/subject", "/text"]);
}

#[test]
fn a_stored_script_is_answered_as_text() {
    let server = MailServer::start();
    let herald = herald(&server.url());
    let mut given = letter(
        &["<script>alert(1)</script> <ann@example.com>"],
        "<script>x</script>",
    );
    given["html"] = "<script>alert(1)</script>".into();
    let id = send(&herald.client, &given);
    let answer = herald.client.get(&format!("/v1/mails/{id}")).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(mail(&herald.client, &id)["html"], given["html"]);
}
