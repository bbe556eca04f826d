//! What a run has used up so far: time, operations, memory, log lines. Rhai asks at every
//! operation; bound functions that loop ask by themselves.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use rustix::time::{ClockId, clock_getres, clock_gettime};

use super::limits::Limits;
use super::source::without_control;

/// Operations between two looks at the process's size where the clock stands still.
const OPERATIONS_BETWEEN_LOOKS: u64 = 4_096;

/// A run may take this many deadlines of wall time, because other work on a busy machine is not
/// the script's fault, but a delivery cannot wait for ever: whoever claimed it counts on less
/// than 5 s before the request.
const WALL_DEADLINES: u32 = 20;
const MOST_WALL: Duration = Duration::from_secs(2);

/// Which bound was reached first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    /// Of the thread's processor time.
    Deadline,
    /// Of the time on the wall.
    Wall,
    Operations,
    Memory,
}

/// The account of the run at work; [`Budget::start`] opens a new one.
pub(super) struct Budget {
    limits: Limits,
    /// With this much processor time used, the next operation is refused.
    cut: Duration,
    tick: Duration,
    started: Cell<Duration>,
    started_cpu: Cell<Duration>,
    /// When the processor time is looked at, by the coarse clock: no earlier can it be used up.
    look_at_cpu: Cell<Duration>,
    looked: Cell<Duration>,
    looked_at: Cell<u64>,
    /// The process's size when the run began, or not more than a tick before.
    resident: Cell<Option<u64>>,
    resident_at: Cell<Duration>,
    /// Operations of the hooks that ended; Rhai counts each call from 0.
    before: Cell<u64>,
    current: Cell<u64>,
    spent: Cell<Option<Spent>>,
    log: RefCell<Log>,
}

#[derive(Default)]
struct Log {
    lines: Vec<String>,
    bytes: usize,
    dropped: usize,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        // The coarse clock is some nanoseconds to read and up to one tick behind.
        let tick = clock_getres(ClockId::MonotonicCoarse);
        let tick = Duration::try_from(tick).unwrap_or(Duration::from_millis(4));
        let cut = limits
            .deadline
            .saturating_sub(tick * 2)
            .max(limits.deadline / 2);
        Self {
            limits,
            cut,
            tick,
            started: Cell::default(),
            started_cpu: Cell::default(),
            look_at_cpu: Cell::default(),
            looked: Cell::default(),
            looked_at: Cell::default(),
            resident: Cell::default(),
            resident_at: Cell::default(),
            before: Cell::default(),
            current: Cell::default(),
            spent: Cell::default(),
            log: RefCell::default(),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A new account for the next script; the log goes on.
    pub(super) fn start(&self) {
        let now = coarse_now();
        self.started.set(now);
        self.started_cpu.set(cpu_now());
        self.look_at_cpu.set(now + self.cut);
        self.looked.set(now);
        self.looked_at.set(0);
        if self.resident_at.replace(now) != now {
            // Once a tick at most: it costs some microseconds.
            self.resident.set(resident_bytes());
        }
        self.before.set(0);
        self.current.set(0);
        self.spent.set(None);
    }

    /// A hook ended: the next one's operations come on top.
    pub(super) fn next_call(&self) {
        self.before.set(self.operations());
        self.current.set(0);
    }

    pub(super) fn operations(&self) -> u64 {
        self.before.get().saturating_add(self.current.get())
    }

    /// Which bound ended the run, if one did.
    pub(super) fn spent(&self) -> Option<Spent> {
        self.spent.get()
    }

    /// Called at each operation of the call at work with their number so far.
    pub(super) fn at_operation(&self, count: u64) -> Result<(), Spent> {
        self.current.set(count);
        if self.operations() > self.limits.operations {
            return self.end(Spent::Operations);
        }
        self.check()
    }

    /// Time and memory alone.
    pub(super) fn check(&self) -> Result<(), Spent> {
        let now = coarse_now();
        if now >= self.look_at_cpu.get() {
            self.look_at_time(now)?;
        }
        let since = self.current.get().wrapping_sub(self.looked_at.get());
        if now != self.looked.get() || since >= OPERATIONS_BETWEEN_LOOKS {
            self.looked.set(now);
            self.looked_at.set(self.current.get());
            return self.look_at_memory();
        }
        Ok(())
    }

    /// Processor time since the account was opened.
    pub(super) fn cpu(&self) -> Duration {
        cpu_now().saturating_sub(self.started_cpu.get())
    }

    fn look_at_time(&self, now: Duration) -> Result<(), Spent> {
        let used = self.cpu();
        if used >= self.cut {
            return self.end(Spent::Deadline);
        }
        if now.saturating_sub(self.started.get()) >= self.wall() {
            return self.end(Spent::Wall);
        }
        let next = now + (self.cut - used).max(self.tick);
        self.look_at_cpu
            .set(next.min(self.started.get() + self.wall()));
        Ok(())
    }

    /// The most time on the wall.
    pub(super) fn wall(&self) -> Duration {
        (self.limits.deadline * WALL_DEADLINES).min(MOST_WALL)
    }

    /// An ordinary script ends before the first look, so that it costs nothing.
    fn look_at_memory(&self) -> Result<(), Spent> {
        let growth = resident_bytes()
            .zip(self.resident.get())
            .map(|(now, first)| now.saturating_sub(first));
        match growth {
            Some(growth) if growth > self.limits.memory_bytes => self.end(Spent::Memory),
            _ => Ok(()),
        }
    }

    fn end(&self, why: Spent) -> Result<(), Spent> {
        let first = self.spent.get().unwrap_or(why);
        self.spent.set(Some(first));
        Err(first)
    }

    /// Keeps a line of the script's log, as far as the limits go, and without control
    /// characters: it goes into the database and to terminals.
    pub(super) fn log(&self, line: &str) {
        let Ok(mut log) = self.log.try_borrow_mut() else {
            return;
        };
        let room = self.limits.log_bytes.saturating_sub(log.bytes);
        if log.lines.len() >= self.limits.log_lines || room == 0 {
            log.dropped += 1;
            return;
        }
        // A sign may be longer than what it stands for.
        let kept = without_control(clip(line, room).to_owned(), &['\t', '\n']);
        let kept = clip(&kept, room).to_owned();
        log.bytes += kept.len();
        log.lines.push(kept);
    }

    /// The lines since the last call, and after them how many were dropped.
    pub(super) fn take_log(&self) -> Vec<String> {
        let Ok(mut log) = self.log.try_borrow_mut() else {
            return Vec::new();
        };
        let Log {
            mut lines, dropped, ..
        } = std::mem::take(&mut *log);
        if dropped > 0 {
            lines.push(format!("({dropped} more lines were not kept)"));
        }
        lines
    }
}

/// The first `most` bytes of `text`, less a character that would be cut in two.
pub(super) fn clip(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn coarse_now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::MonotonicCoarse)).unwrap_or_default()
}

