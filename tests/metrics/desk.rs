//! What these tests ask most often: a scrape read figure by figure, promtool, and a daemon that has
//! had something of everything to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::api::order;
use crate::support::client::Client;
use crate::support::scripted::{Scripted, answer};
use crate::support::{Herald, wait_for, wait_until};

/// One figure of a scrape.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// A scrape.
#[derive(Debug)]
pub(crate) struct Scrape {
    pub(crate) text: String,
    pub(crate) figures: Vec<Figure>,
}

impl Scrape {
    /// Asks for one.
    #[track_caller]
    pub(crate) fn of(client: &Client) -> Self {
        let answer = client.get("/metrics").expect(200);
        let text = String::from_utf8(answer.body).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let figures = lines.map(figure).collect();
        Self { text, figures }
    }

    /// All figures of this name that have these labels, added up.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |figure: &&Figure| {
            figure.name == name
                && labels
                    .iter()
                    .all(|(key, value)| figure.labels.get(*key).is_some_and(|it| it == value))
        };
        self.figures.iter().filter(fits).map(|it| it.value).sum()
    }

    /// The one figure of this name with exactly these labels.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |figure: &&Figure| {
            figure.name == name
                && figure.labels.len() == labels.len()
                && labels
                    .iter()
                    .all(|(key, value)| figure.labels.get(*key).is_some_and(|it| it == value))
        };
        let found = self.figures.iter().find(fits);
        found
            .unwrap_or_else(|| panic!("no {name} {labels:?} in\n{}", self.text))
            .value
    }

    /// The values of a label of a figure, each once.
    pub(crate) fn labelled(&self, name: &str, label: &str) -> BTreeSet<String> {
        let of = self.figures.iter().filter(|figure| figure.name == name);
        of.filter_map(|figure| figure.labels.get(label).cloned())
            .collect()
    }

    /// The names of all figures.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.figures.iter().map(|it| it.name.as_str()).collect()
    }
}

/// `name{label="value",…} 1.5`
fn figure(line: &str) -> Figure {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
        None => (series, ""),
    };
    let pair = |pair: &str| {
        let (key, value) = pair.split_once("=\"").unwrap();
        (key.to_owned(), value.trim_end_matches('"').to_owned())
    };
    // No value of Herald's holds a comma between quotes.
    let labels = labels.split("\",").filter(|it| !it.is_empty()).map(pair);
    Figure {
        name: name.to_owned(),
        labels: labels.collect(),
        value: value.parse().unwrap(),
    }
}

/// Asks for scrapes until one has what is looked for.
#[track_caller]
pub(crate) fn scrape_until(client: &Client, what: &str, holds: impl Fn(&Scrape) -> bool) -> Scrape {
    wait_for(what, || Some(Scrape::of(client)).filter(&holds))
}

/// Runs promtool, which scripts/test fetches.
#[track_caller]
pub(crate) fn promtool(arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool: {error}: scripts/test fetches it"));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
    said
}

/// A file of the repository.
pub(crate) fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The metrics that a text of PromQL names.
pub(crate) fn named(text: &str) -> BTreeSet<String> {
    let name = regex::Regex::new(r"\b(?:herald|process)_[a-z0-9_]+\b").unwrap();
    name.find_iter(text)
        .map(|it| it.as_str().to_owned())
        .collect()
}

/// A daemon that has had something of everything to do, with a scrape that holds every metric.
pub(crate) fn busy() -> (Herald, Scrape) {
    let herald = Herald::launch();
    let target = Scripted::start(|request, stream| {
        let status = if request.path == "/bad" { 500 } else { 200 };
        answer(stream, status, "", b"")
    });
    herald.subscribe(&target.url, &["ORDER_*"]);
    let bad = format!("{}bad", target.url);
    herald.subscribe_with(
        &bad,
        &["ORDER_CREATED"],
        &json!({ "retry_schedule": [600] }),
    );
    let script = herald.plugins().join("named/all.rhai");
    fs::create_dir_all(script.parent().unwrap()).unwrap();
    fs::write(&script, "fn filter(event) { true }").unwrap();
    wait_until("the script is there", || {
        !herald.list("/v1/plugins").is_empty()
    });
    herald.subscribe_with(&target.url, &["ORDER_*"], &json!({ "plugin": "all" }));
    let paused = herald.subscribe(&target.url, &["ORDER_*"]);
    herald.switch(&paused, "pause");
    let body = order(1).to_string();
    herald.publish_keyed("once", body.as_bytes()).expect(202);
    herald.publish_keyed("once", body.as_bytes()).expect(202);
    let mail = json!({
        "topic": "A Test", "to": ["ann@example.com"], "subject": "Hello", "text": "Hello.\n"
    });
    herald.post("/v1/mails", &mail).expect(202);
    let activity = json!({
        "user": "ann@example.com", "group": "Order", "activity": "Bulk Submit"
    });
    herald.post("/v1/activities", &activity).expect(201);
    let scrape = scrape_until(&herald, "every metric", |scrape| {
        scrape.sum("herald_mail_tries_total", &[]) > 0.0
            && scrape.sum("herald_deliveries_open", &[]) >= 2.0
            && scrape.sum("herald_plugin_p99_seconds", &[]) > 0.0
            && scrape.names().contains("herald_audit_age_seconds")
    });
    (herald, scrape)
}
