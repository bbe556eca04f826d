//! What Herald itself demands of a published body: a JSON object with a legal `event_type`, in
//! UTF-8, not nested without end. It knows no catalogue and no schema, and it never changes the
//! bytes: they are stored and delivered as they came.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use self::reader::{Body, StrictValue, Types};
use super::event_type::{NameError, check_name};

/// Upper bound of one event's body, in bytes.
pub const MAX_EVENT_BYTES: usize = 1 << 20;
/// Upper bound of the number of events in a batch.
pub const MAX_BATCH_EVENTS: usize = 1_000;
/// How deep arrays and objects may be nested. serde_json draws this line.
pub const MAX_NESTING: usize = 127;

/// The one field that Herald needs, and its meaning.
const EVENT_TYPE: &str = "event_type";
/// How much of a wrong name an error repeats, in characters.
const QUOTED: usize = 64;

/// What Herald reads of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The name of its type: legal, though perhaps unknown to the catalogue.
    pub event_type: String,
}

/// Why a body is not an event, and where. Its text is meant for the publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeError {
    /// What is wrong.
    pub kind: EnvelopeErrorKind,
    /// The line, counted from 1; 0 where the fault has no place of its own.
    pub line: usize,
    /// The character in that line, counted from 1; 0 where the fault has no place of its own.
    pub column: usize,
}

/// The faults of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvelopeErrorKind {
    /// Nothing but white space.
    Empty,
    /// Bytes that are not UTF-8.
    NotUtf8 {
        /// The first such byte, counted from 0.
        offset: usize,
    },
    /// Not JSON (RFC 8259).
    Broken {
        /// The parser's message, without the place.
        detail: String,
    },
    /// More than [`MAX_NESTING`] arrays and objects inside one another.
    TooDeep,
    /// JSON, but not an object.
    NotAnObject {
        /// What it is, with its article.
        found: &'static str,
    },
    /// There is no `event_type`.
    TypeMissing,
    /// There are two, and readers would disagree about which one counts.
    TypeTwice,
    /// `event_type` is no string.
    TypeNotText {
        /// What it is, with its article.
        found: &'static str,
    },
    /// `event_type` is not a legal name.
    TypeIllegal {
        /// At most 64 characters of it.
        name: String,
        /// What is wrong with it.
        reason: NameError,
    },
}

impl EnvelopeError {
    /// The JSON pointer (RFC 6901) of the field at fault, if it is one field's fault.
    #[must_use]
    pub const fn pointer(&self) -> Option<&'static str> {
        match self.kind {
            EnvelopeErrorKind::TypeMissing
            | EnvelopeErrorKind::TypeTwice
            | EnvelopeErrorKind::TypeNotText { .. }
            | EnvelopeErrorKind::TypeIllegal { .. } => Some("/event_type"),
            _ => None,
        }
    }
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = (self.line, self.column);
        match &self.kind {
            EnvelopeErrorKind::Empty => f.write_str("the body is empty: an event is a JSON object"),
            EnvelopeErrorKind::NotUtf8 { offset } => write!(
                f,
                "the body is not UTF-8 at byte {offset} (line {line}, column {column})"
            ),
            EnvelopeErrorKind::Broken { detail } => {
                write!(f, "broken JSON at line {line}, column {column}: {detail}")
            }
            EnvelopeErrorKind::TooDeep => write!(
                f,
                "the JSON is nested too deep at line {line}, column {column}: at most \
                 {MAX_NESTING} arrays and objects may be inside one another"
            ),
            EnvelopeErrorKind::NotAnObject { found } => {
                write!(f, "the body is {found}: an event is a JSON object")
            }
            EnvelopeErrorKind::TypeMissing => f.write_str("`event_type` is missing"),
            EnvelopeErrorKind::TypeTwice => {
                f.write_str("`event_type` is there twice: which one counts would be a guess")
            }
            EnvelopeErrorKind::TypeNotText { found } => {
                write!(f, "`event_type` is {found}: it must be a string")
            }
            EnvelopeErrorKind::TypeIllegal { name, reason } => {
                write!(f, "`event_type` is {name:?}: {reason}")
            }
        }
    }
}

impl std::error::Error for EnvelopeError {}

/// Checks a body and reads its type, in one pass that keeps nothing else. It accepts exactly
/// what [`parse_document`] accepts, so that a change of validation changes nothing here.
///
/// # Errors
/// Says what is wrong with the body, and where.
pub fn parse_envelope(body: &[u8]) -> Result<Envelope, EnvelopeError> {
    parse::<false>(body).map(|(envelope, _)| envelope)
}

