//! Reading events.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::deliveries::DeliveryView;
use crate::domain::id::EventId;
use crate::http::fields::Query;
use crate::http::guard::Account;
use crate::http::page::{self, Page, Wanted};
use crate::http::path::{no_query, part};
use crate::http::problem::{Fault, Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::store::event::{self, EventFilter, EventSummary};
use crate::store::{StoreError, delivery_log};

/// How many deliveries of an event are shown with it; the list of deliveries has all.
pub(in crate::http) const MOST_DELIVERIES: usize = 200;

/// An event as lists show it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct EventView {
    /// Its id.
    #[schema(value_type = String, example = "evt_01h455vb4pex5vsknk084sn02q")]
    id: EventId,
    /// The name of its type.
    event_type: String,
    /// When it was accepted.
    created_at: DateTime<Utc>,
    /// Length of its payload in bytes.
    size: i32,
    /// How many subscriptions matched.
    deliveries: usize,
    /// It was made to try out a subscription.
    test: bool,
    /// Where it does not fit its schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Fault>>)]
    warnings: Option<Box<RawValue>>,
}

impl From<EventSummary> for EventView {
    fn from(event: EventSummary) -> Self {
        Self {
            id: event.id,
            event_type: event.event_type,
            created_at: event.received_at,
            size: event.size,
            deliveries: event.targets.len(),
            test: event.test,
            warnings: event
                .warnings
                .and_then(|text| RawValue::from_string(text).ok()),
        }
    }
}

/// One event with its payload.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct EventDetail {
    /// Its id.
    #[schema(value_type = String)]
    id: EventId,
    /// The name of its type.
    event_type: String,
    /// When it was accepted.
    created_at: DateTime<Utc>,
    /// Length of its payload in bytes.
    size: i32,
    /// It was made to try out a subscription.
    test: bool,
    /// Where it does not fit its schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Fault>>)]
    warnings: Option<Box<RawValue>>,
    /// The databases of Herald that it came through (header `herald-hops`); null: it began here.
    hops: Option<String>,
    /// The event as published.
    #[schema(value_type = Object)]
    payload: Box<RawValue>,
    /// Its deliveries, at most 200 of them.
    deliveries: Vec<DeliveryView>,
}

const LIST: &str = "events";

/// List events, newest first
#[utoipa::path(
    get, path = "/v1/events", tag = "events",
    params(
        ("event_type" = Option<String>, Query, description = "Of this type"),
        ("from" = Option<DateTime<Utc>>, Query, description = "Accepted at or after"),
        ("to" = Option<DateTime<Utc>>, Query, description = "Accepted before"),
        ("limit" = Option<u32>, Query, description = "1 to 200 (50)"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = Page<EventView>),
        (status = 400, description = "A wrong parameter", body = ProblemDocument),
        (status = 422, description = "A time outside the years 1970 to 9999",
            body = ProblemDocument),
    )
)]
pub(in crate::http) async fn list(
    shared: Data<Shared>,
    Account(account): Account,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::parse(request.query_string());
    let event_type = query.text("event_type");
    let from = query.time("from");
    let to = query.time("to");
    let wanted: Wanted<EventId> = Wanted::take(&mut query, LIST);
    query.finish()?;
    let filter = EventFilter {
        event_type,
        from,
        to,
        before: wanted.after,
        limit: wanted.rows(),
    };
    let mut rows = event::list(shared.engine.database(), account, &filter).await?;
    let next = page::cut(&mut rows, wanted.limit, |row| row.id);
    let data: Vec<EventView> = rows.into_iter().map(EventView::from).collect();
    Ok(page::answer(&request, LIST, data, next))
}

/// Show one event with its payload and its deliveries
#[utoipa::path(
    get, path = "/v1/events/{id}", tag = "events",
    params(("id" = String, Path, description = "`evt_…`")),
    responses(
        (status = 200, description = "The event", body = EventDetail),
        (status = 404, description = "There is none", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn show(
    shared: Data<Shared>,
    Account(account): Account,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let id: EventId = part(&request, "id")?;
    let database = shared.engine.database();
    let (event, payload) = event::find(database, account, id)
        .await?
        .ok_or_else(|| Problem::not_found("event"))?;
    let shown = event
        .targets
        .get(..MOST_DELIVERIES)
        .unwrap_or(&event.targets);
    let deliveries = delivery_log::of_event(database, account, id, shown).await?;
    let payload = String::from_utf8(payload)
        .ok()
        .and_then(|text| RawValue::from_string(text).ok())
        .ok_or_else(|| StoreError::Unfit(format!("the payload of {id} is not JSON")))?;
    let hops = event.hops.clone();
    let view = EventView::from(event);
    Ok(HttpResponse::Ok().json(EventDetail {
        id: view.id,
        event_type: view.event_type,
        created_at: view.created_at,
        size: view.size,
        test: view.test,
        warnings: view.warnings,
        hops,
        payload,
        deliveries: deliveries.into_iter().map(DeliveryView::from).collect(),
    }))
}
