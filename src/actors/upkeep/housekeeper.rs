//! Housekeeper: renews the lease, and has the other chores done at their times: the lanes of
//! daemons that died (`lanes.rs`), and what is due each day (`retention.rs`).

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::auditor::Auditor;
use super::lanes;
use super::retention::{Retention, daily};
use crate::actors::intake::lane::OpenLane;
use crate::actors::observe::heartbeat::Heartbeat;
use crate::actors::observe::stats::Stats;
use crate::actors::routing::Routing;
use crate::config::Live;
use crate::store::clock::{DatabaseClock, uptime};
use crate::store::{Connection, Database, StoreError, lane};

/// How often the lease is renewed.
const RENEW: Duration = Duration::from_secs(1);
/// How often dead lanes and tombstones are looked for.
const SWEEP: Duration = Duration::from_secs(2);
/// How often partitions are looked after.
const DAILY_WORK: Duration = Duration::from_secs(600);
/// A jump of the database's clock that closes the lane, in microseconds.
const JUMP: i64 = 60_000_000;
/// How long a renewal may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Another daemon changed something: read it. Sent by the Housekeeper to itself after a renewal;
/// if it is lost, the next renewal shows it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct RoutingChanged;

/// Time to renew the lease.
#[derive(Message)]
#[rtype(result = "()")]
struct LeaseTick;

/// Time to close dead lanes.
#[derive(Message)]
#[rtype(result = "()")]
struct SweepTick;

/// Time to look after partitions and old keys. Also sent when other days are to be kept; if it is
/// lost, the next one comes by itself.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct DailyTick;

pub(crate) struct Housekeeper {
    pub(crate) database: Database,
    pub(crate) clock: Arc<DatabaseClock>,
    pub(crate) routing: Arc<Routing>,
    pub(crate) open_lane: OpenLane,
    pub(crate) stats: Arc<Stats>,
    pub(crate) lease: Duration,
    pub(crate) retention: Arc<Live<Retention>>,
    /// Lent while a renewal runs.
    pub(crate) connection: LentConnection,
    pub(crate) sweeping: bool,
    pub(crate) repairing: bool,
    pub(crate) auditor: Auditor,
    pub(crate) heartbeat: Heartbeat,
}

/// A connection that a renewal borrows.
#[derive(Default)]
pub(crate) enum LentConnection {
    /// None is made yet, or it broke.
    #[default]
    Empty,
    /// Free.
    Free(Box<Connection>),
    /// A renewal runs.
    Lent,
}

impl Housekeeper {
    /// Repairs the counts of lanes that closed. Separate from the sweep: it may take longer.
    fn repair(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.repairing, true) {
            return;
        }
        let database = self.database.clone();
        let repair = actix::spawn(async move { lanes::repair(&database).await });
        let repair = actix::fut::wrap_future::<_, Self>(repair);
        ctx.spawn(repair.map(|result, actor, _| {
            actor.repairing = false;
            if let Ok(Err(error)) = result {
                tracing::warn!(%error, "counts could not be repaired; trying again");
            }
        }));
    }
}

impl Actor for Housekeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(RENEW, |_, ctx| ctx.notify(LeaseTick));
        ctx.run_interval(SWEEP, |_, ctx| ctx.notify(SweepTick));
        ctx.run_interval(DAILY_WORK, |_, ctx| ctx.notify(DailyTick));
        ctx.notify(DailyTick);
        self.repair(ctx);
    }
}

impl Handler<RoutingChanged> for Housekeeper {
    type Result = ();

    fn handle(&mut self, _: RoutingChanged, _: &mut Self::Context) {
        let routing = Arc::clone(&self.routing);
        actix::spawn(async move {
            if let Err(error) = routing.refresh().await {
                tracing::warn!(%error, "subscriptions could not be read; trying again");
            }
        });
    }
}

impl Handler<LeaseTick> for Housekeeper {
    type Result = ();

    fn handle(&mut self, _: LeaseTick, ctx: &mut Self::Context) {
        self.heartbeat.beat();
        let lane = self.open_lane.get();
        let Some(lane) = lane else { return };
        let free = match std::mem::replace(&mut self.connection, LentConnection::Lent) {
            LentConnection::Free(connection) => Some(connection),
            LentConnection::Empty => None,
            LentConnection::Lent => return,
        };
        let (database, ttl) = (self.database.clone(), self.lease);
        let (renewed, counted) = (Arc::clone(&lane), self.stats.complete());
        let renewal = async move {
            let work = async {
                let mut connection = match free {
                    Some(connection) => connection,
                    None => Box::new(database.dedicated().await?),
                };
                let asked = uptime();
                let mark = renewed.low_water();
                let renewal = lane::renew(&mut connection, renewed.id, ttl, mark, counted).await?;
                Ok::<_, StoreError>((connection, renewal, asked))
            };
            match tokio::time::timeout(PATIENCE, work).await {
                Ok(result) => result,
                Err(_elapsed) => Err(StoreError::Away("the renewal took over 3 s".to_owned())),
            }
        };
        let renewal = actix::fut::wrap_future::<_, Self>(renewal);
        ctx.spawn(renewal.map(move |result, actor, ctx| match result {
            Ok((connection, renewal, asked)) => {
                actor.connection = LentConnection::Free(connection);
                let jump = actor.clock.set(renewal.now, asked);
                if !renewal.live {
                    actor.open_lane.unsure(lane.id, "somebody closed it");
                } else if jump.abs() > JUMP {
                    let why = "the database's clock jumped by over a minute";
                    actor.open_lane.unsure(lane.id, why);
                } else {
                    lane.renewed(asked, actor.lease);
                }
                if renewal.routing_version != actor.routing.current().version() {
                    ctx.notify(RoutingChanged);
                }
            }
            Err(error) => {
                actor.connection = LentConnection::Empty;
                tracing::warn!(%error, "the lease could not be renewed; trying again");
            }
        }));
    }
}

impl Handler<SweepTick> for Housekeeper {
    type Result = ();

    fn handle(&mut self, _: SweepTick, ctx: &mut Self::Context) {
        self.repair(ctx);
        if std::mem::replace(&mut self.sweeping, true) {
            return;
        }
        let database = self.database.clone();
        let sweep =
            actix::fut::wrap_future::<_, Self>(async move { lanes::sweep(&database).await });
        ctx.spawn(sweep.map(|result, actor, _| {
            actor.sweeping = false;
            if let Err(error) = result {
                tracing::warn!(%error, "dead lanes could not be looked for; trying again");
            }
        }));
    }
}

impl Handler<DailyTick> for Housekeeper {
    type Result = ();

    fn handle(&mut self, _: DailyTick, _: &mut Self::Context) {
        let database = self.database.clone();
        let retention = self.retention.get();
        let auditor = self.auditor.clone();
        actix::spawn(async move {
            if let Err(error) = daily(&database, &retention).await {
                tracing::warn!(%error, "partitions could not be looked after; trying again");
            }
            if let Err(error) = auditor.daily().await {
                tracing::warn!(%error, "the audit of the day could not be run; trying again");
            }
        });
    }
}
