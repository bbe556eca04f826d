//! What a daemon's threads share of its lane: which one is open, whether an attempt may begin, the
//! ids, and the low-water mark.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::mpsc;
use uuid::{ContextV7, Timestamp, Uuid};

use crate::store::clock::{DatabaseClock, uptime};
use crate::store::lane::LaneId;

/// No attempt begins in the last part of a lease: the clocks may differ by so much.
const LEASE_MARGIN: Duration = Duration::from_secs(2);

/// Something became unsure about a lane (fenced, a statement of unknown outcome, an actor
/// died): Intake closes it, recovers, and opens another. If it is lost, the next fenced statement
/// reports it again.
#[derive(Debug)]
pub(crate) struct LaneUnsure {
    pub(crate) lane: LaneId,
    pub(crate) why: &'static str,
}

/// Where everybody finds the daemon's open lane, and reports that a lane is unsure. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct OpenLane {
    /// None while Intake opens one.
    lane: Arc<RwLock<Option<Arc<Lane>>>>,
    /// Not bounded: reports are rare, and those of a lane that is closed are dropped.
    unsure: mpsc::UnboundedSender<LaneUnsure>,
}

impl OpenLane {
    /// None is open yet. Intake reads the reports.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<LaneUnsure>) {
        let (unsure, reports) = mpsc::unbounded_channel();
        let lane = Arc::default();
        (Self { lane, unsure }, reports)
    }

    pub(crate) fn get(&self) -> Option<Arc<Lane>> {
        let lane = self.lane.read().unwrap_or_else(PoisonError::into_inner);
        lane.clone()
    }

    pub(super) fn set(&self, lane: Option<Arc<Lane>>) {
        *self.lane.write().unwrap_or_else(PoisonError::into_inner) = lane;
    }

    /// Reports that a lane is unsure.
    pub(crate) fn unsure(&self, lane: LaneId, why: &'static str) {
        // Without Intake the daemon is stopping.
        let _ = self.unsure.send(LaneUnsure { lane, why });
    }

    /// Reports that the lane that is open now is unsure.
    pub(crate) fn open_is_unsure(&self, why: &'static str) {
        if let Some(lane) = self.get() {
            self.unsure(lane.id, why);
        }
    }
}

/// An open lane.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) id: LaneId,
    /// Uptime in milliseconds up to which attempts may begin.
    fresh_until: AtomicU64,
    /// Somebody closed it, or this daemon gave it up.
    dead: AtomicBool,
    low_water: Mutex<LowWater>,
}

impl Lane {
    /// A lane just opened; `asked` is the uptime before the database was asked.
    pub(crate) fn new(id: LaneId, floor: Uuid, asked: Duration, ttl: Duration) -> Self {
        let lane = Self {
            id,
            fresh_until: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            low_water: Mutex::new(LowWater {
                committed: VecDeque::new(),
                committing: None,
                next: after(floor),
            }),
        };
        lane.renewed(asked, ttl);
        lane
    }

    /// The lease was renewed; `asked` is the uptime before the database was asked.
    pub(crate) fn renewed(&self, asked: Duration, ttl: Duration) {
        let until = (asked + ttl).saturating_sub(LEASE_MARGIN);
        self.fresh_until.store(millis(until), Ordering::Relaxed);
    }

    /// Whether an attempt may begin now.
    pub(crate) fn may_begin(&self) -> bool {
        !self.is_dead() && millis(uptime()) < self.fresh_until.load(Ordering::Relaxed)
    }

    /// For how long attempts may still begin, unless the lease is renewed.
    pub(crate) fn lease_left(&self) -> Duration {
        if self.is_dead() {
            return Duration::ZERO;
        }
        let left = self.fresh_until.load(Ordering::Relaxed);
        Duration::from_millis(left.saturating_sub(millis(uptime())))
    }

    /// Whether nothing may be written into it any more.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// Nothing begins or is accepted in it from now on.
    pub(crate) fn kill(&self) {
        self.dead.store(true, Ordering::Release);
    }

    /// Ids from `first` on are being committed.
    pub(crate) fn committing(&self, first: Uuid) {
        self.marks(|marks| marks.committing = Some(first));
    }

    /// The batch is committed; each of its events with targets in memory has a [`Settling`].
    pub(crate) fn committed(
        &self,
        last: Uuid,
        events: impl Iterator<Item = (Uuid, Arc<Settling>)>,
    ) {
        self.marks(|marks| {
            marks.committing = None;
            marks.next = after(last);
            marks.committed.extend(events);
        });
    }

    /// The lowest id that is not committed, of unknown outcome, or has a target without a
    /// committed attempt or row; else the one after the last.
    pub(crate) fn low_water(&self) -> Uuid {
        self.marks(|marks| {
            while marks
                .committed
                .front()
                .is_some_and(|(_, event)| event.is_settled())
            {
                marks.committed.pop_front();
            }
            let committed = marks.committed.front().map(|(id, _)| *id);
            committed.or(marks.committing).unwrap_or(marks.next)
        })
    }

