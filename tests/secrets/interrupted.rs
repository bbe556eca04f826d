//! A rotation that is killed at any time, while events stream.

use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{PATH, assert_signed, deliver, key_of, keys_of_values, secret_of, wait_sealed};
use crate::support::Herald;
use crate::support::api::order;
use crate::support::scripted::Scripted;

/// Secrets beside those that are delivered with, so that a run takes a while.
const MANY: usize = 800;

const INSERT: &str = "with made as ( \
    insert into subscription (id, account_id, title, url, triggers, state, headers, max_in_flight, \
        timeout_seconds, retry_schedule, version) \
    select gen_random_uuid(), '00000000-0000-7000-8000-000000000001', 'one of many', \
        'http://127.0.0.1:9/hooks/' || gen_random_uuid(), '{NEVER}', 'enabled', '{\"x-api-key\": \"sesame\"}', 1, 15, '{5}', 1 \
    from generate_series(1, $MANY) returning id) \
    insert into subscription_secret (subscription_id, id, key) \
    select id, gen_random_uuid(), sha256(id::text::bytea) from made";

#[test]
fn kills_at_any_time_leave_nothing_unreadable_and_the_next_run_goes_on() {
    let mut herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let more = json!({ "headers": { "x-api-key": "sesame" } });
    let url = format!("{}{PATH}", target.url);
    let id = herald.subscribe_with(&url, &["ORDER_CREATED"], &more);
    herald.sql(&INSERT.replace("$MANY", &MANY.to_string()));
    wait_sealed(&herald);
    let secret = secret_of(&herald, &id);

    // A run that is left alone, to know how long one takes.
    let begin = Instant::now();
    herald.run(&["rotate-key"]);
    let whole = begin.elapsed();
    assert_eq!(keys_of_values(&herald), "2");

    let (stop, mut continued, mut killed) = (AtomicBool::new(false), 0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                herald.publish_event(&order(1));
                thread::sleep(Duration::from_millis(5));
            }
        });
        let runs = 16;
        for run in 0..runs {
            let mut rotate = herald
                .command()
                .arg("rotate-key")
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            thread::sleep(whole * run / runs);
            // It may have ended: then the next one begins anew.
            let _ = rotate.kill();
            let output = rotate.wait_with_output().unwrap();
            killed += usize::from(!output.status.success());
            let told = String::from_utf8_lossy(&output.stderr);
            continued += usize::from(told.contains("going on with key"));
            assert_signed(&deliver(&herald, &target, &id), &secret);
        }
        stop.store(true, Ordering::Relaxed);
    });
    println!("{killed} runs were killed, {continued} went on with the key of one before");
    assert!(killed > 0 && continued > 0);

    while !herald.run(&["rotate-key"]).contains("seals all secrets") {}
    assert_eq!(keys_of_values(&herald).split(',').count(), 1);
    let file = fs::read_to_string(key_of(&herald)).unwrap();
    assert_eq!(
        file.lines().filter(|line| !line.starts_with('#')).count(),
        1
    );
    assert_eq!(herald.count("select count(*) from seal_key"), 1);
    let log = herald.log();
    assert!(!log.contains("cannot be opened"), "{log}");
    let settled = herald.settled();
    assert_eq!(settled["difference"], 0);
    for request in target.requests() {
        assert_signed(&request, &secret);
        assert_eq!(request.headers["x-api-key"], "sesame");
        assert_eq!(request.path, format!("/{PATH}"));
    }

    // Each of the many opens: none is told of, after a start with the key file as it is now.
    herald.terminate();
    herald.spawn();
    assert_signed(&deliver(&herald, &target, &id), &secret);
    let log = herald.log();
    assert!(!log.contains("cannot be opened"), "{log}");
    assert_eq!(
        herald.count("select count(*) from subscription where state = 'paused'"),
        0
    );
}
