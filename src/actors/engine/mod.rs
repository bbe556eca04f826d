//! The handle by which the web layer reaches the actors, and their start and stop in order.

mod auditing;
mod checks;
mod ending;
pub(crate) mod tuning;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

use self::tuning::{Tuner, Tuning};
use super::delivery::DeliveryParts;
use super::delivery::attempt::Attempt;
use super::delivery::attempt_buffer::{PendingWriter, UNRECORDED};
use super::delivery::dispatcher::{DeliveriesDue, Dispatcher, SendTest};
use super::delivery::recorder::Recorder;
use super::intake::activity_log::{ActivityRecorder, RecordError};
use super::intake::actor::{Intake, IntakeParts};
use super::intake::checking::Checker;
use super::intake::lane::{Ids, OpenLane};
use super::intake::memory::MemoryBudget;
use super::intake::publishing::{NewEvent, PublishError, PublishEvents, Receipt};
use super::mail::Mails;
use super::observe::heartbeat::Heartbeats;
use super::observe::metrics::{Metrics, Waits};
use super::observe::sampler::Sampler;
use super::observe::stats::Stats;
use super::observe::view::{MetricsReader, MetricsView};
use super::plugins::{PluginReloader, Plugins, ReloaderParts};
use super::routing::{Routing, RoutingTable};
use super::upkeep::auditor::Auditor;
use super::upkeep::housekeeper::{Housekeeper, LentConnection};
use super::upkeep::key_keeper::KeyKeeper;
use super::upkeep::lanes;
use super::upkeep::notices::Notices;
use super::upkeep::retention::Retention;
use super::upkeep::stat_flusher::StatFlusher;
use crate::config::{KeyFile, Live};
use crate::domain::activity::NewActivity;
use crate::domain::address::AddressRules;
use crate::domain::id::{AccountId, ActivityId, EventId, SubscriptionId};
use crate::domain::target::Target;
use crate::mail::MailSettings;
use crate::plugin::{HealthRule, Limits};
use crate::store::clock::DatabaseClock;
use crate::store::made_key::{KeyRefused, Making};
use crate::store::trial::TestEvent;
use crate::store::{Database, StoreError, partition, trial};
use crate::transport::{CheckFailure, check_target, tls_settings};

/// How the daemon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineHealth {
    /// A lane is open and its lease is fresh.
    pub accepting: bool,
    /// The stop began: whoever can choose should publish elsewhere.
    pub stopping: bool,
}

/// What the actors are started with.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// The identity of the data folder whose lock is held.
    pub folder: Uuid,
    /// The file with the keys that secrets are sealed with; none: they stay as they are.
    pub key_file: Option<KeyFile>,
    /// Threads that deliver.
    pub delivery_workers: usize,
    /// Bytes of events that may wait in memory.
    pub memory_budget: usize,
    /// How long a lane's lease holds.
    pub lease: Duration,
    /// Days that the logs are kept.
    pub retention_days: u32,
    /// Days that activities are kept, to the end of their month.
    pub activity_retention_days: u32,
    /// Which addresses targets may have.
    pub rules: AddressRules,
    /// The folder with the scripts; it need not exist.
    pub plugins_folder: PathBuf,
    /// What a script may use up.
    pub plugin_limits: Limits,
    /// When a script is suspended or moved to the isolated runner.
    pub plugin_rule: HealthRule,
    /// The way out for mails.
    pub mail: MailSettings,
    /// Days that mails are kept, to the end of their month.
    pub mail_retention_days: u32,
    /// How long a target may fail before its account's admins get a mail.
    pub notice_after: Duration,
    /// So many subscriptions, and accounts, have metrics of their own.
    pub metrics_of: usize,
}

/// Payload bytes that may wait for their commit: so many units of so many bytes.
const UNCOMMITTED: u32 = 65_536;
const UNCOMMITTED_UNIT: usize = 1_024;

