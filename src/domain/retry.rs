//! When a delivery that went wrong is tried again. It knows neither the time nor the database:
//! the caller passes both the moment and the random part.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Upper bound of the number of retries.
pub const MAX_RETRIES: usize = 30;
/// Upper bound of one step: seven days, in seconds.
pub const MAX_STEP_SECONDS: u32 = 604_800;
/// The longest wait that a receiver may ask for.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(86_400);
/// What jitter adds at most, as a share of the step.
const JITTER: f64 = 0.1;
/// 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
const DEFAULT: [u32; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// The waits after the first, second, … failure, in seconds. An empty one means no retry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RetrySchedule(Box<[u32]>);

/// Why a list of seconds is not a retry schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RetryError {
    /// More than [`MAX_RETRIES`] steps.
    #[error("a retry schedule has {count} steps: at most {MAX_RETRIES} are allowed")]
    TooMany {
        /// What was given.
        count: usize,
    },
    /// A step is zero or above [`MAX_STEP_SECONDS`].
    #[error(
        "step {place} of a retry schedule is {seconds} seconds: it must be 1 to {MAX_STEP_SECONDS} \
         (7 days)"
    )]
    Step {
        /// Which step, counted from 1.
        place: usize,
        /// What was given.
        seconds: u32,
    },
}

impl RetrySchedule {
    /// Checks a schedule: 0 to [`MAX_RETRIES`] steps of 1 to [`MAX_STEP_SECONDS`] seconds each.
    ///
    /// # Errors
    /// Says which of these bounds is broken, and where.
    pub fn new(seconds: Vec<u32>) -> Result<Self, RetryError> {
        if seconds.len() > MAX_RETRIES {
            return Err(RetryError::TooMany {
                count: seconds.len(),
            });
        }
        let outside = seconds
            .iter()
            .enumerate()
            .find(|(_, seconds)| !(1..=MAX_STEP_SECONDS).contains(*seconds));
        match outside {
            Some((index, seconds)) => Err(RetryError::Step {
                place: index + 1,
                seconds: *seconds,
            }),
            None => Ok(Self(seconds.into())),
        }
    }

    /// The steps in seconds, first failure first.
    #[must_use]
    pub fn as_seconds(&self) -> &[u32] {
        &self.0
    }

    /// How long to wait after a failure, or `None` when the schedule is used up.
    ///
    /// - `failures`: the failed attempts of this round, the last one included, so at least 1.
    /// - `retry_after`: what the receiver asked for. It only lengthens the wait, and no more
    ///   than [`MAX_RETRY_AFTER`] of it counts.
    /// - `jitter`: a random number from 0.0 to 1.0. It only adds, at most a tenth of the step,
    ///   so that deliveries that failed together do not come back together.
    #[must_use]
    pub fn delay(
        &self,
        failures: u32,
        retry_after: Option<Duration>,
        jitter: f64,
    ) -> Option<Duration> {
        let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
        let step = Duration::from_secs(u64::from(*self.0.get(index)?));
        let jitter = if jitter.is_nan() {
            0.0
        } else {
            jitter.clamp(0.0, 1.0)
        };
        let delay = step + step.mul_f64(JITTER * jitter);
        Some(delay.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER)))
    }
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self(DEFAULT.into())
    }
}

