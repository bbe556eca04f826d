//! One round of Recorder's statements: what was told, in the order first attempts, spills, claimed
//! attempts, releases, so that a delivery's row is written before an attempt at it is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::figures::{Figures, Statement};
use super::memory::MemoryEvent;
use super::recorder::{FirstAttempt, Spilled};
use super::stats::Stats;
use super::trail;
use crate::store::clock::uptime;
use crate::store::lane::LaneId;
use crate::store::record::{
    self, AttemptRecord, Fence, ReleasedClaim, record_claimed, record_first,
};
use crate::store::{Connection, Database, StoreError};

/// Attempts of one statement, at most.
const BATCH: usize = 1_024;
/// Their weight, at most, beyond the first: some 16 MiB.
const BATCH_WEIGHT: usize = 8_192;

/// What is told and not yet written.
#[derive(Default)]
pub(super) struct Told {
    pub(super) first: Vec<FirstAttempt>,
    pub(super) spilled: Vec<Spilled>,
    pub(super) long: Vec<FirstAttempt>,
    pub(super) claimed: Vec<AttemptRecord>,
    pub(super) released: Vec<ReleasedClaim>,
}

impl Told {
    pub(super) const fn is_empty(&self) -> bool {
        self.first.is_empty()
            && self.spilled.is_empty()
            && self.long.is_empty()
            && self.claimed.is_empty()
            && self.released.is_empty()
    }

    /// How much it is.
    pub(super) fn len(&self) -> i64 {
        let attempts = self.first.len() + self.long.len() + self.claimed.len();
        let all = attempts + self.spilled.len() + self.released.len();
        i64::try_from(all).unwrap_or(i64::MAX)
    }

    /// The next statement's worth of each; no delivery twice among the claimed.
    pub(super) fn take(&mut self) -> Self {
        let mut seen = HashSet::new();
        let mut weight = 0;
        let (claimed, later) = std::mem::take(&mut self.claimed)
            .into_iter()
            .partition(|attempt| {
                let fits = seen.len() < BATCH && weight < BATCH_WEIGHT;
                let take = fits && seen.insert(attempt.key);
                weight += if take { attempt.weight() } else { 0 };
                take
            });
        self.claimed = later;
        let mut weight = 0;
        let first = self.first.iter().take(BATCH).take_while(|attempt| {
            let fits = weight < BATCH_WEIGHT;
            weight += attempt.record.weight();
            fits
        });
        let first = first.count();
        Self {
            first: self.first.drain(..first).collect(),
            spilled: std::mem::take(&mut self.spilled),
            long: std::mem::take(&mut self.long),
            claimed,
            released: std::mem::take(&mut self.released),
        }
    }
}

/// What one round of statements came to.
pub(super) struct Written {
    pub(super) connection: Option<Connection>,
    /// Not written; to be told again.
    pub(super) again: Told,
    /// First attempts whose lane must be closed before they can be recorded.
    pub(super) stranded: Vec<(LaneId, AttemptRecord)>,
    pub(super) unsure: Vec<(LaneId, &'static str)>,
    /// The database is away: wait before the next round.
    pub(super) wait: bool,
}

/// Runs the statements of one round.
pub(super) struct Writer {
    pub(super) database: Database,
    pub(super) unrecorded: Arc<Semaphore>,
    pub(super) stats: Arc<Stats>,
    pub(super) figures: Arc<Figures>,
    pub(super) count_lane: LaneId,
}

impl Writer {
    pub(super) async fn write(self, connection: Option<Connection>, round: Told) -> Written {
        let mut written = Written {
            connection,
            again: Told::default(),
            stranded: Vec::new(),
            unsure: Vec::new(),
            wait: false,
        };
        if written.connection.is_none() {
            match self.database.dedicated().await {
                Ok(connection) => written.connection = Some(connection),
                Err(error) => {
                    tracing::warn!(%error, "attempts cannot be recorded yet");
                    written.again = round;
                    written.wait = true;
                    return written;
                }
            }
        }
        let Told {
            first,
            spilled,
            long,
            claimed,
            released,
        } = round;
        for (lane, attempts) in by_lane(first, |attempt| &attempt.event) {
            self.first(lane, attempts, &mut written).await;
        }
        for (lane, deliveries) in by_lane(spilled, |spilled| &spilled.event) {
            self.spill(lane, deliveries, &mut written).await;
        }
        for attempt in long {
            // A dead lane may have lost its row: once it is closed, there is one.
            if attempt.event.lane.is_dead() {
                written
                    .stranded
                    .push((attempt.event.lane.id, attempt.record));
            } else {
                // In a round of its own: a later try at its row may be in this one.
                written.again.claimed.push(attempt.record);
            }
        }
        self.claimed(claimed, &mut written).await;
        if let (Some(connection), false) = (&mut written.connection, released.is_empty())
            && let Err(error) = record::release(connection, &released).await
        {
            tracing::debug!(%error, "claims could not be released; they run out by themselves");
        }
        written
    }

