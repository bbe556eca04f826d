//! Dispatcher: hands committed events to the actors of their subscriptions, in memory. It never
//! claims a first attempt from the database. It keeps one SubscriptionActor for each webhook
//! that has something to do, and finds those with due rows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::DeliveryParts;
use super::attempt::Attempt;
use super::attempt_buffer::Spilled;
use super::subscription::{
    Abandon, ClaimDue, DeliverFirst, DeliverTest, Drain, RouteChanged, SubscriptionActor,
};
use crate::actors::intake::memory::MemoryEvent;
use crate::actors::observe::event_trace;
use crate::actors::observe::heartbeat::Heartbeat;
use crate::actors::routing::{Matched, Route, Routing, RoutingTable};
use crate::actors::tell::tell;
use crate::domain::id::SubscriptionId;
use crate::store::lane::{LaneId, UnderWay};
use crate::store::record::DeliveryKey;
use crate::store::{Database, claim};

/// How often due rows are looked for.
const DUE: Duration = Duration::from_millis(400);

/// Committed events with their targets in memory. Sent by Intake after each commit. If it is
/// lost, its lane stays open with a low-water mark below it; closing the lane recovers it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct DeliverEvents {
    pub(crate) events: Vec<(Arc<MemoryEvent>, Arc<Matched>)>,
}

/// Drop what is in memory of a lane, and return which first attempts are under way. Sent by
/// Intake before it closes its lane.
#[derive(Message)]
#[rtype(result = "UnderWay")]
pub(crate) struct AbandonLane {
    pub(crate) lane: LaneId,
}

/// A subscription may have due rows. A hint: sent by the engine after resend and resume.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct DeliveriesDue(pub(crate) SubscriptionId);

/// Try this out now. Sent by the engine, whose row for it is claimed already; if it is lost, or
/// comes after the stop began, the row becomes due.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SendTest {
    pub(crate) subscription: SubscriptionId,
    pub(crate) attempt: Attempt,
}

/// The routing table changed. Sent by the watcher that Dispatcher itself starts.
#[derive(Message)]
#[rtype(result = "()")]
struct TableChanged(Arc<RoutingTable>);

/// Time to look for due rows.
#[derive(Message)]
#[rtype(result = "()")]
struct DueTick;

/// Begin nothing more; put back what has not begun; wait for what is under way. Sent once by
/// the engine's stop; returns when nothing is under way.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct DrainAll;

pub(crate) struct Dispatcher {
    database: Database,
    routing: Arc<Routing>,
    table: Arc<RoutingTable>,
    parts: DeliveryParts,
    arbiters: Vec<ArbiterHandle>,
    next_arbiter: usize,
    actors: HashMap<SubscriptionId, Addr<SubscriptionActor>>,
    looking: bool,
    draining: bool,
    heartbeat: Heartbeat,
}

impl Dispatcher {
    pub(crate) fn new(
        database: Database,
        routing: Arc<Routing>,
        parts: DeliveryParts,
        arbiters: Vec<ArbiterHandle>,
        heartbeat: Heartbeat,
    ) -> Self {
        let table = routing.current();
        Self {
            database,
            routing,
            table,
            parts,
            arbiters,
            next_arbiter: 0,
            actors: HashMap::new(),
            looking: false,
            draining: false,
            heartbeat,
        }
    }

    /// The actor of a subscription, started if need be. None: it is deleted.
    fn actor(&mut self, id: SubscriptionId) -> Option<Addr<SubscriptionActor>> {
        if let Some(actor) = self.actors.get(&id).filter(|actor| actor.connected()) {
            return Some(actor.clone());
        }
        let route = Arc::clone(self.table.route(id)?);
        let started = self.start(route)?;
        if self.actors.insert(id, started.clone()).is_some() {
            // It died, and what it held in memory with it: the lane's rows bring that back.
            tracing::error!(subscription = %id, "a subscription's actor died; starting another");
            let open_lane = &self.parts.open_lane;
            open_lane.open_is_unsure("a subscription's actor died");
        }
        Some(started)
    }

    fn start(&mut self, route: Arc<Route>) -> Option<Addr<SubscriptionActor>> {
        let arbiter = self
            .arbiters
            .get(self.next_arbiter % self.arbiters.len().max(1))?;
        self.next_arbiter = self.next_arbiter.wrapping_add(1);
        let parts = self.parts.clone();
        Some(SubscriptionActor::start_in_arbiter(arbiter, move |_| {
            SubscriptionActor::new(route, &parts)
        }))
    }

    /// Gives rows to deliveries that nobody in memory takes.
    fn spill(&self, subscription: SubscriptionId, events: Vec<Arc<MemoryEvent>>) {
        let spilled = events.into_iter().map(|event| {
            event_trace::spilled(event.id, subscription, event_trace::WhySpilled::Halted);
            let key = DeliveryKey {
                account: event.account,
                subscription,
                event: event.id,
            };
            Spilled::due(event, key)
        });
        self.parts.writer.spill(spilled.collect());
    }

