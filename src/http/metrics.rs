//! `/metrics`: figures for Prometheus, in its text format. Each group of figures is a function in
//! `GROUPS` that puts what is known now into the registry of one answer. They come from what the
//! daemon keeps in memory: nothing here counts over the logs or waits for the database.
//!
//! To add one, write such a function and name it in `GROUPS`. Its labels must be bounded: names of
//! scripts (1,000 at most) and words of an enum are, ids of subscriptions and events are not.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use prometheus::core::Collector;
use prometheus::{CounterVec, GaugeVec, Opts, Registry, TEXT_FORMAT, TextEncoder};

use super::fields::Query;
use super::problem::{Kind, Problem};
use super::server::Shared;
use crate::actors::{Engine, PluginReport, PluginStatus};

/// Puts a group of figures into the registry of one answer.
type Group = fn(&Engine, &Registry) -> prometheus::Result<()>;

/// Everything that is told.
const GROUPS: &[Group] = &[build, plugins];

/// Figures for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "Prometheus text format 0.0.4", body = String,
        content_type = "text/plain")))]
pub(super) async fn show(
    shared: Data<Shared>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    Query::parse(request.query_string()).finish()?;
    match text(&shared.engine) {
        Ok(text) => Ok(HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, TEXT_FORMAT))
            .body(text)),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be told");
            Err(Problem::new(
                Kind::Internal,
                "The operator finds the cause in Herald's log.",
            ))
        }
    }
}

fn text(engine: &Engine) -> prometheus::Result<String> {
    // A registry for each answer: what is gone (a script) is gone from the figures as well.
    let registry = Registry::new();
    for group in GROUPS {
        group(engine, &registry)?;
    }
    TextEncoder::new().encode_to_string(&registry.gather())
}

fn build(_: &Engine, registry: &Registry) -> prometheus::Result<()> {
    let info = gauges("herald_build_info", "The version of Herald.", &["version"])?;
    info.with_label_values(&[env!("CARGO_PKG_VERSION")])
        .set(1.0);
    add(registry, info)
}

fn plugins(engine: &Engine, registry: &Registry) -> prometheus::Result<()> {
    plugin_figures(&engine.plugins().list(), registry)
}

fn plugin_figures(reports: &[PluginReport], registry: &Registry) -> prometheus::Result<()> {
    let states = gauges(
        "herald_plugins",
        "Plugins by their state: ok, broken or suspended.",
        &["state"],
    )?;
    // A state that nobody is in is told as 0, so that an alert on it works from the start.
    for status in [
        PluginStatus::Ok,
        PluginStatus::Broken,
        PluginStatus::Suspended,
    ] {
        states.with_label_values(&[status.as_str()]).set(0.0);
    }
    let state = gauges(
        "herald_plugin_state",
        "1 for the state that the plugin is in.",
        &["plugin", "state"],
    )?;
    let label = &["plugin"];
    let calls = counters(
        "herald_plugin_calls_total",
        "Runs of the plugin's version at work since the daemon began.",
        label,
    )?;
    let failures = counters("herald_plugin_failures_total", "Runs that failed.", label)?;
    let seconds = counters(
        "herald_plugin_seconds_total",
        "Seconds that all runs took together.",
        label,
    )?;
    let p99 = gauges(
        "herald_plugin_p99_seconds",
        "Seconds that 99 of 100 runs stayed below.",
        label,
    )?;
    for report in reports {
        states.with_label_values(&[report.status.as_str()]).inc();
        let name = report.name.to_string();
        state
            .with_label_values(&[name.as_str(), report.status.as_str()])
            .set(1.0);
        let label = &[name.as_str()];
        calls.with_label_values(label).inc_by(number(report.calls));
        failures
            .with_label_values(label)
            .inc_by(number(report.failures));
        seconds
            .with_label_values(label)
            .inc_by(report.total.as_secs_f64());
        if let Some(time) = report.p99 {
            p99.with_label_values(label).set(time.as_secs_f64());
        }
    }
    add(registry, states)?;
    add(registry, state)?;
    add(registry, calls)?;
    add(registry, failures)?;
    add(registry, seconds)?;
    add(registry, p99)
}

fn gauges(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
    GaugeVec::new(Opts::new(name, help), labels)
}

fn counters(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<CounterVec> {
    CounterVec::new(Opts::new(name, help), labels)
}

fn add(registry: &Registry, figures: impl Collector + 'static) -> prometheus::Result<()> {
    registry.register(Box::new(figures))
}

/// A count as Prometheus has it: exact up to 2^53.
#[allow(
    clippy::cast_precision_loss,
    reason = "the format has floating-point numbers only"
)]
const fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;

    use super::*;

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
            last_failure: None,
            calls,
            failures: 1,
            p99: (calls > 0).then_some(Duration::from_millis(2)),
            total: Duration::from_millis(1_500),
        };
        let reports = [
            report("named/a.rhai", PluginStatus::Ok, 7),
            report("triggers/B.rhai", PluginStatus::Broken, 0),
        ];
        let registry = Registry::new();
        plugin_figures(&reports, &registry).unwrap();
        let text = TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        for line in [
            "# TYPE herald_plugin_calls_total counter",
            "herald_plugin_calls_total{plugin=\"named/a.rhai\"} 7",
            "herald_plugin_failures_total{plugin=\"triggers/B.rhai\"} 1",
            "herald_plugin_seconds_total{plugin=\"named/a.rhai\"} 1.5",
            "herald_plugin_p99_seconds{plugin=\"named/a.rhai\"} 0.002",
            "herald_plugins{state=\"ok\"} 1",
            "herald_plugins{state=\"broken\"} 1",
            "herald_plugins{state=\"suspended\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(!text.contains("herald_plugin_p99_seconds{plugin=\"triggers/B.rhai\"}"));
    }
}
