//! All figures as they are at one moment, for the web layer. Reading them waits for nobody: it
//! takes short locks and no connection.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::{ATTEMPT, Counter, CountsRead, Distribution, Figures, QUEUE, Statement};
use crate::actors::intake::LaneSlot;
use crate::actors::memory::Budget;
use crate::actors::recorder::UNRECORDED;
use crate::actors::routing::Routing;
use crate::actors::stats::Stats;
use crate::domain::id::{EventId, SubscriptionId};
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
    /// Publish requests that were told to come again.
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
    /// Told and not yet written.
    pub told: u64,
    /// Units of attempts that are not recorded, and how many there may be.
    pub unrecorded: u64,
    /// How many of them there may be.
    pub unrecorded_limit: u64,
}

/// Delivering, over all threads.
#[derive(Debug, Clone)]
pub struct DeliveryView {
    /// From the commit to the begin of the first attempt, from memory, in microseconds.
    pub queued_in_memory: Distribution,
    /// The same for deliveries that got a row before.
    pub queued_in_row: Distribution,
    /// How long requests took that were answered 2xx, in microseconds.
    pub took_sent: Distribution,
    /// The same for all others.
    pub took_failed: Distribution,
    /// Webhooks that have something to do.
    pub lines: u64,
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
pub struct MailView {
    /// Tries by the word of their outcome.
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
pub struct ActivityView {
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
    /// Who waits for one.
    pub waiting: u64,
}

/// What only the database knows, as it was sampled last.
#[derive(Debug, Clone)]
pub struct DatabaseView {
    /// The uptime when it was asked.
    pub at: Duration,
    /// How long it took to answer.
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

/// All of it.
#[derive(Debug, Clone)]
pub struct FiguresView {
    /// Events and outcomes.
    pub counts: CountsRead,
    /// Publishing.
    pub intake: IntakeView,
    /// Recording.
    pub recorder: RecorderView,
    /// Delivering.
    pub delivery: DeliveryView,
    /// The lane.
    pub lane: LaneView,
    /// Mails.
    pub mail: MailView,
    /// Activities.
    pub activity: ActivityView,
    /// The pool of connections.
    pub pool: PoolView,
    /// Messages that wait for an actor, by its name.
    pub mailboxes: [(&'static str, u64); 2],
    /// Subscriptions by the word of their state.
    pub subscriptions: Vec<(&'static str, u64)>,
    /// What the database told last; none: it was not asked yet.
    pub database: Option<DatabaseView>,
    /// The database's time, in milliseconds since 1970.
    pub now: i64,
    /// The uptime.
    pub uptime: Duration,
}

/// Where the figures are.
#[derive(Clone)]
pub(in crate::actors) struct Sources {
    pub(in crate::actors) figures: Arc<Figures>,
    pub(in crate::actors) database: Database,
    pub(in crate::actors) clock: Arc<DatabaseClock>,
    pub(in crate::actors) routing: Arc<Routing>,
    pub(in crate::actors) stats: Arc<Stats>,
    pub(in crate::actors) budget: Arc<Budget>,
    pub(in crate::actors) lane_slot: LaneSlot,
    pub(in crate::actors) unrecorded: Arc<Semaphore>,
}

impl Sources {
    /// Reads all. `uncommitted`: payload bytes that wait for their commit.
    pub(in crate::actors) fn read(&self, uncommitted: u64) -> FiguresView {
        let figures = &self.figures;
        FiguresView {
            counts: self.stats.counts(),
            intake: self.intake(uncommitted),
            recorder: RecorderView {
                first: written(&figures.recorder.first),
                claimed: written(&figures.recorder.claimed),
                spill: written(&figures.recorder.spill),
                told: figures.recorder.told.read(),
                unrecorded: count(UNRECORDED.saturating_sub(self.unrecorded.available_permits())),
                unrecorded_limit: count(UNRECORDED),
            },
            delivery: self.delivery(),
            lane: self.lane(),
            mail: MailView {
                tries: [
                    ("sent", figures.mail.sent.read()),
                    ("retry", figures.mail.retried.read()),
                    ("failed", figures.mail.failed.read()),
                ],
                took: figures.mail.took.read(),
                under_way: figures.mail.under_way.read(),
                down: figures.mail.down.read() > 0,
            },
            activity: ActivityView {
                commit: written(&figures.activity),
            },
            pool: self.pool(),
            mailboxes: [
                ("dispatcher", figures.mailboxes.dispatcher.read()),
                ("recorder", figures.mailboxes.recorder.read()),
            ],
            subscriptions: self.subscriptions(),
            database: figures.sampled(),
            now: self.clock.micros().div_euclid(1_000),
            uptime: uptime(),
        }
    }

    fn intake(&self, uncommitted_bytes: u64) -> IntakeView {
        let intake = &self.figures.intake;
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

    fn delivery(&self) -> DeliveryView {
        let mut view = DeliveryView {
            queued_in_memory: Distribution::empty(QUEUE),
            queued_in_row: Distribution::empty(QUEUE),
            took_sent: Distribution::empty(ATTEMPT),
            took_failed: Distribution::empty(ATTEMPT),
            lines: 0,
            waiting: 0,
            claimed: 0,
            under_way: 0,
            spilled: 0,
            gone: 0,
        };
        let threads = &self.figures.threads;
        let threads = threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.iter() {
            view.queued_in_memory.add(&thread.queued_in_memory.read());
            view.queued_in_row.add(&thread.queued_in_row.read());
            view.took_sent.add(&thread.took_sent.read());
            view.took_failed.add(&thread.took_failed.read());
            view.lines += thread.lines.read();
            view.waiting += thread.waiting.read();
            view.claimed += thread.claimed.read();
            view.under_way += thread.under_way.read();
            view.spilled += thread.spilled.read();
            view.gone += thread.gone.read();
        }
        view
    }

    fn lane(&self) -> LaneView {
        let lane = self.lane_slot.read().ok().and_then(|slot| slot.clone());
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
            opened: self.figures.intake.lanes_opened.read(),
            given_up: self.figures.intake.lanes_given_up.read(),
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
