//! What ended within the last minute, second by second. It judges nothing.

use std::time::Duration;

/// Seconds that are kept.
pub(super) const KEPT: u32 = 60;

/// The last [`KEPT`] seconds, the one under way among them. Every account with each version that
/// it uses has one: it is kept small.
#[derive(Debug)]
pub(super) struct RunWindow([Second; KEPT as usize]);

/// What ended within one second. Times are in microseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Second {
    number: u32,
    calls: u32,
    failures: u32,
    time: u32,
    failed: u32,
    slow: u32,
}

/// What ended within several.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WindowSum {
    pub(super) calls: u64,
    pub(super) failures: u64,
    /// The time of all runs.
    pub(super) time: Duration,
    /// The time of those that failed.
    pub(super) failed: Duration,
    /// The time of those that were slow and did not fail.
    pub(super) slow: Duration,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    Slow,
    Failed,
}

impl Default for RunWindow {
    fn default() -> Self {
        Self([Second::default(); KEPT as usize])
    }
}

impl RunWindow {
    /// Adds a run that ended in that second. A clock that is read by several threads may come
    /// late: then it is the newer second that is there already.
    pub(super) fn add(&mut self, number: u32, time: Duration, how: Ended) {
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
        let time = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        second.calls = second.calls.saturating_add(1);
        second.time = second.time.saturating_add(time);
        match how {
            Ended::Well => {}
            Ended::Slow => second.slow = second.slow.saturating_add(time),
            Ended::Failed => {
                second.failures = second.failures.saturating_add(1);
                second.failed = second.failed.saturating_add(time);
            }
        }
    }

    /// The last `most` seconds together.
    pub(super) fn sum(&self, now: u32, most: u32) -> WindowSum {
        let recent = (self.0.iter()).filter(|it| it.number.saturating_add(most) > now);
        let micros = |time: u32| Duration::from_micros(u64::from(time));
        recent.fold(WindowSum::default(), |sum, second| WindowSum {
            calls: sum.calls + u64::from(second.calls),
            failures: sum.failures + u64::from(second.failures),
            time: sum.time + micros(second.time),
            failed: sum.failed + micros(second.failed),
            slow: sum.slow + micros(second.slow),
        })
    }
}
