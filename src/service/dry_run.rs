//! Running one script on an event without sending anything. The results have the same
//! names as those of `herald plugin run`.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::Schema;

use super::callers::{self, Caller};
use super::input::{Faults, Given, InputField, OrNull, inputs, one_of};
use super::plugins::{ScriptFault, may_read, milliseconds};
use super::{Fault, Reason, Refusal, Result, views};
use crate::actors::{DryRunError, Engine, MOST_DRY_RUNS};
use crate::domain::event::{MAX_EVENT_BYTES, parse_envelope};
use crate::domain::id::{EventId, SubscriptionId};
use crate::plugin::{FailureKind, MailDraft, OwnedEvent, Run, ScriptName, ScriptVerdict};
use crate::store::{event, subscription};

inputs! {
    /// What a plugin is run on: `event` or `event_id`.
    DryRunInput {
        /// An event as it would be published.
        event: Option<OrNull<EventText>> = {"event_type": "STORE_ORDER_CREATED"},
        /// An event of the account.
        event_id: Option<OrNull<EventId>> = "evt_01h455vb4pex5vsknk084sn02q",
        /// The subscription that the script sees; an example if it is left out.
        subscription: Option<OrNull<SubscriptionId>> = "sub_01h455vb4pex5vsknk084sn02q",
    }
}

/// An event's JSON as it was written.
#[derive(Debug, Clone)]
pub struct EventText(pub String);

impl InputField for EventText {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let text = match given {
            Given::Raw(text) => text.to_owned(),
            Given::Json(value) => value.to_string(),
            Given::Typed(text) => text.into_owned(),
        };
        if text.starts_with('{') {
            return Some(Self(text));
        }
        faults.refuse("must be an object, as every event is")
    }

    fn schema() -> Value {
        json!({ "type": "object" })
    }
}

/// What a script sees of an event that was never published.
const EXAMPLE_EVENT: &str = "evt_01jz0000000000000000000000";
/// What a script sees where no subscription is named.
const EXAMPLE_SUBSCRIPTION: &str = "sub_01jz0000000000000000000000";
const EXAMPLE_TITLE: &str = "Example";
const EXAMPLE_TARGET: &str = "https://example.com/";

views! {
    /// A mail that a script drew up.
    pub DrawnMail of mail: MailDraft {
        /// Whom to write to; empty: the subscription's target.
        to: Vec<String>,
        /// One line.
        subject: String,
        /// The plain text.
        text: String,
        /// The same for those who read HTML.
        html: Option<String>,
    }
}

/// How a script failed.
#[derive(Serialize, ToSchema)]
pub struct RunFailure {
    /// `error`, `deadline`, `operations`, `memory`, `panic` or `bad_result`.
    #[schema(schema_with = failures)]
    pub kind: &'static str,
    /// What is wrong, and where.
    #[serde(flatten)]
    pub fault: ScriptFault,
}

/// What a script made of an event.
#[derive(Serialize, ToSchema)]
pub struct DryRun {
    /// `deliver`, `filtered`, `mail` or `failed`.
    #[schema(schema_with = decisions)]
    pub decision: &'static str,
    /// The body is not the one published.
    pub changed: bool,
    /// The body that would be sent; null: none would.
    pub body: Option<String>,
    /// Its media type.
    pub content_type: Option<String>,
    /// Headers that the script adds.
    pub headers: BTreeMap<String, String>,
    /// The mail that would be sent.
    pub mail: Option<DrawnMail>,
    /// Why there is no decision: a delivery would be tried again.
    pub error: Option<RunFailure>,
    /// What the script logged.
    pub log: Vec<String>,
    /// Operations that it used.
    pub operations: u64,
    /// How long it took.
    pub milliseconds: f64,
    /// The version that ran: the SHA-256 of its file, in hexadecimal digits.
    pub hash: Option<String>,
}

fn failures() -> Schema {
    let kinds = FailureKind::ALL.map(FailureKind::as_str);
    one_of(&kinds, false)
}

fn decisions() -> Schema {
    one_of(&["deliver", "filtered", "mail", "failed"], false)
}

impl DryRun {
    fn new(run: Run, caller: &Caller) -> Self {
        let mut shown = Self {
            decision: "deliver",
            changed: false,
            body: None,
            content_type: None,
            headers: BTreeMap::new(),
            mail: None,
            error: None,
            log: run.log,
            operations: run.operations,
            milliseconds: milliseconds(run.elapsed),
            hash: run.scripts.first().map(|part| part.hash.hex()),
        };
        match run.verdict {
            Ok(ScriptVerdict::Deliver(delivered)) => {
                let json = || "application/json".to_owned();
                shown.changed = delivered.changed;
                shown.body = Some(String::from_utf8_lossy(&delivered.body).into_owned());
                shown.content_type = Some(delivered.content_type.unwrap_or_else(json));
                shown.headers = delivered.headers.into_iter().collect();
            }
            Ok(ScriptVerdict::Filtered { .. }) => shown.decision = "filtered",
            Ok(ScriptVerdict::Mail(mail)) => {
                shown.decision = "mail";
                shown.mail = Some(mail.into());
            }
            Err(failure) => {
                shown.decision = "failed";
                shown.error = Some(RunFailure {
                    kind: failure.kind.as_str(),
                    fault: ScriptFault::new(failure.fault, &failure.script, caller),
                });
            }
        }
        shown
    }
}

