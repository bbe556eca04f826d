//! The scripts at work: what is loaded, how each version does, and who may run it. Delivery
//! threads choose and run scripts by it; the web layer reads it.

mod conduct;
mod reloader;
mod scripts;
mod table;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use actix::Addr;
use chrono::{DateTime, Utc};

use self::conduct::Measure;
use self::table::{Plugin, PluginTable};
use super::shares::Shares;
use crate::actors::tell::tell;
use crate::config::Live;
use crate::domain::id::AccountId;
use crate::plugin::{
    HealthRule, IsolatedError, IsolatedRunner, Job, Limits, OwnedEvent, Run, ScriptHash,
    ScriptKind, ScriptMetrics, ScriptName, SourceFault, SourceSet,
};

pub(super) use self::reloader::{PluginReloader, ReloaderParts};
pub(super) use self::scripts::{AttemptEvent, PreparedAttempt, Scripts};

/// The state of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginStatus {
    /// The file as it is now is at work.
    Ok,
    /// The file as it is now is not: an older version is, or none.
    Broken,
    /// It failed too much for an account: its deliveries are held until the file changes.
    Suspended,
}

impl PluginStatus {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Broken => "broken",
            Self::Suspended => "suspended",
        }
    }
}

/// One script as an account sees it, or as operators see it for all accounts.
#[derive(Debug, Clone)]
pub struct PluginReport {
    /// Its place in the folder.
    pub name: ScriptName,
    /// Its state: suspended for all accounts if it is for any.
    pub status: PluginStatus,
    /// The version at work; none: nothing of it is, and its deliveries are held.
    pub hash: Option<ScriptHash>,
    /// When this state was read.
    pub loaded_at: DateTime<Utc>,
    /// What is wrong with the file as it is now.
    pub fault: Option<SourceFault>,
    /// Since when it is suspended, and why.
    pub suspended: Option<(DateTime<Utc>, Arc<str>)>,
    /// Since when it runs in the isolated runner.
    pub apart_since: Option<DateTime<Utc>>,
    /// How the version at work does for the account, by this daemon since its start.
    pub metrics: ScriptMetrics,
    /// The same for all accounts.
    pub of_all: ScriptMetrics,
    /// The accounts for which it is suspended or runs in the isolated runner, the first suspended
    /// first.
    pub troubled: Vec<TroubledAccount>,
}

/// An account for which a script is suspended or runs in the isolated runner.
#[derive(Debug, Clone)]
pub struct TroubledAccount {
    /// Which.
    pub account: AccountId,
    /// Since when it is suspended, and why.
    pub suspended: Option<(DateTime<Utc>, Arc<str>)>,
    /// Since when it runs in the isolated runner.
    pub apart_since: Option<DateTime<Utc>>,
}

/// Why a dry run did not take place.
#[derive(Debug, thiserror::Error)]
pub enum DryRunError {
    /// There is no such script.
    #[error("there is no such plugin")]
    Unknown,
    /// No version of it works.
    #[error("no version of the plugin works: {0}")]
    NotLoaded(SourceFault),
    /// The account has as many as it may have at one time.
    #[error("as many dry runs of the account are under way as there may be")]
    Enough,
    /// Others' scripts took too long.
    #[error("other plugins are being run; try again")]
    Busy,
    /// No thread for it could be had.
    #[error("the plugin could not be run: {0}")]
    Gone(String),
}

/// Dry runs of an account that wait or run at one time.
pub const MOST_DRY_RUNS: usize = 2;
/// How long somebody waits for a dry run, its turn included.
const DRY_RUN: Duration = Duration::from_secs(5);

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Plugins {
    shared: Arc<PluginsShared>,
}