/// How long a publisher waits for the start.
const STARTING: Duration = Duration::from_secs(5);

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    database: Database,
    clock: Arc<DatabaseClock>,
    rules: Arc<Live<AddressRules>>,
    routing: Arc<Routing>,
    open_lane: OpenLane,
    test_ids: Arc<Mutex<Ids>>,
    uncommitted: Arc<Semaphore>,
    plugins: Plugins,
    mails: Mails,
    activity_log: ActivityRecorder,
    intake: Addr<Intake>,
    dispatcher: Addr<Dispatcher>,
    recorder: Addr<Recorder>,
    stat_flusher: Addr<StatFlusher>,
    tuner: Tuner,
    auditor: Auditor,
    checker: Checker,
    reader: MetricsReader,
    budget: Arc<MemoryBudget>,
    /// Events were accepted once.
    open: Arc<AtomicBool>,
    stopping: Arc<AtomicBool>,
    heartbeats: Heartbeats,
}

impl Engine {
    /// Starts the actors: closes what earlier runs of this data folder left open, then opens a
    /// lane. Must be called within an actix system, which becomes the thread of all but the
    /// actors of subscriptions.
    ///
    /// # Errors
    /// When the database is away or the TLS settings cannot be made.
    pub async fn start(database: Database, settings: EngineSettings) -> Result<Self, StoreError> {
        partition::ensure(&database).await?;
        lanes::close_old_lanes(&database, settings.folder).await?;
        let clock = Arc::new(DatabaseClock::new());
        let rules = Arc::new(Live::new(settings.rules));
        let routing = Arc::new(Routing::load(database.clone()).await?);
        let (open_lane, unsure) = OpenLane::new();
        let unrecorded = Arc::new(Semaphore::new(UNRECORDED));
        let plugins = Plugins::new(settings.plugin_limits, settings.plugin_rule);
        PluginReloader::load(ReloaderParts {
            folder: settings.plugins_folder,
            database: database.clone(),
            clock: Arc::clone(&clock),
            routing: Arc::clone(&routing),
            plugins: plugins.clone(),
        })
        .await?
        .start();
        let metrics = Arc::<Metrics>::default();
        let mails = Mails::start(
            database.clone(),
            open_lane.clone(),
            Arc::clone(&metrics),
            settings.mail,
        );
        let notice_after = Arc::new(Live::new(settings.notice_after));
        let retention = Arc::new(Live::new(Retention {
            logs: settings.retention_days,
            activities: settings.activity_retention_days,
            mails: settings.mail_retention_days,
        }));
        Notices {
            database: database.clone(),
            mails: mails.clone(),
            failing_for: Arc::clone(&notice_after),
            looking: false,
        }
        .start();
        let stats = Arc::new(Stats::new(Arc::clone(&clock), settings.metrics_of));
        let stat_flusher = StatFlusher::new(database.clone(), Arc::clone(&stats)).start();
        let heartbeats = Heartbeats::default();
        let recorder = Recorder::new(
            database.clone(),
            Arc::clone(&stats),
            Arc::clone(&metrics),
            open_lane.clone(),
            heartbeats.part("recorder"),
        )
        .start();
        let budget = MemoryBudget::new(settings.memory_budget);
        let reader = MetricsReader {
            metrics: Arc::clone(&metrics),
            database: database.clone(),
            clock: Arc::clone(&clock),
            routing: Arc::clone(&routing),
            stats: Arc::clone(&stats),
            budget: Arc::clone(&budget),
            open_lane: open_lane.clone(),
            unrecorded: Arc::clone(&unrecorded),
        };
        let parts = DeliveryParts {
            database: database.clone(),
            clock: Arc::clone(&clock),
            rules: Arc::clone(&rules),
            tls: tls_settings().map_err(StoreError::Unfit)?,
            writer: PendingWriter::new(
                recorder.clone().recipient(),
                unrecorded,
                Arc::clone(&metrics),
            ),
            open_lane: open_lane.clone(),
            plugins: plugins.clone(),
            mails: mails.clone(),
            metrics: Arc::clone(&metrics),
        };
        let arbiters: Vec<_> = (0..settings.delivery_workers.max(1))
            .map(|_| Arbiter::new().handle())
            .collect();
        for (number, arbiter) in arbiters.iter().enumerate() {
            heartbeats.thread(number + 1, arbiter);
        }
        let heartbeat = heartbeats.part("dispatcher");
        let routes = Arc::clone(&routing);
        let dispatcher =
            Dispatcher::new(database.clone(), routes, parts, arbiters, heartbeat).start();
        let intake_parts = IntakeParts {
            database: database.clone(),
            clock: Arc::clone(&clock),
            routing: Arc::clone(&routing),
            budget: Arc::clone(&budget),
            open_lane: open_lane.clone(),
            stats: Arc::clone(&stats),
            metrics: Arc::clone(&metrics),
            folder: settings.folder,
            lease: settings.lease,
            dispatcher: dispatcher.clone(),
            recorder: recorder.clone(),
            heartbeat: heartbeats.part("intake"),
        };
        let intake = Intake::start_with(intake_parts, unsure);
        let auditor = Auditor::new(database.clone());
        let checker = Checker::start().map_err(|error| StoreError::Unfit(error.to_string()))?;
        let housekeeper = Housekeeper {
            database: database.clone(),
            clock: Arc::clone(&clock),
            routing: Arc::clone(&routing),
            open_lane: open_lane.clone(),
            stats,
            lease: settings.lease,
            retention: Arc::clone(&retention),
            connection: LentConnection::Empty,
            sweeping: false,
            repairing: false,
            auditor: auditor.clone(),
            heartbeat: heartbeats.part("housekeeper"),
        }
        .start();
        let activity_log = ActivityRecorder::start(database.clone(), Arc::clone(&metrics));
        Sampler {
            database: database.clone(),
            metrics,
            most: settings.metrics_of,
        }
        .start();
        if let Some(file) = settings.key_file {
            let lane = open_lane.clone();
            KeyKeeper::new(database.clone(), Arc::clone(&routing), lane, file).start();
        }
        let tuner = Tuner {
            rules: Arc::clone(&rules),
            plugins: plugins.clone(),
            mails: mails.clone(),
            notice_after,
            retention,
            housekeeper,
        };
        let test_ids = Arc::new(Mutex::new(Ids::above(Uuid::nil(), Arc::clone(&clock))));
        Ok(Self {
            database,
            clock,
            rules,
            routing,
            open_lane,
            test_ids,
            uncommitted: Arc::new(Semaphore::new(UNCOMMITTED as usize)),
            plugins,
            mails,
            activity_log,
            intake,
            dispatcher,
            recorder,
            stat_flusher,
            tuner,
            auditor,
            checker,
            reader,
            budget,
            open: Arc::new(AtomicBool::new(false)),
            stopping: Arc::new(AtomicBool::new(false)),
            heartbeats,
        })
    }

