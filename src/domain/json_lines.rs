//! JSON laid out so that two texts can be compared line by line.

use std::collections::BTreeMap;

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
