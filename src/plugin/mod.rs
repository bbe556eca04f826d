//! Scripts that filter and reshape what is delivered. This is the only place that knows Rhai;
//! it must not know deliveries, the database or the network.
//!
//! A [`Source`] is text and crosses threads. A [`Runtime`] belongs to one thread and makes
//! [`Script`]s of sources; [`run_chain`] runs an event type's script and then the subscription's
//! and returns a [`Run`]. A script gets copies and a budget ([`Limits`]), and whatever it
//! does ends as a [`ScriptVerdict`] or a [`ScriptFailure`].

mod budget;
mod chain;
mod engine;
pub mod folder;
mod health;
mod histogram;
mod isolated_runner;
mod json;
mod library;
mod limits;
mod number;
mod runtime;
mod script;
mod script_file;
mod source;
mod stack;
mod trial;
mod turns;
mod view;
mod watched;
pub mod watcher;
mod window;

pub use chain::run_chain;
pub use health::{Health, HealthJudgement, HealthRule, Ran, ScriptMetrics};
pub use isolated_runner::{IsolatedError, IsolatedRunner, Job, OwnedEvent};
pub use limits::{Limits, MAX_SOURCE_BYTES};
pub use runtime::Runtime;
pub use script::{Facts, Hook, Script, check};
pub use script_file::{MAX_SCRIPTS, check_name, read_script};
pub use source::{
    Excerpt, ScriptEntry, ScriptHash, ScriptKind, ScriptName, ScriptNameError, Source, SourceFault,
    SourceSet,
};
pub use trial::{TestResult, run_tests};
pub use view::{
    Delivered, FailureKind, MailDraft, Part, Run, ScriptEvent, ScriptFailure, ScriptSubscription,
    ScriptVerdict,
};
