//! What cannot be read of strangers' requests is counted, and fills no log.

use std::io::Write;

use crate::support::{Herald, wait_until};
use crate::{connect_from, head, is_served, read_to_end};

fn counted(herald: &Herald) -> [u64; 3] {
    let scrape = String::from_utf8(herald.get("/metrics").expect(200).body).unwrap();
    ["head", "large_head", "body"].map(|part| {
        let name = format!("herald_http_malformed_requests_total{{part=\"{part}\"}} ");
        let mut lines = scrape.lines();
        let value = lines.find_map(|line| line.strip_prefix(&name));
        value.unwrap().parse().unwrap()
    })
}

#[test]
fn malformed_requests_are_counted_and_not_logged() {
    let herald = Herald::launch();
    let to = herald.client.address;
    let send = |bytes: &[u8]| {
        let stream = connect_from(2, to);
        let _ = (&stream).write_all(bytes);
        read_to_end(&stream)
    };
    let before = herald.log();
    let heads: &[&[u8]] = &[
        // TLS: the first bytes of a ClientHello.
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n",
        b"G\xc3\x84T / HTTP/1.1\r\nhost: x\r\n\r\n",
    ];
    for bytes in heads {
        let told = send(bytes);
        assert!(told.starts_with("HTTP/1.1 400 "), "{told:?}");
        assert!(told.contains("\r\nrequest-id: req_"), "{told:?}");
        assert!(told.contains("urn:herald:problem:malformed"), "{told:?}");
    }
    let mut large = b"GET / HTTP/1.1\r\nhost: x\r\nx: ".to_vec();
    large.resize(200_000, b'a');
    assert!(send(&large).contains("urn:herald:problem:large-head"));
    let many = "x: y\r\n".repeat(200);
    send(format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n").as_bytes());
    // Chunks without a size, and with one that is too large for any number.
    let chunked = head(
        &herald,
        "POST /sign-in",
        None,
        "content-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\n",
    );
    for chunk in ["no size\r\n", "fffffffffffffffffff\r\n", "2\r\nabc\r\n"] {
        send(&[chunked.as_slice(), chunk.as_bytes()].concat());
    }
    let expected = [heads.len() as u64, 2, 3];
    wait_until("them to be counted", || counted(&herald) == expected);
    // Those who leave in the middle of it broke no rule.
    let token = Some(herald.admin_token.as_str());
    let body = head(&herald, "POST /v1/events", token, "content-length: 100\r\n");
    for bytes in [&b"GET / HT"[..], &body, &chunked] {
        // By a reset, which is what becomes of an answer that nobody reads.
        let stream = connect_from(2, to);
        let served = [&head(&herald, "GET /healthz", None, ""), bytes].concat();
        (&stream).write_all(&served).unwrap();
        stream.peek(&mut [0; 16]).unwrap();
        drop(stream);
        let stream = connect_from(2, to);
        (&stream).write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        read_to_end(&stream);
    }
    assert!(is_served(&herald, &connect_from(2, to)));
    assert_eq!(counted(&herald), expected);
    let after = herald.log();
    let new = after.strip_prefix(before.as_str()).unwrap();
    for level in ["ERROR", "WARN"] {
        assert!(!new.contains(level), "{new}");
    }
}
