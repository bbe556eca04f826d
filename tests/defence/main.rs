//! What the HTTP server bears: slow clients and many, foreign hosts, too many requests; and what
//! is served on which address.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test ends at the first surprise, and prints its figures"
)]

#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod connections;
mod hosts;
mod hostile;
mod malformed;
mod publisher;
mod packed;
mod pipelined;
mod rates;
mod roles;
mod slow;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::json;

use support::Herald;
use support::api::text;
use support::client::Client;

/// Publishers' tokens of new accounts.
fn accounts(herald: &Herald, number: usize) -> Vec<String> {
    let token = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    let operator = Client {
        token: Some(token.trim().to_owned()),
        ..herald.client.clone()
    };
    let made = (0..number).map(|number| {
        let name = format!("account{number}");
        let account = json!({ "name": name });
        operator.post("/v1/accounts", &account).expect(201);
        let own = Client {
            account: Some(name),
            ..operator.clone()
        };
        let token = json!({ "title": "a publisher", "role": "publisher" });
        let made = own.post("/v1/tokens", &token).expect(201).json();
        text(&made["token"])
    });
    made.collect()
}

/// The head of a request, with more lines as they are on the wire.
fn head(herald: &Herald, what: &str, token: Option<&str>, more: &str) -> Vec<u8> {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    let token = token.unwrap_or_default();
    let host = herald.client.address;
    format!("{what} HTTP/1.1\r\nhost: {host}\r\n{token}{more}\r\n").into_bytes()
}

/// Asks after Herald's health on a connection; whether it is served.
fn is_served(herald: &Herald, mut stream: &TcpStream) -> bool {
    let request = head(herald, "GET /healthz", None, "");
    let mut some = [0; 4_096];
    let sent = stream.write_all(&request);
    let bytes = sent.and_then(|()| stream.read(&mut some)).unwrap_or(0);
    some[..bytes].starts_with(b"HTTP/1.1 200 ")
}

/// A connection from an address of this machine, so that clients can be told apart.
fn connect_from(last: u8, to: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        let from = Ipv4Addr::new(127, 0, 0, last);
        socket.bind((from, 0).into()).unwrap();
        let stream = socket.connect(to).await.unwrap();
        stream.into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    stream
}

/// Everything until the other side ends, in text. A reset is an end as well.
fn read_to_end(mut stream: &TcpStream) -> String {
    let mut all = Vec::new();
    let mut some = [0; 65_536];
    loop {
        match stream.read(&mut some) {
            Ok(0) => break,
            Ok(bytes) => all.extend_from_slice(&some[..bytes]),
            Err(error) => {
                let waited = matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                );
                assert!(!waited, "the connection is still open");
                break;
            }
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Sends bytes one by one until the other side hangs up.
fn dribble(mut stream: &TcpStream, bytes: &[u8], pause: Duration) {
    for byte in bytes {
        if stream.write_all(&[*byte]).is_err() {
            return;
        }
        std::thread::sleep(pause);
    }
}
