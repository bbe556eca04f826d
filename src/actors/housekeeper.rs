//! Housekeeper: renews the lease, closes the lanes of daemons that died and repairs their counts,
//! follows changes of subscriptions, makes partitions ahead and removes old ones.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use uuid::Uuid;

use super::auditor::Auditor;
use super::intake::{Intake, LaneSlot, LaneUnsure};
use super::lane::Lane;
use super::pulse::Beat;
use super::routing::Routing;
use super::stats::Stats;
use super::tell::tell;
use super::tuning::Retention;
use crate::config::Live;
use crate::store::clock::{DatabaseClock, uptime};
use crate::store::lane::{self, Owner};
use crate::store::{
    Connection, Database, StoreError, cancel, ingest, partition, retention, session, stat,
    subscription_count,
};

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
/// if it is lost, the next renewal tells.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct RoutingChanged;

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
pub(super) struct DailyTick;

/// The actor.
pub(super) struct Housekeeper {
    pub(super) database: Database,
    pub(super) clock: Arc<DatabaseClock>,
    pub(super) routing: Arc<Routing>,
    pub(super) lane_slot: LaneSlot,
    pub(super) stats: Arc<Stats>,
    pub(super) lease: Duration,
    pub(super) retention: Arc<Live<Retention>>,
    pub(super) intake: Addr<Intake>,
    /// Present while no renewal runs.
    pub(super) connection: Slot,
    pub(super) sweeping: bool,
    pub(super) repairing: bool,
    pub(super) auditor: Auditor,
    pub(super) beat: Beat,
}

/// A connection that a renewal borrows.
#[derive(Default)]
pub(super) enum Slot {
    /// None is made yet, or it broke.
    #[default]
    Empty,
    /// Free.
    Free(Box<Connection>),
    /// A renewal runs.
    Lent,
}

impl Housekeeper {
    fn unsure(&self, lane: &Lane, why: &'static str) {
        tell(&self.intake, LaneUnsure { lane: lane.id, why });
    }
}

impl Housekeeper {
    /// Repairs the counts of lanes that closed. Apart from the sweep: it may take longer.
    fn repair(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.repairing, true) {
            return;
        }
        let database = self.database.clone();
        let repair = actix::spawn(async move { repair(&database).await });
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
        self.beat.turned();
        let lane = self.lane_slot.read().ok().and_then(|slot| slot.clone());
        let Some(lane) = lane else { return };
        let free = match std::mem::replace(&mut self.connection, Slot::Lent) {
            Slot::Free(connection) => Some(connection),
            Slot::Empty => None,
            Slot::Lent => return,
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
                actor.connection = Slot::Free(connection);
                let jump = actor.clock.set(renewal.now, asked);
                if !renewal.live {
                    actor.unsure(&lane, "somebody closed it");
                } else if jump.abs() > JUMP {
                    actor.unsure(&lane, "the database's clock jumped by over a minute");
                } else {
                    lane.renewed(asked, actor.lease);
                }
                if renewal.routing_version != actor.routing.current().version() {
                    ctx.notify(RoutingChanged);
                }
            }
            Err(error) => {
                actor.connection = Slot::Empty;
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
        let sweep = actix::fut::wrap_future::<_, Self>(async move { sweep(&database).await });
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

async fn repair(database: &Database) -> Result<(), StoreError> {
    for lane in stat::unsettled(database).await? {
        if stat::repair(database, lane).await? {
            tracing::debug!(lane = lane.0, "counted the last minutes of a closed lane");
        }
    }
    Ok(())
}

async fn sweep(database: &Database) -> Result<(), StoreError> {
    for lane in lane::expired(database).await? {
        if let Some(rows) = lane::close(database, lane, Owner::Gone, true).await? {
            tracing::warn!(
                lane = lane.0,
                recovered = rows,
                "closed a lane whose daemon is gone"
            );
        }
    }
    cancel::sweep_deleted(database).await?;
    Ok(())
}

async fn daily(database: &Database, keep: &Retention) -> Result<(), StoreError> {
    partition::ensure(database).await?;
    ingest::forget_old_keys(&mut *database.get().await?).await?;
    subscription_count::fold(&mut *database.get().await?).await?;
    session::sweep(database).await?;
    stat::retire(database, keep.logs).await?;
    for day in retention::retire(database, keep.logs).await? {
        tracing::info!(
            day = %day.day, events = day.events, targets = day.targets,
            open = day.open_deliveries, "removed a day of the logs"
        );
    }
    for month in retention::retire_activities(database, keep.activities).await? {
        tracing::info!(month = %month.format("%Y-%m"), "removed a month of the activity log");
    }
    for month in retention::retire_mails(database, keep.mails).await? {
        tracing::info!(month = %month.format("%Y-%m"), "removed a month of the mail log");
    }
    Ok(())
}

/// Closes what earlier runs in this data folder left open: its lock is held, so they are gone.
///
/// # Errors
/// When the database is away.
pub(super) async fn close_old_lanes(database: &Database, folder: Uuid) -> Result<u64, StoreError> {
    let mut recovered = 0;
    for lane in lane::open_of_folder(database, folder).await? {
        let rows = lane::close(database, lane, Owner::Gone, false).await?;
        tracing::info!(
            lane = lane.0,
            recovered = rows.unwrap_or(0),
            "closed an old lane"
        );
        recovered += rows.unwrap_or(0);
    }
    Ok(recovered)
}
