//! Rhai's values to JSON text.

use std::fmt::Write;

use rhai::{Array, Dynamic, ImmutableString, Map};

use super::MAX_DEPTH;
use crate::plugin::number::{self, BigNumber};

/// Why a value has no JSON text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::plugin) enum WriteError {
    /// JSON has no such thing; the place is the path from the value that was written, and
    /// empty for that value itself.
    #[error("{}JSON has no {what}", at(place))]
    NoJson { place: String, what: String },
    /// Deeper than [`MAX_DEPTH`].
    #[error("it nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Longer than what was allowed.
    #[error("as JSON it has more than {0} bytes")]
    TooLong(usize),
}

fn at(place: &str) -> String {
    match place.trim_start_matches('.') {
        "" => String::new(),
        place => format!("{place}: "),
    }
}

impl WriteError {
    /// The same error seen from one level further out.
    fn under(self, step: impl FnOnce() -> String) -> Self {
        match self {
            Self::NoJson { place, what } => Self::NoJson {
                place: format!("{}{place}", step()),
                what,
            },
            other => other,
        }
    }
}

/// Writes a value as JSON of at most `most` bytes, without white space.
pub(in crate::plugin) fn write(value: &Dynamic, most: usize) -> Result<String, WriteError> {
    let mut writer = Writer {
        out: String::with_capacity(512.min(most)),
        most,
    };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    most: usize,
}

impl Writer {
    fn put(&mut self, text: &str) -> Result<(), WriteError> {
        if self.out.len() + text.len() > self.most {
            return Err(WriteError::TooLong(self.most));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn value(&mut self, value: &Dynamic, depth: usize) -> Result<(), WriteError> {
        if let Ok(text) = value.as_immutable_string_ref() {
            return self.string(&text);
        }
        if let Ok(number) = value.as_int() {
            // Writing to a String does not fail; what is too long shows at the next `put`.
            let _ = write!(self.out, "{number}");
            return self.put("");
        }
        if value.is_unit() {
            return self.put("null");
        }
        if let Ok(truth) = value.as_bool() {
            return self.put(if truth { "true" } else { "false" });
        }
        if let Ok(number) = value.as_float() {
            return self.float(number);
        }
        if let Ok(character) = value.as_char() {
            return self.string(character.encode_utf8(&mut [0; 4]));
        }
        if let Ok(map) = value.as_map_ref() {
            return self.map(&map, depth + 1);
        }
        if let Ok(array) = value.as_array_ref() {
            return self.array(&array, depth + 1);
        }
        match value.read_lock::<BigNumber>() {
            Some(number) => self.put(number.text()),
            None => Err(no_json(kind_of(value))),
        }
    }

    fn float(&mut self, number: f64) -> Result<(), WriteError> {
        // Only what is not finite has no JSON.
        match number::written(number) {
            Some(text) => self.put(&text),
            None => Err(no_json(format!("number {number}"))),
        }
    }

    fn map(&mut self, map: &Map, depth: usize) -> Result<(), WriteError> {
        if depth > MAX_DEPTH {
            return Err(WriteError::TooDeep);
        }
        self.put("{")?;
        for (place, (name, value)) in map.iter().enumerate() {
            if place > 0 {
                self.put(",")?;
            }
            self.string(name)?;
            self.put(":")?;
            self.value(value, depth)
                .map_err(|error| error.under(|| format!(".{name}")))?;
        }
        self.put("}")
    }

    fn array(&mut self, array: &Array, depth: usize) -> Result<(), WriteError> {
        if depth > MAX_DEPTH {
            return Err(WriteError::TooDeep);
        }
        self.put("[")?;
        for (place, value) in array.iter().enumerate() {
            if place > 0 {
                self.put(",")?;
            }
            self.value(value, depth)
                .map_err(|error| error.under(|| format!("[{place}]")))?;
        }
        self.put("]")
    }

    fn string(&mut self, text: &str) -> Result<(), WriteError> {
        self.put("\"")?;
        let mut rest = text;
        while let Some(length) = rest
            .bytes()
            .position(|b| matches!(b, b'"' | b'\\' | 0..0x20))
        {
            let (plain, tail) = rest.split_at_checked(length).unwrap_or((rest, ""));
            self.put(plain)?;
            let mut characters = tail.chars();
            match characters.next() {
                Some('"') => self.put("\\\"")?,
                Some('\\') => self.put("\\\\")?,
                Some('\n') => self.put("\\n")?,
                Some('\r') => self.put("\\r")?,
                Some('\t') => self.put("\\t")?,
                Some(control) => {
                    let _ = write!(self.out, "\\u{:04x}", u32::from(control));
                    self.put("")?;
                }
                None => {}
            }
            rest = characters.as_str();
        }
        self.put(rest)?;
        self.put("\"")
    }
}

fn no_json(what: String) -> WriteError {
    WriteError::NoJson {
        place: String::new(),
        what,
    }
}

/// What a script's writer calls a value's type.
pub(in crate::plugin) fn kind_of(value: &Dynamic) -> String {
    let name = value.type_name();
    let kind = match name {
        "()" => "value `()`",
        "i64" => "whole number",
        "f64" => "number with a point",
        "bool" => "true or false",
        "char" => "character",
        "string" => "text",
        "Fn" => "function",
        "blob" => "blob (base64_encode makes a text of it)",
        "array" | "map" => name,
        _ if value.is::<BigNumber>() => "number beyond Rhai's own",
        _ if name.contains("Range") => "range",
        _ => "value of this type",
    };
    kind.to_owned()
}

/// A text that is known to be one; else nothing.
pub(in crate::plugin) fn text_of(value: &Dynamic) -> Option<ImmutableString> {
    value
        .read_lock::<ImmutableString>()
        .map(|text| text.clone())
}
