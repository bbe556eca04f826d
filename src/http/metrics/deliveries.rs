//! Figures of events and deliveries: what came in, what went out, how long it took, what is open.

use std::fmt::Display;
use std::time::Duration;

use super::page::{Page, figures};
use crate::actors::{Counts, DatabaseView, DeliveryView, FiguresView};

/// All that have no place of their own.
const OTHER: &str = "other";

pub(super) fn tell(figures: &FiguresView, page: &mut Page) {
    let counts = &figures.counts;
    let accounts = counts.accounts.iter().map(|(id, it)| (id, it.events));
    let events = with_others(accounts, counts.other_accounts.events);
    figures! { page:
        counter "herald_events_accepted_total" by "account" = events,
            "Accepted events by account: the busiest, and the other ones together.";
        counter "herald_events_repeated_total" = figures.intake.repeated,
            "Events that were published again with the same idempotency key.";
        counter "herald_delivery_attempts_total" by "outcome" = counts.all.outcomes(),
            "Recorded attempts by their outcome; tests do not count.";
        gauge "herald_subscriptions" by "state" = figures.subscriptions.iter().copied(),
            "Subscriptions by their state.";
    }
    let help = "Recorded attempts by subscription and outcome: the busiest subscriptions, and the \
                other ones together.";
    let mut attempts = page.counter("herald_subscription_attempts_total", help);
    let mut add = |subscription: &str, counts: &Counts| {
        for (outcome, count) in counts.outcomes() {
            let labels = [("subscription", subscription), ("outcome", outcome)];
            attempts.add(&labels, count);
        }
    };
    for (subscription, counts) in &counts.subscriptions {
        add(&subscription.to_string(), counts);
    }
    add(OTHER, &counts.other_subscriptions);
    drop(attempts);
    delivery(&figures.delivery, page);
    if let Some(database) = &figures.database {
        open(figures.now, database, page);
        figures! { page:
            gauge "herald_sample_age_seconds" =
                figures.uptime.saturating_sub(database.at).as_secs_f64(),
                "How long ago the database was asked for what is open.";
            gauge "herald_sample_duration_seconds" = database.took.as_secs_f64(),
                "How long it took to answer.";
        }
    }
}

fn delivery(delivery: &DeliveryView, page: &mut Page) {
    figures! { page:
        times "herald_delivery_attempt_duration_seconds" by "result" =
            [("sent", &delivery.took_sent), ("failed", &delivery.took_failed)],
            "How long requests to targets took: those answered 2xx (sent), and all others (failed).";
        times "herald_delivery_queue_seconds" by "from" =
            [("memory", &delivery.queued_in_memory), ("row", &delivery.queued_in_row)],
            "From the commit of an event to its first attempt: from memory, or by way of a row in \
             the database (paused before, or more than memory could take).";
        gauge "herald_delivery_lines" = delivery.lines,
            "Subscriptions that have something to do.";
        gauge "herald_delivery_waiting" by "from" =
            [("memory", delivery.waiting), ("row", delivery.claimed)],
            "Deliveries that wait in memory: first attempts (memory), and claimed rows (row).";
        gauge "herald_delivery_attempts_in_progress" = delivery.under_way,
            "Attempts that are under way.";
        counter "herald_deliveries_spilled_total" = delivery.spilled,
            "Deliveries that left memory for a row before their first attempt ended.";
        counter "herald_subscriptions_gone_total" = delivery.gone,
            "Subscriptions that were disabled because their target answered 410.";
    }
}

fn open(now: i64, database: &DatabaseView, page: &mut Page) {
    let states = database.open.iter();
    let open = states.clone().map(|(state, count, _)| (state, *count));
    let ages = states.map(|(state, _, oldest)| (state, oldest.map_or(0.0, |at| age(now, at))));
    let open_of = database.open_of.iter().copied();
    let (mails, due) = database.mails;
    let (lanes, expired) = database.lanes;
    figures! { page:
        gauge "herald_deliveries_open" by "state" = open,
            "Deliveries with a row in the database, by state, of all daemons together.";
        gauge "herald_deliveries_oldest_open_seconds" by "state" = ages,
            "The age of the oldest event with an open delivery, by state; 0: there is none.";
        gauge "herald_subscription_deliveries_open" by "subscription" =
            with_others(open_of, database.open_of_others),
            "Deliveries with a row in the database, by subscription: the largest backlogs, and the \
             other ones together.";
        gauge "herald_subscriptions_failing" = database.failing,
            "Subscriptions whose deliveries fail now.";
        gauge "herald_mails_waiting" = mails,
            "Mails that wait to be sent or to be tried again.";
        gauge "herald_mails_oldest_due_seconds" = due.map_or(0.0, |due| age(now, due)),
            "For how long the mail that was due first has been due; 0: none is.";
        gauge "herald_lanes" by "state" =
            [("live", lanes.saturating_sub(expired)), ("expired", expired)],
            "Open lanes of all daemons: those that live, and those whose lease ran out.";
    }
    if let Some((lost, double, at)) = database.audit {
        figures! { page:
            gauge "herald_audit_lost_deliveries" = lost,
                "Lost deliveries that the last audit of the server found; anything but 0 is a defect.";
            gauge "herald_audit_double_deliveries" = double,
                "Deliveries that the last audit found both ended and open; anything but 0 is a defect.";
            gauge "herald_audit_age_seconds" = age(now, at),
                "How long ago the last audit of the server was.";
        }
    }
}

/// Counts of some, and of the other ones together.
fn with_others<T: Display>(
    counts: impl Iterator<Item = (T, u64)>,
    others: u64,
) -> impl Iterator<Item = (String, u64)> {
    let named = counts.map(|(of, count)| (of.to_string(), count));
    named.chain([(OTHER.to_owned(), others)])
}

/// Seconds between two times in milliseconds.
fn age(now: i64, at: i64) -> f64 {
    let millis = u64::try_from(now.saturating_sub(at)).unwrap_or(0);
    Duration::from_millis(millis).as_secs_f64()
}
