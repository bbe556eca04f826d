//! What a composed mail promises, read back by another library's parser.

use mail_parser::{Address as Parsed, MessageParser};
use proptest::prelude::*;

use super::*;
use crate::domain::mail::{MAX_SUBJECT, body, one_line};

fn to(text: &str) -> Mailbox {
    text.parse().unwrap()
}

fn letter<'a>(from: &'a Mailbox, to: &'a [Mailbox], subject: &'a str, text: &'a str) -> Letter<'a> {
    Letter {
        from,
        to,
        reply_to: None,
        subject,
        text,
        html: None,
        message_id: "0192f5a0@example.com",
        date: "2026-11-22T08:00:00Z".parse().unwrap(),
    }
}

fn addresses(parsed: Option<&Parsed<'_>>) -> Vec<(Option<String>, String)> {
    let all = parsed.unwrap().iter();
    all.map(|it| {
        (
            it.name().map(str::to_owned),
            it.address().unwrap().to_owned(),
        )
    })
    .collect()
}

/// A message ends with a line end, whatever its text ends with.
fn unended(text: &str) -> String {
    text.replace("\r\n", "\n").trim_end_matches('\n').to_owned()
}

#[test]
fn a_mail_reads_back_as_it_was_written() {
    let from = to("Zoë Größe <zoe@bücher.example>");
    let receivers = [to("\"B., Ann\" <ann@example.com>"), to("bob@example.com")];
    let text = "Grüße\n.\n.leading dot\nFrom here\n";
    let written = compose(&Letter {
        html: Some("<p>Grüße</p>"),
        ..letter(&from, &receivers, "Bestellung Nº 5 — 日本語", text)
    })
    .unwrap();
    let read = MessageParser::default().parse(written.bytes()).unwrap();
    assert_eq!(read.subject(), Some("Bestellung Nº 5 — 日本語"));
    assert_eq!(
        addresses(read.from()),
        [(
            Some("Zoë Größe".to_owned()),
            "zoe@xn--bcher-kva.example".to_owned()
        )]
    );
    assert_eq!(
        addresses(read.to()),
        [
            (Some("B., Ann".to_owned()), "ann@example.com".to_owned()),
            (None, "bob@example.com".to_owned())
        ]
    );
    assert_eq!(unended(&read.body_text(0).unwrap()), unended(text));
    assert_eq!(read.body_html(0).unwrap(), "<p>Grüße</p>");
    assert_eq!(read.message_id(), Some("0192f5a0@example.com"));
    assert_eq!(read.date().unwrap().to_rfc3339(), "2026-11-22T08:00:00Z");
    let header = written.header();
    assert!(
        header.contains("\r\nAuto-Submitted: auto-generated"),
        "{header}"
    );
    assert!(header.contains("multipart/alternative"), "{header}");
}

#[test]
fn the_same_mail_is_the_same_bytes_at_each_try() {
    let (from, receivers) = (to("a@example.com"), [to("b@example.com")]);
    let letter = Letter {
        html: Some("<b>x</b>"),
        ..letter(&from, &receivers, "x", "x")
    };
    assert_eq!(compose(&letter).unwrap(), compose(&letter).unwrap());
}

#[test]
fn fifty_receivers_with_long_names_fit_into_lines() {
    let name = "Wörter ".repeat(28);
    let receivers: Vec<Mailbox> = (0..50)
        .map(|n| {
            to(&format!(
                "{} <{n}{}@example.com>",
                name.trim(),
                "a".repeat(60)
            ))
        })
        .collect();
    let from = to("a@example.com");
    let written = compose(&letter(&from, &receivers, &"x".repeat(MAX_SUBJECT), "x")).unwrap();
    let read = MessageParser::default().parse(written.bytes()).unwrap();
    let found = addresses(read.to());
    assert_eq!(found.len(), 50);
    for ((found, address), wanted) in found.iter().zip(&receivers) {
        assert_eq!(
            (found.as_deref(), address),
            (wanted.name(), &wanted.address())
        );
    }
    assert_eq!(read.subject().map(str::len), Some(MAX_SUBJECT));
}

