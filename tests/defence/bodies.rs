//! How large and how slow the body of a request may be, and what bodies may take together.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::api::order;
use crate::support::{Herald, wait_until};
use crate::{accounts, connect_from, head, read_to_end};

#[test]
fn a_batch_may_be_as_large_as_the_operator_permits() {
    let herald = Herald::launch_with(&[("HERALD_MAX_BODY_BYTES", "1048576")]);
    let line = format!("{}\n", order(1));
    let fits = line.repeat(10);
    herald
        .send("POST", "/v1/events/batch", &[], fits.as_bytes())
        .expect(202);
    let large = format!("{{\"a\":\"{}\"}}\n", "x".repeat(500_000)).repeat(3);
    for path in ["/v1/events/batch", "/v1/activities/batch"] {
        let refused = herald.send("POST", path, &[], large.as_bytes()).expect(413);
        assert!(refused.detail().contains("1 MiB"), "{}", refused.detail());
    }
}

#[test]
fn forms_that_everybody_may_send_are_small() {
    let herald = Herald::launch();
    for path in ["/sign-in", "/reset", "/reset/x", "/invitation/x"] {
        // By what is announced, and by what comes.
        for (more, body) in [
            ("content-length: 16385\r\n", String::new()),
            (
                "transfer-encoding: chunked\r\n",
                format!("4001\r\n{}\r\n0\r\n\r\n", "x".repeat(0x4001)),
            ),
        ] {
            let more = format!(
                "content-type: application/x-www-form-urlencoded\r\nconnection: close\r\n{more}"
            );
            let stream = connect_from(2, herald.client.address);
            let form = head(&herald, &format!("POST {path}"), None, &more);
            (&stream).write_all(&form).unwrap();
            (&stream).write_all(body.as_bytes()).unwrap();
            let told = read_to_end(&stream);
            assert!(told.starts_with("HTTP/1.1 413 "), "{path}: {told}");
            assert!(told.contains("16 KiB"), "{path}: {told}");
        }
    }
}

/// Begins a body of 1 MB, of which so many bytes come.
fn begin(herald: &Herald, from: u8, token: &str, bytes: usize) -> TcpStream {
    let stream = connect_from(from, herald.client.address);
    let head = head(
        herald,
        "POST /v1/events",
        Some(token),
        "content-length: 1000000\r\nconnection: close\r\n",
    );
    (&stream).write_all(&head).unwrap();
    (&stream).write_all(&vec![b' '; bytes]).unwrap();
    stream
}

/// The room is 4 MiB, of which an account or an address may have 2 MiB.
fn herald(more: &[(&str, &str)]) -> Herald {
    let settings = [
        ("HERALD_MAX_BODY_BYTES", "1048576"),
        ("HERALD_MIN_BYTES_PER_SECOND", "1000"),
    ];
    Herald::launch_with(&[&settings, more].concat())
}

#[test]
fn an_account_that_takes_its_part_of_the_room_waits_and_others_do_not() {
    let herald = herald(&[("HERALD_SLOW_CLIENT_SECONDS", "3")]);
    let tokens = accounts(&herald, 2);
    let held = [2, 3].map(|from| begin(&herald, from, &tokens[0], 980_000));
    // They are read before the next one comes.
    thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    let third = begin(&herald, 4, &tokens[0], 300_000);
    let mut other = begin(&herald, 5, &tokens[1], 0);
    let event = format!(
        "{{\"event_type\":\"ORDER_CREATED\",\"data\":{{\"x\":\"{}\"}}}}",
        "x".repeat(700_000)
    );
    other.write_all(event.as_bytes()).unwrap();
    other
        .write_all(&vec![b' '; 1_000_000 - event.len()])
        .unwrap();
    let mut some = [0; 1_024];
    let bytes = other.read(&mut some).unwrap();
    assert!(some[..bytes].starts_with(b"HTTP/1.1 202 "));
    println!("another account's: {:?}", begun.elapsed());
    let told = read_to_end(&third);
    println!("refused after {:?}", begun.elapsed());
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    assert!(told.contains("\r\nretry-after: 1\r\n"), "{told}");
    assert!(told.contains("send fewer large ones at once"), "{told}");
    drop(held);
    // What they held is given back.
    wait_until("room", || {
        let third = begin(&herald, 4, &tokens[0], 1_000_000);
        read_to_end(&third).starts_with("HTTP/1.1 400 ")
    });
}