    async fn first(&self, lane: LaneId, attempts: Vec<FirstAttempt>, written: &mut Written) {
        let records: Vec<AttemptRecord>;
        let events: Vec<Arc<MemoryEvent>>;
        (records, events) = attempts
            .into_iter()
            .map(|attempt| (attempt.record, attempt.event))
            .unzip();
        let recording = async {
            match &mut written.connection {
                Some(connection) => record_first(connection, lane, &records).await,
                None => Err(StoreError::Away("no connection".to_owned())),
            }
        };
        let counted = timed(&self.figures.recorder.first, records.len(), recording).await;
        match counted {
            Ok(Some(counted)) => {
                events.iter().for_each(|event| event.settling.settle());
                self.stats.recorded(records.iter(), &counted);
                trail::recorded(&records, &counted);
                self.unrecorded.add_permits(weight(&records));
            }
            // The lane is closed and its rows are written: record at those, in a round of
            // their own, because a later try at one of them may be in this one.
            Ok(None) => {
                written.again.claimed.extend(records);
                written.unsure.push((lane, "somebody closed it"));
            }
            // Whether they are recorded is not known. Once the lane is closed, everything
            // that was is seen, and the rest has rows.
            Err(error) => {
                tracing::warn!(%error, attempts = records.len(), "attempts could not be recorded");
                events.iter().for_each(|event| event.lane.kill());
                written
                    .stranded
                    .extend(records.into_iter().map(|record| (lane, record)));
                written.unsure.push((lane, "recording of unknown outcome"));
                written.connection = None;
                written.wait = true;
            }
        }
    }

    async fn spill(&self, lane: LaneId, spilled: Vec<Spilled>, written: &mut Written) {
        let (deliveries, events): (Vec<_>, Vec<_>) = spilled
            .into_iter()
            .map(|spilled| (spilled.delivery, spilled.event))
            .unzip();
        let spilling = async {
            match &mut written.connection {
                Some(connection) => record::spill(connection, lane, &deliveries).await,
                None => Err(StoreError::Away("no connection".to_owned())),
            }
        };
        let fence = timed(&self.figures.recorder.spill, deliveries.len(), spilling).await;
        match fence {
            Ok(Fence::Passed) => {
                events.iter().for_each(|event| event.settling.settle());
            }
            Ok(Fence::Closed) => {
                events.iter().for_each(|event| event.lane.kill());
                written.unsure.push((lane, "somebody closed it"));
            }
            Err(error) => {
                // Nothing of the lane is recorded at rows from here on, until it is closed.
                events.iter().for_each(|event| event.lane.kill());
                tracing::warn!(%error, "deliveries could not leave memory");
                written.unsure.push((lane, "spilling of unknown outcome"));
                written.connection = None;
                written.wait = true;
            }
        }
    }

    /// Claimed attempts are safe to record again, so they are until it works.
    async fn claimed(&self, attempts: Vec<AttemptRecord>, written: &mut Written) {
        if attempts.is_empty() {
            return;
        }
        let Some(connection) = &mut written.connection else {
            written.again.claimed.extend(attempts);
            return;
        };
        let recording = record_claimed(connection, self.count_lane, &attempts);
        match timed(&self.figures.recorder.claimed, attempts.len(), recording).await {
            Ok(counted) => {
                self.stats.recorded(attempts.iter(), &counted);
                trail::recorded(&attempts, &counted);
                self.unrecorded.add_permits(weight(&attempts));
            }
            Err(error) if error.is_away() => {
                tracing::warn!(%error, "attempts could not be recorded; trying again");
                written.again.claimed.extend(attempts);
                written.wait = true;
                written.connection = None;
            }
            Err(error) if attempts.len() == 1 => {
                // Retention may have removed its day meanwhile.
                let event = attempts.first().map(|attempt| attempt.key.event);
                tracing::error!(?event, %error, "an attempt cannot be recorded; leaving it out");
                self.unrecorded.add_permits(weight(&attempts));
            }
            Err(_refused) => {
                // One of them is the cause; it must not hold up the others.
                for attempt in attempts {
                    Box::pin(self.claimed(vec![attempt], written)).await;
                }
            }
        }
    }
}

/// Runs a statement and counts what it wrote.
async fn timed<T>(
    figures: &Statement,
    rows: usize,
    statement: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let begun = uptime();
    let done = statement.await;
    if done.is_ok() {
        figures
            .rows
            .observe(u64::try_from(rows).unwrap_or(u64::MAX));
        figures.took.took(uptime().saturating_sub(begun));
    } else {
        figures.failed.add(1);
    }
    done
}

fn weight(attempts: &[AttemptRecord]) -> usize {
    attempts.iter().map(AttemptRecord::weight).sum()
}

/// Each statement is fenced by one lane.
fn by_lane<T>(told: Vec<T>, event: impl Fn(&T) -> &MemoryEvent) -> HashMap<LaneId, Vec<T>> {
    let mut lanes: HashMap<LaneId, Vec<T>> = HashMap::new();
    for one in told {
        lanes.entry(event(&one).lane.id).or_default().push(one);
    }
    lanes
}
