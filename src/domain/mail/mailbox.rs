//! One address with the name of who has it.

use std::fmt;
use std::str::FromStr;

use super::one_line;

/// Upper bound of a name, in characters.
const MAX_NAME: usize = 200;
/// Upper bounds of RFC 5321, 4.5.3.1, in bytes.
const MAX_LOCAL: usize = 64;
const MAX_ADDRESS: usize = 254;

/// An address and a name: `Ann <ann@example.com>`. The domain is in Punycode; the part before the
/// `@` may have letters beyond ASCII, which not every mail server takes (SMTPUTF8, RFC 6531).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    name: Option<String>,
    local: String,
    domain: String,
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing of the form `local@domain`.
    #[error("must be an address such as ann@example.com or Ann <ann@example.com>")]
    Form,
    /// The part before the `@`.
    #[error(
        "the part before the @ must have 1 to 64 bytes of letters, digits and \
         !#$%&'*+/=?^_`{{|}}~- with single dots between them; quotes are not supported"
    )]
    Local,
    /// The part behind the `@`.
    #[error(
        "the part behind the @ must be a host name such as example.com (letters beyond ASCII are \
         fine, an address in brackets is not)"
    )]
    Domain,
    /// Too long in all.
    #[error("an address has at most {MAX_ADDRESS} characters")]
    TooLong,
    /// The name would break out of its line.
    #[error("the name before the address {0}")]
    Name(super::MailError),
}

impl Mailbox {
    /// An address with a name, or none.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn new(name: Option<&str>, address: &str) -> Result<Self, AddressError> {
        let (local, domain) = address.rsplit_once('@').ok_or(AddressError::Form)?;
        if !is_local(local) {
            return Err(AddressError::Local);
        }
        let domain = domain_in_ascii(domain).ok_or(AddressError::Domain)?;
        if local.len() + 1 + domain.len() > MAX_ADDRESS {
            return Err(AddressError::TooLong);
        }
        let name = match name {
            None => None,
            Some(name) => {
                let name = one_line(name, MAX_NAME).map_err(AddressError::Name)?;
                // Names travel folded, so that the width of their gaps is lost anyway.
                Some(name.split_whitespace().collect::<Vec<_>>().join(" "))
            }
        };
        Ok(Self {
            name,
            local: local.to_owned(),
            domain,
        })
    }

    /// The bare address.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The part behind the `@`, in ASCII.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

/// RFC 5321's Dot-string, with the letters of RFC 6531: it needs no quotes anywhere.
fn is_local(text: &str) -> bool {
    let letter = |c: char| {
        c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c) || is_foreign_letter(c)
    };
    text.len() <= MAX_LOCAL
        && text
            .split('.')
            .all(|part| !part.is_empty() && part.chars().all(letter))
}

/// Beyond ASCII, and neither invisible nor reserved: no space, no control or format character
/// (some change the direction of what follows), nothing of private use.
fn is_foreign_letter(c: char) -> bool {
    let hidden = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..
    );
    !c.is_ascii() && !c.is_control() && !c.is_whitespace() && !hidden
}

/// A host name as the DNS knows it. The URL standard's reading is not asked for numbers: it
/// would make an address of `1.2`.
fn domain_in_ascii(text: &str) -> Option<String> {
    let strange = |c: char| c.is_control() || c.is_whitespace() || "/\\@:?#%[]<>()\",;".contains(c);
    if text.is_empty() || text.ends_with('.') || text.contains(strange) {
        return None;
    }
    let Ok(url::Host::Domain(name)) = url::Host::parse(text) else {
        return None;
    };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    (name.len() <= 253 && name.split('.').all(is_label)).then_some(name)
}

impl FromStr for Mailbox {
    type Err = AddressError;

