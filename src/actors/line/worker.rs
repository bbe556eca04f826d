//! The tasks that work through a line: attempt after attempt, each told to Recorder.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::{Line, Next};
use crate::actors::attempt::{Try, attempt};
use crate::actors::intake::LaneUnsure;
use crate::actors::memory::MemoryEvent;
use crate::actors::recorder::FirstAttempt;
use crate::actors::routing::Route;
use crate::actors::tell::tell;
use crate::domain::delivery::Origin;
use crate::store::routing;

/// One of a line's tasks: attempt after attempt until there is none.
pub(super) async fn work(line: Rc<Line>) {
    let worker = Worker(line);
    let line = &worker.0;
    loop {
        line.thread.outbox.room().await;
        let Some(next) = line.next() else {
            line.thread.outbox.give_back();
            break;
        };
        line.deliver(next).await;
        if line.more_due.get() {
            line.claim();
        }
    }
}

impl Line {
    /// Makes one attempt.
    pub(super) async fn deliver(&self, next: Next) {
        let route = self.route();
        let (what, from_memory) = match next {
            Next::First(event) => {
                let what = Try {
                    event: event.id,
                    payload: event.payload.clone(),
                    n: 1,
                    failures: 0,
                    origin: Origin::First,
                    test: false,
                };
                (what, Some(event))
            }
            Next::Claimed(what) => (what, None),
        };
        let under_way = UnderWay {
            line: self,
            number: self.in_flight.begin(what.event, from_memory),
            ended: Cell::new(false),
        };
        let tried = attempt(&self.thread.client, &self.parts.clock, &route, what).await;
        let record = tried.record;
        match under_way.end() {
            Some((event, false)) => self.thread.outbox.first(FirstAttempt { record, event }),
            Some((event, true)) => self.thread.outbox.long(FirstAttempt { record, event }),
            None => self.thread.outbox.claimed(record),
        }
        if tried.gone {
            self.disable(&route).await;
        }
        if self.stopped.get() {
            self.tell_idle();
        }
    }

    /// The target said 410 Gone.
    async fn disable(&self, route: &Route) {
        const REASON: &str = "The target answered 410 (Gone).";
        self.gone.set(true);
        match routing::disable(&self.parts.database, route.id, REASON).await {
            Ok(true) => tracing::warn!(subscription = %route.id, "disabled: {REASON}"),
            Ok(false) => {}
            Err(error) => {
                // The next attempt will be told the same.
                self.gone.set(false);
                tracing::warn!(subscription = %route.id, %error, "could not be disabled");
            }
        }
    }
}

/// An attempt that counts as under way until it ends, or its task panics.
struct UnderWay<'a> {
    line: &'a Line,
    number: u64,
    ended: Cell<bool>,
}

impl UnderWay<'_> {
    fn end(&self) -> Option<(Arc<MemoryEvent>, bool)> {
        self.ended.set(true);
        self.line.in_flight.end(self.number)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.ended.get() {
            self.end();
            self.line.thread.outbox.give_back();
        }
    }
}

/// Counts the task out, however it ends.
struct Worker(Rc<Line>);

impl Drop for Worker {
    fn drop(&mut self) {
        let line = &self.0;
        line.workers.set(line.workers.get().saturating_sub(1));
        if std::thread::panicking() {
            // What it had under way is in no queue any more: the lane's rows bring it back.
            if let (Some(intake), Some(lane)) = (line.parts.intake.get(), line.parts.open_lane()) {
                tell(
                    intake,
                    LaneUnsure {
                        lane: lane.id,
                        why: "an attempt panicked",
                    },
                );
            }
        }
    }
}
