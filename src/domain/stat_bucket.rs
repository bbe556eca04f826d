//! What is counted of a minute or an hour: events, what came of attempts, and how long targets
//! took to answer.

use super::delivery::{Origin, Outcome};

/// Parts into which the times of answers fall.
pub const PARTS: usize = 25;
/// Where each part but the first begins, in milliseconds; the last one has no end.
pub const BOUNDS: [i32; PARTS - 1] = [
    1, 2, 3, 5, 7, 10, 20, 30, 50, 70, 100, 200, 300, 500, 700, 1_000, 2_000, 3_000, 5_000, 7_000,
    10_000, 20_000, 30_000, 60_000,
];

/// The counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatBucket {
    /// Accepted events.
    pub events: u32,
    /// Attempts that the target answered 2xx.
    pub sent: u32,
    /// Attempts that used the schedule up.
    pub failed: u32,
    /// A plugin said no.
    pub filtered: u32,
    /// Given up on purpose.
    pub cancelled: u32,
    /// Attempts that went wrong and are made again.
    pub retried: u32,
    /// How many targets answered within which time.
    pub latency: Latency,
}

impl StatBucket {
    /// Whether an attempt counts: tests and what a later try decided do not.
    #[must_use]
    pub const fn takes(origin: Origin, outcome: Outcome) -> bool {
        !matches!(origin, Origin::Test) && !matches!(outcome, Outcome::Superseded)
    }

    /// Adds an attempt. Only a target that answered, and so has a `status`, has a latency.
    pub fn attempt(&mut self, outcome: Outcome, duration_ms: i32, status: Option<i16>) {
        match outcome {
            Outcome::Sent => self.sent += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Filtered => self.filtered += 1,
            Outcome::Cancelled => self.cancelled += 1,
            Outcome::Retry => self.retried += 1,
            Outcome::Superseded => return,
        }
        if status.is_some() {
            self.latency.answered(duration_ms);
        }
    }

    /// Adds another bucket.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.sent += other.sent;
        self.failed += other.failed;
        self.filtered += other.filtered;
        self.cancelled += other.cancelled;
        self.retried += other.retried;
        self.latency.add(&other.latency);
    }

    /// Attempts that went wrong.
    #[must_use]
    pub const fn errors(&self) -> u32 {
        self.failed + self.retried
    }

    /// The part of the attempts at a target that went well, from 0 to 1; none without any.
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        let all = f64::from(self.sent) + f64::from(self.errors());
        (all > 0.0).then(|| f64::from(self.sent) / all)
    }
}

/// How many answers took how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency([u32; PARTS]);

impl Latency {
    /// From counts as they are stored; those that are missing at the end are 0.
    pub fn from_counts(counts: impl IntoIterator<Item = u32>) -> Self {
        let mut latency = Self::default();
        for (slot, count) in latency.0.iter_mut().zip(counts) {
            *slot = count;
        }
        latency
    }

    /// The counts without the zeros at their end.
    #[must_use]
    pub fn counts(&self) -> &[u32] {
        let end = self.0.iter().rposition(|count| *count > 0);
        self.0.get(..end.map_or(0, |end| end + 1)).unwrap_or(&[])
    }

    /// Sets the count of one part; there is none beyond the last.
    pub fn set(&mut self, part: usize, count: u32) {
        if let Some(slot) = self.0.get_mut(part) {
            *slot = count;
        }
    }

    fn answered(&mut self, duration_ms: i32) {
        let part = BOUNDS.partition_point(|bound| *bound <= duration_ms);
        if let Some(count) = self.0.get_mut(part) {
            *count += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        for (mine, more) in self.0.iter_mut().zip(other.0) {
            *mine += more;
        }
    }

    /// The milliseconds that this share (0 to 1) of the answers did not exceed, interpolated
    /// within its part of the scale; none without answers.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let all: f64 = self.0.iter().map(|count| f64::from(*count)).sum();
        if all == 0.0 {
            return None;
        }
        let rank = (all * share).clamp(1.0, all);
        let mut below = 0.0;
        let starts = std::iter::once(0).chain(BOUNDS);
        let ends = BOUNDS.into_iter().chain(std::iter::once(120_000));
        for ((count, from), to) in self.0.iter().zip(starts).zip(ends) {
            let count = f64::from(*count);
            if count > 0.0 && below + count >= rank {
                let within = (rank - below) / count;
                let from = f64::from(from).max(0.5);
                return Some(from * (f64::from(to) / from).powf(within));
            }
            below += count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_attempt_counts_by_its_outcome_and_a_latency_only_if_the_target_answered() {
        let mut bucket = StatBucket::default();
        bucket.attempt(Outcome::Sent, 12, Some(200));
        bucket.attempt(Outcome::Retry, 15_000, None);
        bucket.attempt(Outcome::Failed, 0, Some(500));
        bucket.attempt(Outcome::Filtered, 1, None);
        bucket.attempt(Outcome::Cancelled, 0, None);
        bucket.attempt(Outcome::Superseded, 3, Some(200));
        let outcomes = [bucket.sent, bucket.retried, bucket.failed];
        assert_eq!(outcomes, [1, 1, 1]);
        assert_eq!(
            [bucket.filtered, bucket.cancelled, bucket.errors()],
            [1, 1, 2]
        );
        assert_eq!(bucket.latency.counts(), [1, 0, 0, 0, 0, 0, 1]);
        assert_eq!(bucket.success_rate(), Some(1.0 / 3.0));
        assert_eq!(StatBucket::default().success_rate(), None);
        assert!(StatBucket::takes(Origin::Resend, Outcome::Sent));
        assert!(!StatBucket::takes(Origin::Test, Outcome::Sent));
        assert!(!StatBucket::takes(Origin::First, Outcome::Superseded));
    }

    #[test]
    fn without_answers_there_is_no_quantile() {
        assert_eq!(Latency::default().quantile(0.5), None);
        assert_eq!(Latency::default().counts(), [0_u32; 0]);
    }

    proptest! {
        #[test]
        fn a_quantile_lies_in_the_part_of_the_scale_that_holds_the_exact_one(
            times in proptest::collection::vec(0_i32..100_000, 1..200),
            percent in 1_u32..=100,
        ) {
            let mut latency = Latency::default();
            times.iter().for_each(|time| latency.answered(*time));
            let mut sorted = times;
            sorted.sort_unstable();
            let rank = (sorted.len() * percent as usize).div_ceil(100).max(1);
            let part = BOUNDS.partition_point(|bound| *bound <= sorted[rank - 1]);
            let from = part.checked_sub(1).map_or(0.0, |part| f64::from(BOUNDS[part]));
            let to = BOUNDS.get(part).map_or(120_000.0, |to| f64::from(*to));
            let estimate = latency.quantile(f64::from(percent) / 100.0).unwrap();
            // A rank between two answers belongs to either of their parts.
            prop_assert!(estimate <= to * 1.001, "{estimate} is above {to}");
            let before = BOUNDS.partition_point(|bound| *bound <= sorted[rank.saturating_sub(2)]);
            let lowest = before.checked_sub(1).map_or(0.0, |part| f64::from(BOUNDS[part]));
            prop_assert!(estimate >= lowest.min(from), "{estimate} is below {from}");
            let counts = latency.counts().to_vec();
            prop_assert_eq!(Latency::from_counts(counts), latency);
        }
    }
}
