//! An event type: a name with its meaning, its schema and its example.
//!
//! The file owns the shape, which names are legal and how near two names are. It knows neither
//! the built-in types (`catalogue`) nor how a schema is applied.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Upper bound of a name's length, in characters.
pub const MAX_NAME: usize = 128;

/// How many names [`nearest`] returns at most.
pub const MAX_NEAREST: usize = 3;

/// With how many names [`nearest`] compares at most: those nearest in length.
pub const MAX_COMPARED: usize = 200;

/// Below this likeness (0 for nothing in common, 1 for the same) a name is no help to anybody.
const LEAST_LIKENESS: f64 = 0.7;

text_enum! {
    /// What happens to an event that does not fit the schema of its type.
    #[derive(Default)]
    Validation, "a validation mode" {
        /// The schema is not applied.
        Off = "off",
        /// The event is accepted and its answer carries warnings.
        #[default]
        Warn = "warn",
        /// The event is refused.
        Reject = "reject",
    }
}

/// One field of an event type's payload, for people to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Names from the payload's root, separated by dots; `[]` stands for each entry of an array.
    pub path: String,
    /// The JSON type as text, such as `string or null`; the API calls it `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the value means.
    pub description: String,
}

/// A kind of event: built in, or an account's own.
#[derive(Debug, Clone, Serialize)]
pub struct EventType {
    /// The name that events and triggers use; legal by [`check_name`].
    pub name: String,
    /// The heading it is listed under; may be empty.
    pub group: String,
    /// A few words; may be empty.
    pub title: String,
    /// When it is published, in a sentence or two; may be empty.
    pub description: String,
    /// The fields of its payload; empty for an account's own types.
    pub fields: Vec<Field>,
    /// A JSON Schema for the whole payload.
    pub schema: Option<serde_json::Value>,
    /// A payload as it would be published, byte for byte.
    pub example: Option<Box<RawValue>>,
    /// What happens on a mismatch; none stands for the default.
    pub validation: Option<Validation>,
    /// Whether it comes with Herald and so cannot be deleted.
    pub builtin: bool,
}

/// Why a text is no name of an event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no text.
    #[error("the name of an event type is empty")]
    Empty,
    /// It has too many characters.
    #[error("the name of an event type has {length} characters, at most {MAX_NAME} are allowed")]
    TooLong {
        /// How many it has.
        length: usize,
    },
    /// Its first character is allowed further on only.
    #[error(
        "the name of an event type starts with {found:?}: use a letter or a digit (A-Z a-z 0-9)"
    )]
    Start {
        /// The first character.
        found: char,
    },
    /// A character is not allowed anywhere.
    #[error(
        "the name of an event type has {found:?} as character {position}: \
         letters, digits, `_`, `.` and `-` are allowed (A-Z a-z 0-9 _ . -)"
    )]
    Character {
        /// The character.
        found: char,
        /// Its place, from 1.
        position: usize,
    },
}

/// Checks that a name is legal: `[A-Za-z0-9][A-Za-z0-9_.-]{0,127}`, as the database has it too.
///
/// # Errors
///
/// Says the first thing that is wrong with the name.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let first = name.chars().next().ok_or(NameError::Empty)?;
    if name.len() > MAX_NAME {
        let length = name.chars().count();
        if length > MAX_NAME {
            return Err(NameError::TooLong { length });
        }
    }
    for (index, found) in name.chars().enumerate() {
        if !(found.is_ascii_alphanumeric() || matches!(found, '_' | '.' | '-')) {
            return Err(NameError::Character {
                found,
                position: index + 1,
            });
        }
    }
    if first.is_ascii_alphanumeric() {
        Ok(())
    } else {
        Err(NameError::Start { found: first })
    }
}

/// The names that somebody who wrote `name` most likely meant, best first, at most
/// [`MAX_NEAREST`]; none if no name is like it. Upper and lower case count as the same.
///
/// It compares `name` with at most [`MAX_COMPARED`] names, none of which is more than twice as
/// long or half as long.
#[must_use]
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = fold(name);
    let length = wanted.len();
    let mut near: Vec<(usize, &str)> = names
        .filter(|it| it.len() <= 2 * length && length <= 2 * it.len())
        .map(|candidate| (candidate.len().abs_diff(length), candidate))
        .collect();
    if near.len() > MAX_COMPARED {
        near.select_nth_unstable(MAX_COMPARED - 1);
        near.truncate(MAX_COMPARED);
    }
    let mut likely: Vec<(f64, &str)> = near
        .into_iter()
        .map(|(_, candidate)| (likeness(&wanted, &fold(candidate)), candidate))
        .filter(|(likeness, _)| *likeness >= LEAST_LIKENESS)
        .collect();
    likely.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.cmp(right)));
    likely.truncate(MAX_NEAREST);
    likely.into_iter().map(|(_, candidate)| candidate).collect()
}

/// The suggestions of one request: names are compared once, for the first unknown name in it.
#[derive(Debug, Default)]
pub struct Suggestions {
    first: Option<(String, Vec<String>)>,
}

impl Suggestions {
    /// What `look` finds near the first name, and the same for that name again; nothing for
    /// others.
    pub fn once(&mut self, name: &str, look: impl FnOnce() -> Vec<String>) -> &[String] {
        let (asked, near) = self.first.get_or_insert_with(|| (name.to_owned(), look()));
        if asked == name { near } else { &[] }
    }
}

/// Makes names comparable, and bounds the work for names that are not legal.
fn fold(name: &str) -> String {
    name.chars()
        .take(MAX_NAME)
        .map(|character| match character {
            '-' | '.' | ' ' => '_',
            other => other.to_ascii_uppercase(),
        })
        .collect()
}

