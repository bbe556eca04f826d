//! What the service manager is told (sd_notify(3)). Without one this does nothing.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::actors::Engine;
use crate::domain::vigil::{Judgement, Vigil};

/// Herald is open.
pub(super) fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("open")]);
}

/// The settings are being read anew; [`ready`] says when that is done.
pub(super) fn reloading() {
    let status = NotifyState::Status("reading the settings anew");
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now, status]),
        Err(error) => {
            tracing::debug!(%error, "the service manager is not told of the reload");
        }
    }
}

/// The stop began, and takes at most so long, whatever the unit's own bound is.
pub(super) fn stopping(at_most: Duration) {
    let micros = u32::try_from(at_most.as_micros()).unwrap_or(u32::MAX);
    tell(&[
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
    let mut vigil = Vigil::new(time);
    let pulses = engine.pulses().clone();
    actix::spawn(async move {
        let mut told = false;
        loop {
            match vigil.judge(pulses.look()) {
                Judgement::Alive => {
                    told = false;
                    tell(&[NotifyState::Watchdog]);
                }
                Judgement::Doubtful => {}
                Judgement::Stuck(parts) => {
                    if !std::mem::replace(&mut told, true) {
                        let (parts, patience) = (parts.join(", "), vigil.patience());
                        tracing::error!(
                            %parts, ?patience,
                            "a part does not make progress: the watchdog is not fed any more"
                        );
                        tell(&[NotifyState::Status(&format!("stuck: {parts}"))]);
                    }
                }
            }
            tokio::time::sleep(vigil.look_every()).await;
        }
    });
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
