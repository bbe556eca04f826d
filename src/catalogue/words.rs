//! What a schema's mismatch reads like to a person.
//!
//! The library's own texts quote the whole value, which may be a megabyte or private; these
//! name its kind, and quote short texts only.

use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::Value;

/// Longest text, in characters, that is quoted.
const MAX_QUOTE: usize = 64;

/// Most items of a list that are written out.
const MAX_LISTED: usize = 20;

/// A JSON Pointer in a sentence.
pub(super) fn place(pointer: &str) -> String {
    if pointer.is_empty() {
        "its root".to_owned()
    } else {
        format!("`{pointer}`")
    }
}

/// Says what is wrong with the value; a predicate without its subject.
pub(super) fn detail(error: &ValidationError<'_>) -> String {
    let found = error.instance().as_ref();
    match error.kind() {
        ValidationErrorKind::Type { kind } => {
            let wanted = match kind {
                TypeKind::Single(kind) => with_article(&kind.to_string()).to_owned(),
                TypeKind::Multiple(kinds) => {
                    let kinds: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
                    either(kinds.iter().map(|kind| with_article(kind).to_owned()))
                }
            };
            format!("must be {wanted}, but is {}", kind_of(found))
        }
        ValidationErrorKind::Required { property } => {
            format!("lacks the field {}", quoted(property))
        }
        ValidationErrorKind::Constant { expected_value } => {
            format!(
                "must be {}, but is {}",
                quoted(expected_value),
                quoted(found)
            )
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let wanted = either(options.iter().map(quoted));
            format!("must be {wanted}, but is {}", quoted(found))
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let names = unexpected.iter().map(|name| quote_text(name));
            format!(
                "has fields that the schema does not allow: {}",
                list(names, "and")
            )
        }
        ValidationErrorKind::Format { format } => format!("is not of the format `{format}`"),
        ValidationErrorKind::Pattern { pattern } => {
            format!("does not match the pattern `{}`", cut(pattern))
        }
        ValidationErrorKind::FalseSchema => "is not allowed by the schema".to_owned(),
        ValidationErrorKind::Not { .. } => "is what the schema excludes by `not`".to_owned(),
        ValidationErrorKind::AnyOf { .. } => {
            "fits none of the possibilities under `anyOf`".to_owned()
        }
        ValidationErrorKind::OneOfNotValid { .. } => {
            "fits none of the possibilities under `oneOf`".to_owned()
        }
        ValidationErrorKind::OneOfMultipleValid { .. } => {
            "fits more than one of the possibilities under `oneOf`".to_owned()
        }
        ValidationErrorKind::Contains => {
            "holds no entry that fits the schema under `contains`".to_owned()
        }
        ValidationErrorKind::PropertyNames { error } => {
            format!(
                "has a field with a name that is not allowed: {}",
                detail(error)
            )
        }
        _ => cut(&error.masked_with("this value").to_string()),
    }
}

/// The kind of a value, with its article.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn with_article(kind: &str) -> &str {
    match kind {
        "boolean" => "a boolean",
        "number" => "a number",
        "integer" => "an integer",
        "string" => "a string",
        "array" => "an array",
        "object" => "an object",
        other => other,
    }
}

/// A value in a sentence: short ones as they are, others by their kind.
fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().nth(MAX_QUOTE).is_some() => "a longer text".to_owned(),
        Value::String(text) => quote_text(text),
        Value::Number(number) => format!("`{number}`"),
        Value::Bool(value) => format!("`{value}`"),
        Value::Null | Value::Array(_) | Value::Object(_) => kind_of(value).to_owned(),
    }
}

fn quote_text(text: &str) -> String {
    format!("{:?}", cut(text))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(4 * MAX_QUOTE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn either(items: impl ExactSizeIterator<Item = String>) -> String {
    let among = if items.len() > 2 { "one of " } else { "" };
    format!("{among}{}", list(items, "or"))
}

/// `a, b or c`, cut after [`MAX_LISTED`]: what is left out is not even written down.
fn list(items: impl ExactSizeIterator<Item = String>, last: &str) -> String {
    let rest = items.len().saturating_sub(MAX_LISTED);
    let mut items: Vec<String> = items.take(MAX_LISTED).collect();
    if rest > 0 {
        items.push(format!("{rest} more"));
    }
    match items.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, start)) => format!("{} {last} {end}", start.join(", ")),
        None => "nothing".to_owned(),
    }
}