    fn claim_due(&mut self, id: SubscriptionId) {
        if let Some(actor) = self.actor(id).filter(|_| !self.draining) {
            // A full mailbox means it is busy; the next tick comes.
            let _ = actor.try_send(ClaimDue);
        }
    }
}

impl Actor for Dispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1_024);
        let mut changes = self.routing.watch();
        let me = ctx.address().downgrade();
        actix::spawn(async move {
            while changes.changed().await.is_ok() {
                let table = Arc::clone(&changes.borrow_and_update());
                let Some(me) = me.upgrade() else { break };
                if me.send(TableChanged(table)).await.is_err() {
                    break;
                }
            }
        });
        ctx.run_interval(DUE, |_, ctx| ctx.notify(DueTick));
    }
}

impl Handler<DeliverEvents> for Dispatcher {
    type Result = ();

    fn handle(&mut self, message: DeliverEvents, _: &mut Self::Context) {
        self.parts.metrics.mailboxes.dispatcher.add(-1);
        let mut by_target: HashMap<SubscriptionId, Vec<Arc<MemoryEvent>>> = HashMap::new();
        for (event, matched) in message.events {
            for id in &matched.from_memory {
                by_target.entry(*id).or_default().push(Arc::clone(&event));
            }
        }
        for (id, events) in by_target {
            // The commit was under way when the stop began.
            match self.actor(id).filter(|_| !self.draining) {
                // Its queue is bounded by the budget of bytes and its own spilling.
                Some(actor) => tell(&actor, DeliverFirst { events }),
                // Or deleted between the commit and now: its rows will be cancelled.
                None => self.spill(id, events),
            }
        }
    }
}

impl Handler<AbandonLane> for Dispatcher {
    type Result = ResponseFuture<UnderWay>;

    fn handle(&mut self, message: AbandonLane, _: &mut Self::Context) -> Self::Result {
        let actors: Vec<_> = self.actors.values().cloned().collect();
        let ends_within = self
            .table
            .routes()
            .map(|route| route.claim_hold())
            .max()
            .unwrap_or_default();
        Box::pin(async move {
            let mut under_way = UnderWay {
                deliveries: Vec::new(),
                ends_within,
            };
            for actor in actors {
                // Nothing is known of an actor that died: what it had under way may be sent twice.
                if let Ok(deliveries) = actor.send(Abandon { lane: message.lane }).await {
                    under_way.deliveries.extend(deliveries);
                }
            }
            under_way
        })
    }
}

impl Handler<DeliveriesDue> for Dispatcher {
    type Result = ();

    fn handle(&mut self, message: DeliveriesDue, _: &mut Self::Context) {
        self.claim_due(message.0);
    }
}

impl Handler<SendTest> for Dispatcher {
    type Result = ();

    fn handle(&mut self, message: SendTest, _: &mut Self::Context) {
        if self.draining {
            return;
        }
        if let Some(actor) = self.actor(message.subscription) {
            tell(&actor, DeliverTest(message.attempt));
        }
    }
}

impl Handler<TableChanged> for Dispatcher {
    type Result = ();

    fn handle(&mut self, message: TableChanged, _: &mut Self::Context) {
        self.table = message.0;
        for (id, actor) in &self.actors {
            tell(
                actor,
                RouteChanged {
                    route: self.table.route(*id).cloned(),
                },
            );
        }
        let table = &self.table;
        // One whose webhook is deleted stops by itself when nothing is under way.
        self.actors
            .retain(|id, actor| table.route(*id).is_some() || actor.connected());
    }
}

impl Handler<DueTick> for Dispatcher {
    type Result = ();

    fn handle(&mut self, _: DueTick, ctx: &mut Self::Context) {
        self.heartbeat.beat();
        if self.looking || self.draining {
            return;
        }
        self.looking = true;
        let database = self.database.clone();
        let look = async move {
            let mut connection = database.get().await?;
            claim::subscriptions_due(&mut connection).await
        };
        let look = actix::fut::wrap_future(look);
        ctx.spawn(look.map(|due, actor: &mut Self, _| {
            actor.looking = false;
            match due {
                Ok(due) => due.into_iter().for_each(|id| actor.claim_due(id)),
                Err(error) => tracing::debug!(%error, "due rows could not be looked for"),
            }
        }));
    }
}

/// Never take up another message: what the watchdog is for.
#[cfg(test)]
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct GetStuck;

#[cfg(test)]
impl Handler<GetStuck> for Dispatcher {
    type Result = ();

    fn handle(&mut self, _: GetStuck, ctx: &mut Self::Context) {
        ctx.wait(actix::fut::wrap_future(std::future::pending()));
    }
}

impl Handler<DrainAll> for Dispatcher {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: DrainAll, _: &mut Self::Context) -> Self::Result {
        self.draining = true;
        let drains: Vec<_> = self
            .actors
            .values()
            .map(|actor| actor.send(Drain))
            .collect();
        Box::pin(async move {
            for drained in futures_util::future::join_all(drains).await {
                if drained.is_err() {
                    tracing::warn!("a subscription's actor was gone before it drained");
                }
            }
        })
    }
}
