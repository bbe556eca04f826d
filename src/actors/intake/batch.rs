//! One batch of events on its way through the ingest statement: matched, laid out as columns,
//! and afterwards split into the receipts of each publisher and what is delivered from memory.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::lane::{Ids, Settling};
use super::memory::{Commit, MemoryBudget, MemoryEvent};
use super::publishing::{NewEvent, PublishError, PublishEvents, PublishResult, Receipt};
use crate::actors::observe::event_trace::{self, AcceptedEvent};
use crate::actors::routing::{Matched, RoutingTable};
use crate::domain::hops::Hops;
use crate::domain::id::{AccountId, EventId};
use crate::store::ingest::{IngestBatch, KnownKey};
use crate::store::made_key::KeyRefused;

/// Events of one batch, at most.
const BATCH_EVENTS: usize = 1_024;
/// Payload bytes of one batch, at most (beyond its first request).
const BATCH_BYTES: usize = 8 << 20;

/// What was matched already, under one version of the routing table.
#[derive(Default)]
pub(super) struct MatchCache {
    version: i64,
    matched: HashMap<AccountId, HashMap<Arc<str>, Arc<Matched>>>,
}

impl MatchCache {
    /// Forgets what an older table said.
    pub(super) fn follow(&mut self, table: &RoutingTable) {
        if self.version != table.version {
            self.version = table.version;
            self.matched.clear();
        }
    }

    fn matched(&mut self, table: &RoutingTable, event: &NewEvent) -> Arc<Matched> {
        let of_account = self.matched.entry(event.account).or_default();
        if let Some(matched) = of_account.get(&event.event_type) {
            return Arc::clone(matched);
        }
        let matched = Arc::new(table.matched(event.account, &event.event_type));
        of_account.insert(Arc::clone(&event.event_type), Arc::clone(&matched));
        matched
    }
}

struct BatchEntry {
    id: Uuid,
    event: NewEvent,
    /// Its request's place in the batch.
    request: usize,
    matched: Arc<Matched>,
    /// An earlier event of the batch has the same key: it decides.
    repeats: bool,
}

pub(super) struct Batch {
    entries: Vec<BatchEntry>,
    replies: Vec<(oneshot::Sender<PublishResult>, usize)>,
    /// Memory is spent: every target gets a row.
    spill: bool,
    keyed: bool,
}

/// The accounts that may use no further idempotency key today.
pub(super) struct Full {
    pub(super) accounts: Vec<AccountId>,
    /// How many one account may use.
    pub(super) most: u32,
}

/// What is left to do after the commit.
pub(super) struct FinishedBatch {
    pub(super) last_id: Uuid,
    pub(super) settlings: Vec<(Uuid, Arc<Settling>)>,
    pub(super) deliveries: Vec<(Arc<MemoryEvent>, Arc<Matched>)>,
    /// How many events of an account were stored in a minute since 1970.
    pub(super) accepted: Vec<(AccountId, i64, u32)>,
    /// How many events were stored by an earlier request.
    pub(super) repeated: u64,
    pub(super) replies: Vec<(oneshot::Sender<PublishResult>, PublishResult)>,
}

impl FinishedBatch {
    /// Neighbours are of one account and minute, but for a few.
    fn accept(&mut self, account: AccountId, minute: i64) {
        match self.accepted.last_mut() {
            Some((last, at, number)) if *last == account && *at == minute => *number += 1,
            _ => self.accepted.push((account, minute, 1)),
        }
    }
}

impl Batch {
    pub(super) fn new(requests: Vec<PublishEvents>, ids: &mut Ids) -> Self {
        let nobody = Arc::new(Matched {
            literal: "{}".to_owned(),
            from_memory: Vec::new(),
            held: Vec::new(),
        });
        let mut entries = Vec::with_capacity(requests.iter().map(|r| r.events.len()).sum());
        let mut replies = Vec::with_capacity(requests.len());
        let mut keys = HashSet::new();
        for (place, request) in requests.into_iter().enumerate() {
            replies.push((request.reply, request.events.len()));
            for event in request.events {
                let repeats = event
                    .key
                    .as_ref()
                    .is_some_and(|key| !keys.insert((event.account, key.key.clone())));
                entries.push(BatchEntry {
                    id: ids.next(),
                    event,
                    request: place,
                    matched: Arc::clone(&nobody),
                    repeats,
                });
            }
        }
        Self {
            entries,
            replies,
            spill: false,
            keyed: !keys.is_empty(),
        }
    }

    pub(super) fn first_id(&self) -> Uuid {
        self.entries.first().map_or(Uuid::nil(), |entry| entry.id)
    }

    /// Matches every event against the table.
    pub(super) fn route(&mut self, table: &RoutingTable, cache: &mut MatchCache, spill: bool) {
        self.spill = spill;
        for entry in &mut self.entries {
            entry.matched = cache.matched(table, &entry.event);
        }
    }