#[test]
fn when_the_room_is_full_the_oldest_body_of_whoever_has_more_makes_room() {
    let herald = herald(&[]);
    let tokens = accounts(&herald, 3);
    let mut held = Vec::new();
    for (token, from) in [(0, 2), (0, 2), (1, 3), (1, 3)] {
        held.push(begin(&herald, from, &tokens[token], 980_000));
        thread::sleep(Duration::from_millis(300));
    }
    let newcomer = begin(&herald, 4, &tokens[2], 1_000_000);
    let told = read_to_end(&held[0]);
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    assert!(told.contains("Others need the room"), "{told}");
    let told = read_to_end(&newcomer);
    assert!(told.starts_with("HTTP/1.1 400 "), "{told}");
    for held in &mut held[1..] {
        held.write_all(&[b' '; 20_000]).unwrap();
        let told = read_to_end(held);
        assert!(told.starts_with("HTTP/1.1 400 "), "{told}");
    }
}

#[test]
fn bodies_larger_than_the_room_together_are_all_read() {
    let herald = herald(&[("HERALD_SLOW_CLIENT_SECONDS", "60")]);
    let filling = "x".repeat(900_000);
    let event = format!("{{\"event_type\":\"ORDER_CREATED\",\"data\":{{\"x\":\"{filling}\"}}}}");
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| herald.publish(event.as_bytes()).expect(202));
        }
    });
}

/// Processor time of the daemon so far.
fn cpu(herald: &Herald) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", herald.pid())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields = fields.split(' ').skip(11).take(2);
    let ticks: u64 = fields.map(|it| it.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

#[test]
fn tiny_chunks_cost_no_more_than_their_bytes() {
    let herald = Herald::launch();
    let filling = "x".repeat(300_000);
    let event = format!("{{\"event_type\":\"ORDER_CREATED\",\"data\":{{\"x\":\"{filling}\"}}}}");
    let send = |body: &[u8]| {
        let token = Some(herald.admin_token.as_str());
        let more = "transfer-encoding: chunked\r\nconnection: close\r\n";
        let stream = connect_from(2, herald.client.address);
        let head = head(&herald, "POST /v1/events", token, more);
        let before = cpu(&herald);
        (&stream).write_all(&head).unwrap();
        (&stream).write_all(body).unwrap();
        (&stream).write_all(b"0\r\n\r\n").unwrap();
        let told = read_to_end(&stream);
        assert!(told.starts_with("HTTP/1.1 202 "), "{told}");
        cpu(&herald) - before
    };
    let mut whole = format!("{:x}\r\n", event.len()).into_bytes();
    whole.extend_from_slice(event.as_bytes());
    whole.extend_from_slice(b"\r\n");
    let mut tiny = Vec::new();
    for byte in event.bytes() {
        tiny.extend_from_slice(&[b'1', b'\r', b'\n', byte, b'\r', b'\n']);
    }
    send(&whole);
    let whole = (send(&whole), whole.len());
    let tiny = (send(&tiny), tiny.len());
    println!(
        "{} bytes in one chunk: {:?}; {} bytes in chunks of one: {:?}",
        whole.1, whole.0, tiny.1, tiny.0
    );
    // An unoptimised build beside other work: 5 µs a byte on the wire.
    assert!(tiny.0 < Duration::from_micros(5 * tiny.1 as u64));
}