/// Processor time of this thread: other threads and processes do not count.
fn cpu_now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Of the whole process: other threads count too, which is why the limit is a wide one.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        let budget = Budget::new(Limits {
            operations: u64::MAX,
            ..Limits::default()
        });
        budget.start();
        budget
    }

    #[test]
    fn waiting_is_not_charged_to_a_script_but_has_an_end() {
        let budget = budget();
        let begun = std::time::Instant::now();
        let (never, waits) = std::sync::mpsc::channel::<()>();
        let ended = loop {
            // What another process on the same core would do to it. Each time takes up to 0.1 ms of
            // processor time on a slow machine, so that there are few.
            let _ = waits.recv_timeout(Duration::from_millis(20));
            if let Err(spent) = budget.check() {
                break spent;
            }
        };
        drop(never);
        assert_eq!(ended, Spent::Wall);
        assert!(begun.elapsed() >= budget.wall() - Duration::from_millis(20));
    }

    #[test]
    fn working_is_charged_and_ends_by_the_deadline() {
        let budget = budget();
        let before = cpu_now();
        while budget.check().is_ok() {}
        assert_eq!(budget.spent(), Some(Spent::Deadline));
        assert!(cpu_now() - before <= Duration::from_millis(60));
    }

    #[test]
    fn the_log_holds_no_control_character_and_keeps_to_its_bytes() {
        let budget = Budget::new(Limits {
            log_bytes: 12,
            ..Limits::default()
        });
        budget.log("a\0\n\tb\r");
        budget.log("\0\0");
        assert_eq!(budget.take_log(), ["a␀\n\tb␍", ""]);
    }

    #[test]
    fn opening_an_account_is_cheap() {
        let budget = budget();
        let begun = std::time::Instant::now();
        for _ in 0..10_000 {
            budget.start();
        }
        println!("one start: {:?}", begun.elapsed() / 10_000);
        assert!(begun.elapsed() < Duration::from_millis(200));
    }
}
