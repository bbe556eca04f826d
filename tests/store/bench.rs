//! A database of a test's own with one subscription and an open lane, and short words for what
//! every test does with them.

use std::time::Duration;

use herald::domain::delivery::{Origin, Outcome};
use herald::domain::id::{AccountId, EventId, MAIN_ACCOUNT, SubscriptionId};
use herald::store::audit::{self, Audit};
use herald::store::claim::{ClaimedDelivery, claim};
use herald::store::ingest::{IngestBatch, Ingested, ingest};
use herald::store::lane::{self, LaneId};
use herald::store::record::{AttemptRecord, DeliveryKey};
use herald::store::routing::changes_since;
use herald::store::{Connection, Database, partition};
use uuid::Uuid;

use crate::support::cluster::Cluster;
use crate::support::psql;

/// How long a lease holds here.
pub(crate) const LEASE: Duration = Duration::from_secs(10);

/// The database.
pub(crate) struct Bench {
    pub(crate) url: String,
    pub(crate) database: Database,
    pub(crate) connection: Connection,
    pub(crate) lane: LaneId,
    pub(crate) floor: Uuid,
    pub(crate) folder: Uuid,
    pub(crate) version: i64,
    pub(crate) account: AccountId,
    pub(crate) subscription: SubscriptionId,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let url = Cluster::shared().database();
        let database = Database::new(&url, 4).unwrap();
        partition::ensure(&database).await.unwrap();
        let subscription = SubscriptionId::from_uuid(Uuid::now_v7());
        let account: AccountId = MAIN_ACCOUNT;
        psql(
            &url,
            &format!(
                "insert into subscription (id, account_id, title, url, triggers, state, \
                     max_in_flight, timeout_seconds, retry_schedule, version) \
                 values ('{}', '{}', 'A test', 'https://example.com/', '{{*}}', 'enabled', 8, 15, \
                     '{{5}}', 1)",
                subscription.uuid(),
                account.uuid()
            ),
        );
        let folder = Uuid::new_v4();
        let opened = lane::open(&database, folder, LEASE).await.unwrap();
        Self {
            connection: database.dedicated().await.unwrap(),
            version: changes_since(&database, 0).await.unwrap().version,
            url,
            database,
            lane: opened.id,
            floor: opened.floor,
            folder,
            account,
            subscription,
        }
    }

    /// Asks by psql. Columns are parted by `|`.
    pub(crate) fn sql(&self, statement: &str) -> String {
        psql(&self.url, statement).trim().to_owned()
    }

    /// So many new events for the subscription, stored; in memory alone unless `spilled`.
    pub(crate) async fn store(&mut self, number: usize, spilled: bool) -> Vec<EventId> {
        self.store_payload(number, spilled, br#"{"event_type":"A"}"#)
            .await
    }

    pub(crate) async fn store_payload(
        &mut self,
        number: usize,
        spilled: bool,
        payload: &[u8],
    ) -> Vec<EventId> {
        let ids: Vec<Uuid> = (0..number).map(|_| Uuid::now_v7()).collect();
        let target = format!("{{{}}}", self.subscription.uuid());
        let mut batch = batch(self.account, &ids, &target, payload, &[]);
        if spilled {
            batch.spill_accounts = batch.accounts.clone();
            batch.spill_subscriptions = vec![self.subscription.uuid(); number];
            batch.spill_events = ids.clone();
        }
        let stored = ingest(
            &mut self.connection,
            self.lane,
            self.version,
            &batch,
            1_000_000,
        )
        .await;
        assert!(matches!(stored.unwrap(), Ingested::Stored { .. }));
        ids.into_iter().map(EventId::from_uuid).collect()
    }

    /// Claims up to `room` due rows of the subscription.
    pub(crate) async fn claim(&mut self, room: usize, hold: Duration) -> Vec<ClaimedDelivery> {
        let (lane, subscription) = (self.lane, self.subscription);
        claim(&mut self.connection, lane, subscription, room, hold)
            .await
            .unwrap()
    }

    pub(crate) fn key(&self, event: EventId) -> DeliveryKey {
        DeliveryKey {
            account: self.account,
            subscription: self.subscription,
            event,
        }
    }

    /// An attempt, whose outcome `retry` is due after a minute.
    pub(crate) fn attempt(&self, event: EventId, n: i32, outcome: Outcome) -> AttemptRecord {
        AttemptRecord {
            key: self.key(event),
            n,
            origin: Origin::First,
            outcome,
            duration_ms: 1,
            status: Some(200),
            detail: None,
            failures: n,
            due_in: (outcome == Outcome::Retry).then_some(Duration::from_secs(60)),
        }
    }

    /// The row of a delivery: `n|base|failures|due in seconds` (to the nearest ten; 0: it is
    /// due), or nothing.
    pub(crate) fn row(&self, event: EventId) -> String {
        self.sql(&format!(
            "select n, base, failures, greatest(0, round(extract(epoch from due_at - now()), -1)) from delivery \
             where event_id = '{}'",
            event.uuid()
        ))
    }

    /// The outcomes of a delivery's attempts, in their order.
    pub(crate) fn outcomes(&self, event: EventId) -> Vec<String> {
        let told = self.sql(&format!(
            "select outcome from attempt where event_id = '{}' order by n",
            event.uuid()
        ));
        told.lines().map(str::to_owned).collect()
    }

    pub(crate) async fn audit(&self) -> Audit {
        audit::run(&self.database, None).await.unwrap()
    }
}

/// A batch of events of one type with the same target and payload.
pub(crate) fn batch<'a>(
    account: AccountId,
    ids: &[Uuid],
    target: &'a str,
    payload: &'a [u8],
    keys: &[&'a str],
) -> IngestBatch<'a> {
    const HASH: &[u8] = &[7; 32];
    let number = ids.len();
    IngestBatch {
        accounts: vec![account.uuid(); number],
        ids: ids.to_vec(),
        types: vec!["A"; number],
        targets: vec![target; number],
        payloads: vec![payload; number],
        warnings: vec![None; number],
        keys: (0..number).map(|place| keys.get(place).copied()).collect(),
        body_hashes: (0..number)
            .map(|place| keys.get(place).map(|_| HASH))
            .collect(),
        ..IngestBatch::default()
    }
}
