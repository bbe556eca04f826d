//! Publishing one event: the hot path. Few allocations, no lock held, no look at the database.

use std::fmt::Write;
use std::sync::Arc;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::shapes::{EventInput, Published};
use crate::actors::{
    Check, Checked, IdempotencyKey, KeyRefused, NewEvent, PublishError, Receipt, RoutingTable,
};
use crate::catalogue::{Load, Violation};
use crate::domain::event::{
    EnvelopeError, EnvelopeErrorKind, MAX_EVENT_BYTES, parse_document, parse_envelope,
};
use crate::domain::event_type::{Suggestions, Validation, nearest};
use crate::domain::hops::Hops;
use crate::domain::id::AccountId;
use crate::http::body;
use crate::http::guard::Account;
use crate::http::hops;
use crate::http::path::no_query;
use crate::http::problem::{Fault, Kind, Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::callers::Caller;

const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Bytes of a body that is parsed as a whole before its type is known.
const SMALL: usize = 64 * 1024;
/// Upper bound of a key, in characters.
const MAX_KEY: usize = 255;

/// Publish one event
///
/// Answers after the event and its targets are committed. The same `Idempotency-Key` with the
/// same body gets the first answer again, for 24 hours.
#[utoipa::path(
    post, path = "/v1/events", tag = "events",
    params(
        ("Idempotency-Key" = Option<String>, Header,
            description = "1 to 255 visible ASCII characters, quoted or bare"),
        ("Herald-Hops" = Option<String>, Header,
            description = "That of the delivery that the event came of"),
    ),
    request_body = EventInput,
    responses(
        (status = 202, description = "Committed", body = Published),
        (status = 400, description = "Not JSON, with line and column", body = ProblemDocument),
        (status = 413, description = "Larger than 1 MiB", body = ProblemDocument),
        (status = 422, description = "An unknown type, a body that its schema refuses, or a key \
            that was used with another body", body = ProblemDocument),
        (status = 429, description = "The account has used all its idempotency keys of today",
            body = ProblemDocument),
        (status = 503, description = "The database is away", body = ProblemDocument),
        (status = 508, description = "The event goes in a circle", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn publish(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let body = body::read(&request, payload, MAX_EVENT_BYTES).await?;
    let key = idempotency_key(&request)?;
    let event_type = || Some(parse_envelope(&body).ok()?.event_type);
    let hops = hops::read(&shared, account, &caller, &request, event_type).await?;
    let Accepted { receipt, warnings } = accept(&shared, account, &body, key, hops).await?;
    let mut answer = String::with_capacity(96 + warnings.as_ref().map_or(0, String::len));
    // Writing into a string cannot fail.
    let _ = write!(
        answer,
        "{{\"id\":\"{}\",\"deliveries\":{},\"duplicate\":{}",
        receipt.id, receipt.deliveries, receipt.duplicate
    );
    if let Some(warnings) = warnings {
        answer.push_str(",\"warnings\":");
        answer.push_str(&warnings);
    }
    answer.push('}');
    Ok(HttpResponse::Accepted()
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(answer))
}

/// An event that was committed.
pub(in crate::http) struct Accepted {
    /// Its id, and how many subscriptions matched.
    pub receipt: Receipt,
    /// Where it does not fit its schema, as JSON.
    pub warnings: Option<String>,
}

/// Checks a body and publishes it; answers after the commit.
///
/// # Errors
/// It is no event, its schema refuses it, its key was used with another one, or the database is
/// away.
pub(in crate::http) async fn accept(
    shared: &Shared,
    account: AccountId,
    body: &[u8],
    key: Option<&str>,
    hops: Option<Hops>,
) -> Result<Accepted, Problem> {
    let prepare = |types: &RoutingTable| {
        let (key, mut hints) = (key.map(str::to_owned), Suggestions::default());
        prepare(types, account, body, key, hops.clone(), &mut hints)
    };
    let types = shared.engine.types();
    let prepared = match prepare(&types) {
        Err(refused) if refused.kind() == Kind::Invalid => {
            // In a box, as it is rare: what waits for a commit stays small.
            match Box::pin(shared.engine.newer_types(&types)).await {
                Some(newer) => prepare(&newer)?,
                None => return Err(refused),
            }
        }
        prepared => prepared?,
    };
    drop(types);
    let event = match prepared {
        Prepared {
            event, check: None, ..
        } => event,
        open => match judged(shared, account, vec![open]).await.pop() {
            Some(judged) => judged?,
            None => return Err(PublishError::Away.into()),
        },
    };
    let warnings = event.warnings.clone();
    match shared.engine.publish(vec![event]).await?.pop() {
        Some(Ok(receipt)) => Ok(Accepted { receipt, warnings }),
        Some(Err(reused @ KeyRefused::Reused)) => {
            let fault = Fault::new("Idempotency-Key", reused.to_string());
            Err(Problem::invalid(vec![fault]))
        }
        Some(Err(refused @ KeyRefused::TooMany { .. })) => {
            let wait = seconds_of_today(shared.engine.clock().now());
            Err(Problem::used_up(format!("{refused}."), wait))
        }
        None => Err(PublishError::Away.into()),
    }
}

/// An event whose body is one, and that may have to be held to its schema yet.
pub(super) struct Prepared {
    event: NewEvent,
    check: Option<Check>,
    mode: Validation,
}

/// Holds events to their schemas where that was not done at once: all of them on one way to the
/// threads that do it, and back.
pub(super) async fn judged(
    shared: &Shared,
    account: AccountId,
    prepared: Vec<Prepared>,
) -> Vec<Result<NewEvent, Problem>> {
    let mut checks = Vec::new();
    let mut events = Vec::with_capacity(prepared.len());
    for Prepared { event, check, mode } in prepared {
        events.push((event, check.is_some(), mode));
        checks.extend(check);
    }
    let verdicts = if checks.is_empty() {
        Vec::new()
    } else {
        shared.engine.check(account, checks).await
    };
    let mut verdicts = verdicts.into_iter();
    let judge = |(mut event, is_open, mode): (NewEvent, bool, Validation)| {
        if is_open {
            event.warnings = match verdicts.next() {
                Some(Checked::Fits) => None,
                Some(Checked::Unfit(violations)) => unfit(mode, &event.event_type, violations)?,
                Some(Checked::Unchecked(why)) => unchecked(mode, &event.event_type, &why)?,
                None => unchecked(mode, &event.event_type, "checking it failed")?,
            };
        }
        Ok(event)
    };
    events.into_iter().map(judge).collect()
}

/// What becomes of an event that does not fit its schema: a refusal, or its warnings.
fn unfit(
    mode: Validation,
    name: &str,
    violations: Vec<Violation>,
) -> Result<Option<String>, Problem> {
    if mode != Validation::Reject {
        return Ok(serde_json::to_string(&violations).ok());
    }
    let fault = |violation: Violation| Fault::new(violation.pointer, violation.detail);
    let faults = violations.into_iter().map(fault).collect();
    let detail = format!("The event does not fit the schema of {name}.");
    Err(Problem::new(Kind::Invalid, detail).with(faults))
}

/// What becomes of an event of which nobody knows whether it fits.
fn unchecked(mode: Validation, name: &str, why: &str) -> Result<Option<String>, Problem> {
    let violation = Violation {
        pointer: String::new(),
        detail: format!("was not checked: {why}"),
    };
    if mode != Validation::Reject {
        return Ok(serde_json::to_string(&[violation]).ok());
    }
    let detail = format!(
        "The event could not be held to the schema of {name}, which refuses what does not fit."
    );
    let fault = Fault::new(violation.pointer, violation.detail);
    Err(Problem::new(Kind::Invalid, detail).with(vec![fault]))
}

/// How long it is until the next day, by UTC.
fn seconds_of_today(now: DateTime<Utc>) -> i64 {
    86_400 - now.timestamp().rem_euclid(86_400)
}

/// Checks a body and makes an event of it. Its bytes are copied to a buffer of their exact size:
/// a slice would keep the connection's whole read buffer alive for as long as the event waits.
pub(super) fn prepare(
    types: &RoutingTable,
    account: AccountId,
    body: &[u8],
    key: Option<String>,
    hops: Option<Hops>,
    hints: &mut Suggestions,
) -> Result<Prepared, Problem> {
    let malformed = |error: EnvelopeError| refused(&error);
    // Most types have a schema: a body of the usual size is parsed once, as a document. Of a
    // large one the type is read first, because a document takes many times its size.
    let (name, document) = if body.len() <= SMALL {
        let (envelope, document) = parse_document(body).map_err(malformed)?;
        (envelope.event_type, Some(document))
    } else {
        (parse_envelope(body).map_err(malformed)?.event_type, None)
    };
    let Some(entry) = types.find(account, &name) else {
        return Err(unknown_type(types, account, &name, hints));
    };
    let mode = entry.validation;
    let payload = Bytes::copy_from_slice(body);
    let mut warnings = None;
    let mut check = None;
    if entry.is_checked() {
        let quick = document.as_ref().zip(entry.quick(&Load::of(body)));
        if let Some((document, validator)) = quick {
            let violations = validator.validate(document);
            if !violations.is_empty() {
                warnings = unfit(mode, &name, violations)?;
            }
        } else {
            check = Some(Check {
                entry: Arc::clone(entry),
                body: payload.clone(),
                document,
            });
        }
    }
    let key = key.map(|key| IdempotencyKey {
        key,
        body_hash: Sha256::digest(body).into(),
    });
    let event = NewEvent {
        account,
        event_type: Arc::clone(&entry.name),
        payload,
        warnings,
        hops,
        key,
    };
    Ok(Prepared { event, check, mode })
}

fn refused(error: &EnvelopeError) -> Problem {
    let kind = match error.kind {
        EnvelopeErrorKind::TypeMissing
        | EnvelopeErrorKind::TypeTwice
        | EnvelopeErrorKind::TypeNotText { .. }
        | EnvelopeErrorKind::TypeIllegal { .. } => Kind::Invalid,
        _ => Kind::Malformed,
    };
    let detail = error.to_string();
    let faults = error
        .pointer()
        .map(|pointer| Fault::new(pointer, detail.clone()));
    Problem::new(kind, detail).with(faults.into_iter().collect())
}

fn unknown_type(
    types: &RoutingTable,
    account: AccountId,
    name: &str,
    hints: &mut Suggestions,
) -> Problem {
    let near = hints.once(name, || {
        let near = nearest(name, types.names(account)).into_iter();
        near.map(str::to_owned).collect()
    });
    let detail = if near.is_empty() {
        format!("`{name}` is not an event type of this account; GET /v1/event-types lists them")
    } else {
        format!(
            "`{name}` is not an event type of this account; did you mean {}?",
            near.join(", ")
        )
    };
    Problem::new(Kind::Invalid, detail.clone()).with(vec![Fault::new("/event_type", detail)])
}

/// The key that came with a request, without its quotes.
pub(super) fn idempotency_key(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let wrong = |detail: String| Err(Problem::query(vec![Fault::new("Idempotency-Key", detail)]));
    if values.next().is_some() {
        return wrong("stands there more than once".to_owned());
    }
    let bytes = value.as_bytes().trim_ascii();
    let key = bytes
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
        .unwrap_or(bytes);
    let visible = key
        .iter()
        .all(|byte| (0x21..=0x7e).contains(byte) && *byte != b'"');
    match std::str::from_utf8(key) {
        Ok(key) if visible && (1..=MAX_KEY).contains(&key.len()) => Ok(Some(key)),
        _ => wrong(format!(
            "must have 1 to {MAX_KEY} visible ASCII characters, quoted or bare"
        )),
    }
}
