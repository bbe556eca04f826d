//! All metrics as they are at one moment, for the web layer. Reading them waits for nobody: it
//! takes short locks and no connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::metrics::{
    ATTEMPT, Counter, CountsRead, DatabaseView, Distribution, Metrics, QUEUE, Statement,
};
use super::stats::Stats;
use crate::actors::delivery::attempt_buffer::UNRECORDED;
use crate::actors::intake::lane::OpenLane;
use crate::actors::intake::memory::MemoryBudget;
use crate::actors::routing::Routing;
use crate::domain::id::EventId;
use crate::domain::subscription::SubscriptionState;
use crate::store::Database;
use crate::store::clock::{DatabaseClock, uptime};

/// What one kind of statement wrote since the start.
#[derive(Debug, Clone)]
pub struct WrittenView {
    /// Rows of each statement.
    pub rows: Distribution,
    /// How long each took, in microseconds.
    pub took: Distribution,
    /// Those whose outcome is not known, or that the database refused.
    pub failed: u64,
}

/// Publishing.
#[derive(Debug, Clone)]
pub struct IntakeView {
    /// Commits.
    pub commit: WrittenView,
    /// Publish requests that wait for their commit, those in the mailbox included.
    pub waiting: u64,
    /// Payload bytes that wait for their commit.
    pub uncommitted_bytes: u64,
    /// Publish requests that were refused for now.
    pub refused: u64,
    /// Events whose idempotency key was used before.
    pub repeated: u64,
    /// Bytes of committed events in memory.
    pub memory_bytes: u64,
    /// How many of them there may be.
    pub memory_limit_bytes: u64,
}

/// Recording.
#[derive(Debug, Clone)]
pub struct RecorderView {
    /// First attempts.
    pub first: WrittenView,
    /// Attempts at claimed rows.
    pub claimed: WrittenView,
    /// Deliveries that left memory.
    pub spill: WrittenView,
    /// Attempts and rows that are not written yet.
    pub pending: u64,
    /// Units of attempts that are not recorded, and how many there may be.
    pub unrecorded: u64,
    /// How many of them there may be.
    pub unrecorded_limit: u64,
}

/// Delivering, over all threads.
#[derive(Debug, Clone)]
pub struct DeliveryMetricsView {
    /// From the commit to the start of the first attempt, from memory, in microseconds.
    pub queued_in_memory: Distribution,
    /// The same for deliveries that got a row before.
    pub queued_in_row: Distribution,
    /// How long requests took that were answered 2xx, in microseconds.
    pub took_sent: Distribution,
    /// The same for all others.
    pub took_failed: Distribution,
    /// Webhooks that have something to do.
    pub busy: u64,
    /// First attempts that wait in memory.
    pub waiting: u64,
    /// Claimed rows that wait in memory.
    pub claimed: u64,
    /// Attempts under way.
    pub under_way: u64,
    /// Deliveries that left memory for a row.
    pub spilled: u64,
    /// Webhooks that were disabled because their target answered 410.
    pub gone: u64,
}

/// The lane.
#[derive(Debug, Clone)]
pub struct LaneView {
    /// The number of the open lane; none: none is open.
    pub id: Option<i32>,
    /// For how long attempts may still begin on the lease as it is.
    pub lease_left: Duration,
    /// The age of the oldest event that crash recovery would look at; none: nothing is in memory
    /// alone.
    pub mark_age: Option<Duration>,
    /// Lanes opened since the start.
    pub opened: u64,
    /// Lanes given up since the start because something became unsure.
    pub given_up: u64,
}

