//! One state of the plugins folder, as attempts choose their scripts from it, and how each
//! version of a script does. A change of the folder makes a new table; who holds the old one
//! goes on with it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};

use crate::plugin::{
    Fault, Health, HealthRule, Limits, ScriptHash, ScriptKind, ScriptName, Source, SourceSet,
};

/// How one version of a script does; shared by every table that has the version.
#[derive(Debug)]
pub(in crate::actors) struct Conduct {
    pub(in crate::actors) health: Health,
    /// It came to a verdict once. Until then it runs apart: what loops for ever does so from its
    /// first run on, and must not stop a delivery thread even once.
    pub(in crate::actors) proven: AtomicBool,
    /// Since when it runs on a thread of its own.
    pub(in crate::actors) apart: OnceLock<DateTime<Utc>>,
    /// Since when its deliveries are held, and why.
    pub(in crate::actors) suspended: OnceLock<(DateTime<Utc>, String)>,
}

/// One script of the folder.
#[derive(Debug)]
pub(in crate::actors) struct Plugin {
    pub(in crate::actors) name: ScriptName,
    /// The name as the database has it.
    pub(in crate::actors) path: Arc<str>,
    /// The version at work.
    pub(in crate::actors) source: Option<Source>,
    /// What is wrong with the file as it stands.
    pub(in crate::actors) fault: Option<Fault>,
    pub(in crate::actors) loaded_at: DateTime<Utc>,
    pub(in crate::actors) conduct: Arc<Conduct>,
}

impl Plugin {
    pub(in crate::actors) fn hash(&self) -> Option<ScriptHash> {
        self.source.as_ref().map(|source| source.hash)
    }

    /// Why deliveries wait for it, in words; None: they do not.
    pub(in crate::actors) fn trouble(&self) -> Option<String> {
        let name = &self.path;
        if let Some((_, reason)) = self.conduct.suspended.get() {
            return Some(format!("The plugin {name} is suspended: {reason}"));
        }
        match (&self.source, &self.fault) {
            (Some(_), _) => None,
            (None, Some(fault)) => {
                let fault = fault.without_source();
                Some(format!("The plugin {name} is broken: {fault}"))
            }
            (None, None) => Some(format!("The plugin {name} is not loaded.")),
        }
    }

    /// Whether it is known to take long.
    pub(in crate::actors) fn is_slow(&self) -> bool {
        self.conduct.apart.get().is_some()
    }

    /// Whether it has come to a verdict.
    pub(in crate::actors) fn is_proven(&self) -> bool {
        self.conduct.proven.load(Ordering::Relaxed)
    }

    fn works(&self) -> bool {
        self.source.is_some() && self.conduct.suspended.get().is_none()
    }
}

/// What a new version is measured by.
#[derive(Debug, Clone)]
pub(in crate::actors) struct Measure {
    pub(in crate::actors) limits: Limits,
    pub(in crate::actors) rule: HealthRule,
}

impl Measure {
    /// Has a version judged by this one from now on.
    pub(in crate::actors) fn apply(&self, conduct: &Conduct) {
        conduct.health.judge_by(self.rule, self.limits.deadline);
    }

    fn fresh(&self) -> Arc<Conduct> {
        Arc::new(Conduct {
            health: Health::new(self.rule, self.limits.deadline),
            proven: AtomicBool::new(false),
            apart: OnceLock::new(),
            suspended: OnceLock::new(),
        })
    }
}

/// The scripts that an attempt needs.
#[derive(Debug)]
pub(in crate::actors) enum Chosen {
    /// None: the payload goes as it was published.
    None,
    /// The delivery waits for the script of this name.
    Held(Arc<str>),
    /// These, in this order.
    Run(Vec<Arc<Plugin>>),
}

/// All scripts, by kind and bare name.
#[derive(Debug, Default)]
pub(in crate::actors) struct PluginTable {
    triggers: HashMap<Box<str>, Arc<Plugin>>,
    named: HashMap<Box<str>, Arc<Plugin>>,
}

impl PluginTable {
    /// The table of a set. A version that `last` has keeps its conduct.
    pub(in crate::actors) fn of(set: &SourceSet, last: &Self, measure: &Measure) -> Self {
        let mut table = Self::default();
        for (name, entry) in &set.scripts {
            let hash = entry.source.as_ref().map(|source| source.hash);
            let before = last.find(name).filter(|plugin| plugin.hash() == hash);
            let plugin = Plugin {
                name: name.clone(),
                path: name.to_string().into(),
                source: entry.source.clone(),
                fault: entry.broken.clone(),
                loaded_at: entry.loaded_at,
                conduct: before
                    .map_or_else(|| measure.fresh(), |plugin| Arc::clone(&plugin.conduct)),
            };
            let kind = match name.kind() {
                ScriptKind::Trigger => &mut table.triggers,
                ScriptKind::Named => &mut table.named,
            };
            kind.insert(name.name().into(), Arc::new(plugin));
        }
        table
    }

    pub(in crate::actors) fn find(&self, name: &ScriptName) -> Option<&Arc<Plugin>> {
        match name.kind() {
            ScriptKind::Trigger => self.triggers.get(name.name()),
            ScriptKind::Named => self.named.get(name.name()),
        }
    }

    pub(in crate::actors) fn is_empty(&self) -> bool {
        self.triggers.is_empty() && self.named.is_empty()
    }

    pub(in crate::actors) fn all(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.triggers.values().chain(self.named.values())
    }

    /// What an event of that type for a subscription that names `plugin` goes through.
    pub(in crate::actors) fn choose(&self, event_type: &str, plugin: Option<&str>) -> Chosen {
        let trigger = self.triggers.get(event_type);
        if trigger.is_none() && plugin.is_none() {
            return Chosen::None;
        }
        let mut chain = Vec::with_capacity(2);
        if let Some(trigger) = trigger {
            chain.push(Arc::clone(trigger));
        }
        if let Some(name) = plugin {
            match self.named.get(name) {
                Some(named) => chain.push(Arc::clone(named)),
                None => return Chosen::Held(named_path(name)),
            }
        }
        match chain.iter().find(|plugin| !plugin.works()) {
            Some(plugin) => Chosen::Held(Arc::clone(&plugin.path)),
            None => Chosen::Run(chain),
        }
    }

    /// Whether a delivery of a subscription that names `plugin` still has to wait for the script
    /// of that path.
    pub(in crate::actors) fn holds(&self, path: &str, plugin: Option<&str>) -> bool {
        let Ok(name) = path.parse::<ScriptName>() else {
            return false;
        };
        let script = self.find(&name);
        match name.kind() {
            ScriptKind::Trigger => script.is_some_and(|script| !script.works()),
            ScriptKind::Named => {
                plugin == Some(name.name()) && script.is_none_or(|script| !script.works())
            }
        }
    }
}

/// The path of a named script.
pub(in crate::actors) fn named_path(name: &str) -> Arc<str> {
    format!("{}/{name}.rhai", ScriptKind::Named.folder()).into()
}
