//! What is to be written of deliveries, gathered by delivery thread so that Recorder gets it in
//! batches and not row by row. What is not written yet is bounded: each attempt holds its share of
//! the room until it is dropped, because it is recorded, left out or lost.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Message, Recipient};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::attempt;
use crate::actors::intake::memory::MemoryEvent;
use crate::actors::observe::metrics::Metrics;
use crate::actors::tell::tell_recipient;
use crate::store::record::{AttemptRecord, DeliveryKey, ReleasedClaim, SpilledDelivery};

/// Attempts that may be made and not yet recorded, over all threads.
pub(crate) const UNRECORDED: usize = 16_384;
/// Attempts that are sent at once.
const FULL: usize = 128;
/// How long an attempt waits for others, at most.
const WAIT: Duration = Duration::from_millis(3);

/// A share of the room for attempts that are not recorded, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Room(OwnedSemaphorePermit);

impl Room {
    /// Gives many back at once, which locks the semaphore once.
    pub(super) fn give_back(rooms: Vec<Self>) {
        let all = rooms.into_iter().map(|Self(permit)| permit);
        drop(all.reduce(|mut all, one| {
            all.merge(one);
            all
        }));
    }
}

/// An attempt that ended and is not recorded.
pub(crate) struct PendingAttempt {
    pub(crate) record: AttemptRecord,
    pub(crate) room: Room,
}

/// A delivery that leaves memory.
pub(crate) struct Spilled {
    pub(crate) event: Arc<MemoryEvent>,
    pub(crate) delivery: SpilledDelivery,
}

impl Spilled {
    /// It is due at once.
    pub(super) const fn due(event: Arc<MemoryEvent>, key: DeliveryKey) -> Self {
        let delivery = SpilledDelivery {
            key,
            running_for: None,
            wait: Duration::ZERO,
            held_by: None,
        };
        Self { event, delivery }
    }
}

/// What is to be written. Delivery threads send it to Recorder, which gathers it in the same form.
/// If it is lost with the process, its attempts were in flight at the crash, the lane's low-water
/// mark is below its spilled deliveries, and its claims run out by themselves.
#[derive(Default, Message)]
#[rtype(result = "()")]
pub(crate) struct PendingWrites {
    /// First attempts, made from memory.
    pub(crate) first: Vec<(PendingAttempt, Arc<MemoryEvent>)>,
    pub(crate) spilled: Vec<Spilled>,
    /// First attempts that ran for so long that their delivery is to get a row.
    pub(crate) long: Vec<(PendingAttempt, Arc<MemoryEvent>)>,
    /// Attempts at claimed rows.
    pub(crate) claimed: Vec<PendingAttempt>,
    /// Claimed rows that are due again: their attempt was not begun.
    pub(crate) released: Vec<ReleasedClaim>,
}

impl PendingWrites {
    /// How many attempts and rows it is.
    pub(crate) const fn len(&self) -> usize {
        self.attempts() + self.spilled.len() + self.released.len()
    }

    const fn attempts(&self) -> usize {
        self.first.len() + self.long.len() + self.claimed.len()
    }

    /// Adds what comes after it.
    pub(crate) fn extend(&mut self, later: Self) {
        self.first.extend(later.first);
        self.spilled.extend(later.spilled);
        self.long.extend(later.long);
        self.claimed.extend(later.claimed);
        self.released.extend(later.released);
    }
}

/// The way to Recorder. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PendingWriter {
    recorder: Recipient<PendingWrites>,
    /// What is left of [`UNRECORDED`].
    unrecorded: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl PendingWriter {
    pub(crate) const fn new(
        recorder: Recipient<PendingWrites>,
        unrecorded: Arc<Semaphore>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            recorder,
            unrecorded,
            metrics,
        }
    }

    /// Sends it now. Something bounds how much there is: the room for attempts, the memory budget
    /// for deliveries that leave memory, claims for what is released.
    pub(super) fn send(&self, writes: PendingWrites) {
        if !self.recorder.connected() {
            // Recorder died: its room is never given back, so that deliveries stop.
            return std::mem::forget(writes);
        }
        self.metrics.mailboxes.recorder.add(1);
        tell_recipient(&self.recorder, writes);
    }

    /// Gives rows to deliveries of a subscription that leave memory.
    pub(super) fn spill(&self, spilled: Vec<Spilled>) {
        self.send(PendingWrites {
            spilled,
            ..PendingWrites::default()
        });
    }
}

/// The buffer of a thread.
pub(super) struct AttemptBuffer {
    writer: PendingWriter,
    pending: RefCell<PendingWrites>,
    waiting: Cell<bool>,
}

impl AttemptBuffer {
    pub(super) fn new(writer: PendingWriter) -> Rc<Self> {
        Rc::new(Self {
            writer,
            pending: RefCell::default(),
            waiting: Cell::new(false),
        })
    }

    /// Waits until another attempt may be made: none may while the database is away.
    pub(super) async fn room(&self) -> Option<Room> {
        let unrecorded = Arc::clone(&self.writer.unrecorded);
        unrecorded.acquire_owned().await.ok().map(Room)
    }

    /// Takes the rest of an attempt's weight; it loses what is not needed if there is no room.
    fn weigh(&self, mut record: AttemptRecord, mut room: Room) -> PendingAttempt {
        let rest = u32::try_from(record.weight() - 1).unwrap_or(u32::MAX);
        if rest > 0 {
            let unrecorded = Arc::clone(&self.writer.unrecorded);
            match unrecorded.try_acquire_many_owned(rest) {
                Ok(more) => room.0.merge(more),
                Err(_none) => attempt::shorten(&mut record),
            }
        }
        PendingAttempt { record, room }
    }

    /// An attempt ended. `first`: it was a first one from memory, of this event; true: its delivery
    /// is to get a row.
    pub(super) fn ended(
        self: &Rc<Self>,
        record: AttemptRecord,
        room: Room,
        first: Option<(Arc<MemoryEvent>, bool)>,
    ) {
        let attempt = self.weigh(record, room);
        self.add(|pending| match first {
            Some((event, false)) => pending.first.push((attempt, event)),
            Some((event, true)) => pending.long.push((attempt, event)),
            None => pending.claimed.push(attempt),
        });
    }

    fn add(self: &Rc<Self>, add: impl FnOnce(&mut PendingWrites)) {
        let attempts = {
            let mut pending = self.pending.borrow_mut();
            add(&mut pending);
            pending.attempts()
        };
        if attempts >= FULL {
            self.flush();
        } else if !self.waiting.replace(true) {
            let me = Rc::clone(self);
            actix::spawn(async move {
                tokio::time::sleep(WAIT).await;
                me.waiting.set(false);
                me.flush();
            });
        }
    }

    /// Sends what is gathered now.
    pub(super) fn flush(&self) {
        let pending = self.pending.take();
        if pending.len() > 0 {
            self.writer.send(pending);
        }
    }

    /// Deliveries leave memory, at once.
    pub(super) fn spill(&self, spilled: Vec<Spilled>) {
        self.writer.spill(spilled);
    }

    /// Claimed rows are due again, at once.
    pub(super) fn release(&self, released: Vec<ReleasedClaim>) {
        self.writer.send(PendingWrites {
            released,
            ..PendingWrites::default()
        });
    }
}
