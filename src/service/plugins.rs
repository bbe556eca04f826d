//! The scripts as people see them: what is loaded, what is broken or suspended, and how each does.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Schema;

use super::callers::Caller;
use super::input::one_of;
use super::views;
use crate::actors::{Engine, PluginReport, TroubledAccount};
use crate::domain::id::AccountId;
use crate::plugin::{Excerpt, ScriptKind, ScriptName, SourceFault};

/// What is wrong with a script.
#[derive(Serialize, ToSchema)]
pub struct ScriptFault {
    /// In plain words, without the place.
    pub message: String,
    /// From 1; null: it belongs to no line.
    pub line: Option<usize>,
    /// From 1, in characters.
    pub column: Option<usize>,
    /// That line of the script. Of scripts in `triggers/` it is for operator-wide tokens alone.
    pub source_line: Option<String>,
    /// That line and those around it; for operators alone, on pages.
    #[serde(skip)]
    pub excerpt: Option<Box<Excerpt>>,
}

impl ScriptFault {
    /// A fault as a caller may see it.
    #[must_use]
    pub fn new(fault: SourceFault, script: &ScriptName, caller: &Caller) -> Self {
        Self {
            message: fault.message,
            line: fault.line,
            column: fault.column,
            source_line: fault.source_line.filter(|_| may_read(script, caller)),
            excerpt: fault.excerpt.filter(|_| caller.operator),
        }
    }
}

/// Whether a caller may see lines of a script. Those of triggers are the operator's and act for
/// every account.
#[must_use]
pub fn may_read(script: &ScriptName, caller: &Caller) -> bool {
    caller.operator || script.kind() == ScriptKind::Named
}

/// A text about a script for an account's own users, without the lines that quote a trigger's
/// source.
#[must_use]
pub fn without_source(mut text: String) -> String {
    if text.starts_with("The plugin triggers/")
        && let Some(end) = text.find('\n')
    {
        text.truncate(end);
    }
    text
}

views! {
    /// An account for which a script is suspended or runs in the isolated runner.
    pub TroubledView of troubled: TroubledAccount {
        /// Which.
        account_id: AccountId = troubled.account,
        /// Since when it is suspended for the account.
        suspended_at: Option<DateTime<Utc>> = troubled.suspended.as_ref().map(|it| it.0),
        /// Why it is suspended, as text.
        suspended_reason: Option<String> = troubled.suspended.map(|it| it.1.to_string()),
        /// Since when it runs in the isolated runner for the account.
        apart_since: Option<DateTime<Utc>>,
    }
}

/// A script of the plugins folder, as it is for the caller's account.
#[derive(Serialize, ToSchema)]
pub struct PluginView {
    /// Its place in the plugins folder.
    #[schema(example = "named/only-paid-orders.rhai")]
    pub name: String,
    /// `trigger` (acts on every delivery of the event type that it is named after) or `named`
    /// (acts for the subscriptions that name it).
    #[schema(schema_with = kinds)]
    pub kind: &'static str,
    /// The version at work: the SHA-256 of its file, in hexadecimal digits. Null: none is, and its
    /// deliveries are held.
    pub hash: Option<String>,
    /// When this state was read.
    pub loaded_at: DateTime<Utc>,
    /// `ok`, `broken` (the file as it is now is not at work: an older version is, or none)
    /// or `suspended` (it failed too much for this account; the account's deliveries are held until
    /// its file changes). To an operator-wide token that names no account: for any account.
    #[schema(schema_with = states)]
    pub state: &'static str,
    /// What is wrong with the file as it is.
    pub error: Option<ScriptFault>,
    /// Since when it is suspended.
    pub suspended_at: Option<DateTime<Utc>>,
    /// Why it is suspended, in plain words.
    pub suspended_reason: Option<String>,
    /// Since when it runs in the isolated runner, because it took too long for this account; it
    /// comes back after 100 quick runs.
    pub apart_since: Option<DateTime<Utc>>,
    /// What the last failed run came to; for operator-wide tokens alone, because it may quote
    /// an account's payload. The deliveries themselves show it to their own account.
    pub last_failure: Option<ScriptFault>,
    /// Runs of the version at work for the account, by the daemon that serves this request, since
    /// its start; to operators for all accounts.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// Milliseconds of processor time that 99 of 100 runs for whichever account stayed below;
    /// null: there was none yet.
    pub p99_ms: Option<f64>,
    /// Milliseconds of processor time of all runs together.
    pub total_ms: f64,
    /// The accounts for which it is suspended or runs in the isolated runner; for operators alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<TroubledView>, required = false)]
    pub accounts: Option<Vec<TroubledView>>,
}

fn kinds() -> Schema {
    one_of(&["trigger", "named"], false)
}

fn states() -> Schema {
    one_of(&["ok", "broken", "suspended"], false)
}

impl PluginView {
    /// A script as a caller may see it.
    #[must_use]
    pub fn new(report: PluginReport, caller: &Caller) -> Self {
        let (suspended_at, suspended_reason) = report.suspended.unzip();
        let troubled = report.troubled.into_iter().map(TroubledView::from);
        let metrics = match caller.operator {
            true => report.of_all,
            false => report.metrics,
        };
        let shown = |fault| ScriptFault::new(fault, &report.name, caller);
        let last_failure = metrics.last_failure.filter(|_| caller.operator).map(shown);
        let error = report.fault.map(shown);
        Self {
            name: report.name.to_string(),
            kind: match report.name.kind() {
                ScriptKind::Trigger => "trigger",
                ScriptKind::Named => "named",
            },
            hash: report.hash.map(|hash| hash.hex()),
            loaded_at: report.loaded_at,
            state: report.status.as_str(),
            error,
            suspended_at,
            suspended_reason: suspended_reason.map(|it| it.to_string()),
            apart_since: report.apart_since,
            last_failure,
            calls: metrics.calls,
            failures: metrics.failures,
            p99_ms: metrics.p99.map(milliseconds),
            total_ms: milliseconds(metrics.total),
            accounts: caller.operator.then(|| troubled.collect()),
        }
    }
}

/// Milliseconds, to the microsecond.
#[must_use]
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Every script as a caller may see it, by name.
#[must_use]
pub fn all(engine: &Engine, caller: &Caller) -> Vec<PluginView> {
    let reports = engine.plugins().list(caller.account).into_iter();
    let views = reports.map(|report| PluginView::new(report, caller));
    let mut views: Vec<PluginView> = views.collect();
    views.sort_by(|a, b| a.name.cmp(&b.name));
    views
}
