//! Publishing one event.

use std::fmt::Write;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::shapes::{EventInput, Published};
use crate::domain::event::{MAX_EVENT_BYTES, parse_envelope};
use crate::http::body;
use crate::http::guard::Account;
use crate::http::hops;
use crate::http::path::no_query;
use crate::http::problem::{Fault, Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::callers::Caller;
use crate::service::publishing::{Accepted, accept};

const IDEMPOTENCY_KEY: &str = "idempotency-key";
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
    let accepted = accept(&shared.engine, account, &body, key, hops).await?;
    let Accepted { receipt, warnings } = accepted;
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
