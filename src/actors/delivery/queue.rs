//! What one subscription has to deliver, and the tasks that work through it, all on one thread.

mod worker;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use self::worker::InFlight;
use super::attempt::Attempt;
use super::attempt_buffer::Spilled;
use super::{DeliveryParts, DeliveryThread};
use crate::actors::intake::memory::MemoryEvent;
use crate::actors::observe::event_trace::{self, WhySpilled};
use crate::actors::routing::Route;
use crate::domain::id::{EventId, SubscriptionId};
use crate::domain::subscription::SubscriptionState;
use crate::store::claim::{self, ClaimedDelivery};
use crate::store::clock::uptime;
use crate::store::lane::LaneId;
use crate::store::record::{DeliveryKey, ReleasedClaim};

/// A first attempt not begun after this gets a row, one that runs so long a claimed row: the
/// low-water mark cannot lag by more.
const LONG: Duration = Duration::from_secs(2);
/// A claimed row whose attempt has not begun after this is put back: its claim holds for the
/// timeout and 5 s.
const CLAIM_WAIT: Duration = Duration::from_secs(2);
/// First attempts that wait in memory, at most; beyond, the oldest get rows.
const QUEUE: usize = 20_000;
/// Rows of one claim, at most.
const CLAIM: usize = 256;
/// A claim whose rows are all begun within this was too small for the target.
const CLAIM_SOON: Duration = Duration::from_secs(1);

/// What a worker takes up.
enum NextAttempt {
    /// A first attempt, from memory.
    First(Arc<MemoryEvent>),
    /// An attempt at a claimed row.
    Claimed(Attempt),
}

/// Something that waits for a worker, with the uptime since when.
struct Waiting<T> {
    what: T,
    since: Duration,
}

impl<T> Waiting<T> {
    fn for_long(&self, now: Duration, long: Duration) -> bool {
        now.saturating_sub(self.since) >= long
    }
}

/// What the metrics have of one queue.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct QueueSize {
    /// 1: it has something to do.
    busy: i64,
    waiting: i64,
    claimed: i64,
    under_way: i64,
}

pub(super) struct SubscriptionQueue {
    route: RefCell<Arc<Route>>,
    parts: DeliveryParts,
    thread: Rc<DeliveryThread>,
    first: RefCell<VecDeque<Waiting<Arc<MemoryEvent>>>>,
    claimed: RefCell<VecDeque<Waiting<Attempt>>>,
    in_flight: InFlight,
    workers: Cell<usize>,
    claiming: Cell<bool>,
    /// Rows of the next claim: more for a target that takes them quickly.
    claim_size: Cell<usize>,
    claimed_at: Cell<Duration>,
    /// A claim may find more.
    more_due: Cell<bool>,
    stopped: Cell<bool>,
    /// The target said 410: nothing begins until the change of the webhook is seen.
    gone: Cell<bool>,
    idle: Notify,
    /// What the thread's metrics have of it.
    shown: Cell<QueueSize>,
}

impl SubscriptionQueue {
    pub(super) fn new(
        route: Arc<Route>,
        parts: DeliveryParts,
        thread: Rc<DeliveryThread>,
    ) -> Rc<Self> {
        Rc::new(Self {
            claim_size: Cell::new(route.max_in_flight),
            claimed_at: Cell::new(Duration::ZERO),
            route: RefCell::new(route),
            parts,
            thread,
            first: RefCell::default(),
            claimed: RefCell::default(),
            in_flight: InFlight::default(),
            workers: Cell::new(0),
            claiming: Cell::new(false),
            more_due: Cell::new(false),
            stopped: Cell::new(false),
            gone: Cell::new(false),
            idle: Notify::new(),
            shown: Cell::default(),
        })
    }

    fn route(&self) -> Arc<Route> {
        Arc::clone(&self.route.borrow())
    }

    fn may_deliver(&self) -> bool {
        !self.stopped.get()
            && !self.gone.get()
            && self.route.borrow().state == SubscriptionState::Enabled
    }

