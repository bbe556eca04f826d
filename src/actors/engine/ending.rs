//! The stop of the actors, in two parts: what delivers, and later what writes. Between the two the
//! daemon takes events as ever, so that publishers wait for no slow target.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Engine;
use crate::actors::delivery::dispatcher::DrainAll;
use crate::actors::delivery::recorder::FlushRecorder;
use crate::actors::intake::actor::{CloseLane, StopIntake};
use crate::actors::upkeep::stat_flusher::StopStats;

impl Engine {
    /// The first part of the stop: begins no delivery and no mail any more, puts back what has
    /// not begun, waits for what is under way, and records it. Events are accepted meanwhile; they
    /// go to the database alone. False: not everything ended within `bound`.
    pub async fn drain(&self, bound: Duration) -> bool {
        self.stopping.store(true, Ordering::Relaxed);
        self.budget.close();
        let deliveries = async {
            let _ = self.dispatcher.send(DrainAll).await;
            let _ = self.recorder.send(FlushRecorder).await;
        };
        let drain = async { tokio::join!(deliveries, self.mails.stop()) };
        tokio::time::timeout(bound, drain).await.is_ok()
    }

    /// The second part, once nobody publishes any more: accepts nothing, writes what is left, and
    /// closes the lane. What does not end within `bound` is left to the next start's recovery.
    pub async fn stop(&self, bound: Duration) -> bool {
        let stop = async {
            let _ = self.intake.send(StopIntake).await;
            let _ = self.recorder.send(FlushRecorder).await;
            let _ = self.intake.send(CloseLane).await;
            let _ = self.recorder.send(FlushRecorder).await;
            let _ = self.stat_flusher.send(StopStats).await;
        };
        tokio::time::timeout(bound, stop).await.is_ok()
    }

    /// Keeps Dispatcher from ever taking up another message.
    #[cfg(test)]
    pub(crate) async fn stick_dispatcher(&self) {
        self.dispatcher
            .send(crate::actors::delivery::dispatcher::GetStuck)
            .await
            .unwrap();
    }
}
