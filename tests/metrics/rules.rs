//! The metrics by Prometheus' own rules, and the alert rules: that they can be read, that each
//! fires when it should, and that every metric that they name exists.

use std::collections::BTreeSet;
use std::fs;

use crate::metrics::desk::{busy, file, named, promtool};

const RULES: &str = "systemd/prometheus/herald.rules.yml";
const TESTS: &str = "systemd/prometheus/herald.rules.test.yml";

#[test]
fn the_metrics_keep_to_prometheus_rules_and_everything_has_a_figure() {
    let (_herald, scrape) = busy();
    let said = promtool(&["check", "metrics"], &scrape.text);
    assert_eq!(said, "", "promtool has something to say of the names");
    // By what it is about; the other tests look at the values.
    for name in [
        "herald_build_info",
        "herald_events_accepted_total",
        "herald_delivery_attempts_total",
        "herald_subscription_attempts_total",
        "herald_delivery_attempt_duration_seconds_bucket",
        "herald_delivery_queue_seconds_bucket",
        "herald_intake_batch_events_bucket",
        "herald_intake_commit_seconds_bucket",
        "herald_recorder_batch_rows_bucket",
        "herald_recorder_commit_seconds_bucket",
        "herald_deliveries_open",
        "herald_deliveries_oldest_open_seconds",
        "herald_subscriptions",
        "herald_subscriptions_failing",
        "herald_plugins",
        "herald_mails_waiting",
        "herald_mail_tries_total",
        "herald_mail_try_duration_seconds_bucket",
        "herald_mail_server_up",
        "herald_activities_recorded_total",
        "herald_database_connections",
        "herald_database_connections_waiting",
        "herald_mailbox_messages",
        "herald_intake_waiting_requests",
        "herald_intake_uncommitted_bytes",
        "herald_recorder_unrecorded_attempts",
        "herald_memory_budget_used_bytes",
        "herald_delivery_waiting",
        "herald_lane_open",
        "herald_lane_lease_left_seconds",
        "herald_http_requests_total",
        "herald_http_request_duration_seconds_bucket",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    ] {
        assert!(scrape.names().contains(name), "{name} in\n{}", scrape.text);
    }
}

#[test]
fn every_metric_has_its_row_in_the_reference() {
    let (_herald, scrape) = busy();
    let reference = fs::read_to_string(file("docs/reference/metrics.md")).unwrap();
    let types = scrape.text.lines();
    for line in types.filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        let row = format!("| `{name}` |");
        assert!(reference.contains(&row), "{name} is not in the reference");
    }
}

#[test]
fn every_alert_can_be_read_and_fires_in_its_test() {
    let rules = file(RULES);
    promtool(&["check", "rules", rules.to_str().unwrap()], "");
    let tests = file(TESTS);
    promtool(&["test", "rules", tests.to_str().unwrap()], "");
    let rules = fs::read_to_string(rules).unwrap();
    let tests = fs::read_to_string(tests).unwrap();
    let mut alerts: BTreeSet<&str> = BTreeSet::new();
    for rule in rules.split("- alert: ").skip(1) {
        let alert = rule.lines().next().unwrap();
        assert!(alerts.insert(alert), "{alert} stands there twice");
        for part in ["severity: ", "summary: ", "description: "] {
            assert!(rule.contains(part), "{alert} has no {part}");
        }
        let test = tests.split("  - name: ").find(|it| it.starts_with(alert));
        let test = test.unwrap_or_else(|| panic!("no test lets {alert} fire"));
        assert!(test.contains("- exp_labels:"), "{alert} does not fire");
    }
    assert!(alerts.len() >= 20, "{alerts:?}");
}

#[test]
fn every_metric_that_an_alert_names_exists() {
    let (_herald, scrape) = busy();
    let rules = fs::read_to_string(file(RULES)).unwrap();
    let named = named(&rules);
    assert!(named.len() > 20, "{named:?}");
    let names = scrape.names();
    let missing: Vec<_> = (named.iter())
        .filter(|name| !names.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?} in\n{}", scrape.text);
}
