//! How one version of a script does: counts its runs and judges when it must run apart or not at
//! all. It has no clock and knows nothing of who acts on the judgement.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::histogram::Histogram;
use super::source::Fault;
use super::view::FailureKind;
use crate::config::Config;

/// Seconds over which failed runs are counted.
const COUNTED: u64 = 60;
/// Seconds over which the time of failed and of slow runs is added up.
const TIMED: u64 = 10;
/// Fewer failures than these suspend nobody: one broken event is retried a few times.
const LEAST_FAILURES: u64 = 20;
/// A run is slow if it takes more than this part of the deadline.
const SLOW_PART: u32 = 10;
/// Percent of the last [`TIMED`] seconds that slow runs may take on the delivery threads.
const SLOW_PERCENT: u64 = 10;

/// When a script is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthRule {
    /// Percent of a minute's runs that fail, 1 to 100 (and at least 20 failures).
    pub failure_percent: u8,
    /// Percent of ten seconds that failed runs take, 1 to 100.
    pub failure_time_percent: u8,
}

impl HealthRule {
    /// The rule that the operator set.
    #[must_use]
    pub fn from_config(config: &Config) -> Self {
        Self {
            failure_percent: config.plugin_failure_percent,
            failure_time_percent: config.plugin_failure_time_percent,
        }
    }
}

impl Default for HealthRule {
    /// What the settings' own defaults give.
    fn default() -> Self {
        Self {
            failure_percent: 50,
            failure_time_percent: 5,
        }
    }
}

/// What to do with a script after one of its runs. Reasons are sentences without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Go on.
    Fine,
    /// Run it on a thread apart until its file changes.
    RunApart {
        /// Why.
        reason: String,
    },
    /// Do not run it until its file changes.
    Suspend {
        /// Why.
        reason: String,
    },
}

/// The record of one version of a script. Threads may share it.
#[derive(Debug)]
pub struct Health {
    rule: HealthRule,
    slow: Duration,
    record: Mutex<Record>,
}

#[derive(Debug)]
struct Record {
    calls: u64,
    failures: u64,
    total: Duration,
    seconds: [Second; COUNTED as usize],
    times: Histogram,
}

/// What ended within one second.
#[derive(Debug, Clone, Copy, Default)]
struct Second {
    number: u64,
    calls: u64,
    failures: u64,
    failed: Duration,
    slow: Duration,
}

impl Health {
    /// Of a script that has not run yet, under that deadline.
    #[must_use]
    pub fn new(rule: HealthRule, deadline: Duration) -> Self {
        let record = Record {
            calls: 0,
            failures: 0,
            total: Duration::ZERO,
            seconds: [Second::default(); COUNTED as usize],
            times: Histogram::default(),
        };
        Self {
            rule,
            slow: deadline / SLOW_PART,
            record: Mutex::new(record),
        }
    }

    /// Takes down a run that ended at `now` (time since any fixed moment) after `elapsed`, and
    /// judges. An ordinary success costs some tens of nanoseconds.
    pub fn record(
        &self,
        now: Duration,
        elapsed: Duration,
        failed: Option<(FailureKind, &Fault)>,
    ) -> Judgement {
        let number = now.as_secs();
        let mut record = self.locked();
        record.calls += 1;
        record.failures += u64::from(failed.is_some());
        record.total += elapsed;
        record.times.add(elapsed);
        let second = record.second(number);
        second.calls += 1;
        if let Some((kind, fault)) = failed {
            second.failures += 1;
            second.failed += elapsed;
            let minute = record.sum(number, COUNTED);
            let recent = record.sum(number, TIMED);
            drop(record);
            return self.judge_failed(&minute, &recent, kind, fault);
        }
        if elapsed > self.slow {
            second.slow += elapsed;
            let slow = record.sum(number, TIMED).slow;
            drop(record);
            return self.judge_slow(slow);
        }
        Judgement::Fine
    }

