//! (being laid)

use chrono::{DateTime, Utc};

use super::{Database, StoreError};

/// The count of every target of every accepted event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// When it was taken.
    pub as_of: DateTime<Utc>,
    /// Events.
    pub accepted: i64,
    /// Their targets.
    pub targets: i64,
    /// Ended as sent.
    pub sent: i64,
    /// Ended as failed.
    pub failed: i64,
    /// Ended as filtered.
    pub filtered: i64,
    /// Ended as cancelled.
    pub cancelled: i64,
    /// With a row.
    pub open: i64,
    /// In memory of a live lane.
    pub in_flight: i64,
    /// None of these.
    pub lost: i64,
    /// A row beside an end.
    pub double: i64,
}

/// Takes the count.
///
/// # Errors
/// When the database is away.
#[allow(clippy::unused_async, reason = "being laid")]
pub async fn run(_database: &Database) -> Result<Audit, StoreError> {
    Err(StoreError::Unfit("being laid".to_owned()))
}
