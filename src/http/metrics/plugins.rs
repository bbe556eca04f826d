//! Metrics of the plugins: what state each is in, how it does, what it takes.

use super::page::metrics;
use crate::actors::{PluginReport, PluginStatus};

metrics! { PLUGINS of reports: [PluginReport];
    gauge "herald_plugins" by "state" = states(reports),
        "Plugins by their state: ok, broken, or suspended for an account.";
    gauge "herald_plugin_suspended_accounts" by "plugin" = reports.iter().map(suspended),
        "Accounts for which the plugin is suspended.";
    counter "herald_plugin_calls_total" by "plugin" =
        reports.iter().map(|it| (&it.name, it.of_all.calls)),
        "Runs of the plugin's version at work since the daemon began.";
    counter "herald_plugin_failures_total" by "plugin" =
        reports.iter().map(|it| (&it.name, it.of_all.failures)),
        "Runs that failed.";
    counter "herald_plugin_seconds_total" by "plugin" =
        reports.iter().map(|it| (&it.name, it.of_all.total.as_secs_f64())),
        "Seconds that all runs took together.";
    gauge "herald_plugin_p99_seconds" by "plugin" =
        reports.iter().filter_map(|it| Some((&it.name, it.of_all.p99?.as_secs_f64()))),
        "Seconds that 99 of 100 runs stayed below.";
    gauge "herald_plugin_state" by "plugin" "state" =
        reports.iter().map(|it| ([it.name.to_string(), it.status.as_str().to_owned()], 1.0)),
        "1 for the state that the plugin is in.";
}

/// How many are in each state. One without members is 0, so that an alert on it works from the
/// start.
fn states(reports: &[PluginReport]) -> [(&'static str, u64); 3] {
    let states = [
        PluginStatus::Ok,
        PluginStatus::Broken,
        PluginStatus::Suspended,
    ];
    states.map(|status| {
        let in_it = reports.iter().filter(|report| report.status == status);
        (status.as_str(), in_it.count() as u64)
    })
}

/// A plugin, and for how many accounts it is suspended.
fn suspended(report: &PluginReport) -> (String, u64) {
    let of_accounts = report.troubled.iter().filter(|it| it.suspended.is_some());
    (report.name.to_string(), of_accounts.count() as u64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;

    use super::*;
    use crate::http::metrics::page::MetricsPage;
    use crate::plugin::ScriptMetrics;

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
            metrics: ScriptMetrics::default(),
            of_all: ScriptMetrics {
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
        let mut page = MetricsPage::default();
        page.add(PLUGINS, &reports[..]);
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