/// Sending mails.
#[derive(Debug, Clone)]
pub struct MailMetricsView {
    /// Tries by their outcome.
    pub tries: [(&'static str, u64); 3],
    /// How long each conversation with the mail server took, in microseconds.
    pub took: Distribution,
    /// Mails that are being sent.
    pub under_way: u64,
    /// The mail server counts as down.
    pub down: bool,
}

/// Activities that the host application records.
#[derive(Debug, Clone)]
pub struct ActivityMetricsView {
    /// Commits.
    pub commit: WrittenView,
}

/// The pool of connections.
#[derive(Debug, Clone, Copy)]
pub struct PoolView {
    /// Connections that are lent.
    pub in_use: u64,
    /// Connections that are open and free.
    pub idle: u64,
    /// Connections that there may be.
    pub limit: u64,
    /// Tasks that wait for one.
    pub waiting: u64,
}

/// All of it.
#[derive(Debug, Clone)]
pub struct MetricsView {
    /// Events and outcomes.
    pub counts: CountsRead,
    /// Publishing.
    pub intake: IntakeView,
    /// Recording.
    pub recorder: RecorderView,
    /// Delivering.
    pub delivery: DeliveryMetricsView,
    /// The lane.
    pub lane: LaneView,
    /// Mails.
    pub mail: MailMetricsView,
    /// Activities.
    pub activity: ActivityMetricsView,
    /// The pool of connections.
    pub pool: PoolView,
    /// Messages that wait for an actor, by its name.
    pub mailboxes: [(&'static str, u64); 2],
    /// Subscriptions by their state.
    pub subscriptions: Vec<(&'static str, u64)>,
    /// What the database knew last; none: it was not asked yet.
    pub database: Option<DatabaseView>,
    /// The database's time, in milliseconds since 1970.
    pub now: i64,
    /// The uptime.
    pub uptime: Duration,
}

/// Reads them.
#[derive(Clone)]
pub(crate) struct MetricsReader {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) database: Database,
    pub(crate) clock: Arc<DatabaseClock>,
    pub(crate) routing: Arc<Routing>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) budget: Arc<MemoryBudget>,
    pub(crate) open_lane: OpenLane,
    pub(crate) unrecorded: Arc<Semaphore>,
}

impl MetricsReader {
    /// Reads all. `uncommitted`: payload bytes that wait for their commit.
    pub(crate) fn read(&self, uncommitted: u64) -> MetricsView {
        let metrics = &self.metrics;
        MetricsView {
            counts: self.stats.counts(),
            intake: self.intake(uncommitted),
            recorder: RecorderView {
                first: written(&metrics.recorder.first),
                claimed: written(&metrics.recorder.claimed),
                spill: written(&metrics.recorder.spill),
                pending: metrics.recorder.pending.read(),
                unrecorded: count(UNRECORDED.saturating_sub(self.unrecorded.available_permits())),
                unrecorded_limit: count(UNRECORDED),
            },
            delivery: self.delivery(),
            lane: self.lane(),
            mail: MailMetricsView {
                tries: [
                    ("sent", metrics.mail.sent.read()),
                    ("retry", metrics.mail.retried.read()),
                    ("failed", metrics.mail.failed.read()),
                ],
                took: metrics.mail.took.read(),
                under_way: metrics.mail.under_way.read(),
                down: metrics.mail.down.read() > 0,
            },
            activity: ActivityMetricsView {
                commit: written(&metrics.activity),
            },
            pool: self.pool(),
            mailboxes: [
                ("dispatcher", metrics.mailboxes.dispatcher.read()),
                ("recorder", metrics.mailboxes.recorder.read()),
            ],
            subscriptions: self.subscriptions(),
            database: metrics.sampled(),
            now: self.clock.micros().div_euclid(1_000),
            uptime: uptime(),
        }
    }

    fn intake(&self, uncommitted_bytes: u64) -> IntakeView {
        let intake = &self.metrics.intake;
        let (used, limit) = self.budget.used_of();
        IntakeView {
            commit: written(&intake.commit),
            waiting: intake.waiting.read(),
            uncommitted_bytes,
            refused: intake.refused.read(),
            repeated: intake.repeated.read(),
            memory_bytes: count(used),
            memory_limit_bytes: count(limit),
        }
    }

    fn delivery(&self) -> DeliveryMetricsView {
        let mut view = DeliveryMetricsView {
            queued_in_memory: Distribution::empty(QUEUE),
            queued_in_row: Distribution::empty(QUEUE),
            took_sent: Distribution::empty(ATTEMPT),
            took_failed: Distribution::empty(ATTEMPT),
            busy: 0,
            waiting: 0,
            claimed: 0,
            under_way: 0,
            spilled: 0,
            gone: 0,
        };
        for thread in self.metrics.threads().iter() {
            view.queued_in_memory.add(&thread.queued_in_memory.read());
            view.queued_in_row.add(&thread.queued_in_row.read());
            view.took_sent.add(&thread.took_sent.read());
            view.took_failed.add(&thread.took_failed.read());
            view.busy += thread.busy.read();
            view.waiting += thread.waiting.read();
            view.claimed += thread.claimed.read();
            view.under_way += thread.under_way.read();
            view.spilled += thread.spilled.read();
            view.gone += thread.gone.read();
        }
        view
    }

    fn lane(&self) -> LaneView {
        let lane = self.open_lane.get();
        let now = self.clock.micros().div_euclid(1_000);
        let oldest = lane.as_ref().and_then(|lane| lane.oldest_unsettled());
        let age = |id| {
            let millis = now.saturating_sub(EventId::from_uuid(id).millis());
            Duration::from_millis(u64::try_from(millis).unwrap_or(0))
        };
        LaneView {
            id: lane.as_ref().map(|lane| lane.id.0),
            lease_left: lane
                .as_ref()
                .map_or(Duration::ZERO, |lane| lane.lease_left()),
            mark_age: oldest.map(age),
            opened: self.metrics.intake.lanes_opened.read(),
            given_up: self.metrics.intake.lanes_given_up.read(),
        }
    }

    fn pool(&self) -> PoolView {
        let pool = self.database.pool_use();
        PoolView {
            in_use: count(pool.in_use),
            idle: count(pool.idle),
            limit: count(pool.limit),
            waiting: count(pool.waiting),
        }
    }

    fn subscriptions(&self) -> Vec<(&'static str, u64)> {
        let table = self.routing.current();
        let of = |state: SubscriptionState| {
            let same = table.routes().filter(|route| route.state == state);
            (state.as_str(), count(same.count()))
        };
        SubscriptionState::ALL.iter().copied().map(of).collect()
    }
}

fn written(statement: &Statement) -> WrittenView {
    WrittenView {
        rows: statement.rows.read(),
        took: statement.took.read(),
        failed: Counter::read(&statement.failed),
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
