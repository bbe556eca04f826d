//! Recorder: writes what attempts came to, in batches, and moves deliveries from memory into
//! rows. One statement runs at a time, so that what is told first is written first; everything
//! told meanwhile goes into the next.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::{Semaphore, oneshot};

use super::figures::Figures;
use super::intake::{Intake, LaneSlot, LaneUnsure};
use super::memory::MemoryEvent;
use super::pulse::{self, Beat};
use super::round::{Told, Writer, Written};
use super::stats::{Source, Stats};
use super::tell::tell;
use crate::domain::id::{EventId, SubscriptionId};
use crate::store::lane::LaneId;
use crate::store::record::{AttemptRecord, ReleasedClaim, SpilledDelivery};
use crate::store::{Connection, Database};

/// Between two tries to reach the database.
const RETRY: Duration = Duration::from_millis(250);
/// Attempts that may be made and not yet recorded.
pub(super) const UNRECORDED: usize = 16_384;

/// A first attempt, made from memory.
pub(super) struct FirstAttempt {
    pub(super) record: AttemptRecord,
    pub(super) event: Arc<MemoryEvent>,
}

/// Attempts that ended. Sent by each delivery thread's outbox. If it is lost with the process,
/// these were in flight at the crash: recovery tries them again.
#[derive(Message, Default)]
#[rtype(result = "()")]
pub(super) struct RecordAttempts {
    pub(super) first: Vec<FirstAttempt>,
    /// First attempts that ran for so long that they were told to get a row.
    pub(super) long: Vec<FirstAttempt>,
    pub(super) claimed: Vec<AttemptRecord>,
}

impl RecordAttempts {
    pub(super) const fn len(&self) -> usize {
        self.first.len() + self.long.len() + self.claimed.len()
    }
}

/// A delivery that leaves memory.
pub(super) struct Spilled {
    pub(super) event: Arc<MemoryEvent>,
    pub(super) delivery: SpilledDelivery,
}

/// Write rows for deliveries that leave memory. Sent by Subscription. If it is lost, the lane's
/// low-water mark stays below them.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct SpillDeliveries(pub(super) Vec<Spilled>);

/// Make claimed rows due again whose attempt was not begun. Sent by Subscription. If it is
/// lost, the claims run out by themselves.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ReleaseClaims(pub(super) Vec<ReleasedClaim>);

/// A lane is closed: what could not be recorded in it can be recorded at its rows now. Sent by
/// Intake.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct LaneClosed {
    pub(super) lane: LaneId,
}

/// Which attempts of a lane ended and are not known to be recorded? Sent by Intake before it
/// closes its lane, so that their rows are not due before they are recorded at them.
#[derive(Message)]
#[rtype(result = "Vec<(SubscriptionId, EventId)>")]
pub(super) struct Unrecorded {
    pub(super) lane: LaneId,
}

/// Answered when everything told before is written. Sent by the engine's stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct FlushRecorder;

/// Where Recorder tells that a lane is unsure. Sent once, when both are started.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct MeetIntake(pub(super) Addr<Intake>);

/// The actor.
pub(super) struct Recorder {
    database: Database,
    unrecorded: Arc<Semaphore>,
    stats: Arc<Stats>,
    figures: Arc<Figures>,
    lane_slot: LaneSlot,
    intake: Option<Addr<Intake>>,
    connection: Option<Connection>,
    told: Told,
    /// By the lane whose closing they wait for.
    stranded: HashMap<LaneId, Vec<AttemptRecord>>,
    closed: HashSet<LaneId>,
    /// The lane that claimed attempts are recorded in: the open one, else the last one seen.
    lane: LaneId,
    writing: bool,
    flushes: Vec<oneshot::Sender<()>>,
    /// Who waits for the end of the present round.
    rounds: Vec<oneshot::Sender<Vec<(SubscriptionId, EventId)>>>,
    asked_lane: LaneId,
    beat: Beat,
}

impl Recorder {
    pub(super) fn new(
        database: Database,
        unrecorded: Arc<Semaphore>,
        stats: Arc<Stats>,
        figures: Arc<Figures>,
        lane_slot: LaneSlot,
        beat: Beat,
    ) -> Self {
        Self {
            database,
            unrecorded,
            stats,
            figures,
            lane_slot,
            intake: None,
            connection: None,
            told: Told::default(),
            stranded: HashMap::new(),
            closed: HashSet::new(),
            lane: LaneId(0),
            writing: false,
            flushes: Vec::new(),
            rounds: Vec::new(),
            asked_lane: LaneId(0),
            beat,
        }
    }

    fn unrecorded_of(&self, lane: LaneId) -> Vec<(SubscriptionId, EventId)> {
        let first = (self.told.first.iter().chain(&self.told.long))
            .filter(|attempt| attempt.event.lane.id == lane);
        first
            .map(|attempt| &attempt.record)
            .chain(self.stranded.get(&lane).into_iter().flatten())
            .chain(&self.told.claimed)
            .map(|record| (record.key.subscription, record.key.event))
            .collect()
    }

