//! The handle by which the web layer reaches the actors. Cheap to clone.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::store::clock::DatabaseClock;
use crate::store::{Database, StoreError};

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

/// The idempotency key was used before with another body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this Idempotency-Key was used before with another body")]
pub struct KeyReused;

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

/// Whether the daemon accepts events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// A lane is open and its lease is fresh.
    pub accepting: bool,
}

/// The handle.
#[derive(Clone)]
pub struct Engine {
    database: Database,
    clock: Arc<DatabaseClock>,
    types: Arc<super::TypeTable>,
}

impl Engine {
    /// The database, for what people and tools ask.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// The database's time.
    #[must_use]
    pub fn clock(&self) -> &DatabaseClock {
        &self.clock
    }

    /// The event types in force.
    #[must_use]
    pub fn types(&self) -> Arc<super::TypeTable> {
        Arc::clone(&self.types)
    }

    /// Commits events; answers in their order.
    ///
    /// # Errors
    /// When nothing of them was accepted, or that is not known.
    #[allow(clippy::unused_async, reason = "being laid")]
    pub async fn publish(
        &self,
        _events: Vec<NewEvent>,
    ) -> Result<Vec<Result<Receipt, KeyReused>>, PublishError> {
        Err(PublishError::Away)
    }

    /// Tells that subscriptions or event types changed. A hint: the Housekeeper would see it
    /// within a second.
    pub fn routing_changed(&self) {}

    /// Tells that a subscription may have due deliveries. A hint, as above.
    pub fn deliveries_due(&self, _subscription: SubscriptionId) {}

    /// Stores an event of a test and tries it at once, whatever the subscription's state.
    ///
    /// # Errors
    /// When the database is away.
    #[allow(clippy::unused_async, reason = "being laid")]
    pub async fn send_test(
        &self,
        _account: AccountId,
        _subscription: SubscriptionId,
        _event_type: &str,
        _payload: Bytes,
    ) -> Result<EventId, StoreError> {
        Err(StoreError::Away("being laid".to_owned()))
    }

    /// Whether the daemon accepts events.
    #[must_use]
    pub fn health(&self) -> Health {
        Health { accepting: false }
    }
}