/// How like two folded names are, from 0 to 1: a slip of the fingers (edits), a lost or
/// additional prefix (`ORDER_CREATED` for `STORE_ORDER_CREATED`), or the same words in another
/// order (`CREATED_ORDER`).
fn likeness(a: &str, b: &str) -> f64 {
    let edits = strsim::normalized_damerau_levenshtein(a, b);
    let words = |name: &str| {
        let mut words: Vec<String> = name.split('_').map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    let (a_words, b_words) = (words(a), words(b));
    if a_words == b_words {
        return edits.max(0.95);
    }
    let (fewer, more) = if a_words.len() < b_words.len() {
        (&a_words, &b_words)
    } else {
        (&b_words, &a_words)
    };
    let within = fewer.len() >= 2 && fewer.iter().all(|word| more.contains(word));
    if within { edits.max(0.8) } else { edits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAMES: [&str; 6] = [
        "ORDER_CREATED",
        "ORDER_DELETED",
        "STORE_ORDER_CREATED",
        "STORE_ORDER_UPDATED",
        "MEMBER_CREATED",
        "PUBLISH",
    ];

    fn near(name: &str) -> Vec<&'static str> {
        nearest(name, NAMES.into_iter())
    }

    #[test]
    fn names_of_the_catalogue_and_of_other_styles_are_legal() {
        for name in [
            "PUBLISH",
            "CONTACT_FORM_SENT_V2",
            "order.created",
            "a",
            "9-lives",
        ] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        assert_eq!(check_name(&"A".repeat(128)), Ok(()));
    }

    #[test]
    fn an_illegal_name_is_told_what_is_wrong() {
        assert_eq!(check_name(""), Err(NameError::Empty));
        assert_eq!(
            check_name(&"A".repeat(129)),
            Err(NameError::TooLong { length: 129 })
        );
        assert_eq!(check_name("_A"), Err(NameError::Start { found: '_' }));
        assert_eq!(
            check_name("ORDER CREATED"),
            Err(NameError::Character {
                found: ' ',
                position: 6
            })
        );
        assert_eq!(
            check_name("ORDER\n").map_err(|error| error.to_string()),
            Err("the name of an event type has '\\n' as character 6: \
                 letters, digits, `_`, `.` and `-` are allowed (A-Z a-z 0-9 _ . -)"
                .to_owned())
        );
        assert_eq!(
            check_name("É"),
            Err(NameError::Character {
                found: 'É',
                position: 1
            })
        );
    }

    #[test]
    fn a_slip_finds_the_name_that_was_meant_first() {
        assert_eq!(
            near("STORE_ODRER_CREATED").first(),
            Some(&"STORE_ORDER_CREATED")
        );
        assert_eq!(near("order.created").first(), Some(&"ORDER_CREATED"));
        assert_eq!(near("CREATED_ORDER").first(), Some(&"ORDER_CREATED"));
        assert_eq!(near("publsh"), ["PUBLISH"]);
    }

    #[test]
    fn a_lost_prefix_finds_the_whole_name() {
        assert!(near("ORDER_UPDATED").contains(&"STORE_ORDER_UPDATED"));
    }

    #[test]
    fn a_name_that_is_like_nothing_finds_nothing() {
        assert!(near("TEMPERATURE_TOO_HIGH").is_empty());
        assert!(near("").is_empty());
    }

    #[test]
    fn at_most_three_names_are_offered() {
        let many: Vec<String> = (0..50).map(|n| format!("ORDER_CREATED_{n}")).collect();
        assert_eq!(
            nearest("ORDER_CREATED", many.iter().map(String::as_str)).len(),
            MAX_NEAREST
        );
    }

    #[test]
    fn names_of_another_length_are_not_compared_and_of_many_the_nearest_in_length_are() {
        assert!(nearest("AB", ["ABCDE"].into_iter()).is_empty());
        let long = |n: usize| format!("ORDER_CREATED_FAR_{n:06}");
        let mut names: Vec<String> = (0..MAX_COMPARED).map(long).collect();
        names.push("ORDER_CREATEX".to_owned());
        let names = || names.iter().map(String::as_str);
        let near = nearest("ORDER_CREATED", names());
        assert_eq!(near.first(), Some(&"ORDER_CREATEX"));
    }

    #[test]
    fn a_request_compares_names_once() {
        let mut hints = Suggestions::default();
        let found = || vec!["PUBLISH".to_owned()];
        assert_eq!(hints.once("PUBLSH", found), ["PUBLISH"]);
        assert!(hints.once("ORDER", || panic!("compared again")).is_empty());
        let again = hints.once("PUBLSH", || panic!("compared again"));
        assert_eq!(again, ["PUBLISH"]);
    }

    #[test]
    fn a_mismatch_is_a_warning_unless_somebody_says_otherwise() {
        assert_eq!(Validation::default(), Validation::Warn);
    }

    proptest! {
        #[test]
        fn every_name_of_the_pattern_is_legal(name in "[A-Za-z0-9][A-Za-z0-9_.-]{0,127}") {
            prop_assert_eq!(check_name(&name), Ok(()));
        }

        #[test]
        fn what_is_legal_has_only_the_characters_of_the_pattern(name in "\\PC{0,140}") {
            if check_name(&name).is_ok() {
                prop_assert!(name.len() <= MAX_NAME);
                prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)));
                prop_assert!(name.as_bytes()[0].is_ascii_alphanumeric());
            }
        }

        #[test]
        fn the_same_name_is_always_the_nearest(name in "[A-Z]{3,8}(_[A-Z]{3,8}){0,3}") {
            let found = nearest(&name, NAMES.into_iter().chain([name.as_str()]));
            prop_assert_eq!(found.first().copied(), Some(name.as_str()));
        }
    }
}