    fn judge_failed(
        &self,
        minute: &Second,
        recent: &Second,
        kind: FailureKind,
        fault: &Fault,
    ) -> Judgement {
        let last = in_one_line(fault);
        let (failures, calls) = (minute.failures, minute.calls);
        if failures >= LEAST_FAILURES
            && failures * 100 >= calls * u64::from(self.rule.failure_percent)
        {
            let reason = format!(
                "{failures} of its last {calls} runs failed within a minute; the last one: {last}"
            );
            return Judgement::Suspend { reason };
        }
        if is_share(recent.failed, u64::from(self.rule.failure_time_percent)) {
            let reason = format!(
                "its failed runs took {} ms of the last {TIMED} s; the last one: {last}",
                recent.failed.as_millis()
            );
            return Judgement::Suspend { reason };
        }
        if matches!(
            kind,
            FailureKind::Deadline | FailureKind::Operations | FailureKind::Memory
        ) {
            return Judgement::RunApart { reason: last };
        }
        Judgement::Fine
    }

    fn judge_slow(&self, slow: Duration) -> Judgement {
        if !is_share(slow, SLOW_PERCENT) {
            return Judgement::Fine;
        }
        let reason = format!(
            "its runs that took more than {:?} took {} ms of the last {TIMED} s",
            self.slow,
            slow.as_millis()
        );
        Judgement::RunApart { reason }
    }

    /// Runs so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.locked().calls
    }

    /// Failed runs so far.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.locked().failures
    }

    /// The time that 99 of 100 runs do not exceed, good to 10 % (and a microsecond); `None`
    /// before the first run.
    #[must_use]
    pub fn p99(&self) -> Option<Duration> {
        let record = self.locked();
        record.times.quantile(99)
    }

    /// The time of all runs together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.locked().total
    }

    fn locked(&self) -> MutexGuard<'_, Record> {
        // Counts hold whatever a panic left.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    /// The place of that second. A clock that is read by several threads may come late: then it
    /// is the newer second that stands there already.
    fn second(&mut self, number: u64) -> &mut Second {
        let place = (number % COUNTED) as usize;
        #[allow(
            clippy::indexing_slicing,
            reason = "the remainder is below the array's length"
        )]
        let second = &mut self.seconds[place];
        if second.number < number {
            *second = Second {
                number,
                ..Second::default()
            };
        }
        second
    }

    /// Of the last `most` seconds, the one under way among them.
    fn sum(&self, now: u64, most: u64) -> Second {
        let recent = self.seconds.iter().filter(|it| it.number + most > now);
        recent.fold(Second::default(), |sum, second| Second {
            number: now,
            calls: sum.calls + second.calls,
            failures: sum.failures + second.failures,
            failed: sum.failed + second.failed,
            slow: sum.slow + second.slow,
        })
    }
}

fn is_share(time: Duration, percent: u64) -> bool {
    time.as_micros() * 100 >= u128::from(percent * TIMED) * 1_000_000
}

