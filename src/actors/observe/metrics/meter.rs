//! What metrics are counted in: numbers that any thread raises without waiting and any other reads.
//!
//! All of it is relaxed: a reader sees each number as it was a moment ago, and nothing is decided
//! by it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Something that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How much there is of something now.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    pub(crate) fn add(&self, more: i64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Below zero only for a moment: one thread may take away before another has added.
    pub(crate) fn read(&self) -> u64 {
        u64::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(0)
    }
}

/// The bounds of a histogram: each the largest value of its part, rising, in the unit in which
/// values are observed.
pub(crate) type HistogramBounds = &'static [u64];

/// How often values fell into which part of a scale. One thread alone observes, any reads: so
/// nothing is locked, and a value costs some nanoseconds. If two threads observed at once, one
/// value would be lost.
#[derive(Debug)]
pub(crate) struct MetricHistogram {
    bounds: HistogramBounds,
    /// One for each bound, and one for what is above the last.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl MetricHistogram {
    pub(crate) fn new(bounds: HistogramBounds) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Adds a value.
    pub(crate) fn observe(&self, value: u64) {
        let part = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(part) {
            raise(count, 1);
        }
        raise(&self.sum, value);
    }

    /// Adds a time, where the unit is the microsecond.
    pub(crate) fn took(&self, time: Duration) {
        let whole = time.as_secs().saturating_mul(1_000_000);
        self.observe(whole.saturating_add(time.subsec_micros().into()));
    }

    pub(crate) fn read(&self) -> Distribution {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Distribution {
            bounds: self.bounds,
            counts: self.counts.iter().map(read).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

fn raise(number: &AtomicU64, more: u64) {
    let now = number.load(Ordering::Relaxed);
    number.store(now.wrapping_add(more), Ordering::Relaxed);
}

/// A histogram as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// The largest value of each part but the last, in the unit of the values.
    pub bounds: &'static [u64],
    /// How many values each part has; one more than there are bounds.
    pub counts: Vec<u64>,
    /// The values together.
    pub sum: u64,
}

impl Distribution {
    /// None yet.
    pub(crate) fn empty(bounds: HistogramBounds) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1],
            sum: 0,
        }
    }

    /// Adds another one of the same scale.
    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, more) in self.counts.iter_mut().zip(&other.counts) {
            *mine += more;
        }
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_part_that_it_ends() {
        let histogram = MetricHistogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21, 1_000] {
            histogram.observe(value);
        }
        let mut read = histogram.read();
        assert_eq!((read.counts.as_slice(), read.sum), (&[2, 2, 2][..], 1_062));
        read.add(&histogram.read());
        assert_eq!((read.counts.as_slice(), read.sum), (&[4, 4, 4][..], 2_124));
    }
}
