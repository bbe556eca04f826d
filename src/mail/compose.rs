//! A mail as the bytes that travel (RFC 5322, MIME): ASCII, lines of at most 998 bytes, each
//! ended by CRLF. Only addresses in the header may have letters beyond ASCII (RFC 6532).
//!
//! lettre 0.11.23 passes bare CR and LF of a body on (RUSTSEC-2026-0561, fixed in 0.11.24), by
//! which a body could end the message for some servers and begin another. So line ends are made
//! CRLF here, bodies are always encoded, and the whole is checked before it leaves.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use lettre::Address;
use lettre::message::header::{
    ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue,
};
use lettre::message::{Body, Mailbox as LettreMailbox, Message, MultiPart, SinglePart};

use crate::domain::mail::Mailbox;

/// What is written down.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// Who it is from.
    pub from: &'a Mailbox,
    /// Who gets it.
    pub to: &'a [Mailbox],
    /// Where an answer goes.
    pub reply_to: Option<&'a Mailbox>,
    /// One line.
    pub subject: &'a str,
    /// As people read it.
    pub text: &'a str,
    /// The same as HTML.
    pub html: Option<&'a str>,
    /// What `Message-ID` has between the angle brackets: the same at each try.
    pub message_id: &'a str,
    /// When it was queued.
    pub date: DateTime<Utc>,
}

/// A mail ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    bytes: Vec<u8>,
    beyond_ascii: Option<String>,
}

impl Composed {
    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first address that has letters beyond ASCII, if one has: the mail server must offer
    /// SMTPUTF8.
    pub(super) fn beyond_ascii(&self) -> Option<&str> {
        self.beyond_ascii.as_deref()
    }

    /// The header fields as they travel, without the empty line behind them.
    #[must_use]
    pub fn header(&self) -> &str {
        let text = str::from_utf8(&self.bytes).unwrap_or_default();
        text.split_once("\r\n\r\n")
            .map_or(text, |(header, _)| header)
    }
}

/// Why a mail cannot be written down. Trying again does not help.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// lettre does not take an address.
    #[error("the address {0} cannot be written into a mail")]
    Address(String, #[source] lettre::address::AddressError),
    /// lettre does not take the whole.
    #[error("the mail cannot be written down")]
    Refused(#[source] lettre::error::Error),
    /// The result is not what may travel. It is a fault of Herald's.
    #[error("the mail would hold {0}")]
    Unfit(&'static str),
}

/// `Auto-Submitted: auto-generated` (RFC 3834), so that no vacation reply comes back.
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The subject. lettre's own drops a space between two words beyond ASCII if there are several.
#[derive(Debug, Clone)]
struct Subject(String);

impl Header for Subject {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Subject")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        let text = &self.0;
        if text.is_ascii() && !text.contains("=?") {
            return HeaderValue::new(Self::name(), text.clone());
        }
        HeaderValue::dangerous_new_pre_encoded(Self::name(), text.clone(), encoded_words(text))
    }
}

/// RFC 2047: encoded words, one a line, which cut no character. A line has at most 76 characters,
/// the first one with the name of the field.
fn encoded_words(text: &str) -> String {
    /// Bytes that become 52 characters of base64: `Subject: =?utf-8?b?…?=` has 73.
    const BYTES: usize = 39;
    let mut words = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut cut = rest.len().min(BYTES);
        while !rest.is_char_boundary(cut) {
            cut -= 1;
        }
        let (word, behind) = rest.split_at(cut);
        if !words.is_empty() {
            words.push_str("\r\n ");
        }
        words.push_str("=?utf-8?b?");
        STANDARD.encode_string(word, &mut words);
        words.push_str("?=");
        rest = behind;
    }
    words
}

