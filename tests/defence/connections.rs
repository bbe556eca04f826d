//! How many may be connected: from one address, and in all.

use std::io::Write;
use std::net::TcpStream;

use crate::support::api::order;
use crate::support::{Herald, wait_until};
use crate::{connect_from, read_to_end};

#[test]
fn one_address_cannot_take_all_connections() {
    let herald = Herald::launch_with(&[("HERALD_MAX_CONNECTIONS_PER_ADDRESS", "5")]);
    let to = herald.client.address;
    let mut held: Vec<TcpStream> = (0..5).map(|_| connect_from(2, to)).collect();
    let refused = read_to_end(&connect_from(2, to));
    assert!(
        refused.starts_with("HTTP/1.1 429 Too Many Requests\r\n"),
        "{refused}"
    );
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    assert!(refused.contains("application/problem+json"), "{refused}");
    assert!(refused.contains("max_connections_per_address"), "{refused}");
    // Others are served, and who leaves makes room.
    herald.publish(order(1).to_string().as_bytes()).expect(202);
    held.pop();
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n\r\n");
    wait_until("a place for the next one", || {
        let stream = connect_from(2, to);
        let _ = (&stream).write_all(request.as_bytes());
        read_to_end(&stream).starts_with("HTTP/1.1 200 ")
    });
}

#[test]
fn a_proxy_that_is_trusted_may_have_more() {
    let herald = Herald::launch_with(&[
        ("HERALD_MAX_CONNECTIONS_PER_ADDRESS", "2"),
        ("HERALD_TRUSTED_PROXIES", "127.0.0.2/32"),
    ]);
    let to = herald.client.address;
    let _held: Vec<TcpStream> = (0..10).map(|_| connect_from(2, to)).collect();
    let stream = connect_from(2, to);
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n\r\n");
    (&stream).write_all(request.as_bytes()).unwrap();
    let answer = read_to_end(&stream);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn when_all_places_are_taken_those_without_a_request_make_room() {
    let herald = Herald::launch_with(&[
        ("HERALD_MAX_CONNECTIONS", "8"),
        ("HERALD_LOG", "info,herald::http=debug"),
    ]);
    let to = herald.client.address;
    // A flood of connections that say nothing, or begin a request.
    let flood: Vec<TcpStream> = (0..40)
        .map(|number| {
            let stream = connect_from(2, to);
            if number % 2 == 0 {
                let _ = (&stream).write_all(b"GET /");
            }
            stream
        })
        .collect();
    for number in 0..20 {
        herald
            .publish(order(number).to_string().as_bytes())
            .expect(202);
    }
    wait_until("the first of the flood to be sent away", || {
        herald.log().matches("another needs its place").count() >= 32
    });
    let first = read_to_end(&flood[0]);
    assert!(
        first.is_empty() || first.starts_with("HTTP/1.1 408 "),
        "{first}"
    );
}
