//! Which references a schema may hold, so that applying it ends and nothing is fetched.
//!
//! A schema comes from an account's admin and is applied in the one process that serves everybody.
//! References to itself would make it loop or branch without end, and references to elsewhere
//! would make Herald fetch what a stranger names. Hence a reference leads to a place in the same
//! document. `cost.rs` finds out that it does not lead in a circle while it follows it.

use serde_json::{Map, Value};

use super::SchemaError;

/// The meta-schemas that Herald knows; the first is taken where a schema names none.
const DIALECTS: [&str; 4] = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    DRAFT_7,
    DRAFT_6,
];
const DRAFT_7: &str = "http://json-schema.org/draft-07/schema";
const DRAFT_6: &str = "http://json-schema.org/draft-06/schema";

/// Reads which meta-schema a schema follows. Returns whether `format` and the content keywords
/// refuse values under it; the later ones only note them.
pub(super) fn asserts_formats(schema: &Value) -> Result<bool, SchemaError> {
    let Some(dialect) = schema.get("$schema") else {
        return Ok(false);
    };
    let named = dialect.as_str().map(|text| text.trim_end_matches('#'));
    match named {
        Some(name) if DIALECTS.contains(&name) => Ok(name == DRAFT_7 || name == DRAFT_6),
        _ => {
            let detail = format!("must be one of {}", DIALECTS.join(", "));
            Err(SchemaError::new("/$schema", detail))
        }
    }
}

/// The place in the same schema to which the reference at `at` leads, and what is there. None:
/// it is no text, which the meta-schema refuses.
pub(super) fn resolve<'a>(
    root: &'a Value,
    at: &str,
    reference: &'a Value,
) -> Result<Option<(&'a str, &'a Value)>, SchemaError> {
    let Value::String(reference) = reference else {
        return Ok(None);
    };
    let place = match reference.strip_prefix('#') {
        Some(place) if place.is_empty() || place.starts_with('/') => place,
        _ => {
            let detail = "must lead to a place in the same schema, such as `#/$defs/address`: \
                          nothing is fetched";
            return Err(SchemaError::new(at, detail));
        }
    };
    if place.contains('%') {
        let detail = "must not hold `%`: write the names of its path as they are";
        return Err(SchemaError::new(at, detail));
    }
    match root.pointer(place) {
        Some(schema) => Ok(Some((place, schema))),
        None => Err(SchemaError::new(at, "leads to a place that does not exist")),
    }
}

/// Refuses the keywords that make a reference mean something else than its place.
pub(super) fn refuse_other_bases(
    place: &str,
    keywords: &Map<String, Value>,
) -> Result<(), SchemaError> {
    for keyword in ["$dynamicRef", "$recursiveRef"] {
        if keywords.contains_key(keyword) {
            let detail = "is not supported: use `$ref` with a place such as `#/$defs/address`";
            return Err(SchemaError::new(step(place, keyword), detail));
        }
    }
    if !place.is_empty() {
        for keyword in ["$id", "$schema"] {
            if keywords.contains_key(keyword) {
                let detail = "is allowed at the root of a schema only";
                return Err(SchemaError::new(step(place, keyword), detail));
            }
        }
    }
    Ok(())
}

/// The JSON Pointer (RFC 6901) one step further.
pub(super) fn step(place: &str, name: &str) -> String {
    format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"))
}
