//! How many may be connected: from one address, and in all.

use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::support::api::order;
use crate::support::{Herald, wait_until};
use crate::{connect_from, head, is_served, read_to_end};

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

#[test]
fn the_address_with_the_most_connections_loses_and_known_callers_have_a_part_of_their_own() {
    let herald = Herald::launch_with(&[("HERALD_MAX_CONNECTIONS", "16")]);
    let to = herald.client.address;
    let few: Vec<TcpStream> = (0..2).map(|_| connect_from(3, to)).collect();
    let caller = connect_from(4, to);
    let token = Some(herald.admin_token.as_str());
    let asked = || {
        use std::io::Read;
        let list = head(&herald, "GET /v1/event-types?limit=1", token, "");
        let mut some = [0; 16_384];
        (&caller).write_all(&list).unwrap();
        let bytes = (&caller).read(&mut some).unwrap();
        some[..bytes].starts_with(b"HTTP/1.1 200 ")
    };
    assert!(asked());
    let flood: Vec<TcpStream> = (0..60)
        .map(|number| {
            let stream = connect_from(2, to);
            if number % 2 == 0 {
                let _ = (&stream).write_all(b"GET /");
            }
            stream
        })
        .collect();
    for last in [5, 6] {
        assert!(is_served(&herald, &connect_from(last, to)), "{last}");
    }
    assert!(asked(), "the known caller lost its connection");
    for stream in &few {
        assert!(is_served(&herald, stream), "the address with few lost one");
    }
    let scrape = String::from_utf8(herald.get("/metrics").expect(200).body).unwrap();
    let value = |name: &str| -> u64 {
        let line = scrape.lines().find(|line| line.starts_with(name));
        line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(value("herald_http_connections ") <= 16);
    assert!(value("herald_http_connections_known ") >= 1);
    assert!(value("herald_http_connections_sent_away_total{caller=\"unknown\"}") >= 48);
    assert_eq!(
        value("herald_http_connections_sent_away_total{caller=\"known\"}"),
        0
    );
    drop(flood);
}

#[test]
fn a_strangers_form_that_comes_slowly_is_sent_away_like_an_idle_connection() {
    let herald = Herald::launch_with(&[
        ("HERALD_MAX_CONNECTIONS", "8"),
        ("HERALD_LOG", "info,herald::http=debug"),
    ]);
    let to = herald.client.address;
    let more = "content-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n";
    let form = head(&herald, "POST /sign-in", None, more);
    let forms: Vec<TcpStream> = (0..7)
        .map(|_| {
            let stream = connect_from(2, to);
            (&stream).write_all(&form).unwrap();
            (&stream).write_all(b"email=").unwrap();
            stream
        })
        .collect();
    let others: Vec<TcpStream> = (3..9).map(|last| connect_from(last, to)).collect();
    for other in &others {
        assert!(is_served(&herald, other));
    }
    wait_until("forms to be sent away", || {
        herald.log().matches("another needs its place").count() >= 5
    });
    drop(forms);
}

#[test]
fn behind_a_proxy_each_client_counts_for_itself() {
    let herald = Herald::launch_with(&[
        ("HERALD_MAX_CONNECTIONS_PER_ADDRESS", "2"),
        ("HERALD_TRUSTED_PROXIES", "127.0.0.2/32"),
    ]);
    let to = herald.client.address;
    let form = |client: &str| {
        let more = format!(
            "content-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\
             x-forwarded-for: {client}\r\n"
        );
        let stream = connect_from(2, to);
        let head = head(&herald, "POST /sign-in", None, &more);
        (&stream).write_all(&head).unwrap();
        (&stream).write_all(b"email=").unwrap();
        stream
    };
    let mut held: Vec<TcpStream> = (0..2).map(|_| form("198.51.100.7")).collect();
    wait_until("its third request to be refused", || {
        let third = form("198.51.100.7");
        third
            .set_read_timeout(Some(std::time::Duration::from_millis(500)))
            .unwrap();
        let mut some = [0; 4_096];
        let bytes = std::io::Read::read(&mut &third, &mut some).unwrap_or(0);
        let told = String::from_utf8_lossy(&some[..bytes]).into_owned();
        told.starts_with("HTTP/1.1 429 ") && told.contains("problem:too-many-connections")
    });
    // Other clients of the proxy are served, on a connection that is used again and again.
    let stream = connect_from(2, to);
    for client in 1..9 {
        let more = format!("x-forwarded-for: 198.51.100.{client}0\r\n");
        let request = head(&herald, "GET /healthz", None, &more);
        let mut some = [0; 4_096];
        (&stream).write_all(&request).unwrap();
        let bytes = std::io::Read::read(&mut &stream, &mut some).unwrap();
        assert!(some[..bytes].starts_with(b"HTTP/1.1 200 "), "{client}");
    }
    // Who leaves makes room for the client's next request.
    held.pop();
    let more = "x-forwarded-for: 198.51.100.7\r\n";
    let request = head(&herald, "GET /healthz", None, more);
    wait_until("room for the client", || {
        let mut some = [0; 4_096];
        let stream = connect_from(2, to);
        (&stream).write_all(&request).unwrap();
        let bytes = std::io::Read::read(&mut &stream, &mut some).unwrap();
        some[..bytes].starts_with(b"HTTP/1.1 200 ")
    });
}

#[test]
fn the_bound_of_open_files_is_raised_for_the_connections() {
    let mut herald = Herald::launch_with(&[("HERALD_MAX_CONNECTIONS", "500")]);
    herald.terminate();
    let command = herald.command();
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -Sn 512 && exec \"$0\" serve"]);
    shell.arg(command.get_program()).stderr(Stdio::null());
    let given = command.get_envs();
    let mut child = shell
        .envs(given.filter_map(|(name, value)| Some((name, value?))))
        .env_remove("HERALD_CONFIG")
        .spawn()
        .unwrap();
    let bound = format!("/proc/{}/limits", child.id());
    wait_until("the bound to be raised", || {
        let text = std::fs::read_to_string(&bound).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("Max open files"));
        let soft = line.and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
        soft.is_some_and(|soft| soft == 1_524)
    });
    child.kill().unwrap();
    child.wait().unwrap();
}
