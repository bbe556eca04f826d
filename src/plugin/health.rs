//! How one version of a script does, for each account by itself: counts its runs and judges when
//! it must run in the isolated runner or not at all. It has no clock and does not act on the
//! judgement.
//!
//! A script's runs hang on what an account publishes, so that one account's payloads must not
//! decide for the others.
//!
//! All times are processor time of the thread that ran the script ([`Part::cpu`]), so that a
//! process that was stopped, or a busy machine, is no script's fault.
//!
//! [`Part::cpu`]: super::view::Part::cpu

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::histogram::Histogram;
use super::source::SourceFault;
use super::view::FailureKind;
use super::window::{Ended, KEPT, RunWindow, WindowSum};
use crate::config::Config;
use crate::domain::id::AccountId;

/// Seconds over which times are added up. Failed runs are counted over [`KEPT`].
const TIMED: u32 = 10;
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
/// After so many runs one after the other that succeed and are cheap, a script that runs in the
/// isolated runner for an account comes back.
const QUICK_RUNS: u32 = 100;

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

/// What to do with a script for an account after one of its runs. Reasons are sentences without a
/// full stop, of numbers and places alone: others than the account may read them, and what a
/// script throws may be a part of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthJudgement {
    /// Go on.
    Fine,
    /// Run it in the isolated runner.
    Isolate {
        /// Why.
        reason: String,
    },
    /// It was quick in the isolated runner for long enough: run it where the others run.
    ComeBack,
    /// Do not run it until its file changes.
    Suspend {
        /// Why.
        reason: String,
    },
}

/// One run that ended.
#[derive(Debug, Clone, Copy)]
pub struct Ran<'a> {
    /// Whose event it was for.
    pub account: AccountId,
    /// When it ended: time since any fixed moment.
    pub now: Duration,
    /// The processor time that it used.
    pub cpu: Duration,
    /// How it failed, if it did.
    pub failed: Option<(FailureKind, &'a SourceFault)>,
    /// It was in the isolated runner.
    pub isolated: bool,
}

/// The record of one version of a script. Threads may share it.
#[derive(Debug)]
pub struct Health {
    failure_percent: AtomicU8,
    failure_time_percent: AtomicU8,
    /// Nanoseconds of a run that is slow.
    slow: AtomicU64,
    /// Accounts that are kept.
    most: AtomicUsize,
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    whole: RunCounts,
    times: Histogram,
    last_failure: Option<SourceFault>,
    /// Those that ran last, so many that memory is bounded: one that is forgotten begins again.
    accounts: HashMap<AccountId, Record>,
}

