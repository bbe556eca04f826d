//! Clients that send many requests before they read an answer.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use crate::support::Herald;
use crate::{connect_from, head, read_to_end};

#[test]
fn clients_that_read_nothing_hold_little_memory() {
    const READERS: u64 = 64;
    let herald = Herald::launch();
    let large = head(&herald, "GET /openapi.json", None, "");
    // What the server would take apart at once, if it got it: its answers are the largest, or
    // there are as many requests as fit into the largest head.
    let kinds = [
        ("large answers", large.repeat(100)),
        (
            "short requests",
            [large, b"GET / HTTP/1.1\r\n\r\n".repeat(7_000)].concat(),
        ),
    ];
    for (kind, request) in kinds {
        let ask = || {
            let stream = connect_from(2, herald.client.address);
            stream.set_nonblocking(true).unwrap();
            // As much as it takes.
            let _ = (&stream).write(&request);
            stream
        };
        let _warm = ask();
        thread::sleep(Duration::from_millis(500));
        let before = herald.memory();
        let readers: Vec<TcpStream> = (0..READERS).map(|_| ask()).collect();
        thread::sleep(Duration::from_secs(2));
        let grown = herald.memory().saturating_sub(before);
        println!("{kind}: {grown} KiB, {} KiB each", grown / READERS);
        assert!(grown < READERS * 64, "{kind}: {grown} KiB");
        drop(readers);
    }
}

/// Requests that come together are answered one after the other, in their order, whatever their
/// bodies look like.
#[test]
fn requests_that_come_together_are_all_answered_in_their_order() {
    let herald = Herald::launch();
    let token = Some(herald.client.token.as_deref().unwrap());
    let lines = "\r\n\n".repeat(40);
    let event = format!("{{\"event_type\":\"ORDER_CREATED\",\"data\":{{}}}}{lines}");
    let length = format!("content-length: {}\r\n", event.len());
    let publish = |more: &str, body: String| {
        let mut request = head(&herald, "POST /v1/events", token, more);
        request.extend_from_slice(body.as_bytes());
        request
    };
    let kinds = [
        (head(&herald, "GET /healthz", None, ""), "200"),
        (publish(&length, event.clone()), "202"),
        (head(&herald, "GET /openapi.json", None, ""), "200"),
        (
            publish(
                "transfer-encoding: chunked\r\n",
                format!("{:x}\r\n{event}\r\n0\r\n\r\n", event.len()),
            ),
            "202",
        ),
        (head(&herald, "GET /nothing", None, ""), "404"),
    ];
    let stream = connect_from(3, herald.client.address);
    let sent: Vec<&(Vec<u8>, &str)> = kinds.iter().cycle().take(200).collect();
    let mut all: Vec<u8> = sent
        .iter()
        .flat_map(|(request, _)| request.clone())
        .collect();
    all.extend(head(&herald, "GET /healthz", None, "connection: close\r\n"));
    let writer = stream.try_clone().unwrap();
    let writes = thread::spawn(move || {
        // In pieces of any size.
        let mut rest = all.as_slice();
        for size in [1, 20, 400, 3_000, 17, 50_000].into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, more) = rest.split_at(rest.len().min(size));
            (&writer).write_all(piece).unwrap();
            rest = more;
        }
    });
    let answers = read_to_end(&stream);
    writes.join().unwrap();
    let statuses: Vec<&str> = answers
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| &answer[..3])
        .collect();
    let mut expected: Vec<&str> = sent.iter().map(|(_, status)| *status).collect();
    expected.push("200");
    assert_eq!(statuses, expected);
    let _ = stream.shutdown(Shutdown::Both);
}
