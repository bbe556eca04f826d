//! Publishing many events at once: one JSON object a line. A bad line hurts no other.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::publish::idempotency_key;
use super::shapes::{BatchPublished, LineWarnings};
use crate::actors::RoutingTable;
use crate::domain::event::{MAX_BATCH_EVENTS, MAX_EVENT_BYTES};
use crate::domain::event_type::Suggestions;
use crate::http::body;
use crate::http::guard::Account;
use crate::http::hops;
use crate::http::path::no_query;
use crate::http::problem::{Kind, Problem, ProblemDocument, RejectedLine};
use crate::http::server::Shared;
use crate::service::callers::Caller;
use crate::service::publishing::{judged, prepare};
use crate::service::{Reason, Refusal};

/// After so many lines the worker's other requests get a turn.
const YIELD_EVERY: usize = 50;

/// Publish up to 1,000 events
///
/// One JSON object a line (NDJSON), at most 16 MiB. The good lines are committed, the others are
/// told by number; if there is no good one, all of it is refused. Line L of a batch with an `Idempotency-Key` has the key `<key>/L`.
#[utoipa::path(
    post, path = "/v1/events/batch", tag = "events",
    params(
        ("Idempotency-Key" = Option<String>, Header,
            description = "1 to 255 visible ASCII characters, quoted or bare"),
        ("Herald-Hops" = Option<String>, Header,
            description = "That of the delivery that the events came of"),
    ),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 202, description = "The good lines are committed", body = BatchPublished),
        (status = 413, description = "Larger than 16 MiB", body = ProblemDocument),
        (status = 422, description = "No good line, or more than 1,000 lines", body = ProblemDocument),
        (status = 503, description = "The database is away", body = ProblemDocument),
        (status = 508, description = "The events go in a circle", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn publish_batch(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let body = body::batch(&shared, &request, payload).await?;
    let key = idempotency_key(&request)?;
    let hops = hops::read(&shared, account, &caller, &request, || None).await?;
    let lines = || {
        let numbered = body.split(|byte| *byte == b'\n').zip(1_usize..);
        numbered
            .map(|(line, number)| (number, line.strip_suffix(b"\r").unwrap_or(line)))
            .filter(|(_, line)| !line.trim_ascii().is_empty())
    };
    match lines().take(MAX_BATCH_EVENTS + 1).count() {
        0 => return Err(Problem::new(Kind::Invalid, "The batch holds no event.")),
        1..=MAX_BATCH_EVENTS => {}
        _ => {
            let detail = format!("A batch holds at most {MAX_BATCH_EVENTS} events.");
            return Err(Problem::new(Kind::Invalid, detail));
        }
    }
    let mut prepared = Vec::new();
    let mut prepared_lines = Vec::new();
    let mut hints = Suggestions::default();
    let mut events = Vec::new();
    let mut accepted_lines = Vec::new();
    let mut rejected = Vec::new();
    let mut warnings = Vec::new();
    let mut types = shared.engine.types();
    let mut looked = false;
    for (place, (line, bytes)) in lines().enumerate() {
        if place % YIELD_EVERY == YIELD_EVERY - 1 {
            tokio::task::yield_now().await;
        }
        let key = || key.map(|key| format!("{key}/{line}"));
        let mut prepare =
            |types: &RoutingTable| prepare(types, account, bytes, key(), hops.clone(), &mut hints);
        let mut one = sized(bytes).and_then(|()| prepare(&types));
        if !looked
            && one
                .as_ref()
                .is_err_and(|refused| refused.reason == Reason::Invalid)
        {
            looked = true;
            if let Some(newer) = shared.engine.newer_types(&types).await {
                types = newer;
                one = prepare(&types);
            }
        }
        match one {
            Ok(one) => {
                prepared.push(one);
                prepared_lines.push(line);
            }
            Err(refusal) => rejected.push(RejectedLine::of(line, refusal)),
        }
    }
    drop(types);
    let judged = judged(&shared.engine, account, prepared).await;
    for (event, line) in judged.into_iter().zip(prepared_lines) {
        match event {
            Ok(event) => {
                events.push(event);
                accepted_lines.push(line);
            }
            Err(refusal) => rejected.push(RejectedLine::of(line, refusal)),
        }
    }
    let marks: Vec<Option<String>> = events.iter().map(|event| event.warnings.clone()).collect();
    let receipts = if events.is_empty() {
        Vec::new()
    } else {
        shared.engine.publish(events).await?
    };
    let mut ids = Vec::with_capacity(receipts.len());
    let mut duplicates = Vec::new();
    for ((receipt, line), mark) in receipts.into_iter().zip(accepted_lines).zip(marks) {
        match receipt {
            Ok(receipt) => {
                ids.push(receipt.id);
                duplicates.extend(receipt.duplicate.then_some(line));
                let mark =
                    mark.and_then(|text| serde_json::value::RawValue::from_string(text).ok());
                warnings.extend(mark.map(|warnings| LineWarnings { line, warnings }));
            }
            Err(reused) => {
                let detail = reused.to_string();
                rejected.push(RejectedLine {
                    line,
                    detail,
                    errors: Vec::new(),
                });
            }
        }
    }
    rejected.sort_by_key(|one| one.line);
    if ids.is_empty() {
        return Err(Problem::no_line(rejected));
    }
    Ok(HttpResponse::Accepted().json(BatchPublished {
        accepted: ids.len(),
        rejected,
        ids,
        duplicates,
        warnings,
    }))
}

fn sized(line: &[u8]) -> Result<(), Refusal> {
    if line.len() <= MAX_EVENT_BYTES {
        return Ok(());
    }
    let detail = "An event may have at most 1 MiB.";
    Err(Refusal::new(Reason::TooLarge, detail))
}
