//! The fields of an event type as rows of a table, out of its JSON Schema. A schema is foreign
//! data: however deep, wide or circular it is, a bounded number of rows comes out.

use std::collections::HashSet;

use serde_json::Value;

use crate::service::event_types::FieldView;

/// Rows of a table.
pub(super) const MOST_ROWS: usize = 200;
/// Objects and arrays inside each other that are followed.
const MOST_DEPTH: usize = 10;
/// Parts of a schema that are looked at: references can make many of few.
const MOST_STEPS: usize = 2_000;
/// References that are followed one after the other.
const MOST_HOPS: usize = 8;
/// Values of an enumeration that are named.
const MOST_VALUES: usize = 12;
/// Characters of a text.
const MOST_TEXT: usize = 400;
/// Characters of a path.
const MOST_PATH: usize = 200;

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct FieldRow {
    /// Names from the root, separated by dots; `[]` means each entry of an array.
    pub(super) path: String,
    /// Its type as text.
    pub(super) kind: String,
    /// Whether it must be there.
    pub(super) required: bool,
    /// What it means.
    pub(super) description: String,
    /// What its values may be.
    pub(super) rules: Vec<String>,
}

/// The rows of a type: what its fields mean, with what its schema says of them.
pub(super) fn rows(fields: &[FieldView], schema: Option<&Value>) -> Vec<FieldRow> {
    let mut walk = SchemaWalk {
        root: schema,
        rows: Vec::new(),
        steps: MOST_STEPS,
    };
    if let Some(schema) = schema {
        walk.properties(schema, "", 0);
    }
    if fields.is_empty() {
        return walk.rows;
    }
    let rows = fields.iter().take(MOST_ROWS).map(|field| {
        let found = walk.rows.iter().find(|row| row.path == field.path);
        FieldRow {
            path: field.path.clone(),
            kind: field.kind.clone(),
            description: field.description.clone(),
            required: found.is_some_and(|row| row.required),
            rules: found.map(|row| row.rules.clone()).unwrap_or_default(),
        }
    });
    rows.collect()
}

struct SchemaWalk<'a> {
    root: Option<&'a Value>,
    rows: Vec<FieldRow>,
    /// Parts of the schema that may still be looked at.
    steps: usize,
}

impl<'a> SchemaWalk<'a> {
    /// The schema that is meant: references are followed.
    fn meant(&self, mut schema: &'a Value) -> &'a Value {
        for _ in 0..MOST_HOPS {
            let reference = schema.get("$ref").and_then(Value::as_str);
            let place = reference.and_then(|text| text.strip_prefix('#'));
            match place.and_then(|place| self.root?.pointer(place)) {
                Some(found) => schema = found,
                None => break,
            }
        }
        schema
    }

    fn properties(&mut self, schema: &'a Value, path: &str, depth: usize) {
        let schema = self.meant(schema);
        if depth > MOST_DEPTH || self.steps == 0 {
            return;
        }
        self.steps -= 1;
        let required = list(schema, "required").iter().filter_map(Value::as_str);
        let required: HashSet<&str> = required.collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            if self.steps == 0 {
                return;
            }
            let path = match path {
                "" => name.clone(),
                path => format!("{path}.{name}"),
            };
            self.field(property, path, required.contains(name.as_str()), depth);
        }
        if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
            let items = self.meant(items);
            self.properties(items, &format!("{path}[]"), depth + 1);
        }
        for parts in ["allOf", "anyOf", "oneOf"] {
            for part in list(schema, parts).iter().take(MOST_VALUES) {
                self.properties(part, path, depth + 1);
            }
        }
    }

    fn field(&mut self, property: &'a Value, path: String, required: bool, depth: usize) {
        if self.rows.len() >= MOST_ROWS || path.chars().count() > MOST_PATH {
            return;
        }
        let schema = self.meant(property);
        let text = |key: &str| {
            let own = property.get(key).or_else(|| schema.get(key));
            clipped(own.and_then(Value::as_str).unwrap_or_default())
        };
        let (description, title) = (text("description"), text("title"));
        // A field that several parts of a schema describe is listed once.
        if !self.rows.iter().any(|row| row.path == path) {
            self.rows.push(FieldRow {
                path: path.clone(),
                kind: kind(schema),
                required,
                description: super::or(&description, &title).to_owned(),
                rules: rules(schema),
            });
        }
        self.properties(schema, &path, depth + 1);
    }
}

fn list<'a>(schema: &'a Value, key: &str) -> &'a [Value] {
    let list = schema.get(key).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// The type as text, such as `string or null`.
fn kind(schema: &Value) -> String {
    let named: Vec<&str> = match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).take(7).collect(),
        _ => Vec::new(),
    };
    let word = match (named.is_empty(), schema) {
        (false, _) => named.join(" or "),
        (true, Value::Bool(false)) => "nothing".to_owned(),
        (true, _) if schema.get("properties").is_some() => "object".to_owned(),
        (true, _) if schema.get("items").is_some() => "array".to_owned(),
        (true, _) => match schema.get("const").or_else(|| list(schema, "enum").first()) {
            Some(Value::String(_)) => "string".to_owned(),
            Some(Value::Number(_)) => "number".to_owned(),
            Some(Value::Bool(_)) => "boolean".to_owned(),
            _ => "any".to_owned(),
        },
    };
    clipped(&word)
}

