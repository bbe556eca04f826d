//! How long a start takes on a migrated database. The figures of a release build stand in
//! `tests/bench/RESULTS.md`; here they are printed, and what takes how long.

use crate::activated::ready_ms;
use crate::support::{Herald, wait_for};

#[test]
fn a_start_on_a_migrated_database_tells_how_long_it_took() {
    let mut herald = Herald::launch();
    herald.terminate();
    herald.set("HERALD_LOG", "info,herald::app=debug");
    let mut took = Vec::new();
    for _ in 0..3 {
        herald.spawn();
        // The line comes just after the first answer.
        let told = || ready_ms(&herald.log()).first().copied();
        took.push(wait_for("the line of the start", told));
        herald.terminate();
    }
    for line in herald.log().lines().filter(|it| it.contains("_ms=")) {
        println!("{line}");
    }
    println!("ready after {took:?} ms");
    assert_eq!(took.len(), 3);
    for phase in ["promises what it should", "up to date", "the actors work"] {
        assert!(herald.log().contains(phase), "{phase}");
    }
}
