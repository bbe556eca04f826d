//! What the API's document promises to those that read it.

use std::collections::BTreeSet;

use super::super::access::RouteEntry;
use super::super::routes::{TABLE, document};
use super::*;

fn parsed() -> Value {
    serde_json::from_str(document()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap().iter();
        item.map(move |(method, it)| (format!("{} {path}", method.to_uppercase()), it))
    });
    operations.collect()
}

#[test]
fn each_operation_has_a_name_of_its_own() {
    let document = parsed();
    let operations = operations(&document);
    let ids = operations.iter().map(|(_, it)| &it["operationId"]);
    let ids: BTreeSet<&str> = ids.filter_map(Value::as_str).collect();
    assert_eq!(ids.len(), operations.len());
    for id in [
        "subscriptions_list",
        "subscriptions_secret_rotate",
        "events_publish",
        "events_publish_batch",
        "plugins_dry_run",
        "mails_send",
    ] {
        assert!(ids.contains(&id), "{id}: {ids:?}");
    }
}

#[test]
fn every_input_has_its_fields_in_the_document() {
    let document = parsed();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let is_input = |name: &str| name.ends_with("Input") || name.ends_with("Patch");
    let mut inputs = schemas.iter().filter(|(name, _)| is_input(name));
    assert!(inputs.clone().count() > 15);
    let bare = inputs.find(|(name, schema)| *name != "NoInput" && schema["properties"].is_null());
    assert_eq!(bare, None);
}

#[test]
fn every_body_and_every_answer_has_an_example_and_every_refusal_is_a_problem() {
    let document = parsed();
    for (route, operation) in operations(&document) {
        let answers = operation["responses"].as_object().unwrap();
        let bodies = answers.values().chain([&operation["requestBody"]]);
        for (kind, media) in bodies.flat_map(|it| it["content"].as_object().into_iter().flatten()) {
            let example = &media["example"];
            let shown = !example.is_null() || media["schema"]["type"] == "object";
            assert!(shown, "{route}: {kind} without an example");
        }
        let refusals = answers.iter().filter(|(it, _)| it.as_str() >= "400");
        for (status, answer) in refusals {
            let named = answer["$ref"].as_str();
            let named = named.map(|name| document.pointer(name.trim_start_matches('#')).unwrap());
            let content = named.unwrap_or(answer)["content"].as_object().unwrap();
            let kinds: Vec<&String> = content.keys().collect();
            assert_eq!(kinds, ["application/problem+json"], "{route} {status}");
            assert_eq!(
                content["application/problem+json"]["example"]["status"].to_string(),
                **status,
            );
        }
    }
}

#[test]
fn the_document_and_the_table_of_access_name_the_same_routes() {
    let route = |entry: &RouteEntry| format!("{} {}", entry.method, entry.pattern);
    let table: BTreeSet<String> = TABLE.iter().map(route).collect();
    assert_eq!(table.len(), TABLE.len(), "a route is in the table twice");
    let documented = TABLE.iter().filter(|entry| entry.is_documented());
    let document = parsed();
    let named = operations(&document).into_iter().map(|(it, _)| it);
    let named: BTreeSet<String> = named.collect();
    assert_eq!(named, documented.map(route).collect());
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "a test's own switch, no setting of Herald"
)]
fn the_document_is_the_one_that_was_reviewed() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi.json");
    let document = format!("{}\n", document());
    if std::env::var_os("HERALD_TEST_BLESS").is_some() {
        std::fs::write(golden, &document).unwrap();
    }
    let known = std::fs::read_to_string(golden).unwrap_or_default();
    assert!(
        known == document,
        "the API changed: look at it, then run with HERALD_TEST_BLESS=1"
    );
}
