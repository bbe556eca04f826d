//! One subscription's waiting line and the tasks that work through it, all on one thread.

mod leaving;
mod worker;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::attempt::Try;
use super::figures::ThreadFigures;
use super::in_flight::InFlight;
use super::memory::MemoryEvent;
use super::outbox::Outbox;
use super::plugins::Scripts;
use super::routing::Route;
use super::subscription::{SubscriptionParts, TestDelivery};
use super::trail;
use crate::domain::delivery::Origin;
use crate::domain::id::{EventId, SubscriptionId};
use crate::domain::subscription::SubscriptionState;
use crate::store::claim::{self, ClaimedDelivery};
use crate::store::clock::uptime;
use crate::store::lane::LaneId;
use crate::store::record::DeliveryKey;
use crate::transport::Client;

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

/// What the subscriptions of one delivery thread share: the client with its connections, the
/// compiled scripts, and the outbox.
pub(super) struct Thread {
    client: Client,
    scripts: Scripts,
    outbox: Rc<Outbox>,
    figures: Arc<ThreadFigures>,
}

impl Thread {
    /// This thread's, made at first use.
    pub(super) fn current(parts: &SubscriptionParts) -> Rc<Self> {
        thread_local! {
            static THREAD: RefCell<Option<Rc<Thread>>> = const { RefCell::new(None) };
        }
        THREAD.with(|slot| {
            let mut slot = slot.borrow_mut();
            Rc::clone(slot.get_or_insert_with(|| {
                Rc::new(Self {
                    client: Client::new(Arc::clone(&parts.rules), Arc::clone(&parts.tls)),
                    scripts: Scripts::new(parts.plugins.clone()),
                    outbox: Outbox::new(
                        parts.recorder.clone(),
                        Arc::clone(&parts.unrecorded),
                        Arc::clone(&parts.figures),
                    ),
                    figures: parts.figures.thread(),
                })
            }))
        })
    }
}

/// A first attempt that waits.
struct Waiting {
    event: Arc<MemoryEvent>,
    since: Duration,
}

/// A claimed row that waits.
struct Claimed {
    what: Try,
    since: Duration,
}

/// What a task takes next.
enum Next {
    First(Arc<MemoryEvent>),
    /// With the time of its claim.
    Claimed(Try, Duration),
}

/// The line.
pub(super) struct Line {
    route: RefCell<Arc<Route>>,
    parts: SubscriptionParts,
    thread: Rc<Thread>,
    first: RefCell<VecDeque<Waiting>>,
    claimed: RefCell<VecDeque<Claimed>>,
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
    /// What the thread's figures have of it: whether it has something to do, what waits, what is
    /// claimed and what is under way.
    figured: Cell<[i64; 4]>,
}

