//! The one clock of a daemon: the database's time, carried forward by the machine's clock that
//! counts sleep. Nothing else in Herald reads a wall clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rustix::time::{ClockId, clock_gettime};

/// Time since the machine's start, sleep included (`CLOCK_BOOTTIME`).
#[must_use]
pub fn uptime() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

/// The database's time. Set by each reply that carries `now()`.
#[derive(Debug)]
pub struct DatabaseClock {
    /// Microseconds to add to the uptime.
    offset: AtomicI64,
}

impl DatabaseClock {
    /// Starts from the machine's own clock, until the database's time is known.
    #[must_use]
    pub fn new() -> Self {
        let wall = clock_gettime(ClockId::Realtime);
        let wall = wall
            .tv_sec
            .saturating_mul(1_000_000)
            .saturating_add(wall.tv_nsec / 1_000);
        Self {
            offset: AtomicI64::new(wall.saturating_sub(micros(uptime()))),
        }
    }

    /// Takes over the database's time; `asked` is the uptime before the question.
    /// Returns by how much the clock moved, in microseconds.
    pub fn set(&self, database: DateTime<Utc>, asked: Duration) -> i64 {
        let middle = micros(asked).midpoint(micros(uptime()));
        let offset = database.timestamp_micros().saturating_sub(middle);
        offset.saturating_sub(self.offset.swap(offset, Ordering::Relaxed))
    }

    /// The database's time now.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.micros()).unwrap_or_default()
    }

    /// The database's time now, in microseconds since 1970.
    #[must_use]
    pub fn micros(&self) -> i64 {
        micros(uptime()).saturating_add(self.offset.load(Ordering::Relaxed))
    }
}

impl Default for DatabaseClock {
    fn default() -> Self {
        Self::new()
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
