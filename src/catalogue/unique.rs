//! `uniqueItems`, in a time in proportion to the array whatever its items are. The library's own
//! compares items that look alike to it each with each, and a stranger can make all look alike:
//! arrays of arrays, and integers beyond 2^53.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};

use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Number, Value};

/// What is reported of an array that holds a value twice.
const TWICE: &str = "holds the same value twice";

/// The keyword as a schema has it: asked for, or not.
struct UniqueItems(bool);

/// Makes the keyword from its value in a schema.
pub(super) fn keyword<'a>(
    _: &'a Map<String, Value>,
    value: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    // The meta-schema refuses what is no boolean.
    Ok(Box::new(UniqueItems(value == &Value::Bool(true))))
}

impl<'i> Keyword<'i> for UniqueItems {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            Ok(())
        } else {
            Err(ValidationError::custom(TWICE))
        }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        match instance {
            Value::Array(items) if self.0 => are_unique(items),
            _ => true,
        }
    }
}

fn are_unique(items: &[Value]) -> bool {
    let mut seen = HashSet::with_capacity(items.len());
    items.iter().all(|item| seen.insert(Item(item)))
}

/// A value that is equal to another as JSON Schema means it: numbers by their value.
struct Item<'a>(&'a Value);

impl PartialEq for Item<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Value::Number(a), Value::Number(b)) => Numeric::of(a) == Numeric::of(b),
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Item(a) == Item(b))
            }
            (Value::Object(a), Value::Object(b)) => {
                let same = |(name, value): (&String, &Value)| {
                    b.get(name).is_some_and(|other| Item(value) == Item(other))
                };
                a.len() == b.len() && a.iter().all(same)
            }
            (a, b) => a == b,
        }
    }
}

impl Eq for Item<'_> {}

impl Hash for Item<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self.0).hash(state);
        match self.0 {
            Value::Null => {}
            Value::Bool(value) => value.hash(state),
            Value::Number(number) => Numeric::of(number).hash(state),
            Value::String(text) => text.hash(state),
            // The length first, so that no two arrays run together.
            Value::Array(items) => {
                items.len().hash(state);
                items.iter().for_each(|item| Item(item).hash(state));
            }
            // A map yields its names in their order.
            Value::Object(members) => {
                members.len().hash(state);
                for (name, value) in members {
                    name.hash(state);
                    Item(value).hash(state);
                }
            }
        }
    }
}

/// A number by its value.
#[derive(PartialEq, Eq, Hash)]
enum Numeric {
    Whole(i128),
    Other(u64),
    /// Neither an integer nor a fraction that a machine knows.
    Text(String),
}

impl Numeric {
    fn of(number: &Number) -> Self {
        if let Some(whole) = number.as_i128() {
            return Self::Whole(whole);
        }
        match number.as_f64() {
            Some(value) if value.fract() == 0.0 && value.abs() < 1e30 => Self::Whole(value as i128),
            Some(value) if value.is_finite() => Self::Other(value.to_bits()),
            _ => Self::Text(number.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn unique(items: &Value) -> bool {
        are_unique(items.as_array().unwrap())
    }

    #[test]
    fn the_same_value_is_the_same_however_it_is_written() {
        assert!(!unique(&json!([1, 1.0])));
        assert!(!unique(&json!([0.0, -0.0])));
        assert!(!unique(&json!([{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}])));
        assert!(unique(&json!([
            1,
            true,
            "1",
            null,
            false,
            0,
            "",
            [],
            {},
            [[]],
            [1],
            1e300
        ])));
        assert!(unique(&json!([
            9_007_199_254_740_992_u64,
            9_007_199_254_740_993_u64
        ])));
        assert!(unique(&json!([[[1], [2]], [[1, 2]], [[1, 2], []]])));
    }

    proptest! {
        /// Against the library's own way, on values that it takes no time for.
        #[test]
        fn it_agrees_with_the_library(
            items in proptest::collection::vec((0_u8..4, 0_u8..3), 0..12),
        ) {
            let items: Vec<Value> = items.into_iter().map(|(kind, n)| match kind {
                0 => json!(n),
                1 => json!([n]),
                2 => json!({"a": n}),
                _ => json!(f64::from(n)),
            }).collect();
            let schema = json!({"uniqueItems": true});
            let theirs = jsonschema::validator_for(&schema).unwrap();
            prop_assert_eq!(are_unique(&items), theirs.is_valid(&Value::Array(items)));
        }
    }
}
