//! The stop: who publishes does not wait for a slow target, and every client is told that its
//! connection ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::api::order;
use crate::support::scripted::{Scripted, answer};
use crate::support::{Herald, wait_until};

#[test]
fn while_deliveries_drain_readiness_is_gone_and_publishing_goes_on() {
    let mut herald = Herald::launch_with(&[("HERALD_DRAIN_SECONDS", "120")]);
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    // The first request is answered when the test says so, all others at once.
    let target = Scripted::start(move |_, stream| {
        let _ = released.lock().unwrap().recv();
        answer(stream, 204, "", b"")
    });
    let subscription = herald.subscribe(&target.url, &["ORDER_*"]);
    let under_way = herald.publish_event(&order(1));
    wait_until("the attempt to be under way", || target.ids().len() == 1);

    herald.signal("TERM");
    wait_until("readiness to be gone", || {
        herald.get("/readyz").status == 503
    });
    herald.get("/healthz").expect(200);
    let meanwhile: Vec<String> = (2..12).map(|n| herald.publish_event(&order(n))).collect();
    assert_eq!(target.ids(), [under_way.as_str()], "nothing new begins");
    drop(release);
    herald.ended();

    let recorded = herald.count("select count(*) from attempt where outcome = 'sent'");
    assert_eq!(recorded, 1, "what was under way is recorded");
    assert_eq!(herald.count("select count(*) from delivery"), 10);
    assert_eq!(
        herald.count("select count(*) from lane where closed_at is null"),
        0
    );
    herald.spawn();
    for event in &meanwhile {
        herald.delivery_in("sent", event, &subscription);
    }
    let audit = herald.settled();
    assert_eq!(audit["accepted"], 11);
    assert_eq!(target.ids().len(), 11, "none of them came twice");
}

/// Writes a request; answers the head that comes back.
fn exchange(stream: &mut TcpStream, herald: &Herald) -> std::io::Result<String> {
    let host = herald.client.address;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    while !head.ends_with(b"}") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8(head).unwrap().to_lowercase())
}

#[test]
fn after_sigterm_the_last_answer_on_a_connection_says_that_it_ends() {
    let mut herald = Herald::launch();
    let mut stream = TcpStream::connect(herald.client.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let before = exchange(&mut stream, &herald).unwrap();
    assert!(!before.contains("connection: close"), "{before}");
    herald.signal("TERM");
    // This client is never silent, so that its connection is not closed without a word.
    wait_until("the answer that tells", || {
        exchange(&mut stream, &herald)
            .expect("no connection is cut before it was told")
            .contains("connection: close")
    });
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    herald.ended();
}

#[test]
fn an_idle_connection_keeps_no_daemon_from_its_end() {
    let mut herald = Herald::launch();
    let mut idle = TcpStream::connect(herald.client.address).unwrap();
    exchange(&mut idle, &herald).unwrap();
    herald.terminate();
    let log = herald.log();
    assert!(log.contains("stopped; the rest waits"), "{log}");
}
