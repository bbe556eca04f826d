//! PluginReloader: takes each new state of the plugins folder over, remembers which versions
//! misbehaved, and releases the deliveries that waited for a script that works again.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use chrono::{DateTime, Utc};

use super::Plugins;
use super::table::{Plugin, PluginTable};
use crate::actors::routing::Routing;
use crate::actors::tell::tell;
use crate::domain::id::AccountId;
use crate::plugin::watcher::Watcher;
use crate::plugin::{ScriptEntry, SourceFault, SourceSet, check, folder};
use crate::store::clock::DatabaseClock;
use crate::store::plugin_health::{self, AccountMark, Finding};
use crate::store::plugin_state::{self, FoundPlugin, PluginMark};
use crate::store::{Database, StoreError, held};

/// How often other daemons' findings, and what waits for scripts, are looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// The folder has a new state. Sent by the watcher's thread. If it is lost, so is the daemon.
#[derive(Message)]
#[rtype(result = "()")]
struct FolderChanged(Arc<SourceSet>);

/// A version is to run in another way for an account, or not at all. Sent by the delivery thread
/// that found out, once. If it is lost, other daemons and the next start find out by themselves.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct PluginJudged {
    pub(super) plugin: Arc<Plugin>,
    pub(super) account: AccountId,
    pub(super) finding: Finding,
    pub(super) at: DateTime<Utc>,
    pub(super) reason: String,
}

/// Look at the folder. Sent when the settings are read again; if it is lost, the watcher looks by
/// itself.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Rescan;

/// Time to look after marks and held deliveries.
#[derive(Message)]
#[rtype(result = "()")]
struct PluginSweepTick;

/// What is to be written into the database, in this order.
#[derive(Debug, Clone)]
enum Note {
    Found(FoundPlugin),
    Judged {
        mark: AccountMark,
        finding: Finding,
        at: DateTime<Utc>,
        reason: String,
    },
}

/// What the actor is made of.
pub(crate) struct ReloaderParts {
    pub(crate) folder: PathBuf,
    pub(crate) database: Database,
    pub(crate) clock: Arc<DatabaseClock>,
    pub(crate) routing: Arc<Routing>,
    pub(crate) plugins: Plugins,
}

pub(crate) struct PluginReloader {
    parts: ReloaderParts,
    /// What `started` begins to follow from.
    first: Arc<SourceSet>,
    table: Arc<PluginTable>,
    watcher: Option<Watcher>,
    notes: VecDeque<Note>,
    sweeping: bool,
    /// A sweep was asked for while one was at work.
    again: bool,
}

impl PluginReloader {
    /// Loads the folder and what is known of its scripts.
    pub(crate) async fn load(parts: ReloaderParts) -> Result<Self, StoreError> {
        let measure = parts.plugins.measure();
        let clock = Arc::clone(&parts.clock);
        let (mut first, fault) = folder::load(
            &parts.folder,
            &|source| check(&source.text, &measure.limits).map(drop),
            &|| clock.now(),
        );
        let marks = plugin_state::all(&parts.database).await?;
        match fault {
            Some(fault) if marks.is_empty() => tracing::info!(%fault, "there are no plugins"),
            // What filtered and redacted must not step aside because a disk is not there yet.
            Some(fault) => hold_known(&mut first, &marks, &fault, clock.now()),
            None => {}
        }
        let table = parts.plugins.take_over(&first);
        obey(&table, &marks, &plugin_health::all(&parts.database).await?);
        let mut notes = log_changes(&PluginTable::default(), &table);
        let is_gone = |mark: &&PluginMark| find(&table, &mark.name).is_none();
        notes.extend(marks.iter().filter(is_gone).map(|mark| gone(&mark.name)));
        Ok(Self {
            parts,
            first: Arc::new(first),
            table,
            watcher: None,
            notes,
            sweeping: false,
            again: false,
        })
    }

