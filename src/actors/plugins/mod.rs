//! The scripts at work: what is loaded, how each version does, and who may run it. The web layer
//! reads them here.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::plugin::{Fault, ScriptHash, ScriptKind, ScriptName};

/// Where a script stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginStatus {
    /// The file as it stands is at work.
    Ok,
    /// The file as it stands is not: an older version is, or none.
    Broken,
    /// It failed too much: its deliveries are held until its file changes.
    Suspended,
}

impl PluginStatus {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Broken => "broken",
            Self::Suspended => "suspended",
        }
    }
}

/// One script as people are told of it.
#[derive(Debug, Clone)]
pub struct PluginReport {
    /// Its place in the folder.
    pub name: ScriptName,
    /// Where it stands.
    pub status: PluginStatus,
    /// The version at work; none: nothing of it is, and its deliveries are held.
    pub hash: Option<ScriptHash>,
    /// When this state was read.
    pub loaded_at: DateTime<Utc>,
    /// What is wrong with the file as it stands.
    pub fault: Option<Fault>,
    /// Since when it is suspended, and why.
    pub suspended: Option<(DateTime<Utc>, String)>,
    /// Since when it runs on a thread of its own.
    pub apart_since: Option<DateTime<Utc>>,
    /// Runs of the version at work, by this daemon since its start.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// What 99 of 100 runs stayed below.
    pub p99: Option<Duration>,
    /// All runs together.
    pub total: Duration,
}

/// The handle. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Plugins {
    shared: Arc<()>,
}

impl Plugins {
    /// Every script of the folder, by name.
    #[must_use]
    pub fn list(&self) -> Vec<PluginReport> {
        let _ = &self.shared;
        Vec::new()
    }

    /// The names that subscriptions may use, sorted.
    #[must_use]
    pub fn named(&self) -> Vec<String> {
        let reports = self.list();
        let named = reports
            .iter()
            .filter(|report| report.name.kind() == ScriptKind::Named);
        named.map(|report| report.name.name().to_owned()).collect()
    }
}
