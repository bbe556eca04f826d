//! The heart beats of the parts that must make progress: each tells when its loop last turned.
//! What silence means is not known here ([`crate::domain::vigil`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix::ArbiterHandle;

use crate::domain::vigil::Pulse;

/// How often a part beats that has no tick of its own.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// One part's. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Beat(Arc<Part>);

#[derive(Debug)]
struct Part {
    name: String,
    /// The machine's clock that stands still while it sleeps: nobody beats then.
    begin: Instant,
    /// Milliseconds since then.
    last: AtomicU64,
}

impl Beat {
    fn new(name: String) -> Self {
        Self(Arc::new(Part {
            name,
            begin: Instant::now(),
            last: AtomicU64::new(0),
        }))
    }

    /// The loop turned.
    pub(super) fn turned(&self) {
        self.0.last.store(self.0.since(), Ordering::Relaxed);
    }
}

impl Part {
    fn since(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Those of all parts. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Pulses(Arc<Vec<Beat>>);

impl Pulses {
    /// How long each part has been silent.
    pub fn look(&self) -> impl Iterator<Item = Pulse<'_>> {
        self.0.iter().map(|Beat(part)| Pulse {
            part: &part.name,
            silent: Duration::from_millis(
                part.since()
                    .saturating_sub(part.last.load(Ordering::Relaxed)),
            ),
        })
    }
}

/// Makes the parts' beats at the start.
#[derive(Debug, Default)]
pub(super) struct Heart(Vec<Beat>);

impl Heart {
    /// A part that must make progress from now on.
    pub(super) fn part(&mut self, name: &str) -> Beat {
        let beat = Beat::new(name.to_owned());
        self.0.push(beat.clone());
        beat
    }

    /// A delivery thread: it beats as long as it takes turns at its tasks.
    pub(super) fn thread(&mut self, number: usize, thread: &ArbiterHandle) {
        let beat = self.part(&format!("delivery thread {number}"));
        thread.spawn(async move {
            loop {
                beat.turned();
                tokio::time::sleep(EVERY).await;
            }
        });
    }

    pub(super) fn whole(self) -> Pulses {
        Pulses(Arc::new(self.0))
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
    use crate::domain::vigil::{Judgement, Vigil};
    use crate::mail::MailSettings;
    use crate::plugin::{HealthRule, Limits};
    use crate::postgres::PrivatePostgres;
    use crate::store::{Database, migrate};

    /// Looks until it is judged so, a bounded time.
    async fn until(engine: &Engine, vigil: &mut Vigil, wanted: &Judgement) {
        let begin = Instant::now();
        loop {
            let judged = vigil.judge(engine.pulses().look());
            if judged == *wanted {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "{judged:?}");
            tokio::time::sleep(vigil.look_every()).await;
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
            figures_of: config.http.metrics_subscriptions,
        };
        let engine = Engine::start(database, settings).await.unwrap();
        engine.opened().await;
        let parts: Vec<_> = engine.pulses().look().map(|pulse| pulse.part).collect();
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
        let mut vigil = Vigil::new(Duration::from_secs(6));
        until(&engine, &mut vigil, &Judgement::Alive).await;
        engine.stick_dispatcher().await;
        let stuck = Judgement::Stuck(vec!["dispatcher".to_owned()]);
        until(&engine, &mut vigil, &stuck).await;
        drop(engine);
        postgres.stop().await.unwrap();
    }
}
