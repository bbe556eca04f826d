//! Two daemons on one database.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::Herald;
use crate::support::api::order;
use crate::support::receiver::Receiver;
use crate::support::scripted::Scripted;
use crate::support::wait_until;

#[test]
fn a_pause_at_one_daemon_is_obeyed_by_the_other_within_two_seconds() {
    let herald = Herald::launch();
    let other = herald.launch_beside();
    let target = Scripted::answering(200, "");
    let id = herald.subscribe(&target.url, &["*"]);
    let event = other.publish_event(&order(0));
    other.delivery_in("sent", &event, &id);
    let begin = Instant::now();
    other.switch(&id, "pause");
    let held = herald.publish_event(&order(1));
    herald.delivery_in("held", &held, &id);
    let resumed = herald.switch(&id, "resume");
    assert_eq!(resumed["state"], "enabled");
    herald.delivery_in("sent", &held, &id);
    other.switch(&id, "pause");
    // Every event published after the switch was answered is matched as paused, at once.
    let late: Vec<String> = (0..50).map(|n| herald.publish_event(&order(n))).collect();
    thread::sleep(Duration::from_millis(1_500));
    for event in &late {
        assert_eq!(herald.delivery(event, &id)["state"], "held");
    }
    assert_eq!(target.requests().len(), 2);
    println!(
        "pause, hold, resume, pause over two daemons: {:?}",
        begin.elapsed()
    );
}

#[test]
fn both_daemons_deliver_and_every_event_comes_once() {
    let herald = Herald::launch();
    let other = herald.launch_beside();
    let receiver = Receiver::start(&["--fail", "500", "--rate", "0.2"]);
    let more = serde_json::json!({ "retry_schedule": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] });
    let id = herald.subscribe_with(&receiver.url, &["*"], &more);
    let mut events = Vec::new();
    for _ in 0..5 {
        for daemon in [&herald, &other] {
            events.extend(daemon.publish_batch((0..200).map(order)));
        }
    }
    let audit = herald.settled();
    assert_eq!(audit["sent"], events.len());
    let answered = receiver.answered();
    assert!(events.iter().all(|event| answered.get(event) == Some(&1)));
    assert_eq!(herald.subscription(&id)["counts"]["sent"], events.len());
}

#[test]
fn what_a_killed_daemon_had_is_taken_over_by_the_other() {
    let mut herald = Herald::launch_with(&[("HERALD_LEASE_TTL_SECONDS", "5")]);
    let other = herald.launch_beside();
    let receiver = Receiver::start(&["--delay", "300"]);
    herald.subscribe(&receiver.url, &["*"]);
    let events = herald.publish_batch((0..100).map(order));
    wait_until("some to come", || receiver.received().len() >= 8);
    herald.kill();
    let begin = Instant::now();
    let audit = other.settled();
    println!("taken over and delivered within {:?}", begin.elapsed());
    assert_eq!(audit["sent"], events.len());
    let answered: HashMap<String, usize> = receiver.answered();
    assert!(events.iter().all(|event| answered.contains_key(event)));
    let twice = answered.values().filter(|times| **times > 1).count();
    assert!(twice <= 8, "{twice} came twice");
}
