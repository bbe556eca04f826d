//! `http.md`: every operation of the API by what it is about, made from the API's own document.

#![allow(
    clippy::indexing_slicing,
    reason = "of JSON objects: what is not there is null"
)]

use serde_json::Value;

use super::fields::{ApiTypes, list, word};
use super::markdown::{anchor, begin, code, ended, sentence, table};
use crate::http::reference;
use crate::http::routes::TABLE;

const INTRO: &str = "\
The daemon serves this description as OpenAPI 3.1 at `/openapi.json`, without a token. Generate \
clients from it. [Use the HTTP API](../guides/api.md) has the conventions: requests, responses, \
lists, times and idempotency.

- Send a token as `Authorization: Bearer hrld_…`. Every operation that acts in an account takes \
the header `Herald-Account`: an operator-wide token names the account in it, by name or id.
- *Takes a key* means that the operation takes the header `Idempotency-Key`, see \
[Idempotency](../guides/api.md#idempotency).
- Wherever `GET` works, `HEAD` works. Every response has the header `request-id`.
- A *page of* something is an object with `data`, a list of them, and `next_cursor`, see \
[Lists](../guides/api.md#lists).
- [Errors](errors.md) has the problem types. Every operation that takes a token can also return \
400 `malformed`, 401 `unauthorized`, 403 `forbidden`, 503 `unavailable`, and 429 with one of \
several types.
";

const TYPES: &str = "
## Types

The objects that operations take and return. Herald refuses fields that a type does not have, \
except in events.
";

/// In the order in which they are shown.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Headers that many operations take: the introduction has them.
const ACCOUNT: &str = "Herald-Account";
const KEY: &str = "Idempotency-Key";

/// Problems that every operation with a token may have: the introduction has them, too.
const USUAL: [&str; 5] = ["400", "401", "403", "429", "503"];

pub(super) fn page() -> String {
    let document: Value = serde_json::from_str(reference::document()).unwrap_or_default();
    let types = ApiTypes::of(&document);
    let mut text = begin("HTTP", INTRO);
    for tag in list(&document["tags"]) {
        let name = word(&tag["name"]);
        let operations = operations(&document, name);
        let rows = operations.iter().map(|it| {
            let link = format!("[`{}`](#{})", it.name(), anchor(&it.name()));
            [link, it.who.to_owned(), ended(word(&it.value["summary"]))]
        });
        text.push_str(&format!(
            "\n## {}\n\n{}\n\n{}",
            capitalised(name),
            ended(word(&tag["description"])),
            table(["operation", "for", "what it does"], rows)
        ));
        for operation in &operations {
            text.push_str(&operation.section(&document, &types));
        }
    }
    text.push_str(TYPES);
    text.push_str(&types.tables());
    text
}

/// An operation as the document has it.
struct DocumentedOperation<'d> {
    method: &'static str,
    path: &'d str,
    who: &'static str,
    value: &'d Value,
}

/// The operations under a heading, by path and method.
fn operations<'d>(document: &'d Value, tag: &str) -> Vec<DocumentedOperation<'d>> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            let value = &item[method.to_ascii_lowercase().as_str()];
            if list(&value["tags"]).iter().any(|it| it == tag) {
                found.push(DocumentedOperation {
                    method,
                    path,
                    who: who(method, path),
                    value,
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(b.path));
    found
}

/// Who may, by the table of routes.
fn who(method: &str, path: &str) -> &'static str {
    let mut routes = TABLE.iter();
    let route = routes.find(|it| it.pattern == path && it.method.as_str() == method);
    route.map_or("", |it| it.access.as_text())
}

