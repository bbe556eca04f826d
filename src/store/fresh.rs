//! Identifiers and time: new ids for rows that people make (events have their own source in a
//! lane), and the ids that bound a span of time.

use chrono::{DateTime, Utc};
use uuid::{NoContext, Timestamp, Uuid};

use super::clock::DatabaseClock;

/// A UUIDv7 of the database's time, so that ids sort as their rows were made.
#[must_use]
pub fn fresh_uuid(clock: &DatabaseClock) -> Uuid {
    let micros = u64::try_from(clock.micros()).unwrap_or_default();
    let nanos = u32::try_from(micros % 1_000_000).unwrap_or_default() * 1_000;
    Uuid::new_v7(Timestamp::from_unix(NoContext, micros / 1_000_000, nanos))
}

/// The lowest UUIDv7 of an instant: what was made before it is below.
#[must_use]
pub fn lowest_uuid(at: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
    // 48 bits of milliseconds lead the id; a later instant has none.
    Uuid::from_u128(u128::from(millis.min((1 << 48) - 1)) << 80)
}
