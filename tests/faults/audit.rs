//! The audit itself: it finds what is lost and what is double.

use std::process::Output;

use crate::support::api::order;
use crate::support::receiver::Receiver;
use crate::support::{Herald, wait_for};

fn audit(herald: &Herald) -> Output {
    herald.command().args(["audit", "--json"]).output().unwrap()
}

#[test]
fn the_audit_finds_a_deleted_attempt_and_a_planted_row() {
    let receiver = Receiver::start(&[]);
    let mut herald = Herald::launch();
    let subscription = herald.subscribe(&receiver.url, &["*"]);
    let ids = herald.publish_batch((0..10).map(order));
    herald.settled();
    assert!(audit(&herald).status.success());

    herald.sql(
        "delete from attempt where event_id = (select min(event_id::text)::uuid from attempt)",
    );
    // Paused, so that nobody claims the planted row before it is counted.
    herald.switch(&subscription, "pause");
    herald.sql(
        "insert into delivery (account_id, subscription_id, event_id, due_at, n, base, failures, \
            origin) \
         select account_id, subscription_id, event_id, now(), 0, 0, 0, 'first' from attempt \
         where event_id = (select max(event_id::text)::uuid from attempt)",
    );
    let found = wait_for("the mark to pass", || {
        let found = herald.audit();
        (found["in_flight"] == 0).then_some(found)
    });
    assert_eq!(found["lost"], 1, "{found:#}");
    assert_eq!(found["double"], 1, "{found:#}");
    assert_eq!(found["difference"], 2, "{found:#}");
    assert_eq!(found["targets"], ids.len());
    let told = audit(&herald);
    assert_eq!(
        told.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&told.stdout)
    );
    herald.terminate();
}
