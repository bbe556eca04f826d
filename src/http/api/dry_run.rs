//! Running one script on an event without sending anything. The words are those of
//! `herald plugin run`.

use std::collections::BTreeMap;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::plugins::{ScriptFault, milliseconds};
use super::shapes::DryRunInput;
use crate::actors::{DryRunError, MOST_DRY_RUNS};
use crate::domain::event::{MAX_EVENT_BYTES, parse_envelope};
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::http::body;
use crate::http::fields::{self, Fields};
use crate::http::path::no_query;
use crate::http::problem::{Fault, Kind, Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::plugin::{OwnedEvent, Run, ScriptName, Verdict};
use crate::service::callers::{self, Caller};
use crate::store::{event, subscription};

/// Room for what stands around the event in the body.
const AROUND: usize = 1 << 16;
/// What a script sees of an event that was never published.
const EXAMPLE_EVENT: &str = "evt_01jz0000000000000000000000";
/// What a script sees where no subscription is named.
const EXAMPLE_SUBSCRIPTION: &str = "sub_01jz0000000000000000000000";
const EXAMPLE_TITLE: &str = "Example";
const EXAMPLE_TARGET: &str = "https://example.com/";

/// A mail that a script drew up.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct MailView {
    /// Whom to write to; empty: the subscription's target.
    pub to: Vec<String>,
    /// One line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same for those who read HTML.
    pub html: Option<String>,
}

/// How a script failed.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RunFailure {
    /// `error`, `deadline`, `operations`, `memory`, `panic` or `bad_result`.
    pub kind: &'static str,
    #[serde(flatten)]
    pub fault: ScriptFault,
}

/// What a script made of an event.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DryRun {
    /// `deliver`, `filtered`, `mail` or `failed`.
    #[schema(example = "deliver")]
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
    pub mail: Option<MailView>,
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
            Ok(Verdict::Deliver(delivered)) => {
                let json = || "application/json".to_owned();
                shown.changed = delivered.changed;
                shown.body = Some(String::from_utf8_lossy(&delivered.body).into_owned());
                shown.content_type = Some(delivered.content_type.unwrap_or_else(json));
                shown.headers = delivered.headers.into_iter().collect();
            }
            Ok(Verdict::Filtered { .. }) => shown.decision = "filtered",
            Ok(Verdict::Mail(mail)) => {
                shown.decision = "mail";
                shown.mail = Some(MailView {
                    to: mail.to,
                    subject: mail.subject,
                    text: mail.text,
                    html: mail.html,
                });
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

/// What a body asks for.
struct Asked {
    event: Event,
    subscription: Option<SubscriptionId>,
}

enum Event {
    /// To be looked up.
    Stored(EventId),
    /// Its bytes and the name of its type.
    Given(Bytes, String),
}

/// Run a plugin on an event, and send nothing
///
/// It runs the version at work, with the budget of an attempt. `filtered` and `failed` are
/// answered with 200 as well. A script sees an example subscription unless `subscription` names
/// one.
#[utoipa::path(
    post, path = "/v1/plugins/{kind}/{file}/dry-run", tag = "plugins",
    params(
        ("kind" = String, Path, description = "`triggers` or `named`"),
        ("file" = String, Path, description = "Its file, such as `only-paid-orders.rhai`"),
    ),
    request_body = DryRunInput,
    responses(
        (status = 200, description = "What came of it", body = DryRun),
        (status = 404, description = "There is no such plugin, event or subscription",
            body = ProblemDocument),
        (status = 409, description = "No version of the plugin works", body = ProblemDocument),
        (status = 422, description = "Wrong values", body = ProblemDocument),
        (status = 429, description = "Two dry runs of the account are under way",
            body = ProblemDocument),
        (status = 503, description = "Other plugins are being run: try again",
            body = ProblemDocument),
    )
)]
pub(in crate::http) async fn run(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let part = |name| request.match_info().get(name).unwrap_or_default();
    let path = format!("{}/{}", part("kind"), part("file"));
    let script: ScriptName = match path.parse() {
        Ok(script) => script,
        Err(error) => return Err(Problem::new(Kind::NotFound, format!("{error}."))),
    };
    let body = body::read(&request, payload, MAX_EVENT_BYTES + AROUND).await?;
    let (tried, _published) = try_out(&shared, &caller, &script, &body).await?;
    Ok(HttpResponse::Ok().json(tried))
}

