//! What the service manager is told (sd_notify(3)). Without one this does nothing.

use std::time::Duration;

use sd_notify::NotifyState;

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

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
