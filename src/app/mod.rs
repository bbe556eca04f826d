//! The daemon as a whole: builds its parts in order, and stops them in the reverse order.

mod folder;
mod keys;
mod logging;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub use folder::DataFolder;
pub use keys::{fresh as fresh_key, place_of as place_of_keys};

use crate::actors::{Engine, EngineSettings};
use crate::config::Config;
use crate::domain::address::AddressRules;
use crate::http::{self, HttpSettings, SiteSettings};
use crate::mail::MailSettings;
use crate::plugin::{HealthRule, Limits};
use crate::postgres::PrivatePostgres;
use crate::store::{Database, migrate};

/// Seconds that requests under way have to end at the stop; new ones are refused at once.
const HTTP_STOP_SECONDS: u64 = 2;

/// Runs the daemon until SIGTERM or SIGINT. A second signal ends it at once; what was accepted
/// is in the database either way. Must be called within an actix system.
///
/// # Errors
/// Whatever keeps it from starting, in words for the operator.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let begin = Instant::now();
    logging::start(&config)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let folder = DataFolder::lock(&config.data_dir)?;
    let listener = listen(&config)?;
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
    let served = serve(&config, &folder, listener, &url, begin, &mut signals).await;
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
    listener: TcpListener,
    url: &str,
    begin: Instant,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let ca_file = config.database.ca_file.as_deref();
    let database = Database::trusting(url, ca_file, config.database.connections)?;
    if let Some(warning) = database.warning() {
        tracing::warn!("{warning}");
    }
    for migration in migrate(&database)
        .await
        .context("the database cannot be migrated")?
    {
        tracing::info!(migration, "migrated");
    }
    let mail = MailSettings::from_config(&config.mail, &config.data_dir)
        .context("mail cannot be set up")?;
    let rules = AddressRules::new(config.allow_networks.clone());
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
        },
    )
    .await
    .context("the actors cannot be started")?;
    let address = listener.local_addr()?;
    let settings = HttpSettings {
        workers: config.http.workers,
        shutdown_seconds: HTTP_STOP_SECONDS,
        site: SiteSettings {
            base: config.base_address(address),
            named: config.http.public_url.is_some(),
            proxies: config.http.trusted_proxies.clone(),
        },
    };
    let server = http::server(listener, engine.clone(), settings)?;
    let handle = server.handle();
    let serving = actix::spawn(server);
    tokio::select! {
        () = engine.opened() => {}
        () = signals.next() => anyhow::bail!("stopped before the database could be used"),
    }
    let ready = begin.elapsed();
    tracing::info!(%address, ready_ms = ready.as_millis(), "Herald is open");
    told_systemd(&[sd_notify::NotifyState::Ready]);

    signals.next().await;
    tracing::info!("stopping: finishing what is under way");
    told_systemd(&[sd_notify::NotifyState::Stopping]);
    let bound = Duration::from_secs(config.drain_seconds);
    let stop = async {
        let (drained, ()) = tokio::join!(engine.stop(bound), handle.stop(true));
        drained
    };
    tokio::select! {
        drained = stop => {
            if drained {
                tracing::info!("stopped; the rest waits in the database");
            } else {
                tracing::warn!("not everything ended in time; the next start recovers it");
            }
        }
        () = signals.next() => tracing::warn!("stopped at once by a second signal"),
    }
    serving.abort();
    Ok(())
}

fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(config.http.listen).with_context(|| {
        format!(
            "cannot listen on {} (set HERALD_LISTEN to another address)",
            config.http.listen
        )
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Without systemd this does nothing.
fn told_systemd(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}

/// The signals that ask for an end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
