//! What comes from a mail server that does not keep to the rules, or from somebody in between.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::desk::{herald, herald_with, letter, mail_in, send, tried};
use crate::server::{MailServer, certificate};

/// What a server heard, all connections together.
type Heard = Arc<Mutex<Vec<String>>>;

/// A server that says to each command what `reply` makes of it, and greets by `220 mx`. What
/// follows DATA is one command, without its end. It ends with the test program.
fn scripted(reply: fn(&str) -> Vec<u8>) -> (u16, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Heard::default();
    let all = Arc::clone(&heard);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let heard = Arc::clone(&all);
            thread::spawn(move || converse(&stream.unwrap(), reply, &heard));
        }
    });
    (port, heard)
}

fn converse(stream: &TcpStream, reply: fn(&str) -> Vec<u8>, heard: &Heard) {
    let mut out = stream;
    let mut lines = BufReader::new(stream).split(b'\n');
    let mut say = |text: &[u8]| out.write_all(text).is_ok();
    if !say(b"220 mx\r\n") {
        return;
    }
    while let Some(Ok(line)) = lines.next() {
        let command = String::from_utf8_lossy(&line).trim_end().to_owned();
        heard.lock().unwrap().push(command.clone());
        let mut words = reply(&command);
        if command == "DATA" {
            if !say(b"354 go\r\n") {
                return;
            }
            for line in lines.by_ref() {
                if line.is_ok_and(|line| line == b".\r") {
                    break;
                }
            }
            words = reply("mail");
        }
        if !say(&words) {
            return;
        }
    }
}

fn commands(heard: &Heard, beginning: &str) -> usize {
    let heard = heard.lock().unwrap();
    heard.iter().filter(|it| it.starts_with(beginning)).count()
}

fn reply(mail: &Value) -> &str {
    mail["smtp_reply"].as_str().unwrap()
}

#[test]
fn replies_in_latin_1_are_read_so_that_a_mail_is_sent_once_and_a_refusal_is_one() {
    let (port, heard) = scripted(|command| {
        match command {
            it if it.starts_with("RCPT TO:<nobody") => &b"550 5.1.1 Empf\xe4nger unbekannt\r\n"[..],
            "mail" => b"250-2.0.0 F\xfcr Zustellung\r\n250 2.0.0 angenommen\r\n",
            _ => b"250 ok\r\n",
        }
        .to_vec()
    });
    let herald = herald(&format!("smtp://127.0.0.1:{port}"));
    let id = send(&herald.client, &letter(&["ann@example.com"], "x"));
    let mail = mail_in(&herald.client, "sent", &id);
    assert_eq!(reply(&mail), "250 2.0.0 Für Zustellung 2.0.0 angenommen");
    assert_eq!(
        (&mail["attempts"], commands(&heard, "DATA")),
        (&1.into(), 1)
    );
    let id = send(&herald.client, &letter(&["nobody@example.com"], "x"));
    let mail = mail_in(&herald.client, "failed", &id);
    assert_eq!(reply(&mail), "550 5.1.1 Empfänger unbekannt");
    assert_eq!(mail["attempts"], 1);
}

#[test]
fn a_reply_too_many_is_not_taken_for_the_answer_to_the_next_mail() {
    let (port, heard) = scripted(|command| match command {
        // Nobody asked for the second one.
        "mail" => b"250 taken\r\n250 and once more\r\n".to_vec(),
        it if it.starts_with("RCPT TO:<nobody") => b"550 5.1.1 unknown\r\n".to_vec(),
        _ => b"250 ok\r\n".to_vec(),
    });
    let herald = herald_with(
        &format!("smtp://127.0.0.1:{port}"),
        &[("HERALD_SMTP_CONNECTIONS", "1")],
    );
    for (to, state) in [("ann", "sent"), ("nobody", "failed"), ("bob", "sent")] {
        let to = format!("{to}@example.com");
        let id = send(&herald.client, &letter(&[&to], "x"));
        let mail = mail_in(&herald.client, state, &id);
        assert_eq!(mail["attempts"], 1, "{mail:#}");
    }
    assert_eq!(commands(&heard, "DATA"), 2);
}

#[test]
fn what_is_said_in_plain_after_the_consent_to_starttls_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, _) = certificate(folder.path());
    let (port, heard) = scripted(|command| match command {
        "STARTTLS" => b"220 go\r\n250-mx\r\n250 AUTH PLAIN\r\n".to_vec(),
        it if it.starts_with("EHLO") => b"250-mx\r\n250 STARTTLS\r\n".to_vec(),
        _ => b"250 ok\r\n".to_vec(),
    });
    let url = format!("smtp://localhost:{port}?tls=required");
    let herald = herald_with(&url, &[("HERALD_SMTP_CA_FILE", &cert)]);
    let id = send(&herald.client, &letter(&["ann@example.com"], "x"));
    let mail = tried(&herald.client, &id, 1);
    assert_eq!(mail["state"], "queued", "{mail:#}");
    assert!(
        reply(&mail).contains("cannot be encrypted: the mail server sent more than one reply"),
        "{mail:#}"
    );
    assert_eq!(commands(&heard, "STARTTLS"), 1);
    assert_eq!(commands(&heard, "MAIL"), 0);
}

#[test]
fn addresses_beyond_ascii_go_where_the_server_offers_smtputf8_and_are_refused_elsewhere() {
    let zoe = "Zoë <zoë@bücher.example>";
    let server = MailServer::with(&["--utf8"]);
    let fine = herald(&server.url());
    let id = send(&fine.client, &letter(&[zoe, "ann@example.com"], "Grüße"));
    let mail = mail_in(&fine.client, "sent", &id);
    assert_eq!(mail["to"][0], "Zoë <zoë@xn--bcher-kva.example>");
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        taken[0]["envelope_to"],
        serde_json::json!(["zoë@xn--bcher-kva.example", "ann@example.com"])
    );
    assert_eq!(taken[0]["to"][0][1], "zoë@xn--bcher-kva.example");
    assert_eq!(taken[0]["subject"], "Grüße");
    assert_eq!(taken[0]["options"], serde_json::json!(["SMTPUTF8"]));
    // Where letters beyond ASCII are only in the domain or the name, nothing is asked for.
    let id = send(&fine.client, &letter(&["Zoë <zoe@bücher.example>"], "x"));
    mail_in(&fine.client, "sent", &id);
    assert_eq!(server.taken()[1]["options"], serde_json::json!([]));

    let server = MailServer::start();
    let herald = herald(&server.url());
    let id = send(&herald.client, &letter(&[zoe], "x"));
    let mail = mail_in(&herald.client, "failed", &id);
    assert!(
        reply(&mail).contains("does not offer SMTPUTF8") && reply(&mail).contains("zoë@"),
        "{mail:#}"
    );
    assert_eq!((&mail["attempts"], server.taken().len()), (&1.into(), 0));
    // The connection is in order.
    let id = send(&herald.client, &letter(&["ann@example.com"], "x"));
    mail_in(&herald.client, "sent", &id);
}
