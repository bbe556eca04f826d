//! How one version of a script does: counts its runs and judges when it must run apart or not at
//! all. It has no clock and knows nothing of who acts on the judgement.
//!
//! All times are processor time of the thread that ran the script ([`Part::cpu`]), so that a
//! process that was stopped, or a busy machine, is no script's fault.
//!
//! [`Part::cpu`]: super::view::Part::cpu

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
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
            failure_percent: config.plugins.failure_percent,
            failure_time_percent: config.plugins.failure_time_percent,
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
    failure_percent: AtomicU8,
    failure_time_percent: AtomicU8,
    /// Nanoseconds of a run that is slow.
    slow: AtomicU64,
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
        let health = Self {
            failure_percent: AtomicU8::new(0),
            failure_time_percent: AtomicU8::new(0),
            slow: AtomicU64::new(0),
            record: Mutex::default(),
        };
        health.judge_by(rule, deadline);
        health
    }

    /// Judges by another rule, under another deadline, from the next run on.
    pub fn judge_by(&self, rule: HealthRule, deadline: Duration) {
        let slow = u64::try_from((deadline / SLOW_PART).as_nanos()).unwrap_or(u64::MAX);
        self.slow.store(slow, Ordering::Relaxed);
        (self.failure_percent).store(rule.failure_percent, Ordering::Relaxed);
        (self.failure_time_percent).store(rule.failure_time_percent, Ordering::Relaxed);
    }

    fn slow(&self) -> Duration {
        Duration::from_nanos(self.slow.load(Ordering::Relaxed))
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
        let slow = self.slow();
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
            None if cpu > slow => second.slow += cpu,
            None => {}
        }
        if let Some((_, fault)) = failed {
            record.failures += 1;
            record.last_failure = Some(fault.clone());
        } else if cpu <= slow && cpu <= CHEAP {
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
        let percent = self.failure_percent.load(Ordering::Relaxed);
        let time_percent = self.failure_time_percent.load(Ordering::Relaxed);
        if failures >= LEAST_FAILURES && failures * 100 >= calls * u64::from(percent) {
            let reason =
                format!("{failures} of its last {calls} runs failed within a minute{last}");
            return Some(Judgement::Suspend { reason });
        }
        if is_share(recent.failed, u64::from(time_percent)) {
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
                self.slow(),
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
mod tests;