struct PluginsShared {
    measure: Live<Measure>,
    table: RwLock<Arc<PluginTable>>,
    /// Raised with each new table, so that a delivery thread sees at a glance whether there is one.
    generation: AtomicU64,
    /// For versions that never came to a verdict.
    fresh: LazyRunner,
    /// For those that are known to take long.
    slow: LazyRunner,
    /// For people who try scripts out.
    dry: LazyRunner,
    /// Those of each account that wait or run.
    dry_runs: Shares<Option<AccountId>>,
    reloader: OnceLock<Addr<PluginReloader>>,
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugins").finish_non_exhaustive()
    }
}

impl Plugins {
    pub(super) fn new(limits: Limits, rule: HealthRule) -> Self {
        Self {
            shared: Arc::new(PluginsShared {
                measure: Live::new(Measure { limits, rule }),
                table: RwLock::default(),
                generation: AtomicU64::new(0),
                fresh: LazyRunner::new("plugin-fresh"),
                slow: LazyRunner::new("plugin-slow"),
                dry: LazyRunner::new("plugin-dry-run"),
                dry_runs: Shares::new(MOST_DRY_RUNS),
                reloader: OnceLock::new(),
            }),
        }
    }

    /// Every script of the folder, by name, as an account sees it; none: for all accounts.
    #[must_use]
    pub fn list(&self, account: Option<AccountId>) -> Vec<PluginReport> {
        let table = self.table();
        let mut reports: Vec<_> = table.all().map(|it| report(it, account)).collect();
        reports.sort_by(|a, b| a.name.cmp(&b.name));
        reports
    }

    /// One of them.
    #[must_use]
    pub fn find(&self, name: &ScriptName, account: Option<AccountId>) -> Option<PluginReport> {
        self.table().find(name).map(|it| report(it, account))
    }

    /// The names that subscriptions may use, sorted.
    #[must_use]
    pub fn named(&self) -> Vec<String> {
        let table = self.table();
        let named = table.all().filter(|it| it.name.kind() == ScriptKind::Named);
        let mut names: Vec<_> = named.map(|it| it.name.name().to_owned()).collect();
        names.sort();
        names
    }

    /// Why an account's deliveries wait for the script of that path, as text; None: they do not
    /// any more.
    #[must_use]
    pub fn trouble(&self, account: AccountId, path: &str) -> Option<String> {
        let name = path.parse::<ScriptName>().ok()?;
        match self.table().find(&name) {
            Some(plugin) => plugin.trouble(account),
            None if name.kind() == ScriptKind::Named => Some(format!(
                "The plugin {path} is not in the plugins folder; put it back, or let the \
                 subscription name another."
            )),
            None => None,
        }
    }

    /// Runs one script on an event, as an attempt would, and sends nothing. An account has two at
    /// one time, and accounts take turns.
    ///
    /// # Errors
    /// When there is no version to run, or no time for it.
    pub async fn dry_run(
        &self,
        account: Option<AccountId>,
        name: &ScriptName,
        event: OwnedEvent,
    ) -> Result<Run, DryRunError> {
        let plugin = self.table().find(name).cloned();
        let plugin = plugin.ok_or(DryRunError::Unknown)?;
        let Some(source) = plugin.source.clone() else {
            let fault = plugin.fault.clone();
            let none = || SourceFault::whole("it was never loaded");
            return Err(DryRunError::NotLoaded(fault.unwrap_or_else(none)));
        };
        let Some(_share) = self.shared.dry_runs.take(account) else {
            return Err(DryRunError::Enough);
        };
        let job = Job {
            account,
            sources: vec![source],
            event,
        };
        let measure = self.measure();
        let run = self.shared.dry.run(&measure.limits, job);
        match tokio::time::timeout(DRY_RUN, run).await {
            Ok(Ok(run)) => Ok(run),
            Ok(Err(reason)) => Err(DryRunError::Gone(reason)),
            Err(_elapsed) => Err(DryRunError::Busy),
        }
    }

    fn table(&self) -> Arc<PluginTable> {
        let table = self.shared.table.read();
        Arc::clone(&table.unwrap_or_else(PoisonError::into_inner))
    }