/// Runs a script on the event that a body tells of. Answers what came of it, and the bytes that
/// it was given.
///
/// # Errors
/// Wrong values, each told; no such plugin, event or subscription; no version that works; no
/// room for another run; or the database is away.
pub(in crate::http) async fn try_out(
    shared: &Shared,
    caller: &Caller,
    script: &ScriptName,
    body: &[u8],
) -> Result<(DryRun, Bytes), Problem> {
    let event = owned(shared, caller, read(body)?).await?;
    let published = event.payload.clone();
    match shared
        .engine
        .plugins()
        .dry_run(caller.account, script, event)
        .await
    {
        Ok(run) => Ok((DryRun::new(run, caller), published)),
        Err(error) => Err(refused(error, script, caller)),
    }
}

fn refused(error: DryRunError, script: &ScriptName, caller: &Caller) -> Problem {
    match error {
        DryRunError::Unknown => Problem::new(
            Kind::NotFound,
            format!("There is no plugin {script}; GET /v1/plugins lists them."),
        ),
        DryRunError::NotLoaded(mut fault) => {
            if !super::plugins::may_read(script, caller) {
                fault.source_line = None;
            }
            let detail = format!("No version of the plugin {script} works: {fault}");
            Problem::new(Kind::Conflict, detail)
        }
        DryRunError::Enough => {
            let detail = format!(
                "{MOST_DRY_RUNS} dry runs of this account are under way, as many as there may be \
                 at one time. Try again when one has ended."
            );
            Problem::new(Kind::Enough, detail)
        }
        DryRunError::Busy => {
            let detail = "Other plugins are being run right now. Try again shortly.";
            Problem::new(Kind::Unavailable, detail)
        }
        DryRunError::Gone(cause) => {
            tracing::error!(plugin = %script, %cause, "a dry run could not be begun");
            let detail = "The plugin could not be run. The operator finds the cause in Herald's \
                          log.";
            Problem::new(Kind::Unavailable, detail)
        }
    }
}

fn read(body: &[u8]) -> Result<Asked, Problem> {
    let (mut fields, written) = Fields::parse_keeping(body, "event")?;
    let neither = !fields.has("event") && !fields.has("event_id");
    let event = fields.take_nullable("event", |value| match value {
        Value::Object(_) => Ok(()),
        _ => Err("must be an object, as every event is".to_owned()),
    });
    let stored = fields.take_nullable("event_id", fields::parsed::<EventId>);
    let subscription = fields.take_nullable("subscription", fields::parsed::<SubscriptionId>);
    let (event, stored) = (event.flatten(), stored.flatten());
    if neither {
        fields.fault("/event", "is missing: give `event` or `event_id`");
    } else if event.is_some() && stored.is_some() {
        fields.fault("/event_id", "stands beside `event`: give one of them");
    }
    fields.finish()?;
    let event = match stored {
        Some(id) => Event::Stored(id),
        None => given(written)?,
    };
    Ok(Asked {
        event,
        subscription: subscription.flatten(),
    })
}

fn given(written: Option<&str>) -> Result<Event, Problem> {
    let wrong = |pointer: &str, detail: String| {
        Problem::invalid(vec![Fault::new(format!("/event{pointer}"), detail)])
    };
    let Some(text) = written.filter(|text| *text != "null") else {
        return Err(wrong("", "is null: give `event` or `event_id`".to_owned()));
    };
    if text.len() > MAX_EVENT_BYTES {
        let detail = format!("An event has at most {} MiB.", MAX_EVENT_BYTES >> 20);
        return Err(Problem::new(Kind::TooLarge, detail));
    }
    match parse_envelope(text.as_bytes()) {
        Ok(envelope) => Ok(Event::Given(
            Bytes::copy_from_slice(text.as_bytes()),
            envelope.event_type,
        )),
        Err(error) => {
            let pointer = error.pointer().unwrap_or_default();
            Err(wrong(pointer, error.to_string()))
        }
    }
}

/// The event as the script is to see it.
async fn owned(shared: &Shared, caller: &Caller, asked: Asked) -> Result<OwnedEvent, Problem> {
    let database = shared.engine.database();
    let account =
        || -> Result<AccountId, Problem> { Ok(caller.account.ok_or_else(callers::no_account)?) };
    let now = shared.engine.clock().now();
    let (subscription_id, title, target) = match asked.subscription {
        Some(id) => {
            let found = subscription::find(database, account()?, id).await?;
            let found = found.ok_or_else(|| Problem::not_found("subscription"))?;
            (id.to_string(), found.title, found.url.whole().to_owned())
        }
        None => (
            EXAMPLE_SUBSCRIPTION.to_owned(),
            EXAMPLE_TITLE.to_owned(),
            EXAMPLE_TARGET.to_owned(),
        ),
    };
    let (id, event_type, received_at, payload) = match asked.event {
        Event::Stored(id) => {
            let found = event::find(database, account()?, id).await?;
            let (event, payload) = found.ok_or_else(|| Problem::not_found("event"))?;
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
