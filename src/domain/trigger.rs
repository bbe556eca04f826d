//! A subscription's trigger: the name of an event type, or a pattern with `*` for many of them.
//! It knows nothing of which event types exist.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Upper bound of a trigger's length, in characters.
pub const MAX_TRIGGER: usize = 128;

/// A checked pattern. `*` matches any run of characters, including none; every other
/// character matches itself, and case matters. It matches the whole name of an event type.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Trigger(Box<str>);

/// Why a text is not a trigger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    /// It has no characters.
    #[error("a trigger is empty: write the name of an event type, or `*` for all of them")]
    Empty,
    /// It is longer than [`MAX_TRIGGER`].
    #[error("a trigger has {length} characters: {MAX_TRIGGER} are allowed")]
    TooLong {
        /// What was given, in characters.
        length: usize,
    },
    /// It holds a character that no event type's name may hold.
    #[error(
        "{found:?} at character {place} of a trigger: only letters A to Z and a to z, digits, \
         `_`, `.`, `-` and the wildcard `*` are allowed"
    )]
    Character {
        /// The first such character.
        found: char,
        /// Its place, counted from 1.
        place: usize,
    },
}

impl Trigger {
    /// Checks a pattern: 1 to [`MAX_TRIGGER`] characters of `A-Z a-z 0-9 _ . - *`.
    ///
    /// # Errors
    /// Says which of these rules the text breaks.
    pub fn parse(text: &str) -> Result<Self, TriggerError> {
        if text.is_empty() {
            return Err(TriggerError::Empty);
        }
        // Counted in bytes first, so that a huge text costs nothing.
        if text.len() > MAX_TRIGGER {
            let length = text.chars().count();
            if length > MAX_TRIGGER {
                return Err(TriggerError::TooLong { length });
            }
        }
        let stranger = text.chars().enumerate().find(|(_, found)| {
            !(found.is_ascii_alphanumeric() || matches!(found, '_' | '.' | '-' | '*'))
        });
        match stranger {
            Some((place, found)) => Err(TriggerError::Character {
                found,
                place: place + 1,
            }),
            None => Ok(Self(text.into())),
        }
    }

    /// Whether an event of this type is meant. Linear in both lengths: each piece between two
    /// wildcards is searched for once and never taken back, because the leftmost place of a
    /// piece leaves the most room for those after it.
    #[must_use]
    pub fn matches(&self, event_type: &str) -> bool {
        let Some((head, pattern)) = self.0.split_once('*') else {
            return *self.0 == *event_type;
        };
        let Some(mut rest) = event_type.strip_prefix(head) else {
            return false;
        };
        let (middle, tail) = pattern.rsplit_once('*').unwrap_or(("", pattern));
        for piece in middle.split('*') {
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(tail)
    }

    /// Whether it names a single event type, without a wildcard.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for Trigger {
    type Err = TriggerError;

    fn from_str(text: &str) -> Result<Self, TriggerError> {
        Self::parse(text)
    }
}

impl Serialize for Trigger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Trigger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    /// The plain definition, exponential in the number of wildcards.
    fn naive(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|skip| naive(rest, &name[skip..])),
            Some((symbol, rest)) => name.first() == Some(symbol) && naive(rest, &name[1..]),
        }
    }

    fn matches(pattern: &str, name: &str) -> bool {
        Trigger::parse(pattern).unwrap().matches(name)
    }

    #[test]
    fn a_wildcard_stands_for_any_run_of_characters_also_none() {
        assert!(matches("*", "STORE_ORDER_CREATED"));
        assert!(matches("STORE_ORDER_*", "STORE_ORDER_CREATED"));
        assert!(matches("STORE_ORDER_*", "STORE_ORDER_"));
        assert!(!matches("STORE_ORDER_*", "STORE_ORDER"));
        assert!(matches("*_CREATED", "STORE_ORDER_CREATED"));
        assert!(matches("STORE_*_CREATED", "STORE_ORDER_CREATED"));
        assert!(!matches("STORE_*_CREATED", "STORE_CREATED"));
        assert!(matches("A**B", "AB"));
        assert!(!matches("AB*BC", "ABC"));
    }

    #[test]
    fn a_name_without_a_wildcard_matches_itself_alone() {
        assert!(matches("ORDER_CREATED", "ORDER_CREATED"));
        assert!(!matches("ORDER_CREATED", "ORDER_CREATED_2"));
        assert!(!matches("ORDER_CREATED", "order_created"));
        assert!(!matches("a.b", "axb"));
    }

    #[test]
    fn a_refused_trigger_names_the_character_and_its_place() {
        assert_eq!(Trigger::parse(""), Err(TriggerError::Empty));
        assert!(Trigger::parse(&"A".repeat(128)).is_ok());
        assert_eq!(
            Trigger::parse(&"A".repeat(129)),
            Err(TriggerError::TooLong { length: 129 })
        );
        assert_eq!(
            Trigger::parse("ORDER ?"),
            Err(TriggerError::Character {
                found: ' ',
                place: 6
            })
        );
        assert!(Trigger::parse("É").is_err());
        assert!(serde_json::from_str::<Trigger>("\"A?\"").is_err());
        assert_eq!(
            serde_json::from_str::<Trigger>("\"A*\"").unwrap().as_str(),
            "A*"
        );
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_another() {
        let trigger = Trigger::parse(&"a*".repeat(63)).unwrap();
        let name = format!("{}b", "a".repeat(100_000));
        let begun = Instant::now();
        assert!(trigger.matches(&name));
        let trigger = Trigger::parse(&format!("{}c", "*a".repeat(63))).unwrap();
        assert!(!trigger.matches(&name));
        assert!(begun.elapsed() < Duration::from_secs(2));
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_plain_definition(
            pattern in "[ab*]{1,9}",
            name in "[ab]{0,12}",
        ) {
            prop_assert_eq!(
                matches(&pattern, &name),
                naive(pattern.as_bytes(), name.as_bytes())
            );
        }

        #[test]
        fn a_name_turned_into_a_pattern_still_matches_it(
            name in "[A-Z_]{1,40}",
            from in 0usize..40,
            length in 0usize..40,
        ) {
            let from = from.min(name.len());
            let to = (from + length).min(name.len());
            let pattern = format!("{}*{}", &name[..from], &name[to..]);
            prop_assert!(matches(&pattern, &name));
        }

        #[test]
        fn no_text_panics(pattern in "\\PC{0,140}", name in "\\PC{0,40}") {
            if let Ok(trigger) = Trigger::parse(&pattern) {
                let _ = trigger.matches(&name);
            }
        }
    }
}
