//! Events in memory between their commit and their first attempts, and the budget of bytes that
//! bounds them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::lane::{Lane, Settling};
use super::publishing::NewEvent;
use crate::domain::hops::Hops;
use crate::domain::id::{AccountId, EventId};

/// What an event takes beside its payload.
const OVERHEAD: usize = 400;
/// What each of its deliveries takes, from its place in the queue over the request to the
/// attempt that waits to be recorded.
const DELIVERY: usize = 1_000;

/// Bytes of events that are in memory, and how many may be.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    used: AtomicUsize,
    /// Nothing is taken into memory any more.
    closed: AtomicBool,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        })
    }

    /// Whether events must go to the database alone.
    pub(super) fn is_spent(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit || self.closed.load(Ordering::Relaxed)
    }

    /// From now on events go to the database alone: the daemon stops.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// How many bytes are used, of how many.
    pub(super) fn used_of(&self) -> (usize, usize) {
        (self.used.load(Ordering::Relaxed), self.limit)
    }

    /// How far past its half the budget is: 0.0 up to half, 1.0 when spent.
    pub(super) fn pressure(&self) -> f64 {
        let half = (self.limit / 2).max(1);
        let over = self.used.load(Ordering::Relaxed).saturating_sub(half);
        (over as f64 / half as f64).min(1.0)
    }

    fn take(self: &Arc<Self>, payload: usize, deliveries: usize) -> Share {
        let bytes = payload + OVERHEAD + deliveries * DELIVERY;
        self.used.fetch_add(bytes, Ordering::Relaxed);
        Share {
            budget: Arc::clone(self),
            bytes,
        }
    }
}

/// A part of the budget, given back when the event leaves memory.
#[derive(Debug)]
struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The commit of a batch.
#[derive(Debug, Clone)]
pub(super) struct Commit {
    /// Its lane.
    pub(super) lane: Arc<Lane>,
    /// The uptime after it.
    pub(super) at: Duration,
}

/// A committed event whose targets are to be delivered from memory.
#[derive(Debug)]
pub(super) struct MemoryEvent {
    pub(super) id: EventId,
    pub(super) account: AccountId,
    pub(super) event_type: Arc<str>,
    pub(super) payload: Bytes,
    pub(super) hops: Option<Hops>,
    pub(super) lane: Arc<Lane>,
    /// The uptime after its commit.
    pub(super) committed: Duration,
    /// Told of each target that has a committed attempt or row.
    pub(super) settling: Arc<Settling>,
    _share: Share,
}

impl MemoryEvent {
    pub(super) fn new(
        id: EventId,
        event: NewEvent,
        commit: &Commit,
        deliveries: usize,
        budget: &Arc<Budget>,
    ) -> Arc<Self> {
        let share = budget.take(event.payload.len(), deliveries);
        let settling = Settling::new(deliveries);
        Arc::new(Self {
            id,
            account: event.account,
            event_type: event.event_type,
            payload: event.payload,
            hops: event.hops,
            lane: Arc::clone(&commit.lane),
            committed: commit.at,
            settling,
            _share: share,
        })
    }
}
