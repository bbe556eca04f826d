//! Slow clients are cut off while others are served.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::api::order;
use crate::support::{Herald, wait_until};
use crate::{connect_from, dribble, read_to_end};

/// Bytes that never end, as far as a test is concerned.
const ENDLESS: [u8; 4_096] = [b'a'; 4_096];
const PAUSE: Duration = Duration::from_millis(50);
/// Slow clients of each kind.
const EACH: usize = 8;

fn herald(more: &[(&str, &str)]) -> Herald {
    let settings = [
        ("HERALD_HEAD_TIMEOUT_SECONDS", "1"),
        ("HERALD_SLOW_CLIENT_SECONDS", "1"),
        ("HERALD_MIN_BYTES_PER_SECOND", "100000"),
        ("HERALD_LOG", "info,herald::http=debug"),
    ];
    Herald::launch_with(&[&settings, more].concat())
}

/// Publishes until `over`; each event must be taken.
fn publish_until(herald: &Herald, over: &AtomicBool) -> u64 {
    let mut published = 0;
    while !over.load(Ordering::Relaxed) {
        published += 1;
        let body = order(published).to_string();
        herald.publish(body.as_bytes()).expect(202);
    }
    published
}

fn head_of(herald: &Herald, path: &str, more: &str) -> Vec<u8> {
    let method = if more.contains("content-length") {
        "POST"
    } else {
        "GET"
    };
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n{more}\r\n",
        herald.client.address, herald.admin_token
    )
    .into_bytes()
}

#[test]
fn slow_heads_bodies_and_readers_are_cut_off_while_others_are_served() {
    let herald = herald(&[]);
    let address = herald.client.address;
    let body = head_of(&herald, "/v1/events", "content-length: 1000000\r\n");
    let large = head_of(&herald, "/openapi.json", "");
    let over = AtomicBool::new(false);
    let readers: Vec<TcpStream> = (0..EACH).map(|_| connect_from(4, address)).collect();
    thread::scope(|scope| {
        let good = scope.spawn(|| publish_until(&herald, &over));
        let mut slow = Vec::new();
        for _ in 0..EACH {
            // A head that never ends.
            slow.push(scope.spawn(move || {
                let stream = connect_from(2, address);
                (&stream)
                    .write_all(b"GET /v1/events HTTP/1.1\r\nx: ")
                    .unwrap();
                dribble(&stream, &ENDLESS, PAUSE);
                read_to_end(&stream)
            }));
            // The second head of a connection, which began well.
            slow.push(scope.spawn(move || {
                let stream = connect_from(2, address);
                let first = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\n\r\nGET /v1");
                (&stream).write_all(first.as_bytes()).unwrap();
                dribble(&stream, &ENDLESS, PAUSE);
                read_to_end(&stream)
            }));
            let body = &body;
            slow.push(scope.spawn(move || {
                let stream = connect_from(3, address);
                (&stream).write_all(body).unwrap();
                dribble(&stream, &ENDLESS, PAUSE);
                read_to_end(&stream)
            }));
        }
        for reader in &readers {
            let large = &large;
            slow.push(scope.spawn(move || {
                // More answers than any buffer on the way holds; none is read.
                for _ in 0..2_000 {
                    if (&*reader).write_all(large).is_err() {
                        break;
                    }
                }
                String::new()
            }));
        }
        wait_until("the readers to be cut off", || {
            let log = herald.log();
            log.matches("it does not read its answer").count() >= EACH
        });
        let told: Vec<String> = slow.into_iter().map(|it| it.join().unwrap()).collect();
        over.store(true, Ordering::Relaxed);
        let timed_out = told.iter().filter(|it| it.contains(" 408 ")).count();
        let published = good.join().unwrap();
        println!(
            "{published} events published beside {} slow clients",
            told.len()
        );
        println!("{timed_out} of them were told that they are too slow");
        assert!(published > 0);
        let log = herald.log();
        let heads = log.matches("the head of its request is too slow").count();
        assert_eq!(heads, 2 * EACH);
    });
    // Whoever was cut off left nothing behind.
    herald.publish(order(0).to_string().as_bytes()).expect(202);
}

#[test]
fn a_slow_client_is_told_what_is_wrong() {
    let herald = herald(&[]);
    let stream = connect_from(2, herald.client.address);
    (&stream).write_all(b"GET /").unwrap();
    let told = read_to_end(&stream);
    assert!(
        told.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
        "{told}"
    );
    let stream = connect_from(2, herald.client.address);
    let head = head_of(&herald, "/v1/events", "content-length: 100\r\n");
    (&stream).write_all(&head).unwrap();
    (&stream).write_all(b"{").unwrap();
    let told = read_to_end(&stream);
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    assert!(told.contains("urn:herald:problem:timeout"), "{told}");
    assert!(told.contains("comes too slowly"), "{told}");
}

#[test]
fn an_idle_connection_is_closed_and_one_that_is_used_is_kept() {
    let herald = herald(&[("HERALD_IDLE_TIMEOUT_SECONDS", "2")]);
    let used = connect_from(2, herald.client.address);
    let idle = connect_from(3, herald.client.address);
    let never = connect_from(4, herald.client.address);
    let request = head_of(&herald, "/v1/events?limit=1", "");
    let ask = |mut stream: &TcpStream| {
        use std::io::Read;
        stream.write_all(&request).unwrap();
        let mut some = [0; 4_096];
        let bytes = stream.read(&mut some).unwrap();
        assert!(some[..bytes].starts_with(b"HTTP/1.1 200 "));
    };
    ask(&idle);
    let over = AtomicBool::new(false);
    let asked = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = 0;
            while !over.load(Ordering::Relaxed) {
                ask(&used);
                asked += 1;
                thread::sleep(PAUSE);
            }
            asked
        });
        assert_eq!([read_to_end(&idle), read_to_end(&never)], ["", ""]);
        over.store(true, Ordering::Relaxed);
        asking.join().unwrap()
    });
    ask(&used);
    println!("{asked} requests meanwhile on the one that is kept");
}

#[test]
fn a_large_body_at_a_fair_speed_is_read_however_long_it_takes() {
    // 300 kB at about 150 kB/s: twice as fast as must be, for longer than one may be slow.
    let herald = herald(&[("HERALD_MIN_BYTES_PER_SECOND", "20000")]);
    let filling = "x".repeat(300_000);
    let data = format!("{{\"id\":\"1\",\"filling\":\"{filling}\"}}");
    let body = format!("{{\"event_type\":\"ORDER_CREATED\",\"data\":{data}}}");
    let length = format!("content-length: {}\r\n", body.len());
    let stream = connect_from(2, herald.client.address);
    (&stream)
        .write_all(&head_of(&herald, "/v1/events", &length))
        .unwrap();
    for part in body.as_bytes().chunks(7_500) {
        (&stream).write_all(part).unwrap();
        thread::sleep(PAUSE);
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let told = read_to_end(&stream);
    assert!(told.starts_with("HTTP/1.1 202 "), "{told}");
}
