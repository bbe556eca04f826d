//! The tasks that work through a line: attempt after attempt, each told to Recorder.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{Line, Next};
use crate::actors::attempt::{DrawnUp, Tried, Try, attempt, draw_up, refused};
use crate::actors::intake::LaneUnsure;
use crate::actors::lane::Lane;
use crate::actors::memory::MemoryEvent;
use crate::actors::plugins::{Given, Prepared};
use crate::actors::recorder::{FirstAttempt, ReleaseClaims, SpillDeliveries, Spilled};
use crate::actors::routing::Route;
use crate::actors::tell::tell;
use crate::actors::trail;
use crate::domain::delivery::{Origin, Outcome};
use crate::domain::destination::MailTarget;
use crate::domain::id::EventId;
use crate::plugin::Run;
use crate::store::clock::uptime;
use crate::store::mail;
use crate::store::record::{AttemptRecord, ReleasedClaim, SpilledDelivery};
use crate::store::routing;

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
        if !line.deliver(next).await {
            // A script said no or failed, at once: others have their turn now.
            tokio::task::yield_now().await;
        }
        if line.more_due.get() {
            line.claim();
        }
    }
}

impl Line {
    /// Makes one attempt. Answers whether a request was sent: else nothing was waited for.
    pub(super) async fn deliver(&self, next: Next) -> bool {
        let route = self.route();
        let begun = uptime();
        let (what, from_memory, since, queued) = match next {
            Next::First(event) => {
                let what = Try {
                    event: event.id,
                    event_type: Arc::clone(&event.event_type),
                    payload: event.payload.clone(),
                    hops: event.hops.clone(),
                    n: 1,
                    failures: 0,
                    origin: Origin::First,
                    test: false,
                };
                let queued = begun.saturating_sub(event.committed);
                (what, Some(event), begun, Some(queued))
            }
            Next::Claimed(what, since) => {
                let queued = self.queued_in_row(&what);
                (what, None, since, queued)
            }
        };
        trail::begun(&route, &what);
        let lane = from_memory.as_ref().map(|event| Arc::clone(&event.lane));
        let under_way = UnderWay {
            line: self,
            event: what.event,
            from_memory: from_memory.is_some(),
            number: self.in_flight.begin(what.event, from_memory),
            ended: Cell::new(false),
        };
        let given = Given {
            event: what.event,
            event_type: &what.event_type,
            payload: &what.payload,
            attempt: what.failures.saturating_add(1),
            now: self.parts.clock.now(),
        };
        let prepared = self.thread.scripts.prepare(&route, given).await;
        let prepared = match (&route.mail, prepared) {
            (Some(to), Prepared::AsPublished) => {
                return self.by_mail(under_way, &route, to, &what, None).await;
            }
            (Some(to), Prepared::Ran(run)) => {
                return self.by_mail(under_way, &route, to, &what, Some(run)).await;
            }
            (_, prepared) => prepared,
        };
        let (client, clock) = (&self.thread.client, &self.parts.clock);
        let tried = match prepared {
            Prepared::AsPublished => attempt(client, clock, &route, what, None).await,
            // Scripts may have waited for their turn, and all that was true before may not be.
            Prepared::Ran(_) if !what.test && !self.may_still_begin(lane.as_deref(), since) => {
                self.put_off(&under_way, what.n, Until::Now);
                return false;
            }
            Prepared::Ran(run) => attempt(client, clock, &route, what, Some(run)).await,
            // Somebody waits for a test's answer, so it ends with the reason.
            Prepared::Held(script) if what.test => {
                let words = self
                    .parts
                    .plugins
                    .trouble(route.account, &script)
                    .unwrap_or_default();
                refused(&route, &what, words)
            }
            Prepared::Later if what.test => refused(
                &route,
                &what,
                "Other plugins take too long; try again.".to_owned(),
            ),
            Prepared::Held(script) => {
                self.put_off(&under_way, what.n, Until::Works(script));
                return false;
            }
            Prepared::Later => {
                self.put_off(&under_way, what.n, Until::Later);
                return false;
            }
        };
        let (sent, gone) = (tried.sent, tried.gone);
        self.observe(&tried, under_way.is_from_memory(), queued);
        self.record(&under_way, tried.record);
        if gone {
            self.disable(&route).await;
        }
        if self.stopped.get() {
            self.tell_idle();
        }
        sent
    }

