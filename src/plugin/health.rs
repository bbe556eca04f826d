//! How one version of a script does: counts its runs and judges when it must run apart or not at
//! all. It has no clock and knows nothing of who acts on the judgement.
//!
//! All times are processor time of the thread that ran the script ([`Part::cpu`]), so that a
//! process that was stopped, or a busy machine, is no script's fault.
//!
//! [`Part::cpu`]: super::view::Part::cpu

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::histogram::Histogram;
use super::source::Fault;
use super::view::FailureKind;
use super::window::{KEPT, Second, Window};
use crate::config::Config;

/// Seconds over which times are added up. Failed runs are counted over [`KEPT`].
const TIMED: u64 = 10;
/// Fewer failures than these suspend nobody: one broken event is retried a few times.
const LEAST_FAILURES: u64 = 20;
/// A version that never came to a verdict may meet so many limits of time, operations or size:
/// it does so at every run, and each of them costs as much as a run may.
const LIMITS_MET: u64 = 4;
/// A run is slow if it takes more than this part of the deadline.
const SLOW_PART: u32 = 10;
/// Percent of the last [`TIMED`] seconds that slow runs may take on the delivery threads.
const SLOW_PERCENT: u64 = 10;
/// Percent of one thread's last [`TIMED`] seconds that all runs may take, where the mean run is
/// longer than [`CHEAP`]: many cheap runs are what the delivery threads are for.
const SHARE_PERCENT: u64 = 25;
const CHEAP: Duration = Duration::from_millis(1);

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

/// What to do with a script after one of its runs. Reasons are sentences without a full stop, of
/// numbers and places alone: everybody may read them, and what a script throws may be a part of
/// one account's payload.
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

#[derive(Debug, Default)]
struct Record {
    calls: u64,
    failures: u64,
    total: Duration,
    window: Window,
    times: Histogram,
    last_failure: Option<Fault>,
}

impl Health {
    /// Of a script that has not run yet, under that deadline.
    #[must_use]
    pub fn new(rule: HealthRule, deadline: Duration) -> Self {
        Self {
            rule,
            slow: deadline / SLOW_PART,
            record: Mutex::default(),
        }
    }

    /// Takes down a run that ended at `now` (time since any fixed moment) after it used `cpu` of
    /// processor time, and judges. An ordinary success costs some tens of nanoseconds.
    ///
    /// A run that was ended on the wall ([`FailureKind::Wall`]) is a failure like others, but its
    /// time is held against nobody.
    pub fn record(
        &self,
        now: Duration,
        cpu: Duration,
        failed: Option<(FailureKind, &Fault)>,
    ) -> Judgement {
        let number = now.as_secs();
        let mut record = self.locked();
        record.calls += 1;
        record.total += cpu;
        record.times.add(cpu);
        let charged = match failed {
            Some((FailureKind::Wall, _)) => Duration::ZERO,
            _ => cpu,
        };
        let second = record.window.second(number);
        second.calls += 1;
        second.time += charged;
        match failed {
            Some(_) => {
                second.failures += 1;
                second.failed += charged;
            }
            None if cpu > self.slow => second.slow += cpu,
            None => {}
        }
        if let Some((_, fault)) = failed {
            record.failures += 1;
            record.last_failure = Some(fault.clone());
        } else if cpu <= self.slow && cpu <= CHEAP {
            // Nor can the mean be above `CHEAP` without a run that is, at which it is judged.
            return Judgement::Fine;
        }
        let never_well = record.failures == record.calls;
        let recent = record.window.sum(number, TIMED);
        let minute = failed.map(|_| record.window.sum(number, KEPT));
        drop(record);
        failed
            .zip(minute)
            .and_then(|((kind, fault), minute)| {
                self.judge_failed(&minute, &recent, never_well, kind, fault)
            })
            .or_else(|| self.judge_time(&recent))
            .unwrap_or(Judgement::Fine)
    }

    fn judge_failed(
        &self,
        minute: &Second,
        recent: &Second,
        never_well: bool,
        kind: FailureKind,
        fault: &Fault,
    ) -> Option<Judgement> {
        let place = place(fault);
        let last = match &*place {
            "" => String::new(),
            place => format!(", the last one{place}"),
        };
        let (failures, calls) = (minute.failures, minute.calls);
        if failures >= LEAST_FAILURES
            && failures * 100 >= calls * u64::from(self.rule.failure_percent)
        {
            let reason =
                format!("{failures} of its last {calls} runs failed within a minute{last}");
            return Some(Judgement::Suspend { reason });
        }
        if is_share(recent.failed, u64::from(self.rule.failure_time_percent)) {
            let reason = format!(
                "its failed runs took {} ms of processor time within {TIMED} s{last}",
                recent.failed.as_millis()
            );
            return Some(Judgement::Suspend { reason });
        }
        let met = match kind {
            FailureKind::Deadline => "its limit of processor time",
            FailureKind::Operations => "its limit of operations",
            FailureKind::Memory => "a limit of size",
            FailureKind::Wall
            | FailureKind::Error
            | FailureKind::Panic
            | FailureKind::BadResult => return None,
        };
        if never_well && calls >= LIMITS_MET {
            let reason =
                format!("it never came to an end in {calls} runs; the last met {met}{place}");
            return Some(Judgement::Suspend { reason });
        }
        let reason = format!("a run met {met}{place}");
        Some(Judgement::RunApart { reason })
    }

