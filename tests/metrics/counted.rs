//! The values of the metrics, held against what happened.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::metrics::desk::{Scrape, scrape_until};
use crate::support::api::order;
use crate::support::scripted::{Scripted, answer};
use crate::support::{Herald, wait_until};

const ATTEMPTS: &str = "herald_delivery_attempts_total";
const OF_SUBSCRIPTION: &str = "herald_subscription_attempts_total";

/// A target that refuses what comes to `/bad`.
fn target() -> Scripted {
    Scripted::start(|request, stream| {
        let status = if request.path == "/bad" { 500 } else { 200 };
        answer(stream, status, "", b"")
    })
}

#[test]
fn each_event_each_attempt_and_each_batch_is_counted_once() {
    let herald = Herald::launch();
    let target = target();
    let good = herald.subscribe(&target.url, &["ORDER_*"]);
    let more = json!({ "retry_schedule": [1] });
    let bad = herald.subscribe_with(&format!("{}bad", target.url), &["ORDER_*"], &more);
    herald.publish_batch((0..30).map(order));
    for number in 30..40 {
        herald.publish_event(&order(number));
    }
    herald.settled();
    let scrape = scrape_until(&herald, "the end of all deliveries", |scrape| {
        scrape.sum(ATTEMPTS, &[("outcome", "failed")]) >= 40.0
    });

    assert_eq!(scrape.sum("herald_events_accepted_total", &[]), 40.0);
    for (outcome, number) in [
        ("sent", 40.0),
        ("retry", 40.0),
        ("failed", 40.0),
        ("filtered", 0.0),
        ("cancelled", 0.0),
    ] {
        let label = ("outcome", outcome);
        assert_eq!(scrape.value(ATTEMPTS, &[label]), number, "{outcome}");
        assert_eq!(scrape.sum(OF_SUBSCRIPTION, &[label]), number, "{outcome}");
    }
    for (subscription, outcome, number) in [
        (&good, "sent", 40.0),
        (&good, "retry", 0.0),
        (&bad, "retry", 40.0),
        (&bad, "failed", 40.0),
        (&bad, "sent", 0.0),
    ] {
        let labels = [
            ("subscription", subscription.as_str()),
            ("outcome", outcome),
        ];
        assert_eq!(scrape.value(OF_SUBSCRIPTION, &labels), number, "{labels:?}");
    }
    // Each request has a time, each first attempt a wait; all of both began from memory, but for
    // those that a busy machine left waiting for 2 s.
    let took = "herald_delivery_attempt_duration_seconds_count";
    assert_eq!(scrape.value(took, &[("result", "sent")]), 40.0);
    assert_eq!(scrape.value(took, &[("result", "failed")]), 80.0);
    let queued = "herald_delivery_queue_seconds_count";
    assert_eq!(scrape.sum(queued, &[]), 80.0);
    assert!(scrape.sum(queued, &[("from", "memory")]) > 0.0);
    let endless = [("le", "+Inf"), ("from", "memory")];
    assert_eq!(
        scrape.value("herald_delivery_queue_seconds_bucket", &endless),
        scrape.value(queued, &[("from", "memory")])
    );

    // The batches hold all of it.
    assert_eq!(scrape.value("herald_intake_batch_events_sum", &[]), 40.0);
    let commits = scrape.value("herald_intake_commit_seconds_count", &[]);
    assert_eq!(
        scrape.value("herald_intake_batch_events_count", &[]),
        commits
    );
    assert!((2.0..=11.0).contains(&commits), "{commits}");
    let rows = |statement| {
        let label = [("statement", statement)];
        scrape.value("herald_recorder_batch_rows_sum", &label)
    };
    assert_eq!(rows("first") + rows("claimed"), 120.0);
    assert!(rows("claimed") >= 40.0);

    // Nothing waits any more.
    let idle = scrape_until(&herald, "nothing to be under way", |scrape| {
        scrape.value("herald_recorder_unrecorded_attempts", &[]) == 0.0
            && scrape.value("herald_memory_budget_used_bytes", &[]) == 0.0
            && scrape.value("herald_delivery_attempts_in_progress", &[]) == 0.0
            && scrape.value("herald_delivery_lines", &[]) == 0.0
    });
    for name in [
        "herald_delivery_waiting",
        "herald_mailbox_messages",
        "herald_intake_waiting_requests",
        "herald_intake_uncommitted_bytes",
        "herald_lane_oldest_unsettled_seconds",
        "herald_intake_refused_requests_total",
        "herald_lanes_given_up_total",
    ] {
        assert_eq!(idle.sum(name, &[]), 0.0, "{name}");
    }
    assert_eq!(idle.value("herald_lane_open", &[]), 1.0);
    assert!(idle.value("herald_lane_lease_left_seconds", &[]) > 0.0);
}

