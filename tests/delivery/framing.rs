//! Where an answer ends: interim answers, answers without a length, answers that break off, and
//! heads that other clients take. A delivery is never recorded with another delivery's answer.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::scripted::{Scripted, answer, close, hang};
use crate::support::tenant::Tenant;
use crate::support::wait_until;

/// A target, and from where each request came: which connection was used.
struct Target {
    scripted: Scripted,
    peers: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Target {
    /// Answers each request with these bytes; the connection stays open unless it `closes`.
    fn saying(bytes: impl Into<Vec<u8>>, closes: bool) -> Self {
        let bytes = bytes.into();
        let peers: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
        let seen = Arc::clone(&peers);
        let scripted = Scripted::start(move |_, stream| {
            seen.lock().unwrap().push(stream.peer_addr()?);
            stream.write_all(&bytes)?;
            if closes { close() } else { Ok(()) }
        });
        Self { scripted, peers }
    }

    /// Delivers twice, one after the other. Returns the attempts, and whether both went over the
    /// same connection.
    fn twice(&self) -> (Vec<Value>, bool) {
        let tenant = Tenant::new();
        let id = subscribe(&tenant, &self.scripted.url);
        let attempts = (0..2).map(|_| attempt(&tenant, &id)).collect();
        let peers = self.peers.lock().unwrap();
        (attempts, peers[0] == peers[1])
    }
}

fn subscribe(tenant: &Tenant, url: &str) -> String {
    let more = json!({ "retry_schedule": [], "timeout_seconds": 2 });
    tenant.admin.subscribe_with(url, &["*"], &more)
}

/// Publishes an event. Returns the only attempt at it.
fn attempt(tenant: &Tenant, id: &str) -> Value {
    let event = tenant.publish("STORE_ORDER_CREATED");
    let mut delivery = Value::Null;
    wait_until("the attempt to end", || {
        delivery = tenant.viewer.delivery(&event, id);
        delivery["state"] == "failed" || delivery["state"] == "sent"
    });
    let attempts = delivery["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "{delivery:#}");
    attempts[0].clone()
}

fn attempt_at(bytes: impl Into<Vec<u8>>, closes: bool) -> Value {
    let target = Target::saying(bytes, closes);
    let tenant = Tenant::new();
    attempt(&tenant, &subscribe(&tenant, &target.scripted.url))
}

#[test]
fn interim_answers_are_passed_over_and_the_next_delivery_gets_its_own_answer() {
    let target = Scripted::start(|request, stream| {
        if request.path == "/hinted" {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            stream.write_all(b"HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\n\r\n")?;
            thread::sleep(Duration::from_millis(300));
            answer(stream, 200, "", b"ok")
        } else {
            answer(stream, 500, "", b"broken")
        }
    });
    let tenant = Tenant::new();
    let hinted = subscribe(&tenant, &format!("{}hinted", target.url));
    let other = subscribe(&tenant, &target.url);
    let event = tenant.publish("STORE_ORDER_CREATED");
    let hinted = tenant.viewer.delivery_in("sent", &event, &hinted);
    assert_eq!(hinted["attempts"][0]["response"]["status"], 200);
    assert_eq!(hinted["attempts"][0]["response"]["body"], "ok");
    let other = tenant.viewer.delivery_in("failed", &event, &other);
    assert_eq!(other["attempts"][0]["response"]["status"], 500);
    assert_eq!(other["attempts"][0]["response"]["body"], "broken");
}

#[test]
fn interim_answers_alone_are_no_answer() {
    let _running = Tenant::new();
    let hints = "HTTP/1.1 103 Early Hints\r\n\r\n";
    let silent = attempt_at(hints, false);
    let error = text(&silent["error"]);
    assert!(error.contains("did not answer within 2.0 s"), "{error}");
    let many = attempt_at(hints.repeat(17), false);
    let error = text(&many["error"]);
    assert!(error.contains("more than 16 interim answers"), "{error}");
    let closed = attempt_at(hints, true);
    let error = text(&closed["error"]);
    assert!(
        error.contains("closed the connection before it answered"),
        "{error}"
    );
}

#[test]
fn another_protocol_is_a_failure_at_once() {
    let switched =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
    let attempt = attempt_at(switched, false);
    let error = text(&attempt["error"]);
    assert!(
        error.contains("switched to another protocol (101)"),
        "{error}"
    );
    assert!(
        attempt["duration_ms"].as_i64().unwrap() < 1_500,
        "{attempt:#}"
    );
}

#[test]
fn a_body_without_a_length_ends_with_the_connection_and_is_kept() {
    let _running = Tenant::new();
    let body = "table `orders` does not exist";
    for head in [
        "",
        "Connection: close\r\n",
        "Transfer-Encoding: identity\r\n",
    ] {
        let attempt = attempt_at(format!("HTTP/1.1 500 Oops\r\n{head}\r\n{body}"), true);
        assert_eq!(attempt["response"]["status"], 500, "{attempt:#}");
        assert_eq!(attempt["response"]["body"], body, "{head:?}");
    }
    // Its connection is still open: what another delivery gets there is its body, no answer.
    let target = Scripted::start(|request, stream| {
        if request.path == "/open" {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")?;
            thread::sleep(Duration::from_millis(300));
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
            return close();
        }
        answer(stream, 500, "", b"broken")
    });
    let tenant = Tenant::new();
    let open = subscribe(&tenant, &format!("{}open", target.url));
    let other = subscribe(&tenant, &target.url);
    let first = tenant.publish("STORE_ORDER_CREATED");
    thread::sleep(Duration::from_millis(100));
    let second = tenant.publish("STORE_ORDER_CREATED");
    for event in [&first, &second] {
        let open = tenant.viewer.delivery_in("sent", event, &open);
        let body = text(&open["attempts"][0]["response"]["body"]);
        assert!(body.starts_with("HTTP/1.1 200 OK"), "{body}");
        let other = tenant.viewer.delivery_in("failed", event, &other);
        assert_eq!(other["attempts"][0]["response"]["status"], 500);
    }
}

#[test]
fn a_success_that_breaks_off_is_never_sent() {
    let _running = Tenant::new();
    for (rest, words) in [
        ("Content-Length: 50\r\n\r\nhello", "5 of 50 bytes"),
        ("Transfer-Encoding: chunked\r\n\r\n", "last chunk"),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "last chunk",
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n50\r\nhello",
            "last chunk",
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            "last chunk",
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n",
            "malformed chunk",
        ),
        (
            "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            "that differ",
        ),
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "both",
        ),
    ] {
        let attempt = attempt_at(format!("HTTP/1.1 200 OK\r\n{rest}"), true);
        assert_eq!(attempt["outcome"], "failed", "{rest:?}: {attempt:#}");
        let error = text(&attempt["error"]);
        assert!(error.contains(words), "{rest:?}: {error}");
    }
}

#[test]
fn the_status_of_an_error_counts_though_its_body_breaks_off_or_hangs() {
    let _running = Tenant::new();
    for (rest, closes, words) in [
        ("Content-Length: 50\r\n\r\nhello", true, "5 of 50 bytes"),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            true,
            "last chunk",
        ),
        (
            "Content-Length: 50\r\n\r\nhello",
            false,
            "did not finish its answer",
        ),
        ("\r\nhello", false, "did not finish its answer"),
    ] {
        let target = Target::saying(format!("HTTP/1.1 410 Gone\r\n{rest}"), closes);
        let tenant = Tenant::new();
        let id = subscribe(&tenant, &target.scripted.url);
        let event = tenant.publish("STORE_ORDER_CREATED");
        wait_until("410 to disable the subscription", || {
            tenant.viewer.subscription(&id)["state"] == "disabled"
        });
        let mut attempts = Value::Null;
        wait_until("the attempt to be recorded", || {
            attempts = tenant.viewer.delivery(&event, &id)["attempts"].clone();
            !attempts.as_array().unwrap().is_empty()
        });
        let attempt = &attempts[0];
        assert_eq!(attempt["response"]["status"], 410, "{rest:?}: {attempt:#}");
        assert_eq!(
            attempt["response"]["body"], "hello",
            "{rest:?}: {attempt:#}"
        );
        let error = text(&attempt["error"]);
        assert!(
            error.starts_with("The target answered 410 (Gone)."),
            "{error}"
        );
        assert!(error.contains(words), "{rest:?}: {error}");
    }
}

