//! Subscription: one actor for each webhook that has something to do. It owns the webhook's
//! queue and its bound of attempts under way; it lives on one of the delivery threads.
//!
//! Attempts run as tasks on the thread, not in the actor's context, which would poll all of
//! them at each message. Actor and tasks share [`Line`], which only this thread sees.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::figures::Figures;
use super::intake::{Intake, LaneSlot};
use super::lane::Lane;
use super::line::{Line, Thread};
use super::mail_log::Mails;
use super::memory::MemoryEvent;
use super::plugins::Plugins;
use super::recorder::{Recorder, SpillDeliveries, Spilled};
use super::routing::Route;
use super::tell::tell;
use super::trail;
use crate::config::Live;
use crate::domain::address::AddressRules;
use crate::domain::id::{EventId, SubscriptionId};
use crate::store::Database;
use crate::store::clock::DatabaseClock;
use crate::store::lane::LaneId;
use crate::store::record::{DeliveryKey, SpilledDelivery};
use crate::transport::TlsSettings;

/// How often the queue is looked at for what waits or runs too long.
const TICK: Duration = Duration::from_millis(500);

/// What every Subscription needs. Cheap to clone.
#[derive(Clone)]
pub(super) struct SubscriptionParts {
    pub(super) database: Database,
    pub(super) clock: Arc<DatabaseClock>,
    pub(super) rules: Arc<Live<AddressRules>>,
    pub(super) tls: TlsSettings,
    pub(super) recorder: Addr<Recorder>,
    pub(super) unrecorded: Arc<Semaphore>,
    pub(super) lane_slot: LaneSlot,
    pub(super) intake: Arc<std::sync::OnceLock<Addr<Intake>>>,
    pub(super) plugins: Plugins,
    pub(super) mails: Mails,
    pub(super) figures: Arc<Figures>,
}

impl SubscriptionParts {
    /// The daemon's open lane.
    pub(super) fn open_lane(&self) -> Option<Arc<Lane>> {
        self.lane_slot.read().ok()?.clone()
    }

    /// Writes rows for deliveries that nobody in memory takes.
    pub(super) fn spill(&self, subscription: SubscriptionId, events: Vec<Arc<MemoryEvent>>) {
        if trail::is_told() {
            let told = events.iter().map(|event| event.id);
            told.for_each(|event| trail::spilled(event, subscription, trail::Spilled::Halted));
        }
        let spilled = events
            .into_iter()
            .map(|event| Spilled {
                delivery: SpilledDelivery {
                    key: DeliveryKey {
                        account: event.account,
                        subscription,
                        event: event.id,
                    },
                    running_for: None,
                    wait: Duration::ZERO,
                    held_by: None,
                },
                event,
            })
            .collect();
        self.figures.mailboxes.recorder.add(1);
        tell(&self.recorder, SpillDeliveries(spilled));
    }
}

/// First attempts to make. Sent by Dispatcher; if it is lost, the lane's low-water mark stays
/// below them.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct DeliverFirst {
    pub(super) events: Vec<Arc<MemoryEvent>>,
}

/// There may be due rows. A hint, sent by Dispatcher.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ClaimDue;

/// A test to make at once, whatever the state. Sent by Dispatcher.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct DeliverTest(pub(super) TestDelivery);

/// The event of a test; its row is claimed with n = 1.
pub(super) struct TestDelivery {
    pub(super) event: EventId,
    pub(super) event_type: Arc<str>,
    pub(super) payload: Bytes,
}

/// The webhook was changed; None: deleted. Sent by Dispatcher.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct RouteChanged {
    pub(super) route: Option<Arc<Route>>,
}

/// Forget what is queued of a lane; answer its first attempts under way. Sent by Dispatcher.
#[derive(Message)]
#[rtype(result = "Vec<(SubscriptionId, EventId)>")]
pub(super) struct Abandon {
    pub(super) lane: LaneId,
}

/// Begin nothing more, put back what has not begun; answered when nothing is under way. Sent
/// by Dispatcher once, at the stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Drain;

/// The actor.
pub(super) struct Subscription {
    line: std::rc::Rc<Line>,
    deleted: bool,
    /// Runs while there is something to look after: thousands of webhooks may have nothing.
    tick: Option<SpawnHandle>,
}

impl Subscription {
    pub(super) fn new(route: Arc<Route>, parts: &SubscriptionParts) -> Self {
        Self {
            line: Line::new(route, parts.clone(), Thread::current(parts)),
            deleted: false,
            tick: None,
        }
    }
}

impl Subscription {
    fn wake(&mut self, ctx: &mut Context<Self>) {
        if self.tick.is_none() {
            self.tick = Some(ctx.run_interval(TICK, Self::look_after));
        }
    }

    fn look_after(&mut self, ctx: &mut Context<Self>) {
        self.line.look_after();
        if self.deleted && self.line.is_idle() {
            ctx.stop();
        } else if self.line.is_asleep()
            && let Some(tick) = self.tick.take()
        {
            ctx.cancel_future(tick);
        }
    }
}

impl Actor for Subscription {
    type Context = Context<Self>;
}

impl Handler<DeliverFirst> for Subscription {
    type Result = ();

    fn handle(&mut self, message: DeliverFirst, ctx: &mut Self::Context) {
        self.wake(ctx);
        self.line.enqueue(message.events);
    }
}

impl Handler<ClaimDue> for Subscription {
    type Result = ();

    fn handle(&mut self, _: ClaimDue, ctx: &mut Self::Context) {
        self.wake(ctx);
        self.line.claim();
    }
}

impl Handler<DeliverTest> for Subscription {
    type Result = ();

    fn handle(&mut self, message: DeliverTest, ctx: &mut Self::Context) {
        self.wake(ctx);
        self.line.test(message.0);
    }
}

impl Handler<RouteChanged> for Subscription {
    type Result = ();

    fn handle(&mut self, message: RouteChanged, ctx: &mut Self::Context) {
        self.wake(ctx);
        match message.route {
            Some(route) => self.line.set_route(route),
            None => {
                self.deleted = true;
                self.line.stop();
            }
        }
    }
}

impl Handler<Abandon> for Subscription {
    type Result = MessageResult<Abandon>;

    fn handle(&mut self, message: Abandon, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.line.abandon(message.lane))
    }
}

impl Handler<Drain> for Subscription {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        self.line.stop();
        let line = std::rc::Rc::clone(&self.line);
        Box::pin(async move { line.drained().await })
    }
}
