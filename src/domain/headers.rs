//! The headers that a subscription adds to its requests, and those that it may not touch. It
//! knows neither the request nor the headers that Herald itself sends, but for their names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Upper bound of the number of custom headers.
pub const MAX_HEADERS: usize = 20;
/// Upper bound of a value's length, in bytes.
pub const MAX_HEADER_VALUE: usize = 4_096;
/// Upper bound of a name's length, in bytes.
pub const MAX_HEADER_NAME: usize = 256;

/// Names that decide how a request is framed, where it goes and where it came from.
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "herald-hops",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// What other reserved names begin with.
const RESERVED_PREFIXES: &[&str] = &["proxy-", "webhook-"];

/// Checked headers, by their names as they were written. Values are credentials more often than
/// not, so `Debug` shows the names alone.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct CustomHeaders(BTreeMap<String, String>);

/// What is wrong with one header. It never repeats the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct HeaderError {
    /// The header at fault as it was written; empty where there are too many of them.
    pub name: String,
    /// What is wrong; the text names the header.
    pub detail: String,
}

impl CustomHeaders {
    /// Checks headers: at most [`MAX_HEADERS`], each a token of RFC 9110 that is not reserved,
    /// with a value of at most [`MAX_HEADER_VALUE`] visible ASCII characters, spaces and tabs.
    ///
    /// # Errors
    /// All the faults at once.
    pub fn parse(headers: BTreeMap<String, String>) -> Result<Self, Vec<HeaderError>> {
        let mut errors = Vec::new();
        if headers.len() > MAX_HEADERS {
            let detail = format!(
                "{} headers: at most {MAX_HEADERS} are allowed",
                headers.len()
            );
            // The rest is not looked at: nobody needs a thousand faults.
            return Err(vec![HeaderError {
                name: String::new(),
                detail,
            }]);
        }
        let mut seen = BTreeSet::new();
        for (name, value) in &headers {
            let shown: String = name.chars().take(64).collect();
            let mut fault = |detail: String| {
                errors.push(HeaderError {
                    name: name.clone(),
                    detail: format!("header {shown:?} {detail}"),
                });
            };
            if let Some(detail) = fault_of_name(name) {
                fault(detail);
            } else if !seen.insert(name.to_ascii_lowercase()) {
                fault("is there twice: names that differ in upper and lower case are one".into());
            }
            if let Some(detail) = fault_of_value(value) {
                fault(detail);
            }
        }
        if errors.is_empty() {
            Ok(Self(headers))
        } else {
            Err(errors)
        }
    }

    /// The headers as name and value, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn fault_of_name(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("has no name".to_owned());
    }
    if name.len() > MAX_HEADER_NAME {
        return Some(format!("has a name of more than {MAX_HEADER_NAME} bytes"));
    }
    if let Some(stranger) = name.chars().find(|c| !is_token(*c)) {
        return Some(format!(
            "has {stranger:?} in its name: letters, digits and !#$%&'*+-.^_`|~ are allowed"
        ));
    }
    let lower = name.to_ascii_lowercase();
    let reserved = RESERVED.contains(&lower.as_str())
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| lower.starts_with(prefix));
    reserved.then(|| {
        format!(
            "is reserved, as are {} and those that begin with {}",
            RESERVED.join(", "),
            RESERVED_PREFIXES.join(" or ")
        )
    })
}

fn fault_of_value(value: &str) -> Option<String> {
    if value.len() > MAX_HEADER_VALUE {
        return Some(format!(
            "has {} bytes: {MAX_HEADER_VALUE} are allowed",
            value.len()
        ));
    }
    let stranger = value
        .chars()
        .enumerate()
        .find(|(_, c)| !(c.is_ascii_graphic() || matches!(c, ' ' | '\t')));
    if let Some((place, _)) = stranger {
        return Some(format!(
            "has a character at place {} of its value that is not allowed: visible ASCII, space \
             and tab are",
            place + 1
        ));
    }
    value
        .trim_matches([' ', '\t'])
        .len()
        .ne(&value.len())
        .then(|| "has white space around its value, which receivers would not see".to_owned())
}

/// A character of a token (RFC 9110, 5.6.2).
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

