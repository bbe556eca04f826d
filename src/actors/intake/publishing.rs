//! What a publisher hands in, and the receipt that comes back.

use std::sync::Arc;

use actix::Message;
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::actors::observe::metrics::Waits;
use crate::domain::hops::Hops;
use crate::domain::id::{AccountId, EventId};
use crate::store::made_key::KeyRefused;

/// The result of one publish request: one for each of its events, in their order.
pub(crate) type PublishResult = Result<Vec<Result<Receipt, KeyRefused>>, PublishError>;

/// Events to be committed together. The engine sends it for each publish request; `reply` gets the
/// result after the commit. If it is lost, the publisher gets 503 and publishes again.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct PublishEvents {
    pub(crate) events: Vec<NewEvent>,
    pub(crate) reply: oneshot::Sender<PublishResult>,
    /// Counts it until its commit begins.
    pub(crate) _waits: Waits,
}

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

/// The receipt for one committed event.
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
