//! Metrics of events and deliveries: what came in, what went out, how long it took, what is open.

use std::fmt::Display;
use std::time::Duration;

use super::page::{MetricsPage, metrics};
use crate::actors::{CountsRead, DatabaseView, DeliveryMetricsView, MetricsView};

/// All that have no place of their own.
const OTHER: &str = "other";

metrics! { EVENTS of metrics: MetricsView;
    counter "herald_events_accepted_total" by "account" = events(&metrics.counts),
        "Accepted events by account: the busiest, and the other ones together.";
    counter "herald_events_repeated_total" = metrics.intake.repeated,
        "Events that were published again with the same idempotency key.";
    counter "herald_delivery_attempts_total" by "outcome" = metrics.counts.all.outcomes(),
        "Recorded attempts by their outcome; tests do not count.";
    counter "herald_subscription_attempts_total" by "subscription" "outcome" =
        attempts(&metrics.counts),
        "Recorded attempts by subscription and outcome: the busiest subscriptions, and the other \
         ones together.";
    gauge "herald_subscriptions" by "state" = metrics.subscriptions.iter().copied(),
        "Subscriptions by their state.";
}

metrics! { DELIVERIES of delivery: DeliveryMetricsView;
    times "herald_delivery_attempt_duration_seconds" by "result" =
        [("sent", &delivery.took_sent), ("failed", &delivery.took_failed)],
        "How long requests to targets took: those answered 2xx (sent), and all others (failed).";
    times "herald_delivery_queue_seconds" by "from" =
        [("memory", &delivery.queued_in_memory), ("row", &delivery.queued_in_row)],
        "From the commit of an event to its first attempt: from memory, or by way of a row in the \
         database (paused before, or more than memory could take).";
    gauge "herald_delivery_lines" = delivery.busy,
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

metrics! { OPEN of metrics: MetricsView, if Some(database) = &metrics.database;
    gauge "herald_sample_age_seconds" =
        metrics.uptime.saturating_sub(database.at).as_secs_f64(),
        "How long ago the database was asked for what is open.";
    gauge "herald_sample_duration_seconds" = database.took.as_secs_f64(),
        "How long it took to answer.";
    gauge "herald_deliveries_open" by "state" =
        database.open.iter().map(|(state, count, _)| (state, *count)),
        "Deliveries with a row in the database, by state, of all daemons together.";
    gauge "herald_deliveries_oldest_open_seconds" by "state" = ages(metrics.now, database),
        "The age of the oldest event with an open delivery, by state; 0: there is none.";
    gauge "herald_subscription_deliveries_open" by "subscription" =
        with_others(database.open_of.iter().copied(), database.open_of_others),
        "Deliveries with a row in the database, by subscription: the largest backlogs, and the \
         other ones together.";
    gauge "herald_subscriptions_failing" = database.failing,
        "Subscriptions whose deliveries fail now.";
    gauge "herald_mails_waiting" = database.mails.0,
        "Mails that wait to be sent or to be tried again.";
    gauge "herald_mails_oldest_due_seconds" =
        database.mails.1.map_or(0.0, |due| age(metrics.now, due)),
        "For how long the mail that was due first has been due; 0: none is.";
    gauge "herald_lanes" by "state" = lanes(database.lanes),
        "Open lanes of all daemons: those that live, and those whose lease ran out.";
}

metrics! { AUDIT of metrics: MetricsView,
    if Some((lost, double, at)) = metrics.database.as_ref().and_then(|it| it.audit);
    gauge "herald_audit_lost_deliveries" = lost,
        "Lost deliveries that the last audit of the server found; anything but 0 is a defect.";
    gauge "herald_audit_double_deliveries" = double,
        "Deliveries that the last audit found both ended and open; anything but 0 is a defect.";
    gauge "herald_audit_age_seconds" = age(metrics.now, at),
        "How long ago the last audit of the server was.";
}

pub(super) fn write(metrics: &MetricsView, page: &mut MetricsPage) {
    page.add(EVENTS, metrics);
    page.add(DELIVERIES, &metrics.delivery);
    page.add(OPEN, metrics);
    page.add(AUDIT, metrics);
}

#[cfg(test)]
pub(super) fn families() -> impl Iterator<Item = super::page::MetricRow> {
    let events = EVENTS.rows().chain(DELIVERIES.rows());
    events.chain(OPEN.rows()).chain(AUDIT.rows())
}

/// Accepted events of the busiest accounts, and of the other ones together.
fn events(counts: &CountsRead) -> impl Iterator<Item = (String, u64)> {
    let accounts = counts.accounts.iter().map(|(id, it)| (id, it.events));
    with_others(accounts, counts.other_accounts.events)
}

/// Attempts of the busiest subscriptions, and of the other ones together, by outcome.
fn attempts(counts: &CountsRead) -> impl Iterator<Item = ([String; 2], u64)> {
    let named = counts.subscriptions.iter();
    let named = named.map(|(id, it)| (id.to_string(), it));
    let all = named.chain([(OTHER.to_owned(), &counts.other_subscriptions)]);
    all.flat_map(|(subscription, it)| {
        let of =
            |(outcome, count): (&str, u64)| ([subscription.clone(), outcome.to_owned()], count);
        it.outcomes().map(of)
    })
}

/// How old the oldest open delivery of each state is.
fn ages(now: i64, database: &DatabaseView) -> impl Iterator<Item = (&str, f64)> {
    let states = database.open.iter();
    states.map(move |(state, _, oldest)| (*state, oldest.map_or(0.0, |at| age(now, at))))
}

/// All lanes, and those of them whose lease ran out, by state.
const fn lanes((all, expired): (u64, u64)) -> [(&'static str, u64); 2] {
    [("live", all.saturating_sub(expired)), ("expired", expired)]
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
