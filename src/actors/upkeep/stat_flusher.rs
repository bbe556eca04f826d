//! StatFlusher: writes what was counted, once a second, and once more at the stop.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use crate::actors::observe::stats::Stats;
use crate::store::clock::uptime;
use crate::store::lane::LaneId;
use crate::store::{Database, StoreError, stat};

/// How often.
const FLUSH: Duration = Duration::from_secs(1);
/// Writing may take so small a part of the time: with very many webhooks it comes less often.
const SHARE: u32 = 20;

/// Time to write.
#[derive(Message)]
#[rtype(result = "()")]
struct FlushTick;

/// Write all that is counted and mark these lanes, which this daemon closed: nothing is missing.
/// Sent once by the engine's stop. If it is lost, the lanes are repaired at the next start.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct StopStats;

pub(crate) struct StatFlusher {
    database: Database,
    stats: Arc<Stats>,
}

impl StatFlusher {
    pub(crate) const fn new(database: Database, stats: Arc<Stats>) -> Self {
        Self { database, stats }
    }
}

impl Actor for StatFlusher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.notify_later(FlushTick, FLUSH);
    }
}

impl Handler<FlushTick> for StatFlusher {
    type Result = ();

    fn handle(&mut self, _: FlushTick, ctx: &mut Self::Context) {
        let (database, stats) = (self.database.clone(), Arc::clone(&self.stats));
        // On the thread: within the actor's context it would be polled at each message.
        let flush = actix::spawn(async move {
            let begun = uptime();
            let written = flush(&database, &stats, &[]).await;
            (written, uptime().saturating_sub(begun))
        });
        let flush = actix::fut::wrap_future::<_, Self>(flush);
        ctx.spawn(flush.map(|done, _, ctx| {
            let mut wait = FLUSH;
            if let Ok((written, took)) = done {
                if let Err(error) = written {
                    tracing::warn!(%error, "counts could not be written; trying again");
                }
                wait = wait.max(took.saturating_mul(SHARE));
            }
            ctx.notify_later(FlushTick, wait.min(FLUSH * 60));
        }));
    }
}

impl Handler<StopStats> for StatFlusher {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: StopStats, _: &mut Self::Context) -> Self::Result {
        let (database, stats) = (self.database.clone(), Arc::clone(&self.stats));
        Box::pin(async move {
            let lanes = stats.closed();
            if let Err(error) = flush(&database, &stats, &lanes).await {
                tracing::warn!(%error, "counts could not be written; the next start repairs them");
            }
        })
    }
}

/// Writes what changed; what fails is written with the next.
async fn flush(database: &Database, stats: &Stats, closed: &[LaneId]) -> Result<(), StoreError> {
    let unwritten = stats.take();
    if !unwritten.rows.is_empty() || !closed.is_empty() {
        let mut connection = database.get().await?;
        if !unwritten.rows.is_empty() {
            stat::flush(&mut connection, &unwritten.rows).await?;
        }
        if !closed.is_empty() {
            stat::settle(&mut connection, closed).await?;
        }
    }
    stats.written(&unwritten);
    Ok(())
}
