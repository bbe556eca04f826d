//! What leaves a line without an attempt: for a row, or back to its row; and what the figures have
//! of the line while it lives.

use std::sync::Arc;
use std::time::Duration;

use super::{Claimed, Line, Waiting};
use crate::actors::memory::MemoryEvent;
use crate::actors::recorder::{ReleaseClaims, SpillDeliveries, Spilled};
use crate::actors::trail;
use crate::store::record::{ReleasedClaim, SpilledDelivery};

impl Line {
    /// Tells the thread's figures what changed since it told them last.
    pub(super) fn figure(&self, now: [i64; 4]) {
        let before = self.figured.replace(now);
        let figures = &self.thread.figures;
        let gauges = [
            &figures.lines,
            &figures.waiting,
            &figures.claimed,
            &figures.under_way,
        ];
        for (gauge, (now, before)) in gauges.into_iter().zip(now.into_iter().zip(before)) {
            if now != before {
                gauge.add(now - before);
            }
        }
    }

    pub(super) fn put_back(&self) {
        self.spill_waiting(|_| true);
        self.release_claimed(|_| true);
    }

    pub(super) fn spill_waiting(&self, mut leaves: impl FnMut(&Waiting) -> bool) {
        let mut leaving = Vec::new();
        self.first.borrow_mut().retain(|waiting| {
            let leave = leaves(waiting);
            if leave {
                leaving.push((Arc::clone(&waiting.event), None));
            }
            !leave
        });
        self.spill(leaving.into_iter());
    }

    pub(super) fn spill(&self, events: impl Iterator<Item = (Arc<MemoryEvent>, Option<Duration>)>) {
        let spilled: Vec<Spilled> = events
            .filter(|(event, _)| !event.lane.is_dead())
            .map(|(event, running_for)| Spilled {
                delivery: SpilledDelivery {
                    key: self.key(event.id),
                    running_for,
                    wait: Duration::ZERO,
                    held_by: None,
                },
                event,
            })
            .collect();
        if !spilled.is_empty() {
            self.more_due.set(true);
            let number = u64::try_from(spilled.len()).unwrap_or(u64::MAX);
            self.thread.figures.spilled.add(number);
            if trail::is_told() {
                let why = if self.may_deliver() {
                    trail::Spilled::Long
                } else {
                    trail::Spilled::Halted
                };
                for Spilled { delivery, .. } in &spilled {
                    trail::spilled(delivery.key.event, delivery.key.subscription, why);
                }
            }
            // Bounded: each of them was counted by the budget, and leaves it here.
            self.thread.outbox.tell(SpillDeliveries(spilled));
        }
    }

    /// Answers whether there were any.
    pub(super) fn release_claimed(&self, mut leaves: impl FnMut(&Claimed) -> bool) -> bool {
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
            trail::released(key.event, key.subscription, *n);
        }
        let any = !released.is_empty();
        if any {
            self.thread.outbox.tell(ReleaseClaims(released));
        }
        any
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.figure([0; 4]);
    }
}
