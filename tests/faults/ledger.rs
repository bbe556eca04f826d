//! Holding the receiver's ledger against what was accepted and what was recorded.

use std::collections::{HashMap, HashSet};

use crate::support::Herald;
use crate::support::receiver::Receiver;

/// Attempts that were under way when the process stopped: first ones from memory, and claimed
/// rows whose try is not recorded. Each as its event and the number of the try. To be asked
/// while the daemon is dead.
pub fn in_flight(herald: &Herald) -> HashSet<String> {
    let found = herald.sql(
        "select e.id || ' 1' from event e cross join lateral unnest(e.targets) t (id) \
            join lane l on l.id = e.lane and l.closed_at is null and e.id >= l.low_water \
            where not exists (select from attempt a where a.account_id = e.account_id \
                and a.subscription_id = t.id and a.event_id = e.id) \
            and not exists (select from delivery d where d.account_id = e.account_id \
                and d.subscription_id = t.id and d.event_id = e.id) \
        union all select d.event_id || ' ' || d.n from delivery d \
            where d.claim_lane is not null",
    );
    found.lines().map(ToOwned::to_owned).collect()
}

/// The ids of the events that are recorded as sent.
pub fn recorded_sent(herald: &Herald) -> HashSet<String> {
    // TypeID text is the 128 bits in base 32; comparing UUIDs is simpler.
    let text = herald.sql("select event_id from attempt where outcome = 'sent'");
    text.lines().map(ToOwned::to_owned).collect()
}

/// The UUID of an event's id.
pub fn uuid(id: &str) -> String {
    id.parse::<herald::domain::id::EventId>()
        .unwrap()
        .uuid()
        .to_string()
}

/// Every accepted event was answered by the receiver. Answers how many came more than once.
pub fn complete(accepted: &[String], receiver: &Receiver) -> usize {
    let answered: HashMap<String, usize> = receiver.answered();
    let missing: Vec<&String> = accepted
        .iter()
        .filter(|id| !answered.contains_key(*id))
        .collect();
    assert!(
        missing.is_empty(),
        "{} accepted events never came: {missing:?}",
        missing.len()
    );
    answered.values().filter(|times| **times > 1).count()
}

/// Nothing that was recorded as sent came after the ledger's line `from`.
pub fn none_again(sent: &HashSet<String>, receiver: &Receiver, from: usize) {
    let again: Vec<String> = receiver
        .received()
        .into_iter()
        .skip(from)
        .filter(|received| sent.contains(&uuid(&received.id)))
        .map(|received| received.id)
        .collect();
    assert!(
        again.is_empty(),
        "recorded as sent, and sent again: {again:?}"
    );
}
