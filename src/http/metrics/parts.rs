//! Figures of Herald's parts: publishing, recording, the lane, mails, activities, queues, the pool.

use super::page::{MICROS, Page, number};
use crate::actors::{FiguresView, IntakeView, LaneView, MailView, RecorderView, WrittenView};

pub(super) fn tell(figures: &FiguresView, page: &mut Page) {
    intake(&figures.intake, page);
    recorder(&figures.recorder, page);
    lane(&figures.lane, page);
    mail(&figures.mail, page);
    activity(&figures.activity.commit, page);
    let mut mailboxes = page.gauges(
        "herald_mailbox_messages",
        "Messages that an actor has not taken yet.",
    );
    for (actor, count) in figures.mailboxes {
        mailboxes.add(&[("actor", actor)], number(count));
    }
    drop(mailboxes);
    let pool = figures.pool;
    let mut connections = page.gauges(
        "herald_database_connections",
        "Connections of the pool; Intake, Recorder, Housekeeper and others have their own.",
    );
    connections.add(&[("state", "in_use")], number(pool.in_use));
    connections.add(&[("state", "idle")], number(pool.idle));
    drop(connections);
    page.gauge(
        "herald_database_connections_limit",
        "Connections that the pool may have.",
        number(pool.limit),
    );
    page.gauge(
        "herald_database_connections_waiting",
        "Who waits for a connection of the pool.",
        number(pool.waiting),
    );
}

fn intake(intake: &IntakeView, page: &mut Page) {
    page.histograms("herald_intake_batch_events", "Events of each commit.")
        .spread(&[], &intake.commit.rows, 1.0);
    page.histograms(
        "herald_intake_commit_seconds",
        "How long each commit of events took.",
    )
    .spread(&[], &intake.commit.took, MICROS);
    page.counter(
        "herald_intake_commit_failures_total",
        "Commits of events whose outcome is not known.",
        number(intake.commit.failed),
    );
    page.gauge(
        "herald_intake_waiting_requests",
        "Publish requests that wait for their commit, those in the mailbox included.",
        number(intake.waiting),
    );
    page.gauge(
        "herald_intake_uncommitted_bytes",
        "Payload bytes that wait for their commit.",
        number(intake.uncommitted_bytes),
    );
    page.counter(
        "herald_intake_refused_requests_total",
        "Publish requests that were told to come again: the database was away.",
        number(intake.refused),
    );
    page.gauge(
        "herald_memory_budget_used_bytes",
        "Bytes of committed events in memory.",
        number(intake.memory_bytes),
    );
    page.gauge(
        "herald_memory_budget_limit_bytes",
        "How many of them there may be; beyond, deliveries get rows.",
        number(intake.memory_limit_bytes),
    );
}

fn recorder(recorder: &RecorderView, page: &mut Page) {
    let statements = [
        ("first", &recorder.first),
        ("claimed", &recorder.claimed),
        ("spill", &recorder.spill),
    ];
    let mut rows = page.histograms(
        "herald_recorder_batch_rows",
        "Rows of each statement that records first attempts, attempts at claimed rows, or \
         deliveries that leave memory (spill).",
    );
    for (statement, written) in statements {
        rows.spread(&[("statement", statement)], &written.rows, 1.0);
    }
    drop(rows);
    let mut took = page.histograms(
        "herald_recorder_commit_seconds",
        "How long each of these statements took.",
    );
    for (statement, written) in statements {
        took.spread(&[("statement", statement)], &written.took, MICROS);
    }
    drop(took);
    let mut failures = page.counters(
        "herald_recorder_failures_total",
        "Statements that failed; what they held is recorded again.",
    );
    for (statement, written) in statements {
        failures.add(&[("statement", statement)], number(written.failed));
    }
    drop(failures);
    page.gauge(
        "herald_recorder_waiting_rows",
        "What was told and is not yet being written.",
        number(recorder.told),
    );
    page.gauge(
        "herald_recorder_unrecorded_attempts",
        "Attempts under way or not recorded, weighed by what they keep in memory.",
        number(recorder.unrecorded),
    );
    page.gauge(
        "herald_recorder_unrecorded_attempts_limit",
        "How many of them there may be; beyond, deliveries wait.",
        number(recorder.unrecorded_limit),
    );
}

fn lane(lane: &LaneView, page: &mut Page) {
    page.gauge(
        "herald_lane_open",
        "1: a lane is open, and events are accepted.",
        f64::from(u8::from(lane.id.is_some())),
    );
    page.gauge(
        "herald_lane_lease_left_seconds",
        "For how long attempts may begin before the lease must be renewed.",
        lane.lease_left.as_secs_f64(),
    );
    page.gauge(
        "herald_lane_oldest_unsettled_seconds",
        "The age of the oldest event with a target in memory alone, which a crash would make \
         recovery look at; 0: there is none.",
        lane.mark_age.map_or(0.0, |age| age.as_secs_f64()),
    );
    page.counter(
        "herald_lanes_opened_total",
        "Lanes that this daemon opened.",
        number(lane.opened),
    );
    page.counter(
        "herald_lanes_given_up_total",
        "Lanes that this daemon gave up because something became unsure.",
        number(lane.given_up),
    );
}

fn mail(mail: &MailView, page: &mut Page) {
    let mut tries = page.counters(
        "herald_mail_tries_total",
        "Tries of mails by their outcome.",
    );
    for (outcome, count) in mail.tries {
        tries.add(&[("outcome", outcome)], number(count));
    }
    drop(tries);
    page.histograms(
        "herald_mail_try_duration_seconds",
        "How long each conversation with the mail server took.",
    )
    .spread(&[], &mail.took, MICROS);
    page.gauge(
        "herald_mails_in_progress",
        "Mails that are being sent.",
        number(mail.under_way),
    );
    page.gauge(
        "herald_mail_server_up",
        "0: the mail server could not be reached several times, and mails wait.",
        f64::from(u8::from(!mail.down)),
    );
}

fn activity(commit: &WrittenView, page: &mut Page) {
    page.histograms(
        "herald_activity_batch_rows",
        "Activities of the host application in each commit.",
    )
    .spread(&[], &commit.rows, 1.0);
    page.histograms(
        "herald_activity_commit_seconds",
        "How long each of these commits took.",
    )
    .spread(&[], &commit.took, MICROS);
    page.counter(
        "herald_activity_commit_failures_total",
        "Commits of activities that failed.",
        number(commit.failed),
    );
    page.counter(
        "herald_activities_recorded_total",
        "Activities that the host application recorded.",
        number(commit.rows.sum),
    );
}
