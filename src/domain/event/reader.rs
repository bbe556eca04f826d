//! Reads a body in one pass, strictly and as deep as serde_json allows, keeping its fields or not.
//! What its findings mean for the publisher is `event`'s business.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::EVENT_TYPE;

/// The values of `event_type` that were found.
pub(super) enum Types {
    None,
    One(Value),
    Many,
}

/// The types and all the fields of an object, or else what the body is instead of one.
/// `KEEP` says whether the fields are kept or only checked.
pub(super) enum Body<const KEEP: bool> {
    Object(Types, Map<String, Value>),
    Other(&'static str),
}

impl<'de, const KEEP: bool> Deserialize<'de> for Body<KEEP> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BodyVisitor)
    }
}

struct BodyVisitor<const KEEP: bool>;

impl<'de, const KEEP: bool> Visitor<'de> for BodyVisitor<KEEP> {
    type Value = Body<KEEP>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut types = Types::None;
        let mut kept = Map::new();
        while let Some(FieldName(name)) = fields.next_key()? {
            if name == EVENT_TYPE {
                let StrictValue::<true>(value) = fields.next_value()?;
                if KEEP {
                    kept.insert(name.into_owned(), value.clone());
                }
                types = match types {
                    Types::None => Types::One(value),
                    Types::One(_) | Types::Many => Types::Many,
                };
            } else {
                let StrictValue::<KEEP>(value) = fields.next_value()?;
                if KEEP {
                    kept.insert(name.into_owned(), value);
                }
            }
        }
        Ok(Body::Object(types, kept))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        StrictVisitor::<false>
            .visit_seq(items)
            .map(|_| Body::Other("an array"))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Body::Other("null"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Body::Other("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Body::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Body::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Body::Other("a number"))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Body::Other("a string"))
    }
}

/// The name of a field, copied only if it has escapes.
struct FieldName<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for FieldName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl<'de> Visitor<'de> for Name {
            type Value = FieldName<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(FieldName(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(FieldName(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Name)
    }
}

/// Any value; without `KEEP` it is checked just as strictly and comes out as null.
///
/// Not serde's `IgnoredAny`: serde_json passes that one over without a limit of depth. And not
/// `Value`'s own reader, which takes some names of fields for commands.
pub(super) struct StrictValue<const KEEP: bool>(Value);

impl<'de, const KEEP: bool> Deserialize<'de> for StrictValue<KEEP> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(StrictVisitor::<KEEP>)
            .map(Self)
    }
}

struct StrictVisitor<const KEEP: bool>;

impl<'de, const KEEP: bool> Visitor<'de> for StrictVisitor<KEEP> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while let Some((FieldName(name), StrictValue::<KEEP>(value))) = fields.next_entry()? {
            if KEEP {
                kept.insert(name.into_owned(), value);
            }
        }
        Ok(if KEEP {
            Value::Object(kept)
        } else {
            Value::Null
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut kept = Vec::new();
        while let Some(StrictValue::<KEEP>(value)) = items.next_element()? {
            if KEEP {
                kept.push(value);
            }
        }
        Ok(if KEEP {
            Value::Array(kept)
        } else {
            Value::Null
        })
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(if KEEP {
            Value::from(value)
        } else {
            Value::Null
        })
    }
}