#[test]
fn only_so_many_subscriptions_have_figures_of_their_own_and_the_sum_stays_right() {
    let herald = Herald::launch_with(&[("HERALD_METRICS_SUBSCRIPTIONS", "2")]);
    let target = target();
    for number in 0..5 {
        herald.subscribe(&format!("{}{number}", target.url), &["ORDER_*"]);
    }
    herald.publish_batch((0..10).map(order));
    herald.settled();
    let scrape = scrape_until(&herald, "all attempts to be counted", |scrape| {
        scrape.sum(OF_SUBSCRIPTION, &[("outcome", "sent")]) >= 50.0
    });
    assert_eq!(scrape.sum(OF_SUBSCRIPTION, &[("outcome", "sent")]), 50.0);
    let named = scrape.labelled(OF_SUBSCRIPTION, "subscription");
    assert_eq!(named.len(), 3, "{named:?}");
    let other = [("subscription", "other"), ("outcome", "sent")];
    assert_eq!(scrape.value(OF_SUBSCRIPTION, &other), 30.0);
    let mut check = herald.command();
    check.env("HERALD_METRICS_SUBSCRIPTIONS", "1001");
    let faults = faults_of(&mut check);
    assert!(faults.contains("HERALD_METRICS_SUBSCRIPTIONS"), "{faults}");
    assert!(faults.contains("from 0 to 1000"), "{faults}");
}

