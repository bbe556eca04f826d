//! The database killed and its connections cut, under load.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::api::order;
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

/// A statement tells its row before its own commit, which can still fail: the connection is cut in
/// between, or, as here, a constraint is looked at then.
#[test]
fn what_is_undone_by_its_commit_is_never_acknowledged() {
    let _alone = alone();
    let herald = Herald::launch();
    herald.sql(
        "create function undo() returns trigger language plpgsql as \
         $$ begin raise exception 'undone'; end $$",
    );
    let keyed = [("idempotency-key", "k")];
    let mail = json!({
        "topic": "T", "to": ["ann@example.com"], "subject": "S", "text": "x", "record_only": true,
    });
    let done = json!({"user": "u", "group": "Order", "activity": "Submit"});
    for (table, path, body, headers) in [
        ("event", "/v1/events", order(1), &[][..]),
        ("event", "/v1/events", order(2), &keyed[..]),
        ("activity", "/v1/activities", done, &[][..]),
        ("mail", "/v1/mails", mail, &[][..]),
    ] {
        let body = body.to_string();
        let send = || herald.send("POST", path, headers, body.as_bytes()).status;
        let stored = || herald.count(&format!("select count(*) from {table}"));
        let before = stored();
        herald.sql(&format!(
            "create constraint trigger undo after insert on {table} \
             deferrable initially deferred for each row execute function undo()"
        ));
        let refused = send();
        assert!(refused >= 500, "{path}: {refused}");
        assert_eq!(stored(), before, "{path}");
        herald.sql(&format!("drop trigger undo on {table}"));
        wait_for("it to be taken", || (send() < 300).then_some(()));
        assert_eq!(stored(), before + 1, "{path}");
    }
}
