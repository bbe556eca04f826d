//! The tasks that work through a queue, attempt after attempt, and the attempts that they have
//! under way.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{NextAttempt, SubscriptionQueue};
use crate::actors::delivery::attempt::{
    Attempt, AttemptResult, DrawnUp, attempt, draw_up, refused,
};
use crate::actors::delivery::attempt_buffer::{Room, Spilled};
use crate::actors::intake::lane::Lane;
use crate::actors::intake::memory::MemoryEvent;
use crate::actors::observe::event_trace::{self, WhySpilled};
use crate::actors::plugins::{AttemptEvent, PreparedAttempt};
use crate::actors::routing::Route;
use crate::domain::delivery::{Origin, Outcome};
use crate::domain::destination::MailTarget;
use crate::domain::id::{EventId, SubscriptionId};
use crate::plugin::Run;
use crate::store::clock::uptime;
use crate::store::lane::LaneId;
use crate::store::record::{AttemptRecord, ReleasedClaim, SpilledDelivery};
use crate::store::{mail, routing};

/// A delivery whose scripts found no time is due again after this.
const LATER: Duration = Duration::from_secs(2);
/// A request begins within this after its claim, scripts included: the claim holds for the
/// timeout and 5 s, and the attempt must be recorded by then.
const BEGIN_WITHIN: Duration = Duration::from_secs(3);

/// When a delivery is due whose attempt did not begin.
enum Until {
    /// At once: something else kept it.
    Now,
    /// Soon: scripts take too long.
    Later,
    /// When the script of this path works.
    Works(Arc<str>),
}

/// Whether a delivery took its task's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Took {
    /// A request or a mail went out: other tasks had their turn meanwhile.
    Time,
    /// Nothing went out: a script said no, failed, or has no turn yet.
    NoTime,
}

/// One of a queue's tasks: attempt after attempt until there is none.
pub(super) async fn work(queue: Rc<SubscriptionQueue>) {
    let worker = QueueWorker(queue);
    let queue = &worker.0;
    loop {
        let Some(room) = queue.thread.buffer.room().await else {
            break;
        };
        let Some((next, since)) = queue.next() else {
            break;
        };
        if queue.deliver(next, since, room).await == Took::NoTime {
            // Other tasks have their turn now.
            tokio::task::yield_now().await;
        }
        if queue.more_due.get() {
            queue.claim();
        }
    }
}

impl SubscriptionQueue {
    /// Makes one attempt at what was taken up `since` then.
    pub(super) async fn deliver(&self, next: NextAttempt, since: Duration, room: Room) -> Took {
        let route = self.route();
        let (what, from_memory, queued) = match next {
            NextAttempt::First(event) => {
                let what = Attempt {
                    event: event.id,
                    event_type: Arc::clone(&event.event_type),
                    payload: event.payload.clone(),
                    hops: event.hops.clone(),
                    n: 1,
                    failures: 0,
                    origin: Origin::First,
                    test: false,
                };
                let queued = uptime().saturating_sub(event.committed);
                (what, Some(event), Some(queued))
            }
            NextAttempt::Claimed(what) => {
                let queued = self.queued_in_row(&what);
                (what, None, queued)
            }
        };
        event_trace::begun(&route, &what);
        let lane = from_memory.as_ref().map(|event| Arc::clone(&event.lane));
        let under_way = AttemptUnderWay {
            queue: self,
            event: what.event,
            from_memory: from_memory.is_some(),
            number: self.in_flight.begin(what.event, from_memory),
        };
        let given = AttemptEvent {
            event: what.event,
            event_type: &what.event_type,
            payload: &what.payload,
            attempt: what.failures.saturating_add(1),
            now: self.parts.clock.now(),
        };
        let prepared = self.thread.scripts.prepare(&route, given).await;
        let prepared = match (&route.mail, prepared) {
            (Some(to), PreparedAttempt::AsPublished) => {
                return self.by_mail(under_way, &route, to, &what, None, room).await;
            }
            (Some(to), PreparedAttempt::Ran(run)) => {
                return self
                    .by_mail(under_way, &route, to, &what, Some(run), room)
                    .await;
            }
            (_, prepared) => prepared,
        };
        let (client, clock) = (&self.thread.client, &self.parts.clock);
        let result = match prepared {
            PreparedAttempt::AsPublished => attempt(client, clock, &route, what, None).await,
            // Scripts may have waited for their turn, and all that was true before may not be.
            PreparedAttempt::Ran(_)
                if !what.test && !self.may_still_begin(lane.as_deref(), since) =>
            {
                self.put_off(&under_way, what.n, Until::Now);
                return Took::NoTime;
            }
            PreparedAttempt::Ran(run) => attempt(client, clock, &route, what, Some(run)).await,
            // Somebody waits for the result of a test, so it ends with the reason.
            PreparedAttempt::Held(script) if what.test => {
                let trouble = self.parts.plugins.trouble(route.account, &script);
                refused(&route, &what, trouble.unwrap_or_default())
            }
            PreparedAttempt::Later if what.test => refused(
                &route,
                &what,
                "Other plugins take too long; try again.".to_owned(),
            ),
            PreparedAttempt::Held(script) => {
                self.put_off(&under_way, what.n, Until::Works(script));
                return Took::NoTime;
            }
            PreparedAttempt::Later => {
                self.put_off(&under_way, what.n, Until::Later);
                return Took::NoTime;
            }
        };
        let (sent, gone) = (result.sent, result.gone);
        self.observe(&result, under_way.from_memory, queued);
        self.record(&under_way, result.record, room);
        if gone {
            self.disable(&route).await;
        }
        self.ended();
        if sent { Took::Time } else { Took::NoTime }
    }