#[derive(Debug, Default)]
struct Record {
    counts: RunCounts,
    window: RunWindow,
    /// The second of the last run.
    last: u32,
    /// How many of the last runs, one after the other, succeeded and were cheap in the isolated
    /// runner.
    quick: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct RunCounts {
    calls: u64,
    failures: u64,
    total: Duration,
}

/// How a version does for an account, or for all of them.
#[derive(Debug, Clone, Default)]
pub struct ScriptMetrics {
    /// Runs so far.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// The processor time of all of them.
    pub total: Duration,
    /// The processor time that 99 of 100 runs for whichever account do not exceed, good to 10 %
    /// (and a microsecond); `None` before the first run.
    pub p99: Option<Duration>,
    /// How the last run failed that did, for whichever account. The text may be a part of
    /// somebody's payload.
    pub last_failure: Option<SourceFault>,
}

impl Health {
    /// Of a script that has not run yet, under that deadline; it remembers one account.
    #[must_use]
    pub fn new(rule: HealthRule, deadline: Duration) -> Self {
        let health = Self {
            failure_percent: AtomicU8::new(0),
            failure_time_percent: AtomicU8::new(0),
            slow: AtomicU64::new(0),
            most: AtomicUsize::new(1),
            records: Mutex::default(),
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

    /// Remembers so many accounts, some 1.5 KB each: those that used the script last.
    pub fn remember(&self, accounts: usize) {
        self.most.store(accounts.max(1), Ordering::Relaxed);
    }

    fn slow(&self) -> Duration {
        Duration::from_nanos(self.slow.load(Ordering::Relaxed))
    }

    /// Records a run and judges. An ordinary success costs some tens of nanoseconds.
    ///
    /// A run that was ended on the wall ([`FailureKind::Wall`]) is a failure like others, but its
    /// time is held against nobody. What ran in the isolated runner took nothing of the delivery
    /// threads, so that only its failures count.
    pub fn record(&self, ran: Ran<'_>) -> HealthJudgement {
        let number = u32::try_from(ran.now.as_secs()).unwrap_or(u32::MAX);
        let slow = self.slow();
        let mut locked = self.locked();
        let records = &mut *locked;
        records.whole.add(&ran);
        records.times.add(ran.cpu);
        if let Some((_, fault)) = ran.failed {
            records.last_failure = Some(fault.clone());
        }
        let record = records.of(ran.account, number, self.most.load(Ordering::Relaxed));
        record.counts.add(&ran);
        let cheap = ran.failed.is_none() && ran.cpu <= slow && ran.cpu <= CHEAP;
        let (time, how) = match ran.failed {
            Some((FailureKind::Wall, _)) => (Duration::ZERO, Ended::Failed),
            Some(_) => (ran.cpu, Ended::Failed),
            None if ran.isolated => (Duration::ZERO, Ended::Well),
            None if ran.cpu > slow => (ran.cpu, Ended::Slow),
            None => (ran.cpu, Ended::Well),
        };
        record.window.add(number, time, how);
        record.quick = if cheap && ran.isolated {
            record.quick + 1
        } else {
            0
        };
        if cheap && record.quick < QUICK_RUNS {
            // Nor can the mean be above `CHEAP` without a run that is, at which it is judged.
            return HealthJudgement::Fine;
        }
        if cheap {
            record.quick = 0;
            return HealthJudgement::ComeBack;
        }
        let never_well = record.counts.failures == record.counts.calls;
        let recent = record.window.sum(number, TIMED);
        let minute = (ran.failed).map(|_| record.window.sum(number, KEPT));
        drop(locked);
        ran.failed
            .zip(minute)
            .and_then(|((kind, fault), minute)| {
                self.judge_failed(&minute, &recent, never_well, kind, fault)
            })
            .or_else(|| self.judge_time(&recent))
            .unwrap_or(HealthJudgement::Fine)
    }

    fn judge_failed(
        &self,
        minute: &WindowSum,
        recent: &WindowSum,
        never_well: bool,
        kind: FailureKind,
        fault: &SourceFault,
    ) -> Option<HealthJudgement> {
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
            return Some(HealthJudgement::Suspend { reason });
        }
        if is_share(recent.failed, u64::from(time_percent)) {
            let reason = format!(
                "its failed runs took {} ms of processor time within {TIMED} s{last}",
                recent.failed.as_millis()
            );
            return Some(HealthJudgement::Suspend { reason });
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
            return Some(HealthJudgement::Suspend { reason });
        }
        let reason = format!("a run met {met}{place}");
        Some(HealthJudgement::Isolate { reason })
    }

    /// Whether it takes too much of the delivery threads, whether it fails or not.
    fn judge_time(&self, recent: &WindowSum) -> Option<HealthJudgement> {
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
        Some(HealthJudgement::Isolate { reason })
    }

    /// How it does for an account; none: for all of them.
    #[must_use]
    pub fn metrics(&self, account: Option<AccountId>) -> ScriptMetrics {
        let records = self.locked();
        let counts = match account {
            None => records.whole,
            Some(account) => (records.accounts.get(&account))
                .map(|record| record.counts)
                .unwrap_or_default(),
        };
        ScriptMetrics {
            calls: counts.calls,
            failures: counts.failures,
            total: counts.total,
            p99: records.times.quantile(99),
            last_failure: records.last_failure.clone(),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Records> {
        // Counts hold whatever a panic left.
        (self.records.lock()).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    /// The record of an account that ran in that second.
    fn of(&mut self, account: AccountId, number: u32, most: usize) -> &mut Record {
        if self.accounts.len() >= most && !self.accounts.contains_key(&account) {
            // What is older than the window decides nothing any more.
            (self.accounts).retain(|_, record| record.last.saturating_add(KEPT) > number);
            while self.accounts.len() >= most {
                let idlest = self.accounts.iter().min_by_key(|(_, record)| record.last);
                let Some(idlest) = idlest.map(|(account, _)| *account) else {
                    break;
                };
                self.accounts.remove(&idlest);
            }
        }
        let record = self.accounts.entry(account).or_default();
        record.last = record.last.max(number);
        record
    }
}

impl RunCounts {
    fn add(&mut self, ran: &Ran<'_>) {
        self.calls += 1;
        self.failures += u64::from(ran.failed.is_some());
        self.total += ran.cpu;
    }
}

fn is_share(time: Duration, percent: u64) -> bool {
    time.as_micros() * 100 >= u128::from(percent * u64::from(TIMED)) * 1_000_000
}

/// Where it failed, behind a space; nothing if that is not known.
fn place(fault: &SourceFault) -> String {
    match (fault.line, fault.column) {
        (Some(line), Some(column)) => format!(" at line {line}, column {column}"),
        (Some(line), None) => format!(" at line {line}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
