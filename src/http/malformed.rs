//! How a connection ended that its client did not close: requests that cannot be read are counted,
//! and Herald's own faults are logged. The HTTP library's lines about both are off
//! (`app/logging.rs`), since whoever reaches the port could fill the log with them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_http::error::{DispatchError, ParseError};

use super::problem::{Kind, Problem};

/// The problem behind the HTTP library's bare status for a head that it cannot read. None:
/// it is another answer.
pub(super) fn problem_of(answer: &[u8]) -> Option<Problem> {
    let status = answer.strip_prefix(b"HTTP/1.")?.get(2..)?;
    let (kind, detail) = if status.starts_with(b"400 ") {
        let detail = "This is no request as HTTP/1.1 has it (RFC 9112): its first line, a header or \
                      the length of its body cannot be read. Over TLS, use the port that has it.";
        (Kind::Malformed, detail)
    } else if status.starts_with(b"431 ") {
        let detail = "The head of a request may have 128 KiB and 96 headers.";
        (Kind::LargeHead, detail)
    } else {
        return None;
    };
    let is_own = memchr::memmem::find(answer, b"\r\nrequest-id: ").is_some();
    (!is_own && answer.ends_with(b"\r\n\r\n")).then(|| Problem::new(kind, detail))
}

/// What cannot be read of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Its head: no HTTP at all (TLS, for instance), or HTTP that breaks the rules.
    Head,
    /// Its head is too large.
    LargeHead,
    /// Its body: a chunk breaks the rules.
    Body,
}

impl Part {
    /// The parts with the words that the metrics have for them.
    pub(super) const ALL: [(Self, &str); 3] = [
        (Self::Head, "head"),
        (Self::LargeHead, "large_head"),
        (Self::Body, "body"),
    ];
}

/// The requests since the start that could not be read.
#[derive(Debug, Default)]
pub(super) struct Malformed([AtomicU64; Part::ALL.len()]);

impl Malformed {
    /// Counts one.
    pub(super) fn count(&self, part: Part) {
        if let Some(count) = self.0.get(part as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many there were.
    pub(super) fn of(&self, part: Part) -> u64 {
        let count = self.0.get(part as usize);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Takes up why a connection ended.
    pub(super) fn ended(&self, peer: Option<SocketAddr>, why: &DispatchError) {
        match why {
            // The client is gone, or was cut off.
            DispatchError::Io(_)
            | DispatchError::Parse(ParseError::Io(_))
            | DispatchError::DisconnectTimeout => return,
            DispatchError::Parse(ParseError::TooLarge) => self.count(Part::LargeHead),
            DispatchError::Parse(_) => self.count(Part::Head),
            fault => {
                tracing::error!(?peer, error = %fault, "an answer broke off by a fault of Herald's");
                return;
            }
        }
        tracing::debug!(?peer, error = %why, "a request cannot be read");
    }
}
