//! A compiled JSON Schema: the one place that knows the library behind it.
//!
//! It knows neither event types nor what becomes of a mismatch. It never fetches anything.

use serde_json::Value;

use super::{references, words};

/// How many violations are told of one payload.
pub const MAX_VIOLATIONS: usize = 10;

/// Payloads with more values than this are told their first violation only: the library
/// gathers all of them before it answers, at some 300 bytes each.
const MANY_VALUES: usize = 5_000;

/// Bytes that one compiled pattern may take.
const MAX_PATTERN_BYTES: usize = 256 * 1024;

/// A schema, ready to be applied from any thread; compile it once and keep it.
#[derive(Debug)]
pub struct Validator {
    compiled: jsonschema::Validator,
}

/// Why something is no schema that Herald takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema is wrong at {}: {detail}", words::place(pointer))]
pub struct SchemaError {
    /// Where in the schema, as a JSON Pointer (RFC 6901); empty for the schema as a whole.
    pub pointer: String,
    /// What is wrong, in plain words.
    pub detail: String,
}

impl SchemaError {
    pub(super) fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

/// One way in which a payload does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// Where in the payload, as a JSON Pointer (RFC 6901); empty for the payload as a whole.
    pub pointer: String,
    /// What is wrong there, in plain words, never with more of the payload than a short text.
    pub detail: String,
}

impl Validator {
    /// Compiles a schema (drafts 2020-12, 2019-09, 7 and 6; 2020-12 if it names none).
    ///
    /// References lead to places in the same document and not in circles. Patterns are matched
    /// in linear time, so look-around and back-references are refused.
    ///
    /// # Errors
    ///
    /// Says where the schema is wrong, and how.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        references::check(schema)?;
        let patterns = jsonschema::PatternOptions::regex()
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_PATTERN_BYTES);
        let options = jsonschema::options()
            .offline()
            .with_pattern_options(patterns);
        let compiled = options.build(schema).map_err(|error| {
            // A schema that does not fit the meta-schema is the instance; else a keyword
            // could not be compiled, and the error's place in the schema is what counts.
            let instance = error.instance_path().as_str();
            let keyword = error.schema_path().as_str();
            let pointer = if instance.is_empty() && schema.pointer(keyword).is_some() {
                keyword
            } else {
                instance
            };
            SchemaError::new(pointer, words::detail(&error))
        })?;
        Ok(Self { compiled })
    }

    /// What is wrong with a payload, at most [`MAX_VIOLATIONS`]; nothing if it fits.
    #[must_use]
    pub fn validate(&self, payload: &Value) -> Vec<Violation> {
        if self.compiled.is_valid(payload) {
            return Vec::new();
        }
        if has_more_values(payload, MANY_VALUES) {
            let first = self.compiled.validate(payload).err();
            return first.iter().map(violation).collect();
        }
        let errors = self.compiled.iter_errors(payload).take(MAX_VIOLATIONS);
        errors.map(|error| violation(&error)).collect()
    }
}

fn violation(error: &jsonschema::ValidationError<'_>) -> Violation {
    Violation {
        pointer: error.instance_path().as_str().to_owned(),
        detail: words::detail(error),
    }
}

