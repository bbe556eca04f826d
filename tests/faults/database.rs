//! The database killed and its connections cut, under load.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::receiver::Receiver;
use crate::support::{Herald, signal, wait_for};
use crate::{alone, ledger, load};

/// Ends the load and checks everything.
fn end(what: &str, herald: &mut Herald, load: load::Load, receiver: &Receiver, bound: usize) {
    let accepted = load.stop();
    let audit = herald.settled();
    let twice = ledger::complete(&accepted, receiver);
    println!(
        "{what}: {} events accepted, {twice} came twice (bound {bound}); audit {audit}",
        accepted.len()
    );
    assert!(twice <= bound, "{twice} came twice");
    let sent = ledger::recorded_sent(herald);
    let from = receiver.received().len();
    thread::sleep(Duration::from_secs(1));
    ledger::none_again(&sent, receiver, from);
    herald.terminate();
}

#[test]
fn a_killed_postgresql_is_started_again_and_nothing_is_lost() {
    const KILLS: usize = 3;
    let _alone = alone();
    let receiver = Receiver::start(&[]);
    let mut herald = Herald::launch_private();
    herald.subscribe(&receiver.url, &["*"]);
    let load = load::Load::start(&herald, 8);
    for kill in 1..=KILLS {
        let before = load.accepted();
        wait_for("events to be accepted", || {
            (load.accepted() > before + 500).then_some(())
        });
        let told = herald.audit()["in_flight"].clone();
        let begin = Instant::now();
        let accepted = load.accepted();
        signal(herald.postmaster(), "KILL");
        wait_for("events to be accepted again", || {
            (load.accepted() > accepted + 200).then_some(())
        });
        println!(
            "kill {kill} of PostgreSQL: in flight {told} before; accepting again within {:.2} s",
            begin.elapsed().as_secs_f64()
        );
    }
    // The daemon lives: it knows what it has sent and records it when the database is back.
    end("PostgreSQL killed", &mut herald, load, &receiver, 0);
}

#[test]
fn cut_connections_lose_nothing() {
    const CUTS: usize = 20;
    let _alone = alone();
    let receiver = Receiver::start(&[]);
    let mut herald = Herald::launch();
    herald.subscribe(&receiver.url, &["*"]);
    let load = load::Load::start(&herald, 8);
    for _ in 0..CUTS {
        let before = load.accepted();
        herald.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where datname = current_database() and application_name = 'herald'",
        );
        wait_for("events to be accepted again", || {
            (load.accepted() > before + 100).then_some(())
        });
    }
    end("connections cut 20 times", &mut herald, load, &receiver, 0);
}
