//! The kept connections of one client: closes each before its receiver does. awc's pool looks at
//! a connection only when it wants one.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Core;

/// How long a connection is kept of which the receiver does not say how long it keeps it.
pub(crate) const KEPT: Duration = Duration::from_secs(50);
/// How long before the receiver a connection is closed, so that no request crosses its end.
pub(crate) const AHEAD: Duration = Duration::from_secs(1);
/// Connections that are due within this time are closed together.
const TOGETHER: Duration = Duration::from_millis(100);

/// How long a connection is kept, given how long the receiver says that it does.
pub(super) fn kept_for(announced: Option<Duration>) -> Duration {
    let ahead = announced.map(|it| it.saturating_sub(AHEAD.min(it / 2)));
    ahead.unwrap_or(KEPT).min(KEPT)
}

/// What is shared by a connection and the client that keeps it.
type Shared<S> = RefCell<Core<S>>;

/// The connections of one client.
pub(in crate::transport) struct Idle<S> {
    /// By their places in memory.
    cores: RefCell<HashMap<*const Shared<S>, Weak<Shared<S>>>>,
    /// When the next look is due; None: nobody looks.
    look_at: Cell<Option<Instant>>,
    sooner: Notify,
}

impl<S> Default for Idle<S> {
    fn default() -> Self {
        Self {
            cores: RefCell::default(),
            look_at: Cell::default(),
            sooner: Notify::new(),
        }
    }
}

impl<S> Idle<S> {
    /// Looks after a connection no more: it is dropped.
    pub(super) fn forget(&self, core: &Rc<RefCell<Core<S>>>) {
        self.cores.borrow_mut().remove(&Rc::as_ptr(core));
    }
}

impl<S: 'static> Idle<S> {
    /// Looks after a connection from now on.
    pub(super) fn add(self: &Rc<Self>, core: &Rc<RefCell<Core<S>>>) {
        let (place, core) = (Rc::as_ptr(core), Rc::downgrade(core));
        self.cores.borrow_mut().insert(place, core);
        if self.look_at.get().is_none() {
            self.look_at.set(Some(Instant::now() + KEPT));
            tokio::task::spawn_local(Rc::clone(self).look());
        }
    }

    /// A connection is kept until then.
    pub(super) fn until(&self, end: Instant) {
        if self.look_at.get().is_some_and(|at| at > end + TOGETHER) {
            self.look_at.set(Some(end));
            self.sooner.notify_one();
        }
    }

    async fn look(self: Rc<Self>) {
        while let Some(at) = self.look_at.get() {
            tokio::select! {
                () = tokio::time::sleep_until(at.into()) => self.look_at.set(self.close_due()),
                () = self.sooner.notified() => {}
            }
        }
    }

    /// Closes what is due. Returns when to look again; None: there are no connections.
    fn close_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut next = now + KEPT;
        let mut cores = self.cores.borrow_mut();
        cores.retain(|_, core| {
            let Some(core) = core.upgrade() else {
                return false;
            };
            let mut core = core.borrow_mut();
            match core.kept_until {
                Some(until) if until <= now => core.close(),
                Some(until) => next = next.min(until),
                None => {}
            }
            core.stream.is_some()
        });
        (!cores.is_empty()).then(|| next.max(now + TOGETHER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_closed_ahead_of_its_receiver() {
        for (announced, kept) in [
            (None, 50_000),
            (Some(0), 0),
            (Some(1), 500),
            (Some(2), 1_000),
            (Some(5), 4_000),
            (Some(600), 50_000),
        ] {
            let kept_for = kept_for(announced.map(Duration::from_secs));
            assert_eq!(kept_for, Duration::from_millis(kept), "{announced:?}");
        }
    }
}
