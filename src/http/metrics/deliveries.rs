//! Figures of events and deliveries: what came in, what went out, how long it took, what is open.

use std::time::Duration;

use super::page::{MICROS, Page, number};
use crate::actors::{Counts, DatabaseView, DeliveryView, FiguresView};

/// All that have no place of their own.
const OTHER: &str = "other";

pub(super) fn tell(figures: &FiguresView, page: &mut Page) {
    events(figures, page);
    attempts(figures, page);
    delivery(&figures.delivery, page);
    let mut subscriptions = page.gauges("herald_subscriptions", "Subscriptions by their state.");
    for (state, count) in &figures.subscriptions {
        subscriptions.add(&[("state", state)], number(*count));
    }
    drop(subscriptions);
    if let Some(database) = &figures.database {
        open(figures.now, database, page);
        sample(figures, database, page);
    }
}

fn events(figures: &FiguresView, page: &mut Page) {
    let counts = &figures.counts;
    let mut events = page.counters(
        "herald_events_accepted_total",
        "Accepted events by account: the busiest, and the other ones together.",
    );
    for (account, counts) in &counts.accounts {
        events.add(&[("account", &account.to_string())], number(counts.events));
    }
    events.add(&[("account", OTHER)], number(counts.other_accounts.events));
    drop(events);
    page.counter(
        "herald_events_repeated_total",
        "Events that were published again with the same idempotency key.",
        number(figures.intake.repeated),
    );
}

fn attempts(figures: &FiguresView, page: &mut Page) {
    let counts = &figures.counts;
    let mut attempts = page.counters(
        "herald_delivery_attempts_total",
        "Recorded attempts by their outcome; tests do not count.",
    );
    for (outcome, count) in counts.all.outcomes() {
        attempts.add(&[("outcome", outcome)], number(count));
    }
    drop(attempts);
    let mut attempts = page.counters(
        "herald_subscription_attempts_total",
        "Recorded attempts by subscription and outcome: the busiest subscriptions, and the other \
         ones together.",
    );
    let mut add = |subscription: &str, counts: &Counts| {
        for (outcome, count) in counts.outcomes() {
            let labels = [("subscription", subscription), ("outcome", outcome)];
            attempts.add(&labels, number(count));
        }
    };
    for (subscription, counts) in &counts.subscriptions {
        add(&subscription.to_string(), counts);
    }
    add(OTHER, &counts.other_subscriptions);
}

fn delivery(delivery: &DeliveryView, page: &mut Page) {
    let mut took = page.histograms(
        "herald_delivery_attempt_duration_seconds",
        "How long requests to targets took: those answered 2xx (sent), and all others (failed).",
    );
    took.spread(&[("result", "sent")], &delivery.took_sent, MICROS);
    took.spread(&[("result", "failed")], &delivery.took_failed, MICROS);
    drop(took);
    let mut queued = page.histograms(
        "herald_delivery_queue_seconds",
        "From the commit of an event to its first attempt: from memory, or by way of a row in the \
         database (paused before, or more than memory could take).",
    );
    queued.spread(&[("from", "memory")], &delivery.queued_in_memory, MICROS);
    queued.spread(&[("from", "row")], &delivery.queued_in_row, MICROS);
    drop(queued);
    page.gauge(
        "herald_delivery_lines",
        "Subscriptions that have something to do.",
        number(delivery.lines),
    );
    let mut waiting = page.gauges(
        "herald_delivery_waiting",
        "Deliveries that wait in memory: first attempts (memory), and claimed rows (row).",
    );
    waiting.add(&[("from", "memory")], number(delivery.waiting));
    waiting.add(&[("from", "row")], number(delivery.claimed));
    drop(waiting);
    page.gauge(
        "herald_delivery_attempts_in_progress",
        "Attempts that are under way.",
        number(delivery.under_way),
    );
    page.counter(
        "herald_deliveries_spilled_total",
        "Deliveries that left memory for a row before their first attempt ended.",
        number(delivery.spilled),
    );
    page.counter(
        "herald_subscriptions_gone_total",
        "Subscriptions that were disabled because their target answered 410.",
        number(delivery.gone),
    );
}

fn open(now: i64, database: &DatabaseView, page: &mut Page) {
    let mut open = page.gauges(
        "herald_deliveries_open",
        "Deliveries with a row in the database, by state, of all daemons together.",
    );
    for (state, count, _) in &database.open {
        open.add(&[("state", state)], number(*count));
    }
    drop(open);
    let mut oldest = page.gauges(
        "herald_deliveries_oldest_open_seconds",
        "The age of the oldest event with an open delivery, by state; 0: there is none.",
    );
    for (state, _, oldest_at) in &database.open {
        let age = oldest_at.map_or(0.0, |at| age(now, at));
        oldest.add(&[("state", state)], age);
    }
    drop(oldest);
    let mut open_of = page.gauges(
        "herald_subscription_deliveries_open",
        "Deliveries with a row in the database, by subscription: the largest backlogs, and the \
         other ones together.",
    );
    for (subscription, count) in &database.open_of {
        let subscription = subscription.to_string();
        open_of.add(&[("subscription", &subscription)], number(*count));
    }
    open_of.add(&[("subscription", OTHER)], number(database.open_of_others));
    drop(open_of);
    page.gauge(
        "herald_subscriptions_failing",
        "Subscriptions whose deliveries fail now.",
        number(database.failing),
    );
    let (mails, due) = database.mails;
    page.gauge(
        "herald_mails_waiting",
        "Mails that wait to be sent or to be tried again.",
        number(mails),
    );
    page.gauge(
        "herald_mails_oldest_due_seconds",
        "For how long the mail that was due first has been due; 0: none is.",
        due.map_or(0.0, |due| age(now, due)),
    );
    let (lanes, expired) = database.lanes;
    let mut open_lanes = page.gauges(
        "herald_lanes",
        "Open lanes of all daemons: those that live, and those whose lease ran out.",
    );
    open_lanes.add(&[("state", "live")], number(lanes.saturating_sub(expired)));
    open_lanes.add(&[("state", "expired")], number(expired));
    drop(open_lanes);
    if let Some((lost, double, at)) = database.audit {
        page.gauge(
            "herald_audit_lost_deliveries",
            "Lost deliveries that the last audit of the server found; anything but 0 is a defect.",
            number(lost),
        );
        page.gauge(
            "herald_audit_double_deliveries",
            "Deliveries that the last audit found both ended and open; anything but 0 is a defect.",
            number(double),
        );
        page.gauge(
            "herald_audit_age_seconds",
            "How long ago the last audit of the server was.",
            age(now, at),
        );
    }
}

fn sample(figures: &FiguresView, database: &DatabaseView, page: &mut Page) {
    page.gauge(
        "herald_sample_age_seconds",
        "How long ago the database was asked for what is open.",
        figures.uptime.saturating_sub(database.at).as_secs_f64(),
    );
    page.gauge(
        "herald_sample_duration_seconds",
        "How long it took to answer.",
        database.took.as_secs_f64(),
    );
}

/// Seconds between two times in milliseconds.
fn age(now: i64, at: i64) -> f64 {
    let millis = u64::try_from(now.saturating_sub(at)).unwrap_or(0);
    Duration::from_millis(millis).as_secs_f64()
}
