//! Targets that answer late, too much, nonsense or not at all: one deadline bounds each attempt,
//! its answer is read to 16 KiB, and what went wrong is told in words.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::receiver::Receiver;
use crate::support::scripted::{Scripted, answer, close, hang};
use crate::support::tenant::Tenant;
use crate::support::wait_until;

/// Sends one event to each target; answers the only attempt at each, in their order.
fn attempts_at(targets: &[&str]) -> Vec<Value> {
    let tenant = Tenant::new();
    let more = json!({ "retry_schedule": [], "timeout_seconds": 1 });
    let subscribe = |url: &&str| tenant.admin.subscribe_with(url, &["*"], &more);
    let ids: Vec<String> = targets.iter().map(subscribe).collect();
    let event = tenant.publish("STORE_ORDER_CREATED");
    let attempt = |id: &String| {
        let mut ended = Value::Null;
        wait_until("the attempt to end", || {
            ended = tenant.viewer.delivery(&event, id);
            ended["state"] == "failed" || ended["state"] == "sent"
        });
        assert_eq!(ended["attempts"].as_array().unwrap().len(), 1, "{ended:#}");
        assert_eq!(ended["last_error"], ended["attempts"][0]["error"]);
        ended["attempts"][0].clone()
    };
    ids.iter().map(attempt).collect()
}

/// Sends one event to a target that answers with these bytes and closes.
fn attempt_at_raw(bytes: impl Into<Vec<u8>>) -> Value {
    let bytes = bytes.into();
    let target = Scripted::start(move |_, stream| {
        stream.write_all(&bytes)?;
        close()
    });
    attempts_at(&[&target.url]).remove(0)
}

fn drip(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte])?;
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

#[test]
fn one_deadline_bounds_connect_head_and_body() {
    let silent = Scripted::start(|_, stream| hang(stream));
    let half_a_head = Scripted::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le")?;
        hang(stream)
    });
    let half_a_body = Scripted::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")?;
        hang(stream)
    });
    let dripping_head =
        Scripted::start(|_, stream| drip(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    let dripping_body = Scripted::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")?;
        drip(stream, &[b'x'; 100])
    });
    let attempts = attempts_at(&[
        &silent.url,
        &half_a_head.url,
        &half_a_body.url,
        &dripping_head.url,
        &dripping_body.url,
    ]);
    let head = "The target did not answer within 1.0 s.";
    let body = "The target did not finish its answer within 1.0 s.";
    for (attempt, words) in attempts.iter().zip([head, head, body, head, body]) {
        let error = text(&attempt["error"]);
        assert!(error.starts_with(words), "{error}");
        let took = attempt["duration_ms"].as_i64().unwrap();
        assert!((1_000..1_500).contains(&took), "{took} ms");
        assert_eq!(attempt["outcome"], "failed");
    }
}

#[test]
fn of_a_huge_answer_16_kib_are_read_and_no_more() {
    const HUGE: usize = 100 << 20;
    let written = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&written);
    let target = Scripted::start(move |_, stream| {
        write!(stream, "HTTP/1.1 500 X\r\ncontent-length: {HUGE}\r\n\r\n")?;
        let piece = [b'y'; 4_096];
        for _ in 0..HUGE / piece.len() {
            stream.write_all(&piece)?;
            counted.fetch_add(4_096, Ordering::Relaxed);
        }
        Ok(())
    });
    let attempt = attempts_at(&[&target.url]).remove(0);
    let response = &attempt["response"];
    assert_eq!(response["body"], "y".repeat(16 << 10));
    assert_eq!(response["truncated"], true);
    assert_eq!(
        attempt["error"],
        "The target answered 500 (Internal Server Error). See the receiver's log for its fault."
    );
    let written = written.load(Ordering::Relaxed);
    println!("of {HUGE} bytes the target could write {written}");
    // What stands beyond is in the sockets' buffers.
    assert!(written < 12 << 20, "{written} bytes were taken");
}

