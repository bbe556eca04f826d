//! The text of a key file: a line for each key, its number and 32 bytes in base64, the newest
//! last; `#` begins a remark. It knows no files.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::seal::{KEY_BYTES, KeyRing, SealKey, SealKeyId};

/// What the file begins with.
const HEAD: &str = "\
# Herald's keys: the secrets in the database are sealed with them. Without this file they cannot
# be read, so keep a copy of it apart from the copies of the database. `herald rotate-key` makes
# a new one. One key a line, the newest last.
";

/// What is wrong with a key file's text. It repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileFault {
    /// There is no key in it.
    #[error("it holds no key")]
    Empty,
    /// A line is no key.
    #[error("line {0} should be a number from 1 to 255, a space, and 32 bytes in base64")]
    Line(usize),
    /// Two keys have one number.
    #[error("line {0} has the number of a key above it")]
    Twice(usize),
}

/// Reads the keys.
///
/// # Errors
/// When a line is no key, a number is there twice, or there is none.
pub fn read(text: &str) -> Result<KeyRing, KeyFileFault> {
    let mut keys: Vec<SealKey> = Vec::new();
    for (place, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key = key(line).ok_or(KeyFileFault::Line(place + 1))?;
        if keys.iter().any(|known| known.id() == key.id()) {
            return Err(KeyFileFault::Twice(place + 1));
        }
        keys.push(key);
    }
    if keys.is_empty() {
        return Err(KeyFileFault::Empty);
    }
    Ok(KeyRing::new(keys))
}

fn key(line: &str) -> Option<SealKey> {
    let (number, encoded) = line.split_once(char::is_whitespace)?;
    let id = SealKeyId::new(number.parse().ok()?)?;
    let bytes: [u8; KEY_BYTES] = STANDARD.decode(encoded.trim()).ok()?.try_into().ok()?;
    Some(SealKey::new(id, bytes))
}

/// Writes the keys.
#[must_use]
pub fn write(ring: &KeyRing) -> String {
    let mut text = HEAD.to_owned();
    for key in ring.keys() {
        let encoded = STANDARD.encode(key.bytes());
        text.push_str(&format!("{} {encoded}\n", key.id()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> SealKey {
        SealKey::new(SealKeyId::new(number).unwrap(), [number; KEY_BYTES])
    }

    #[test]
    fn what_is_written_is_read_in_its_order() {
        let ring = KeyRing::new(vec![key(2), key(1)]);
        let read = read(&write(&ring)).unwrap();
        let numbers: Vec<u8> = read.keys().iter().map(|key| key.id().number()).collect();
        assert_eq!(numbers, [2, 1]);
        assert_eq!(read.newest().unwrap().id().number(), 1);
        assert!(read.holds(key(2).id(), key(2).fingerprint()));
    }

    #[test]
    fn what_is_no_key_is_told_by_its_line_and_not_repeated() {
        let good = STANDARD.encode([1; KEY_BYTES]);
        for (text, fault) in [
            (String::new(), KeyFileFault::Empty),
            ("# only a remark\n\n".to_owned(), KeyFileFault::Empty),
            (format!("1 {good}\n0 {good}\n"), KeyFileFault::Line(2)),
            (format!("256 {good}\n"), KeyFileFault::Line(1)),
            (format!("1{good}\n"), KeyFileFault::Line(1)),
            ("1 c2hvcnQ=\n".to_owned(), KeyFileFault::Line(1)),
            ("\n1 hunter2\n".to_owned(), KeyFileFault::Line(2)),
            (format!("1 {good}\n1 {good}\n"), KeyFileFault::Twice(2)),
        ] {
            let error = read(&text).unwrap_err();
            assert_eq!(error, fault, "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
