//! The counts of a daemon: what its statements recorded, by minute, subscription and lane, until
//! it is written. Shared by Intake and Recorder, which add, and StatFlusher, which writes.
//!
//! Adding costs a look-up in a map for each attempt, and nothing is allocated for it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::metrics::{CountsRead, RaisedCounts};
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::stat_bucket::StatBucket;
use crate::store::clock::DatabaseClock;
use crate::store::lane::LaneId;
use crate::store::record::AttemptRecord;
use crate::store::recorded::{Counted, Recorded};
use crate::store::stat::{Grain, StatKey};

/// The carried database's clock may differ from the true one by so much, in microseconds.
const SKEW: i64 = 5_000_000;
/// How long a minute or an hour that ended is kept: the database's clock may go back by less
/// than this without closing the lane.
const LINGER: i64 = 60_000_000;

/// Which actor adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CountSource {
    /// Intake.
    Events,
    /// Recorder.
    Attempts,
}

/// What was added and not yet taken over.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Added {
    lane: LaneId,
    account: AccountId,
    subscription: Option<SubscriptionId>,
    /// In minutes since 1970.
    minute: i64,
}

struct Inner {
    added: HashMap<Added, StatBucket>,
    /// The same since the start, for the metrics.
    raised: RaisedCounts,
    /// Absolute values, as they are or will be in the database.
    totals: HashMap<StatKey, StatBucket>,
    unwritten: HashSet<StatKey>,
    /// Since when something may be stored that is not counted here, by source.
    uncounted: [Option<i64>; 2],
    /// Everything before was counted and written, in microseconds since 1970.
    complete: i64,
    /// Closed by this daemon, with nothing of unknown outcome.
    closed: Vec<LaneId>,
}

/// What is to be written.
pub(crate) struct Unwritten {
    /// In the order of their keys.
    pub(crate) rows: Vec<(StatKey, StatBucket)>,
    complete: i64,
}

pub(crate) struct Stats {
    clock: Arc<DatabaseClock>,
    inner: Mutex<Inner>,
}

