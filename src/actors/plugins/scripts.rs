//! The scripts of one delivery thread: compiled here, because a compiled script cannot cross
//! threads, at their first use after each change. What takes too long runs in an isolated
//! runner.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::Plugins;
use super::conduct::Measure;
use super::reloader::PluginJudged;
use super::table::{Chosen, Plugin, PluginTable};
use crate::actors::routing::Route;
use crate::actors::tell::tell;
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::plugin::{
    FailureKind, HealthJudgement, Job, OwnedEvent, Part, Ran, Run, Runtime, Script, ScriptEvent,
    ScriptFailure, ScriptHash, ScriptName, ScriptSubscription, SourceFault, run_chain,
};
use crate::store::clock::uptime;
use crate::store::plugin_health::Finding;

/// How long an attempt waits for its turn and its scripts in an isolated runner, before it is put
/// back. Longer than any one run may take, and short enough for its claim on the delivery to
/// outlast this and the request.
const MOST_ISOLATED: Duration = Duration::from_millis(2_500);

/// What scripts made of an attempt.
pub(crate) enum PreparedAttempt {
    /// No script is concerned: the payload goes as it was published.
    AsPublished,
    /// They ran.
    Ran(Box<Run>),
    /// The delivery waits for the script of this path.
    Held(Arc<str>),
    /// There was no time for it now.
    Later,
}

/// The event of an attempt.
pub(crate) struct AttemptEvent<'a> {
    pub(crate) event: EventId,
    pub(crate) event_type: &'a str,
    pub(crate) payload: &'a Bytes,
    /// Which try of its round this is, from 1.
    pub(crate) attempt: i32,
    pub(crate) now: DateTime<Utc>,
}

/// The scripts of the thread.
pub(crate) struct Scripts {
    plugins: Plugins,
    /// Which table this is.
    generation: Cell<u64>,
    table: RefCell<Arc<PluginTable>>,
    /// Attempts that wait for slow scripts.
    waiting: RefCell<HashMap<SubscriptionId, usize>>,
    /// With what it was made for.
    runtime: RefCell<Option<(Arc<Measure>, Rc<Runtime>)>>,
    compiled: RefCell<HashMap<ScriptName, (ScriptHash, Rc<Script>)>>,
}

impl Scripts {
    pub(crate) fn new(plugins: Plugins) -> Self {
        Self {
            plugins,
            generation: Cell::new(0),
            table: RefCell::default(),
            waiting: RefCell::default(),
            runtime: RefCell::default(),
            compiled: RefCell::default(),
        }
    }

    /// Runs what an attempt needs. The versions are those of the moment it begins.
    pub(crate) async fn prepare(&self, route: &Route, given: AttemptEvent<'_>) -> PreparedAttempt {
        self.look_for_changes();
        let chosen =
            (self.table.borrow()).choose(route.account, given.event_type, route.plugin.as_deref());
        let chain = match chosen {
            Chosen::None => return PreparedAttempt::AsPublished,
            Chosen::Held(path) => return PreparedAttempt::Held(path),
            Chosen::Run(chain) => chain,
        };
        let is_slow = |plugin: &Arc<Plugin>| plugin.conduct.is_slow_for(route.account);
        let slow = chain.iter().any(is_slow);
        let run = if slow || !chain.iter().all(|plugin| plugin.is_proven()) {
            // One that takes long must not have all the room of its subscription: what needs
            // other scripts, or none, has its turn as well.
            let place = slow.then(|| self.slow_place(route));
            if let Some(None) = place {
                return PreparedAttempt::Later;
            }
            let run = self.plugins.run_isolated(job(&chain, route, &given), slow);
            match tokio::time::timeout(MOST_ISOLATED, run).await {
                Ok(Ok(run)) => run,
                Ok(Err(error)) => {
                    tracing::debug!(%error, "plugins cannot be run in the isolated runner now");
                    return PreparedAttempt::Later;
                }
                Err(_elapsed) => return PreparedAttempt::Later,
            }
        } else {
            self.run(&chain, route, &given)
        };
        self.judge(&chain, route.account, &run, given.now);
        PreparedAttempt::Ran(Box::new(run))
    }

