//! Intake: gathers published events into batches, commits each with one statement, and replies
//! after the commit. It owns the daemon's lane: opens it, and closes it when something became
//! unsure.
//!
//! Group commit: everything that arrived while the last commit ran goes into the next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::batch::{Batch, Full, MatchCache, take_batch};
use super::key_counts::KeyCounts;
use super::lane::{Ids, Lane, LaneUnsure, OpenLane};
use super::memory::{Commit, MemoryBudget};
use super::publishing::{PublishError, PublishEvents, PublishResult};
use crate::actors::delivery::dispatcher::{AbandonLane, DeliverEvents, Dispatcher};
use crate::actors::delivery::recorder::{LaneClosed, Recorder, Unrecorded};
use crate::actors::observe::heartbeat::{self, Heartbeat};
use crate::actors::observe::metrics::Metrics;
use crate::actors::observe::stats::{CountSource, Stats};
use crate::actors::routing::Routing;
use crate::actors::tell::tell;
use crate::store::clock::{DatabaseClock, uptime};
use crate::store::ingest::Ingested;
use crate::store::lane::{self, Owner};
use crate::store::{Connection, Database, StoreError, ingest, partition};

/// Requests that wait for a commit, at most; more are refused.
const WAITING: usize = 4_096;
/// By how long replies are delayed, at most, as memory fills.
const DELAY: Duration = Duration::from_millis(20);
/// Between two tries to reach the database.
const RETRY: Duration = Duration::from_millis(250);

/// Accept nothing more, finish the commit under way. Sent once by the engine's stop; returns
/// when nothing is under way any more.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct StopIntake;

/// Close the lane for good. Sent once by the engine's stop, after everything is recorded.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct CloseLane;

/// What Intake needs of the others.
pub(crate) struct IntakeParts {
    pub(crate) database: Database,
    pub(crate) clock: Arc<DatabaseClock>,
    pub(crate) routing: Arc<Routing>,
    pub(crate) budget: Arc<MemoryBudget>,
    pub(crate) open_lane: OpenLane,
    pub(crate) stats: Arc<Stats>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) folder: Uuid,
    pub(crate) lease: Duration,
    pub(crate) dispatcher: Addr<Dispatcher>,
    pub(crate) recorder: Addr<Recorder>,
    pub(crate) heartbeat: Heartbeat,
}

pub(crate) struct Intake {
    parts: Arc<IntakeParts>,
    lane: Option<Arc<Lane>>,
    /// Present while no commit runs and a lane is open.
    idle: Option<Committer>,
    waiting: VecDeque<PublishEvents>,
    committing: bool,
    stopping: bool,
    stopped: Vec<oneshot::Sender<()>>,
}

/// What a commit needs and gives back.
struct Committer {
    connection: Connection,
    ids: Ids,
    matched: MatchCache,
    counts: KeyCounts,
}

impl Intake {
    /// Starts it. It reads the reports that a lane is unsure; they may overtake its messages.
    pub(crate) fn start_with(
        parts: IntakeParts,
        mut unsure: mpsc::UnboundedReceiver<LaneUnsure>,
    ) -> Addr<Self> {
        Self::create(|ctx| {
            ctx.add_stream(futures_util::stream::poll_fn(move |cx| {
                unsure.poll_recv(cx)
            }));
            Self::new(parts)
        })
    }

    fn new(parts: IntakeParts) -> Self {
        Self {
            parts: Arc::new(parts),
            lane: None,
            idle: None,
            waiting: VecDeque::new(),
            committing: false,
            stopping: false,
            stopped: Vec::new(),
        }
    }

    fn set_lane(&mut self, lane: Option<Arc<Lane>>) {
        self.parts.open_lane.set(lane.clone());
        self.lane = lane;
    }

