//! The API's document (OpenAPI 3.1), made from the table of routes and the types of its handlers.

#![allow(
    clippy::indexing_slicing,
    reason = "of JSON objects: what is not there is null, and what is written is put there"
)]

mod example;

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

use self::example::{example, examples};
use super::access::{Access, Operation, RouteEntry, Scope};
use super::operation::OperationDescription;
use super::problem::{self, ProblemDocument};

const SCHEME: &str = "token";

/// Statuses of the refusals that need no description of their own.
const REFUSALS: [u16; 12] = [400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503, 508];

/// The schemas that have a name.
type SchemaMap = BTreeMap<String, Value>;

/// The document as JSON.
pub(super) fn document(table: &[RouteEntry]) -> String {
    let mut named = OperationDescription::default();
    named.schema::<ProblemDocument<'_>>();
    let mut schemas = named.schemas;
    let mut described = Vec::new();
    for entry in table {
        if let Some(operation) = &entry.operation {
            let mut said = OperationDescription::default();
            (operation.describe)(&mut said);
            for (name, schema) in std::mem::take(&mut said.schemas) {
                let other = schemas.insert(name.clone(), schema.clone());
                debug_assert!(
                    other.is_none_or(|other| other == schema),
                    "two types have the name {name} in the API's document"
                );
            }
            described.push((entry, operation, said));
        }
    }
    for schema in schemas.values_mut() {
        always_there(schema);
    }
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut tags: Vec<(&str, &str)> = Vec::new();
    for (entry, operation, said) in described {
        if !tags.contains(&operation.tag) {
            tags.push(operation.tag);
        }
        let item = paths.entry(entry.pattern).or_default();
        let method = entry.method.as_str().to_ascii_lowercase();
        item.insert(method, of(entry, operation, said, &schemas));
    }
    let tag = |(name, text)| json!({ "name": name, "description": text });
    let tags: Vec<Value> = tags.into_iter().map(tag).collect();
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Herald",
            "description": "Delivers an application's events to other systems. Send a token as \
                `Authorization: Bearer hrld_…`; an operator-wide token names the account that it \
                acts in by the header `Herald-Account`. Errors are problem documents (RFC 9457).",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "url": "/", "description": "The Herald that answers with this document" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "responses": REFUSALS.map(|it| (refusal_name(it), refusal(it, reason(it)))).into_iter().collect::<Map<String, Value>>(),
            "schemas": schemas,
            "securitySchemes": { SCHEME: { "type": "http", "scheme": "bearer" } },
        },
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// The entry of one operation in the document.
fn of(
    entry: &RouteEntry,
    operation: &Operation,
    said: OperationDescription,
    schemas: &SchemaMap,
) -> Value {
    let (summary, rest) = match operation.text {
        [first, rest @ ..] => (first.trim(), rest),
        [] => ("", [].as_slice()),
    };
    let lines: Vec<&str> = rest.iter().map(|line| line.trim()).collect();
    let mut text = lines.join("\n").trim().to_owned();
    let is_public = entry.access == Access::Public;
    if !is_public {
        let who = format!("For {}.", entry.access.as_text());
        text = format!("{text}\n\n{who}").trim().to_owned();
    }
    let mut made = json!({
        "tags": [operation.tag.0],
        "summary": summary,
        "operationId": name(entry.pattern, operation.handler),
        "responses": answers(entry, operation, &said, schemas),
        "security": if is_public { json!([]) } else { json!([{ SCHEME: [] }]) },
    });
    if !text.is_empty() {
        made["description"] = text.into();
    }
    let parameters = parameters(entry, &said);
    if !parameters.is_empty() {
        made["parameters"] = parameters.into();
    }
    if let Some(mut body) = said.body {
        let lines = said.line.map(|line| {
            let line = example(&line, schemas);
            format!("{line}\n{line}\n")
        });
        match lines {
            Some(lines) => body["content"]["application/x-ndjson"]["example"] = lines.into(),
            None => examples(&mut body, schemas),
        }
        made["requestBody"] = body;
    }
    made
}

