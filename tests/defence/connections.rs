//! How many may be connected: from one address, and in all.

use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};

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