    /// How long a row waited for its first attempt; none: it is not its first.
    fn queued_in_row(&self, what: &Try) -> Option<Duration> {
        (what.n == 1 && what.origin == Origin::First).then(|| {
            let accepted = what.event.millis().saturating_mul(1_000);
            let waited = self.parts.clock.micros().saturating_sub(accepted);
            Duration::from_micros(u64::try_from(waited).unwrap_or(0))
        })
    }

    fn observe(&self, tried: &Tried, from_memory: bool, queued: Option<Duration>) {
        let figures = &self.thread.figures;
        if let Some(queued) = queued {
            if from_memory {
                figures.queued_in_memory.took(queued);
            } else {
                figures.queued_in_row.took(queued);
            }
        }
        if tried.sent {
            if tried.record.outcome == Outcome::Sent {
                figures.took_sent.took(tried.took);
            } else {
                figures.took_failed.took(tried.took);
            }
        }
    }

    fn record(&self, under_way: &UnderWay<'_>, record: AttemptRecord) {
        trail::ended(&record);
        match under_way.end() {
            Some((event, false)) => self.thread.outbox.first(FirstAttempt { record, event }),
            Some((event, true)) => self.thread.outbox.long(FirstAttempt { record, event }),
            None => self.thread.outbox.claimed(record),
        }
    }

    /// Makes a mail of a delivery and hands its row over to it: from then on the mail has the
    /// only schedule, and what ends it ends the delivery.
    async fn by_mail(
        &self,
        under_way: UnderWay<'_>,
        route: &Route,
        to: &Result<MailTarget, String>,
        what: &Try,
        run: Option<Box<Run>>,
    ) -> bool {
        if under_way.is_from_memory() {
            // It was published before the target became this one; the row comes first.
            self.put_off(&under_way, what.n, Until::Now);
            return false;
        }
        let (parts, key) = (&self.parts, self.key(what.event));
        let drawn_up = match to {
            Ok(to) => draw_up(route, to.to(), &parts.mails.from(), what, run),
            Err(words) => {
                let words = format!("It cannot be sent to: {words}.");
                Err(Box::new(refused(route, what, words)))
            }
        };
        match drawn_up {
            Err(tried) => self.record(&under_way, tried.record),
            Ok(DrawnUp { mail, detail }) => {
                let detail = detail.as_deref();
                match mail::hand_over(&parts.database, key, what.n, &mail, detail).await {
                    Ok(true) => {
                        trail::by_mail(route, what, &mail);
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
                self.thread.outbox.give_back();
            }
        }
        if self.stopped.get() {
            self.tell_idle();
        }
        true
    }

    /// Whether an attempt may begin that was taken up `since` then: a first one of `lane`, or
    /// one at a claimed row.
    fn may_still_begin(&self, lane: Option<&Lane>, since: Duration) -> bool {
        let fresh = lane.map_or_else(|| self.may_begin(), Lane::may_begin);
        fresh && self.may_deliver() && uptime().saturating_sub(since) < BEGIN_WITHIN
    }

    /// An attempt does not begin after all.
    fn put_off(&self, under_way: &UnderWay<'_>, n: i32, until: Until) {
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
                self.thread.figures.spilled.add(1);
                trail::spilled(key.event, key.subscription, trail::Spilled::Script);
                self.thread.outbox.tell(SpillDeliveries(vec![spilled]));
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
                trail::released(key.event, key.subscription, n);
                self.thread.outbox.tell(ReleaseClaims(vec![claim]));
            }
        }
        self.thread.outbox.give_back();
        if self.stopped.get() {
            self.tell_idle();
        }
    }

    /// The target said 410 Gone.
    async fn disable(&self, route: &Route) {
        const REASON: &str = "The target answered 410 (Gone).";
        self.gone.set(true);
        match routing::disable(&self.parts.database, route.id, REASON).await {
            Ok(true) => {
                self.thread.figures.gone.add(1);
                tracing::warn!(subscription = %route.id, reason = REASON, "disabled");
            }
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
    from_memory: bool,
    event: EventId,
    number: u64,
    ended: Cell<bool>,
}

impl UnderWay<'_> {
    const fn is_from_memory(&self) -> bool {
        self.from_memory
    }

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
