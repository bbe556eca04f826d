//! The head of an answer: what it says, where the body behind it ends, and whether the connection
//! may be used again. It is pure, and knows neither sockets nor what becomes of the answer.

use std::borrow::Cow;
use std::mem::MaybeUninit;
use std::time::Duration;

use awc::http::header::{HeaderMap, HeaderName, HeaderValue};
use httparse::{Error, ParserConfig, Response, Status};

use crate::transport::failure::RequestFailure;

/// Header fields that a head may have.
pub(crate) const MOST_FIELDS: usize = 200;
/// Bytes that a head may have.
pub(crate) const MOST_HEAD: usize = 64 << 10;
/// Bytes of header fields that are kept.
pub(crate) const KEPT: usize = 8 << 10;

/// Where a body ends (RFC 9112, 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunks,
    /// With the connection.
    UntilClose,
}

/// What the head of a final answer means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// The status code.
    pub(super) status: u16,
    pub(super) framing: Framing,
    /// Whether another request may follow on the connection.
    pub(super) reusable: bool,
    /// After how long an idle connection is closed, as `Keep-Alive` says.
    pub(super) keep_alive: Option<Duration>,
}

/// What a head turned out to be.
#[derive(Debug)]
pub(super) enum Parsed {
    /// More of it must come.
    Partial,
    /// An interim answer (1xx) of so many bytes, which the final one follows.
    Interim(usize),
    /// The final answer, of so many bytes. Its header fields: at most 8 KiB of them.
    Final(usize, Head, HeaderMap),
}

/// Reads the head at the beginning of `bytes`.
///
/// # Errors
/// When it breaks the rules of HTTP or is an answer that nobody asked for (101).
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, RequestFailure> {
    let mut room = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut response = Response::new(&mut []);
    let parsed = ParserConfig::default()
        // RFC 9112, 5.1 and 5.2: both are wrong, and a client is to take them.
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .parse_response_with_uninit_headers(&mut response, bytes, &mut room);
    let length = match parsed {
        Ok(Status::Complete(length)) if length > MOST_HEAD => {
            return Err(RequestFailure::HeadTooLong { most: MOST_HEAD });
        }
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(Parsed::Partial),
        Err(error) => return Err(malformed(bytes, error)),
    };
    let status = response.code.unwrap_or_default();
    match status {
        0..100 => Err(malformed(bytes, Error::Status)),
        101 => Err(RequestFailure::Switched),
        100..200 => Ok(Parsed::Interim(length)),
        _ => {
            let fields = response.headers.iter().map(|it| (it.name, it.value));
            let (head, fields) = understand(status, response.version == Some(1), fields)?;
            Ok(Parsed::Final(length, head, fields))
        }
    }
}

fn malformed(bytes: &[u8], error: Error) -> RequestFailure {
    const PROTOCOL: &[u8] = b"HTTP/";
    let begins = bytes.trim_ascii_start();
    match error {
        Error::TooManyHeaders => RequestFailure::TooManyFields { most: MOST_FIELDS },
        _ if !PROTOCOL.starts_with(begins.get(..PROTOCOL.len()).unwrap_or(begins)) => {
            RequestFailure::not_http(begins)
        }
        error => RequestFailure::Malformed {
            detail: error.to_string(),
        },
    }
}

/// What the fields say about the body and the connection, as far as it was read.
#[derive(Default)]
struct FramingFields {
    length: Option<u64>,
    lengths_differ: bool,
    no_length: bool,
    /// There is a transfer coding; whether the last one is `chunked`.
    chunked: Option<bool>,
    close: bool,
    keep: bool,
    keep_alive: Option<Duration>,
}