    /// Opens a lane, however long the database is away.
    fn open(&mut self, ctx: &mut Context<Self>) {
        let parts = Arc::clone(&self.parts);
        let opening = async move {
            loop {
                match open_lane(&parts).await {
                    Ok(opened) => return opened,
                    Err(error) => {
                        tracing::warn!(%error, "no lane can be opened; trying again");
                        tokio::time::sleep(RETRY).await;
                    }
                }
            }
        };
        ctx.spawn(
            on_this_thread(opening).map(|opened, actor: &mut Self, ctx| {
                let Some((lane, committer)) = opened else {
                    return actor.open(ctx);
                };
                if actor.stopping {
                    let parts = Arc::clone(&actor.parts);
                    actix::spawn(async move { close_lane(&parts, &lane).await });
                    return;
                }
                tracing::info!(lane = lane.id.0, "accepting events");
                actor.parts.metrics.intake.lanes_opened.add(1);
                // What was unsure is in a lane that is closed: its repair counts it.
                actor.parts.stats.settled(CountSource::Events);
                actor.set_lane(Some(lane));
                actor.idle = Some(committer);
                actor.commit_next(ctx);
            }),
        );
    }

    /// Gives the lane up: nothing begins in it from now on, what is in memory is dropped, and
    /// closing it writes rows for whatever has neither an attempt nor a row.
    fn give_up(&mut self, lane: &Arc<Lane>, why: &'static str, ctx: &mut Context<Self>) {
        if self.lane.as_ref().is_none_or(|open| open.id != lane.id) {
            return;
        }
        lane.kill();
        tracing::warn!(
            lane = lane.id.0,
            why,
            "closing this lane and opening another"
        );
        self.parts.metrics.intake.lanes_given_up.add(1);
        self.set_lane(None);
        self.idle = None;
        self.refuse_waiting();
        let parts = Arc::clone(&self.parts);
        let lane = Arc::clone(lane);
        let closing = async move { close_lane(&parts, &lane).await };
        // A closing that panicked leaves the lane to its lease: it is not renewed any more.
        ctx.spawn(
            on_this_thread(closing).map(|_closed, actor: &mut Self, ctx| {
                if !actor.stopping {
                    actor.open(ctx);
                }
            }),
        );
    }

    fn refuse_waiting(&mut self) {
        for request in self.waiting.drain(..) {
            self.parts.metrics.intake.refused.add(1);
            let _ = request.reply.send(Err(PublishError::Away));
        }
    }

    fn commit_next(&mut self, ctx: &mut Context<Self>) {
        if self.waiting.is_empty() {
            return;
        }
        let (Some(lane), Some(committer)) = (self.lane.clone(), self.idle.take()) else {
            return;
        };
        let requests = take_batch(&mut self.waiting);
        self.committing = true;
        let parts = Arc::clone(&self.parts);
        let held_lane = Arc::clone(&lane);
        let commit = async move { commit(&parts, &held_lane, committer, requests).await };
        ctx.spawn(
            on_this_thread(commit).map(move |committer, actor: &mut Self, ctx| {
                actor.committing = false;
                match committer {
                    Some(Ok(committer)) if !lane.is_dead() => {
                        actor.idle = Some(committer);
                        actor.commit_next(ctx);
                    }
                    Some(Ok(_)) => {}
                    Some(Err(why)) => actor.give_up(&lane, why, ctx),
                    None => actor.give_up(&lane, "a commit panicked", ctx),
                }
                if actor.stopping && !actor.committing {
                    actor.refuse_waiting();
                    for waiter in actor.stopped.drain(..) {
                        let _ = waiter.send(());
                    }
                }
            }),
        );
    }
}

/// Runs a future on the thread rather than in the actor's context, which would poll it at each
/// message. None: it panicked.
fn on_this_thread<T: 'static>(
    future: impl Future<Output = T> + 'static,
) -> impl ActorFuture<Intake, Output = Option<T>> {
    let task = actix::spawn(future);
    actix::fut::wrap_future(async move { task.await.ok() })
}

