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
    /// The event of a first attempt from memory.
    from_memory: Option<Arc<MemoryEvent>>,
    /// It was told to get a row.
    long: Cell<bool>,
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
            from_memory,
            long: Cell::new(false),
        };
        self.attempts.borrow_mut().insert(number, attempt);
        number
    }

    /// It ended. Answers the event of a first attempt from memory, and whether it was told to
    /// get a row.
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
