//! The types of the API, from their JSON Schemas: what a value may be, in a few words, and a table
//! of the fields of each object.

#![allow(
    clippy::indexing_slicing,
    reason = "of JSON objects: what is not there is null"
)]

use serde_json::{Map, Value};

use super::markdown::{anchor, code, ended, table};

/// The schemas of the API's document that have a name.
pub(super) struct ApiTypes<'d>(Option<&'d Map<String, Value>>);

impl<'d> ApiTypes<'d> {
    pub(super) fn of(document: &'d Value) -> Self {
        Self(document["components"]["schemas"].as_object())
    }

    /// What a schema describes, as Markdown.
    pub(super) fn shown(&self, schema: &Value) -> String {
        if let Some(name) = schema["$ref"].as_str() {
            return self.named(name.rsplit('/').next().unwrap_or(name));
        }
        if let Some(values) = schema["enum"].as_array() {
            let values: Vec<String> = values.iter().map(constant).collect();
            return values.join(", ");
        }
        let kinds = ["oneOf", "anyOf"].map(|key| schema[key].as_array());
        let mut kinds: Vec<String> = match kinds.into_iter().flatten().next() {
            Some(kinds) => kinds.iter().map(|kind| self.shown(kind)).collect(),
            None => types(schema)
                .into_iter()
                .map(|kind| self.of_type(kind, schema))
                .collect(),
        };
        // Null comes last, as people say it.
        kinds.sort_by_key(|kind| kind == "null");
        if kinds.is_empty() {
            return "any JSON".to_owned();
        }
        kinds.join(" or ")
    }

    /// A table of the fields of each object.
    pub(super) fn tables(&self) -> String {
        let mut named: Vec<_> = self.0.into_iter().flatten().collect();
        named.sort_by_key(|(name, _)| *name);
        let objects = named
            .into_iter()
            .filter(|(_, schema)| is_object(schema) && self.page_of(schema).is_none());
        let tables = objects.map(|(name, schema)| self.section(name, schema));
        tables.collect()
    }

    fn section(&self, name: &str, schema: &Value) -> String {
        let mut text = format!("\n### {name}\n\n{}\n", ended(word(&schema["description"])));
        let parts = list(&schema["allOf"]);
        for part in parts.iter().filter(|part| part["$ref"].is_string()) {
            text.push_str(&format!("\nIt has all fields of {}.\n", self.shown(part)));
        }
        let mut rows = Vec::new();
        for part in std::iter::once(schema).chain(parts) {
            let needed = list(&part["required"]);
            let fields = part["properties"].as_object();
            for (field, schema) in fields.into_iter().flatten() {
                let is_needed = needed.iter().any(|it| it == field);
                rows.push([
                    code(field),
                    self.shown(schema),
                    if is_needed { "yes" } else { "no" }.to_owned(),
                    description(schema),
                ]);
            }
        }
        if !rows.is_empty() {
            // What is taken refuses other fields; what is returned may get more of them.
            let there = match schema["additionalProperties"] {
                Value::Bool(false) => "required",
                _ => "always there",
            };
            let headings = ["field", "type", there, "meaning"];
            text.push('\n');
            text.push_str(&table(headings, rows));
        }
        text
    }

    /// A type by its name: a link to its table, or in a few words if it has none.
    fn named(&self, name: &str) -> String {
        let Some(schema) = self.0.and_then(|all| all.get(name)) else {
            return code(name);
        };
        if let Some(entry) = self.page_of(schema) {
            return format!("page of {entry}");
        }
        if is_object(schema) {
            return format!("[{name}](#{})", anchor(name));
        }
        self.shown(schema)
    }

    /// What a page of a list holds, if it is one.
    fn page_of(&self, schema: &Value) -> Option<String> {
        let fields = schema["properties"].as_object()?;
        fields.get("next_cursor")?;
        Some(self.shown(&fields.get("data")?["items"]))
    }

    fn of_type(&self, kind: &str, schema: &Value) -> String {
        match kind {
            "array" => {
                let entries = self.shown(&schema["items"]);
                format!("list of {entries}{}", most(&schema["maxItems"], "entries"))
            }
            "object" if schema["additionalProperties"].is_object() => {
                let values = self.shown(&schema["additionalProperties"]);
                format!("object of {values}")
            }
            "string" => text(schema),
            "integer" => format!("whole number{}", range(schema)),
            other => other.to_owned(),
        }
    }
}

/// A list, or nothing if it is none.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A text, or nothing if it is none.
pub(super) fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn is_object(schema: &Value) -> bool {
    schema["properties"].is_object() || schema["allOf"].is_array()
}

/// The types that a value may have. A format without a type is one of texts.
fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        Value::String(one) => vec![one.as_str()],
        _ if schema["format"].is_string() => vec!["string"],
        _ => Vec::new(),
    }
}

fn constant(value: &Value) -> String {
    match value {
        Value::String(text) => code(text),
        other => other.to_string(),
    }
}

fn text(schema: &Value) -> String {
    match word(&schema["format"]) {
        "date-time" => return "time".to_owned(),
        "date" => return "date".to_owned(),
        "email" => return "e-mail".to_owned(),
        _ => {}
    }
    let pattern = word(&schema["pattern"]).trim_start_matches('^');
    match pattern.split_once("_[0-7]") {
        Some((prefix, _)) => format!("id `{prefix}_…`"),
        None => format!("text{}", most(&schema["maxLength"], "characters")),
    }
}

fn most(bound: &Value, of: &str) -> String {
    let bound = bound.as_u64();
    bound.map_or_else(String::new, |bound| format!(", at most {bound} {of}"))
}

fn range(schema: &Value) -> String {
    match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        (None, Some(most)) => format!(", at most {most}"),
        _ => String::new(),
    }
}

/// What a field is for. One that may be null has its sentence beside the type.
fn description(schema: &Value) -> String {
    let kinds = list(&schema["oneOf"]).iter().chain(list(&schema["anyOf"]));
    let mut descriptions = std::iter::once(schema)
        .chain(kinds)
        .filter_map(|it| it["description"].as_str());
    ended(descriptions.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_told_in_a_few_words() {
        let document = json!({ "components": { "schemas": {
            "EventId": { "type": "string", "pattern": "^evt_[0-7][0-9a-hjkmnp-tv-z]{25}$" },
            "Role": { "type": "string", "enum": ["viewer", "admin"] },
            "EventView": { "type": "object", "properties": {} },
            "EventPage": { "type": "object", "properties": {
                "data": { "items": { "$ref": "#/components/schemas/EventView" } },
                "next_cursor": { "type": ["string", "null"] },
            } },
        } } });
        let types = ApiTypes::of(&document);
        for (schema, expected) in [
            (json!({}), "any JSON"),
            (json!({ "type": ["string", "null"] }), "text or null"),
            (
                json!({ "type": "string", "maxLength": 9 }),
                "text, at most 9 characters",
            ),
            (
                json!({ "$ref": "#/components/schemas/EventId" }),
                "id `evt_…`",
            ),
            (
                json!({ "$ref": "#/components/schemas/Role" }),
                "`viewer`, `admin`",
            ),
            (
                json!({ "$ref": "#/components/schemas/EventPage" }),
                "page of [EventView](#eventview)",
            ),
            (
                json!({ "oneOf": [{ "type": "null" }, { "format": "date-time" }] }),
                "time or null",
            ),
            (
                json!({ "type": "array", "items": { "type": "integer", "minimum": 1, "maximum": 9 } }),
                "list of whole number, 1 to 9",
            ),
        ] {
            assert_eq!(types.shown(&schema), expected, "{schema}");
        }
    }
}