    fn write(&mut self, ctx: &mut Context<Self>) {
        self.figures.recorder.told.set(self.told.len());
        if self.writing {
            return;
        }
        if self.told.is_empty() {
            if self.stranded.is_empty() {
                for flush in self.flushes.drain(..) {
                    let _ = flush.send(());
                }
            }
            return;
        }
        self.writing = true;
        if let Some(lane) = self.lane_slot.read().ok().and_then(|slot| slot.clone()) {
            self.lane = self.lane.max(lane.id);
        }
        self.stats.begin(Source::Attempts);
        let round = self.told.take();
        self.figures.recorder.told.set(self.told.len());
        let writer = Writer {
            database: self.database.clone(),
            unrecorded: Arc::clone(&self.unrecorded),
            stats: Arc::clone(&self.stats),
            figures: Arc::clone(&self.figures),
            count_lane: self.lane,
        };
        let connection = self.connection.take();
        let (done, written) = oneshot::channel();
        actix::spawn(async move {
            let written = writer.write(connection, round).await;
            if written.wait {
                tokio::time::sleep(RETRY).await;
            }
            let _ = done.send(written);
        });
        let written = actix::fut::wrap_future::<_, Self>(written);
        ctx.spawn(written.map(|written, actor, ctx| {
            actor.writing = false;
            match written {
                Ok(written) => actor.written(written),
                // What the round held is in no queue any more: the lane's rows bring it back.
                Err(_panicked) => actor.unsure(actor.lane, "recording panicked"),
            }
            let unrecorded = actor.unrecorded_of(actor.asked_lane);
            for round in actor.rounds.drain(..) {
                let _ = round.send(unrecorded.clone());
            }
            actor.write(ctx);
        }));
    }

    fn written(&mut self, written: Written) {
        self.connection = written.connection;
        // What is of unknown outcome is told again, and counted then.
        let sure = !written.wait && written.stranded.is_empty() && self.stranded.is_empty();
        if sure {
            self.stats.settled(Source::Attempts);
        }
        let told = std::mem::replace(&mut self.told, written.again);
        self.told.first.extend(told.first);
        self.told.spilled.extend(told.spilled);
        self.told.long.extend(told.long);
        self.told.claimed.extend(told.claimed);
        self.told.released.extend(told.released);
        for (lane, attempt) in written.stranded {
            if self.closed.contains(&lane) {
                self.told.claimed.push(attempt);
            } else {
                self.stranded.entry(lane).or_default().push(attempt);
            }
        }
        for (lane, why) in written.unsure {
            self.unsure(lane, why);
        }
    }

    fn unsure(&self, lane: LaneId, why: &'static str) {
        if let Some(intake) = &self.intake {
            tell(intake, LaneUnsure { lane, why });
        }
    }
}

impl Actor for Recorder {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1_024);
        ctx.run_interval(pulse::EVERY, |actor, _| actor.beat.turned());
    }
}

impl Handler<MeetIntake> for Recorder {
    type Result = ();

    fn handle(&mut self, message: MeetIntake, _: &mut Self::Context) {
        self.intake = Some(message.0);
    }
}

impl Handler<RecordAttempts> for Recorder {
    type Result = ();

    fn handle(&mut self, message: RecordAttempts, ctx: &mut Self::Context) {
        self.figures.mailboxes.recorder.add(-1);
        self.told.first.extend(message.first);
        self.told.long.extend(message.long);
        self.told.claimed.extend(message.claimed);
        self.write(ctx);
    }
}

impl Handler<SpillDeliveries> for Recorder {
    type Result = ();

    fn handle(&mut self, message: SpillDeliveries, ctx: &mut Self::Context) {
        self.figures.mailboxes.recorder.add(-1);
        self.told.spilled.extend(message.0);
        self.write(ctx);
    }
}

impl Handler<ReleaseClaims> for Recorder {
    type Result = ();

    fn handle(&mut self, message: ReleaseClaims, ctx: &mut Self::Context) {
        self.figures.mailboxes.recorder.add(-1);
        self.told.released.extend(message.0);
        self.write(ctx);
    }
}

impl Handler<LaneClosed> for Recorder {
    type Result = ();

    fn handle(&mut self, message: LaneClosed, ctx: &mut Self::Context) {
        self.closed.insert(message.lane);
        self.told
            .claimed
            .extend(self.stranded.remove(&message.lane).unwrap_or_default());
        self.write(ctx);
    }
}

impl Handler<Unrecorded> for Recorder {
    type Result = ResponseFuture<Vec<(SubscriptionId, EventId)>>;

    fn handle(&mut self, message: Unrecorded, _: &mut Self::Context) -> Self::Result {
        if !self.writing {
            return Box::pin(std::future::ready(self.unrecorded_of(message.lane)));
        }
        // Only one lane is being closed at a time.
        self.asked_lane = message.lane;
        let (round, ended) = oneshot::channel();
        self.rounds.push(round);
        Box::pin(async move { ended.await.unwrap_or_default() })
    }
}

impl Handler<FlushRecorder> for Recorder {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: FlushRecorder, ctx: &mut Self::Context) -> Self::Result {
        let (flush, flushed) = oneshot::channel();
        self.flushes.push(flush);
        self.write(ctx);
        Box::pin(async move {
            let _ = flushed.await;
        })
    }
}
