//! What a run is given and what it gives back. Plain data: the engine is not known here.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::source::{ScriptHash, ScriptName, Source, SourceFault};

/// One attempt's event as scripts may see it. It holds no secret.
#[derive(Debug, Clone)]
pub struct ScriptEvent<'a> {
    /// `evt_…`.
    pub id: &'a str,
    /// The event type's name; scripts read it as `event.type`.
    pub event_type: &'a str,
    /// When the event was accepted.
    pub received_at: DateTime<Utc>,
    /// Which try at the delivery this is since it was published or resent, from 1.
    pub attempt: i64,
    /// The exact bytes published: a JSON text.
    pub payload: &'a [u8],
    /// For whom.
    pub subscription: ScriptSubscription<'a>,
    /// When the attempt began, which is what `now()` returns.
    pub now: DateTime<Utc>,
}

/// The subscription of an attempt as scripts may see it.
#[derive(Debug, Clone)]
pub struct ScriptSubscription<'a> {
    /// `sub_…`.
    pub id: &'a str,
    /// As people named it.
    pub title: &'a str,
    /// The target's URL or `mailto:` address. Scripts see of a URL no more than scheme, host
    /// and port: receivers put secrets into paths and queries.
    pub target: &'a str,
}

impl ScriptSubscription<'_> {
    /// Whether it delivers by mail.
    #[must_use]
    pub fn is_mail(&self) -> bool {
        self.target.starts_with("mailto:")
    }

    pub(super) fn shown_target(&self) -> String {
        if self.is_mail() {
            return self.target.to_owned();
        }
        match url::Url::parse(self.target) {
            Ok(url) => url.origin().ascii_serialization(),
            Err(_) => String::new(),
        }
    }
}

/// All that came out of one attempt's scripts.
#[derive(Debug, Clone)]
pub struct Run {
    /// What to do with the delivery, or why that is not known: then it stays open.
    pub verdict: Result<ScriptVerdict, ScriptFailure>,
    /// What the scripts logged, in order, cut to the limits.
    pub log: Vec<String>,
    /// Operations of all scripts, as Rhai counts them.
    pub operations: u64,
    /// Time of the whole run.
    pub elapsed: Duration,
    /// The versions that took part, those after the end left out. One that failed is always
    /// among them, also if it did not get to run.
    pub scripts: Vec<Part>,
}

/// One script's share of a run.
#[derive(Debug, Clone)]
pub struct Part {
    /// Which script.
    pub name: ScriptName,
    /// Which version of it.
    pub hash: ScriptHash,
    /// Its time on the wall.
    pub elapsed: Duration,
    /// Of it, the processor time of its thread, by which a script is judged. Not more than
    /// `elapsed`, and the same below a millisecond, where it is not worth a look.
    pub cpu: Duration,
    /// Its operations.
    pub operations: u64,
}

impl Part {
    /// That of a version that did not get to run.
    #[must_use]
    pub fn not_run(source: &Source) -> Self {
        Self {
            name: source.name.clone(),
            hash: source.hash,
            elapsed: Duration::ZERO,
            cpu: Duration::ZERO,
            operations: 0,
        }
    }
}

/// What the scripts want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptVerdict {
    /// Deliver by HTTP, or by mail in the way that has no script.
    Deliver(Delivered),
    /// Do not deliver: this script's `filter` said no.
    Filtered {
        /// Whose `filter`.
        script: ScriptName,
    },
    /// Deliver by this mail.
    Mail(MailDraft),
}

/// A body with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The payload as published, or what `transform` made of it.
    pub body: Bytes,
    /// Whether a `transform` made it.
    pub changed: bool,
    /// From `headers`, or for a text without one `text/plain; charset=utf-8`; `None` is JSON.
    pub content_type: Option<String>,
    /// More headers, checked: none is reserved. Names as the script wrote them.
    pub headers: Vec<(String, String)>,
}

/// A mail as `mail` drew it up. The subject has no line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailDraft {
    /// One line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same for those who read HTML.
    pub html: Option<String>,
    /// Whom to write to instead of the subscription's target; empty: the target.
    pub to: Vec<String>,
}

/// Why a run came to no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{script}: {fault}")]
pub struct ScriptFailure {
    /// The script at fault.
    pub script: ScriptName,
    /// The kind, which decides about suspension and the isolated runner.
    pub kind: FailureKind,
    /// What and where.
    pub fault: SourceFault,
}

/// How a script failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// It threw, or did what cannot be done.
    Error,
    /// It ran out of processor time.
    Deadline,
    /// It ran out of time on the wall, which may be the machine's fault.
    Wall,
    /// It ran out of operations.
    Operations,
    /// A value or the process grew too large, or there were too many variables.
    Memory,
    /// A function that Herald binds panicked: a fault of Herald.
    Panic,
    /// A hook gave back what it may not.
    BadResult,
}

impl FailureKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Error,
        Self::Deadline,
        Self::Wall,
        Self::Operations,
        Self::Memory,
        Self::Panic,
        Self::BadResult,
    ];

    /// One word, for metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Deadline => "deadline",
            Self::Wall => "wall",
            Self::Operations => "operations",
            Self::Memory => "memory",
            Self::Panic => "panic",
            Self::BadResult => "bad_result",
        }
    }
}