    fn follow(&mut self, me: Addr<Self>) {
        let plugins = self.parts.plugins.clone();
        let clock = Arc::clone(&self.parts.clock);
        let watcher = Watcher::start(
            &self.parts.folder,
            Arc::clone(&self.first),
            move |source| check(&source.text, &plugins.measure().limits).map(drop),
            move |set| tell(&me, FolderChanged(set)),
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

    fn sweep_soon(&mut self, ctx: &mut Context<Self>) {
        self.again = true;
        ctx.notify(PluginSweepTick);
    }
}

impl Actor for PluginReloader {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let _ = self.parts.plugins.shared.reloader.set(ctx.address());
        self.follow(ctx.address());
        self.sweep_soon(ctx);
        ctx.run_interval(SWEEP, |_, ctx| ctx.notify(PluginSweepTick));
    }
}

impl Handler<FolderChanged> for PluginReloader {
    type Result = ();

    fn handle(&mut self, message: FolderChanged, ctx: &mut Self::Context) {
        let table = self.parts.plugins.take_over(&message.0);
        self.notes.extend(log_changes(&self.table, &table));
        self.table = table;
        self.sweep_soon(ctx);
    }
}

impl Handler<Rescan> for PluginReloader {
    type Result = ();

    fn handle(&mut self, _: Rescan, _: &mut Self::Context) {
        if let Some(watcher) = &self.watcher {
            watcher.rescan();
        }
    }
}

impl Handler<PluginJudged> for PluginReloader {
    type Result = ();

    fn handle(&mut self, message: PluginJudged, ctx: &mut Self::Context) {
        let PluginJudged {
            plugin,
            account,
            finding,
            at,
            reason,
        } = message;
        let name = &*plugin.path;
        match finding {
            Finding::Suspended => tracing::warn!(
                plugin = %name, %account, %reason,
                "suspended for an account until its file changes"
            ),
            Finding::Apart => {
                tracing::info!(
                    plugin = %name, %account, %reason,
                    "runs in the isolated runner for an account"
                );
            }
            Finding::Back => {
                tracing::info!(
                    plugin = %name, %account,
                    "is quick, and no longer runs in the isolated runner"
                );
            }
        }
        if let Some(hash) = plugin.hash() {
            self.notes.push_back(Note::Judged {
                mark: AccountMark::new(name, &hash.hex(), account),
                finding,
                at,
                reason,
            });
            self.sweep_soon(ctx);
        }
    }
}

impl Handler<PluginSweepTick> for PluginReloader {
    type Result = ();

    fn handle(&mut self, _: PluginSweepTick, ctx: &mut Self::Context) {
        if std::mem::replace(&mut self.sweeping, true) {
            return;
        }
        self.again = false;
        let sweep = sweep(
            self.parts.database.clone(),
            Arc::clone(&self.table),
            Arc::clone(&self.parts.routing),
            std::mem::take(&mut self.notes),
        );
        let sweep = actix::fut::wrap_future::<_, Self>(sweep);
        ctx.spawn(sweep.map(|(mut left, swept), actor, ctx| {
            actor.sweeping = false;
            left.append(&mut actor.notes);
            actor.notes = left;
            match swept {
                Ok(()) if actor.again => ctx.notify(PluginSweepTick),
                Ok(()) => {}
                // Others log that the database is away.
                Err(error) if error.is_away() => {
                    tracing::debug!(%error, "the plugins cannot be looked after yet");
                }
                Err(error) => tracing::warn!(%error, "the plugins could not be looked after"),
            }
        }));
    }
}

/// Writes the notes into the database, obeys what other daemons found out, and releases the
/// deliveries whose script works. Returns the notes that it could not write.
async fn sweep(
    database: Database,
    table: Arc<PluginTable>,
    routing: Arc<Routing>,
    mut notes: VecDeque<Note>,
) -> (VecDeque<Note>, Result<(), StoreError>) {
    while let Some(note) = notes.front() {
        match write_note(&database, note).await {
            Err(error) if error.is_away() => return (notes, Err(error)),
            Err(error) => tracing::error!(?note, %error, "a plugin's state cannot be kept"),
            Ok(()) => {}
        }
        notes.pop_front();
    }
    (notes, look_after(&database, &table, &routing).await)
}

async fn write_note(database: &Database, note: &Note) -> Result<(), StoreError> {
    match note {
        Note::Found(plugin) => plugin_state::found(database, plugin).await,
        Note::Judged {
            mark,
            finding,
            at,
            reason,
        } => plugin_health::note(database, mark, finding, *at, reason).await,
    }
}

async fn look_after(
    database: &Database,
    table: &PluginTable,
    routing: &Routing,
) -> Result<(), StoreError> {
    if !table.is_empty() {
        let marks = plugin_state::all(database).await?;
        obey(table, &marks, &plugin_health::all(database).await?);
    }
    let subscriptions = routing.current();
    for hold in held::holds(database).await? {
        let route = subscriptions.route(hold.subscription);
        let plugin = route.and_then(|route| route.plugin.as_deref());
        if !table.holds(&hold.script, route.map(|route| route.account), plugin) {
            let released = held::let_go(database, &hold).await?;
            tracing::info!(
                plugin = %hold.script, subscription = %hold.subscription, deliveries = released,
                "deliveries that waited for a plugin are due"
            );
        }
    }
    Ok(())
}

fn find<'a>(table: &'a PluginTable, path: &str) -> Option<&'a Arc<Plugin>> {
    match path.parse() {
        Ok(name) => table.find(&name),
        // A file that is refused for its name is known by it all the same.
        Err(_) => table.all().find(|plugin| *plugin.path == *path),
    }
}

