//! What the daemon tells about itself in numbers: raised where things happen, read as a whole by
//! the web layer, which gives them their names.
//!
//! Nothing is counted in the database when somebody asks: what only it knows is sampled in the
//! background (`sampler.rs`), what attempts came to is taken over from the rollups (`counts.rs`).

mod busiest;
mod counts;
mod meter;
mod sampler;
mod view;

use std::sync::{Arc, Mutex, PoisonError};

pub use self::counts::{Counts, CountsRead};
pub use self::meter::Distribution;
pub use self::view::{
    ActivityView, DatabaseView, DeliveryView, FiguresView, IntakeView, LaneView, MailView,
    PoolView, RecorderView, WrittenView,
};

pub(super) use self::counts::Counted;
pub(super) use self::meter::{Counter, Gauge, Histogram};
pub(super) use self::sampler::Sampler;
pub(super) use self::view::Sources;

/// Times in microseconds, from half a millisecond to ten seconds: statements.
const COMMIT: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];
/// Times in microseconds, up to the longest timeout of a target: attempts and tries of mails.
const ATTEMPT: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 15_000_000, 30_000_000, 60_000_000,
];
/// Times in microseconds, up to a day: from the commit to the first attempt.
const QUEUE: &[u64] = &[
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    60_000_000,
    600_000_000,
    3_600_000_000,
    86_400_000_000,
];
/// Rows of a statement.
const BATCH: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096, 16_384];

/// What one kind of statement wrote.
#[derive(Debug)]
pub(super) struct Statement {
    /// Rows of each.
    pub(super) rows: Histogram,
    /// How long each took.
    pub(super) took: Histogram,
    /// Those whose outcome is not known, or that the database refused.
    pub(super) failed: Counter,
}

impl Default for Statement {
    fn default() -> Self {
        Self {
            rows: Histogram::new(BATCH),
            took: Histogram::new(COMMIT),
            failed: Counter::default(),
        }
    }
}

/// Counts a publish request as waiting for as long as it is kept, wherever it waits.
#[derive(Debug)]
pub(super) struct Waits(Arc<Figures>);

impl Waits {
    pub(super) fn new(figures: &Arc<Figures>) -> Self {
        figures.intake.waiting.add(1);
        Self(Arc::clone(figures))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.intake.waiting.add(-1);
    }
}

/// The numbers of Intake.
#[derive(Debug, Default)]
pub(super) struct IntakeFigures {
    pub(super) commit: Statement,
    /// Publish requests that wait for their commit.
    pub(super) waiting: Gauge,
    /// Publish requests that were told to come again.
    pub(super) refused: Counter,
    /// Events whose idempotency key was used before.
    pub(super) repeated: Counter,
    /// Lanes opened, and lanes given up because something became unsure.
    pub(super) lanes_opened: Counter,
    pub(super) lanes_given_up: Counter,
}

/// The numbers of Recorder.
#[derive(Debug, Default)]
pub(super) struct RecorderFigures {
    pub(super) first: Statement,
    pub(super) claimed: Statement,
    pub(super) spill: Statement,
    /// Told and not yet written.
    pub(super) told: Gauge,
}

/// The numbers of MailLog.
#[derive(Debug)]
pub(super) struct MailFigures {
    /// Tries by their outcome: sent, retry, failed.
    pub(super) sent: Counter,
    pub(super) retried: Counter,
    pub(super) failed: Counter,
    /// How long each conversation with the mail server took.
    pub(super) took: Histogram,
    /// Mails that are being sent.
    pub(super) under_way: Gauge,
    /// 1: the mail server counts as down.
    pub(super) down: Gauge,
}

impl Default for MailFigures {
    fn default() -> Self {
        Self {
            sent: Counter::default(),
            retried: Counter::default(),
            failed: Counter::default(),
            took: Histogram::new(ATTEMPT),
            under_way: Gauge::default(),
            down: Gauge::default(),
        }
    }
}

/// The numbers of one delivery thread: nobody else raises them, so that no thread waits for
/// another's cache.
#[derive(Debug)]
pub(super) struct ThreadFigures {
    /// From the commit to the begin of the first attempt: from memory, and by way of a row.
    pub(super) queued_in_memory: Histogram,
    pub(super) queued_in_row: Histogram,
    /// How long requests took: those that were answered 2xx, and all others.
    pub(super) took_sent: Histogram,
    pub(super) took_failed: Histogram,
    /// Lines that have something to do, and what they hold. Each tells about twice a second.
    pub(super) lines: Gauge,
    pub(super) waiting: Gauge,
    pub(super) claimed: Gauge,
    pub(super) under_way: Gauge,
    /// Deliveries that left memory, and targets that answered 410.
    pub(super) spilled: Counter,
    pub(super) gone: Counter,
}

impl Default for ThreadFigures {
    fn default() -> Self {
        Self {
            queued_in_memory: Histogram::new(QUEUE),
            queued_in_row: Histogram::new(QUEUE),
            took_sent: Histogram::new(ATTEMPT),
            took_failed: Histogram::new(ATTEMPT),
            lines: Gauge::default(),
            waiting: Gauge::default(),
            claimed: Gauge::default(),
            under_way: Gauge::default(),
            spilled: Counter::default(),
            gone: Counter::default(),
        }
    }
}

/// Messages that were sent to an actor and not yet taken.
#[derive(Debug, Default)]
pub(super) struct Mailboxes {
    pub(super) dispatcher: Gauge,
    pub(super) recorder: Gauge,
}

/// All numbers of a daemon.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) intake: IntakeFigures,
    pub(super) recorder: RecorderFigures,
    pub(super) mail: MailFigures,
    pub(super) activity: Statement,
    pub(super) mailboxes: Mailboxes,
    threads: Mutex<Vec<Arc<ThreadFigures>>>,
    sampled: Mutex<Option<DatabaseView>>,
}

impl Figures {
    /// The numbers of a delivery thread that begins.
    pub(super) fn thread(&self) -> Arc<ThreadFigures> {
        let figures = Arc::<ThreadFigures>::default();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.push(Arc::clone(&figures));
        figures
    }

    fn keep(&self, sampled: DatabaseView) {
        *self.sampled.lock().unwrap_or_else(PoisonError::into_inner) = Some(sampled);
    }

    fn sampled(&self) -> Option<DatabaseView> {
        let sampled = self.sampled.lock().unwrap_or_else(PoisonError::into_inner);
        sampled.clone()
    }
}
