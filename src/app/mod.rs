//! The daemon as a whole: builds its parts in order, and stops them in the reverse order.

mod files;
mod folder;
mod keys;
mod listeners;
mod logging;
mod manager;
pub mod promises;
mod reload;
mod stop;

use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub use folder::DataFolder;
pub use keys::{fresh as fresh_key, place_of as place_of_keys};
pub(crate) use logging::failure;

use listeners::Listeners;
use logging::LogFilter;
use reload::Reloader;
use stop::StopBounds;

use crate::actors::{Engine, EngineSettings};
use crate::config::Config;
use crate::domain::address::AddressRules;
use crate::http::{self, HttpRules, HttpSettings, SiteSettings};
use crate::mail::MailSettings;
use crate::plugin::{HealthRule, Limits};
use crate::postgres::PrivatePostgres;
use crate::store::{Database, migrate};

/// Runs the daemon until SIGTERM or SIGINT. A second signal ends it at once; what was accepted
/// is in the database either way. `unsafe_database`: with the setting of that name, allows a
/// database that may lose what was committed. Must be called within an actix system.
///
/// # Errors
/// Whatever keeps it from starting, as text for the operator.
pub async fn run(config: Config, unsafe_database: bool) -> anyhow::Result<()> {
    let begin = Instant::now();
    let log = logging::start(&config)?;
    for warning in &config.warnings {
        tracing::warn!(warning, "the settings need a look");
    }
    files::permit(&config);
    let folder = DataFolder::lock(&config.data_dir)?;
    let listeners = listeners::open(&config)?;
    let mut signals = Signals::new()?;
    let private = match &config.database.url {
        Some(_) => None,
        None => Some(
            PrivatePostgres::start(&config.data_dir)
                .await
                .context("the private PostgreSQL cannot be started")?,
        ),
    };
    let url = match (&config.database.url, &private) {
        (Some(url), _) => url.clone(),
        (None, Some(private)) => private.url(),
        (None, None) => String::new(),
    };
    // In a block, so that the connections are closed before the server is stopped.
    let served = async {
        let ca_file = config.database.ca_file.as_deref();
        let database = Database::trusting(&url, ca_file, config.database.connections)?;
        database.set_bounds(config.accounts);
        if let Some(warning) = database.warning() {
            tracing::warn!(warning, "the database needs a look");
        }
        promises::check(&database, &config, unsafe_database).await?;
        reached(begin, "the database promises what it should");
        let whole = (listeners, database, log);
        serve(&config, &folder, whole, begin, &mut signals).await
    }
    .await;
    if let Some(private) = private {
        private
            .stop()
            .await
            .context("the private PostgreSQL did not stop")?;
    }
    served
}

async fn serve(
    config: &Config,
    folder: &DataFolder,
    (listeners, database, log): (Listeners, Database, LogFilter),
    begin: Instant,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    for migration in migrate(&database)
        .await
        .context("the database cannot be migrated")?
    {
        tracing::info!(migration, "migrated");
    }
    reached(begin, "the schema is up to date");
    let mail = MailSettings::from_config(&config.mail, &config.data_dir)
        .context("mail cannot be set up")?;
    let guarded = [listeners.ports()?, database.ports()].concat();
    let rules = address_rules(config, guarded.clone());
    let key_file = keys::agree(config, &database).await?;
    let engine = Engine::start(
        database,
        EngineSettings {
            folder: folder.id(),
            key_file: Some(key_file),
            delivery_workers: config.delivery_workers,
            memory_budget: config.memory_budget_bytes,
            lease: Duration::from_secs(config.lease_ttl_seconds),
            retention_days: config.retention_days,
            activity_retention_days: config.activity_retention_days,
            rules,
            plugins_folder: config.plugins.dir.clone(),
            plugin_limits: Limits::from_config(config),
            plugin_rule: HealthRule::from_config(config),
            mail,
            mail_retention_days: config.mail.retention_days,
            notice_after: Duration::from_secs(config.mail.notice_after_seconds),
            metrics_of: config.http.metrics_subscriptions,
        },
    )
    .await
    .context("the actors cannot be started")?;
    reached(begin, "the actors work");
    let address = listeners.address;
    let rules = HttpRules::new(config);
    let settings = HttpSettings {
        workers: config.http.workers,
        site: SiteSettings {
            base: config.base_address(listeners.pages),
            named: config.http.public_url.is_some(),
        },
        rules: rules.clone(),
    };
    let (server, closer) = http::server(listeners.all, engine.clone(), settings)?;
    let serving = actix::spawn(server);
    let opened = tokio::select! {
        () = engine.opened() => true,
        () = signals.next() => false,
    };
    let mut reloader = Reloader::new(config, engine.clone(), rules, log, guarded);
    if opened {
        let ready = begin.elapsed();
        tracing::info!(%address, ready_ms = ready.as_millis(), "Herald is open");
        manager::ready();
        manager::watch(&engine);
        while signals.next_or_reload().await == SignalRequest::Reload {
            reloader.reload().await;
        }
    }
    let bounds = StopBounds::from_config(reloader.config());
    manager::stopping(bounds.whole());
    tokio::select! {
        () = stop::in_order(&engine, &closer, bounds) => {}
        () = signals.next() => tracing::warn!("stopped at once by a second signal"),
    }
    serving.abort();
    Ok(())
}

/// Where targets may lead. `guarded`: the ports of Herald and of its database on this machine.
#[must_use]
pub fn address_rules(config: &Config, guarded: Vec<u16>) -> AddressRules {
    AddressRules::new(config.allow_networks.clone())
        .with_ports(config.allow_ports.clone())
        .guarding(guarded)
}

/// Shows where a start takes its time.
fn reached(begin: Instant, what: &str) {
    tracing::debug!(
        after_ms = begin.elapsed().as_millis(),
        what,
        "a step of the start is done"
    );
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignalRequest {
    Stop,
    Reload,
}

/// The signals that ask for an end, and the one that asks for the settings to be read again.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            // From the start: else an early one would end the process.
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next_or_reload(&mut self) -> SignalRequest {
        tokio::select! {
            _ = self.terminate.recv() => SignalRequest::Stop,
            _ = self.interrupt.recv() => SignalRequest::Stop,
            _ = self.hang_up.recv() => SignalRequest::Reload,
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
