//! Memory is bounded, and a target that hangs stands in nobody's way.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::api::order;
use crate::support::receiver::Receiver;
use crate::support::scripted::{Scripted, answer};
use crate::support::{Herald, wait_until};

/// The most memory that the process had, in KiB.
fn most_memory(herald: &Herald) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", herald.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn past_the_budget_events_go_to_rows_and_all_arrive_once_the_target_recovers() {
    // A debug build; a release build takes about half.
    const MOST: u64 = 160 << 10;
    let herald = Herald::launch_with(&[("HERALD_MEMORY_BUDGET_BYTES", "1048576")]);
    let receiver = Receiver::start(&["--fail", "hang"]);
    let more = json!({ "timeout_seconds": 2, "retry_schedule": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1] });
    herald.subscribe_with(&receiver.url, &["*"], &more);
    let filler = "x".repeat(2_000);
    let mut events = Vec::new();
    for batch in 0..10 {
        let event = |n| json!({"event_type": "ORDER_CREATED", "data": {"id": n, "filler": filler}});
        events.extend(herald.publish_batch((0..500).map(|n| event(batch * 500 + n))));
    }
    let rows = herald.count("select count(*) from delivery where n = 0");
    let receiver = receiver.restart(&[]);
    let begin = Instant::now();
    let audit = herald.settled();
    println!(
        "{} events of 2 KB to a hanging target with a budget of 1 MiB: {rows} rows at once, all \
         sent {:.1} s after it recovered, most memory {} KiB",
        events.len(),
        begin.elapsed().as_secs_f64(),
        most_memory(&herald)
    );
    assert_eq!(audit["sent"], events.len());
    assert!(rows > 3_000, "{rows} rows");
    let answered = receiver.answered();
    assert!(events.iter().all(|event| answered[event] == 1));
    assert!(most_memory(&herald) < MOST, "{} KiB", most_memory(&herald));
}

/// The 99th of a hundred.
fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() * 99 / 100]
}

#[test]
fn a_target_that_hangs_does_not_slow_another() {
    let herald = Herald::launch();
    let quick = Scripted::answering(200, "");
    let id = herald.subscribe(&quick.url, &["*"]);
    let latencies = |number: u64| -> Vec<Duration> {
        (0..number)
            .map(|n| {
                let begin = Instant::now();
                let event = herald.publish_event(&order(n));
                wait_until("it to come", || {
                    quick.requests().last().is_some_and(|it| it.id() == event)
                });
                quick.requests().last().unwrap().at.duration_since(begin)
            })
            .collect()
    };
    latencies(20);
    let alone = p99(latencies(100));
    let hanging = Receiver::start(&["--fail", "hang"]);
    let dead = herald.subscribe(&hanging.url, &["*"]);
    herald.publish_batch((0..1_000).map(order));
    wait_until("the quick one to be done", || {
        quick.requests().len() >= 1_120
    });
    let beside = p99(latencies(100));
    println!(
        "p99 from publishing to arrival: {:.1} ms alone, {:.1} ms beside a target that hangs",
        alone.as_secs_f64() * 1e3,
        beside.as_secs_f64() * 1e3
    );
    assert!(beside < Duration::from_secs(2), "{beside:?}");
    herald
        .delete(&format!("/v1/subscriptions/{dead}"))
        .expect(204);
    let last = herald.publish_event(&order(0));
    herald.delivery_in("sent", &last, &id);
}

#[test]
fn payloads_of_a_megabyte_are_claimed_a_few_at_a_time_and_all_arrive() {
    let herald = Herald::launch();
    let target = Scripted::start(|_, stream| answer(stream, 200, "", b""));
    let id = herald.subscribe(&target.url, &["*"]);
    let filler = "x".repeat((1 << 20) - 100);
    let event = json!({"event_type": "ORDER_CREATED", "data": {"id": "1", "filler": filler}});
    let came_within = || {
        let before = target.requests().len();
        herald.switch(&id, "pause");
        for _ in 0..20 {
            herald.publish_event(&event);
        }
        let begin = Instant::now();
        herald.switch(&id, "resume");
        wait_until("all to come", || target.requests().len() == before + 20);
        let took = begin.elapsed();
        println!("20 held events of 1 MiB came within {took:?}");
        took
    };
    // Each claim leads to the next one; the regular look for due rows would take 400 ms each,
    // every time. Other work on the machine comes and goes.
    let most = Duration::from_secs(3);
    assert!((0..3).any(|_| came_within() < most));
    herald.settled();
}