    fn key(&self, event: EventId) -> DeliveryKey {
        let route = self.route.borrow();
        DeliveryKey {
            account: route.account,
            subscription: route.id,
            event,
        }
    }

    /// Takes first attempts on.
    pub(super) fn enqueue(self: &Rc<Self>, events: Vec<Arc<MemoryEvent>>) {
        let since = uptime();
        if event_trace::is_on() {
            let id = self.route.borrow().id;
            events
                .iter()
                .for_each(|event| event_trace::queued(event.id, id));
        }
        self.first
            .borrow_mut()
            .extend(events.into_iter().map(|what| Waiting { what, since }));
        if !self.may_deliver() {
            self.spill_waiting(|_| true);
        } else if self.first.borrow().len() > QUEUE {
            let excess = self.first.borrow().len() - QUEUE;
            let mut left = excess;
            self.spill_waiting(|_| {
                let take = left > 0;
                left = left.saturating_sub(1);
                take
            });
        }
        self.start_workers();
    }

    /// Makes a test, whatever the state.
    pub(super) fn test(self: &Rc<Self>, what: Attempt) {
        if self.route.borrow().locked.is_some() {
            // Its row waits until it can be signed.
            return;
        }
        let queue = Rc::clone(self);
        actix::spawn(async move {
            let Some(room) = queue.thread.buffer.room().await else {
                return;
            };
            queue
                .deliver(NextAttempt::Claimed(what), uptime(), room)
                .await;
        });
    }

    /// The webhook was changed.
    pub(super) fn set_route(self: &Rc<Self>, route: Arc<Route>) {
        self.route.replace(route);
        self.gone.set(false);
        if self.may_deliver() {
            self.start_workers();
            self.claim();
        } else {
            self.put_back();
        }
    }

    /// Begins nothing more and puts back what has not begun.
    pub(super) fn stop(&self) {
        self.stopped.set(true);
        self.put_back();
        self.thread.buffer.flush();
        self.notify_if_idle();
    }