fn faults_of(command: &mut Command) -> String {
    let output = command.arg("check-config").output().unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn what_is_open_is_told_with_its_age_its_state_and_its_subscription() {
    let herald = Herald::launch();
    let target = target();
    let more = json!({ "retry_schedule": [600] });
    let bad = herald.subscribe_with(&format!("{}bad", target.url), &["ORDER_*"], &more);
    let paused = herald.subscribe(&target.url, &["ORDER_*"]);
    herald.switch(&paused, "pause");
    let disabled = herald.subscribe(&target.url, &["INVOICE_*"]);
    herald.switch(&disabled, "disable");
    herald.publish_batch((0..3).map(order));
    let scrape = scrape_until(&herald, "the sample", |scrape| {
        scrape.sum("herald_deliveries_open", &[("state", "held")]) == 3.0
            && scrape.sum("herald_deliveries_open", &[("state", "retrying")]) == 3.0
            && scrape.sum("herald_subscriptions_failing", &[]) == 1.0
    });
    for state in ["held", "retrying"] {
        let oldest = "herald_deliveries_oldest_open_seconds";
        assert!(scrape.value(oldest, &[("state", state)]) > 0.0);
    }
    for id in [&bad, &paused] {
        let name = "herald_subscription_deliveries_open";
        assert_eq!(scrape.value(name, &[("subscription", id)]), 3.0);
    }
    for (state, number) in [("enabled", 1.0), ("paused", 1.0), ("disabled", 1.0)] {
        assert_eq!(
            scrape.value("herald_subscriptions", &[("state", state)]),
            number,
            "{state}"
        );
    }
    assert_eq!(scrape.value("herald_lanes", &[("state", "live")]), 1.0);
    assert_eq!(scrape.value("herald_audit_lost_deliveries", &[]), 0.0);
}

#[test]
fn reading_the_metrics_waits_for_no_lock_and_no_connection_of_the_database() {
    let herald = Herald::launch();
    scrape_until(&herald, "the first sample", |scrape| {
        scrape.names().contains("herald_sample_age_seconds")
    });
    // Whoever asks for open deliveries or writes one waits from here on.
    let mut lock = Command::new("psql")
        .args(["-X", "-q", "-d", &herald.database_url])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut statements = lock.stdin.take().unwrap();
    let tables = "delivery, mail_due, lane, event, attempt, subscription_count";
    writeln!(statements, "begin; lock table {tables};").unwrap();
    wait_until("the lock is there", || {
        herald.count(
            "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted \
             and relation = 'delivery'::regclass",
        ) == 1
    });
    let before = Scrape::of(&herald).sum("herald_sample_age_seconds", &[]);
    let old = scrape_until(&herald, "the sample to grow old", |scrape| {
        scrape.sum("herald_sample_age_seconds", &[]) > before + 12.0
    });
    assert_eq!(old.value("herald_lane_lease_left_seconds", &[]), 0.0);
    drop(statements);
    let _ = lock.wait();
    scrape_until(&herald, "a new sample", |scrape| {
        scrape.sum("herald_sample_age_seconds", &[]) < 11.0
            && scrape.value("herald_lane_open", &[]) == 1.0
    });
}

#[test]
fn a_lane_that_is_given_up_and_a_repeated_event_are_counted() {
    let herald = Herald::launch();
    let body = order(1).to_string();
    herald.publish_keyed("k", body.as_bytes()).expect(202);
    herald.publish_keyed("k", body.as_bytes()).expect(202);
    let scrape = Scrape::of(&herald);
    assert_eq!(scrape.value("herald_events_repeated_total", &[]), 1.0);
    assert_eq!(scrape.value("herald_lanes_opened_total", &[]), 1.0);
    herald.sql("update lane set closed_at = now() where closed_at is null");
    let scrape = scrape_until(&herald, "another lane", |scrape| {
        scrape.value("herald_lanes_opened_total", &[]) == 2.0
    });
    assert_eq!(scrape.value("herald_lanes_given_up_total", &[]), 1.0);
}

#[test]
fn requests_are_counted_by_route_and_status_and_no_path_becomes_a_label() {
    let herald = Herald::launch();
    herald.publish(b"{").expect(400);
    herald.publish_event(&order(1));
    for _ in 0..3 {
        let unknown = "/v1/events/evt_01h2e8kqvbfwea724h75qc655w";
        herald.get(unknown).expect(404);
        herald.get("/v1/made-up").expect(404);
    }
    let mut stranger = herald.client.clone();
    stranger.token = None;
    stranger.get("/v1/events").expect(401);
    let scrape = Scrape::of(&herald);
    let requests = "herald_http_requests_total";
    for (method, route, status, number) in [
        ("POST", "/v1/events", "400", 1.0),
        ("POST", "/v1/events", "202", 1.0),
        ("GET", "/v1/events", "401", 1.0),
        ("GET", "/v1/events/{id}", "404", 3.0),
        ("", "unknown", "404", 3.0),
    ] {
        let labels = [("method", method), ("route", route), ("status", status)];
        assert_eq!(scrape.value(requests, &labels), number, "{labels:?}");
    }
    let labels = [("method", "POST"), ("route", "/v1/events")];
    let times = "herald_http_request_duration_seconds";
    assert_eq!(scrape.value(&format!("{times}_count"), &labels), 2.0);
    assert!(scrape.value(&format!("{times}_sum"), &labels) > 0.0);
    assert!(!scrape.text.contains("made-up"), "{}", scrape.text);
}

#[test]
fn mails_and_activities_are_counted() {
    let herald = Herald::launch();
    for _ in 0..3 {
        let mail = json!({
            "topic": "A Test", "to": ["ann@example.com"], "subject": "Hello", "text": "Hello.\n"
        });
        herald.post("/v1/mails", &mail).expect(202);
        let activity = json!({
            "user": "ann@example.com", "group": "Order", "activity": "Bulk Submit"
        });
        herald.post("/v1/activities", &activity).expect(201);
    }
    let scrape = scrape_until(&herald, "the mails to be sent", |scrape| {
        scrape.sum("herald_mail_tries_total", &[("outcome", "sent")]) == 3.0
    });
    let took = "herald_mail_try_duration_seconds_count";
    assert_eq!(scrape.value(took, &[]), 3.0);
    assert_eq!(scrape.value("herald_mail_server_up", &[]), 1.0);
    assert_eq!(scrape.value("herald_mails_in_progress", &[]), 0.0);
    assert_eq!(scrape.value("herald_activities_recorded_total", &[]), 3.0);
    let commits = scrape.value("herald_activity_commit_seconds_count", &[]);
    assert!((1.0..=3.0).contains(&commits), "{commits}");
}
