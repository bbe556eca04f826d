//! One batch of Recorder's statements: what is pending, in the order first attempts, spills,
//! claimed attempts, releases, so that a delivery's row is written before an attempt at it is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::attempt_buffer::{PendingAttempt, PendingWrites, Room, Spilled};
use crate::actors::intake::memory::MemoryEvent;
use crate::actors::observe::event_trace;
use crate::actors::observe::metrics::{Metrics, Statement};
use crate::actors::observe::stats::Stats;
use crate::store::clock::uptime;
use crate::store::lane::LaneId;
use crate::store::record::{self, AttemptRecord, Fence, record_claimed, record_first};
use crate::store::{Connection, Database, StoreError};

/// Attempts of one statement, at most.
const MOST_ATTEMPTS: usize = 1_024;
/// Their weight, at most, beyond the first: some 16 MiB.
const MOST_WEIGHT: usize = 8_192;

/// Takes the next statement's worth of each; no delivery twice among the claimed.
pub(super) fn take_batch(pending: &mut PendingWrites) -> PendingWrites {
    let mut seen = HashSet::new();
    let mut weight = 0;
    let (claimed, later) =
        std::mem::take(&mut pending.claimed)
            .into_iter()
            .partition(|attempt: &PendingAttempt| {
                let record = &attempt.record;
                let fits = seen.len() < MOST_ATTEMPTS && weight < MOST_WEIGHT;
                let take = fits && seen.insert(record.key);
                weight += if take { record.weight() } else { 0 };
                take
            });
    pending.claimed = later;
    let mut weight = 0;
    let fitting = pending.first.iter().take(MOST_ATTEMPTS);
    let first = fitting.take_while(|(attempt, _)| {
        let fits = weight < MOST_WEIGHT;
        weight += attempt.record.weight();
        fits
    });
    let first = first.count();
    PendingWrites {
        first: pending.first.drain(..first).collect(),
        spilled: std::mem::take(&mut pending.spilled),
        long: std::mem::take(&mut pending.long),
        claimed,
        released: std::mem::take(&mut pending.released),
    }
}

/// What a batch came to.
#[derive(Default)]
pub(super) struct Written {
    pub(super) connection: Option<Connection>,
    /// Not written; for the next batch.
    pub(super) again: PendingWrites,
    /// First attempts whose lane must be closed before they can be recorded.
    pub(super) stranded: Vec<(LaneId, PendingAttempt)>,
    pub(super) unsure: Vec<(LaneId, &'static str)>,
    /// The database is away: wait before the next batch.
    pub(super) wait: bool,
}

/// Runs the statements of one batch.
pub(super) struct WriteBatch {
    pub(super) database: Database,
    pub(super) stats: Arc<Stats>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) count_lane: LaneId,
}

impl WriteBatch {
    pub(super) async fn write(
        self,
        connection: Option<Connection>,
        batch: PendingWrites,
    ) -> Written {
        let mut written = Written {
            connection,
            ..Written::default()
        };
        if written.connection.is_none() {
            match self.database.dedicated().await {
                Ok(connection) => written.connection = Some(connection),
                Err(error) => {
                    tracing::warn!(%error, "attempts cannot be recorded yet");
                    written.again = batch;
                    written.wait = true;
                    return written;
                }
            }
        }
        for (lane, attempts) in by_lane(batch.first, |(_, event)| event) {
            self.first(lane, attempts, &mut written).await;
        }
        for (lane, deliveries) in by_lane(batch.spilled, |spilled| &spilled.event) {
            self.spill(lane, deliveries, &mut written).await;
        }
        for (attempt, event) in batch.long {
            // A dead lane may have lost its row: once it is closed, there is one.
            if event.lane.is_dead() {
                written.stranded.push((event.lane.id, attempt));
            } else {
                // In a batch of its own: a later attempt at its row may be in this one.
                written.again.claimed.push(attempt);
            }
        }
        self.claimed(batch.claimed, &mut written).await;
        if let (Some(connection), false) = (&mut written.connection, batch.released.is_empty())
            && let Err(error) = record::release(connection, &batch.released).await
        {
            tracing::debug!(%error, "claims could not be released; they run out by themselves");
        }
        written
    }

