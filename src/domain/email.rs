//! The e-mail by which a user is known: what may be one, and when two are the same. It knows
//! nothing of mails that are sent to it.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};

/// Upper bound of an e-mail, in characters and in bytes (RFC 5321, 4.5.3.1.3).
pub const MAX_EMAIL: usize = 254;

/// An e-mail as it was written: `local@domain`, without a name around it. Two are the same user
/// if their [`Email::key`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

/// Why a text is not an e-mail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Longer than mail systems take.
    #[error("must have at most {MAX_EMAIL} bytes, not {0}")]
    Length(usize),
    /// Not of the form of RFC 5322, or with parts that only confuse: quotes, comments, an IP
    /// address for a domain.
    #[error("must be an e-mail such as ann@example.com, without quotes and without a name")]
    Form,
}

impl Email {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In lower case: by this it is compared and found.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// An e-mail from the database: only checked ones were written there.
    #[must_use]
    pub const fn stored(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        // The key must fit as well: lower case may be longer.
        let length = text.len().max(text.to_lowercase().len());
        if length > MAX_EMAIL {
            return Err(EmailError::Length(length));
        }
        // A name without a dot is a machine of the own network: `root@localhost`.
        let options = Options::default()
            .with_no_minimum_sub_domains()
            .without_display_text()
            .without_domain_literal();
        let odd = |c: char| c.is_control() || c.is_whitespace() || "\"\\()<>,;:`".contains(c);
        let form = EmailAddress::parse_with_options(text, options);
        if text.contains(odd) || form.is_err() {
            return Err(EmailError::Form);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usual_emails_are_taken_and_compared_without_case() {
        for good in [
            "ann@example.com",
            "ann+orders@mail.example.co.uk",
            "o'brien@example.com",
            "root@localhost",
            "änn@exämple.de",
        ] {
            assert_eq!(good.parse::<Email>().unwrap().as_str(), good);
        }
        let [one, other] =
            [" Ann@Example.COM ", "ann@example.com"].map(|it| it.parse::<Email>().unwrap());
        assert_eq!(one.as_str(), "Ann@Example.COM");
        assert_eq!(one.key(), other.key());
    }

    #[test]
    fn what_could_mean_something_else_is_refused() {
        for bad in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "ann@@example.com",
            "Ann <ann@example.com>",
            "<ann@example.com>",
            "\"ann smith\"@example.com",
            "ann@[127.0.0.1]",
            "ann@example.com\r\nBcc: bob@example.com",
            "ann@example.com,bob@example.com",
            "ann@example .com",
            "ann@exam\0ple.com",
            "ann..smith@example.com",
            "ann@-example.com",
        ] {
            assert!(bad.parse::<Email>().is_err(), "{bad:?}");
        }
        let long = format!("a@{}com", "abcdefgh.".repeat(30));
        assert_eq!(long.parse::<Email>(), Err(EmailError::Length(long.len())));
    }

    proptest! {
        #[test]
        fn an_email_is_one_line_without_spaces(text in "\\PC{0,40}@?\\PC{0,40}") {
            if let Ok(email) = text.parse::<Email>() {
                let odd = |c: char| c.is_control() || c.is_whitespace() || c == '<' || c == ',';
                prop_assert!(!email.as_str().contains(odd));
                prop_assert!(email.key().len() <= MAX_EMAIL);
            }
        }
    }
}