#[test]
fn no_content_and_not_modified_end_with_the_head_whatever_it_says() {
    let _running = Tenant::new();
    for (fields, kept) in [
        ("", true),
        ("Content-Length: 5\r\n", false),
        ("Transfer-Encoding: chunked\r\n", false),
    ] {
        for (status, outcome) in [(204, "sent"), (304, "failed")] {
            let target = Target::saying(format!("HTTP/1.1 {status} X\r\n{fields}\r\n"), false);
            let (attempts, same) = target.twice();
            for attempt in attempts {
                assert_eq!(attempt["outcome"], outcome, "{fields:?}: {attempt:#}");
                assert_eq!(attempt["response"]["status"], status);
            }
            assert_eq!(same, kept, "{status} {fields:?}");
        }
    }
    // 205 follows its framing.
    let reset = Target::saying("HTTP/1.1 205 Reset\r\nContent-Length: 4\r\n\r\nform", false);
    let (attempts, same) = reset.twice();
    assert_eq!(attempts[1]["response"]["body"], "form");
    assert!(same);
}

#[test]
fn a_connection_is_used_again_only_where_the_answer_ended_in_sight() {
    let _running = Tenant::new();
    for (bytes, kept) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
            false,
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false),
    ] {
        let (attempts, same) = Target::saying(bytes, false).twice();
        for attempt in attempts {
            assert_eq!(attempt["outcome"], "sent", "{bytes:?}: {attempt:#}");
        }
        assert_eq!(same, kept, "{bytes:?}");
    }
}

