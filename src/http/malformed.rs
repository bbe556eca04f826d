//! How a connection ended that its client did not close: requests that cannot be read are counted,
//! and Herald's own faults are logged. The HTTP library's lines about both are off
//! (`app/logging.rs`), since whoever reaches the port could fill the log with them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_http::error::{DispatchError, ParseError};

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
        self.0
            .get(part as usize)
            .map_or(0, |it| it.load(Ordering::Relaxed))
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
