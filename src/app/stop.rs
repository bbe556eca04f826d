//! The order of the stop: deliveries first, while publishing goes on; then HTTP; then what writes
//! to the database. So who publishes waits only from the end of HTTP to the next start, however
//! long a slow target keeps the deliveries.

use std::time::Duration;

use crate::actors::Engine;
use crate::config::Config;
use crate::http::Closer;

/// How long the last writing may take.
const WRITING: Duration = Duration::from_secs(10);
/// What HTTP takes at most, and the private PostgreSQL after it.
const OTHERS: Duration = Duration::from_secs(45);

/// How long the parts of the stop may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// For what is being delivered.
    drain: Duration,
}

impl Bounds {
    pub(super) const fn from_config(config: &Config) -> Self {
        Self {
            drain: Duration::from_secs(config.drain_seconds),
        }
    }

    /// For all of it.
    pub(super) fn whole(self) -> Duration {
        self.drain + WRITING + OTHERS
    }
}

/// Stops the daemon. What is cut short is recovered by the next start.
pub(super) async fn in_order(engine: &Engine, closer: &Closer, bounds: Bounds) {
    tracing::info!("stopping: finishing what is under way");
    let drained = engine.drain(bounds.drain).await;
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
