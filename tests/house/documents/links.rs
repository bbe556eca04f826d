//! Each link leads somewhere, and docs/SUMMARY.md to all of docs/.

use std::collections::HashMap;

use super::{Document, documents};
use crate::{report, root};

const SUMMARY: &str = "docs/SUMMARY.md";

/// Links that begin so lead out of the repository, and nothing here follows them.
const OUTSIDE: &[&str] = &["https://", "http://", "mailto:"];

/// The path from the repository's root, if the link stays inside.
fn resolve(from: &str, to: &str) -> Option<String> {
    let mut steps: Vec<&str> = from.split('/').collect();
    steps.pop();
    for step in to.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()?),
            name => steps.push(name),
        }
    }
    Some(steps.join("/"))
}

/// What is wrong with a link.
fn fault(
    document: &Document,
    to: &str,
    read: &mut HashMap<String, Document>,
) -> Option<&'static str> {
    let (path, anchor) = to
        .split_once('#')
        .map_or((to, None), |(path, anchor)| (path, Some(anchor)));
    if path.starts_with('/') {
        return Some("is not relative");
    }
    let target = if path.is_empty() {
        document.path.clone()
    } else if let Some(target) = resolve(&document.path, path) {
        target
    } else {
        return Some("leads out of the repository");
    };
    if !root().join(&target).exists() {
        return Some("leads to no file");
    }
    let anchor = anchor?;
    if !target.ends_with(".md") {
        return Some("names a heading of what is no document");
    }
    let target = read
        .entry(target)
        .or_insert_with_key(|path| Document::read(path));
    let found = target.anchors.contains(anchor);
    (!found).then_some("names a heading that is not there")
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_exist() {
    let mut read = HashMap::new();
    let mut faults = Vec::new();
    for document in documents() {
        for (line, to) in &document.links {
            if OUTSIDE.iter().any(|it| to.starts_with(it)) {
                continue;
            }
            if let Some(fault) = fault(&document, to, &mut read) {
                faults.push(format!("{}:{line}: {to} {fault}", document.path));
            }
        }
    }
    report(&faults);
}

#[test]
fn the_summary_lists_every_file_of_docs_once_and_nothing_else() {
    let documents = documents();
    let summary = documents.iter().find(|it| it.path == SUMMARY);
    let summary = summary.unwrap_or_else(|| panic!("there is no {SUMMARY}"));
    let mut listed: HashMap<String, usize> = HashMap::new();
    for (_, to) in &summary.links {
        let path = resolve(SUMMARY, to).unwrap_or_else(|| to.clone());
        *listed.entry(path).or_default() += 1;
    }
    let mut faults = Vec::new();
    let docs = documents.iter().map(|it| it.path.as_str());
    for path in docs.filter(|it| it.starts_with("docs/") && *it != SUMMARY) {
        match listed.remove(path) {
            Some(1) => {}
            Some(times) => faults.push(format!("{SUMMARY} lists {path} {times} times")),
            None => faults.push(format!("{SUMMARY} does not list {path}")),
        }
    }
    let others = listed.into_keys();
    faults.extend(others.map(|it| format!("{SUMMARY} lists {it}, which is no document of docs/")));
    faults.sort();
    report(&faults);
}
