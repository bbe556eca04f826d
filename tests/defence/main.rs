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
mod rates;
mod roles;
mod slow;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

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