impl FramingFields {
    fn read(&mut self, name: &str, value: &[u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("content-length") {
            for length in items(value) {
                match number(length) {
                    None => self.no_length = true,
                    Some(length) if self.length.is_some_and(|it| it != length) => {
                        self.lengths_differ = true;
                    }
                    length => self.length = length,
                }
            }
        } else if is("transfer-encoding") {
            let last = items(value).last().unwrap_or_default();
            self.chunked = Some(is_text(value) && last.eq_ignore_ascii_case(b"chunked"));
        } else if is("connection") {
            // Nobody knows what it says.
            self.close |= !is_text(value);
            for option in items(value) {
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if is("keep-alive") && is_text(value) {
            let timeout = items(value).find_map(|item| {
                let (name, seconds) = item.split_at_checked(b"timeout=".len())?;
                let seconds = name.eq_ignore_ascii_case(b"timeout=").then_some(seconds)?;
                number(seconds.trim_ascii())
            });
            self.keep_alive = timeout.map(Duration::from_secs).or(self.keep_alive);
        }
    }

    fn has_length(&self) -> bool {
        self.length.is_some() || self.no_length
    }

    /// Whether it says where a body ends.
    fn frames(&self) -> bool {
        self.has_length() || self.chunked.is_some()
    }

    fn framing(&self, http_1_1: bool) -> Result<Framing, &'static str> {
        match self.chunked {
            Some(_) if !http_1_1 => Err("Transfer-Encoding in an answer of HTTP/1.0"),
            // It may hide a second answer (RFC 9112, 6.1).
            Some(_) if self.has_length() => Err("both Content-Length and Transfer-Encoding"),
            Some(true) => Ok(Framing::Chunks),
            Some(false) => Ok(Framing::UntilClose),
            None if self.no_length => Err("Content-Length is not a number"),
            None if self.lengths_differ => Err("several Content-Length that differ"),
            None => Ok(self.length.map_or(Framing::UntilClose, Framing::Length)),
        }
    }
}

fn understand<'a>(
    status: u16,
    http_1_1: bool,
    all: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<(Head, HeaderMap), RequestFailure> {
    let mut framing_fields = FramingFields::default();
    let mut fields = HeaderMap::new();
    let mut size = 0;
    for (name, value) in all {
        let value = unfolded(value);
        framing_fields.read(name, &value);
        size += name.len() + value.len();
        if size <= KEPT
            && let Ok(name) = HeaderName::from_bytes(name.as_bytes())
            && let Ok(value) = HeaderValue::from_bytes(&value)
        {
            fields.append(name, value);
        }
    }
    // These end with the head whatever it says. Where it says something, the receiver may have
    // sent a body all the same.
    let bare = matches!(status, 204 | 304);
    let framing = if bare {
        Framing::Length(0)
    } else {
        let framing = framing_fields.framing(http_1_1);
        framing.map_err(|detail| RequestFailure::Malformed {
            detail: detail.to_owned(),
        })?
    };
    let head = Head {
        status,
        framing,
        reusable: (http_1_1 || framing_fields.keep)
            && !framing_fields.close
            && framing != Framing::UntilClose
            && !(bare && framing_fields.frames()),
        keep_alive: framing_fields.keep_alive,
    };
    Ok((head, fields))
}

fn items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn is_text(value: &[u8]) -> bool {
    value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

/// Digits alone: no sign, as [`str::parse`] would take.
fn number(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = digits.then(|| str::from_utf8(text).ok())?;
    text?.parse().ok()
}

/// A folded value on one line: each fold becomes a space (RFC 9112, 5.2).
fn unfolded(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'\n') {
        return Cow::Borrowed(value);
    }
    let lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    Cow::Owned(lines.collect::<Vec<_>>().join(&b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Head, HeaderMap) {
        match parse(text.as_bytes()) {
            Ok(Parsed::Final(length, head, fields)) if length == text.len() => (head, fields),
            other => panic!("{text:?}: {other:?}"),
        }
    }

    fn whole(text: &str) -> Head {
        read(text).0
    }

    fn refused(head: &str) -> String {
        parse(head.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_body_ends_as_rfc_9112_rules() {
        for (fields, framing, reusable) in [
            ("Content-Length: 2\r\n", Framing::Length(2), true),
            ("content-length : 2\r\n", Framing::Length(2), true),
            (
                "Content-Length: 2\r\nContent-Length: 2\r\n",
                Framing::Length(2),
                true,
            ),
            ("Content-Length: 2, 2\r\n", Framing::Length(2), true),
            (
                "Content-Length: 2\r\nConnection: Close\r\n",
                Framing::Length(2),
                false,
            ),
            ("Transfer-Encoding: Chunked\r\n", Framing::Chunks, true),
            (
                "Transfer-Encoding: gzip, chunked\r\n",
                Framing::Chunks,
                true,
            ),
            ("Transfer-Encoding: gzip\r\n", Framing::UntilClose, false),
            (
                "Transfer-Encoding: \u{e9}, chunked\r\n",
                Framing::UntilClose,
                false,
            ),
            (
                "Content-Length: 2\r\nConnection: \u{e9}\r\n",
                Framing::Length(2),
                false,
            ),
            ("", Framing::UntilClose, false),
        ] {
            let head = whole(&format!("HTTP/1.1 205 Reset\r\n{fields}\r\n"));
            assert_eq!(
                (head.framing, head.reusable),
                (framing, reusable),
                "{fields:?}"
            );
        }
        let old = whole("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n");
        assert!(!old.reusable);
        let old = whole("HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n");
        assert!(old.reusable);
    }

    #[test]
    fn no_content_and_not_modified_end_with_the_head() {
        for status in [204, 304] {
            for (fields, reusable) in [
                ("", true),
                ("Content-Length: 5\r\n", false),
                ("Content-Length: five\r\n", false),
                ("Transfer-Encoding: chunked\r\n", false),
            ] {
                let head = whole(&format!("HTTP/1.1 {status} X\r\n{fields}\r\n"));
                assert_eq!(head.framing, Framing::Length(0), "{status} {fields:?}");
                assert_eq!(head.reusable, reusable, "{status} {fields:?}");
            }
        }
    }

    #[test]
    fn what_may_hide_a_second_answer_is_refused() {
        for (fields, reason) in [
            ("Content-Length: 2\r\nContent-Length: 3\r\n", "that differ"),
            ("Content-Length: 2, 3\r\n", "that differ"),
            ("Content-Length: +2\r\n", "not a number"),
            ("Content-Length: \r\n", "not a number"),
            (
                "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
                "both",
            ),
        ] {
            let refused = refused(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"));
            assert!(refused.contains(reason), "{fields:?}: {refused}");
        }
        let old = refused("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(old.contains("HTTP/1.0"), "{old}");
    }

    #[test]
    fn folds_become_spaces_and_the_limits_hold() {
        let folded = "HTTP/1.1 200 OK\r\nX-A: one\r\n\t two\r\n  three\r\nX-B:\r\n b\r\n\r\n";
        let (_, kept) = read(folded);
        assert_eq!(kept.get("x-a").unwrap(), "one two three");
        assert_eq!(kept.get("x-b").unwrap(), "b");

        let fields = |count: usize| "X-A: 1\r\n".repeat(count);
        let (_, kept) = read(&format!("HTTP/1.1 200 OK\r\n{}\r\n", fields(MOST_FIELDS)));
        assert_eq!(kept.get_all("x-a").count(), MOST_FIELDS);
        let more = refused(&format!(
            "HTTP/1.1 200 OK\r\n{}\r\n",
            fields(MOST_FIELDS + 1)
        ));
        assert!(more.contains("200 header fields"), "{more}");

        let long = |length: usize| {
            let rest = length - "HTTP/1.1 200 OK\r\nX-A: \r\nConnection: close\r\n\r\n".len();
            format!(
                "HTTP/1.1 200 OK\r\nX-A: {}\r\nConnection: close\r\n\r\n",
                "x".repeat(rest)
            )
        };
        let (head, kept) = read(&long(MOST_HEAD));
        assert!(kept.is_empty() && !head.reusable);
        assert!(refused(&long(MOST_HEAD + 1)).contains("65536 bytes"));
    }

    #[test]
    fn interim_answers_are_no_final_ones_and_101_is_a_failure() {
        for status in [100, 102, 103, 199] {
            let text = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n");
            let parsed = parse(text.as_bytes()).unwrap();
            assert!(matches!(parsed, Parsed::Interim(length) if length == text.len()));
        }
        assert!(refused("HTTP/1.1 101 Switching Protocols\r\n\r\n").contains("(101)"));
        assert!(refused("HTTP/1.1 099 X\r\n\r\n").contains("not valid HTTP"));
        assert!(refused("SSH-2.0-OpenSSH_9.2\r\n").contains("`SSH-2.0-OpenSSH_9.2`"));
        assert!(refused("HTTP/2.0 200 OK\r\n\r\n").contains("version"));
    }

    #[test]
    fn the_announced_idle_time_is_read() {
        for (value, seconds) in [
            ("timeout=5", Some(5)),
            ("max=100, Timeout=72", Some(72)),
            ("timeout=, max=3", None),
            ("5", None),
        ] {
            let head = whole(&format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: {value}\r\n\r\n"
            ));
            assert_eq!(head.keep_alive, seconds.map(Duration::from_secs), "{value}");
        }
    }
}
