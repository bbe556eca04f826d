//! Shows what a script changed: two JSON texts laid out alike and compared line by line.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::value::RawValue;
use similar::{ChangeTag, TextDiff};

/// Unchanged lines around each change.
const CONTEXT: usize = 3;
/// After so long the rest is told as removed and added: of two texts that have nothing in common
/// the shortest way from one to the other takes for ever to find.
const PATIENCE: Duration = Duration::from_millis(200);

/// A unified diff of two JSON texts; empty if they say the same. A text that is no JSON is
/// compared as it stands.
#[must_use]
pub fn unified(published: &[u8], delivered: &[u8]) -> String {
    let (old, new) = (laid_out(published), laid_out(delivered));
    compare(&old, &new)
        .unified_diff()
        .context_radius(CONTEXT)
        .header("published", "delivered")
        .to_string()
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is in both.
    Kept,
    /// It is in the first alone.
    Removed,
    /// It is in the second alone.
    Added,
}

/// The same as lines, in a group for each place that changed; empty if they say the same.
#[must_use]
pub fn groups(published: &[u8], delivered: &[u8]) -> Vec<Vec<(Change, String)>> {
    let (old, new) = (laid_out(published), laid_out(delivered));
    let diff = compare(&old, &new);
    let groups = diff.grouped_ops(CONTEXT).into_iter();
    let lines = |op| {
        diff.iter_changes(&op).map(|line| {
            let change = match line.tag() {
                ChangeTag::Equal => Change::Kept,
                ChangeTag::Delete => Change::Removed,
                ChangeTag::Insert => Change::Added,
            };
            (change, line.value().trim_end_matches('\n').to_owned())
        })
    };
    groups
        .map(|group| group.into_iter().flat_map(lines).collect())
        .collect()
}

fn compare<'a>(old: &'a str, new: &'a str) -> TextDiff<'a, 'a, 'a, str> {
    TextDiff::configure().timeout(PATIENCE).diff_lines(old, new)
}

/// The text with one value a line and sorted keys, since the order of keys means nothing and
/// scripts do not keep it. Numbers stay as they are written: none is rounded by being shown.
fn laid_out(text: &[u8]) -> String {
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
            let map = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text);
            let entries = map.unwrap_or_default().into_iter();
            let entries = entries.map(|(key, value)| (Some(key), value));
            lay_out_all(entries.collect(), ['{', '}'], depth, out);
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
        Some(b'"') => match serde_json::from_str::<String>(text) {
            Ok(plain) => out.push_str(&quoted(&plain)),
            // Half of a pair of surrogates is a text to JSON but not to Rust.
            Err(_) => out.push_str(text),
        },
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
            out.push_str(&quoted(&key));
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

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_shown() {
        let old = br#"{"b":[1,{"c":"\u00e9"}],"a":12345678901234567890123,"z":{}}"#;
        let new = r#"{"a": 12345678901234567890123, "b": [2, {"c": "é"}], "z": {}}"#;
        let expected = "--- published\n+++ delivered\n@@ -1,7 +1,7 @@\n {\n   \"a\": \
             12345678901234567890123,\n   \"b\": [\n-    1,\n+    2,\n     {\n       \"c\": \
             \"é\"\n     }\n";
        assert_eq!(unified(old, new.as_bytes()), expected);
    }

    #[test]
    fn the_lines_of_a_change_are_told_by_what_became_of_them() {
        let found = groups(br#"{"a":1,"b":2}"#, br#"{"a":1,"b":3}"#);
        let line = |change, text: &str| (change, text.to_owned());
        let expected = vec![
            line(Change::Kept, "{"),
            line(Change::Kept, "  \"a\": 1,"),
            line(Change::Removed, "  \"b\": 2"),
            line(Change::Added, "  \"b\": 3"),
            line(Change::Kept, "}"),
        ];
        assert_eq!(found, [expected]);
        assert!(groups(b"{}", b"{ }").is_empty());
    }

    #[test]
    fn the_same_value_in_another_order_is_no_change() {
        assert_eq!(unified(br#"{"a":1,"b":[]}"#, br#"{ "b": [], "a": 1 }"#), "");
    }
}