    /// Whether it takes too much of the delivery threads, well or ill.
    fn judge_time(&self, recent: &Second) -> Option<Judgement> {
        let reason = if is_share(recent.slow, SLOW_PERCENT) {
            format!(
                "its runs of more than {:?} took {} ms of processor time within {TIMED} s",
                self.slow,
                recent.slow.as_millis()
            )
        } else if is_share(recent.time, SHARE_PERCENT)
            && recent.time.as_nanos() > CHEAP.as_nanos() * u128::from(recent.calls)
        {
            format!(
                "its {} runs took {} ms of processor time within {TIMED} s",
                recent.calls,
                recent.time.as_millis()
            )
        } else {
            return None;
        };
        Some(Judgement::RunApart { reason })
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

    /// How it failed last; `None`: it never did. The words may be a part of somebody's payload.
    #[must_use]
    pub fn last_failure(&self) -> Option<Fault> {
        self.locked().last_failure.clone()
    }

    /// The processor time that 99 of 100 runs do not exceed, good to 10 % (and a microsecond);
    /// `None` before the first run.
    #[must_use]
    pub fn p99(&self) -> Option<Duration> {
        let record = self.locked();
        record.times.quantile(99)
    }

    /// The processor time of all runs together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.locked().total
    }

    fn locked(&self) -> MutexGuard<'_, Record> {
        // Counts hold whatever a panic left.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_share(time: Duration, percent: u64) -> bool {
    time.as_micros() * 100 >= u128::from(percent * TIMED) * 1_000_000
}

/// Where it failed, behind a space; nothing if that is not known.
fn place(fault: &Fault) -> String {
    match (fault.line, fault.column) {
        (Some(line), Some(column)) => format!(" at line {line}, column {column}"),
        (Some(line), None) => format!(" at line {line}"),
        _ => String::new(),
    }
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
        let reason = "20 of its last 40 runs failed within a minute, the last one at line 2, \
                      column 3";
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
                let expected = "its failed runs took 500 ms of processor time within 10 s, \
                                the last one at line 2, column 3";
                assert_eq!(reason, expected);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_limit_that_is_met_makes_a_script_run_apart() {
        let fault = Fault::at("words of a payload", Some(1), Some(4), "fn f");
        for (kind, met) in [
            (FailureKind::Deadline, "its limit of processor time"),
            (FailureKind::Operations, "its limit of operations"),
            (FailureKind::Memory, "a limit of size"),
        ] {
            let health = health();
            let reason = format!("a run met {met} at line 1, column 4");
            let judged = health.record(ms(1), ms(51), Some((kind, &fault)));
            assert_eq!(judged, Judgement::RunApart { reason });
            assert_eq!(health.last_failure().as_ref(), Some(&fault));
        }
        assert_eq!(health().last_failure(), None);
    }

    #[test]
    fn a_stop_of_the_process_counts_as_one_failure_and_as_no_time() {
        let (health, fault) = (health(), Fault::whole("it did not end within 1000 ms"));
        for n in 1..20 {
            // Nor is the time held against the script that it did use.
            let judged = health.record(ms(n), ms(45), Some((FailureKind::Wall, &fault)));
            assert_eq!(judged, Judgement::Fine);
        }
        assert_eq!(health.failures(), 19);
        let reason = "20 of its last 20 runs failed within a minute".to_owned();
        assert_eq!(
            health.record(ms(20), ms(0), Some((FailureKind::Wall, &fault))),
            Judgement::Suspend { reason }
        );
    }

    #[test]
    fn many_slow_runs_make_a_script_run_apart() {
        let health = health();
        for n in 0..99 {
            assert_eq!(health.record(ms(n * 90), ms(10), None), Judgement::Fine);
        }
        let reason = "its runs of more than 5ms took 1000 ms of processor time within 10 s";
        let reason = reason.to_owned();
        assert_eq!(
            health.record(ms(9_990), ms(10), None),
            Judgement::RunApart { reason }
        );
    }

    #[test]
    fn a_quarter_of_a_thread_makes_a_script_run_apart_unless_its_runs_are_cheap() {
        let health_of = |each: Duration, runs: u64| {
            let health = health();
            let mut judged = (0..runs).map(|n| health.record(ms(n * 10_000 / runs), each, None));
            judged.find(|judged| *judged != Judgement::Fine)
        };
        assert_eq!(health_of(Duration::from_micros(12), 200_000), None);
        assert_eq!(health_of(ms(1), 9_999), None);
        assert_eq!(health_of(ms(4), 624), None);
        let reason = "its 625 runs took 2500 ms of processor time within 10 s".to_owned();
        assert_eq!(health_of(ms(4), 625), Some(Judgement::RunApart { reason }));
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
                let all: u64 = window(10).map(|(_, micros, _)| micros).sum();
                let suspended = failed
                    && ((failures >= 20 && failures * 2 >= window(60).count()) || time(true) >= 500_000);
                let large = time(false) >= 1_000_000
                    || all >= 2_500_000 && all > 1_000 * window(10).count() as u64;
                let apart = !suspended && (failed || micros > 1_000) && large;
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