impl Serialize for RetrySchedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RetrySchedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Reads a `Retry-After` header (RFC 9110, 10.2.3): seconds, or an HTTP date. A date in the past
/// means no wait, more than [`MAX_RETRY_AFTER`] means that much, and nonsense means nothing.
#[must_use]
pub fn parse_retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if value.is_empty() {
        return None;
    }
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        // All digits, so the only way to fail is a number beyond 64 bits.
        let wait = value.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs);
        return Some(wait.min(MAX_RETRY_AFTER));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    let wait = at.duration_since(SystemTime::from(now)).unwrap_or_default();
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = MAX_RETRY_AFTER;

    fn noon() -> DateTime<Utc> {
        // Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110's examples.
        DateTime::from_timestamp(784_111_777, 0).unwrap()
    }

    #[test]
    fn the_default_schedule_waits_from_five_seconds_to_a_day_and_then_gives_up() {
        let schedule = RetrySchedule::default();
        let waits: Vec<u64> = (1..=9)
            .map(|n| schedule.delay(n, None, 0.0).unwrap().as_secs())
            .collect();
        assert_eq!(
            waits,
            [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
        );
        assert_eq!(schedule.delay(10, Some(DAY), 0.0), None);
        assert_eq!(schedule.delay(u32::MAX, None, 0.0), None);
    }

    #[test]
    fn an_empty_schedule_never_retries() {
        let schedule = RetrySchedule::new(Vec::new()).unwrap();
        assert_eq!(schedule.delay(1, None, 0.5), None);
    }

    #[test]
    fn a_schedule_out_of_bounds_is_refused_with_the_step() {
        assert_eq!(
            RetrySchedule::new(vec![5, 0]),
            Err(RetryError::Step {
                place: 2,
                seconds: 0
            })
        );
        assert!(RetrySchedule::new(vec![604_800; 30]).is_ok());
        assert!(RetrySchedule::new(vec![604_801]).is_err());
        assert_eq!(
            RetrySchedule::new(vec![1; 31]),
            Err(RetryError::TooMany { count: 31 })
        );
        assert!(serde_json::from_str::<RetrySchedule>("[-1]").is_err());
        assert!(serde_json::from_str::<RetrySchedule>("[0]").is_err());
        assert_eq!(
            serde_json::to_string(&RetrySchedule::new(vec![1, 2]).unwrap()).unwrap(),
            "[1,2]"
        );
    }

    #[test]
    fn retry_after_takes_seconds_and_dates_and_ignores_nonsense() {
        let read = |value| parse_retry_after(value, noon());
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read(" 0 "), Some(Duration::ZERO));
        assert_eq!(read("99999999999999999999999999"), Some(DAY));
        assert_eq!(
            read("Sun, 06 Nov 1994 08:50:37 GMT"),
            Some(Duration::from_secs(60))
        );
        assert_eq!(
            read("Sunday, 06-Nov-94 08:50:37 GMT"),
            Some(Duration::from_secs(60))
        );
        assert_eq!(
            read("Sun Nov  6 08:50:37 1994"),
            Some(Duration::from_secs(60))
        );
        assert_eq!(read("Sun, 06 Nov 1994 08:49:36 GMT"), Some(Duration::ZERO));
        assert_eq!(read("Fri, 31 Dec 2100 23:59:59 GMT"), Some(DAY));
        for nonsense in [
            "",
            " ",
            "-1",
            "+1",
            "1.5",
            "soon",
            "1 s",
            "Sun, 06 Nov 1994",
            "１２",
        ] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn jitter_only_adds_and_never_more_than_a_tenth(
            steps in proptest::collection::vec(1u32..=MAX_STEP_SECONDS, 1..=MAX_RETRIES),
            failures in 1u32..=40,
            jitter: f64,
        ) {
            let schedule = RetrySchedule::new(steps.clone()).unwrap();
            match (schedule.delay(failures, None, jitter), steps.get(failures as usize - 1)) {
                (Some(delay), Some(step)) => {
                    let step = Duration::from_secs(u64::from(*step));
                    prop_assert!(delay >= step);
                    prop_assert!(delay <= step + step / 10);
                }
                (None, None) => {}
                (delay, step) => prop_assert!(false, "{delay:?} for the step {step:?}"),
            }
        }

        #[test]
        fn retry_after_only_lengthens_and_at_most_to_a_day(
            step in 1u32..=MAX_STEP_SECONDS,
            asked in any::<u64>().prop_map(Duration::from_secs),
            jitter in 0.0..=1.0,
        ) {
            let schedule = RetrySchedule::new(vec![step]).unwrap();
            let plain = schedule.delay(1, None, jitter).unwrap();
            let delay = schedule.delay(1, Some(asked), jitter).unwrap();
            prop_assert!(delay >= plain);
            prop_assert_eq!(delay, plain.max(asked.min(DAY)));
        }

        #[test]
        fn no_retry_after_panics_or_exceeds_a_day(value in "\\PC{0,40}", seconds: u64) {
            prop_assert!(parse_retry_after(&value, noon()).is_none_or(|wait| wait <= DAY));
            let wait = parse_retry_after(&seconds.to_string(), noon()).unwrap();
            prop_assert_eq!(wait, Duration::from_secs(seconds).min(DAY));
        }
    }
}
