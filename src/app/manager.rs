//! What is reported to the service manager (sd_notify(3)). Without one this does nothing.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::actors::Engine;
use crate::domain::watchdog::{Judgement, Watchdog};

/// Herald is open.
pub(super) fn ready() {
    notify(&[NotifyState::Ready, NotifyState::Status("open")]);
}

/// The settings are being read again; [`ready`] says when that is done.
pub(super) fn reloading() {
    let status = NotifyState::Status("reading the settings again");
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now, status]),
        Err(error) => {
            tracing::debug!(%error, "the service manager is not notified of the reload");
        }
    }
}

/// The stop began, and takes at most so long, whatever the unit's own bound is.
pub(super) fn stopping(at_most: Duration) {
    let micros = u32::try_from(at_most.as_micros()).unwrap_or(u32::MAX);
    notify(&[
        NotifyState::Stopping,
        NotifyState::Status("stopping: finishing what is under way"),
        NotifyState::ExtendTimeoutUsec(micros),
    ]);
}

/// Feeds the watchdog, if there is one, as long as every part makes progress.
pub(super) fn watch(engine: &Engine) {
    let Some(time) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut watchdog = Watchdog::new(time);
    let heartbeats = engine.heartbeats().clone();
    actix::spawn(async move {
        let mut reported = false;
        loop {
            match watchdog.judge(heartbeats.look()) {
                Judgement::Alive => {
                    reported = false;
                    notify(&[NotifyState::Watchdog]);
                }
                Judgement::Doubtful => {}
                Judgement::Stuck(parts) => {
                    if !std::mem::replace(&mut reported, true) {
                        let (parts, patience) = (parts.join(", "), watchdog.patience());
                        tracing::error!(
                            %parts, ?patience,
                            "a part does not make progress: the watchdog is not fed any more"
                        );
                        notify(&[NotifyState::Status(&format!("stuck: {parts}"))]);
                    }
                }
            }
            tokio::time::sleep(watchdog.look_every()).await;
        }
    });
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be notified");
    }
}
