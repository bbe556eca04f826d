//! First attempts that run for long when the daemon dies.

use std::time::Duration;

use crate::support::api::order;
use crate::support::scripted::{Scripted, answer};
use crate::support::{Herald, wait_for, wait_until};

#[test]
fn a_long_first_attempt_has_a_claimed_row_that_is_due_when_its_daemon_is_gone() {
    let mut herald = Herald::launch();
    let target = Scripted::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(3_500));
        answer(stream, 200, "", b"")
    });
    let more = serde_json::json!({ "timeout_seconds": 5 });
    let id = herald.subscribe_with(&target.url, &["*"], &more);
    let event = herald.publish_event(&order(1));
    wait_until("the attempt to begin", || target.requests().len() == 1);
    let begun = target.requests()[0].at;
    assert_eq!(herald.count("select count(*) from delivery"), 0);
    wait_until("a claimed row", || {
        herald.sql("select n, base, failures from delivery").trim() == "1|0|0"
    });
    let row_after = begun.elapsed();
    assert!(row_after < Duration::from_millis(3_500), "{row_after:?}");
    // The mark passes it: what is behind it does not lengthen a recovery.
    wait_until("the low-water mark to pass it", || {
        herald.count(
            "select count(*) from lane l join event e on e.lane = l.id and e.id < l.low_water",
        ) == 1
    });
    assert_eq!(herald.audit()["open"], 1);
    herald.kill();
    herald.spawn();
    let second = wait_for("the second attempt", || {
        target.requests().get(1).map(|it| it.at)
    });
    println!(
        "row after {row_after:?}; killed, the second attempt came {:?} after the first",
        second - begun
    );
    assert!(
        second - begun < Duration::from_secs(9),
        "the claim of a daemon that is gone need not run out"
    );
    let sent = herald.delivery_in("sent", &event, &id);
    let attempts = sent["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "the first one's end nobody knows");
    assert_eq!(attempts[0]["n"], 2);
    herald.settled();
}
