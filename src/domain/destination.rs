//! Where a subscription delivers: a URL, or the addresses of a `mailto:`.

use super::mail::{AddressError, MAX_RECEIVERS, Mailbox};
use super::target::{MAX_TARGET, Target, TargetError};

/// A checked destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// By HTTP.
    Web(Target),
    /// By mail.
    Mail(MailTarget),
}

/// The addresses of a `mailto:`, 1 to [`MAX_RECEIVERS`], none twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailTarget {
    to: Vec<Mailbox>,
    text: String,
}

/// Why a text is no destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// It is no URL to deliver to.
    #[error(transparent)]
    Web(#[from] TargetError),
    /// One of the addresses.
    #[error("`{text}`: {source}")]
    Address {
        /// The address, at most 100 characters of it.
        text: String,
        /// What is wrong with it.
        source: AddressError,
    },
    /// None, or too many.
    #[error("mailto: takes 1 to {MAX_RECEIVERS} addresses with commas between them, not {0}")]
    Number(usize),
    /// `?subject=…`.
    #[error("mailto: takes addresses alone: what a mail says is for a plugin's `mail` function")]
    Fields,
    /// Longer than [`MAX_TARGET`].
    #[error("a target may have {MAX_TARGET} characters")]
    TooLong,
}

/// Whether a stored text is a [`MailTarget`].
#[must_use]
pub fn is_mail(text: &str) -> bool {
    text.get(..SCHEME.len())
        .is_some_and(|found| found.eq_ignore_ascii_case(SCHEME))
}

const SCHEME: &str = "mailto:";

impl Destination {
    /// Checks a destination.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, DestinationError> {
        if is_mail(text) {
            Ok(Self::Mail(MailTarget::parse(text)?))
        } else {
            Ok(Self::Web(Target::parse(text)?))
        }
    }

    /// The normalised text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Web(target) => target.as_str(),
            Self::Mail(target) => &target.text,
        }
    }

    /// What to call it: the host, or the first address.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Web(target) => target.host().to_string(),
            Self::Mail(target) => target.to.first().map(Mailbox::address).unwrap_or_default(),
        }
    }
}

impl MailTarget {
    /// Reads `mailto:a@b,c@d`.
    ///
    /// # Errors
    /// No address, or too many, or one that is none, or more than addresses.
    pub fn parse(text: &str) -> Result<Self, DestinationError> {
        if text.len() > MAX_TARGET {
            return Err(DestinationError::TooLong);
        }
        let list = text.get(SCHEME.len()..).unwrap_or_default();
        // `mailto://` is a slip, though an address may hold slashes.
        if list.contains(['?', '#']) || list.starts_with("//") {
            return Err(DestinationError::Fields);
        }
        let mut to: Vec<Mailbox> = Vec::new();
        for part in list.split(',') {
            let wrong = |source| DestinationError::Address {
                text: part.chars().take(100).collect(),
                source,
            };
            // RFC 6068 lets any character of an address be percent-encoded.
            let plain = decoded(part).ok_or_else(|| wrong(AddressError::Form))?;
            let mailbox = Mailbox::new(None, &plain).map_err(wrong)?;
            if !to.contains(&mailbox) {
                to.push(mailbox);
            }
        }
        if !(1..=MAX_RECEIVERS).contains(&to.len()) {
            return Err(DestinationError::Number(to.len()));
        }
        // These addresses hold no comma; a percent sign, a question mark and a hash would be
        // read as something else.
        let shown = |mailbox: &Mailbox| {
            let address = mailbox.address().replace('%', "%25");
            address.replace('?', "%3F").replace('#', "%23")
        };
        let all: Vec<String> = to.iter().map(shown).collect();
        Ok(Self {
            text: format!("{SCHEME}{}", all.join(",")),
            to,
        })
    }

    /// The addresses.
    #[must_use]
    pub fn to(&self) -> &[Mailbox] {
        &self.to
    }
}

fn decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let pair = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(str::from_utf8(&pair).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let read = Destination::parse(text);
        read.map(|it| it.as_str().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_destination_is_a_url_or_addresses() {
        for (text, expected) in [
            ("https://Example.com/x", "https://example.com/x"),
            ("mailto:ann@example.com", "mailto:ann@example.com"),
            (
                "MAILTO:ann@EXAMPLE.com,bob@example.com",
                "mailto:ann@example.com,bob@example.com",
            ),
            (
                "mailto:ann@example.com,ann@example.com",
                "mailto:ann@example.com",
            ),
            (
                "mailto:ann%2Bshop@b%C3%BCcher.example",
                "mailto:ann+shop@xn--bcher-kva.example",
            ),
            ("mailto:a%25b%3F@example.com", "mailto:a%25b%3F@example.com"),
        ] {
            assert_eq!(read(text), Ok(expected.to_owned()));
        }
        for bad in [
            "mailto:",
            "mailto:ann",
            "mailto:ann@example.com?subject=x",
            "mailto:ann@example.com?bcc=eve@example.com",
            "mailto:ann@example.com%0D%0ABcc:eve@example.com",
            "mailto:ann@example.com\r\n",
            "mailto:ann@example.com,",
            "mailto://ann@example.com",
            "mailto:Ann <ann@example.com>",
            "mailto:%",
            "ftp://example.com",
        ] {
            assert!(read(bad).is_err(), "{bad}: {:?}", read(bad));
        }
        let many: Vec<String> = (0..51).map(|n| format!("u{n}@example.com")).collect();
        assert!(read(&format!("mailto:{}", many.join(","))).is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_reads_the_same_again(text in "mailto:[a-z%0-9?#+@.,]{1,40}|\\PC{0,40}") {
            if let Ok(normal) = read(&text) {
                prop_assert_eq!(read(&normal), Ok(normal.clone()));
            }
        }
    }
}