impl Stats {
    /// `most`: so many subscriptions and accounts have counts of their own in the metrics.
    pub(crate) fn new(clock: Arc<DatabaseClock>, most: usize) -> Self {
        Self {
            clock,
            inner: Mutex::new(Inner {
                added: HashMap::new(),
                raised: RaisedCounts::new(most),
                totals: HashMap::new(),
                unwritten: HashSet::new(),
                uncounted: [None; 2],
                complete: 0,
                closed: Vec::new(),
            }),
        }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Inner) -> R) -> R {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A statement is about to store what is not counted yet.
    pub(crate) fn begin(&self, source: CountSource) {
        let now = self.clock.micros();
        self.with(|inner| {
            if let Some(since) = inner.uncounted.get_mut(source as usize) {
                since.get_or_insert(now);
            }
        });
    }

    /// Everything that was stored is counted, or is in a lane that is closed and repaired.
    pub(crate) fn settled(&self, source: CountSource) {
        self.with(|inner| {
            if let Some(since) = inner.uncounted.get_mut(source as usize) {
                *since = None;
            }
        });
    }

    /// Adds accepted events: how many of an account in a minute since 1970.
    pub(crate) fn accepted(&self, lane: LaneId, events: &[(AccountId, i64, u32)]) {
        self.with(|inner| {
            for (account, minute, number) in events {
                let added = Added {
                    lane,
                    account: *account,
                    subscription: None,
                    minute: *minute,
                };
                inner.added.entry(added).or_default().events += number;
            }
        });
    }

    /// Adds what was recorded of a batch.
    pub(crate) fn recorded<'a>(
        &self,
        attempts: impl Iterator<Item = &'a AttemptRecord>,
        counted: &Counted,
    ) {
        self.with(|inner| match counted {
            Counted::All { lane, at } => {
                attempts.for_each(|attempt| inner.add(attempt, *lane, *at))
            }
            Counted::These(these) => {
                let attempts: Vec<_> = attempts.collect();
                for Recorded { place, lane, at } in these {
                    if let Some(attempt) = attempts.get(*place) {
                        inner.add(attempt, *lane, *at);
                    }
                }
            }
        });
    }

    /// Takes over what was added, and returns the rows that changed.
    pub(crate) fn take(&self) -> Unwritten {
        let now = self.clock.micros();
        self.with(|inner| {
            inner.take_over();
            let mut rows: Vec<_> = (inner.unwritten.iter())
                .filter_map(|key| Some((*key, *inner.totals.get(key)?)))
                .collect();
            rows.sort_unstable_by_key(|(key, _)| *key);
            let since = inner.uncounted.iter().flatten().min();
            Unwritten {
                rows,
                complete: since.copied().unwrap_or(now).min(now) - SKEW,
            }
        })
    }

    /// What was taken is written: only what was added since is still to be written, and what is
    /// past is forgotten.
    pub(crate) fn written(&self, written: &Unwritten) {
        self.with(|inner| {
            for (key, bucket) in &written.rows {
                if inner.totals.get(key) == Some(bucket) {
                    inner.unwritten.remove(key);
                }
            }
            inner.complete = inner.complete.max(written.complete);
            let (complete, unwritten) = (inner.complete, &inner.unwritten);
            inner.totals.retain(|key, _| {
                key.at + key.grain.micros() + LINGER > complete || unwritten.contains(key)
            });
        });
    }

    /// What was recorded since the start.
    pub(crate) fn counts(&self) -> CountsRead {
        self.with(|inner| {
            inner.take_over();
            inner.raised.read()
        })
    }

    /// A lane was closed at the stop, and nothing in it is of unknown outcome.
    pub(crate) fn lane_closed(&self, lane: LaneId) {
        self.with(|inner| inner.closed.push(lane));
    }

    /// The lanes that were closed so.
    pub(crate) fn closed(&self) -> Vec<LaneId> {
        self.with(|inner| std::mem::take(&mut inner.closed))
    }

    /// Up to when everything that was stored in a live lane is counted and written.
    pub(crate) fn complete(&self) -> DateTime<Utc> {
        let complete = self.with(|inner| inner.complete);
        DateTime::from_timestamp_micros(complete).unwrap_or_default()
    }
}

impl Inner {
    fn add(&mut self, attempt: &AttemptRecord, lane: LaneId, at: DateTime<Utc>) {
        if !StatBucket::takes(attempt.origin, attempt.outcome) {
            return;
        }
        let added = Added {
            lane,
            account: attempt.key.account,
            subscription: Some(attempt.key.subscription),
            minute: at.timestamp().div_euclid(60),
        };
        let bucket = self.added.entry(added).or_default();
        bucket.attempt(attempt.outcome, attempt.duration_ms, attempt.status);
    }