    /// Notifies whoever waits for the end of the queue.
    fn ended(&self) {
        if self.stopped.get() {
            self.notify_if_idle();
        }
    }

    /// How long a row waited for its first attempt; none: it is not its first.
    fn queued_in_row(&self, what: &Attempt) -> Option<Duration> {
        (what.n == 1 && what.origin == Origin::First).then(|| {
            let accepted = what.event.millis().saturating_mul(1_000);
            let waited = self.parts.clock.micros().saturating_sub(accepted);
            Duration::from_micros(u64::try_from(waited).unwrap_or(0))
        })
    }

    fn observe(&self, result: &AttemptResult, from_memory: bool, queued: Option<Duration>) {
        let metrics = &self.thread.metrics;
        if let Some(queued) = queued {
            if from_memory {
                metrics.queued_in_memory.took(queued);
            } else {
                metrics.queued_in_row.took(queued);
            }
        }
        if result.sent {
            if result.record.outcome == Outcome::Sent {
                metrics.took_sent.took(result.took);
            } else {
                metrics.took_failed.took(result.took);
            }
        }
    }

    fn record(&self, under_way: &AttemptUnderWay<'_>, record: AttemptRecord, room: Room) {
        event_trace::ended(&record);
        self.thread.buffer.ended(record, room, under_way.end());
    }

    /// Makes a mail of a delivery and hands its row over to it: from then on the mail has the
    /// only schedule, and what ends it ends the delivery.
    async fn by_mail(
        &self,
        under_way: AttemptUnderWay<'_>,
        route: &Route,
        to: &Result<MailTarget, String>,
        what: &Attempt,
        run: Option<Box<Run>>,
        room: Room,
    ) -> Took {
        if under_way.from_memory {
            // It was published before the target became this one; the row comes first.
            self.put_off(&under_way, what.n, Until::Now);
            return Took::NoTime;
        }
        let (parts, key) = (&self.parts, self.key(what.event));
        let drawn_up = match to {
            Ok(to) => draw_up(route, to.to(), &parts.mails.from(), what, run),
            Err(why) => {
                let error = format!("It cannot be sent to: {why}.");
                Err(Box::new(refused(route, what, error)))
            }
        };
        match drawn_up {
            Err(result) => {
                self.record(&under_way, result.record, room);
                self.ended();
                return Took::NoTime;
            }
            Ok(DrawnUp { mail, detail }) => {
                let detail = detail.as_deref();
                match mail::hand_over(&parts.database, key, what.n, &mail, detail).await {
                    Ok(true) => {
                        event_trace::by_mail(route, what, &mail);
                        parts.mails.wake();
                    }
                    // A later try has it.
                    Ok(false) => {}
                    // If it did not happen, the claim runs out and it is tried again.
                    Err(error) => tracing::warn!(
                        %error, event = %what.event, subscription = %route.id,
                        "a delivery could not be made a mail"
                    ),
                }
                under_way.end();
            }
        }
        self.ended();
        Took::Time
    }

    /// Whether an attempt may begin that was taken up `since` then: a first one of `lane`, or
    /// one at a claimed row.
    fn may_still_begin(&self, lane: Option<&Lane>, since: Duration) -> bool {
        let fresh = lane.map_or_else(|| self.may_begin(), Lane::may_begin);
        fresh && self.may_deliver() && uptime().saturating_sub(since) < BEGIN_WITHIN
    }

    /// An attempt does not begin after all.
    fn put_off(&self, under_way: &AttemptUnderWay<'_>, n: i32, until: Until) {
        let (wait, held_by) = match until {
            Until::Now => (Duration::ZERO, None),
            Until::Later => (LATER, None),
            Until::Works(script) => (Duration::ZERO, Some(script)),
        };
        let key = self.key(under_way.event);
        match under_way.end() {
            // It has no row yet.
            Some((event, false)) if !event.lane.is_dead() => {
                let delivery = SpilledDelivery {
                    key,
                    running_for: None,
                    wait,
                    held_by,
                };
                let spilled = Spilled { event, delivery };
                self.thread.metrics.spilled.add(1);
                event_trace::spilled(key.event, key.subscription, WhySpilled::Script);
                self.thread.buffer.spill(vec![spilled]);
            }
            // Its lane's rows bring it back.
            Some((_, false)) => {}
            Some((_, true)) | None => {
                let claim = ReleasedClaim {
                    key,
                    n,
                    wait,
                    held_by,
                };
                event_trace::released(key.event, key.subscription, n);
                self.thread.buffer.release(vec![claim]);
            }
        }
        self.ended();
    }