    /// A place among the attempts of a subscription that wait for a slow script: half of all.
    fn slow_place(&self, route: &Route) -> Option<SlowPlace<'_>> {
        let most = (route.max_in_flight / 2).max(1);
        let mut waiting = self.waiting.borrow_mut();
        let count = waiting.entry(route.id).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(SlowPlace {
            scripts: self,
            subscription: route.id,
        })
    }

    fn look_for_changes(&self) {
        let generation = self.plugins.shared.generation.load(Ordering::Acquire);
        if self.generation.replace(generation) == generation {
            return;
        }
        let measure = self.plugins.measure();
        let is_other = |(old, _): &(Arc<Measure>, _)| !Arc::ptr_eq(old, &measure);
        if self.runtime.borrow().as_ref().is_some_and(is_other) {
            self.runtime.replace(None);
            self.compiled.borrow_mut().clear();
        }
        let table = self.plugins.table();
        self.compiled.borrow_mut().retain(|name, (hash, _)| {
            let plugin = table.find(name);
            plugin.is_some_and(|plugin| plugin.hash() == Some(*hash))
        });
        self.table.replace(table);
    }

    /// The thread's, made at first use, and again for other limits.
    fn runtime(&self) -> Rc<Runtime> {
        let mut runtime = self.runtime.borrow_mut();
        let (_, runtime) = runtime.get_or_insert_with(|| {
            let measure = self.plugins.measure();
            let runtime = Rc::new(Runtime::new(measure.limits.clone()));
            (measure, runtime)
        });
        Rc::clone(runtime)
    }

    fn run(&self, chain: &[Arc<Plugin>], route: &Route, given: &AttemptEvent<'_>) -> Run {
        let runtime = &*self.runtime();
        let mut scripts = Vec::with_capacity(chain.len());
        for plugin in chain {
            match self.script(runtime, plugin) {
                Ok(script) => scripts.push(script),
                Err(fault) => return not_run(plugin, fault),
            }
        }
        let scripts: Vec<&Script> = scripts.iter().map(AsRef::as_ref).collect();
        let id = given.event.to_string();
        let subscription = route.id.to_string();
        let view = ScriptEvent {
            id: &id,
            event_type: given.event_type,
            received_at: received_at(given.event),
            attempt: i64::from(given.attempt),
            payload: given.payload,
            subscription: ScriptSubscription {
                id: &subscription,
                title: &route.title,
                target: route.url.whole(),
            },
            now: given.now,
        };
        run_chain(runtime, &scripts, &view)
    }

    fn script(&self, runtime: &Runtime, plugin: &Plugin) -> Result<Rc<Script>, SourceFault> {
        let Some(source) = &plugin.source else {
            return Err(SourceFault::whole("no version of it works"));
        };
        if let Some((hash, script)) = self.compiled.borrow().get(&plugin.name)
            && *hash == source.hash
        {
            return Ok(Rc::clone(script));
        }
        let script = Rc::new(runtime.compile(source)?);
        let entry = (source.hash, Rc::clone(&script));
        self.compiled
            .borrow_mut()
            .insert(plugin.name.clone(), entry);
        Ok(script)
    }

    /// Records how the versions that took part did.
    fn judge(&self, chain: &[Arc<Plugin>], account: AccountId, run: &Run, now: DateTime<Utc>) {
        for part in &run.scripts {
            let Some(plugin) = chain.iter().find(|plugin| plugin.name == part.name) else {
                continue;
            };
            let failure = run.verdict.as_ref().err();
            let failure = failure.filter(|failure| failure.script == part.name);
            let conduct = &plugin.conduct;
            if failure.is_none() && !conduct.proven.load(Ordering::Relaxed) {
                conduct.proven.store(true, Ordering::Relaxed);
            }
            let ran = Ran {
                account,
                now: uptime(),
                cpu: part.cpu,
                failed: failure.map(|failure| (failure.kind, &failure.fault)),
                isolated: conduct.is_slow_for(account),
            };
            let (is_news, finding, reason) = match conduct.health.record(ran) {
                HealthJudgement::Fine => continue,
                HealthJudgement::Isolate { reason } => {
                    (conduct.isolate(account, now), Finding::Apart, reason)
                }
                HealthJudgement::ComeBack => {
                    (conduct.bring_back(account), Finding::Back, String::new())
                }
                HealthJudgement::Suspend { reason } => (
                    conduct.suspend(account, now, &reason),
                    Finding::Suspended,
                    reason,
                ),
            };
            if let (true, Some(reloader)) = (is_news, self.plugins.shared.reloader.get()) {
                let plugin = Arc::clone(plugin);
                // If it is lost, the next start finds out by itself.
                tell(
                    reloader,
                    PluginJudged {
                        plugin,
                        account,
                        finding,
                        at: now,
                        reason,
                    },
                );
            }
        }
    }
}

/// Given back when the attempt goes on or is given up.
struct SlowPlace<'a> {
    scripts: &'a Scripts,
    subscription: SubscriptionId,
}

impl Drop for SlowPlace<'_> {
    fn drop(&mut self) {
        let mut waiting = self.scripts.waiting.borrow_mut();
        if let Some(count) = waiting.get_mut(&self.subscription) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.subscription);
            }
        }
    }
}

/// A script that was checked and does not compile here after all.
fn not_run(plugin: &Plugin, fault: SourceFault) -> Run {
    let part = plugin.source.as_ref().map(Part::not_run);
    Run {
        verdict: Err(ScriptFailure {
            script: plugin.name.clone(),
            kind: FailureKind::Error,
            fault,
        }),
        log: Vec::new(),
        operations: 0,
        elapsed: Duration::ZERO,
        scripts: part.into_iter().collect(),
    }
}

fn received_at(event: EventId) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(event.millis()).unwrap_or_default()
}

fn job(chain: &[Arc<Plugin>], route: &Route, given: &AttemptEvent<'_>) -> Job {
    Job {
        account: Some(route.account),
        sources: chain
            .iter()
            .filter_map(|plugin| plugin.source.clone())
            .collect(),
        event: OwnedEvent {
            id: given.event.to_string(),
            event_type: given.event_type.to_owned(),
            received_at: received_at(given.event),
            attempt: i64::from(given.attempt),
            payload: given.payload.clone(),
            subscription_id: route.id.to_string(),
            title: route.title.clone(),
            target: route.url.whole().to_owned(),
            now: given.now,
        },
    }
}