impl Line {
    pub(super) fn new(route: Arc<Route>, parts: SubscriptionParts, thread: Rc<Thread>) -> Rc<Self> {
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
            figured: Cell::new([0; 4]),
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
        if trail::is_told() {
            let id = self.route.borrow().id;
            events.iter().for_each(|event| trail::queued(event.id, id));
        }
        self.first
            .borrow_mut()
            .extend(events.into_iter().map(|event| Waiting { event, since }));
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
    pub(super) fn test(self: &Rc<Self>, test: TestDelivery) {
        if self.route.borrow().locked.is_some() {
            // Its row waits until it can be signed.
            return;
        }
        let what = Try {
            event: test.event,
            event_type: test.event_type,
            payload: test.payload,
            hops: None,
            n: 1,
            failures: 0,
            origin: Origin::Test,
            test: true,
        };
        let line = Rc::clone(self);
        actix::spawn(async move {
            line.thread.outbox.room().await;
            line.deliver(Next::Claimed(what, uptime())).await;
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
        self.thread.outbox.flush();
        self.tell_idle();
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

    /// Waits until nothing is under way, and tells Recorder of it.
    pub(super) async fn drained(&self) {
        loop {
            let idle = self.idle.notified();
            if self.is_idle() {
                break;
            }
            idle.await;
        }
        self.thread.outbox.flush();
    }

    /// Forgets what waits of a lane; answers its first attempts under way.
    pub(super) fn abandon(&self, lane: LaneId) -> Vec<(SubscriptionId, EventId)> {
        self.first
            .borrow_mut()
            .retain(|waiting| waiting.event.lane.id != lane);
        self.thread.outbox.flush();
        self.in_flight.of_lane(self.route.borrow().id, lane)
    }

    /// Looks after what waits or runs for too long, and after due rows.
    pub(super) fn look_after(self: &Rc<Self>) {
        let now = uptime();
        if self.may_deliver() {
            self.spill_waiting(|waiting| now.saturating_sub(waiting.since) >= LONG);
        } else {
            self.put_back();
        }
        let timeout = self.route.borrow().timeout;
        let long = self.in_flight.take_long(LONG);
        self.spill(long.into_iter().map(|(event, ran)| {
            let left = timeout.saturating_sub(ran) + Duration::from_secs(5);
            (event, Some(left))
        }));
        if self.release_claimed(|claimed| now.saturating_sub(claimed.since) >= CLAIM_WAIT) {
            self.claim_size.set(self.route.borrow().max_in_flight);
        }
        self.start_workers();
        if self.more_due.get() {
            self.claim();
        }
        let size = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        self.figure([
            i64::from(!self.is_idle()),
            size(self.first.borrow().len()),
            size(self.claimed.borrow().len()),
            size(self.in_flight.len()),
        ]);
    }

    /// Claims due rows if there is room for them.
    pub(super) fn claim(self: &Rc<Self>) {
        self.more_due.set(true);
        let route = self.route();
        let room = self.claim_size.get();
        let half_full = self.claimed.borrow().len() > room / 2;
        if half_full || !self.may_deliver() || !self.may_begin() || self.claiming.replace(true) {
            return;
        }
        let line = Rc::clone(self);
        actix::spawn(async move {
            let since = uptime();
            let claimed = line.claim_rows(&route, room).await;
            line.claiming.set(false);
            match claimed {
                Ok(rows) => {
                    let bytes: usize = rows.iter().map(|row| row.payload.len()).sum();
                    let cut = i64::try_from(bytes).is_ok_and(|bytes| bytes >= claim::CLAIM_BYTES);
                    let full = rows.len() >= room || cut;
                    line.more_due.set(full);
                    line.size_next_claim(full, since);
                    line.take_on(rows, since);
                }
                Err(error) => tracing::debug!(%error, "due rows could not be claimed"),
            }
            if line.stopped.get() {
                line.tell_idle();
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
        room: usize,
    ) -> Result<Vec<ClaimedDelivery>, crate::store::StoreError> {
        let mut connection = self.parts.database.get().await?;
        let Some(lane) = self.parts.open_lane() else {
            return Ok(Vec::new());
        };
        claim::claim(&mut connection, lane.id, route.id, room, route.claim_hold()).await
    }

    fn take_on(self: &Rc<Self>, rows: Vec<ClaimedDelivery>, since: Duration) {
        if trail::is_told() {
            let id = self.route.borrow().id;
            let told = rows.iter();
            told.for_each(|row| trail::claimed(row.event, id, row.n));
        }
        self.claimed
            .borrow_mut()
            .extend(rows.into_iter().map(|row| Claimed {
                what: Try {
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
        self.parts.open_lane().is_some_and(|lane| lane.may_begin())
    }

    fn start_workers(self: &Rc<Self>) {
        if !self.may_deliver() {
            return;
        }
        let waiting = self.first.borrow().len() + self.claimed.borrow().len();
        let room = self
            .route
            .borrow()
            .max_in_flight
            .saturating_sub(self.workers.get());
        for _ in 0..room.min(waiting) {
            self.workers.set(self.workers.get() + 1);
            actix::spawn(worker::work(Rc::clone(self)));
        }
    }

    /// The next attempt to begin: claimed rows, which are older, before first attempts.
    fn next(&self) -> Option<Next> {
        if !self.may_deliver() || self.workers.get() > self.route.borrow().max_in_flight {
            return None;
        }
        // After a sleep of the process, its claims may have run out.
        let now = uptime();
        let late = |claimed: &Claimed| now.saturating_sub(claimed.since) >= CLAIM_WAIT;
        if self.claimed.borrow().front().is_some_and(late) {
            self.release_claimed(late);
        }
        if !self.claimed.borrow().is_empty() && self.may_begin() {
            let claimed = self.claimed.borrow_mut().pop_front();
            return claimed.map(|claimed| Next::Claimed(claimed.what, claimed.since));
        }
        let mut first = self.first.borrow_mut();
        while let Some(waiting) = first.front() {
            if waiting.event.lane.may_begin() {
                return first.pop_front().map(|waiting| Next::First(waiting.event));
            }
            if !waiting.event.lane.is_dead() {
                // The lease is old: wait for its renewal, or for somebody to close the lane.
                return None;
            }
            first.pop_front();
        }
        None
    }

    fn tell_idle(&self) {
        if self.is_idle() {
            self.thread.outbox.flush();
            self.idle.notify_waiters();
        }
    }
}