/// What the values may be, beyond their type.
fn rules(schema: &Value) -> Vec<String> {
    let value = |value: &Value| clipped(&value.to_string());
    let mut rules = Vec::new();
    if let Some(only) = schema.get("const") {
        rules.push(format!("Always {}.", value(only)));
    }
    let values = list(schema, "enum");
    if !values.is_empty() {
        let shown: Vec<String> = values.iter().take(MOST_VALUES).map(value).collect();
        let cut = values.len() > MOST_VALUES;
        let more = if cut { ", …" } else { "" };
        rules.push(format!("One of {}{more}.", shown.join(", ")));
    }
    for (key, label) in [("format", "Format"), ("pattern", "Matches")] {
        if let Some(text) = schema.get(key).and_then(Value::as_str) {
            rules.push(format!("{label} {}.", clipped(text)));
        }
    }
    for (key, label) in [
        ("minimum", "At least"),
        ("maximum", "At most"),
        ("minLength", "Characters, at least"),
        ("maxLength", "Characters, at most"),
        ("minItems", "Entries, at least"),
        ("maxItems", "Entries, at most"),
    ] {
        if let Some(number) = schema.get(key).filter(|number| number.is_number()) {
            rules.push(format!("{label} {}.", value(number)));
        }
    }
    rules
}

fn clipped(text: &str) -> String {
    super::beginning(text, MOST_TEXT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::catalogue;

    fn described(schema: &Value) -> Vec<(String, String, bool)> {
        let rows = rows(&[], Some(schema)).into_iter();
        rows.map(|row| (row.path, row.kind, row.required)).collect()
    }

    #[test]
    fn fields_of_fields_and_of_entries_have_their_paths() {
        let schema = json!({
            "required": ["event_type", "data"],
            "properties": {
                "event_type": {"const": "A"},
                "data": {"type": ["object", "null"], "required": ["id"], "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "lines": {"type": "array", "items": {"properties": {"sku": {"type": "string"}}}}
                }}
            }
        });
        let line = |path: &str, kind: &str, required| (path.to_owned(), kind.to_owned(), required);
        assert_eq!(
            described(&schema),
            [
                line("data", "object or null", true),
                line("data.id", "string", true),
                line("data.lines", "array", false),
                line("data.lines[].sku", "string", false),
                line("event_type", "string", true),
            ]
        );
        let rows = rows(&[], Some(&schema));
        assert_eq!(rows[1].rules, ["Format uuid."]);
        assert_eq!(rows[4].rules, ["Always \"A\"."]);
    }

    #[test]
    fn references_are_followed_and_circles_end() {
        let schema = json!({
            "properties": {"a": {"$ref": "#/$defs/node"}, "b": {"$ref": "#/$defs/self"}, "c": {"$ref": "https://example.com/x"}},
            "$defs": {
                "node": {"type": "object", "description": "A node.", "properties": {"next": {"$ref": "#/$defs/node"}}},
                "self": {"$ref": "#/$defs/self"}
            }
        });
        let rows = rows(&[], Some(&schema));
        assert!(rows.len() < 30, "{}", rows.len());
        assert_eq!(rows[0].description, "A node.");
        assert_eq!(rows[1].path, "a.next");
    }

    #[test]
    fn a_wide_or_hostile_schema_makes_a_bounded_table() {
        let field = json!({"type": "string", "description": "x".repeat(10_000)});
        let fields = (0..5_000).map(|n| (format!("f{n}"), field.clone()));
        let wide: Value = fields.collect();
        let rows = rows(&[], Some(&json!({ "properties": wide })));
        assert_eq!(rows.len(), MOST_ROWS);
        let length = |row: &FieldRow| row.description.chars().count();
        assert!(rows.iter().all(|row| length(row) <= MOST_TEXT + 1));
        let root = json!({"$ref": "#"});
        let all = json!({"allOf": [root, root], "properties": {"a": root}});
        assert!(super::rows(&[], Some(&all)).len() <= MOST_ROWS);
    }

    #[test]
    fn built_in_types_are_told_with_what_must_be_there() {
        for known in catalogue::builtin() {
            let fields: Vec<FieldView> = known.fields.iter().map(FieldView::from).collect();
            let rows = rows(&fields, known.schema.as_ref());
            assert_eq!(rows.len(), known.fields.len());
            let event_type = rows.iter().find(|row| row.path == "event_type");
            assert!(event_type.is_some_and(|row| row.required), "{}", known.name);
        }
    }

    fn any_schema() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!({"type": "string"})),
            Just(json!({"$ref": "#/properties/a"})),
            Just(json!({"$ref": "#"})),
            Just(json!(true)),
            Just(json!({"type": 5, "enum": {}, "required": "a", "properties": []})),
        ];
        leaf.prop_recursive(4, 30, 4, |inner| {
            prop_oneof![
                prop::collection::btree_map("[a-c]", inner.clone(), 0..4)
                    .prop_map(|map| json!({"properties": map, "required": ["a"]})),
                inner
                    .clone()
                    .prop_map(|items| json!({"type": "array", "items": items})),
                prop::collection::vec(inner, 0..3).prop_map(|parts| json!({"anyOf": parts})),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_schema_makes_a_bounded_table_in_bounded_time(schema in any_schema()) {
            let begun = std::time::Instant::now();
            let rows = rows(&[], Some(&schema));
            prop_assert!(rows.len() <= MOST_ROWS);
            prop_assert!(begun.elapsed().as_secs() < 5);
        }
    }
}
