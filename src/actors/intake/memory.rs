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
pub(crate) struct MemoryBudget {
    limit: usize,
    used: AtomicUsize,
    /// Nothing is taken into memory any more.
    closed: AtomicBool,
}

impl MemoryBudget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        })
    }

    /// Whether events must go to the database alone.
    pub(crate) fn is_spent(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit || self.closed.load(Ordering::Relaxed)
    }

    /// From now on events go to the database alone: the daemon stops.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// How many bytes are used, of how many.
    pub(crate) fn used_of(&self) -> (usize, usize) {
        (self.used.load(Ordering::Relaxed), self.limit)
    }

    /// How far past its half the budget is: 0.0 up to half, 1.0 when spent.
    pub(crate) fn pressure(&self) -> f64 {
        let half = (self.limit / 2).max(1);
        let over = self.used.load(Ordering::Relaxed).saturating_sub(half);
        (over as f64 / half as f64).min(1.0)
    }

    fn take(self: &Arc<Self>, payload: usize, deliveries: usize) -> BudgetShare {
        let bytes = payload + OVERHEAD + deliveries * DELIVERY;
        self.used.fetch_add(bytes, Ordering::Relaxed);
        BudgetShare {
            budget: Arc::clone(self),
            bytes,
        }
    }
}

/// A part of the budget, given back when the event leaves memory.
#[derive(Debug)]
struct BudgetShare {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

impl Drop for BudgetShare {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The commit of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) lane: Arc<Lane>,
    /// The uptime after it.
    pub(crate) at: Duration,
}

/// A committed event whose targets are to be delivered from memory.
#[derive(Debug)]
pub(crate) struct MemoryEvent {
    pub(crate) id: EventId,
    pub(crate) account: AccountId,
    pub(crate) event_type: Arc<str>,
    pub(crate) payload: Bytes,
    pub(crate) hops: Option<Hops>,
    pub(crate) lane: Arc<Lane>,
    /// The uptime after its commit.
    pub(crate) committed: Duration,
    /// Counts down with each target that has a committed attempt or row.
    pub(crate) settling: Arc<Settling>,
    _share: BudgetShare,
}

impl MemoryEvent {
    pub(crate) fn new(
        id: EventId,
        event: NewEvent,
        commit: &Commit,
        deliveries: usize,
        budget: &Arc<MemoryBudget>,
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