/// Whether there are more than `bound` values, counted no further than that.
fn has_more_values(value: &Value, bound: usize) -> bool {
    let mut count = 0;
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        count += 1;
        if count + open.len() > bound {
            return true;
        }
        match value {
            Value::Array(values) => open.extend(values.iter().take(bound + 1)),
            Value::Object(members) => open.extend(members.values().take(bound + 1)),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(schema: &Value) -> (String, String) {
        let error = Validator::compile(schema).expect_err("a refusal");
        (error.pointer, error.detail)
    }

    #[test]
    fn a_validator_is_shared_by_all_threads() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<Validator>();
    }

    #[test]
    fn a_schema_that_is_wrong_is_told_where() {
        assert_eq!(
            refused(&json!({"properties": {"a": {"type": "text"}}})).0,
            "/properties/a/type"
        );
        assert_eq!(
            refused(&json!(5)),
            (
                String::new(),
                "must be a boolean or an object, but is a number".to_owned()
            )
        );
        assert_eq!(refused(&json!({"required": "a"})).0, "/required");
        assert_eq!(
            Validator::compile(&json!({"required": "a"}))
                .unwrap_err()
                .to_string(),
            "the schema is wrong at `/required`: must be an array, but is a string"
        );
    }

    #[test]
    fn nothing_is_fetched() {
        for reference in [
            "https://example.com/a.json",
            "file:///etc/passwd",
            "other.json",
            "#anchor",
        ] {
            let (pointer, detail) = refused(&json!({"properties": {"a": {"$ref": reference}}}));
            assert_eq!(pointer, "/properties/a/$ref");
            assert!(detail.contains("nothing is fetched"), "{detail}");
        }
        assert_eq!(
            refused(&json!({"$schema": "https://example.com/meta"})).0,
            "/$schema"
        );
        let nested = json!({"$defs": {"a": {"$id": "https://example.com/"}}});
        assert_eq!(refused(&nested).0, "/$defs/a/$id");
        assert_eq!(
            refused(&json!({"items": {"$dynamicRef": "#a"}})).0,
            "/items/$dynamicRef"
        );
    }

    #[test]
    fn references_to_other_places_of_the_schema_work() {
        let schema = json!({
            "$id": "https://example.com/order",
            "$defs": {"a/b~c": {"type": "integer"}},
            "properties": {"n": {"$ref": "#/$defs/a~1b~0c"}, "m": {"$ref": "#/$defs/a~1b~0c"}}
        });
        let validator = Validator::compile(&schema).unwrap();
        assert_eq!(validator.validate(&json!({"n": 1, "m": 2})), []);
        assert_eq!(validator.validate(&json!({"n": "1"}))[0].pointer, "/n");
        assert_eq!(refused(&json!({"$ref": "#/$defs/none"})).0, "/$ref");
    }

    #[test]
    fn a_schema_that_refers_to_itself_is_refused() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"properties": {"child": {"$ref": "#"}}}),
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}}),
            json!({"properties": {"a": {"properties": {"b": {"$ref": "#/properties/a"}}}}}),
        ] {
            let (_, detail) = refused(&schema);
            assert!(detail.contains("refer to itself"), "{detail}");
        }
    }

    #[test]
    fn a_schema_that_multiplies_by_references_is_refused() {
        let mut definitions = serde_json::Map::new();
        for n in 0..30 {
            let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            definitions.insert(format!("d{n}"), json!({"allOf": [next, next]}));
        }
        definitions.insert("d30".to_owned(), json!({"type": "string"}));
        let (_, detail) = refused(&json!({"$ref": "#/$defs/d0", "$defs": definitions}));
        assert!(detail.contains("too large"), "{detail}");
    }

    #[test]
    fn a_long_chain_of_references_is_refused_before_the_stack_ends() {
        let mut definitions = serde_json::Map::new();
        for n in 0..20_000 {
            definitions.insert(
                format!("d{n}"),
                json!({"$ref": format!("#/$defs/d{}", n + 1)}),
            );
        }
        definitions.insert("d20000".to_owned(), json!({}));
        let (_, detail) = refused(&json!({"$ref": "#/$defs/d0", "$defs": definitions}));
        assert!(
            detail.contains("nested deeper") || detail.contains("too large"),
            "{detail}"
        );
    }

    #[test]
    fn the_deepest_schema_that_is_taken_can_be_applied() {
        let chain = |length: usize| {
            let mut definitions = serde_json::Map::new();
            for n in 0..length {
                let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
                definitions.insert(format!("d{n}"), next);
            }
            definitions.insert(format!("d{length}"), json!({"type": "string"}));
            json!({"$ref": "#/$defs/d0", "$defs": definitions})
        };
        let validator = Validator::compile(&chain(60)).unwrap();
        assert_eq!(validator.validate(&json!("a")), []);
        assert_eq!(validator.validate(&json!(1)).len(), 1);
        assert!(refused(&chain(70)).1.contains("nested deeper"));
    }

    #[test]
    fn patterns_cost_linear_time() {
        let validator = Validator::compile(&json!({"pattern": "^(a+)+$"})).unwrap();
        let text = "a".repeat(50_000) + "!";
        assert_eq!(
            validator.validate(&json!(text)),
            [Violation {
                pointer: String::new(),
                detail: "does not match the pattern `^(a+)+$`".to_owned()
            }]
        );
        for pattern in ["(?=a)b", "(a)\\1", "a{1000}{1000}", "("] {
            assert_eq!(
                refused(&json!({"items": {"pattern": pattern}})).0,
                "/items/pattern",
                "{pattern}"
            );
        }
    }

    #[test]
    fn at_most_ten_violations_are_told_and_one_of_a_large_payload() {
        let validator = Validator::compile(&json!({"items": {"type": "string"}})).unwrap();
        let numbers = |count: u32| json!((0..count).collect::<Vec<u32>>());
        assert_eq!(validator.validate(&numbers(100)).len(), MAX_VIOLATIONS);
        let told = validator.validate(&numbers(400_000));
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].pointer, "/0");
    }

    #[test]
    fn a_violation_does_not_carry_the_payload_along() {
        let validator = Validator::compile(&json!({
            "properties": {
                "a": {"const": 1}, "b": {"enum": ["x"]}, "c": {"maxLength": 3},
                "d": {"anyOf": [{"type": "null"}]}, "e": {"type": "number"}, "f": {"maxItems": 0}
            },
            "additionalProperties": false
        }))
        .unwrap();
        let long = "secret".repeat(1_000);
        let payload =
            json!({"a": long, "b": long, "c": long, "d": long, "e": long, "f": [long], "g": 1});
        let told = validator.validate(&payload);
        assert_eq!(told.len(), 7);
        for violation in told {
            assert!(violation.detail.len() < 100, "{}", violation.detail);
            assert!(!violation.detail.contains("secret"), "{}", violation.detail);
        }
    }

    #[test]
    fn an_absent_field_is_told_by_its_name() {
        let validator = Validator::compile(&json!({"required": ["event_type"]})).unwrap();
        assert_eq!(
            validator.validate(&json!({}))[0].detail,
            "lacks the field \"event_type\""
        );
    }
}