/// What a script is run on.
enum Event {
    /// To be looked up.
    Stored(EventId),
    /// Its bytes and the name of its type.
    Given(Bytes, String),
}

/// Runs a script on an event. Returns what came of it, and the bytes that it was given.
///
/// # Errors
/// Neither or both of `event` and `event_id`; no such plugin, event or subscription; no version
/// that works; no room for another run; or the database is away.
pub async fn try_out(
    engine: &Engine,
    caller: &Caller,
    script: &ScriptName,
    input: DryRunInput,
) -> Result<(DryRun, Bytes)> {
    let wrong =
        |pointer: &str, detail: &str| Err(Refusal::invalid(vec![Fault::new(pointer, detail)]));
    let event = match (input.event, input.event_id.and_then(|id| id.0)) {
        (Some(OrNull(Some(_))), Some(_)) => {
            return wrong("/event_id", "is given beside `event`: give one of them");
        }
        (Some(OrNull(Some(EventText(text)))), None) => given(&text)?,
        (_, Some(id)) => Event::Stored(id),
        (Some(OrNull(None)), None) => {
            return wrong("/event", "is null: give `event` or `event_id`");
        }
        (None, None) => return wrong("/event", "is missing: give `event` or `event_id`"),
    };
    let subscription = input.subscription.and_then(|id| id.0);
    let event = owned(engine, caller, event, subscription).await?;
    let published = event.payload.clone();
    let run = engine.plugins().dry_run(caller.account, script, event);
    let run = run.await.map_err(|error| refused(error, script, caller))?;
    Ok((DryRun::new(run, caller), published))
}

fn refused(error: DryRunError, script: &ScriptName, caller: &Caller) -> Refusal {
    match error {
        DryRunError::Unknown => {
            let detail = format!("There is no plugin {script}; GET /v1/plugins lists them.");
            Refusal::new(Reason::NotFound, detail)
        }
        DryRunError::NotLoaded(mut fault) => {
            if !may_read(script, caller) {
                fault.source_line = None;
            }
            Refusal::conflict(format!("No version of the plugin {script} works: {fault}"))
        }
        DryRunError::Enough => {
            let detail = format!(
                "{MOST_DRY_RUNS} dry runs of this account are under way, as many as there may be \
                 at one time. Try again when one has ended."
            );
            Refusal::new(Reason::Enough, detail)
        }
        DryRunError::Busy => {
            Refusal::unavailable("Other plugins are being run right now. Try again shortly.")
        }
        DryRunError::Gone(cause) => {
            tracing::error!(plugin = %script, %cause, "a dry run could not be begun");
            Refusal::unavailable(
                "The plugin could not be run. The operator finds the cause in Herald's log.",
            )
        }
    }
}

fn given(text: &str) -> Result<Event> {
    if text.len() > MAX_EVENT_BYTES {
        let detail = format!("An event has at most {} MiB.", MAX_EVENT_BYTES >> 20);
        return Err(Refusal::new(Reason::TooLarge, detail));
    }
    match parse_envelope(text.as_bytes()) {
        Ok(envelope) => {
            let bytes = Bytes::copy_from_slice(text.as_bytes());
            Ok(Event::Given(bytes, envelope.event_type))
        }
        Err(error) => {
            let pointer = format!("/event{}", error.pointer().unwrap_or_default());
            let fault = Fault::new(pointer, error.to_string());
            Err(Refusal::invalid(vec![fault]))
        }
    }
}

/// The event as the script is to see it.
async fn owned(
    engine: &Engine,
    caller: &Caller,
    event: Event,
    subscription: Option<SubscriptionId>,
) -> Result<OwnedEvent> {
    let database = engine.database();
    let account = || caller.account.ok_or_else(callers::no_account);
    let now = engine.clock().now();
    let (subscription_id, title, target) = match subscription {
        Some(id) => {
            let found = subscription::find(database, account()?, id).await?;
            let found = found.ok_or_else(|| Refusal::not_found("subscription"))?;
            (id.to_string(), found.title, found.url.whole().to_owned())
        }
        None => (
            EXAMPLE_SUBSCRIPTION.to_owned(),
            EXAMPLE_TITLE.to_owned(),
            EXAMPLE_TARGET.to_owned(),
        ),
    };
    let (id, event_type, received_at, payload) = match event {
        Event::Stored(id) => {
            let found = event::find(database, account()?, id).await?;
            let (event, payload) = found.ok_or_else(|| Refusal::not_found("event"))?;
            let payload = Bytes::from(payload);
            (id.to_string(), event.event_type, event.received_at, payload)
        }
        Event::Given(payload, event_type) => (EXAMPLE_EVENT.to_owned(), event_type, now, payload),
    };
    Ok(OwnedEvent {
        id,
        event_type,
        received_at,
        attempt: 1,
        payload,
        subscription_id,
        title,
        target,
        now,
    })
}