    fn measure(&self) -> Arc<Measure> {
        self.shared.measure.get()
    }

    /// Puts other limits and another rule in force, and looks at the folder. What runs goes on
    /// under the old ones; suspended versions stay so.
    pub(super) fn tune(&self, limits: Limits, rule: HealthRule) {
        self.shared.measure.set(Measure { limits, rule });
        let measure = self.measure();
        for plugin in self.table().all() {
            measure.apply(&plugin.conduct);
        }
        for runner in [&self.shared.fresh, &self.shared.slow, &self.shared.dry] {
            runner.leave();
        }
        self.shared.generation.fetch_add(1, Ordering::Release);
        if let Some(reloader) = self.shared.reloader.get() {
            tell(reloader, reloader::Rescan);
        }
    }

    /// Takes the folder's new state over, whole.
    fn take_over(&self, set: &SourceSet) -> Arc<PluginTable> {
        let mut table = (self.shared.table.write()).unwrap_or_else(PoisonError::into_inner);
        *table = Arc::new(PluginTable::of(set, &table, &self.measure()));
        self.shared.generation.fetch_add(1, Ordering::Release);
        Arc::clone(&table)
    }

    /// Runs scripts in an isolated runner.
    async fn run_isolated(&self, job: Job, slow: bool) -> Result<Run, String> {
        let runner = if slow {
            &self.shared.slow
        } else {
            &self.shared.fresh
        };
        runner.run(&self.measure().limits, job).await
    }
}

/// An isolated runner that is started at its first use, and again if it ended.
struct LazyRunner {
    name: &'static str,
    runner: Mutex<Option<IsolatedRunner>>,
}

impl LazyRunner {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            runner: Mutex::new(None),
        }
    }

    async fn run(&self, limits: &Limits, job: Job) -> Result<Run, String> {
        let runner = self.started(limits);
        let runner = runner.map_err(|error| format!("no thread for it: {error}"))?;
        let run = runner.run(job).await;
        if let Err(IsolatedError::Gone) = run {
            *self.runner.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        run.map_err(|error| error.to_string())
    }

    /// Lets the runner end when its jobs are done; the next job gets another.
    fn leave(&self) {
        *self.runner.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn started(&self, limits: &Limits) -> std::io::Result<IsolatedRunner> {
        let mut runner = self.runner.lock().unwrap_or_else(PoisonError::into_inner);
        match &*runner {
            Some(runner) => Ok(runner.clone()),
            None => {
                let started = IsolatedRunner::start(self.name, limits.clone())?;
                Ok(runner.insert(started).clone())
            }
        }
    }
}

fn report(plugin: &Plugin, account: Option<AccountId>) -> PluginReport {
    let conduct = &plugin.conduct;
    let troubled = conduct.troubled().into_iter();
    let troubled: Vec<_> = troubled
        .map(|(account, standing)| TroubledAccount {
            account,
            suspended: standing.suspended,
            apart_since: standing.isolated,
        })
        .collect();
    let (suspended, apart_since) = match account {
        Some(account) => {
            let standing = conduct.standing(account);
            (standing.suspended, standing.isolated)
        }
        None => {
            let first = (troubled.iter()).find_map(|it| it.suspended.clone());
            let isolated = troubled.iter().filter_map(|it| it.apart_since).min();
            (conduct.everywhere().cloned().or(first), isolated)
        }
    };
    let status = match (&suspended, &plugin.fault) {
        (Some(_), _) => PluginStatus::Suspended,
        (None, Some(_)) => PluginStatus::Broken,
        (None, None) => PluginStatus::Ok,
    };
    PluginReport {
        name: plugin.name.clone(),
        status,
        hash: plugin.hash(),
        loaded_at: plugin.loaded_at,
        fault: plugin.fault.clone(),
        suspended,
        apart_since,
        metrics: conduct.health.metrics(account),
        of_all: conduct.health.metrics(None),
        troubled,
    }
}
