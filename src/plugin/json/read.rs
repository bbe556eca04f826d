//! JSON text (RFC 8259) to Rhai's values.

use std::collections::btree_map::Entry;

use rhai::{Array, Dynamic, Identifier, Map};

use super::MAX_DEPTH;
use crate::plugin::budget::clip;
use crate::plugin::number;

/// The most bytes of a name that are shown.
const MAX_SHOWN: usize = 100;

/// Why a text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at byte {at}: {detail}")]
pub(in crate::plugin) struct JsonError {
    /// From 0.
    pub(in crate::plugin) at: usize,
    pub(in crate::plugin) detail: &'static str,
}

/// What a JSON text says.
pub(in crate::plugin) struct Read {
    pub(in crate::plugin) value: Dynamic,
    /// The first name that occurs twice in one object; only its last value is kept.
    pub(in crate::plugin) doubled: Option<String>,
    /// A text has half of a surrogate pair, which Rhai's texts cannot hold.
    pub(in crate::plugin) halved: bool,
}

impl Read {
    /// What was not kept, as text for the script's log.
    pub(in crate::plugin) fn lost(&self) -> Option<String> {
        let doubled = self.doubled.as_ref().map(|name| {
            format!(
                "(JSON with the name {name:?} twice in one object: only the last value is kept)"
            )
        });
        let halved = self
            .halved
            .then(|| "(JSON with half of a surrogate pair: it reads as U+FFFD)".to_owned());
        let lost: Vec<String> = doubled.into_iter().chain(halved).collect();
        (!lost.is_empty()).then(|| lost.join(" "))
    }
}

/// Reads one JSON text, the whole of it.
pub(in crate::plugin) fn read(text: &str) -> Result<Read, JsonError> {
    let mut reader = JsonReader {
        text,
        at: 0,
        doubled: None,
        halved: false,
    };
    let value = reader.value(0)?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(Read {
            value,
            doubled: reader.doubled,
            halved: reader.halved,
        }),
        Some(_) => Err(reader.error("something follows the end")),
    }
}

struct JsonReader<'a> {
    text: &'a str,
    at: usize,
    doubled: Option<String>,
    halved: bool,
}

impl<'a> JsonReader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, detail: &'static str) -> JsonError {
        JsonError {
            at: self.at,
            detail,
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes the character if it is the next one.
    fn takes(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Dynamic, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => {
                let start = self.at;
                Ok(match self.plain_string() {
                    Some(plain) => plain.into(),
                    None => {
                        self.at = start;
                        self.escaped_string()?.into()
                    }
                })
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Dynamic::TRUE),
            Some(b'f') => self.word("false", Dynamic::FALSE),
            Some(b'n') => self.word("null", Dynamic::UNIT),
            Some(_) => Err(self.error("a value was expected")),
            None => Err(self.error("it ends too early")),
        }
    }

    fn word(&mut self, word: &str, value: Dynamic) -> Result<Dynamic, JsonError> {
        match self.text.get(self.at..) {
            Some(rest) if rest.starts_with(word) => {
                self.at += word.len();
                Ok(value)
            }
            _ => Err(self.error("a value was expected")),
        }
    }

    fn deeper(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth > MAX_DEPTH {
            return Err(self.error("it nests deeper than 128 levels"));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<Dynamic, JsonError> {
        self.deeper(depth)?;
        let mut map = Map::new();
        if self.takes(b'}') {
            return Ok(map.into());
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.error("a name in quotes was expected"));
            }
            let start = self.at;
            let name: Identifier = match self.plain_string() {
                Some(plain) => plain.into(),
                None => {
                    self.at = start;
                    self.escaped_string()?.into()
                }
            };
            self.skip_space();
            if !self.takes(b':') {
                return Err(self.error("`:` was expected"));
            }
            let value = self.value(depth)?;
            match map.entry(name) {
                Entry::Vacant(free) => {
                    free.insert(value);
                }
                Entry::Occupied(mut taken) => {
                    let doubled = || clip(taken.key(), MAX_SHOWN).to_owned();
                    self.doubled = self.doubled.take().or_else(|| Some(doubled()));
                    *taken.get_mut() = value;
                }
            }
            self.skip_space();
            if self.takes(b'}') {
                return Ok(map.into());
            }
            if !self.takes(b',') {
                return Err(self.error("`,` or `}` was expected"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Dynamic, JsonError> {
        self.deeper(depth)?;
        let mut array = Array::new();
        if self.takes(b']') {
            return Ok(array.into());
        }
        loop {
            array.push(self.value(depth)?);
            self.skip_space();
            if self.takes(b']') {
                return Ok(array.into());
            }
            if !self.takes(b',') {
                return Err(self.error("`,` or `]` was expected"));
            }
        }
    }

    /// A string without escapes, straight from the text; `None` where it has some, or a fault.
    fn plain_string(&mut self) -> Option<&'a str> {
        let start = self.at + 1;
        let rest = self.text.as_bytes().get(start..)?;
        let length = rest
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
        if rest.get(length) != Some(&b'"') {
            return None;
        }
        self.at = start + length + 1;
        self.text.get(start..start + length)
    }

    fn escaped_string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..0x20)) {
                self.at += 1;
            }
            string.push_str(self.text.get(start..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => {
                    self.at += 1;
                    string.push(self.escape()?);
                }
                Some(_) => return Err(self.error("a control character must be escaped")),
                None => return Err(self.error("it ends too early")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let escaped = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.error("no such escape")),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// One character of one escape or two. Half of a pair is JSON (RFC 8259, 8.2), but no
    /// character.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let mut code = self.four_digits()?;
        let behind = self.at;
        if (0xd800..0xdc00).contains(&code) && self.takes(b'\\') && self.takes(b'u') {
            match self.four_digits()? {
                second @ 0xdc00..0xe000 => {
                    code = 0x10000 + ((code - 0xd800) << 10) + second - 0xdc00
                }
                _ => self.at = behind,
            }
        } else {
            self.at = behind;
        }
        Ok(char::from_u32(code).unwrap_or_else(|| {
            self.halved = true;
            char::REPLACEMENT_CHARACTER
        }))
    }

    fn four_digits(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()));
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => Err(self.error("four hexadecimal digits were expected")),
        }
    }

    fn number(&mut self) -> Result<Dynamic, JsonError> {
        let start = self.at;
        self.takes(b'-');
        if !self.takes(b'0') {
            self.digits()?;
        }
        if self.takes(b'.') {
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            let _ = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        Ok(number::read(
            self.text.get(start..self.at).unwrap_or_default(),
        ))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.error("a digit was expected"));
        }
        Ok(())
    }
}