impl DocumentedOperation<'_> {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn section(&self, document: &Value, types: &ApiTypes<'_>) -> String {
        // As code: mdBook takes a `{id}` at the end of a heading for an attribute.
        let mut text = format!("\n### `{}`\n\n{}\n", self.name(), self.purpose());
        text.push_str(&format!("\n- For: {}\n", self.who));
        let body = self.body(types);
        if !body.is_empty() {
            text.push_str(&format!("- Body: {body}\n"));
        }
        let (answers, problems) = self.answers(document, types);
        text.push_str(&format!("- Returns: {}\n", answers.join("; ")));
        if !problems.is_empty() {
            text.push_str(&format!("- Problems: {}\n", problems.join(", ")));
        }
        let all = list(&self.value["parameters"]);
        if all.iter().any(|it| it["name"] == KEY) {
            text.push_str("- Takes a key\n");
        }
        let parameters = all.iter();
        let parameters = parameters.filter(|it| it["name"] != ACCOUNT && it["name"] != KEY);
        let rows: Vec<[String; 4]> = parameters
            .map(|it| {
                [
                    code(word(&it["name"])),
                    word(&it["in"]).to_owned(),
                    types.shown(&it["schema"]),
                    ended(word(&it["description"])),
                ]
            })
            .collect();
        if !rows.is_empty() {
            text.push('\n');
            text.push_str(&table(["parameter", "in", "type", "meaning"], rows));
        }
        text
    }

    /// The summary and what else is said, without who may.
    fn purpose(&self) -> String {
        let who = format!("For {}.", self.who);
        let more = word(&self.value["description"]);
        let more = more.strip_suffix(who.as_str()).unwrap_or(more).trim();
        let more = more.replace('\n', " ");
        let text = format!(
            "{} {}",
            ended(word(&self.value["summary"])),
            sentence(&more)
        );
        text.trim_end().to_owned()
    }

    fn body(&self, types: &ApiTypes<'_>) -> String {
        let body = &self.value["requestBody"];
        let content = body["content"].as_object();
        let kinds = content.into_iter().flatten();
        let kinds = kinds.map(|(media, it)| match body["description"].as_str() {
            Some(text) => format!("{} (`{media}`)", ended(text).trim_end_matches('.')),
            None => types.shown(&it["schema"]),
        });
        let kinds: Vec<String> = kinds.collect();
        let optional = if body["required"] == false {
            ", may be left out"
        } else {
            ""
        };
        match kinds.join(" or ") {
            kinds if kinds.is_empty() => kinds,
            kinds => format!("{kinds}{optional}"),
        }
    }

    /// What it returns, and the problems that it may have.
    fn answers(&self, document: &Value, types: &ApiTypes<'_>) -> (Vec<String>, Vec<String>) {
        let (mut answers, mut problems) = (Vec::new(), Vec::new());
        let all = self.value["responses"].as_object();
        for (status, answer) in all.into_iter().flatten() {
            let named = answer["$ref"].as_str();
            let named = named.and_then(|name| document.pointer(name.trim_start_matches('#')));
            let example =
                &named.unwrap_or(answer)["content"]["application/problem+json"]["example"];
            match word(&example["type"]).rsplit(':').next() {
                Some(_) if named.is_some() && USUAL.contains(&status.as_str()) => {}
                Some(kind) if !kind.is_empty() => {
                    // What has no name has a reason of its own.
                    let why = match named {
                        Some(_) => String::new(),
                        None => format!(" ({})", lowered(word(&answer["description"]))),
                    };
                    problems.push(format!("{status} `{kind}`{why}"));
                }
                _ => answers.push(answered(status, answer, types)),
            }
        }
        (answers, problems)
    }
}

/// A status with what comes with it.
fn answered(status: &str, answer: &Value, types: &ApiTypes<'_>) -> String {
    let content = answer["content"].as_object().into_iter().flatten();
    let kinds = content.map(|(media, it)| match media.as_str() {
        "application/json" => types.shown(&it["schema"]),
        other => code(other),
    });
    let kinds: Vec<String> = kinds.collect();
    let headers = answer["headers"].as_object().into_iter().flatten();
    let headers = headers.map(|(name, _)| format!(", header `{name}`"));
    let text = format!("{status} {}", kinds.join(" or "));
    format!("{}{}", text.trim_end(), headers.collect::<String>())
}

fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}

fn lowered(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_route_has_its_section_and_says_who_may() {
        let page = page();
        for entry in TABLE.iter().filter(|entry| entry.is_documented()) {
            let heading = format!("\n### `{} {}`\n", entry.method, entry.pattern);
            let (_, section) = page.split_once(&heading).expect(&heading);
            let section = section.split("\n#").next().unwrap();
            let who = format!("\n- For: {}\n", entry.access.as_text());
            assert!(section.contains(&who), "{heading}");
            assert!(section.contains("\n- Returns: 2"), "{heading}{section}");
        }
    }
}
