//! What the log keeps of an attempt, as JSON: for people, read again by the web layer alone.

use std::borrow::Cow;

use serde::Serialize;

use crate::plugin::{Delivered, Run, ScriptFailure, ScriptVerdict};
use crate::transport::{Answer, refusal};

/// Bytes of an answer's body that the log keeps of a delivery that was sent; all that was read
/// of any other.
const SENT_EXCERPT: usize = 512;
/// Bytes of a body made by a script that the log keeps.
const KEPT_BODY: usize = 16 << 10;
/// Characters of an error that are left of a shortened detail.
const SHORT_ERROR: usize = 500;

#[derive(Debug, Default, Serialize)]
pub(super) struct Detail<'a> {
    pub(super) ms: PhaseMillis,
    /// Seconds since 1970, as sent in `webhook-timestamp`; 0: nothing was sent.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) timestamp: i64,
    /// A kept connection had ended, so the request was sent again over a fresh one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) reconnected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    head: Vec<(&'a str, Cow<'a, str>)>,
    #[serde(skip_serializing_if = "str::is_empty")]
    body: Cow<'a, str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    /// The scripts that ran.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    plugins: Vec<PluginDetail>,
    /// What they logged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<String>,
    /// The script that said no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filtered_by: Option<String>,
    /// What they made of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sent: Option<SentDetail>,
}

/// How many milliseconds each phase of a request took. An array in JSON.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(into = "[u64; 4]")]
pub(super) struct PhaseMillis {
    pub(super) resolve: u64,
    pub(super) connect: u64,
    pub(super) first_byte: u64,
    pub(super) body: u64,
}

impl From<PhaseMillis> for [u64; 4] {
    fn from(phases: PhaseMillis) -> Self {
        [
            phases.resolve,
            phases.connect,
            phases.first_byte,
            phases.body,
        ]
    }
}

/// One script's share.
#[derive(Debug, Serialize)]
struct PluginDetail {
    name: String,
    hash: String,
    /// Microseconds.
    us: u64,
    operations: u64,
}

/// The same without bodies, headers and log lines, which is under 2 KiB.
pub(super) fn shortened(text: &str) -> String {
    let whole: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let error = whole.get("error").and_then(|error| error.as_str());
    let error = error.map(|error| error.chars().take(SHORT_ERROR).collect::<String>());
    serde_json::json!({
        "ms": whole.get("ms"),
        "timestamp": whole.get("timestamp"),
        "filtered_by": whole.get("filtered_by"),
        "error": error,
        "truncated": true,
    })
    .to_string()
}

/// Where a request is not the published one.
#[derive(Debug, Serialize)]
pub(super) struct SentDetail {
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// Names alone: values may be secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<String>,
}

impl SentDetail {
    /// None: it is the published one.
    pub(super) fn of(shaped: &Delivered) -> Option<Self> {
        if !shaped.changed && shaped.content_type.is_none() && shaped.headers.is_empty() {
            return None;
        }
        let cut = KEPT_BODY.min(shaped.body.len());
        let kept = shaped.body.get(..cut).unwrap_or_default();
        // A script's body is text; only the cut can fall into a character.
        let kept = str::from_utf8(kept).unwrap_or_else(|error| {
            let whole = kept.get(..error.valid_up_to()).unwrap_or_default();
            str::from_utf8(whole).unwrap_or_default()
        });
        Some(Self {
            body: shaped.changed.then(|| kept.to_owned()),
            truncated: shaped.changed && cut < shaped.body.len(),
            content_type: shaped.content_type.clone(),
            headers: shaped
                .headers
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
        })
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl<'a> Detail<'a> {
    /// Takes over what the log shows of a run; returns its verdict.
    pub(super) fn ran(&mut self, run: Run) -> Result<ScriptVerdict, ScriptFailure> {
        let plugin = |part: &crate::plugin::Part| PluginDetail {
            name: part.name.to_string(),
            hash: part.hash.hex(),
            us: u64::try_from(part.elapsed.as_micros()).unwrap_or(u64::MAX),
            operations: part.operations,
        };
        self.plugins = run.scripts.iter().map(plugin).collect();
        self.log = run.log;
        run.verdict
    }

    pub(super) fn answered(self, answer: &'a Answer) -> Self {
        let sent = (200..300).contains(&answer.status);
        let kept = if sent {
            SENT_EXCERPT.min(answer.body.len())
        } else {
            answer.body.len()
        };
        Self {
            error: (!sent).then(|| error_text(answer)),
            head: answer
                .head
                .iter()
                .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
                .collect(),
            body: String::from_utf8_lossy(answer.body.get(..kept).unwrap_or_default()),
            truncated: answer.truncated || kept < answer.body.len(),
            ..self
        }
    }
}

/// What is wrong with an answer, and with how it ended.
fn error_text(answer: &Answer) -> String {
    let refused = refusal(answer.status, &answer.body);
    match &answer.unfinished {
        Some(failure) => format!("{refused} {}", failure.what()),
        None => refused,
    }
}