    /// The target said 410 Gone.
    async fn disable(&self, route: &Route) {
        const REASON: &str = "The target answered 410 (Gone).";
        self.gone.set(true);
        match routing::disable(&self.parts.database, route.id, REASON).await {
            Ok(true) => {
                self.thread.metrics.gone.add(1);
                tracing::warn!(subscription = %route.id, reason = REASON, "disabled");
            }
            Ok(false) => {}
            Err(error) => {
                // The next attempt gets the same answer.
                self.gone.set(false);
                tracing::warn!(subscription = %route.id, %error, "could not be disabled");
            }
        }
    }
}

/// An attempt that counts as under way until it ends, or its task panics.
struct AttemptUnderWay<'a> {
    queue: &'a SubscriptionQueue,
    from_memory: bool,
    event: EventId,
    number: u64,
}

impl AttemptUnderWay<'_> {
    /// Returns what [`InFlight::end`] does.
    fn end(&self) -> Option<(Arc<MemoryEvent>, bool)> {
        self.queue.in_flight.end(self.number)
    }
}

impl Drop for AttemptUnderWay<'_> {
    fn drop(&mut self) {
        // It ended before, unless its task panicked.
        self.end();
    }
}

/// Counts the task out, however it ends.
struct QueueWorker(Rc<SubscriptionQueue>);

impl Drop for QueueWorker {
    fn drop(&mut self) {
        let queue = &self.0;
        queue.workers.set(queue.workers.get().saturating_sub(1));
        if std::thread::panicking() {
            // What it had under way is in no queue any more: the lane's rows bring it back.
            queue.parts.open_lane.open_is_unsure("an attempt panicked");
        }
    }
}

/// An attempt of [`InFlight`].
struct Running {
    event: EventId,
    begun: Duration,
    /// The lane of a first attempt from memory, whether it has a row by now or not.
    lane: Option<LaneId>,
    /// The event of a first attempt from memory.
    from_memory: Option<Arc<MemoryEvent>>,
    /// Its delivery is to get a row.
    long: Cell<bool>,
}

/// The attempts that a subscription has under way on its thread.
#[derive(Default)]
pub(super) struct InFlight {
    next: Cell<u64>,
    attempts: RefCell<HashMap<u64, Running>>,
}

impl InFlight {
    /// An attempt begins. The number is for [`InFlight::end`].
    pub(super) fn begin(&self, event: EventId, from_memory: Option<Arc<MemoryEvent>>) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        let attempt = Running {
            event,
            begun: uptime(),
            lane: from_memory.as_ref().map(|event| event.lane.id),
            from_memory,
            long: Cell::new(false),
        };
        self.attempts.borrow_mut().insert(number, attempt);
        number
    }

    /// It ended, if it had not. Returns the event of a first attempt from memory, and whether its
    /// delivery is to get a row.
    pub(super) fn end(&self, number: u64) -> Option<(Arc<MemoryEvent>, bool)> {
        let attempt = self.attempts.borrow_mut().remove(&number)?;
        Some((attempt.from_memory?, attempt.long.get()))
    }

    pub(super) fn len(&self) -> usize {
        self.attempts.borrow().len()
    }

    /// First attempts that have run for `long` and get a claimed row now, with the time that
    /// each has run. From here on they are recorded at their rows.
    pub(super) fn take_long(&self, long: Duration) -> Vec<(Arc<MemoryEvent>, Duration)> {
        let now = uptime();
        self.attempts
            .borrow()
            .values()
            .filter(|attempt| now.saturating_sub(attempt.begun) >= long)
            .filter(|attempt| attempt.from_memory.is_some() && !attempt.long.replace(true))
            .filter_map(|attempt| {
                let event = Arc::clone(attempt.from_memory.as_ref()?);
                Some((event, now.saturating_sub(attempt.begun)))
            })
            .collect()
    }

    /// The first attempts of a lane. One that has a row by now may be among them: that row may
    /// not be committed yet.
    pub(super) fn of_lane(
        &self,
        subscription: SubscriptionId,
        lane: LaneId,
    ) -> Vec<(SubscriptionId, EventId)> {
        self.attempts
            .borrow()
            .values()
            .filter(|attempt| attempt.lane == Some(lane))
            .map(|attempt| (subscription, attempt.event))
            .collect()
    }
}
