//! Figures of the plugins: what state each is in, how it does, what it takes.

use super::page::{Page, figures};
use crate::actors::{PluginReport, PluginStatus};

pub(super) fn tell(reports: &[PluginReport], page: &mut Page) {
    let in_state = |status: PluginStatus| {
        let in_it = reports.iter().filter(|report| report.status == status);
        (status.as_str(), in_it.count() as u64)
    };
    let suspended = reports.iter().map(|report| {
        let of_accounts = report.troubled.iter().filter(|it| it.suspended.is_some());
        (&report.name, of_accounts.count() as u64)
    });
    let of_all = || reports.iter().map(|report| (&report.name, &report.of_all));
    let p99 = of_all().filter_map(|(name, it)| Some((name, it.p99?.as_secs_f64())));
    figures! { page:
        // A state without members is reported as 0, so that an alert on it works from the start.
        gauge "herald_plugins" by "state" =
            [PluginStatus::Ok, PluginStatus::Broken, PluginStatus::Suspended].map(in_state),
            "Plugins by their state: ok, broken, or suspended for an account.";
        gauge "herald_plugin_suspended_accounts" by "plugin" = suspended,
            "Accounts for which the plugin is suspended.";
        counter "herald_plugin_calls_total" by "plugin" =
            of_all().map(|(name, it)| (name, it.calls)),
            "Runs of the plugin's version at work since the daemon began.";
        counter "herald_plugin_failures_total" by "plugin" =
            of_all().map(|(name, it)| (name, it.failures)),
            "Runs that failed.";
        counter "herald_plugin_seconds_total" by "plugin" =
            of_all().map(|(name, it)| (name, it.total.as_secs_f64())),
            "Seconds that all runs took together.";
        gauge "herald_plugin_p99_seconds" by "plugin" = p99,
            "Seconds that 99 of 100 runs stayed below.";
    }
    let help = "1 for the state that the plugin is in.";
    let mut state = page.gauge("herald_plugin_state", help);
    for report in reports {
        let name = report.name.to_string();
        state.add(&[("plugin", &name), ("state", report.status.as_str())], 1.0);
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