#[test]
fn an_address_beyond_ascii_stands_in_the_header_as_it_is_and_asks_for_smtputf8() {
    let (from, receivers) = (to("a@example.com"), [to("Zoë <zoë@bücher.example>")]);
    let written = compose(&letter(&from, &receivers, "Grüße", "Grüße")).unwrap();
    let header = written.header();
    assert!(header.contains("<zoë@xn--bcher-kva.example>"), "{header}");
    assert_eq!(written.beyond_ascii(), Some("zoë@xn--bcher-kva.example"));
    let read = MessageParser::default().parse(written.bytes()).unwrap();
    assert_eq!(
        addresses(read.to()),
        [(
            Some("Zoë".to_owned()),
            "zoë@xn--bcher-kva.example".to_owned()
        )]
    );
    let plain = compose(&letter(&from, &[to("b@bücher.example")], "Grüße", "Grüße")).unwrap();
    assert_eq!(plain.beyond_ascii(), None);
    assert!(plain.bytes().is_ascii());
}

/// RFC 2047, 2: a line that holds an encoded word has at most 76 characters.
fn encoded_lines_are_short(written: &Composed) -> bool {
    let encoded = |line: &&str| line.contains("=?utf-8?");
    written
        .header()
        .split("\r\n")
        .filter(encoded)
        .all(|line| line.len() <= 76)
}

#[test]
fn no_body_can_end_the_message_or_begin_a_header() {
    let (from, receivers) = (to("a@example.com"), [to("b@example.com")]);
    for text in [
        "x\n.\nMAIL FROM:<eve@example.com>\n",
        "x\r.\rMAIL FROM:<eve@example.com>\r",
        "x\r\n.\r\nQUIT\r\n",
        "x\n.\r\nx\r\n.\nx\r.\nx",
        "\r\n\r\n--=_0192f5a0-example-com\r\nContent-Type: text/html\r\n\r\n<b>",
        &"long".repeat(5_000),
        "\0\u{1}",
        "=\r",
        "trailing  \t\r",
    ] {
        let written = compose(&letter(&from, &receivers, "x", text)).unwrap();
        let read = MessageParser::default().parse(written.bytes()).unwrap();
        assert_eq!(read.parts.len(), 1, "{text:?}");
        let found = unended(&read.body_text(0).unwrap());
        let wanted = text
            .replace("\r\n", "\n")
            .replace('\r', "\n")
            .replace('\0', "\u{fffd}");
        assert_eq!(found, unended(&wanted), "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_the_rules_accept_can_travel_and_reads_back(
        subject in "\\PC{1,200}|[ -~]{1,400}|.{1,80}",
        name in "\\PC{1,60}|[ -~]{1,60}",
        text in "(?s).{0,400}|[a\r\n. =]{0,60}",
        html in proptest::option::of("(?s).{0,200}"),
    ) {
        let Ok(subject) = one_line(&subject, MAX_SUBJECT) else { return Ok(()) };
        let Ok(from) = Mailbox::new(Some(&name), "ann@example.com") else { return Ok(()) };
        let text = body(&text).unwrap();
        let html = html.map(|html| body(&html).unwrap());
        let receivers = [to("bob@example.com")];
        let letter = Letter { html: html.as_deref(), ..letter(&from, &receivers, subject, &text) };
        let written = compose(&letter).unwrap();
        prop_assert!(encoded_lines_are_short(&written), "{}", written.header());
        let read = MessageParser::default().parse(written.bytes()).unwrap();
        // Runs of white space may be folded; nothing else may change.
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        if subject.is_ascii() {
            prop_assert_eq!(plain(read.subject().unwrap_or_default()), plain(subject));
        } else {
            prop_assert_eq!(read.subject(), Some(subject));
        }
        prop_assert_eq!(addresses(read.to()), [(None, "bob@example.com".to_owned())]);
        let (found, address) = addresses(read.from()).remove(0);
        prop_assert_eq!(address, "ann@example.com");
        prop_assert_eq!(found.as_deref(), from.name());
        prop_assert_eq!(unended(&read.body_text(0).unwrap_or_default()), unended(&text));
        if let Some(html) = html {
            prop_assert_eq!(unended(&read.body_html(0).unwrap_or_default()), unended(&html));
        }
    }
}
