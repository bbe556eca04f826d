//! Metrics of Herald's parts: publishing, recording, the lane, mails, activities, queues, the pool.

use super::page::{MetricsPage, metrics};
use crate::actors::{
    IntakeView, LaneView, MailMetricsView, MetricsView, RecorderView, WrittenView,
};

metrics! { INTAKE of intake: IntakeView;
    histogram "herald_intake_batch_events" = &intake.commit.rows,
        "Events of each commit.";
    times "herald_intake_commit_seconds" = &intake.commit.took,
        "How long each commit of events took.";
    counter "herald_intake_commit_failures_total" = intake.commit.failed,
        "Commits of events whose outcome is not known.";
    gauge "herald_intake_waiting_requests" = intake.waiting,
        "Publish requests that wait for their commit, those in the mailbox included.";
    gauge "herald_intake_uncommitted_bytes" = intake.uncommitted_bytes,
        "Payload bytes that wait for their commit.";
    counter "herald_intake_refused_requests_total" = intake.refused,
        "Publish requests that were refused for now: the database was away.";
    gauge "herald_memory_budget_used_bytes" = intake.memory_bytes,
        "Bytes of committed events in memory.";
    gauge "herald_memory_budget_limit_bytes" = intake.memory_limit_bytes,
        "How many of them there may be; beyond, deliveries get rows.";
}

metrics! { RECORDER of recorder: RecorderView;
    histogram "herald_recorder_batch_rows" by "statement" =
        statements(recorder).map(|(name, it)| (name, &it.rows)),
        "Rows of each statement that records first attempts, attempts at claimed rows, or \
         deliveries that leave memory (spill).";
    times "herald_recorder_commit_seconds" by "statement" =
        statements(recorder).map(|(name, it)| (name, &it.took)),
        "How long each of these statements took.";
    counter "herald_recorder_failures_total" by "statement" =
        statements(recorder).map(|(name, it)| (name, it.failed)),
        "Statements that failed; what they held is recorded again.";
    gauge "herald_recorder_waiting_rows" = recorder.pending,
        "What was reported and is not yet being written.";
    gauge "herald_recorder_unrecorded_attempts" = recorder.unrecorded,
        "Attempts under way or not recorded, weighed by what they keep in memory.";
    gauge "herald_recorder_unrecorded_attempts_limit" = recorder.unrecorded_limit,
        "How many of them there may be; beyond, deliveries wait.";
}

metrics! { LANE of lane: LaneView;
    gauge "herald_lane_open" = u64::from(lane.id.is_some()),
        "1: a lane is open, and events are accepted.";
    gauge "herald_lane_lease_left_seconds" = lane.lease_left.as_secs_f64(),
        "For how long attempts may begin before the lease must be renewed.";
    gauge "herald_lane_oldest_unsettled_seconds" =
        lane.mark_age.map_or(0.0, |age| age.as_secs_f64()),
        "The age of the oldest event with a target in memory alone, which a crash would make \
         recovery look at; 0: there is none.";
    counter "herald_lanes_opened_total" = lane.opened,
        "Lanes that this daemon opened.";
    counter "herald_lanes_given_up_total" = lane.given_up,
        "Lanes that this daemon gave up because something became unsure.";
}

metrics! { MAILS of mail: MailMetricsView;
    counter "herald_mail_tries_total" by "outcome" = mail.tries,
        "Tries of mails by their outcome.";
    times "herald_mail_try_duration_seconds" = &mail.took,
        "How long each conversation with the mail server took.";
    gauge "herald_mails_in_progress" = mail.under_way,
        "Mails that are being sent.";
    gauge "herald_mail_server_up" = u64::from(!mail.down),
        "0: the mail server could not be reached several times, and mails wait.";
}

metrics! { ACTIVITIES of commit: WrittenView;
    histogram "herald_activity_batch_rows" = &commit.rows,
        "Activities of the host application in each commit.";
    times "herald_activity_commit_seconds" = &commit.took,
        "How long each of these commits took.";
    counter "herald_activity_commit_failures_total" = commit.failed,
        "Commits of activities that failed.";
    counter "herald_activities_recorded_total" = commit.rows.sum,
        "Activities that the host application recorded.";
}

metrics! { QUEUES of metrics: MetricsView;
    gauge "herald_mailbox_messages" by "actor" = metrics.mailboxes,
        "Messages that an actor has not taken yet.";
    gauge "herald_database_connections" by "state" =
        [("in_use", metrics.pool.in_use), ("idle", metrics.pool.idle)],
        "Connections of the pool; Intake, Recorder, Housekeeper and others have their own.";
    gauge "herald_database_connections_limit" = metrics.pool.limit,
        "Connections that the pool may have.";
    gauge "herald_database_connections_waiting" = metrics.pool.waiting,
        "Who waits for a connection of the pool.";
}

pub(super) fn write(metrics: &MetricsView, page: &mut MetricsPage) {
    page.add(INTAKE, &metrics.intake);
    page.add(RECORDER, &metrics.recorder);
    page.add(LANE, &metrics.lane);
    page.add(MAILS, &metrics.mail);
    page.add(ACTIVITIES, &metrics.activity.commit);
    page.add(QUEUES, metrics);
}

#[cfg(test)]
pub(super) fn families() -> impl Iterator<Item = super::page::MetricRow> {
    let daemon = INTAKE.rows().chain(RECORDER.rows()).chain(LANE.rows());
    let daemon = daemon.chain(MAILS.rows()).chain(ACTIVITIES.rows());
    daemon.chain(QUEUES.rows())
}

/// The statements that record what attempts came to, by their names.
const fn statements(recorder: &RecorderView) -> [(&'static str, &WrittenView); 3] {
    [
        ("first", &recorder.first),
        ("claimed", &recorder.claimed),
        ("spill", &recorder.spill),
    ]
}
