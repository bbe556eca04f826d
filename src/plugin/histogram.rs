//! How long many runs took, in little room and good to 10 %.

use std::time::Duration;

/// How many parts each doubling of the time has, so that a part is 12.5 % wide at most.
const PARTS: usize = 8;
const PARTS_BITS: u32 = PARTS.trailing_zeros();
/// Up to 2^32 microseconds, more than an hour.
const BUCKETS: usize = PARTS * (32 - PARTS_BITS as usize + 1);

/// Counts of times in microseconds: exact below 8, then eight parts for each doubling.
#[derive(Debug)]
pub(super) struct Histogram([u64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Histogram {
    pub(super) fn add(&mut self, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        if let Some(count) = self.0.get_mut(bucket(micros)) {
            *count += 1;
        }
    }

    /// The middle of the part in which the time lies that so many percent do not exceed; `None`
    /// before the first.
    pub(super) fn quantile(&self, percent: u64) -> Option<Duration> {
        let counted: u64 = self.0.iter().sum();
        let rank = (counted * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let found = self.0.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.map(|bucket| Duration::from_micros(middle(bucket)))
    }
}

fn bucket(micros: u32) -> usize {
    let doublings = micros.checked_ilog2().unwrap_or(0);
    let Some(shift) = doublings.checked_sub(PARTS_BITS) else {
        return micros as usize;
    };
    PARTS * shift as usize + (micros >> shift) as usize
}

fn middle(bucket: usize) -> u64 {
    let shift = (bucket / PARTS).saturating_sub(1);
    let least = (bucket - PARTS * shift) as u64;
    (least << shift) + ((1 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_quantile_is_good_to_ten_percent(
            times in proptest::collection::vec(
                prop_oneof![0_u64..20, 0_u64..100_000, 0_u64..4_000_000_000],
                1..400,
            ),
            percent in 1_u64..=100,
        ) {
            let mut histogram = Histogram::default();
            for micros in &times {
                histogram.add(Duration::from_micros(*micros));
            }
            let mut sorted = times;
            sorted.sort_unstable();
            let exact = sorted[(sorted.len() * percent as usize).div_ceil(100) - 1] as f64;
            let found = histogram.quantile(percent).unwrap().as_micros() as f64;
            prop_assert!((found - exact).abs() <= exact * 0.1, "{} {}", found, exact);
        }
    }

    #[test]
    fn what_is_too_long_to_tell_is_as_long_as_can_be_told() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(99), None);
        histogram.add(Duration::MAX);
        assert!(histogram.quantile(99) > Some(Duration::from_secs(4_000)));
    }
}