/// Puts the scripts that were known into a set of a folder that cannot be read: as broken ones,
/// so that their deliveries are held.
fn hold_known(set: &mut SourceSet, marks: &[PluginMark], fault: &str, now: DateTime<Utc>) {
    for mark in marks {
        let Ok(name) = mark.name.parse() else {
            continue;
        };
        set.scripts.entry(name).or_insert_with(|| {
            Arc::new(ScriptEntry {
                source: None,
                broken: Some(SourceFault::whole(fault)),
                loaded_at: now,
            })
        });
    }
}

/// Takes over what the marks say of the versions at work.
fn obey(table: &PluginTable, marks: &[PluginMark], of_accounts: &[AccountMark]) {
    let at_work = |name: &str, hash: &str| {
        let plugin = find(table, name)?;
        let own = plugin.hash()?;
        (own.hex() == hash).then_some(plugin)
    };
    for mark in of_accounts {
        if let Some(plugin) = at_work(&mark.name, &mark.hash) {
            plugin.conduct.obey(mark);
        }
    }
    for mark in marks {
        let hash = mark.hash.as_deref().unwrap_or_default();
        if let (Some(at), Some(reason)) = (mark.suspended_at, &mark.reason)
            && let Some(plugin) = at_work(&mark.name, hash)
        {
            plugin.conduct.obey_everywhere(at, reason);
        }
    }
}

/// Logs what changed, for the operator; returns what is to be written into the database.
fn log_changes(old: &PluginTable, new: &PluginTable) -> VecDeque<Note> {
    let mut notes = VecDeque::new();
    for plugin in new.all() {
        let before = old.find(&plugin.name);
        let hash = plugin.hash();
        if before.is_some_and(|it| it.hash() == hash && it.fault == plugin.fault) {
            continue;
        }
        let path = &plugin.path;
        match (&plugin.fault, hash) {
            (Some(fault), Some(hash)) => tracing::warn!(
                plugin = %path, %hash, %fault,
                "broken, its last good version stays at work"
            ),
            (Some(fault), None) => {
                tracing::warn!(plugin = %path, %fault, "broken, its deliveries are held");
            }
            (None, Some(hash)) => tracing::info!(plugin = %path, %hash, "plugin loaded"),
            (None, None) => {}
        }
        notes.push_back(Note::Found(FoundPlugin {
            name: path.to_string(),
            hash: hash.map(|hash| hash.hex()),
            broken: plugin.fault.as_ref().map(SourceFault::without_source),
        }));
    }
    for plugin in old.all().filter(|it| new.find(&it.name).is_none()) {
        tracing::info!(plugin = %plugin.path, "plugin removed");
        notes.push_back(gone(&plugin.path));
    }
    notes
}

fn gone(path: &str) -> Note {
    Note::Found(FoundPlugin {
        name: path.to_owned(),
        hash: None,
        broken: None,
    })
}
