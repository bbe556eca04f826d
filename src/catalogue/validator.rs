//! A compiled JSON Schema: the one place that knows the library behind it, but for the keyword in
//! `unique.rs`.
//!
//! It knows neither event types nor what becomes of a mismatch. It never fetches anything.

use serde_json::Value;

use super::cost::{self, Cost, Judge};
use super::patterns::{MAX_AUTOMATON_BYTES, MAX_PATTERN_BYTES};
use super::{unique, words};

/// How many violations of one payload are reported.
pub const MAX_VIOLATIONS: usize = 10;

/// Steps, of about a nanosecond each, that checking one payload may take at most.
pub const MAX_STEPS: u64 = 20_000_000;

/// Bytes of memory that a payload may take while it is checked, as a tree of values.
const MAX_TREE_BYTES: u64 = 40 << 20;
/// What one value takes in it.
const VALUE_BYTES: u64 = 40;
/// What one object takes besides its members: a map has room for eleven from the first on.
const OBJECT_BYTES: u64 = 640;

/// Bytes that the errors of the library may take: it gathers all before it returns the first.
const MAX_ERROR_BYTES: u64 = 16 << 20;
/// What one takes besides the place in the payload that it carries.
const ERROR_BYTES: u64 = 500;
/// At most one of so many steps makes an error.
const STEPS_AN_ERROR: u64 = 10;

/// Bytes that a compiled schema takes: for each schema that it is made of, and in any case.
const NODE_BYTES: u64 = 2_048;
const LEAST_BYTES: u64 = 16 * 1_024;

/// A schema, ready to be applied from any thread; compile it once and keep it.
#[derive(Debug)]
pub struct Validator {
    compiled: jsonschema::Validator,
    cost: Cost,
}

/// Why something is no schema that Herald takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema is wrong at {}: {detail}", words::place(pointer))]
pub struct SchemaError {
    /// Where in the schema, as a JSON Pointer (RFC 6901); empty for the schema as a whole.
    pub pointer: String,
    /// What is wrong.
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
    /// What is wrong there, never with more of the payload than a short text.
    pub detail: String,
}

/// How much there is to check in a body, counted in its bytes without reading it as JSON: at
/// least what it holds, and more where its texts hold commas and brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    values: u64,
    objects: u64,
    bytes: u64,
}

impl Load {
    /// The load of a body.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        let (mut values, mut objects) = (1_u64, 0_u64);
        for byte in body {
            values += u64::from(matches!(byte, b',' | b'[' | b'{'));
            objects += u64::from(*byte == b'{');
        }
        Self {
            values,
            objects,
            bytes: u64::try_from(body.len()).unwrap_or(u64::MAX),
        }
    }
}

