//! kill -9 and SIGSTOP of the daemon.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::api::order;
use crate::support::receiver::Receiver;
use crate::support::{Herald, wait_for};
use crate::{alone, ledger, load};

#[test]
fn twenty_kills_under_load_lose_nothing_and_repeat_only_what_was_in_flight() {
    const KILLS: usize = 20;
    let _alone = alone();
    let receiver = Receiver::start(&[]);
    let mut herald = Herald::launch();
    herald.subscribe(&receiver.url, &["*"]);
    let load = load::Load::start(&herald, 8);
    let (mut in_flight, mut slowest) = (HashSet::new(), Duration::ZERO);
    let mut checks: Vec<(HashSet<String>, usize)> = Vec::new();
    for kill in 1..=KILLS {
        let before = load.accepted();
        wait_for("events to be accepted", || {
            (load.accepted() > before + 300).then_some(())
        });
        let audit = herald.audit();
        assert_eq!(
            audit["difference"],
            0,
            "after {} kills: {audit:#}",
            kill - 1
        );
        let told = audit["in_flight"].clone();
        herald.kill();
        let caught = ledger::in_flight(&herald);
        in_flight.extend(caught.iter().cloned());
        checks.push((ledger::recorded_sent(&herald), receiver.received().len()));
        let begin = Instant::now();
        herald.spawn();
        slowest = slowest.max(begin.elapsed());
        println!(
            "kill {kill}: in flight {told} just before, {} at the kill; ready again in {:.2} s",
            caught.len(),
            begin.elapsed().as_secs_f64()
        );
    }
    let accepted = load.stop();
    let audit = herald.settled();
    let twice = ledger::complete(&accepted, &receiver);
    for (sent, from) in &checks {
        ledger::none_again(sent, &receiver, *from);
    }
    println!(
        "{KILLS} kills: {} events accepted, {twice} came twice, {} were in flight; \
         slowest start {:.2} s; audit {audit}",
        accepted.len(),
        in_flight.len(),
        slowest.as_secs_f64()
    );
    assert!(twice <= in_flight.len(), "{twice} twice");
    herald.terminate();
}

#[test]
fn a_backlog_of_a_thousand_is_delivered_within_five_seconds_of_the_restart() {
    let _alone = alone();
    let receiver = Receiver::start(&["--delay", "1000"]);
    let mut herald = Herald::launch();
    herald.subscribe(&receiver.url, &["*"]);
    let ids = herald.publish_batch((0..1_000).map(order));
    herald.kill();
    let in_flight = ledger::in_flight(&herald).len();
    let receiver = receiver.restart(&[]);
    let before = receiver.received().len();
    let begin = Instant::now();
    herald.spawn_only();
    wait_for("the first delivery", || {
        (receiver.received().len() > before).then_some(())
    });
    let first = begin.elapsed();
    wait_for("the last delivery", || {
        let answered = receiver.answered();
        ids.iter().all(|id| answered.contains_key(id)).then_some(())
    });
    let last = begin.elapsed();
    println!(
        "backlog of {} after kill -9: first delivery {:.2} s after the restart, last {:.2} s; \
         in flight at the kill {in_flight}",
        ids.len(),
        first.as_secs_f64(),
        last.as_secs_f64()
    );
    assert!(last < Duration::from_secs(5), "{last:?}");
    herald.wait_ready();
    herald.settled();
    ledger::complete(&ids, &receiver);
}

#[test]
fn a_stopped_daemon_s_queue_is_taken_over_and_not_sent_again_when_it_wakes() {
    const QUEUED: u64 = 10_000;
    let _alone = alone();
    let receiver = Receiver::start(&["--delay", "100"]);
    let herald = Herald::launch();
    let subscription = herald.subscribe(&receiver.url, &["*"]);
    let mut ids = Vec::new();
    for batch in 0..QUEUED / 1_000 {
        ids.extend(herald.publish_batch((0..1_000).map(|n| order(batch * 1_000 + n))));
    }
    herald.signal("STOP");
    let in_flight = ledger::in_flight(&herald).len();
    let waiting = herald.count(&format!(
        "select {QUEUED} - (select count(*) from attempt where outcome = 'sent')"
    ));
    let begin = Instant::now();
    let receiver = receiver.restart(&[]);
    let before = receiver.received().len();
    let other = herald.launch_beside();
    wait_for("the first delivery by the other", || {
        (receiver.received().len() > before).then_some(())
    });
    let first = begin.elapsed();
    wait_for("the last delivery by the other", || {
        let answered = receiver.answered();
        ids.iter().all(|id| answered.contains_key(id)).then_some(())
    });
    let last = begin.elapsed();
    wait_for("everything to be recorded", || {
        (other.audit()["open"] == 0).then_some(())
    });
    let sent = ledger::recorded_sent(&other);
    let from = receiver.received().len();
    thread::sleep(Duration::from_secs(30).saturating_sub(begin.elapsed()));
    herald.signal("CONT");
    // The woken one finds its lane closed, opens another and works on.
    wait_for("the woken daemon to accept", || {
        (herald.post("/v1/events", &order(0)).status == 202).then_some(())
    });
    let audit = herald.settled();
    ledger::none_again(&sent, &receiver, from);
    let twice = ledger::complete(&ids, &receiver);
    println!(
        "SIGSTOP with {waiting} of {QUEUED} waiting ({in_flight} in flight): the other daemon's \
         first delivery after {:.2} s, last after {:.2} s; {twice} came twice; audit {audit}",
        first.as_secs_f64(),
        last.as_secs_f64()
    );
    // Up to 8 attempts were under way; what else was in flight was only queued.
    assert!(twice <= 16, "{twice} came twice");
    let log = herald.log();
    assert!(log.contains("closing this lane"), "{log}");
    assert!(!subscription.is_empty());
}

#[test]
fn sigterm_drains_and_leaves_the_rest_in_the_database() {
    let _alone = alone();
    let receiver = Receiver::start(&["--delay", "1500"]);
    let mut herald = Herald::launch();
    herald.subscribe(&receiver.url, &["*"]);
    let ids = herald.publish_batch((0..200).map(order));
    wait_for("a first delivery to begin", || {
        (!ledger::in_flight(&herald).is_empty()).then_some(())
    });
    let took = herald.terminate();
    let open = herald.count("select count(*) from delivery");
    let ended = herald.count("select count(*) from attempt where outcome = 'sent'");
    let lanes = herald.count("select count(*) from lane where closed_at is null");
    println!(
        "SIGTERM with 200 waiting: stopped in {:.2} s, {ended} sent, {open} left in the database",
        took.as_secs_f64()
    );
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!((open + ended, lanes), (200, 0));
    assert!(ended >= 8, "what was under way was not finished");
    let receiver = receiver.restart(&[]);
    herald.spawn();
    herald.settled();
    assert_eq!(
        ledger::complete(&ids, &receiver),
        0,
        "a clean stop repeats nothing"
    );
}
