//! What hostile scripts and payloads do to the deliveries of others: a real daemon under a steady
//! load, one hostile script, or account, after the other. It prints for each the latency from publish
//! to arrival beside that of the quiet times before and after; `tests/plugins` has the time to
//! abort. A program of its own, so that no other test runs beside it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test ends at the first surprise, and prints its figures"
)]

#[path = "../plugin_delivery/desk.rs"]
mod desk;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use desk::Desk;
use support::api::order;
use support::scripted::{Scripted, answer};

/// Each test has the machine for itself.
static ALONE: Mutex<()> = Mutex::new(());
/// Between two events.
const PACE: Duration = Duration::from_millis(4);
/// Events of each measurement.
const EVENTS: usize = 500;
/// Subscriptions that have done nothing wrong.
const NEIGHBOURS: usize = 4;

const HOSTILE: &[(&str, &str)] = &[
    ("an endless loop", "fn filter(event) { loop { } }"),
    (
        "deep recursion",
        "fn deeper(n) { deeper(n + 1) + 1 } fn filter(event) { deeper(0) > 0 }",
    ),
    ("sleep(1e300)", "fn filter(event) { sleep(1e300); true }"),
    (
        "a string without end",
        r#"fn transform(event) { let s = "x"; loop { s += s; } }"#,
    ),
    (
        "an array without end",
        "fn transform(event) { let a = []; loop { a.push(a); } }",
    ),
    (
        "a map without end",
        r#"fn transform(event) { let m = #{}; let n = 0; loop { m["k" + n] = m; n += 1; } }"#,
    ),
    ("eval", r#"fn filter(event) { eval("loop { }") }"#),
    ("import", r#"fn filter(event) { import "x" as x; true }"#),
    (
        "a backtracking regular expression",
        r#"fn filter(event) { let s = "a"; for i in 0..16 { s += s; } s += "!"; loop { matches(s, "^(a+)+$"); } }"#,
    ),
    (
        "a script that returns a function",
        "fn transform(event) { Fn(\"transform\") }",
    ),
    (
        "a value of 100 MB",
        r#"fn transform(event) { let a = []; let s = ""; s.pad(1000000, "x"); for i in 0..100 { a.push(s); } a }"#,
    ),
    (
        "built-in functions overwritten",
        "fn len(x) { loop { } } fn log(x) { loop { } } fn filter(event) { log(event.len()); true }",
    ),
];

/// When each event was published, and how long each took to each neighbour.
#[derive(Default)]
struct Times {
    published: HashMap<String, Instant>,
    arrived: Vec<(String, Instant)>,
}

struct Neighbours {
    desk: Desk,
    times: Arc<Mutex<Times>>,
}

impl Neighbours {
    fn new() -> Self {
        let desk = Desk::new();
        let times = Arc::new(Mutex::new(Times::default()));
        for _ in 0..NEIGHBOURS {
            let times = Arc::clone(&times);
            let target = Scripted::start(move |request, stream| {
                let arrived = (request.id().to_owned(), request.at);
                times.lock().unwrap().arrived.push(arrived);
                answer(stream, 200, "", b"")
            });
            desk.subscribe(&target.url, &["*"]);
        }
        Self { desk, times }
    }

    /// Publishes at a steady pace; answers p50 and p99 from publish to arrival.
    fn measure(&self) -> (Duration, Duration) {
        *self.times.lock().unwrap() = Times::default();
        let begin = Instant::now();
        for n in 0..EVENTS {
            let due = begin + PACE * u32::try_from(n).unwrap();
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let at = Instant::now();
            let event = self.desk.publish_event(&order(n as u64));
            self.times.lock().unwrap().published.insert(event, at);
        }
        support::wait_until("every neighbour to have every event", || {
            self.times.lock().unwrap().arrived.len() == EVENTS * NEIGHBOURS
        });
        let times = self.times.lock().unwrap();
        let mut took: Vec<Duration> = times
            .arrived
            .iter()
            .map(|(event, at)| at.saturating_duration_since(times.published[event]))
            .collect();
        took.sort();
        (took[took.len() / 2], took[took.len() * 99 / 100])
    }
}

/// What a payload makes the script do that acts for all accounts.
const OBEDIENT: &str = r#"
    fn filter(event) {
        let data = event.payload.data;
        if "loop" in data { loop { } }
        if "throw" in data { throw "no mood" }
        if "grow" in data { let s = "x"; loop { s += s; } }
        if "slow" in data { let n = 0; while n < 20000 { n += 1; } }
        true
    }
"#;

#[test]
fn another_account_s_hostile_payloads_leave_deliveries_through_the_same_script_alone() {
    let _alone = ALONE.lock();
    let neighbours = Neighbours::new();
    let desk = &neighbours.desk;
    let path = "triggers/ORDER_CREATED.rhai";
    desk.save(path, OBEDIENT);
    neighbours.measure();
    let (_, quiet) = neighbours.measure();
    let operator = desk.run(&["token", "create", "--operator", "--role", "admin"]);
    let operator = support::client::Client {
        token: Some(operator.trim().to_owned()),
        ..desk.client.clone()
    };
    let target = Scripted::answering(200, "");
    let mut before = quiet;
    for what in ["loop", "throw", "grow", "slow"] {
        let made = operator.post("/v1/accounts", &serde_json::json!({"name": what}));
        made.expect(201);
        let token = desk.run(&["token", "create", "--account", what, "--role", "admin"]);
        let hostile = support::client::Client {
            token: Some(token.trim().to_owned()),
            ..desk.client.clone()
        };
        let again = serde_json::json!({"retry_schedule": [1, 1, 1, 1, 1, 1, 1, 1, 1]});
        let id = hostile.subscribe_with(&target.url, &["*"], &again);
        let payload = serde_json::json!({"event_type": "ORDER_CREATED", "data": {what: true}});
        let over = std::sync::atomic::AtomicBool::new(false);
        let (p50, p99) = thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    hostile.publish_batch((0..20).map(|_| payload.clone()));
                    thread::sleep(Duration::from_millis(50));
                }
            });
            let measured = neighbours.measure();
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            measured
        });
        let of = |client: &support::client::Client| client.list("/v1/plugins")[0].clone();
        let (here, there) = (of(&desk.client), of(&hostile));
        assert_eq!(here["state"], "ok", "{what}: {here:#}");
        assert!(here["apart_since"].is_null(), "{what}: {here:#}");
        assert_eq!(here["failures"], 0, "{what}: {here:#}");
        let set_apart = there["apart_since"].is_string();
        assert!(
            set_apart || there["state"] == "suspended",
            "{what}: {there:#}"
        );
        hostile
            .delete(&format!("/v1/subscriptions/{id}"))
            .expect(204);
        let (_, after) = neighbours.measure();
        let calm = (before + after) / 2;
        println!(
            "neighbours of an account whose payloads {what}: p50 {:.1} ms, p99 {:.1} ms, quiet \
             {:.1} ms, ratio {:.2}; for it {} after {} runs{}",
            ms(p50),
            ms(p99),
            ms(calm),
            p99.as_secs_f64() / calm.as_secs_f64(),
            there["state"],
            there["calls"],
            if set_apart { ", apart" } else { "" },
        );
        before = after;
    }
    let audit = desk.client.settled();
    assert_eq!(audit["failed"], 0, "{audit:#}");
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Bytes of the daemon's memory that are resident.
fn resident(desk: &Desk) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", desk.pid())).unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn no_hostile_script_keeps_others_from_their_deliveries() {
    let _alone = ALONE.lock();
    let neighbours = Neighbours::new();
    let desk = &neighbours.desk;
    let pid = desk.pid();
    neighbours.measure();
    let target = Scripted::answering(200, "");
    let (_, mut quiet) = neighbours.measure();
    for (number, (name, script)) in HOSTILE.iter().enumerate() {
        let path = format!("named/hostile-{number}.rhai");
        // A working version first: a subscription can name no script that is not there.
        desk.save(&path, "fn filter(event) { true }");
        let id = desk.subscribe_through(&format!("hostile-{number}"), &target.url, &["*"]);
        let before = resident(desk);
        desk.write(&path, script);
        desk.plugin_with(&path, "the script to be seen", |it| {
            !it["error"].is_null() || it["hash"] == desk::hash(script).as_str()
        });
        let told = desk.plugin(&path).unwrap();
        let refused = !told["error"].is_null();
        if refused {
            // The version before stays at work: it must be one that nobody could mistake.
            desk.switch(&id, "disable");
        }
        let sent_before = target.requests().len();
        let (p50, p99) = neighbours.measure();
        let told = desk.plugin(&path).unwrap();
        let grown = resident(desk).saturating_sub(before) >> 20;
        assert_eq!(target.requests().len(), sent_before, "{name} was delivered");
        assert_eq!(desk.pid(), pid);
        desk.switch(&id, "disable");
        desk.client
            .delete(&format!("/v1/subscriptions/{id}"))
            .expect(204);
        let (_, after) = neighbours.measure();
        let calm = (quiet + after) / 2;
        let end = if refused {
            "refused when it was saved".to_owned()
        } else {
            format!(
                "{} after {} runs, longest {} ms",
                told["state"].as_str().unwrap(),
                told["calls"],
                told["p99_ms"]
            )
        };
        println!(
            "neighbours of {name}: p50 {:.1} ms, p99 {:.1} ms, quiet {:.1} ms, ratio {:.2}, \
             memory +{grown} MiB; {end}",
            ms(p50),
            ms(p99),
            ms(calm),
            p99.as_secs_f64() / calm.as_secs_f64(),
        );
        quiet = after;
    }
    let audit = desk.client.settled();
    assert_eq!(audit["failed"], 0, "{audit:#}");
}