    /// The lowest id that holds the mark down: it is being committed, or has a target without a
    /// committed attempt or row.
    pub(crate) fn oldest_unsettled(&self) -> Option<Uuid> {
        self.marks(|marks| {
            let unsettled = |(_, event): &&(Uuid, Arc<Settling>)| !event.is_settled();
            let committed = marks.committed.iter().find(unsettled);
            committed.map(|(id, _)| *id).or(marks.committing)
        })
    }

    fn marks<R>(&self, with: impl FnOnce(&mut LowWater) -> R) -> R {
        with(
            &mut self
                .low_water
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

#[derive(Debug)]
struct LowWater {
    /// In the order of their ids.
    committed: VecDeque<(Uuid, Arc<Settling>)>,
    /// The first id of the batch under way.
    committing: Option<Uuid>,
    /// Above everything that was given out.
    next: Uuid,
}

/// How many targets of an event are in memory alone.
#[derive(Debug)]
pub(crate) struct Settling(AtomicU32);

impl Settling {
    pub(crate) fn new(targets: usize) -> Arc<Self> {
        Arc::new(Self(AtomicU32::new(
            u32::try_from(targets).unwrap_or(u32::MAX),
        )))
    }

    /// One of them has a committed attempt or a row now.
    pub(crate) fn settle(&self) {
        self.0.fetch_sub(1, Ordering::Release);
    }

    fn is_settled(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}

/// Gives out ids: UUIDv7 on the database's clock, each above all before.
#[derive(Debug)]
pub(crate) struct Ids {
    context: ContextV7,
    clock: Arc<DatabaseClock>,
    last: Uuid,
}

impl Ids {
    /// Ids above `floor`.
    pub(crate) fn above(floor: Uuid, clock: Arc<DatabaseClock>) -> Self {
        Self {
            context: ContextV7::new(),
            clock,
            last: floor,
        }
    }

    pub(crate) fn next(&mut self) -> Uuid {
        let micros = u64::try_from(self.clock.micros()).unwrap_or(0);
        let mut id = self.at(micros / 1_000, micros % 1_000 * 1_000);
        if id <= self.last {
            // The floor, or the clock, is ahead: go on from there.
            id = self.at(unix_millis(self.last) + 1, 0);
        }
        self.last = id;
        id
    }

    fn at(&self, millis: u64, nanos: u64) -> Uuid {
        let nanos = u32::try_from(millis % 1_000 * 1_000_000 + nanos).unwrap_or(0);
        Uuid::new_v7(Timestamp::from_unix(&self.context, millis / 1_000, nanos))
    }
}

fn unix_millis(id: Uuid) -> u64 {
    u64::try_from(id.as_u128() >> 80).unwrap_or(0)
}

fn after(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_add(1))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn lane() -> Lane {
        Lane::new(LaneId(1), id(9), uptime(), Duration::from_secs(10))
    }

    #[test]
    fn the_mark_stays_below_what_is_committing_and_what_is_unsettled() {
        let lane = lane();
        assert_eq!(lane.low_water(), id(10));
        lane.committing(id(20));
        assert_eq!(lane.low_water(), id(20));
        let (a, b) = (Settling::new(1), Settling::new(2));
        lane.committed(
            id(22),
            [(id(20), a.clone()), (id(21), b.clone())].into_iter(),
        );
        lane.committing(id(30));
        b.settle();
        assert_eq!(lane.low_water(), id(20));
        a.settle();
        assert_eq!(lane.low_water(), id(21));
        b.settle();
        assert_eq!(lane.low_water(), id(30));
        lane.committed(id(31), std::iter::empty());
        assert_eq!(lane.low_water(), id(32));
    }

    #[test]
    fn nothing_begins_in_a_dead_lane_or_on_an_old_lease() {
        let lane = lane();
        assert!(lane.may_begin());
        lane.renewed(
            uptime().saturating_sub(Duration::from_secs(9)),
            Duration::from_secs(10),
        );
        assert!(!lane.may_begin());
        lane.renewed(uptime(), Duration::from_secs(10));
        assert!(lane.may_begin());
        lane.kill();
        assert!(!lane.may_begin());
    }

    proptest! {
        #[test]
        fn ids_rise_whatever_the_floor(ahead_millis in 0_u64..120_000) {
            let clock = Arc::new(DatabaseClock::new());
            let now = u64::try_from(clock.micros()).unwrap() / 1_000;
            let floor = Uuid::from_u128((u128::from(now + ahead_millis) << 80) | 0xffff_ffff);
            let mut ids = Ids::above(floor, clock);
            let mut last = floor;
            for _ in 0..1_000 {
                let next = ids.next();
                prop_assert!(next > last);
                prop_assert_eq!(next.get_version_num(), 7);
                last = next;
            }
        }
    }
}
