//! The order of the stop: deliveries first, while publishing goes on; then HTTP; then what writes
//! to the database. So publishers wait only from the end of HTTP to the next start, however long a
//! slow target keeps the deliveries.

use std::time::Duration;

use crate::actors::Engine;
use crate::config::Config;
use crate::http::Closer;
use crate::store::server::checkpoint;

/// How long the last writing may take.
const WRITING: Duration = Duration::from_secs(10);
/// How long the private PostgreSQL may take to write down what it has in memory.
const CHECKPOINT: Duration = Duration::from_secs(20);
/// What HTTP takes at most, and the private PostgreSQL after it.
const OTHERS: Duration = Duration::from_secs(45);

/// How long the parts of the stop may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct StopBounds {
    /// For what is being delivered.
    drain: Duration,
    /// The PostgreSQL is Herald's own, and stops as well.
    private: bool,
}

impl StopBounds {
    pub(super) const fn from_config(config: &Config) -> Self {
        Self {
            drain: Duration::from_secs(config.drain_seconds),
            private: config.database.url.is_none(),
        }
    }

    /// For all of it.
    pub(super) fn whole(self) -> Duration {
        self.drain.max(CHECKPOINT) + WRITING + OTHERS
    }
}

/// Stops the daemon. What is cut short is recovered by the next start.
pub(super) async fn in_order(engine: &Engine, closer: &Closer, bounds: StopBounds) {
    tracing::info!("stopping: finishing what is under way");
    let (drained, ()) = tokio::join!(engine.drain(bounds.drain), written_ahead(engine, bounds));
    let answered = closer.close().await;
    let written = engine.stop(WRITING).await;
    if drained && answered && written {
        tracing::info!("stopped; the rest waits in the database");
    } else {
        tracing::warn!(
            deliveries = drained,
            requests = answered,
            database = written,
            "not everything ended in time; the next start recovers it"
        );
    }
}

/// What the private PostgreSQL writes now it need not write at its own stop, while publishers
/// wait.
async fn written_ahead(engine: &Engine, bounds: StopBounds) {
    if bounds.private {
        match tokio::time::timeout(CHECKPOINT, checkpoint(engine.database())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "no checkpoint before the stop"),
            Err(_elapsed) => tracing::debug!("the checkpoint before the stop takes long"),
        }
    }
}
