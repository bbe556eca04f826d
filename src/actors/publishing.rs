//! What a publisher hands in and what it is told.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::hops::Hops;
use crate::domain::id::{AccountId, EventId};

/// An event that passed every check and waits for its commit.
#[derive(Debug)]
pub struct NewEvent {
    /// Whose it is.
    pub account: AccountId,
    /// A name of the catalogue.
    pub event_type: Arc<str>,
    /// The bytes as published.
    pub payload: Bytes,
    /// Where the payload does not fit its schema: a JSON array of `{pointer, detail}`.
    pub warnings: Option<String>,
    /// The databases that it came through; none: it began here.
    pub hops: Option<Hops>,
    /// What makes a repeated request harmless.
    pub key: Option<IdempotencyKey>,
}

/// A key that the publisher chose, with the SHA-256 of the body that came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// 1 to 255 characters (and `/L` for line L of a batch).
    pub key: String,
    /// SHA-256 of the body.
    pub body_hash: [u8; 32],
}

/// What a publisher is told of one committed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its id.
    pub id: EventId,
    /// How many subscriptions matched.
    pub deliveries: usize,
    /// The key was used before with the same body; nothing new was stored.
    pub duplicate: bool,
}

/// Why nothing of a request was accepted.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The database is away, or it is not known whether the commit happened.
    #[error("the database is away")]
    Away,
    /// Herald is stopping.
    #[error("Herald is stopping")]
    Stopping,
}
