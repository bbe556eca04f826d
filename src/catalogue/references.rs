//! Which references a schema may hold, so that applying it ends, and soon.
//!
//! A schema comes from an account's admin and is applied to each event in the one process that
//! serves everybody. References to itself would make it loop or branch without end, and
//! references to elsewhere would make Herald fetch what a stranger names. Hence: a reference
//! leads to a place in the same document, never round in a circle, and the schema with all its
//! references written out stays small.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::SchemaError;

/// Upper bound of the sub-schemas that a schema has with all its references written out.
const MAX_SCHEMAS: usize = 10_000;

/// How deep sub-schemas may nest, references included: less than a thread's stack bears.
const MAX_DEPTH: usize = 64;

/// The meta-schemas that Herald knows; the first is taken where a schema names none.
const DIALECTS: [&str; 4] = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
];

/// Checks the references of a whole schema.
pub(super) fn check(schema: &Value) -> Result<(), SchemaError> {
    if let Some(dialect) = schema.get("$schema") {
        let known = |text: &str| DIALECTS.contains(&text.trim_end_matches('#'));
        if !dialect.as_str().is_some_and(known) {
            let detail = format!("must be one of {}", DIALECTS.join(", "));
            return Err(SchemaError::new("/$schema", detail));
        }
    }
    Walk::new(schema).target("", "", schema, 0).map(|_| ())
}

/// A walk over a schema that follows its references.
struct Walk<'a> {
    root: &'a Value,
    /// For each place that was begun, how many schemas it has; none while it is under way.
    sizes: HashMap<String, Option<usize>>,
}

impl<'a> Walk<'a> {
    fn new(root: &'a Value) -> Self {
        Self {
            root,
            sizes: HashMap::new(),
        }
    }

    /// The size of the schema at `place`, to which the reference at `from` leads.
    fn target(
        &mut self,
        from: &str,
        place: &str,
        schema: &'a Value,
        depth: usize,
    ) -> Result<usize, SchemaError> {
        match self.sizes.get(place) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => {
                let detail = "leads back to a schema that it is part of: \
                              a schema must not refer to itself";
                return Err(SchemaError::new(from, detail));
            }
            None => {}
        }
        self.sizes.insert(place.to_owned(), None);
        let size = self.schema(place, schema, depth)?;
        self.sizes.insert(place.to_owned(), Some(size));
        Ok(size)
    }

    /// The size of one schema with everything below it.
    fn schema(
        &mut self,
        place: &str,
        schema: &'a Value,
        depth: usize,
    ) -> Result<usize, SchemaError> {
        if depth > MAX_DEPTH {
            let detail = format!("is nested deeper than {MAX_DEPTH} schemas");
            return Err(SchemaError::new(place, detail));
        }
        let Value::Object(keywords) = schema else {
            return Ok(1);
        };
        refuse_other_bases(place, keywords)?;
        let mut size: usize = 1;
        for (keyword, value) in keywords {
            let at = step(place, keyword);
            let more = match keyword.as_str() {
                "$ref" => self.reference(&at, value, depth)?,
                "properties" | "patternProperties" | "$defs" | "definitions"
                | "dependentSchemas" | "dependencies" => self.map(&at, value, depth)?,
                "allOf"
                | "anyOf"
                | "oneOf"
                | "prefixItems"
                | "items"
                | "additionalItems"
                | "contains"
                | "additionalProperties"
                | "propertyNames"
                | "unevaluatedItems"
                | "unevaluatedProperties"
                | "not"
                | "if"
                | "then"
                | "else"
                | "contentSchema" => self.one_or_many(&at, value, depth)?,
                _ => 0,
            };
            size = size.saturating_add(more);
            if size > MAX_SCHEMAS {
                let detail = format!(
                    "is too large: with its references written out, more than {MAX_SCHEMAS} schemas"
                );
                return Err(SchemaError::new(place, detail));
            }
        }
        Ok(size)
    }

    fn reference(&mut self, at: &str, value: &Value, depth: usize) -> Result<usize, SchemaError> {
        // What is no text is told by the meta-schema.
        let Value::String(reference) = value else {
            return Ok(0);
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
        let root = self.root;
        let Some(schema) = root.pointer(place) else {
            return Err(SchemaError::new(at, "leads to a place that does not exist"));
        };
        self.target(at, place, schema, depth + 1)
    }

    fn map(&mut self, at: &str, value: &'a Value, depth: usize) -> Result<usize, SchemaError> {
        let mut size: usize = 0;
        for (name, schema) in value.as_object().into_iter().flatten() {
            size = size.saturating_add(self.schema(&step(at, name), schema, depth + 1)?);
        }
        Ok(size)
    }

    fn one_or_many(
        &mut self,
        at: &str,
        value: &'a Value,
        depth: usize,
    ) -> Result<usize, SchemaError> {
        let Value::Array(schemas) = value else {
            return self.schema(at, value, depth + 1);
        };
        let mut size: usize = 0;
        for (index, schema) in schemas.iter().enumerate() {
            let at = step(at, &index.to_string());
            size = size.saturating_add(self.schema(&at, schema, depth + 1)?);
        }
        Ok(size)
    }
}

/// Refuses the keywords that make a reference mean something else than its place.
fn refuse_other_bases(place: &str, keywords: &Map<String, Value>) -> Result<(), SchemaError> {
    for keyword in ["$dynamicRef", "$recursiveRef"] {
        if keywords.contains_key(keyword) {
            let detail = "is not supported: use `$ref` with a place such as `#/$defs/address`";
            return Err(SchemaError::new(step(place, keyword), detail));
        }
    }
    if !place.is_empty() {
        for keyword in ["$id", "$schema"] {
            if keywords.contains_key(keyword) {
                let detail = "may stand at the root of a schema only";
                return Err(SchemaError::new(step(place, keyword), detail));
            }
        }
    }
    Ok(())
}

/// The JSON Pointer (RFC 6901) one step further.
fn step(place: &str, name: &str) -> String {
    format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"))
}
