//! The attempts that one subscription has under way on its thread.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::memory::MemoryEvent;
use crate::domain::id::{EventId, SubscriptionId};
use crate::store::clock::uptime;
use crate::store::lane::LaneId;

/// One of them.
struct UnderWay {
    event: EventId,
    begun: Duration,
    /// The lane of a first attempt from memory, whether it has a row by now or not.
    lane: Option<LaneId>,
    /// A first attempt from memory that has no row yet; None once it has one.
    from_memory: RefCell<Option<Arc<MemoryEvent>>>,
}

/// All of them.
#[derive(Default)]
pub(super) struct InFlight {
    next: Cell<u64>,
    attempts: RefCell<HashMap<u64, UnderWay>>,
}

impl InFlight {
    /// An attempt begins. The number is for [`InFlight::end`].
    pub(super) fn begin(&self, event: EventId, from_memory: Option<Arc<MemoryEvent>>) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        let attempt = UnderWay {
            event,
            begun: uptime(),
            lane: from_memory.as_ref().map(|event| event.lane.id),
            from_memory: RefCell::new(from_memory),
        };
        self.attempts.borrow_mut().insert(number, attempt);
        number
    }

    /// It ended. Answers its event if it is still a first attempt without a row.
    pub(super) fn end(&self, number: u64) -> Option<Arc<MemoryEvent>> {
        self.attempts
            .borrow_mut()
            .remove(&number)?
            .from_memory
            .into_inner()
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
            .filter_map(|attempt| {
                Some((
                    attempt.from_memory.take()?,
                    now.saturating_sub(attempt.begun),
                ))
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
