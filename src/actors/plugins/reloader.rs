//! PluginReloader: takes each new state of the plugins folder over, remembers which versions
//! misbehaved, and lets the deliveries go that waited for a script that works again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::Plugins;
use super::table::{Plugin, PluginTable};
use crate::actors::routing::Routing;
use crate::plugin::watcher::Watcher;
use crate::plugin::{SourceSet, check, folder};
use crate::store::clock::DatabaseClock;
use crate::store::{Database, StoreError, held, plugin_state};

/// How often other daemons' findings are looked at, and what waits for scripts.
const SWEEP: Duration = Duration::from_secs(1);

/// The folder has a new state. Sent by the watcher's thread. If it is lost, so is the daemon.
#[derive(Message)]
#[rtype(result = "()")]
struct FolderChanged(Arc<SourceSet>);

/// A version overran its deadline or failed too much. Sent by the delivery thread that found
/// out, once for each version. If it is lost, the version runs until somebody finds out again.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct PluginMisbehaved {
    pub(super) plugin: Arc<Plugin>,
    /// It is suspended; else it runs apart.
    pub(super) suspended: bool,
    pub(super) reason: String,
}

/// Time to look after marks and held deliveries.
#[derive(Message)]
#[rtype(result = "()")]
struct SweepTick;

/// What the actor is made of.
pub(in crate::actors) struct ReloaderParts {
    pub(in crate::actors) folder: PathBuf,
    pub(in crate::actors) database: Database,
    pub(in crate::actors) clock: Arc<DatabaseClock>,
    pub(in crate::actors) routing: Arc<Routing>,
    pub(in crate::actors) plugins: Plugins,
}

/// The actor.
pub(in crate::actors) struct PluginReloader {
    parts: ReloaderParts,
    /// What `started` begins to follow from.
    first: Arc<SourceSet>,
    table: Arc<PluginTable>,
    watcher: Option<Watcher>,
    sweeping: bool,
    /// A sweep was asked for while one was at work.
    again: bool,
}

impl PluginReloader {
    /// Loads the folder and what is known of its scripts.
    pub(in crate::actors) async fn load(parts: ReloaderParts) -> Result<Self, StoreError> {
        let limits = parts.plugins.limits().clone();
        let clock = Arc::clone(&parts.clock);
        let (first, fault) = folder::load(
            &parts.folder,
            &|source| check(&source.text, &limits).map(drop),
            &|| clock.now(),
        );
        if let Some(fault) = fault {
            tracing::info!("no plugins: {fault}");
        }
        let table = parts.plugins.take_over(&first);
        tell_of(&PluginTable::default(), &table);
        obey(&table, &plugin_state::all(&parts.database).await?);
        Ok(Self {
            parts,
            first: Arc::new(first),
            table,
            watcher: None,
            sweeping: false,
            again: false,
        })
    }

    fn follow(&mut self, me: Addr<Self>) {
        let limits = self.parts.plugins.limits().clone();
        let clock = Arc::clone(&self.parts.clock);
        let watcher = Watcher::start(
            &self.parts.folder,
            Arc::clone(&self.first),
            move |source| check(&source.text, &limits).map(drop),
            move |set| {
                crate::actors::tell::tell(&me, FolderChanged(set));
            },
            move || clock.now(),
        );
        match watcher {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => tracing::error!(
                %error, folder = %self.parts.folder.display(),
                "the plugins folder is not followed: restart Herald after a change"
            ),
        }
    }
}

impl Actor for PluginReloader {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let _ = self.parts.plugins.shared.reloader.set(ctx.address());
        self.follow(ctx.address());
        ctx.run_interval(SWEEP, |_, ctx| ctx.notify(SweepTick));
    }
}

impl Handler<FolderChanged> for PluginReloader {
    type Result = ();

    fn handle(&mut self, message: FolderChanged, ctx: &mut Self::Context) {
        let table = self.parts.plugins.take_over(&message.0);
        tell_of(&self.table, &table);
        self.table = table;
        self.again = true;
        ctx.notify(SweepTick);
    }
}