    /// Raises the minute, its hour, and both of the account.
    fn take_over(&mut self) {
        for (added, bucket) in self.added.drain() {
            let (account, subscription) = (added.account, added.subscription);
            (self.raised).add(account, subscription, &bucket, added.minute);
            let whole = added.subscription.is_some().then_some(None);
            for subscription in std::iter::once(added.subscription).chain(whole) {
                for grain in [Grain::Minute, Grain::Hour] {
                    let at = added.minute * Grain::Minute.micros();
                    let key = StatKey {
                        grain,
                        account: added.account,
                        subscription,
                        at: at - at.rem_euclid(grain.micros()),
                        lane: added.lane,
                    };
                    self.totals.entry(key).or_default().add(&bucket);
                    self.unwritten.insert(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::delivery::{Origin, Outcome};
    use crate::domain::id::{EventId, MAIN_ACCOUNT};
    use crate::store::record::DeliveryKey;

    fn attempt(subscription: u128, outcome: Outcome) -> AttemptRecord {
        AttemptRecord {
            key: DeliveryKey {
                account: MAIN_ACCOUNT,
                subscription: SubscriptionId::from_uuid(Uuid::from_u128(subscription)),
                event: EventId::from_uuid(Uuid::nil()),
            },
            n: 1,
            origin: Origin::First,
            outcome,
            duration_ms: 4,
            status: Some(200),
            detail: None,
            failures: 0,
            due_in: None,
        }
    }

    fn stats() -> (Stats, DateTime<Utc>) {
        let clock = Arc::new(DatabaseClock::new());
        let now = clock.now();
        (Stats::new(clock, 1), now)
    }

    #[test]
    fn an_attempt_raises_its_minute_its_hour_and_both_of_the_account() {
        let (stats, at) = stats();
        let lane = LaneId(3);
        let batch = [attempt(1, Outcome::Sent), attempt(2, Outcome::Retry)];
        stats.recorded(batch.iter(), &Counted::All { lane, at });
        stats.accepted(lane, &[(MAIN_ACCOUNT, at.timestamp().div_euclid(60), 5)]);
        let taken = stats.take();
        assert_eq!(taken.rows.len(), 6);
        let whole = taken
            .rows
            .iter()
            .filter(|(key, _)| key.subscription.is_none());
        for (_, bucket) in whole {
            assert_eq!((bucket.events, bucket.sent, bucket.retried), (5, 1, 1));
            assert_eq!(bucket.latency.counts().iter().sum::<u32>(), 2);
        }
        stats.written(&taken);
        assert!(stats.take().rows.is_empty());
        // Absolute values, and only of what changed.
        stats.recorded(batch.iter().take(1), &Counted::All { lane, at });
        let taken = stats.take();
        assert_eq!(taken.rows.len(), 4);
        assert!(taken.rows.iter().all(|(_, bucket)| bucket.sent == 2));
    }

    #[test]
    fn only_what_stands_in_the_log_counts_and_where_it_stands() {
        let (stats, at) = stats();
        let batch = [attempt(1, Outcome::Sent), attempt(1, Outcome::Failed)];
        let these = Counted::These(vec![Recorded {
            place: 1,
            lane: LaneId(9),
            at,
        }]);
        stats.recorded(batch.iter(), &these);
        let rows = stats.take().rows;
        assert!(rows.iter().all(|(key, bucket)| {
            key.lane == LaneId(9) && bucket.sent == 0 && bucket.failed == 1
        }));
    }

    #[test]
    fn what_was_not_written_is_written_again_and_what_is_not_counted_holds_the_mark_back() {
        let (stats, at) = stats();
        let lane = LaneId(1);
        stats.begin(CountSource::Attempts);
        let begun = stats.clock.micros();
        stats.recorded(
            [attempt(1, Outcome::Sent)].iter(),
            &Counted::All { lane, at },
        );
        assert_eq!(stats.take().rows.len(), 4);
        let again = stats.take();
        assert_eq!(again.rows.len(), 4, "the first was never written");
        stats.written(&again);
        assert!(stats.complete().timestamp_micros() <= begun - SKEW);
        stats.settled(CountSource::Attempts);
        stats.written(&stats.take());
        assert!(stats.complete().timestamp_micros() > begun - SKEW);
    }

    #[test]
    fn minutes_that_are_past_and_written_are_forgotten() {
        let (stats, now) = stats();
        let at = now - chrono::Duration::minutes(10);
        let all = Counted::All {
            lane: LaneId(1),
            at,
        };
        stats.recorded([attempt(1, Outcome::Sent)].iter(), &all);
        let taken = stats.take();
        assert_eq!(stats.with(|inner| inner.totals.len()), 4);
        stats.written(&taken);
        let minutes = |inner: &mut Inner| {
            let of = |key: &&StatKey| key.grain == Grain::Minute;
            inner.totals.keys().filter(of).count()
        };
        assert_eq!(stats.with(minutes), 0);
    }
}
