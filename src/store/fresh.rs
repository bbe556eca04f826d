//! New identifiers for rows that people make (events have their own source in a lane).

use uuid::{NoContext, Timestamp, Uuid};

use super::clock::DatabaseClock;

/// A UUIDv7 of the database's time, so that ids sort as their rows were made.
#[must_use]
pub fn fresh_uuid(clock: &DatabaseClock) -> Uuid {
    let micros = u64::try_from(clock.micros()).unwrap_or_default();
    let nanos = u32::try_from(micros % 1_000_000).unwrap_or_default() * 1_000;
    Uuid::new_v7(Timestamp::from_unix(NoContext, micros / 1_000_000, nanos))
}