impl Validator {
    /// Compiles a schema (drafts 2020-12, 2019-09, 7 and 6; 2020-12 if it names none) that
    /// somebody makes now.
    ///
    /// References lead to places in the same document and not in circles. Patterns are matched
    /// in linear time, so look-around and back-references are refused. What would cost too much
    /// is refused too.
    ///
    /// # Errors
    ///
    /// Says where the schema is wrong, and how.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        Self::build(schema, cost::measure(schema, Judge::New)?)
    }

    /// Compiles a schema that was taken before, perhaps when less was refused.
    ///
    /// # Errors
    ///
    /// As [`Validator::compile`], but not for what it costs to apply: that counts with each
    /// payload.
    pub fn compile_stored(schema: &Value) -> Result<Self, SchemaError> {
        Self::build(schema, cost::measure(schema, Judge::Stored)?)
    }

    fn build(schema: &Value, cost: Cost) -> Result<Self, SchemaError> {
        let patterns = jsonschema::PatternOptions::regex()
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_AUTOMATON_BYTES);
        let options = jsonschema::options()
            .offline()
            .with_keyword("uniqueItems", unique::keyword)
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
        Ok(Self { compiled, cost })
    }

    /// Bytes that its patterns take, compiled.
    #[must_use]
    pub fn pattern_bytes(&self) -> usize {
        self.cost.pattern_bytes
    }

    /// Bytes that it takes in memory, about.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let patterns = u64::try_from(self.cost.pattern_bytes).unwrap_or(u64::MAX);
        let nodes = self.cost.nodes.saturating_mul(NODE_BYTES);
        nodes
            .saturating_add(patterns.saturating_mul(4))
            .saturating_add(LEAST_BYTES)
    }

    /// Steps that checking such a payload takes at most.
    #[must_use]
    pub fn steps(&self, load: &Load) -> u64 {
        self.steps_of(load.values, load.bytes)
    }

    fn steps_of(&self, values: u64, bytes: u64) -> u64 {
        let cost = self.cost.most;
        let values = cost.value.saturating_mul(values);
        values.saturating_add(cost.text.saturating_mul(bytes))
    }

    /// Why a payload is not to be checked; none: it may be.
    #[must_use]
    pub fn refuses(&self, load: &Load) -> Option<String> {
        let steps = self.steps(load);
        if steps > MAX_STEPS {
            return Some(format!(
                "checking it could take {steps} steps, at most {MAX_STEPS} are allowed: the schema \
                 costs {} for each value and {} for each byte of the event; make either smaller",
                self.cost.most.value, self.cost.most.text
            ));
        }
        let values = load.values.saturating_mul(VALUE_BYTES);
        let tree = values.saturating_add(load.objects.saturating_mul(OBJECT_BYTES));
        (tree > MAX_TREE_BYTES).then(|| {
            format!(
                "it has too many values ({}) to be read for a check",
                load.values
            )
        })
    }

    /// What is wrong with a payload, at most [`MAX_VIOLATIONS`]; nothing if it fits. It must not
    /// be one that [`Validator::refuses`].
    #[must_use]
    pub fn validate(&self, payload: &Value) -> Vec<Violation> {
        if self.compiled.is_valid(payload) {
            return Vec::new();
        }
        let size = Size::of(payload);
        let steps = self.steps_of(size.values, size.text);
        let mut of_one = ERROR_BYTES.saturating_add(size.longest_pointer);
        if self.cost.unique {
            // Such an error carries a copy of its array.
            let copy = size.values.saturating_mul(2 * VALUE_BYTES);
            of_one = of_one.saturating_add(copy).saturating_add(size.text);
        }
        let bytes = (steps / STEPS_AN_ERROR).saturating_mul(of_one);
        // Each choice inside of another is applied once more while errors are gathered.
        let gathering = steps.saturating_mul(self.cost.choices.saturating_add(1));
        if bytes <= MAX_ERROR_BYTES && gathering <= MAX_STEPS {
            let errors = self.compiled.iter_errors(payload).take(MAX_VIOLATIONS);
            return errors.map(|error| violation(&error)).collect();
        }
        if self.cost.choices == 0 {
            let first = self.compiled.validate(payload).err();
            return first.iter().map(violation).collect();
        }
        vec![Violation {
            pointer: String::new(),
            detail: "does not fit the schema; it is too large to say where".to_owned(),
        }]
    }
}

fn violation(error: &jsonschema::ValidationError<'_>) -> Violation {
    Violation {
        pointer: error.instance_path().as_str().to_owned(),
        detail: words::detail(error),
    }
}

/// How large a payload is.
#[derive(Default)]
struct Size {
    values: u64,
    /// Bytes of its texts and names.
    text: u64,
    /// Bytes of the longest JSON Pointer into it.
    longest_pointer: u64,
}

impl Size {
    fn of(payload: &Value) -> Self {
        let mut size = Self::default();
        let mut open = vec![(payload, 0)];
        while let Some((value, pointer)) = open.pop() {
            size.values += 1;
            size.longest_pointer = size.longest_pointer.max(pointer);
            match value {
                Value::String(text) => size.text += length(text),
                Value::Array(items) => open.extend(items.iter().map(|it| (it, pointer + 8))),
                Value::Object(members) => {
                    for (name, value) in members {
                        size.text += length(name);
                        open.push((value, pointer + 1 + 2 * length(name)));
                    }
                }
                _ => {}
            }
        }
        size
    }
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
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
        assert!(detail.contains("costs too much"), "{detail}");
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
        let found = validator.validate(&numbers(400_000));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].pointer, "/0");
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
        let found = validator.validate(&payload);
        assert_eq!(found.len(), 7);
        for violation in found {
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
