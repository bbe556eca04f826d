//! The trail of an event through Herald, in the log: one line for each step, each with the event's
//! id, so that `event=evt_…` finds all of them. It is told if the setting `log` asks for
//! `herald::event=debug`, and costs a look at a flag otherwise.
//!
//! Ids, types, numbers and words of Herald's own alone: nothing of a payload, a target or a secret.

use chrono::{DateTime, SecondsFormat, Utc};
use tracing::{Level, debug, enabled};

use super::attempt::Try;
use super::batch::Stored;
use super::routing::Route;
use crate::domain::delivery::{Origin, Outcome};
use crate::domain::id::{EventId, SubscriptionId};
use crate::domain::mail::NewMail;
use crate::store::record::AttemptRecord;
use crate::store::recorded::{Counted, Recorded};

/// What a filter names.
const TARGET: &str = "herald::event";

/// Why a delivery gets a row instead of being made from memory.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spilled {
    /// Too many events are in memory.
    Memory,
    /// The subscription is paused, or delivers by mail.
    Held,
    /// The subscription was removed, paused or changed, or Herald stops.
    Halted,
    /// Too many wait, or it has waited or run for 2 s.
    Long,
    /// A script holds it up, or found no time.
    Script,
}

impl Spilled {
    const fn words(self) -> &'static str {
        match self {
            Self::Memory => "memory is full",
            Self::Held => "the subscription holds it",
            Self::Halted => "the subscription does not deliver now",
            Self::Long => "too many wait, or it waited or ran for 2 s",
            Self::Script => "a script holds it up",
        }
    }
}

/// Whether anybody wants to know.
pub(super) fn is_told() -> bool {
    enabled!(target: TARGET, Level::DEBUG)
}

/// An event is committed with its targets.
pub(super) fn accepted(event: &Stored<'_>) {
    let id = event.id;
    debug!(
        target: TARGET, event = %id, account = %event.account, event_type = event.event_type,
        bytes = event.bytes, lane = event.lane, "accepted"
    );
    let from_memory = &event.matched.from_memory;
    let held = &event.matched.held;
    debug!(
        target: TARGET, event = %id, subscriptions = from_memory.len() + held.len(),
        ids = words(from_memory.iter().chain(held)), "matched"
    );
    let why = |at_once| {
        if at_once {
            Spilled::Memory
        } else {
            Spilled::Held
        }
    };
    for subscription in from_memory.iter().filter(|_| event.spilled) {
        spilled(id, *subscription, why(true));
    }
    for subscription in held {
        spilled(id, *subscription, why(false));
    }
}

/// A publisher repeated a request: its event was accepted before.
pub(super) fn repeated(event: EventId) {
    debug!(target: TARGET, event = %event, "published again with the same key");
}

/// A delivery waits in memory for its first attempt.
pub(super) fn queued(event: EventId, subscription: SubscriptionId) {
    debug!(target: TARGET, event = %event, subscription = %subscription, "queued");
}

/// A delivery gets a row.
pub(super) fn spilled(event: EventId, subscription: SubscriptionId, why: Spilled) {
    let why = why.words();
    debug!(target: TARGET, event = %event, subscription = %subscription, why, "spilled to a row");
}

/// A due row is taken up.
pub(super) fn claimed(event: EventId, subscription: SubscriptionId, attempt: i32) {
    debug!(target: TARGET, event = %event, subscription = %subscription, attempt, "claimed");
}

/// A claimed row is given back: its attempt did not begin.
pub(super) fn released(event: EventId, subscription: SubscriptionId, attempt: i32) {
    debug!(target: TARGET, event = %event, subscription = %subscription, attempt, "released");
}

/// An attempt begins.
pub(super) fn begun(route: &Route, what: &Try) {
    debug!(
        target: TARGET, event = %what.event, subscription = %route.id, attempt = what.n,
        origin = what.origin.as_str(), "attempt begun"
    );
}

/// An attempt ended, and is not recorded yet.
pub(super) fn ended(record: &AttemptRecord) {
    let key = record.key;
    debug!(
        target: TARGET, event = %key.event, subscription = %key.subscription, attempt = record.n,
        outcome = record.outcome.as_str(), status = record.status,
        duration_ms = record.duration_ms, "attempt ended"
    );
}

/// A delivery was made a mail, which has the schedule from here on.
pub(super) fn by_mail(route: &Route, what: &Try, mail: &NewMail) {
    debug!(
        target: TARGET, event = %what.event, subscription = %route.id, attempt = what.n,
        receivers = mail.to.len(), "handed over as a mail"
    );
}

/// A batch of attempts is recorded.
pub(super) fn recorded(attempts: &[AttemptRecord], counted: &Counted) {
    if !is_told() {
        return;
    }
    match counted {
        Counted::All { at, .. } => attempts.iter().for_each(|attempt| stands(attempt, *at)),
        Counted::These(these) => {
            for (place, attempt) in attempts.iter().enumerate() {
                match these.iter().find(|it| it.place == place) {
                    Some(Recorded { at, .. }) => stands(attempt, *at),
                    // Tests are not among those that count.
                    None if attempt.origin == Origin::Test => {}
                    None => superseded(attempt),
                }
            }
        }
    }
}

fn superseded(attempt: &AttemptRecord) {
    let key = attempt.key;
    debug!(
        target: TARGET, event = %key.event, subscription = %key.subscription,
        attempt = attempt.n, "superseded by a later attempt"
    );
}

fn stands(attempt: &AttemptRecord, at: DateTime<Utc>) {
    let (event, subscription, n) = (attempt.key.event, attempt.key.subscription, attempt.n);
    debug!(target: TARGET, event = %event, subscription = %subscription, attempt = n, "recorded");
    match attempt.due_in {
        Some(due) if attempt.outcome == Outcome::Retry => {
            let at = chrono::Duration::from_std(due).map_or(at, |due| at + due);
            let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
            debug!(
                target: TARGET, event = %event, subscription = %subscription, attempt = n,
                failures = attempt.failures, at, "to be tried again"
            );
        }
        _ => {
            debug!(
                target: TARGET, event = %event, subscription = %subscription, attempt = n,
                outcome = attempt.outcome.as_str(), "delivery ended"
            );
        }
    }
}

fn words<'a>(ids: impl Iterator<Item = &'a SubscriptionId>) -> String {
    ids.map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
