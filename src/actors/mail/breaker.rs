//! Whether the mail server is at work. While it is not, one mail at a time finds out, after
//! growing pauses: thousands that wait are not tried in vain, and cost nothing.

use std::time::{Duration, Instant};

/// Tries in a row that did not reach the server, after which it counts as down.
const FAILURES: u32 = 3;
/// The first pause between two mails that find out.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// A change that is worth a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BreakerChange {
    Down,
    Up,
}

#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// Until when nothing is tried.
    until: Option<Instant>,
}

impl Breaker {
    /// Whether the server counts as down.
    pub(super) const fn is_open(&self) -> bool {
        self.failures >= FAILURES
    }

    /// How many mails may be under way at one time.
    pub(super) fn room(&self, most: usize, now: Instant) -> usize {
        if !self.is_open() {
            most
        } else if self.until.is_none_or(|until| now >= until) {
            1
        } else {
            0
        }
    }

    /// Notes whether a try reached the server.
    pub(super) fn note(&mut self, reached: bool, now: Instant) -> Option<BreakerChange> {
        let was_open = self.is_open();
        if reached {
            *self = Self::default();
            return was_open.then_some(BreakerChange::Up);
        }
        self.failures = self.failures.saturating_add(1);
        if self.is_open() {
            let doubled = (self.failures - FAILURES).min(16);
            let pause = FIRST.saturating_mul(1 << doubled).min(LONGEST);
            self.until = Some(now + pause);
        }
        (self.is_open() && !was_open).then_some(BreakerChange::Down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_down_is_asked_by_one_mail_after_growing_pauses() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        assert_eq!(breaker.note(false, now), None);
        assert_eq!(breaker.room(4, now), 4);
        assert_eq!(breaker.note(false, now), None);
        assert_eq!(breaker.note(false, now), Some(BreakerChange::Down));
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert_eq!(breaker.room(4, now), 0);
            let mut pause = 0;
            while breaker.room(4, now) == 0 {
                now += Duration::from_secs(1);
                pause += 1;
            }
            assert_eq!(breaker.room(4, now), 1);
            assert_eq!(breaker.note(false, now), None);
            pauses.push(pause);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(breaker.note(true, now), Some(BreakerChange::Up));
        assert_eq!(breaker.room(4, now), 4);
    }
}
