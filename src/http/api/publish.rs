//! Publishing one event: the hot path. Few allocations, no lock held, no look at the database.

use std::fmt::Write;
use std::sync::Arc;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::no_query;
use super::shapes::{EventInput, Published};
use crate::actors::{IdempotencyKey, KeyReused, NewEvent, PublishError, Receipt, RoutingTable};
use crate::domain::event::{
    EnvelopeError, EnvelopeErrorKind, MAX_EVENT_BYTES, parse_document, parse_envelope,
};
use crate::domain::event_type::{Validation, nearest};
use crate::domain::hops::Hops;
use crate::domain::id::AccountId;
use crate::http::auth::Caller;
use crate::http::body;
use crate::http::guard::Account;
use crate::http::hops;
use crate::http::problem::{Fault, Kind, Problem, ProblemDocument};
use crate::http::server::Shared;

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
        prepare(types, account, body, key.map(str::to_owned), hops.clone())
    };
    let types = shared.engine.types();
    let event = match prepare(&types) {
        Err(refused) if refused.kind() == Kind::Invalid => {
            match shared.engine.newer_types(&types).await {
                Some(newer) => prepare(&newer)?,
                None => return Err(refused),
            }
        }
        prepared => prepared?,
    };
    drop(types);
    let warnings = event.warnings.clone();
    match shared.engine.publish(vec![event]).await?.pop() {
        Some(Ok(receipt)) => Ok(Accepted { receipt, warnings }),
        Some(Err(reused @ KeyReused)) => {
            let fault = Fault::new("Idempotency-Key", reused.to_string());
            Err(Problem::invalid(vec![fault]))
        }
        None => Err(PublishError::Away.into()),
    }
}

/// Checks a body and makes an event of it. Its bytes are copied to a buffer of their exact size:
/// a slice would keep the connection's whole read buffer alive for as long as the event waits.
pub(super) fn prepare(
    types: &RoutingTable,
    account: AccountId,
    body: &[u8],
    key: Option<String>,
    hops: Option<Hops>,
) -> Result<NewEvent, Problem> {
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
        return Err(unknown_type(types, account, &name));
    };
    let mode = entry.validation;
    let mut warnings = None;
    if let Some(validator) = entry.validator.as_ref().filter(|_| mode != Validation::Off) {
        let document = match document {
            Some(document) => document,
            None => parse_document(body).map_err(malformed)?.1,
        };
        let violations = validator.validate(&document);
        if !violations.is_empty() {
            if mode == Validation::Reject {
                let fault = |v: crate::catalogue::Violation| Fault::new(v.pointer, v.detail);
                let faults = violations.into_iter().map(fault).collect();
                let detail = format!("The event does not fit the schema of {name}.");
                return Err(Problem::new(Kind::Invalid, detail).with(faults));
            }
            warnings = serde_json::to_string(&violations).ok();
        }
    }
    let key = key.map(|key| IdempotencyKey {
        key,
        body_hash: Sha256::digest(body).into(),
    });
    Ok(NewEvent {
        account,
        event_type: Arc::clone(&entry.name),
        payload: Bytes::copy_from_slice(body),
        warnings,
        hops,
        key,
    })
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

fn unknown_type(types: &RoutingTable, account: AccountId, name: &str) -> Problem {
    let near = nearest(name, types.names(account));
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