impl fmt::Debug for CustomHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Serialize for CustomHeaders {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CustomHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(BTreeMap::deserialize(deserializer)?).map_err(|errors| {
            let details: Vec<&str> = errors.iter().map(|error| error.detail.as_str()).collect();
            serde::de::Error::custom(details.join("; "))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(headers: &[(&str, &str)]) -> Result<CustomHeaders, Vec<HeaderError>> {
        let owned = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        CustomHeaders::parse(owned.collect())
    }

    #[test]
    fn ordinary_headers_pass_as_they_were_written() {
        let given = [
            ("Authorization", "Bearer abc"),
            ("x-empty", ""),
            ("x-tab", "a\tb ~!"),
        ];
        let headers = parse(&given).unwrap();
        assert_eq!(headers.iter().collect::<Vec<_>>(), given);
        let json = serde_json::to_string(&headers).unwrap();
        assert_eq!(
            serde_json::from_str::<CustomHeaders>(&json).unwrap(),
            headers
        );
    }

    #[test]
    fn reserved_names_are_refused_in_any_case() {
        for name in [
            "host",
            "Host",
            "Herald-Hops",
            "Content-Length",
            "TRANSFER-ENCODING",
            "connection",
            "te",
            "Trailer",
            "upgrade",
            "Expect",
            "Proxy-Authorization",
            "proxy-",
            "webhook-id",
            "Webhook-Anything",
        ] {
            let errors = parse(&[(name, "x")]).unwrap_err();
            assert_eq!(errors.len(), 1);
            assert_eq!(errors[0].name, name);
            assert!(errors[0].detail.contains("reserved"), "{}", errors[0]);
        }
        assert!(parse(&[("x-host", "a"), ("tea", "b"), ("x-webhook-id", "c")]).is_ok());
    }

    #[test]
    fn malformed_names_and_values_are_refused_all_at_once_without_the_value() {
        let errors = parse(&[
            ("", "x"),
            ("a b", "secret\r\nx: y"),
            ("b:", "x"),
            ("c\n", "x"),
            ("d", "\0"),
            ("e", "é"),
            ("f", " padded "),
            ("É", "x"),
            ("good", "x"),
        ])
        .unwrap_err();
        let names: Vec<&str> = errors.iter().map(|error| error.name.as_str()).collect();
        assert_eq!(names, ["", "a b", "a b", "b:", "c\n", "d", "e", "f", "É"]);
        assert!(errors.iter().all(|error| !error.detail.contains("secret")));
        assert!(errors.iter().all(|error| !error.detail.contains('\n')));
    }

    #[test]
    fn number_and_lengths_are_bounded() {
        let many = |count: usize| -> BTreeMap<String, String> {
            (0..count)
                .map(|n| (format!("x-{n}"), String::new()))
                .collect()
        };
        assert!(CustomHeaders::parse(many(20)).is_ok());
        assert_eq!(CustomHeaders::parse(many(21)).unwrap_err().len(), 1);
        assert!(parse(&[("x", &"v".repeat(4_096))]).is_ok());
        assert!(parse(&[("x", &"v".repeat(4_097))]).is_err());
        assert!(parse(&[(&"x".repeat(256), "")]).is_ok());
        assert!(parse(&[(&"x".repeat(257), "")]).is_err());
    }

    #[test]
    fn names_that_differ_in_case_alone_are_one_name() {
        let errors = parse(&[("X-Key", "a"), ("x-key", "b")]).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].name, "x-key");
    }

    #[test]
    fn debugging_headers_shows_no_value() {
        let headers = parse(&[("Authorization", "Bearer abc")]).unwrap();
        assert_eq!(format!("{headers:?}"), "{\"Authorization\"}");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_nothing_that_breaks_a_line_passes(
            headers in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..5),
        ) {
            if let Ok(headers) = CustomHeaders::parse(headers) {
                for (name, value) in headers.iter() {
                    let whole = name.to_owned() + value;
                    prop_assert!(!whole.contains(['\r', '\n', '\0']) && whole.is_ascii());
                }
            }
        }

        #[test]
        fn every_token_with_a_visible_value_passes(
            name in "x[A-Za-z0-9!#$%&'*+.^_`|~-]{0,40}",
            value in "([!-~]([ -~\t]{0,40}[!-~])?)?",
        ) {
            prop_assert!(parse(&[(&name, &value)]).is_ok());
        }
    }
}
