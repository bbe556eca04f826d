//! Cursors: where a list goes on, as a text that callers hand back and never read. It knows no
//! list's keys; each list names itself and brings its own.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Longer texts are no cursors, and are not looked into.
const MAX_CURSOR: usize = 1_024;
/// Bytes of the check sum.
const CHECK: usize = 8;
/// Mixed into the check sum. A change of what a cursor holds needs a new one, so that cursors
/// from before are refused and not misread.
const VERSION: &[u8] = b"herald cursor 1";

/// Why a text is no cursor of the wanted list.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// It was cut, changed or made up.
    #[error("the cursor is damaged: pass `next_cursor` of the page before, unchanged, or none")]
    Damaged,
    /// Another list handed it out.
    #[error("the cursor belongs to the list of {found}, not to that of {wanted}")]
    OtherList {
        /// The list that handed it out.
        found: String,
        /// The list that was asked.
        wanted: String,
    },
    /// The list's key has another shape: the sorting was changed between two pages.
    #[error("the cursor does not fit this sorting: start again without a cursor")]
    OtherKey(#[source] serde_json::Error),
}

/// The cursor of a list after the row with this key: base64url of a check sum, the list's name
/// and the key as JSON.
///
/// `list` is the list's name as people read it, without a NUL. `key` must be something that JSON
/// can hold, such as a tuple of times and ids; of anything else no cursor can be made, and the
/// empty text comes out, which [`decode`] refuses.
#[must_use]
pub fn encode<K: Serialize>(list: &str, key: &K) -> String {
    let Ok(key) = serde_json::to_vec(key) else {
        return String::new();
    };
    let content = [list.as_bytes(), b"\0", &key].concat();
    URL_SAFE_NO_PAD.encode([&check(&content)[..], &content].concat())
}

/// A cursor of some list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(Vec<u8>);

impl std::str::FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        content(text).map(Self).ok_or(CursorError::Damaged)
    }
}

impl Cursor {
    /// Reads the key out of a cursor of this list.
    ///
    /// # Errors
    /// It is of another list or sorting.
    pub fn key<K: DeserializeOwned>(&self, list: &str) -> Result<K, CursorError> {
        let mut parts = self.0.splitn(2, |byte| *byte == 0);
        let (Some(found), Some(key)) = (parts.next(), parts.next()) else {
            return Err(CursorError::Damaged);
        };
        if found != list.as_bytes() {
            return Err(CursorError::OtherList {
                found: String::from_utf8_lossy(found).into_owned(),
                wanted: list.to_owned(),
            });
        }
        let value: Value = serde_json::from_slice(key).map_err(CursorError::OtherKey)?;
        if !can_be_stored(&value) {
            return Err(CursorError::Damaged);
        }
        serde_json::from_slice(key).map_err(CursorError::OtherKey)
    }
}

/// Reads the key out of a cursor of this list.
///
/// The check sum detects damage, not intent: it has no secret. Forging a cursor gains nothing,
/// because it only says where to go on within what the caller may read anyway.
///
/// # Errors
/// The text is no cursor, or one of another list or sorting.
pub fn decode<K: DeserializeOwned>(list: &str, text: &str) -> Result<K, CursorError> {
    text.parse::<Cursor>()?.key(list)
}

/// Whether a database takes what the key holds: no text with the character 0, and no time of a
/// year that no row is of.
fn can_be_stored(key: &Value) -> bool {
    match key {
        Value::Array(parts) => parts.iter().all(can_be_stored),
        Value::String(text) => {
            let time = text.parse::<DateTime<Utc>>();
            let known = |at: DateTime<Utc>| (1970..=9999).contains(&at.year());
            !text.contains('\0') && time.map_or(true, known)
        }
        _ => true,
    }
}

/// What follows the check sum, if that is right.
fn content(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_CURSOR {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (given, content) = bytes.split_first_chunk::<CHECK>()?;
    (*given == check(content)).then(|| content.to_vec())
}

fn check(content: &[u8]) -> [u8; CHECK] {
    let digest = Sha256::new()
        .chain_update(VERSION)
        .chain_update(content)
        .finalize();
    let mut check = [0; CHECK];
    for (place, byte) in check.iter_mut().zip(digest) {
        *place = byte;
    }
    check
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_is_for_its_own_list_and_sorting() {
        let cursor = encode("events", &("evt_1", 7));
        assert_eq!(
            decode::<(String, u8)>("events", &cursor).unwrap(),
            ("evt_1".to_owned(), 7)
        );
        assert_eq!(
            decode::<(String, u8)>("deliveries", &cursor)
                .unwrap_err()
                .to_string(),
            "the cursor belongs to the list of events, not to that of deliveries"
        );
        assert!(matches!(
            decode::<u8>("events", &cursor),
            Err(CursorError::OtherKey(_))
        ));
        // A list whose name begins like another's is still another.
        assert!(decode::<(String, u8)>("event", &cursor).is_err());
    }

    #[test]
    fn a_cursor_fits_into_an_address_without_escapes() {
        let cursor = encode("events", &"\u{ff}\u{fe}ÿ?&=+/");
        assert!(
            cursor
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
    }

    #[test]
    fn a_key_that_json_cannot_hold_yields_a_cursor_that_is_refused() {
        let unfit = std::collections::BTreeMap::from([((1, 2), 3)]);
        let cursor = encode("events", &unfit);
        assert!(matches!(
            decode::<u8>("events", &cursor),
            Err(CursorError::Damaged)
        ));
    }

    proptest! {
        #[test]
        fn every_key_survives_its_cursor(a: i64, b: u128, c in "\\PC{0,40}", d: Option<bool>) {
            let key = (a, b, c, d);
            let cursor = encode("events", &key);
            let read: (i64, u128, String, Option<bool>) = decode("events", &cursor).unwrap();
            prop_assert_eq!(read, key);
        }

        #[test]
        fn a_cut_or_changed_cursor_is_refused(
            key: (u64, u64),
            place: proptest::sample::Index,
            other in "[A-Za-z0-9_=é-]",
        ) {
            let cursor = encode("events", &key);
            let place = place.index(cursor.len());
            let cut = &cursor[..place];
            prop_assert!(matches!(decode::<(u64, u64)>("events", cut), Err(CursorError::Damaged)));
            let changed = cut.to_owned() + other.as_str() + &cursor[place + 1..];
            prop_assume!(changed != cursor);
            let read = decode::<(u64, u64)>("events", &changed);
            prop_assert!(matches!(read, Err(CursorError::Damaged)));
            let longer = cursor + other.as_str();
            prop_assert!(decode::<(u64, u64)>("events", &longer).is_err());
        }

        #[test]
        fn no_text_panics(
            text in "\\PC{0,60}",
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            prop_assert!(decode::<serde_json::Value>("events", &text).is_err());
            let bytes = URL_SAFE_NO_PAD.encode(bytes);
            prop_assert!(decode::<serde_json::Value>("events", &bytes).is_err());
        }
    }
}