    /// Nothing is under way and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.len() == 0
            && self.first.borrow().is_empty()
            && self.claimed.borrow().is_empty()
            && !self.claiming.get()
    }

    /// Nothing will happen until somebody sends a message.
    pub(super) fn is_asleep(&self) -> bool {
        self.is_idle() && !(self.more_due.get() && self.may_deliver())
    }

    /// Waits until nothing is under way and all of it is sent to Recorder.
    pub(crate) async fn drained(&self) {
        loop {
            let idle = self.idle.notified();
            if self.is_idle() {
                break;
            }
            idle.await;
        }
        self.thread.buffer.flush();
    }

    /// Forgets what waits of a lane, and returns its first attempts under way.
    pub(super) fn abandon(&self, lane: LaneId) -> Vec<(SubscriptionId, EventId)> {
        self.first
            .borrow_mut()
            .retain(|waiting| waiting.what.lane.id != lane);
        self.thread.buffer.flush();
        self.in_flight.of_lane(self.route.borrow().id, lane)
    }

    /// Looks after what waits or runs for too long, and after due rows.
    pub(super) fn look_after(self: &Rc<Self>) {
        let now = uptime();
        if self.may_deliver() {
            self.spill_waiting(|waiting| waiting.for_long(now, LONG));
        } else {
            self.put_back();
        }
        let timeout = self.route.borrow().timeout;
        let long = self.in_flight.take_long(LONG);
        self.spill(long.into_iter().map(|(event, ran)| {
            let left = timeout.saturating_sub(ran) + Duration::from_secs(5);
            (event, Some(left))
        }));
        if self.release_claimed(|claimed| claimed.for_long(now, CLAIM_WAIT)) {
            self.claim_size.set(self.route.borrow().max_in_flight);
        }
        self.start_workers();
        if self.more_due.get() {
            self.claim();
        }
        let size = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        self.show(QueueSize {
            busy: i64::from(!self.is_idle()),
            waiting: size(self.first.borrow().len()),
            claimed: size(self.claimed.borrow().len()),
            under_way: size(self.in_flight.len()),
        });
    }

    /// Claims due rows if few are waiting.
    pub(super) fn claim(self: &Rc<Self>) {
        self.more_due.set(true);
        let route = self.route();
        let most = self.claim_size.get();
        let half_full = self.claimed.borrow().len() > most / 2;
        if half_full || !self.may_deliver() || !self.may_begin() || self.claiming.replace(true) {
            return;
        }
        let queue = Rc::clone(self);
        actix::spawn(async move {
            let since = uptime();
            let claimed = queue.claim_rows(&route, most).await;
            queue.claiming.set(false);
            match claimed {
                Ok(rows) => {
                    let bytes: usize = rows.iter().map(|row| row.payload.len()).sum();
                    let cut = i64::try_from(bytes).is_ok_and(|bytes| bytes >= claim::CLAIM_BYTES);
                    let full = rows.len() >= most || cut;
                    queue.more_due.set(full);
                    queue.size_next_claim(full, since);
                    queue.take_on(rows, since);
                }
                Err(error) => tracing::debug!(%error, "due rows could not be claimed"),
            }
            if queue.stopped.get() {
                queue.notify_if_idle();
            }
        });
    }

    fn size_next_claim(&self, full: bool, now: Duration) {
        if full && now.saturating_sub(self.claimed_at.replace(now)) < CLAIM_SOON {
            self.claim_size.set((self.claim_size.get() * 2).min(CLAIM));
        }
    }

    async fn claim_rows(
        &self,
        route: &Route,
        most: usize,
    ) -> Result<Vec<ClaimedDelivery>, crate::store::StoreError> {
        let mut connection = self.parts.database.get().await?;
        let Some(lane) = self.parts.open_lane.get() else {
            return Ok(Vec::new());
        };
        claim::claim(&mut connection, lane.id, route.id, most, route.claim_hold()).await
    }

    fn take_on(self: &Rc<Self>, rows: Vec<ClaimedDelivery>, since: Duration) {
        if event_trace::is_on() {
            let id = self.route.borrow().id;
            rows.iter()
                .for_each(|row| event_trace::claimed(row.event, id, row.n));
        }
        self.claimed
            .borrow_mut()
            .extend(rows.into_iter().map(|row| Waiting {
                what: Attempt {
                    event: row.event,
                    event_type: row.event_type.into(),
                    payload: Bytes::from(row.payload),
                    hops: row.hops,
                    n: row.n,
                    failures: row.failures,
                    origin: row.origin,
                    test: row.test,
                },
                since,
            }));
        if self.may_deliver() {
            self.start_workers();
        } else {
            self.put_back();
        }
    }

    /// No attempt begins on a lease that may have run out.
    fn may_begin(&self) -> bool {
        self.parts
            .open_lane
            .get()
            .is_some_and(|lane| lane.may_begin())
    }

    fn start_workers(self: &Rc<Self>) {
        if !self.may_deliver() {
            return;
        }
        let waiting = self.first.borrow().len() + self.claimed.borrow().len();
        let free = self
            .route
            .borrow()
            .max_in_flight
            .saturating_sub(self.workers.get());
        for _ in 0..free.min(waiting) {
            self.workers.set(self.workers.get() + 1);
            actix::spawn(worker::work(Rc::clone(self)));
        }
    }

    /// The next attempt to begin, with the time since when it waited: claimed rows, which are
    /// older, before first attempts.
    fn next(&self) -> Option<(NextAttempt, Duration)> {
        if !self.may_deliver() || self.workers.get() > self.route.borrow().max_in_flight {
            return None;
        }
        // After a sleep of the process, its claims may have run out.
        let now = uptime();
        let late = |claimed: &Waiting<Attempt>| claimed.for_long(now, CLAIM_WAIT);
        if self.claimed.borrow().front().is_some_and(late) {
            self.release_claimed(late);
        }
        if !self.claimed.borrow().is_empty() && self.may_begin() {
            let claimed = self.claimed.borrow_mut().pop_front();
            return claimed.map(|claimed| (NextAttempt::Claimed(claimed.what), claimed.since));
        }
        let mut first = self.first.borrow_mut();
        while let Some(waiting) = first.front() {
            if waiting.what.lane.may_begin() {
                // A first attempt counts from when it is taken up.
                return first
                    .pop_front()
                    .map(|waiting| (NextAttempt::First(waiting.what), now));
            }
            if !waiting.what.lane.is_dead() {
                // The lease is old: wait for its renewal, or for somebody to close the lane.
                return None;
            }
            first.pop_front();
        }
        None
    }

    fn notify_if_idle(&self) {
        if self.is_idle() {
            self.thread.buffer.flush();
            self.idle.notify_waiters();
        }
    }

    /// Raises the thread's metrics by what changed since the last time.
    fn show(&self, now: QueueSize) {
        let before = self.shown.replace(now);
        let metrics = &self.thread.metrics;
        for (gauge, now, before) in [
            (&metrics.busy, now.busy, before.busy),
            (&metrics.waiting, now.waiting, before.waiting),
            (&metrics.claimed, now.claimed, before.claimed),
            (&metrics.under_way, now.under_way, before.under_way),
        ] {
            if now != before {
                gauge.add(now - before);
            }
        }
    }

    fn put_back(&self) {
        self.spill_waiting(|_| true);
        self.release_claimed(|_| true);
    }

    fn spill_waiting(&self, mut leaves: impl FnMut(&Waiting<Arc<MemoryEvent>>) -> bool) {
        let mut leaving = Vec::new();
        self.first.borrow_mut().retain(|waiting| {
            let leave = leaves(waiting);
            if leave {
                leaving.push((Arc::clone(&waiting.what), None));
            }
            !leave
        });
        self.spill(leaving.into_iter());
    }

    fn spill(&self, events: impl Iterator<Item = (Arc<MemoryEvent>, Option<Duration>)>) {
        let spilled: Vec<Spilled> = events
            .filter(|(event, _)| !event.lane.is_dead())
            .map(|(event, running_for)| {
                let key = self.key(event.id);
                let mut spilled = Spilled::due(event, key);
                spilled.delivery.running_for = running_for;
                spilled
            })
            .collect();
        if !spilled.is_empty() {
            self.more_due.set(true);
            let number = u64::try_from(spilled.len()).unwrap_or(u64::MAX);
            self.thread.metrics.spilled.add(number);
            if event_trace::is_on() {
                let why = if self.may_deliver() {
                    WhySpilled::Long
                } else {
                    WhySpilled::Halted
                };
                for Spilled { delivery, .. } in &spilled {
                    event_trace::spilled(delivery.key.event, delivery.key.subscription, why);
                }
            }
            // Bounded: each of them was counted by the budget, and leaves it here.
            self.thread.buffer.spill(spilled);
        }
    }

    /// Releases claimed rows; returns whether there were any.
    fn release_claimed(&self, mut leaves: impl FnMut(&Waiting<Attempt>) -> bool) -> bool {
        let mut released = Vec::new();
        self.claimed.borrow_mut().retain(|claimed| {
            let leave = leaves(claimed);
            if leave {
                released.push(ReleasedClaim {
                    key: self.key(claimed.what.event),
                    n: claimed.what.n,
                    wait: Duration::ZERO,
                    held_by: None,
                });
            }
            !leave
        });
        for ReleasedClaim { key, n, .. } in &released {
            event_trace::released(key.event, key.subscription, *n);
        }
        let any = !released.is_empty();
        if any {
            self.thread.buffer.release(released);
        }
        any
    }
}

impl Drop for SubscriptionQueue {
    fn drop(&mut self) {
        self.show(QueueSize::default());
    }
}
