//! Publishing: one event, or many, one a line.

use actix_web::HttpRequest;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::event::{MAX_BATCH_EVENTS, MAX_EVENT_BYTES, parse_envelope};
use crate::domain::id::EventId;
use crate::http::body;
use crate::http::extract::{Header, In, Lines, OneItem, Raw};
use crate::http::hops::{self, HopsHeader};
use crate::http::idempotency::{self, KeyHeader};
use crate::http::problem::ProblemDetails;
use crate::http::reply::{AcceptedJson, ApiResult};
use crate::service::publishing::{self, BatchPublished, EventBody, publish_lines};
use crate::service::{Fault, raw_json};

/// The answer to one event.
#[derive(Serialize, ToSchema)]
pub(crate) struct Published {
    /// The event's id.
    id: EventId,
    /// How many subscriptions matched.
    deliveries: usize,
    /// The Idempotency-Key was used before with the same body; this is the first answer again.
    duplicate: bool,
    /// Where the event does not fit its schema, which did not stop it.
    #[schema(value_type = Vec<Fault>, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Box<RawValue>>,
}

pub(crate) async fn publish(
    at: In,
    request: HttpRequest,
    _key: Header<KeyHeader>,
    _hops: Header<HopsHeader>,
    raw: Raw<OneItem<EventBody>>,
) -> ApiResult<AcceptedJson<Published>> {
    let body = body::read(&request, raw.0, MAX_EVENT_BYTES).await?;
    let key = idempotency::key(&request)?;
    let event_type = || Some(parse_envelope(&body).ok()?.event_type);
    let hops = hops::read(at.cx(), &at.shared.loops, &request, event_type).await?;
    let accepted = publishing::accept(&at.shared.engine, at.account, &body, key, hops).await?;
    Ok(AcceptedJson(Published {
        id: accepted.receipt.id,
        deliveries: accepted.receipt.deliveries,
        duplicate: accepted.receipt.duplicate,
        warnings: accepted.warnings.and_then(raw_json),
    }))
}

pub(crate) async fn publish_batch(
    at: In,
    request: HttpRequest,
    _key: Header<KeyHeader>,
    _hops: Header<HopsHeader>,
    lines: Raw<Lines<EventBody>>,
) -> ApiResult<AcceptedJson<BatchPublished>> {
    let body = body::batch(&at.shared, &request, lines.0).await?;
    let key = idempotency::key(&request)?;
    let hops = hops::read(at.cx(), &at.shared.loops, &request, || None).await?;
    let lines = body::lines(&body, MAX_BATCH_EVENTS, ("event", "events"))?;
    let batch = publish_lines(at.cx(), &lines, key, hops).await?;
    if batch.ids.is_empty() {
        return Err(ProblemDetails::no_line(batch.rejected));
    }
    Ok(AcceptedJson(batch))
}