    /// `ann@example.com`, `Ann <ann@example.com>` or `"Ann, B." <ann@example.com>`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let Some(open) = text
            .strip_suffix('>')
            .and_then(|it| it.rfind('<').map(|at| (it, at)))
        else {
            return Self::new(None, text);
        };
        let (inner, at) = open;
        let address = inner.get(at + 1..).unwrap_or_default();
        let before = inner.get(..at).unwrap_or_default();
        // Judged before it is trimmed: a line break at its end is one.
        if !before.is_empty() {
            one_line(&format!("{before}."), MAX_NAME * 2).map_err(AddressError::Name)?;
        }
        let name = unquoted(before.trim());
        Self::new(Some(name.as_str()).filter(|name| !name.is_empty()), address)
    }
}

/// The content of a text in quotes; any other text as it is.
fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let Some(inner) = inner else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        if c == '\\' {
            plain.extend(characters.next());
        } else {
            plain.push(c);
        }
    }
    plain
}

impl fmt::Display for Mailbox {
    /// For people and for the log: the name as it is, in quotes where it holds what would be
    /// read as something else. Not for a header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            None => write!(f, "{}@{}", self.local, self.domain),
            Some(name) if name.contains(['"', '\\', ',', '<', '>', ';']) => {
                let name = name.replace('\\', "\\\\").replace('"', "\\\"");
                write!(f, "\"{name}\" <{}@{}>", self.local, self.domain)
            }
            Some(name) => write!(f, "{name} <{}@{}>", self.local, self.domain),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<String, AddressError> {
        text.parse::<Mailbox>().map(|it| it.to_string())
    }

    #[test]
    fn addresses_are_read_in_their_usual_forms() {
        for (text, expected) in [
            ("ann@example.com", "ann@example.com"),
            ("Ann <ann@example.com>", "Ann <ann@example.com>"),
            ("<ann@example.com>", "ann@example.com"),
            (
                "\"B., Ann\" <a.b+c@example.com>",
                "\"B., Ann\" <a.b+c@example.com>",
            ),
            (
                "Zoë Größe <zoe@bücher.example>",
                "Zoë Größe <zoe@xn--bcher-kva.example>",
            ),
            ("root@localhost", "root@localhost"),
            ("o'neil@EXAMPLE.com", "o'neil@example.com"),
            ("zoë@bücher.example", "zoë@xn--bcher-kva.example"),
            ("संपर्क@example.com", "संपर्क@example.com"),
            ("用户@example.com", "用户@example.com"),
        ] {
            assert_eq!(read(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_could_become_a_command_or_another_receiver_is_refused() {
        for bad in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "ann@example.com\r\nRCPT TO:<eve@example.com>",
            "ann@example.com\n",
            "ann\0@example.com",
            "ann@exam\0ple.com",
            "ann@example.com, eve@example.com",
            "ann@example.com eve@example.com",
            "<ann@example.com> SIZE=1",
            "ann@example.com>",
            "a<b@example.com",
            "\"a b\"@example.com",
            "\"a\\\"b\"@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a b@example.com",
            "ann@[127.0.0.1]",
            "ann@127.0.0.1",
            "ann@-example.com",
            "ann@exa_mple.com",
            "ann@example..com",
            "zo\u{202e}e@example.com",
            "zo\u{200b}e@example.com",
            "zo\u{a0}e@example.com",
            "zo\u{ad}e@example.com",
            "Ann\r\nBcc: eve@example.com <ann@example.com>",
            "Ann\r\n <ann@example.com>",
            "ann@example.com\u{2028}",
        ] {
            assert!(read(bad).is_err(), "{bad:?} became {:?}", read(bad));
        }
        assert!(read(&format!("{}@example.com", "a".repeat(65))).is_err());
        assert!(read(&format!("{}@example.com", "ä".repeat(33))).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_one_visible_address_and_reads_back(text in "\\PC{0,80}|.{0,40}@.{0,40}") {
            if let Ok(mailbox) = text.parse::<Mailbox>() {
                let address = mailbox.address();
                prop_assert!(address.chars().all(|c| c.is_ascii_graphic() || is_foreign_letter(c)));
                prop_assert!(mailbox.domain().is_ascii());
                prop_assert_eq!(address.matches('@').count(), 1);
                prop_assert!(!address.contains(['<', '>', '"', ',', '\\']));
                prop_assert_eq!(mailbox.to_string().parse::<Mailbox>(), Ok(mailbox));
            }
        }
    }
}