/// Writes a mail down: the same bytes each time.
///
/// # Errors
/// See [`ComposeError`].
pub fn compose(letter: &Letter<'_>) -> Result<Composed, ComposeError> {
    let since = u64::try_from(letter.date.timestamp()).unwrap_or(0);
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(since);
    let mut builder = Message::builder()
        .message_id(Some(format!("<{}>", letter.message_id)))
        .date(date)
        .from(mailbox(letter.from)?)
        .header(Subject(letter.subject.to_owned()))
        .header(AutoSubmitted);
    for to in letter.to {
        builder = builder.to(mailbox(to)?);
    }
    if let Some(reply_to) = letter.reply_to {
        builder = builder.reply_to(mailbox(reply_to)?);
    }
    let text = part(letter.text, ContentType::TEXT_PLAIN)?;
    let message = match letter.html {
        None => builder.singlepart(text),
        Some(html) => {
            // Encoded bodies never hold `=_`, so that it cannot occur in one.
            let bare = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
            let id: String = letter.message_id.chars().take(36).map(bare).collect();
            let alternative = MultiPart::alternative()
                .boundary(format!("=_{id}"))
                .singlepart(text)
                .singlepart(part(html, ContentType::TEXT_HTML)?);
            builder.multipart(alternative)
        }
    };
    let bytes = folded(message.map_err(ComposeError::Refused)?.formatted());
    let people = [letter.from]
        .into_iter()
        .chain(letter.to)
        .chain(letter.reply_to);
    let beyond_ascii = people.map(Mailbox::address).find(|it| !it.is_ascii());
    judge(&bytes, beyond_ascii.is_some())?;
    Ok(Composed {
        bytes,
        beyond_ascii,
    })
}

/// RFC 2047, 2: a line with an encoded word has at most 76 characters. lettre leaves the address
/// behind an encoded name on its line. A header may be folded at any space.
fn folded(mail: Vec<u8>) -> Vec<u8> {
    const LINE: usize = 76;
    let Some((header, body)) = str::from_utf8(&mail)
        .ok()
        .and_then(|text| text.split_once("\r\n\r\n"))
    else {
        return mail;
    };
    let mut lines = Vec::new();
    for mut line in header.split("\r\n") {
        while line.len() > LINE && line.contains("=?utf-8?") {
            let beginning = line.as_bytes().get(1..=LINE).unwrap_or_default();
            let Some(space) = beginning.iter().rposition(|byte| *byte == b' ') else {
                break;
            };
            let (before, behind) = line.split_at(space + 1);
            lines.push(before);
            line = behind;
        }
        lines.push(line);
    }
    [&lines.join("\r\n"), "\r\n\r\n", body]
        .concat()
        .into_bytes()
}

fn mailbox(mailbox: &Mailbox) -> Result<LettreMailbox, ComposeError> {
    let address = mailbox.address();
    let read = address.parse::<Address>();
    let read = read.map_err(|error| ComposeError::Address(address, error))?;
    Ok(LettreMailbox::new(mailbox.name().map(str::to_owned), read))
}

fn part(text: &str, kind: ContentType) -> Result<SinglePart, ComposeError> {
    let plain = with_crlf(text);
    // Quoted-printable is readable as it is; base64 is shorter where most is not ASCII.
    let foreign = plain.bytes().filter(|byte| !byte.is_ascii()).count();
    let encoding = if foreign * 6 > plain.len() {
        ContentTransferEncoding::Base64
    } else {
        ContentTransferEncoding::QuotedPrintable
    };
    let body = Body::new_with_encoding(plain, encoding)
        .map_err(|_plain| ComposeError::Unfit("a body that cannot be encoded"))?;
    Ok(SinglePart::builder().header(kind).body(body))
}

/// Each line end, of whatever kind, as CRLF.
fn with_crlf(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() + text.len() / 32);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\r' => {
                characters.next_if_eq(&'\n');
                plain.push_str("\r\n");
            }
            '\n' => plain.push_str("\r\n"),
            '\0' => plain.push('\u{fffd}'),
            c => plain.push(c),
        }
    }
    plain
}

/// What may travel: ASCII (in the header UTF-8 as well, if an address needs it), CRLF and no part
/// of it alone, lines of at most 998 bytes.
fn judge(bytes: &[u8], mut beyond_ascii: bool) -> Result<(), ComposeError> {
    let mut length = 0_usize;
    let mut before = 0_u8;
    for byte in bytes.iter().copied() {
        match byte {
            b'\n' if before != b'\r' => return Err(ComposeError::Unfit("a bare line feed")),
            b'\n' => {
                // The empty line ends the header.
                beyond_ascii &= length > 0;
                length = 0;
            }
            _ if before == b'\r' => return Err(ComposeError::Unfit("a bare carriage return")),
            b'\r' => {}
            0 => return Err(ComposeError::Unfit("the character 0")),
            128.. if !beyond_ascii => return Err(ComposeError::Unfit("letters beyond ASCII")),
            _ => length += 1,
        }
        if length > 998 {
            return Err(ComposeError::Unfit("a line of over 998 characters"));
        }
        before = byte;
    }
    if before == b'\r' {
        return Err(ComposeError::Unfit("a bare carriage return"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