    async fn first(
        &self,
        lane: LaneId,
        attempts: Vec<(PendingAttempt, Arc<MemoryEvent>)>,
        written: &mut Written,
    ) {
        let (attempts, events): (Vec<_>, Vec<_>) = attempts.into_iter().unzip();
        let (records, rooms) = split(attempts);
        let recording = async {
            match &mut written.connection {
                Some(connection) => record_first(connection, lane, &records).await,
                None => Err(StoreError::Away("no connection".to_owned())),
            }
        };
        let counted = timed(&self.metrics.recorder.first, records.len(), recording).await;
        match counted {
            Ok(Some(counted)) => {
                events.iter().for_each(|event| event.settling.settle());
                self.stats.recorded(records.iter(), &counted);
                event_trace::recorded(&records, &counted);
                Room::give_back(rooms);
            }
            // The lane is closed and its rows are written: record at those, in a batch of
            // their own, because a later attempt at one of them may be in this one.
            Ok(None) => {
                written.again.claimed.extend(rejoined(records, rooms));
                written.unsure.push((lane, "somebody closed it"));
            }
            // Whether they are recorded is not known. Once the lane is closed, everything
            // that was is seen, and the rest has rows.
            Err(error) => {
                tracing::warn!(%error, attempts = records.len(), "attempts could not be recorded");
                events.iter().for_each(|event| event.lane.kill());
                let stranded = rejoined(records, rooms).map(|attempt| (lane, attempt));
                written.stranded.extend(stranded);
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
        let fence = timed(&self.metrics.recorder.spill, deliveries.len(), spilling).await;
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
    async fn claimed(&self, attempts: Vec<PendingAttempt>, written: &mut Written) {
        if attempts.is_empty() {
            return;
        }
        let Some(connection) = &mut written.connection else {
            written.again.claimed.extend(attempts);
            return;
        };
        let (records, rooms) = split(attempts);
        let recording = record_claimed(connection, self.count_lane, &records);
        match timed(&self.metrics.recorder.claimed, records.len(), recording).await {
            Ok(counted) => {
                self.stats.recorded(records.iter(), &counted);
                event_trace::recorded(&records, &counted);
                Room::give_back(rooms);
            }
            Err(error) if error.is_away() => {
                tracing::warn!(%error, "attempts could not be recorded; trying again");
                written.again.claimed.extend(rejoined(records, rooms));
                written.wait = true;
                written.connection = None;
            }
            Err(error) if records.len() == 1 => {
                // Retention may have removed its day meanwhile.
                let event = records.first().map(|record| record.key.event);
                tracing::error!(?event, %error, "an attempt cannot be recorded; leaving it out");
            }
            Err(_refused) => {
                // One of them is the cause; it must not hold up the others.
                for attempt in rejoined(records, rooms) {
                    Box::pin(self.claimed(vec![attempt], written)).await;
                }
            }
        }
    }
}

/// The statements take records alone; the room is kept until they are written.
fn split(attempts: Vec<PendingAttempt>) -> (Vec<AttemptRecord>, Vec<Room>) {
    let parts = attempts
        .into_iter()
        .map(|attempt| (attempt.record, attempt.room));
    parts.unzip()
}

fn rejoined(records: Vec<AttemptRecord>, rooms: Vec<Room>) -> impl Iterator<Item = PendingAttempt> {
    let both = records.into_iter().zip(rooms);
    both.map(|(record, room)| PendingAttempt { record, room })
}

/// Runs a statement and counts what it wrote.
async fn timed<T>(
    metrics: &Statement,
    rows: usize,
    statement: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let begun = uptime();
    let done = statement.await;
    if done.is_ok() {
        metrics
            .rows
            .observe(u64::try_from(rows).unwrap_or(u64::MAX));
        metrics.took.took(uptime().saturating_sub(begun));
    } else {
        metrics.failed.add(1);
    }
    done
}

/// Each statement is fenced by one lane.
fn by_lane<T>(pending: Vec<T>, event: impl Fn(&T) -> &Arc<MemoryEvent>) -> HashMap<LaneId, Vec<T>> {
    let mut lanes: HashMap<LaneId, Vec<T>> = HashMap::new();
    for one in pending {
        lanes.entry(event(&one).lane.id).or_default().push(one);
    }
    lanes
}