impl Handler<PluginMisbehaved> for PluginReloader {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: PluginMisbehaved, _: &mut Self::Context) -> Self::Result {
        let PluginMisbehaved {
            plugin,
            suspended,
            reason,
        } = message;
        let name = Arc::clone(&plugin.path);
        if suspended {
            tracing::warn!(plugin = %name, "suspended until its file changes: {reason}");
        } else {
            tracing::warn!(plugin = %name, "runs apart until its file changes: {reason}");
        }
        let database = self.parts.database.clone();
        Box::pin(async move {
            let Some(hash) = plugin.hash().map(|hash| hash.hex()) else {
                return;
            };
            let written = async {
                let mut connection = database.get().await?;
                if suspended {
                    plugin_state::suspend(&mut connection, &name, &hash, &reason).await?;
                } else {
                    plugin_state::set_apart(&mut connection, &name, &hash).await?;
                }
                Ok::<_, StoreError>(())
            };
            if let Err(error) = written.await {
                tracing::warn!(plugin = %name, %error, "a plugin's state could not be kept");
            }
        })
    }
}

impl Handler<SweepTick> for PluginReloader {
    type Result = ();

    fn handle(&mut self, _: SweepTick, ctx: &mut Self::Context) {
        if std::mem::replace(&mut self.sweeping, true) {
            return;
        }
        self.again = false;
        let sweep = sweep(
            self.parts.database.clone(),
            Arc::clone(&self.table),
            Arc::clone(&self.parts.routing),
        );
        let sweep = actix::fut::wrap_future::<_, Self>(sweep);
        ctx.spawn(sweep.map(|swept, actor, ctx| {
            actor.sweeping = false;
            if let Err(error) = swept {
                tracing::debug!(%error, "the plugins' states could not be looked at");
            }
            if actor.again {
                ctx.notify(SweepTick);
            }
        }));
    }
}

/// Obeys what other daemons found out, forgets what was known of versions that are gone, and
/// lets deliveries go whose script works.
async fn sweep(
    database: Database,
    table: Arc<PluginTable>,
    routing: Arc<Routing>,
) -> Result<(), StoreError> {
    let marks = plugin_state::all(&database).await?;
    obey(&table, &marks);
    for mark in &marks {
        let now = mark.name.parse().ok().and_then(|name| table.find(&name));
        let hash = now.and_then(|plugin| plugin.hash()).map(|hash| hash.hex());
        if hash.as_ref() != Some(&mark.hash) {
            let mut connection = database.get().await?;
            plugin_state::forget_other(&mut connection, &mark.name, hash.as_deref()).await?;
        }
    }
    let subscriptions = routing.current();
    for hold in held::holds(&database).await? {
        let route = subscriptions.route(hold.subscription);
        let plugin = route.and_then(|route| route.plugin.as_deref());
        if !table.holds(&hold.script, plugin) {
            let released = held::let_go(&database, &hold).await?;
            tracing::info!(
                plugin = %hold.script, subscription = %hold.subscription, deliveries = released,
                "deliveries that waited for a plugin are due"
            );
        }
    }
    Ok(())
}

/// Takes over what the marks say of the versions at work.
fn obey(table: &PluginTable, marks: &[plugin_state::PluginMark]) {
    for mark in marks {
        let plugin = mark.name.parse().ok().and_then(|name| table.find(&name));
        let Some(plugin) = plugin else { continue };
        if plugin.hash().is_none_or(|hash| hash.hex() != mark.hash) {
            continue;
        }
        if let Some(at) = mark.apart_at {
            let _ = plugin.conduct.apart.set(at);
        }
        if let (Some(at), Some(reason)) = (mark.suspended_at, &mark.reason) {
            let _ = plugin.conduct.suspended.set((at, reason.clone()));
        }
    }
}

/// Tells the operator what changed.
fn tell_of(old: &PluginTable, new: &PluginTable) {
    for plugin in new.all() {
        let before = old.find(&plugin.name);
        let hash = plugin.hash();
        let known = before.is_some_and(|it| it.hash() == hash && it.fault == plugin.fault);
        if known {
            continue;
        }
        match (&plugin.fault, hash) {
            (None, Some(hash)) => tracing::info!(plugin = %plugin.path, %hash, "loaded"),
            (Some(fault), Some(hash)) => tracing::warn!(
                plugin = %plugin.path, %hash,
                "broken, its last good version stays at work: {fault}"
            ),
            (fault, None) => tracing::warn!(
                plugin = %plugin.path,
                "broken, its deliveries are held: {}",
                fault.as_ref().map(ToString::to_string).unwrap_or_default()
            ),
        }
    }
    for plugin in old.all().filter(|it| new.find(&it.name).is_none()) {
        tracing::info!(plugin = %plugin.path, "removed");
    }
}