    /// Puts other settings in force, everywhere.
    pub fn tune(&self, tuning: Tuning) {
        self.tuner.tune(tuning);
    }

    /// The database, for what people and tools ask.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// The heartbeats of the parts that must make progress.
    #[must_use]
    pub const fn heartbeats(&self) -> &Heartbeats {
        &self.heartbeats
    }

    /// The database's time.
    #[must_use]
    pub fn clock(&self) -> &DatabaseClock {
        &self.clock
    }

    /// The scripts at work.
    #[must_use]
    pub const fn plugins(&self) -> &Plugins {
        &self.plugins
    }

    /// The way to queue mails.
    #[must_use]
    pub const fn mails(&self) -> &Mails {
        &self.mails
    }

    /// Records what users did in the host application, and returns the ids in their order.
    ///
    /// # Errors
    /// When nothing of it was recorded, or that is not known.
    pub async fn record_activities(
        &self,
        account: AccountId,
        activities: Vec<NewActivity>,
    ) -> Result<Vec<ActivityId>, RecordError> {
        self.activity_log.record(account, activities).await
    }

    /// The subscriptions and event types as they are now.
    #[must_use]
    pub fn types(&self) -> Arc<RoutingTable> {
        self.routing.current()
    }

    /// Looks a target up and judges its addresses, as each attempt will.
    ///
    /// # Errors
    /// When its host is not found within 2 s, or an address is forbidden.
    pub async fn check_target(&self, target: &Target) -> Result<(), CheckFailure> {
        check_target(&self.rules.get(), target).await
    }

