//! What the daemon counts about itself: raised where things happen, read as a whole by
//! the web layer, which gives them their names.
//!
//! Nothing is counted in the database when somebody asks: what only it knows is sampled in the
//! background (`super::sampler`), what attempts came to is taken over from the rollups
//! (`counts.rs`).

mod busiest;
mod counts;
mod meter;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(super) use self::counts::RaisedCounts;
pub use self::counts::{CountsRead, OutcomeCounts};
pub use self::meter::Distribution;
pub(crate) use self::meter::{Counter, Gauge, MetricHistogram};
use crate::domain::id::SubscriptionId;

/// Times in microseconds, from half a millisecond to ten seconds: statements.
const COMMIT: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];
/// Times in microseconds, up to the longest timeout of a target: attempts and tries of mails.
pub(super) const ATTEMPT: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 15_000_000, 30_000_000, 60_000_000,
];
/// Times in microseconds, up to a day: from the commit to the first attempt.
pub(super) const QUEUE: &[u64] = &[
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
pub(crate) struct Statement {
    /// Rows of each.
    pub(crate) rows: MetricHistogram,
    /// How long each took.
    pub(crate) took: MetricHistogram,
    /// Those whose outcome is not known, or that the database refused.
    pub(crate) failed: Counter,
}

impl Default for Statement {
    fn default() -> Self {
        Self {
            rows: MetricHistogram::new(BATCH),
            took: MetricHistogram::new(COMMIT),
            failed: Counter::default(),
        }
    }
}

/// Counts a publish request as waiting for as long as it is kept, wherever it waits.
#[derive(Debug)]
pub(crate) struct Waits(Arc<Metrics>);

impl Waits {
    pub(crate) fn new(metrics: &Arc<Metrics>) -> Self {
        metrics.intake.waiting.add(1);
        Self(Arc::clone(metrics))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.intake.waiting.add(-1);
    }
}

/// The numbers of Intake.
#[derive(Debug, Default)]
pub(crate) struct IntakeMetrics {
    pub(crate) commit: Statement,
    /// Publish requests that wait for their commit.
    pub(crate) waiting: Gauge,
    /// Publish requests that were refused for now.
    pub(crate) refused: Counter,
    /// Events whose idempotency key was used before.
    pub(crate) repeated: Counter,
    /// Lanes opened, and lanes given up because something became unsure.
    pub(crate) lanes_opened: Counter,
    pub(crate) lanes_given_up: Counter,
}

/// The numbers of Recorder.
#[derive(Debug, Default)]
pub(crate) struct RecorderMetrics {
    pub(crate) first: Statement,
    pub(crate) claimed: Statement,
    pub(crate) spill: Statement,
    /// Attempts and rows that are not written yet.
    pub(crate) pending: Gauge,
}

/// The numbers of MailLog.
#[derive(Debug)]
pub(crate) struct MailMetrics {
    /// Tries by their outcome: sent, retry, failed.
    pub(crate) sent: Counter,
    pub(crate) retried: Counter,
    pub(crate) failed: Counter,
    /// How long each conversation with the mail server took.
    pub(crate) took: MetricHistogram,
    /// Mails that are being sent.
    pub(crate) under_way: Gauge,
    /// 1: the mail server counts as down.
    pub(crate) down: Gauge,
}

impl Default for MailMetrics {
    fn default() -> Self {
        Self {
            sent: Counter::default(),
            retried: Counter::default(),
            failed: Counter::default(),
            took: MetricHistogram::new(ATTEMPT),
            under_way: Gauge::default(),
            down: Gauge::default(),
        }
    }
}

/// The numbers of one delivery thread: nobody else raises them, so that no thread waits for
/// another's cache.
#[derive(Debug)]
pub(crate) struct ThreadMetrics {
    /// From the commit to the start of the first attempt: from memory, and by way of a row.
    pub(crate) queued_in_memory: MetricHistogram,
    pub(crate) queued_in_row: MetricHistogram,
    /// How long requests took: those that were answered 2xx, and all others.
    pub(crate) took_sent: MetricHistogram,
    pub(crate) took_failed: MetricHistogram,
    /// Queues that have something to do, and what they hold. Each shows it about twice a second.
    pub(crate) busy: Gauge,
    pub(crate) waiting: Gauge,
    pub(crate) claimed: Gauge,
    pub(crate) under_way: Gauge,
    /// Deliveries that left memory, and targets that answered 410.
    pub(crate) spilled: Counter,
    pub(crate) gone: Counter,
}

impl Default for ThreadMetrics {
    fn default() -> Self {
        Self {
            queued_in_memory: MetricHistogram::new(QUEUE),
            queued_in_row: MetricHistogram::new(QUEUE),
            took_sent: MetricHistogram::new(ATTEMPT),
            took_failed: MetricHistogram::new(ATTEMPT),
            busy: Gauge::default(),
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
pub(crate) struct Mailboxes {
    pub(crate) dispatcher: Gauge,
    pub(crate) recorder: Gauge,
}

/// All numbers of a daemon.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) intake: IntakeMetrics,
    pub(crate) recorder: RecorderMetrics,
    pub(crate) mail: MailMetrics,
    pub(crate) activity: Statement,
    pub(crate) mailboxes: Mailboxes,
    threads: Mutex<Vec<Arc<ThreadMetrics>>>,
    sampled: Mutex<Option<DatabaseView>>,
}

impl Metrics {
    /// The numbers of a delivery thread that begins.
    pub(crate) fn thread(&self) -> Arc<ThreadMetrics> {
        let metrics = Arc::<ThreadMetrics>::default();
        self.threads().push(Arc::clone(&metrics));
        metrics
    }

    /// The numbers of all delivery threads.
    pub(super) fn threads(&self) -> MutexGuard<'_, Vec<Arc<ThreadMetrics>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep(&self, sampled: DatabaseView) {
        *self.sampled.lock().unwrap_or_else(PoisonError::into_inner) = Some(sampled);
    }

    pub(super) fn sampled(&self) -> Option<DatabaseView> {
        let sampled = self.sampled.lock().unwrap_or_else(PoisonError::into_inner);
        sampled.clone()
    }
}

/// What only the database knows, as it was sampled last.
#[derive(Debug, Clone)]
pub struct DatabaseView {
    /// The uptime when it was asked.
    pub at: Duration,
    /// How long that took.
    pub took: Duration,
    /// Open deliveries by their state: how many, and when the oldest event was accepted, in
    /// milliseconds since 1970.
    pub open: Vec<(&'static str, u64, Option<i64>)>,
    /// The subscriptions with the most open deliveries.
    pub open_of: Vec<(SubscriptionId, u64)>,
    /// The open deliveries of all other subscriptions.
    pub open_of_others: u64,
    /// Webhooks whose deliveries fail.
    pub failing: u64,
    /// Mails that wait, and since when the oldest is due, in milliseconds since 1970.
    pub mails: (u64, Option<i64>),
    /// Open lanes of all daemons, and those whose lease ran out.
    pub lanes: (u64, u64),
    /// What the last audit of the whole server found: lost, double, and when, in milliseconds
    /// since 1970.
    pub audit: Option<(u64, u64, i64)>,
}
