//! One state of the plugins folder, as attempts choose their scripts from it. A change of the
//! folder makes a new table; whoever holds the old one goes on with it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};

use super::conduct::{Conduct, Measure};
use crate::domain::id::AccountId;
use crate::plugin::{ScriptHash, ScriptKind, ScriptName, Source, SourceFault, SourceSet};

/// One script of the folder.
#[derive(Debug)]
pub(crate) struct Plugin {
    pub(crate) name: ScriptName,
    /// The name as the database has it.
    pub(crate) path: Arc<str>,
    /// The version at work.
    pub(crate) source: Option<Source>,
    /// What is wrong with the file as it is now.
    pub(crate) fault: Option<SourceFault>,
    pub(crate) loaded_at: DateTime<Utc>,
    pub(crate) conduct: Arc<Conduct>,
}

impl Plugin {
    pub(crate) fn hash(&self) -> Option<ScriptHash> {
        self.source.as_ref().map(|source| source.hash)
    }

    /// Why an account's deliveries wait for it, as text; None: they do not.
    pub(crate) fn trouble(&self, account: AccountId) -> Option<String> {
        let name = &self.path;
        if let Some((_, reason)) = self.conduct.standing(account).suspended {
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

    /// Whether it has come to a verdict.
    pub(crate) fn is_proven(&self) -> bool {
        self.conduct.proven.load(Ordering::Relaxed)
    }

    fn works_for(&self, account: Option<AccountId>) -> bool {
        self.source.is_some() && self.conduct.works_for(account)
    }
}

/// The scripts that an attempt needs.
#[derive(Debug)]
pub(crate) enum Chosen {
    /// None: the payload goes as it was published.
    None,
    /// The delivery waits for the script of this name.
    Held(Arc<str>),
    /// These, in this order.
    Run(Vec<Arc<Plugin>>),
}

/// All scripts, by kind and bare name.
#[derive(Debug, Default)]
pub(crate) struct PluginTable {
    triggers: HashMap<Box<str>, Arc<Plugin>>,
    named: HashMap<Box<str>, Arc<Plugin>>,
}

impl PluginTable {
    /// The table of a set. A version that `last` has keeps its conduct.
    pub(crate) fn of(set: &SourceSet, last: &Self, measure: &Measure) -> Self {
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
            plugin.conduct.share_memory(set.scripts.len());
            kind.insert(name.name().into(), Arc::new(plugin));
        }
        table
    }

    pub(crate) fn find(&self, name: &ScriptName) -> Option<&Arc<Plugin>> {
        match name.kind() {
            ScriptKind::Trigger => self.triggers.get(name.name()),
            ScriptKind::Named => self.named.get(name.name()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.triggers.is_empty() && self.named.is_empty()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.triggers.values().chain(self.named.values())
    }

    /// What an event of that type for an account's subscription that names `plugin` goes through.
    pub(crate) fn choose(
        &self,
        account: AccountId,
        event_type: &str,
        plugin: Option<&str>,
    ) -> Chosen {
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
        match chain.iter().find(|it| !it.works_for(Some(account))) {
            Some(plugin) => Chosen::Held(Arc::clone(&plugin.path)),
            None => Chosen::Run(chain),
        }
    }

    /// Whether a delivery of an account's subscription that names `plugin` still has to wait for
    /// the script of that path.
    pub(crate) fn holds(
        &self,
        path: &str,
        account: Option<AccountId>,
        plugin: Option<&str>,
    ) -> bool {
        let Ok(name) = path.parse::<ScriptName>() else {
            return false;
        };
        let script = self.find(&name);
        match name.kind() {
            ScriptKind::Trigger => script.is_some_and(|it| !it.works_for(account)),
            ScriptKind::Named => {
                plugin == Some(name.name()) && script.is_none_or(|it| !it.works_for(account))
            }
        }
    }
}

/// The path of a named script.
pub(crate) fn named_path(name: &str) -> Arc<str> {
    format!("{}/{name}.rhai", ScriptKind::Named.folder()).into()
}