    /// The batch as the ingest statement takes it.
    pub(super) fn columns(&self) -> IngestBatch<'_> {
        let mut columns = IngestBatch::default();
        for entry in self.entries.iter().filter(|entry| !entry.repeats) {
            let event = &entry.event;
            columns.accounts.push(event.account.uuid());
            columns.ids.push(entry.id);
            columns.types.push(&event.event_type);
            columns.targets.push(&entry.matched.literal);
            columns.payloads.push(&event.payload);
            columns.warnings.push(event.warnings.as_deref());
            columns.hops.push(event.hops.as_ref().map(Hops::as_str));
            columns
                .keys
                .push(event.key.as_ref().map(|key| key.key.as_str()));
            columns
                .body_hashes
                .push(event.key.as_ref().map(|key| key.body_hash.as_slice()));
            let from_memory = entry.matched.from_memory.iter().filter(|_| self.spill);
            for subscription in entry.matched.held.iter().chain(from_memory) {
                columns.spill_accounts.push(event.account.uuid());
                columns.spill_subscriptions.push(subscription.uuid());
                columns.spill_events.push(entry.id);
            }
        }
        columns
    }

    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) const fn has_keys(&self) -> bool {
        self.keyed
    }

    /// The accounts that use keys in it.
    pub(super) fn accounts_with_keys(&self) -> impl Iterator<Item = AccountId> {
        let keyed = self.entries.iter().filter(|it| it.event.key.is_some());
        keyed.map(|entry| entry.event.account)
    }

    /// The keys that an event had before this batch, or that an earlier one of the batch has.
    pub(super) fn taken_keys(&self, new: &[EventId]) -> Vec<(AccountId, &str)> {
        let new: HashSet<_> = new.iter().map(|id| id.uuid()).collect();
        self.entries
            .iter()
            .filter(|entry| entry.repeats || !new.contains(&entry.id))
            .filter_map(|entry| Some((entry.event.account, entry.event.key.as_ref()?.key.as_str())))
            .collect()
    }

    /// Lets every publisher of the batch know that it is to publish again.
    pub(super) fn refuse(self) {
        for (reply, _) in self.replies {
            let _ = reply.send(Err(PublishError::Away));
        }
    }

    /// After the commit: receipts in the order of the events, and what memory delivers.
    pub(super) fn finish(
        self,
        new: &[EventId],
        known: &[KnownKey],
        full: &Full,
        commit: &Commit,
        budget: &Arc<MemoryBudget>,
    ) -> FinishedBatch {
        let traced = event_trace::is_on();
        let new: HashSet<_> = new.iter().map(|id| id.uuid()).collect();
        let mut done = FinishedBatch {
            last_id: self.entries.last().map_or(Uuid::nil(), |entry| entry.id),
            settlings: Vec::new(),
            deliveries: Vec::new(),
            accepted: Vec::new(),
            repeated: 0,
            replies: Vec::new(),
        };
        let mut results: Vec<Option<Vec<Result<Receipt, KeyRefused>>>> = self
            .replies
            .iter()
            .map(|(_, events)| Some(Vec::with_capacity(*events)))
            .collect();
        for entry in self.entries {
            let stored = !entry.repeats && (entry.event.key.is_none() || new.contains(&entry.id));
            let receipt = if stored {
                let id = EventId::from_uuid(entry.id);
                if traced {
                    event_trace::accepted(&AcceptedEvent {
                        id,
                        account: entry.event.account,
                        event_type: &entry.event.event_type,
                        bytes: entry.event.payload.len(),
                        lane: commit.lane.id.0,
                        matched: &entry.matched,
                        spilled: self.spill,
                    });
                }
                done.accept(entry.event.account, id.millis().div_euclid(60_000));
                Some(Ok(Receipt {
                    id,
                    deliveries: entry.matched.len(),
                    duplicate: false,
                }))
            } else {
                repeated(&entry.event, known, full)
            };
            if matches!(
                receipt,
                Some(
                    Ok(Receipt {
                        duplicate: true,
                        ..
                    }) | Err(KeyRefused::Reused)
                )
            ) {
                done.repeated += 1;
            }
            match (receipt, results.get_mut(entry.request)) {
                (Some(receipt), Some(Some(receipts))) => receipts.push(receipt),
                // A key that was forgotten between the two statements: come again.
                (_, Some(slot)) => *slot = None,
                _ => {}
            }
            if stored && !self.spill && !entry.matched.from_memory.is_empty() {
                let event = MemoryEvent::new(
                    EventId::from_uuid(entry.id),
                    entry.event,
                    commit,
                    entry.matched.from_memory.len(),
                    budget,
                );
                done.settlings.push((entry.id, Arc::clone(&event.settling)));
                done.deliveries.push((event, entry.matched));
            }
        }
        for ((reply, _), result) in self.replies.into_iter().zip(results) {
            done.replies.push((reply, result.ok_or(PublishError::Away)));
        }
        done
    }
}

fn repeated(
    event: &NewEvent,
    known: &[KnownKey],
    full: &Full,
) -> Option<Result<Receipt, KeyRefused>> {
    let key = event.key.as_ref()?;
    let known = known
        .iter()
        .find(|known| known.account == event.account && known.key == key.key);
    let Some(known) = known else {
        let most = full.most;
        let is_full = full.accounts.contains(&event.account);
        return is_full.then_some(Err(KeyRefused::TooMany { most }));
    };
    Some(if known.body_hash == key.body_hash {
        event_trace::repeated(known.event);
        Ok(Receipt {
            id: known.event,
            deliveries: known.deliveries,
            duplicate: true,
        })
    } else {
        Err(KeyRefused::Reused)
    })
}

/// Takes what goes into the next batch from what waits.
pub(super) fn take_batch(waiting: &mut VecDeque<PublishEvents>) -> Vec<PublishEvents> {
    let (mut events, mut bytes, mut requests) = (0, 0, 0);
    for request in waiting.iter() {
        events += request.events.len();
        bytes += request
            .events
            .iter()
            .map(|event| event.payload.len())
            .sum::<usize>();
        if requests > 0 && (events > BATCH_EVENTS || bytes > BATCH_BYTES) {
            break;
        }
        requests += 1;
    }
    waiting.drain(..requests).collect()
}
