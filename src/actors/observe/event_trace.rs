//! The trace of an event through Herald, in the log: one line for each step, each with the event's
//! id, so that `event=evt_…` finds all of them. It is written if the setting `log` asks for
//! `herald::event=debug`, and costs a look at a flag otherwise.
//!
//! It has ids, types, numbers and Herald's own texts only: nothing of a payload, a target or a
//! secret.

use chrono::{DateTime, SecondsFormat, Utc};
use tracing::{Level, debug, enabled};

use crate::actors::delivery::attempt::Attempt;
use crate::actors::routing::{Matched, Route};
use crate::domain::delivery::{Origin, Outcome};
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::domain::mail::NewMail;
use crate::store::record::AttemptRecord;
use crate::store::recorded::{Counted, Recorded};

/// What a filter names.
const TARGET: &str = "herald::event";

/// Why a delivery gets a row instead of being made from memory.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WhySpilled {
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

impl WhySpilled {
    const fn text(self) -> &'static str {
        match self {
            Self::Memory => "memory is full",
            Self::Held => "the subscription holds it",
            Self::Halted => "the subscription does not deliver now",
            Self::Long => "too many wait, or it waited or ran for 2 s",
            Self::Script => "a script holds it up",
        }
    }
}

/// Whether the trace is written.
pub(crate) fn is_on() -> bool {
    enabled!(target: TARGET, Level::DEBUG)
}

/// An event that was stored.
pub(crate) struct AcceptedEvent<'a> {
    pub(crate) id: EventId,
    pub(crate) account: AccountId,
    pub(crate) event_type: &'a str,
    pub(crate) bytes: usize,
    pub(crate) lane: i32,
    pub(crate) matched: &'a Matched,
    /// Every target got a row.
    pub(crate) spilled: bool,
}

/// An event is committed with its targets.
pub(crate) fn accepted(event: &AcceptedEvent<'_>) {
    let id = event.id;
    debug!(
        target: TARGET, event = %id, account = %event.account, event_type = event.event_type,
        bytes = event.bytes, lane = event.lane, "accepted"
    );
    let from_memory = &event.matched.from_memory;
    let held = &event.matched.held;
    debug!(
        target: TARGET, event = %id, subscriptions = from_memory.len() + held.len(),
        ids = joined(from_memory.iter().chain(held)), "matched"
    );
    let why = |at_once| {
        if at_once {
            WhySpilled::Memory
        } else {
            WhySpilled::Held
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
pub(crate) fn repeated(event: EventId) {
    debug!(target: TARGET, event = %event, "published again with the same key");
}

/// A delivery waits in memory for its first attempt.
pub(crate) fn queued(event: EventId, subscription: SubscriptionId) {
    debug!(target: TARGET, event = %event, subscription = %subscription, "queued");
}

/// A delivery gets a row.
pub(crate) fn spilled(event: EventId, subscription: SubscriptionId, why: WhySpilled) {
    let why = why.text();
    debug!(target: TARGET, event = %event, subscription = %subscription, why, "spilled to a row");
}

/// A due row is taken up.
pub(crate) fn claimed(event: EventId, subscription: SubscriptionId, attempt: i32) {
    debug!(target: TARGET, event = %event, subscription = %subscription, attempt, "claimed");
}

/// A claimed row is given back: its attempt did not begin.
pub(crate) fn released(event: EventId, subscription: SubscriptionId, attempt: i32) {
    debug!(target: TARGET, event = %event, subscription = %subscription, attempt, "released");
}

/// An attempt begins.
pub(crate) fn begun(route: &Route, what: &Attempt) {
    debug!(
        target: TARGET, event = %what.event, subscription = %route.id, attempt = what.n,
        origin = what.origin.as_str(), "attempt begun"
    );
}

/// An attempt ended, and is not recorded yet.
pub(crate) fn ended(record: &AttemptRecord) {
    let key = record.key;
    debug!(
        target: TARGET, event = %key.event, subscription = %key.subscription, attempt = record.n,
        outcome = record.outcome.as_str(), status = record.status,
        duration_ms = record.duration_ms, "attempt ended"
    );
}

/// A delivery was made a mail, which has the schedule from here on.
pub(crate) fn by_mail(route: &Route, what: &Attempt, mail: &NewMail) {
    debug!(
        target: TARGET, event = %what.event, subscription = %route.id, attempt = what.n,
        receivers = mail.to.len(), "handed over as a mail"
    );
}

/// A batch of attempts is recorded.
pub(crate) fn recorded(attempts: &[AttemptRecord], counted: &Counted) {
    if !is_on() {
        return;
    }
    match counted {
        Counted::All { at, .. } => attempts.iter().for_each(|attempt| current(attempt, *at)),
        Counted::These(these) => {
            for (place, attempt) in attempts.iter().enumerate() {
                match these.iter().find(|it| it.place == place) {
                    Some(Recorded { at, .. }) => current(attempt, *at),
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

fn current(attempt: &AttemptRecord, at: DateTime<Utc>) {
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

fn joined<'a>(ids: impl Iterator<Item = &'a SubscriptionId>) -> String {
    ids.map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