#[test]
fn an_answer_of_exactly_16_kib_is_whole_and_one_byte_more_is_cut() {
    let body = |length: usize| {
        Scripted::start(move |_, stream| answer(stream, 500, "", &vec![b'z'; length]))
    };
    let (whole, more) = (body(16 << 10), body((16 << 10) + 1));
    let attempts = attempts_at(&[&whole.url, &more.url]);
    for (attempt, truncated) in attempts.iter().zip([false, true]) {
        assert_eq!(
            attempt["response"]["body"].as_str().unwrap().len(),
            16 << 10
        );
        assert_eq!(attempt["response"]["truncated"], truncated);
    }
}

#[test]
fn answers_that_are_no_text_are_kept_as_far_as_they_are() {
    let bytes = Scripted::start(|_, stream| {
        answer(
            stream,
            500,
            "x-odd: caf\u{e9}\r\n",
            b"a\xff\x00\x1b[2Jb\xe2\x82",
        )
    });
    let attempt = attempts_at(&[&bytes.url]).remove(0);
    assert_eq!(
        attempt["response"]["body"],
        "a\u{fffd}\u{0}\u{1b}[2Jb\u{fffd}"
    );
    let nul = attempt_at_raw("HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n");
    assert!(text(&nul["error"]).contains("not valid HTTP"), "{nul:#}");
}

#[test]
fn a_thousand_headers_are_refused_or_bounded() {
    let many: String = (0..1_000).map(|n| format!("x-{n}: {n}\r\n")).collect();
    let attempt = attempt_at_raw(format!("HTTP/1.1 500 X\r\n{many}content-length: 0\r\n\r\n"));
    println!("1,000 headers: {}", attempt["error"]);
    assert!(!text(&attempt["error"]).is_empty());
    assert!(attempt.to_string().len() < 32 << 10);
}

#[test]
fn malformed_and_empty_answers_are_told_in_words() {
    for (bytes, words) in [
        ("nonsense\r\n\r\n", "not valid HTTP"),
        ("HTTP/1.1 abc OK\r\n\r\n", "not valid HTTP"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "not valid HTTP",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-le", "closed the connection"),
        ("", "closed the connection"),
    ] {
        let attempt = attempt_at_raw(bytes);
        let error = text(&attempt["error"]);
        println!("{bytes:?}: {error}");
        assert_eq!(attempt["outcome"], "failed", "{bytes:?}");
        assert!(error.contains(words), "{bytes:?}: {error}");
    }
    let old = attempt_at_raw("HTTP/1.0 200 OK\r\n\r\nuntil the end");
    assert_eq!(old["response"]["body"], "until the end", "{old:#}");
    let bare = attempt_at_raw("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    assert_eq!(bare["outcome"], "sent", "{bare:#}");
}

#[test]
fn an_answer_that_is_shorter_than_it_promised_is_no_success() {
    for answer in [
        "content-length: 10\r\n\r\nhalf",
        "content-length: 10\r\n\r\n",
    ] {
        let attempt = attempt_at_raw(format!("HTTP/1.1 200 OK\r\n{answer}"));
        let error = text(&attempt["error"]);
        println!("{answer:?}: {error}");
        assert!(error.contains("in the middle of its answer"), "{error}");
    }
    let nonsense = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab";
    println!("{}", attempt_at_raw(nonsense)["error"]);
    assert_eq!(attempt_at_raw(nonsense)["outcome"], "failed");
}

#[test]
fn refused_reset_and_closed_connections_are_told_in_words() {
    let refused = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused_url = format!("http://{}/", refused.local_addr().unwrap());
    drop(refused);
    let closed = Scripted::start(|_, _| close());
    let reset = Receiver::start(&["--fail", "reset"]);
    let attempts = attempts_at(&[&refused_url, &closed.url, &reset.url]);
    let words = attempts
        .iter()
        .map(|it| text(&it["error"]))
        .collect::<Vec<_>>();
    println!("{words:#?}");
    assert!(words[0].contains("Nothing accepts connections at 127.0.0.1:"));
    assert!(words[1].contains("closed the connection before it answered"));
    assert!(words[2].contains("reset the connection before it answered"));
}
