//! SubscriptionActor: one for each webhook that has something to do. It owns the webhook's
//! queue and its bound of attempts under way; it lives on one of the delivery threads.
//!
//! Attempts run as tasks on the thread, not in the actor's context, which would poll all of
//! them at each message. Actor and tasks share the [`SubscriptionQueue`], which only this thread
//! sees.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::attempt::Attempt;
use super::queue::SubscriptionQueue;
use super::{DeliveryParts, DeliveryThread};
use crate::actors::intake::memory::MemoryEvent;
use crate::actors::routing::Route;
use crate::domain::id::{EventId, SubscriptionId};
use crate::store::lane::LaneId;

/// How often the queue is looked at for what waits or runs too long.
const TICK: Duration = Duration::from_millis(500);

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

/// A test to make at once, whatever the state; its row is claimed with n = 1. Sent by Dispatcher.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct DeliverTest(pub(crate) Attempt);

/// The webhook was changed; None: deleted. Sent by Dispatcher.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct RouteChanged {
    pub(super) route: Option<Arc<Route>>,
}

/// Forget what is queued of a lane, and return its first attempts under way. Sent by Dispatcher.
#[derive(Message)]
#[rtype(result = "Vec<(SubscriptionId, EventId)>")]
pub(super) struct Abandon {
    pub(super) lane: LaneId,
}

/// Begin nothing more, put back what has not begun; returns when nothing is under way. Sent
/// by Dispatcher once, at the stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Drain;

pub(super) struct SubscriptionActor {
    queue: Rc<SubscriptionQueue>,
    deleted: bool,
    /// Runs while there is something to look after: thousands of webhooks may have nothing.
    tick: Option<SpawnHandle>,
}

impl SubscriptionActor {
    pub(super) fn new(route: Arc<Route>, parts: &DeliveryParts) -> Self {
        Self {
            queue: SubscriptionQueue::new(route, parts.clone(), DeliveryThread::current(parts)),
            deleted: false,
            tick: None,
        }
    }

    fn wake(&mut self, ctx: &mut Context<Self>) {
        if self.tick.is_none() {
            self.tick = Some(ctx.run_interval(TICK, Self::look_after));
        }
    }

    fn look_after(&mut self, ctx: &mut Context<Self>) {
        self.queue.look_after();
        if self.deleted && self.queue.is_idle() {
            ctx.stop();
        } else if self.queue.is_asleep()
            && let Some(tick) = self.tick.take()
        {
            ctx.cancel_future(tick);
        }
    }
}

impl Actor for SubscriptionActor {
    type Context = Context<Self>;
}

impl Handler<DeliverFirst> for SubscriptionActor {
    type Result = ();

    fn handle(&mut self, message: DeliverFirst, ctx: &mut Self::Context) {
        self.wake(ctx);
        self.queue.enqueue(message.events);
    }
}

impl Handler<ClaimDue> for SubscriptionActor {
    type Result = ();

    fn handle(&mut self, _: ClaimDue, ctx: &mut Self::Context) {
        self.wake(ctx);
        self.queue.claim();
    }
}

impl Handler<DeliverTest> for SubscriptionActor {
    type Result = ();

    fn handle(&mut self, message: DeliverTest, ctx: &mut Self::Context) {
        self.wake(ctx);
        self.queue.test(message.0);
    }
}

impl Handler<RouteChanged> for SubscriptionActor {
    type Result = ();

    fn handle(&mut self, message: RouteChanged, ctx: &mut Self::Context) {
        self.wake(ctx);
        match message.route {
            Some(route) => self.queue.set_route(route),
            None => {
                self.deleted = true;
                self.queue.stop();
            }
        }
    }
}

impl Handler<Abandon> for SubscriptionActor {
    type Result = MessageResult<Abandon>;

    fn handle(&mut self, message: Abandon, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.queue.abandon(message.lane))
    }
}

impl Handler<Drain> for SubscriptionActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        self.queue.stop();
        let queue = Rc::clone(&self.queue);
        Box::pin(async move { queue.drained().await })
    }
}
