//! Recorder: writes what attempts came to, in batches, and moves deliveries from memory into
//! rows. One statement runs at a time, so that what is sent first is written first; everything
//! sent meanwhile goes into the next.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::attempt_buffer::{PendingAttempt, PendingWrites};
use super::write_batch::{WriteBatch, Written, take_batch};
use crate::actors::intake::lane::OpenLane;
use crate::actors::observe::heartbeat::{self, Heartbeat};
use crate::actors::observe::metrics::Metrics;
use crate::actors::observe::stats::{CountSource, Stats};
use crate::domain::id::{EventId, SubscriptionId};
use crate::store::lane::LaneId;
use crate::store::{Connection, Database};

/// Between two tries to reach the database.
const RETRY: Duration = Duration::from_millis(250);

/// A lane is closed: what could not be recorded in it can be recorded at its rows now. Sent by
/// Intake.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct LaneClosed {
    pub(crate) lane: LaneId,
}

/// Which attempts of a lane ended and are not known to be recorded? Sent by Intake before it
/// closes its lane, so that their rows are not due before they are recorded at them.
#[derive(Message)]
#[rtype(result = "Vec<(SubscriptionId, EventId)>")]
pub(crate) struct Unrecorded {
    pub(crate) lane: LaneId,
}

/// Returns when everything sent before is written. Sent by the engine's stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct FlushRecorder;

pub(crate) struct Recorder {
    database: Database,
    stats: Arc<Stats>,
    metrics: Arc<Metrics>,
    open_lane: OpenLane,
    connection: Option<Connection>,
    pending: PendingWrites,
    /// By the lane whose closing they wait for.
    stranded: HashMap<LaneId, Vec<PendingAttempt>>,
    closed: HashSet<LaneId>,
    /// The lane that claimed attempts are recorded in: the open one, else the last one seen.
    lane: LaneId,
    writing: bool,
    flushes: Vec<oneshot::Sender<()>>,
    /// Those that wait for the end of the present batch.
    batch_ends: Vec<oneshot::Sender<Vec<(SubscriptionId, EventId)>>>,
    asked_lane: LaneId,
    heartbeat: Heartbeat,
}

impl Recorder {
    pub(crate) fn new(
        database: Database,
        stats: Arc<Stats>,
        metrics: Arc<Metrics>,
        open_lane: OpenLane,
        heartbeat: Heartbeat,
    ) -> Self {
        Self {
            database,
            stats,
            metrics,
            open_lane,
            connection: None,
            pending: PendingWrites::default(),
            stranded: HashMap::new(),
            closed: HashSet::new(),
            lane: LaneId(0),
            writing: false,
            flushes: Vec::new(),
            batch_ends: Vec::new(),
            asked_lane: LaneId(0),
            heartbeat,
        }
    }

    fn unrecorded_of(&self, lane: LaneId) -> Vec<(SubscriptionId, EventId)> {
        let first = (self.pending.first.iter().chain(&self.pending.long))
            .filter(|(_, event)| event.lane.id == lane);
        first
            .map(|(attempt, _)| attempt)
            .chain(self.stranded.get(&lane).into_iter().flatten())
            .chain(&self.pending.claimed)
            .map(|attempt| (attempt.record.key.subscription, attempt.record.key.event))
            .collect()
    }

    fn show_pending(&self) {
        let number = i64::try_from(self.pending.len()).unwrap_or(i64::MAX);
        self.metrics.recorder.pending.set(number);
    }

    fn write(&mut self, ctx: &mut Context<Self>) {
        self.show_pending();
        if self.writing {
            return;
        }
        if self.pending.len() == 0 {
            if self.stranded.is_empty() {
                for flush in self.flushes.drain(..) {
                    let _ = flush.send(());
                }
            }
            return;
        }
        self.writing = true;
        if let Some(lane) = self.open_lane.get() {
            self.lane = self.lane.max(lane.id);
        }
        self.stats.begin(CountSource::Attempts);
        let taken = take_batch(&mut self.pending);
        self.show_pending();
        let batch = WriteBatch {
            database: self.database.clone(),
            stats: Arc::clone(&self.stats),
            metrics: Arc::clone(&self.metrics),
            count_lane: self.lane,
        };
        let connection = self.connection.take();
        let (done, written) = oneshot::channel();
        actix::spawn(async move {
            let written = batch.write(connection, taken).await;
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
                // What the batch held is in no queue any more: the lane's rows bring it back.
                Err(_panicked) => actor.open_lane.unsure(actor.lane, "recording panicked"),
            }
            let unrecorded = actor.unrecorded_of(actor.asked_lane);
            for end in actor.batch_ends.drain(..) {
                let _ = end.send(unrecorded.clone());
            }
            actor.write(ctx);
        }));
    }

    fn written(&mut self, written: Written) {
        self.connection = written.connection;
        // What is of unknown outcome is written again, and counted then.
        let sure = !written.wait && written.stranded.is_empty() && self.stranded.is_empty();
        if sure {
            self.stats.settled(CountSource::Attempts);
        }
        let later = std::mem::replace(&mut self.pending, written.again);
        self.pending.extend(later);
        for (lane, attempt) in written.stranded {
            if self.closed.contains(&lane) {
                self.pending.claimed.push(attempt);
            } else {
                self.stranded.entry(lane).or_default().push(attempt);
            }
        }
        for (lane, why) in written.unsure {
            self.open_lane.unsure(lane, why);
        }
    }
}

impl Actor for Recorder {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1_024);
        ctx.run_interval(heartbeat::EVERY, |actor, _| actor.heartbeat.beat());
    }
}

impl Handler<PendingWrites> for Recorder {
    type Result = ();

    fn handle(&mut self, writes: PendingWrites, ctx: &mut Self::Context) {
        self.metrics.mailboxes.recorder.add(-1);
        self.pending.extend(writes);
        self.write(ctx);
    }
}

impl Handler<LaneClosed> for Recorder {
    type Result = ();

    fn handle(&mut self, message: LaneClosed, ctx: &mut Self::Context) {
        self.closed.insert(message.lane);
        let stranded = self.stranded.remove(&message.lane);
        self.pending.claimed.extend(stranded.unwrap_or_default());
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
        let (end, ended) = oneshot::channel();
        self.batch_ends.push(end);
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