/// Checks a body and reads all of it, for validation. Of what Rust cannot hold, a number beyond
/// the 64-bit floats reads as 1e308 and half of a surrogate pair as U+FFFD.
///
/// # Errors
/// The same as [`parse_envelope`].
pub fn parse_document(body: &[u8]) -> Result<(Envelope, Value), EnvelopeError> {
    let (envelope, fields) = parse::<true>(body)?;
    Ok((envelope, Value::Object(fields)))
}

fn parse<const KEEP: bool>(body: &[u8]) -> Result<(Envelope, Map<String, Value>), EnvelopeError> {
    let text = std::str::from_utf8(body).map_err(|error| not_utf8(body, &error))?;
    if text.bytes().all(|byte| byte.is_ascii_whitespace()) {
        return Err(whole(EnvelopeErrorKind::Empty));
    }
    if text.starts_with('\u{feff}') {
        let detail = "the body begins with a byte order mark, which JSON does not have".to_owned();
        return Err(EnvelopeError {
            kind: EnvelopeErrorKind::Broken { detail },
            line: 1,
            column: 1,
        });
    }
    let (types, fields) = match read_whole::<Body<KEEP>>(text)? {
        Body::Object(types, fields) => (types, fields),
        Body::Other(found) => return Err(whole(EnvelopeErrorKind::NotAnObject { found })),
    };
    let name = match types {
        Types::None => Err(EnvelopeErrorKind::TypeMissing),
        Types::Many => Err(EnvelopeErrorKind::TypeTwice),
        Types::One(Value::String(name)) => match check_name(&name) {
            Ok(()) => Ok(name),
            Err(reason) => Err(EnvelopeErrorKind::TypeIllegal {
                name: name.chars().take(QUOTED).collect(),
                reason,
            }),
        },
        Types::One(other) => Err(EnvelopeErrorKind::TypeNotText {
            found: kind_of(&other),
        }),
    };
    Ok((
        Envelope {
            event_type: name.map_err(whole)?,
        },
        fields,
    ))
}

/// Checks that a text is one JSON value, nested at most [`MAX_NESTING`] deep.
///
/// # Errors
/// Says what is wrong, and where.
pub fn check_value(text: &str) -> Result<(), EnvelopeError> {
    read_whole::<StrictValue<false>>(text).map(|_| ())
}

/// Reads one value and nothing behind it. What serde_json refuses, though it is JSON, is read
/// from the text's twin: hardly any event needs that.
fn read_whole<T: DeserializeOwned>(text: &str) -> Result<T, EnvelopeError> {
    let read = |text: &str| {
        let mut json = serde_json::Deserializer::from_str(text);
        T::deserialize(&mut json)
            .and_then(|value| json.end().map(|()| value))
            .map_err(|error| broken(text, &error))
    };
    read(text).or_else(|error| match twin::of(text) {
        Some(twin) => read(&twin),
        None => Err(error),
    })
}

fn whole(kind: EnvelopeErrorKind) -> EnvelopeError {
    EnvelopeError {
        kind,
        line: 0,
        column: 0,
    }
}

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

fn not_utf8(body: &[u8], error: &std::str::Utf8Error) -> EnvelopeError {
    let offset = error.valid_up_to();
    let before = body.get(..offset).unwrap_or_default();
    let line = before
        .split(|byte| *byte == b'\n')
        .next_back()
        .unwrap_or_default();
    EnvelopeError {
        kind: EnvelopeErrorKind::NotUtf8 { offset },
        line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
        column: String::from_utf8_lossy(line).chars().count() + 1,
    }
}

fn broken(text: &str, error: &serde_json::Error) -> EnvelopeError {
    let message = error.to_string();
    let detail = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(detail, _)| detail);
    let kind = if detail == "recursion limit exceeded" {
        EnvelopeErrorKind::TooDeep
    } else {
        EnvelopeErrorKind::Broken {
            detail: detail.to_owned(),
        }
    };
    // serde_json counts bytes; people count characters. Its column is that of the byte at fault,
    // or of the last one where the text ends too early.
    let line = text
        .split('\n')
        .nth(error.line().saturating_sub(1))
        .unwrap_or_default();
    let before = line
        .as_bytes()
        .get(..error.column().saturating_sub(1))
        .unwrap_or(line.as_bytes());
    // A character begins at each byte that does not continue one.
    let begun = before.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
    let inside = line
        .as_bytes()
        .get(before.len())
        .is_some_and(|byte| byte & 0xC0 == 0x80);
    EnvelopeError {
        kind,
        line: error.line().max(1),
        column: begun + usize::from(!inside),
    }
}

#[cfg(test)]
mod oracle;
mod reader;
#[cfg(test)]
mod tests;
mod twin;
