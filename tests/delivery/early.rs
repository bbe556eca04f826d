//! Receivers that answer before they have read the request. They are heard, whatever they do with
//! the rest of it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::tenant::Tenant;
use crate::support::wait_until;

/// What a receiver does after its answer.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// It closes. With bytes unread that is a reset.
    Closes,
    /// It says that it will send no more, and reads no more.
    ShutsDown,
    /// It keeps the connection and reads no more.
    StopsReading,
    /// It goes on reading after a while.
    ReadsOn,
}

/// A receiver with so little room that a large request cannot be sent before it is read.
fn receiver(answer: String, then: Then) -> (String, Arc<Mutex<Vec<u8>>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let listener = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        // One that reads on gets some more, so that it is not TCP that stops.
        let room = if matches!(then, Then::ReadsOn) {
            65_536
        } else {
            4_096
        };
        socket.set_recv_buffer_size(room).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.listen(16).unwrap().into_std().unwrap()
    });
    listener.set_nonblocking(false).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let body: Arc<Mutex<Vec<u8>>> = Arc::default();
    let read = Arc::clone(&body);
    thread::spawn(move || serve(&listener, &answer, then, &read));
    (url, body)
}

fn serve(listener: &TcpListener, answer: &str, then: Then, read: &Mutex<Vec<u8>>) {
    let mut kept = Vec::new();
    for mut stream in listener.incoming().flatten() {
        if answer_early(&mut stream, answer, then, read).is_ok() {
            kept.push(stream);
        }
    }
}

fn answer_early(
    stream: &mut TcpStream,
    answer: &str,
    then: Then,
    read: &Mutex<Vec<u8>>,
) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
    }
    stream.write_all(answer.as_bytes())?;
    match then {
        Then::Closes => {
            thread::sleep(Duration::from_millis(50));
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Then::ShutsDown => stream.shutdown(Shutdown::Write),
        Then::StopsReading => Ok(()),
        Then::ReadsOn => {
            let mut piece = [0; 65_536];
            while read.lock().unwrap().len() < LARGE + 2 {
                thread::sleep(Duration::from_millis(5));
                let count = stream.read(&mut piece)?;
                if count == 0 {
                    break;
                }
                read.lock().unwrap().extend_from_slice(&piece[..count]);
            }
            Ok(())
        }
    }
}

const LARGE: usize = 1_000_000;

/// Sends a large event. Returns its delivery once an attempt has ended.
fn deliver(url: &str) -> Value {
    let tenant = Tenant::new();
    let more = json!({ "retry_schedule": [3_600], "timeout_seconds": 5 });
    let id = tenant.admin.subscribe_with(url, &["*"], &more);
    let event = tenant.publisher.publish_event(&json!({
        "event_type": "STORE_ORDER_CREATED", "data": "x".repeat(LARGE)
    }));
    let mut delivery = Value::Null;
    wait_until("the attempt to end", || {
        delivery = tenant.viewer.delivery(&event, &id);
        !delivery["attempts"].as_array().unwrap().is_empty()
    });
    if delivery["attempts"][0]["response"]["status"] == 410 {
        wait_until("410 to disable the subscription", || {
            tenant.viewer.subscription(&id)["state"] == "disabled"
        });
        delivery = tenant.viewer.delivery_in("held", &event, &id);
    }
    delivery
}

#[test]
fn an_answer_before_the_end_of_the_request_is_heard() {
    let _running = Tenant::new();
    for then in [Then::Closes, Then::ShutsDown, Then::StopsReading] {
        for (status, fields, body, state) in [
            (410, "", "", "held"),
            (413, "", "too large", "retrying"),
            (429, "Retry-After: 7200\r\n", "", "retrying"),
            (200, "", "ok", "sent"),
            (204, "", "", "sent"),
        ] {
            let length = match status {
                204 => String::new(),
                _ => format!("Content-Length: {}\r\n", body.len()),
            };
            let answer =
                format!("HTTP/1.1 {status} X\r\n{fields}Connection: close\r\n{length}\r\n{body}");
            let (url, _) = receiver(answer, then);
            let delivery = deliver(&url);
            let attempt = &delivery["attempts"][0];
            let place = format!("{status}, {then:?}: {attempt:#}");
            assert_eq!(attempt["response"]["status"], status, "{place}");
            let kept = (!body.is_empty()).then_some(body);
            assert_eq!(attempt["response"]["body"], json!(kept), "{place}");
            assert_eq!(delivery["state"], state, "{place}");
            assert!(attempt["duration_ms"].as_i64().unwrap() < 3_000, "{place}");
            if status == 429 {
                let due = delivery["next_attempt_at"].as_str().unwrap();
                let ended = attempt["at"].as_str().unwrap();
                let wait = seconds(due) - seconds(ended);
                assert!(wait >= 7_190, "{wait} s from {ended} to {due}");
            }
        }
    }
}

fn seconds(time: &str) -> i64 {
    time.parse::<chrono::DateTime<chrono::Utc>>()
        .unwrap()
        .timestamp()
}

#[test]
fn a_receiver_that_says_yes_first_and_reads_afterwards_gets_all() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned();
    let (url, body) = receiver(answer, Then::ReadsOn);
    let delivery = deliver(&url);
    assert_eq!(delivery["state"], "sent", "{delivery:#}");
    wait_until("the receiver to read all", || {
        body.lock().unwrap().len() > LARGE
    });
}

#[test]
fn a_success_that_is_not_whole_before_the_receiver_closes_is_none() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok".to_owned();
    let (url, _) = receiver(answer, Then::Closes);
    let delivery = deliver(&url);
    assert_eq!(delivery["state"], "retrying", "{delivery:#}");
}