/// Without the script's line, which stands below.
fn in_one_line(fault: &Fault) -> String {
    let shown = Fault {
        source_line: None,
        ..fault.clone()
    };
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEADLINE: Duration = Duration::from_millis(50);

    fn health() -> Health {
        Health::new(HealthRule::default(), DEADLINE)
    }

    fn fault() -> Fault {
        Fault::at(
            "no such field",
            Some(2),
            Some(3),
            "fn filter(e) {\n  e.x.y\n}",
        )
    }

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn error(fault: &Fault) -> Option<(FailureKind, &Fault)> {
        Some((FailureKind::Error, fault))
    }

    #[test]
    fn the_defaults_are_those_of_the_settings() {
        let config = Config::load(None, std::iter::empty()).unwrap();
        assert_eq!(HealthRule::from_config(&config), HealthRule::default());
    }

    #[test]
    fn a_script_that_does_well_is_left_alone() {
        let health = health();
        for n in 0..10_000 {
            let judged = health.record(ms(n), Duration::from_micros(12), None);
            assert_eq!(judged, Judgement::Fine);
        }
        assert_eq!((health.calls(), health.failures()), (10_000, 0));
        assert_eq!(health.p99(), Some(Duration::from_micros(12)));
        assert_eq!(health.total(), ms(120));
    }

    #[test]
    fn too_large_a_share_of_failures_suspends_with_the_numbers() {
        let (health, fault) = (health(), fault());
        for n in 0..20 {
            assert_eq!(health.record(ms(n), ms(0), None), Judgement::Fine);
        }
        for n in 0..19 {
            assert_eq!(health.record(ms(n), ms(0), error(&fault)), Judgement::Fine);
        }
        let reason = "20 of its last 40 runs failed within a minute; the last one: line 2, \
                      column 3: no such field";
        let reason = reason.to_owned();
        assert_eq!(
            health.record(ms(30), ms(0), error(&fault)),
            Judgement::Suspend { reason }
        );
    }

    #[test]
    fn failures_of_more_than_a_minute_ago_are_forgiven() {
        let (health, fault) = (health(), fault());
        for n in 0..19 {
            health.record(ms(n), ms(0), error(&fault));
        }
        let later = Duration::from_secs(60);
        assert_eq!(health.record(later, ms(0), error(&fault)), Judgement::Fine);
        assert_eq!(health.failures(), 20);
    }

    #[test]
    fn failures_that_take_too_much_time_suspend() {
        let (health, fault) = (health(), fault());
        for n in 0..9 {
            let judged = health.record(ms(n * 1_000), ms(50), error(&fault));
            assert_eq!(judged, Judgement::Fine);
        }
        match health.record(ms(9_000), ms(50), error(&fault)) {
            Judgement::Suspend { reason } => {
                assert!(reason.starts_with("its failed runs took 500 ms of the last 10 s"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_overrun_of_the_deadline_makes_a_script_run_apart() {
        let fault = Fault::at("it used more than 50 ms", Some(1), Some(4), "fn f");
        let reason = "line 1, column 4: it used more than 50 ms".to_owned();
        assert_eq!(
            health().record(ms(1), ms(51), Some((FailureKind::Deadline, &fault))),
            Judgement::RunApart { reason }
        );
    }

    #[test]
    fn many_slow_runs_make_a_script_run_apart() {
        let health = health();
        for n in 0..249 {
            assert_eq!(health.record(ms(n * 40), ms(4), None), Judgement::Fine);
        }
        for n in 0..99 {
            assert_eq!(health.record(ms(n * 90), ms(10), None), Judgement::Fine);
        }
        let reason = "its runs that took more than 5ms took 1000 ms of the last 10 s".to_owned();
        assert_eq!(
            health.record(ms(9_990), ms(10), None),
            Judgement::RunApart { reason }
        );
    }

    #[derive(Debug, Clone)]
    struct One {
        after_ms: u64,
        micros: u64,
        failed: bool,
    }

    fn runs() -> impl Strategy<Value = Vec<One>> {
        let one = (
            prop_oneof![0_u64..20, 0_u64..3_000, Just(61_000)],
            prop_oneof![0_u64..100, 0_u64..60_000, 0_u64..10_000_000_000],
            prop::bool::weighted(0.4),
        );
        let one = one.prop_map(|(after_ms, micros, failed)| One {
            after_ms,
            micros,
            failed,
        });
        proptest::collection::vec(one, 1..150)
    }

    proptest! {
        #[test]
        fn the_judgement_follows_from_the_runs_of_the_window(runs in runs()) {
            let (health, fault) = (health(), fault());
            let (mut now, mut past) = (0, Vec::new());
            for One { after_ms, micros, failed } in runs {
                now += after_ms;
                let judged = health.record(
                    ms(now),
                    Duration::from_micros(micros),
                    failed.then_some((FailureKind::Error, &fault)),
                );
                past.push((now / 1_000, micros, failed));
                let window = |seconds: u64| {
                    past.iter().filter(move |(at, ..)| at + seconds > now / 1_000)
                };
                let failures = window(60).filter(|(.., failed)| *failed).count();
                let time = |failed: bool| -> u64 {
                    let those = window(10).filter(|(_, micros, f)| *f == failed && (failed || *micros > 5_000));
                    those.map(|(_, micros, _)| micros).sum()
                };
                let suspended = failed
                    && ((failures >= 20 && failures * 2 >= window(60).count()) || time(true) >= 500_000);
                let apart = !failed && micros > 5_000 && time(false) >= 1_000_000;
                prop_assert_eq!(matches!(judged, Judgement::Suspend { .. }), suspended);
                prop_assert_eq!(matches!(judged, Judgement::RunApart { .. }), apart);
            }
            prop_assert_eq!(health.calls(), past.len() as u64);
        }
    }

    #[test]
    fn an_ordinary_record_is_cheap() {
        let health = health();
        let begun = std::time::Instant::now();
        const TIMES: u64 = 200_000;
        for n in 0..TIMES {
            health.record(ms(n), Duration::from_micros(12), None);
        }
        let each = begun.elapsed() / TIMES as u32;
        println!("one record: {each:?}");
        assert!(each < Duration::from_micros(5), "{each:?}");
    }
}
