//! What ended within the last minute, second by second. It judges nothing.

use std::time::Duration;

/// Seconds that are kept.
pub(super) const KEPT: u64 = 60;

/// The last [`KEPT`] seconds, the one under way among them.
#[derive(Debug)]
pub(super) struct Window([Second; KEPT as usize]);

/// What ended within one second, or several.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Second {
    number: u64,
    pub(super) calls: u64,
    pub(super) failures: u64,
    /// The time of all runs.
    pub(super) time: Duration,
    /// The time of those that failed.
    pub(super) failed: Duration,
    /// The time of those that were slow and did not fail.
    pub(super) slow: Duration,
}

impl Default for Window {
    fn default() -> Self {
        Self([Second::default(); KEPT as usize])
    }
}

impl Window {
    /// The place of that second. A clock that is read by several threads may come late: then it
    /// is the newer second that stands there already.
    pub(super) fn second(&mut self, number: u64) -> &mut Second {
        let place = (number % KEPT) as usize;
        #[allow(
            clippy::indexing_slicing,
            reason = "the remainder is below the array's length"
        )]
        let second = &mut self.0[place];
        if second.number < number {
            *second = Second {
                number,
                ..Second::default()
            };
        }
        second
    }

    /// The last `most` seconds together.
    pub(super) fn sum(&self, now: u64, most: u64) -> Second {
        let recent = self.0.iter().filter(|it| it.number + most > now);
        recent.fold(Second::default(), |sum, second| Second {
            number: now,
            calls: sum.calls + second.calls,
            failures: sum.failures + second.failures,
            time: sum.time + second.time,
            failed: sum.failed + second.failed,
            slow: sum.slow + second.slow,
        })
    }
}
