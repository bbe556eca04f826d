//! Figures of Herald's parts: publishing, recording, the lane, mails, activities, queues, the pool.

use super::page::{Page, figures};
use crate::actors::{FiguresView, IntakeView, LaneView, MailView, RecorderView, WrittenView};

pub(super) fn tell(figures: &FiguresView, page: &mut Page) {
    intake(&figures.intake, page);
    recorder(&figures.recorder, page);
    lane(&figures.lane, page);
    mail(&figures.mail, page);
    activity(&figures.activity.commit, page);
    let pool = figures.pool;
    figures! { page:
        gauge "herald_mailbox_messages" by "actor" = figures.mailboxes,
            "Messages that an actor has not taken yet.";
        gauge "herald_database_connections" by "state" =
            [("in_use", pool.in_use), ("idle", pool.idle)],
            "Connections of the pool; Intake, Recorder, Housekeeper and others have their own.";
        gauge "herald_database_connections_limit" = pool.limit,
            "Connections that the pool may have.";
        gauge "herald_database_connections_waiting" = pool.waiting,
            "Who waits for a connection of the pool.";
    }
}

fn intake(intake: &IntakeView, page: &mut Page) {
    figures! { page:
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
}

fn recorder(recorder: &RecorderView, page: &mut Page) {
    let statements = [
        ("first", &recorder.first),
        ("claimed", &recorder.claimed),
        ("spill", &recorder.spill),
    ];
    figures! { page:
        histogram "herald_recorder_batch_rows" by "statement" =
            statements.map(|(name, it)| (name, &it.rows)),
            "Rows of each statement that records first attempts, attempts at claimed rows, or \
             deliveries that leave memory (spill).";
        times "herald_recorder_commit_seconds" by "statement" =
            statements.map(|(name, it)| (name, &it.took)),
            "How long each of these statements took.";
        counter "herald_recorder_failures_total" by "statement" =
            statements.map(|(name, it)| (name, it.failed)),
            "Statements that failed; what they held is recorded again.";
        gauge "herald_recorder_waiting_rows" = recorder.told,
            "What was reported and is not yet being written.";
        gauge "herald_recorder_unrecorded_attempts" = recorder.unrecorded,
            "Attempts under way or not recorded, weighed by what they keep in memory.";
        gauge "herald_recorder_unrecorded_attempts_limit" = recorder.unrecorded_limit,
            "How many of them there may be; beyond, deliveries wait.";
    }
}

fn lane(lane: &LaneView, page: &mut Page) {
    figures! { page:
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
}

fn mail(mail: &MailView, page: &mut Page) {
    figures! { page:
        counter "herald_mail_tries_total" by "outcome" = mail.tries,
            "Tries of mails by their outcome.";
        times "herald_mail_try_duration_seconds" = &mail.took,
            "How long each conversation with the mail server took.";
        gauge "herald_mails_in_progress" = mail.under_way,
            "Mails that are being sent.";
        gauge "herald_mail_server_up" = u64::from(!mail.down),
            "0: the mail server could not be reached several times, and mails wait.";
    }
}

fn activity(commit: &WrittenView, page: &mut Page) {
    figures! { page:
        histogram "herald_activity_batch_rows" = &commit.rows,
            "Activities of the host application in each commit.";
        times "herald_activity_commit_seconds" = &commit.took,
            "How long each of these commits took.";
        counter "herald_activity_commit_failures_total" = commit.failed,
            "Commits of activities that failed.";
        counter "herald_activities_recorded_total" = commit.rows.sum,
            "Activities that the host application recorded.";
    }
}