fn parameters(entry: &RouteEntry, said: &OperationDescription) -> Vec<Value> {
    let parts = entry.pattern.split('/');
    let names = parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let path = names.zip(&said.path).map(|(name, schema)| {
        json!({
            "name": name, "in": "path", "required": true, "schema": schema,
            "description": format!("The {}.", name.replace('_', " ")),
        })
    });
    let account = (entry.scope != Scope::Server).then(|| {
        json!({
            "name": "Herald-Account", "in": "header", "required": false,
            "description": "The account to act in, for tokens that are operator-wide.",
            "schema": { "type": "string" },
        })
    });
    let given = said.parameters.iter().cloned();
    path.chain(given).chain(account).collect()
}

/// What it returns, and each refusal that may come of it.
fn answers(
    entry: &RouteEntry,
    operation: &Operation,
    said: &OperationDescription,
    schemas: &SchemaMap,
) -> BTreeMap<String, Value> {
    let mut refusals: BTreeSet<u16> = said.refusals.iter().copied().collect();
    if entry.access != Access::Public {
        // What is wrong with the query or a header; nobody, or somebody who may not; too many
        // requests with the token; the database is away.
        refusals.extend([400, 401, 403, 429, 503]);
        if entry.scope != Scope::Server {
            // The account that the header names.
            refusals.insert(404);
        }
    }
    let mut answers = BTreeMap::new();
    for (status, answer) in &said.answers {
        let mut answer = answer.clone();
        answer["description"] = reason(*status).into();
        examples(&mut answer, schemas);
        answers.insert(status.to_string(), answer);
    }
    for status in refusals {
        let named = json!({ "$ref": format!("#/components/responses/{}", refusal_name(status)) });
        answers.insert(status.to_string(), named);
    }
    for (status, why) in operation.refusals {
        answers.insert(status.to_string(), refusal(*status, why));
    }
    answers
}

/// A refusal, and why.
fn refusal(status: u16, why: &str) -> Value {
    json!({
        "description": why,
        "content": { "application/problem+json": {
            "schema": { "$ref": "#/components/schemas/Problem" },
            "example": problem::example(status),
        } },
    })
}

/// The name of the refusals of a status.
fn refusal_name(status: u16) -> String {
    reason(status).split_whitespace().collect()
}

fn reason(status: u16) -> &'static str {
    let reason = StatusCode::from_u16(status).map(|it| it.canonical_reason());
    reason.ok().flatten().unwrap_or("Answer")
}

/// The name of an operation, from which generators make the names of functions: the resource and
/// what is done, such as `subscriptions_secret_rotate`.
fn name(pattern: &str, handler: &str) -> String {
    let path = pattern.trim_start_matches("/v1").split('/');
    let parts = path.filter(|part| !part.is_empty() && !part.starts_with('{'));
    let mut names: Vec<String> = parts.map(|part| part.replace(['-', '.'], "_")).collect();
    let done = handler.rsplit("::").next().unwrap_or_default().trim_start();
    match names.pop() {
        // What is done says it already.
        Some(last) if done.contains(&last) => {}
        Some(last) if last.contains(done) => {
            names.push(last);
            return names.join("_");
        }
        Some(last) => names.push(last),
        None => {}
    }
    names.push(done.to_owned());
    names.join("_")
}

/// An answer always has the fields that may be null. What is taken says so itself.
fn always_there(schema: &mut Value) {
    if schema["additionalProperties"] == false {
        return;
    }
    if let Some(Value::Array(parts)) = schema.get_mut("allOf") {
        parts.iter_mut().for_each(always_there);
    }
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let may_be_null = |schema: &&Value| {
        let kinds = ["oneOf", "anyOf"].map(|key| schema[key].as_array());
        let null = |kind: &Value| kind["type"] == "null";
        let types = schema["type"].as_array();
        types.is_some_and(|it| it.contains(&"null".into()))
            || kinds.into_iter().flatten().flatten().any(null)
    };
    let nullable = properties.iter().filter(|(_, schema)| may_be_null(schema));
    let mut required: BTreeSet<String> = nullable.map(|(name, _)| name.clone()).collect();
    let before = schema["required"].as_array().into_iter().flatten();
    required.extend(before.filter_map(Value::as_str).map(str::to_owned));
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
}

#[cfg(test)]
mod tests;
