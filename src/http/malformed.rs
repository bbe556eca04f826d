//! How a connection ended that its client did not close: requests that cannot be read are counted,
//! and Herald's own faults are logged. The HTTP library's lines about both are off
//! (`app/logging.rs`), since whoever reaches the port could fill the log with them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_http::error::{DispatchError, ParseError};

use super::problem::{ProblemDetails, ProblemKind};

/// The problem behind the HTTP library's bare status for a head that it cannot read. None:
/// it is another answer.
pub(super) fn problem_of(answer: &[u8]) -> Option<ProblemDetails> {
    let status = answer.strip_prefix(b"HTTP/1.")?.get(2..)?;
    let (kind, detail) = if status.starts_with(b"400 ") {
        let detail = "This is no request as HTTP/1.1 has it (RFC 9112): its first line, a header or \
                      the length of its body cannot be read. Over TLS, use the port that has it.";
        (ProblemKind::Malformed, detail)
    } else if status.starts_with(b"431 ") {
        let detail = "The head of a request may have 128 KiB and 96 headers.";
        (ProblemKind::LargeHead, detail)
    } else {
        return None;
    };
    let is_own = memchr::memmem::find(answer, b"\r\nrequest-id: ").is_some();
    (!is_own && answer.ends_with(b"\r\n\r\n")).then(|| ProblemDetails::new(kind, detail))
}

/// What cannot be read of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MalformedPart {
    /// Its head: no HTTP at all (TLS, for instance), or HTTP that breaks the rules.
    Head,
    /// Its head is too large.
    LargeHead,
    /// Its body: a chunk breaks the rules.
    Body,
}

impl MalformedPart {
    /// The parts with their names in the metrics.
    pub(super) const ALL: [(Self, &str); 3] = [
        (Self::Head, "head"),
        (Self::LargeHead, "large_head"),
        (Self::Body, "body"),
    ];
}

/// The requests since the start that could not be read.
#[derive(Debug, Default)]
pub(super) struct Malformed([AtomicU64; MalformedPart::ALL.len()]);

impl Malformed {
    pub(super) fn count(&self, part: MalformedPart) {
        if let Some(count) = self.0.get(part as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many there were.
    pub(super) fn of(&self, part: MalformedPart) -> u64 {
        let count = self.0.get(part as usize);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Counts or logs why a connection ended.
    pub(super) fn ended(&self, peer: Option<SocketAddr>, why: &DispatchError) {
        match why {
            // The client is gone, or was cut off.
            DispatchError::Io(_)
            | DispatchError::Parse(ParseError::Io(_))
            | DispatchError::DisconnectTimeout => return,
            DispatchError::Parse(ParseError::TooLarge) => self.count(MalformedPart::LargeHead),
            DispatchError::Parse(_) => self.count(MalformedPart::Head),
            fault => {
                tracing::error!(?peer, error = %fault, "an answer broke off by a fault of Herald's");
                return;
            }
        }
        tracing::debug!(?peer, error = %why, "a request cannot be read");
    }
}
