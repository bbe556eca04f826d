//! The heartbeats of the parts that must make progress: each says when its loop last turned.
//! What silence means is not known here ([`crate::domain::watchdog`]).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::ArbiterHandle;

use crate::domain::watchdog::Silence;

/// How often a part beats that has no tick of its own.
pub(crate) const EVERY: Duration = Duration::from_secs(1);

/// One part's. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Heartbeat(Arc<HeartbeatPart>);

#[derive(Debug)]
struct HeartbeatPart {
    name: String,
    /// By the machine's clock that does not run while it sleeps: nobody beats then.
    started: Instant,
    /// Milliseconds since then.
    last: AtomicU64,
}

impl Heartbeat {
    fn new(name: String) -> Self {
        Self(Arc::new(HeartbeatPart {
            name,
            started: Instant::now(),
            last: AtomicU64::new(0),
        }))
    }

    /// The loop turned.
    pub(crate) fn beat(&self) {
        self.0.last.store(self.0.since_start(), Ordering::Relaxed);
    }
}

impl HeartbeatPart {
    fn since_start(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Those of all parts. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Heartbeats(Arc<Mutex<Vec<Heartbeat>>>);

impl Heartbeats {
    /// A part that must make progress from now on.
    pub(crate) fn part(&self, name: &str) -> Heartbeat {
        let heartbeat = Heartbeat::new(name.to_owned());
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.push(heartbeat.clone());
        heartbeat
    }

    /// A delivery thread: it beats as long as it takes turns at its tasks.
    pub(crate) fn thread(&self, number: usize, thread: &ArbiterHandle) {
        let heartbeat = self.part(&format!("delivery thread {number}"));
        thread.spawn(async move {
            loop {
                heartbeat.beat();
                tokio::time::sleep(EVERY).await;
            }
        });
    }

    /// How long each part has been silent.
    #[must_use]
    pub fn look(&self) -> Vec<Silence> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let silence = |Heartbeat(part): &Heartbeat| {
            let silent = part.since_start();
            Silence {
                part: part.name.clone(),
                silent: Duration::from_millis(
                    silent.saturating_sub(part.last.load(Ordering::Relaxed)),
                ),
            }
        };
        parts.iter().map(silence).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::actors::engine::{Engine, EngineSettings};
    use crate::config::Config;
    use crate::domain::address::AddressRules;
    use crate::domain::watchdog::{Judgement, Watchdog};
    use crate::mail::MailSettings;
    use crate::plugin::{HealthRule, Limits};
    use crate::postgres::PrivatePostgres;
    use crate::store::{Database, migrate};

    /// Looks until it is judged so, a bounded time.
    async fn until(engine: &Engine, watchdog: &mut Watchdog, wanted: &Judgement) {
        let begun = Instant::now();
        loop {
            let judged = watchdog.judge(engine.heartbeats().look());
            if judged == *wanted {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{judged:?}");
            tokio::time::sleep(watchdog.look_every()).await;
        }
    }

    #[actix::test]
    async fn a_stuck_dispatcher_is_found_and_named_while_all_else_beats() {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL runs under an account of its own.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let postgres = PrivatePostgres::start(folder.path()).await.unwrap();
        let database = Database::new(&postgres.url(), 4).unwrap();
        migrate(&database).await.unwrap();
        let config = Config::load(None, std::iter::empty()).unwrap();
        let settings = EngineSettings {
            folder: uuid::Uuid::new_v4(),
            key_file: None,
            delivery_workers: 2,
            memory_budget: config.memory_budget_bytes,
            lease: Duration::from_secs(10),
            retention_days: 30,
            activity_retention_days: 365,
            rules: AddressRules::new(Vec::new()),
            plugins_folder: folder.path().join("plugins"),
            plugin_limits: Limits::from_config(&config),
            plugin_rule: HealthRule::from_config(&config),
            mail: MailSettings::from_config(&config.mail, folder.path()).unwrap(),
            mail_retention_days: 365,
            notice_after: Duration::from_secs(600),
            metrics_of: config.http.metrics_subscriptions,
        };
        let engine = Engine::start(database, settings).await.unwrap();
        engine.opened().await;
        let heartbeats = engine.heartbeats().look();
        let parts: Vec<_> = heartbeats.iter().map(|it| it.part.as_str()).collect();
        assert_eq!(
            parts,
            [
                "recorder",
                "delivery thread 1",
                "delivery thread 2",
                "dispatcher",
                "intake",
                "housekeeper"
            ]
        );
        let mut watchdog = Watchdog::new(Duration::from_secs(6));
        until(&engine, &mut watchdog, &Judgement::Alive).await;
        engine.stick_dispatcher().await;
        let stuck = Judgement::Stuck(vec!["dispatcher".to_owned()]);
        until(&engine, &mut watchdog, &stuck).await;
        drop(engine);
        postgres.stop().await.unwrap();
    }
}
