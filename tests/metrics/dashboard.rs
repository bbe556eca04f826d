//! The dashboard: its form, its places, its queries, and that every metric that it shows exists.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io::Write;

use serde_json::Value;

use crate::metrics::desk::{busy, file, named, promtool};

fn dashboard() -> Value {
    let text = fs::read_to_string(file("systemd/grafana/herald.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Every query, those of the annotations included.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let annotations = dashboard["annotations"]["list"].as_array().unwrap().iter();
    let expressions = targets.chain(annotations).map(|it| &it["expr"]);
    expressions
        .map(|it| it.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_dashboard_fits_its_schema_and_no_panel_lies_on_another() {
    let schema = fs::read_to_string(file("tests/metrics/dashboard.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let dashboard = dashboard();
    let faults: Vec<String> = (validator.iter_errors(&dashboard))
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    let (mut ids, mut taken) = (HashSet::new(), HashSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64()), "{panel}");
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{panel}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{} lies on another", panel["title"]);
            }
        }
    }
}

#[test]
fn every_query_of_the_dashboard_can_be_read() {
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (number, query) in queries(&dashboard()).iter().enumerate() {
        let query = query
            .replace("$__rate_interval", "5m")
            .replace("$instance", ".*");
        assert!(!query.contains('$'), "an unknown variable: {query}");
        rules.push_str(&format!(
            "      - record: query:{number}\n        expr: {}\n",
            serde_json::to_string(&query).unwrap()
        ));
    }
    let mut written = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    written.write_all(rules.as_bytes()).unwrap();
    promtool(&["check", "rules", written.path().to_str().unwrap()], "");
}

#[test]
fn every_metric_of_the_dashboard_exists_and_every_metric_of_herald_is_shown() {
    let (_herald, scrape) = busy();
    let named = named(&queries(&dashboard()).join("\n"));
    let names = scrape.names();
    let missing: Vec<_> = (named.iter())
        .filter(|name| !names.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?} in\n{}", scrape.text);

    let family = |name: &str| -> String {
        let endings = ["_bucket", "_sum", "_count"];
        let stem = endings.iter().find_map(|ending| name.strip_suffix(ending));
        stem.unwrap_or(name).to_owned()
    };
    let shown: BTreeSet<String> = named.iter().map(|name| family(name)).collect();
    let told = names.iter().filter(|name| name.starts_with("herald_"));
    let hidden: BTreeSet<String> = told
        .map(|name| family(name))
        .filter(|name| !shown.contains(name))
        .collect();
    // The states of each plugin are for alerts, how long a sample took for whoever looks into it.
    let known = [
        "herald_plugin_state",
        "herald_plugin_suspended_accounts",
        "herald_sample_duration_seconds",
    ];
    assert_eq!(hidden.iter().collect::<Vec<_>>(), known);
}