    /// Commits events, and returns their results in their order.
    ///
    /// # Errors
    /// When nothing of them was accepted, or that is not known: publish again (with the same
    /// idempotency key, to be sure).
    pub async fn publish(
        &self,
        events: Vec<NewEvent>,
    ) -> Result<Vec<Result<Receipt, KeyRefused>>, PublishError> {
        if !self.open.load(Ordering::Relaxed) {
            // Whoever connected while Herald started is not refused: it takes a moment.
            let _ = tokio::time::timeout(STARTING, self.opened()).await;
        }
        let bytes = events
            .iter()
            .map(|event| event.payload.len())
            .sum::<usize>();
        let share = u32::try_from(bytes / UNCOMMITTED_UNIT + 1).unwrap_or(u32::MAX);
        // Publishers wait here while too much waits for its commit.
        let _share = self
            .uncommitted
            .acquire_many(share.min(UNCOMMITTED))
            .await
            .map_err(|_closed| PublishError::Stopping)?;
        let (reply, result) = oneshot::channel();
        // A full mailbox slows the publisher down: that is what it is for.
        self.intake
            .send(PublishEvents {
                events,
                reply,
                _waits: Waits::new(&self.reader.metrics),
            })
            .await
            .map_err(|_gone| PublishError::Stopping)?;
        result.await.map_err(|_gone| PublishError::Away)?
    }

    /// What the daemon counts about itself, as it is now.
    #[must_use]
    pub fn metrics(&self) -> MetricsView {
        let free = self.uncommitted.available_permits();
        let waiting = (UNCOMMITTED as usize).saturating_sub(free) * UNCOMMITTED_UNIT;
        self.reader.read(u64::try_from(waiting).unwrap_or(u64::MAX))
    }

    /// Takes in what changed of subscriptions and event types, so that the next request knows it.
    /// If that fails, the Housekeeper does it within a second.
    pub async fn routing_changed(&self) {
        if let Err(error) = self.routing.refresh().await {
            tracing::warn!(%error, "a change is not in force here yet; trying again");
        }
    }

    /// A newer table than `known`, which refused something: another daemon may have made the
    /// event type that it lacks. Looks ten times a second at most.
    pub async fn newer_types(&self, known: &RoutingTable) -> Option<Arc<RoutingTable>> {
        self.routing.newer(known.version()).await
    }

    /// Reports that a subscription may have due deliveries. A hint, as above.
    pub fn deliveries_due(&self, subscription: SubscriptionId) {
        let _ = self.dispatcher.try_send(DeliveriesDue(subscription));
    }

    /// Stores an event of a test and tries it at once, whatever the subscription's state.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn send_test(
        &self,
        account: AccountId,
        subscription: SubscriptionId,
        event_type: &str,
        payload: Bytes,
        making: Making<'_>,
    ) -> Result<EventId, StoreError> {
        // The subscription may be newer than the table.
        let table = self.routing.refresh().await?;
        let hold = table
            .route(subscription)
            .map_or(Duration::from_secs(20), |r| r.claim_hold());
        let id = self
            .test_ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next();
        let event = EventId::from_uuid(id);
        let stored = TestEvent {
            id: event,
            event_type,
            payload: &payload,
        };
        trial::begin(&self.database, account, subscription, &stored, hold, making).await?;
        let test = SendTest {
            subscription,
            attempt: Attempt::test(event, event_type.into(), payload),
        };
        // If it does not get through, the row becomes due.
        let _ = self.dispatcher.send(test).await;
        Ok(event)
    }

    /// Waits until the daemon accepts events.
    pub async fn opened(&self) {
        while !self.health().accepting {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.open.store(true, Ordering::Relaxed);
    }

    /// Whether the daemon accepts events, and for how long.
    #[must_use]
    pub fn health(&self) -> EngineHealth {
        let lane = self.open_lane.get();
        EngineHealth {
            accepting: lane.is_some_and(|lane| lane.may_begin()),
            stopping: self.stopping.load(Ordering::Relaxed),
        }
    }
}
