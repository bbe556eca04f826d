//! Examples of what a schema describes, made from it: what is described is not written twice.

use serde_json::{Map, Value, json};

use super::SchemaMap;

/// Puts an example beside each schema of a body or an answer.
pub(super) fn examples(body: &mut Value, schemas: &SchemaMap) {
    let Some(Value::Object(content)) = body.get_mut("content") else {
        return;
    };
    for media in content.values_mut() {
        let example = example(&media["schema"], schemas);
        media["example"] = example;
    }
}

/// A value that a schema describes.
pub(super) fn example(schema: &Value, schemas: &SchemaMap) -> Value {
    let given = [&schema["example"], &schema["examples"][0], &schema["const"]];
    if let Some(given) = given.into_iter().find(|it| !it.is_null()) {
        return given.clone();
    }
    if let Some(name) = schema["$ref"].as_str() {
        let named = name.rsplit('/').next().and_then(|name| schemas.get(name));
        return named.map_or(Value::Null, |named| example(named, schemas));
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts {
            if let Value::Object(part) = example(part, schemas) {
                whole.extend(part);
            }
        }
        return whole.into();
    }
    for kinds in ["oneOf", "anyOf"] {
        let mut kinds = schema[kinds].as_array().into_iter().flatten();
        let kind = kinds.find(|it| it["type"] != "null" && schema["type"].is_null());
        if let Some(kind) = kind {
            return example(kind, schemas);
        }
    }
    of_type(schema, schemas)
}

fn of_type(schema: &Value, schemas: &SchemaMap) -> Value {
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind {
        Some("object") => {
            let properties = schema["properties"].as_object();
            let fields = properties.into_iter().flatten();
            let fields = fields.map(|(name, schema)| (name.clone(), example(schema, schemas)));
            fields.collect::<Map<String, Value>>().into()
        }
        Some("array") => json!([example(&schema["items"], schemas)]),
        Some("integer" | "number") => match &schema["minimum"] {
            Value::Null => json!(1),
            least => least.clone(),
        },
        Some("boolean") => json!(false),
        Some("string") => {
            let format = schema["format"].as_str();
            match format.or(schema["anyOf"][0]["format"].as_str()) {
                Some("date-time") => json!("2026-01-31T08:00:00Z"),
                Some("email") => json!("ann@example.com"),
                _ => json!("text"),
            }
        }
        _ => Value::Null,
    }
}
