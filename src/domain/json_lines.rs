//! JSON laid out so that two texts can be compared line by line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The text with one value a line and sorted keys, since the order of keys means nothing and
/// scripts do not keep it. Numbers stay as they are written: none is rounded by being shown.
#[must_use]
pub fn laid_out(text: &[u8]) -> String {
    let mut out = String::new();
    match serde_json::from_slice::<&RawValue>(text) {
        Ok(value) => lay_out(value, 0, &mut out),
        Err(_) => out.push_str(&String::from_utf8_lossy(text)),
    }
    out.push('\n');
    out
}

fn lay_out(value: &RawValue, depth: usize, out: &mut String) {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{') => {
            let mut entries = serde_json::from_str::<Entries>(text).unwrap_or_default().0;
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            lay_out_all(entries, ['{', '}'], depth, out);
        }
        Some(b'[') => {
            let items = serde_json::from_str::<Vec<Box<RawValue>>>(text);
            let items = items.unwrap_or_default().into_iter();
            lay_out_all(
                items.map(|item| (None, item)).collect(),
                ['[', ']'],
                depth,
                out,
            );
        }
        Some(b'"') => out.push_str(&quoted(text)),
        _ => out.push_str(text),
    }
}

fn lay_out_all(
    entries: Vec<(Option<String>, Box<RawValue>)>,
    [open, close]: [char; 2],
    depth: usize,
    out: &mut String,
) {
    out.push(open);
    let last = entries.len().saturating_sub(1);
    let empty = entries.is_empty();
    for (place, (key, value)) in entries.into_iter().enumerate() {
        line(depth + 1, out);
        if let Some(key) = key {
            out.push_str(&key);
            out.push_str(": ");
        }
        lay_out(&value, depth + 1, out);
        if place < last {
            out.push(',');
        }
    }
    if !empty {
        line(depth, out);
    }
    out.push(close);
}

fn line(depth: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// A text in quotes with no more escapes than it needs.
fn quoted(text: &str) -> String {
    match serde_json::from_str::<String>(text) {
        Ok(plain) => serde_json::Value::from(plain).to_string(),
        // Half of a pair of surrogates is a text to JSON but not to Rust.
        Err(_) => text.to_owned(),
    }
}

/// The members of an object: names in quotes, and values.
#[derive(Default)]
struct Entries(Vec<(Option<String>, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;

        impl<'de> Visitor<'de> for Map {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some((name, value)) = map.next_entry::<Box<RawValue>, _>()? {
                    entries.push((Some(quoted(name.get())), value));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rust_cannot_hold_is_laid_out_as_it_is_written() {
        assert_eq!(
            laid_out(br#"{"b":1e400,"\ud800":"\udc00","a":[]}"#),
            "{\n  \"\\ud800\": \"\\udc00\",\n  \"a\": [],\n  \"b\": 1e400\n}\n"
        );
    }
}
