//! Figures of the plugins: what state each is in, how it does, what it takes.

use super::page::{Page, number};
use crate::actors::{PluginReport, PluginStatus};

pub(super) fn tell(reports: &[PluginReport], page: &mut Page) {
    let mut states = page.gauges(
        "herald_plugins",
        "Plugins by their state: ok, broken, or suspended for an account.",
    );
    // A state that nobody is in is told as 0, so that an alert on it works from the start.
    for status in [
        PluginStatus::Ok,
        PluginStatus::Broken,
        PluginStatus::Suspended,
    ] {
        let in_it = reports.iter().filter(|report| report.status == status);
        let count = u64::try_from(in_it.count()).unwrap_or(u64::MAX);
        states.add(&[("state", status.as_str())], number(count));
    }
    drop(states);
    let names: Vec<String> = reports.iter().map(|it| it.name.to_string()).collect();
    let named = || names.iter().map(String::as_str).zip(reports);
    let mut state = page.gauges(
        "herald_plugin_state",
        "1 for the state that the plugin is in.",
    );
    for (name, report) in named() {
        let labels = [("plugin", name), ("state", report.status.as_str())];
        state.add(&labels, 1.0);
    }
    drop(state);
    let mut suspended = page.gauges(
        "herald_plugin_suspended_accounts",
        "Accounts for which the plugin is suspended.",
    );
    for (name, report) in named() {
        let of_accounts = report.troubled.iter().filter(|it| it.suspended.is_some());
        let count = u64::try_from(of_accounts.count()).unwrap_or(u64::MAX);
        suspended.add(&[("plugin", name)], number(count));
    }
    drop(suspended);
    let mut calls = page.counters(
        "herald_plugin_calls_total",
        "Runs of the plugin's version at work since the daemon began.",
    );
    for (name, report) in named() {
        calls.add(&[("plugin", name)], number(report.of_all.calls));
    }
    drop(calls);
    let mut failures = page.counters("herald_plugin_failures_total", "Runs that failed.");
    for (name, report) in named() {
        failures.add(&[("plugin", name)], number(report.of_all.failures));
    }
    drop(failures);
    let mut seconds = page.counters(
        "herald_plugin_seconds_total",
        "Seconds that all runs took together.",
    );
    for (name, report) in named() {
        seconds.add(&[("plugin", name)], report.of_all.total.as_secs_f64());
    }
    drop(seconds);
    let mut p99 = page.gauges(
        "herald_plugin_p99_seconds",
        "Seconds that 99 of 100 runs stayed below.",
    );
    for (name, report) in named() {
        if let Some(time) = report.of_all.p99 {
            p99.add(&[("plugin", name)], time.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;

    use super::*;
    use crate::plugin::Figures;

    #[test]
    fn each_plugin_has_its_figures_and_each_state_its_count() {
        let report = |name: &str, status, calls| PluginReport {
            name: name.parse().unwrap(),
            status,
            hash: None,
            loaded_at: DateTime::UNIX_EPOCH,
            fault: None,
            suspended: None,
            apart_since: None,
            figures: Figures::default(),
            of_all: Figures {
                calls,
                failures: 1,
                total: Duration::from_millis(1_500),
                p99: (calls > 0).then_some(Duration::from_millis(2)),
                last_failure: None,
            },
            troubled: Vec::new(),
        };
        let reports = [
            report("named/a.rhai", PluginStatus::Ok, 7),
            report("triggers/B.rhai", PluginStatus::Broken, 0),
        ];
        let mut page = Page::default();
        tell(&reports, &mut page);
        let text = page.text().unwrap();
        for line in [
            "# TYPE herald_plugin_calls_total counter",
            "herald_plugin_calls_total{plugin=\"named/a.rhai\"} 7",
            "herald_plugin_failures_total{plugin=\"triggers/B.rhai\"} 1",
            "herald_plugin_seconds_total{plugin=\"named/a.rhai\"} 1.5",
            "herald_plugin_p99_seconds{plugin=\"named/a.rhai\"} 0.002",
            "herald_plugins{state=\"ok\"} 1",
            "herald_plugins{state=\"broken\"} 1",
            "herald_plugins{state=\"suspended\"} 0",
            "herald_plugin_suspended_accounts{plugin=\"named/a.rhai\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(!text.contains("herald_plugin_p99_seconds{plugin=\"triggers/B.rhai\"}"));
    }
}