async fn open_lane(parts: &IntakeParts) -> Result<(Arc<Lane>, Committer), StoreError> {
    let connection = parts.database.dedicated().await?;
    parts.routing.refresh().await?;
    // After a long sleep of the machine, today may have none.
    partition::ensure(&parts.database).await?;
    let asked = uptime();
    let opened = lane::open(&parts.database, parts.folder, parts.lease).await?;
    parts.clock.set(opened.now, asked);
    let lane = Arc::new(Lane::new(opened.id, opened.floor, asked, parts.lease));
    let ids = Ids::above(opened.floor, Arc::clone(&parts.clock));
    Ok((
        lane,
        Committer {
            connection,
            ids,
            matched: MatchCache::default(),
            counts: KeyCounts::default(),
        },
    ))
}

async fn close_lane(parts: &IntakeParts, lane: &Lane) {
    // Without a Dispatcher the daemon is stopping, and nothing is under way.
    let mut under_way = parts
        .dispatcher
        .send(AbandonLane { lane: lane.id })
        .await
        .unwrap_or_default();
    // What ended and is not recorded comes after what is under way: the threads sent it to
    // Recorder before they replied.
    if let Ok(unrecorded) = parts.recorder.send(Unrecorded { lane: lane.id }).await {
        under_way.deliveries.extend(unrecorded);
    }
    loop {
        match lane::close(&parts.database, lane.id, Owner::Alive(&under_way), false).await {
            Ok(rows) => {
                tracing::info!(
                    lane = lane.id.0,
                    recovered = rows.unwrap_or(0),
                    "lane closed"
                );
                break;
            }
            Err(error) => {
                tracing::warn!(lane = lane.id.0, %error, "the lane cannot be closed yet");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
    // If Recorder is gone, the daemon is stopping.
    let _ = parts.recorder.send(LaneClosed { lane: lane.id }).await;
}

/// Commits one batch, hands it over and replies. An error says why the lane is unsure.
async fn commit(
    parts: &IntakeParts,
    lane: &Arc<Lane>,
    mut committer: Committer,
    requests: Vec<PublishEvents>,
) -> Result<Committer, &'static str> {
    let metrics = &parts.metrics.intake;
    let asked = u64::try_from(requests.len()).unwrap_or(u64::MAX);
    let mut batch = Batch::new(requests, &mut committer.ids);
    let events = u64::try_from(batch.len()).unwrap_or(u64::MAX);
    lane.committing(batch.first_id());
    parts.stats.begin(CountSource::Events);
    let Committer {
        counts, connection, ..
    } = &mut committer;
    if counts.begin(connection, &batch).await.is_err() {
        // Nothing was stored.
        metrics.refused.add(asked);
        batch.refuse();
        return Err("the database went away");
    }
    let most_keys = parts.database.bounds().idempotency_keys;
    loop {
        let table = parts.routing.current();
        committer.matched.follow(&table);
        let spill = parts.budget.is_spent();
        batch.route(&table, &mut committer.matched, spill);
        let columns = batch.columns();
        let begun = uptime();
        let Committer { connection, .. } = &mut committer;
        let ingested =
            ingest::ingest(connection, lane.id, table.version, &columns, most_keys).await;
        drop(columns);
        match ingested {
            Ok(Ingested::Stored {
                new_keys,
                out_of_keys,
            }) => {
                let commit = Commit {
                    lane: Arc::clone(lane),
                    at: uptime(),
                };
                metrics.commit.rows.observe(events);
                metrics.commit.took.took(commit.at.saturating_sub(begun));
                let known = if batch.has_keys() {
                    let taken = batch.taken_keys(&new_keys);
                    match ingest::known_keys(&mut committer.connection, &taken).await {
                        Ok(known) => known,
                        // The batch is stored, but its receipts are not known: the publishers ask
                        // again with their keys.
                        Err(_) => {
                            metrics.refused.add(asked);
                            batch.refuse();
                            return Err("the database went away");
                        }
                    }
                } else {
                    Vec::new()
                };
                let full = Full {
                    accounts: out_of_keys,
                    most: most_keys,
                };
                let done = batch.finish(&new_keys, &known, &full, &commit, &parts.budget);
                metrics.repeated.add(done.repeated);
                lane.committed(done.last_id, done.settlings.into_iter());
                parts.stats.accepted(lane.id, &done.accepted);
                parts.stats.settled(CountSource::Events);
                if !done.deliveries.is_empty() {
                    parts.metrics.mailboxes.dispatcher.add(1);
                    tell(
                        &parts.dispatcher,
                        DeliverEvents {
                            events: done.deliveries,
                        },
                    );
                }
                reply(parts, done.replies);
                return Ok(committer);
            }
            Ok(Ingested::Stale) => {
                if parts.routing.refresh().await.is_err() {
                    // Nothing was stored.
                    metrics.refused.add(asked);
                    batch.refuse();
                    return Err("the database went away");
                }
            }
            Ok(Ingested::Fenced) => {
                metrics.refused.add(asked);
                batch.refuse();
                return Err("somebody closed it");
            }
            Err(error) => {
                tracing::warn!(%error, "a batch of events could not be committed");
                metrics.commit.failed.add(1);
                metrics.refused.add(asked);
                batch.refuse();
                return Err("a commit of unknown outcome");
            }
        }
    }
}

/// Replies at once, or a little later while memory is short: publishers slow down.
fn reply(parts: &IntakeParts, replies: Vec<(oneshot::Sender<PublishResult>, PublishResult)>) {
    let send = |replies: Vec<(oneshot::Sender<PublishResult>, PublishResult)>| {
        for (reply, result) in replies {
            // A publisher that hung up gets none; its event is stored all the same.
            let _ = reply.send(result);
        }
    };
    let pressure = parts.budget.pressure();
    if pressure > 0.0 {
        actix::spawn(async move {
            tokio::time::sleep(DELAY.mul_f64(pressure)).await;
            send(replies);
        });
    } else {
        send(replies);
    }
}

impl Actor for Intake {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(WAITING);
        ctx.run_interval(heartbeat::EVERY, |actor, _| {
            // With a lane, a commit runs or the next can begin.
            if actor.lane.is_none() || actor.committing || actor.idle.is_some() {
                actor.parts.heartbeat.beat();
            }
        });
        self.open(ctx);
    }
}

impl Handler<PublishEvents> for Intake {
    type Result = ();

    fn handle(&mut self, request: PublishEvents, ctx: &mut Self::Context) {
        if self.stopping {
            let _ = request.reply.send(Err(PublishError::Stopping));
        } else if self.lane.is_none() || self.waiting.len() >= WAITING {
            self.parts.metrics.intake.refused.add(1);
            let _ = request.reply.send(Err(PublishError::Away));
        } else {
            self.waiting.push_back(request);
            self.commit_next(ctx);
        }
    }
}

impl StreamHandler<LaneUnsure> for Intake {
    fn handle(&mut self, report: LaneUnsure, ctx: &mut Self::Context) {
        if let Some(lane) = self.lane.clone().filter(|lane| lane.id == report.lane) {
            self.give_up(&lane, report.why, ctx);
        }
    }
}

impl Handler<StopIntake> for Intake {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: StopIntake, _: &mut Self::Context) -> Self::Result {
        self.stopping = true;
        if !self.committing {
            self.refuse_waiting();
            return Box::pin(std::future::ready(()));
        }
        let (stopped, wait) = oneshot::channel();
        self.stopped.push(stopped);
        Box::pin(async move {
            let _ = wait.await;
        })
    }
}

impl Handler<CloseLane> for Intake {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: CloseLane, _: &mut Self::Context) -> Self::Result {
        let Some(lane) = self.lane.take() else {
            return Box::pin(std::future::ready(()));
        };
        self.set_lane(None);
        // Of a lane that is unsure the counts are repaired.
        let sure = !lane.is_dead();
        lane.kill();
        let parts = Arc::clone(&self.parts);
        Box::pin(async move {
            close_lane(&parts, &lane).await;
            if sure {
                parts.stats.lane_closed(lane.id);
            }
        })
    }
}