#[test]
fn heads_that_other_clients_take_are_taken_up_to_200_fields_and_64_kib() {
    let _running = Tenant::new();
    let folded = attempt_at(
        "HTTP/1.1 200 OK\r\nX-Folded: one\r\n two\r\n\tthree\r\nContent-Length: 2\r\n\r\nok",
        false,
    );
    assert_eq!(folded["outcome"], "sent", "{folded:#}");
    let fields = folded["response"]["headers"].as_array().unwrap();
    let known = json!({ "name": "x-folded", "value": "one two three" });
    assert!(fields.contains(&known), "{fields:?}");

    let fields = |count: usize| {
        (0..count)
            .map(|n| format!("X-{n}: 1\r\n"))
            .collect::<String>()
    };
    let long = |length: usize| format!("X-Long: {}\r\n", "x".repeat(length));
    for (name, fields, words) in [
        ("200 fields", fields(199), None),
        (
            "201 fields",
            fields(200),
            Some("more than 200 header fields"),
        ),
        ("64 KiB", long(65_000), None),
        (
            "more than 64 KiB",
            long(66_000),
            Some("more than 65536 bytes"),
        ),
        (
            "two equal lengths",
            "Content-Length: 2\r\n".to_owned(),
            None,
        ),
        ("a space before a colon", "X-A : b\r\n".to_owned(), None),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok");
        let attempt = attempt_at(head, false);
        let error = attempt["error"].as_str().unwrap_or_default();
        match words {
            None => assert_eq!(attempt["outcome"], "sent", "{name}: {error}"),
            Some(words) => assert!(error.contains(words), "{name}: {error}"),
        }
    }
}

#[test]
fn the_host_field_carries_the_port() {
    let target = Scripted::answering(200, "");
    let tenant = Tenant::new();
    let id = subscribe(&tenant, &target.url);
    assert_eq!(attempt(&tenant, &id)["outcome"], "sent");
    let requests = target.requests();
    let host = &requests[0].headers["host"];
    assert_eq!(format!("http://{host}/"), target.url);
}

#[test]
fn an_answer_in_single_bytes_is_read_as_one() {
    let target = Scripted::start(|_, stream| {
        let answer = b"HTTP/1.1 103 X\r\n\r\nHTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n\
                       2\r\nok\r\n0\r\n\r\n";
        for byte in answer {
            stream.write_all(&[*byte])?;
            thread::sleep(Duration::from_millis(2));
        }
        hang(stream)
    });
    let tenant = Tenant::new();
    let attempt = attempt(&tenant, &subscribe(&tenant, &target.url));
    assert_eq!(attempt["response"]["status"], 500, "{attempt:#}");
    assert_eq!(attempt["response"]["body"], "ok");
}
