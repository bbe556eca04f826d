//! Reads a JSON object of which one field is kept as it was written. Which field, and what it
//! means, is its caller's business.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Reads an object and keeps the text of one field.
pub(super) struct Keeping<'k>(pub(super) &'k str);

impl<'de> DeserializeSeed<'de> for Keeping<'_> {
    type Value = (Map<String, Value>, Option<&'de str>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Keeping<'_> {
    type Value = (Map<String, Value>, Option<&'de str>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut fields, mut kept) = (Map::new(), None);
        while let Some(name) = map.next_key::<String>()? {
            let value = if name == self.0 {
                let text = map.next_value::<&RawValue>()?.get();
                kept = Some(text);
                empty_of_kind(text)
            } else {
                map.next_value()?
            };
            fields.insert(name, value);
        }
        Ok((fields, kept))
    }
}

fn empty_of_kind(json: &str) -> Value {
    match json.as_bytes().first() {
        Some(b'{') => Value::Object(Map::new()),
        Some(b'[') => Value::Array(Vec::new()),
        Some(b'"') => Value::String(String::new()),
        Some(b't' | b'f') => Value::Bool(true),
        Some(b'n') => Value::Null,
        _ => Value::from(0),
    }
}
