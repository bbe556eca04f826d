//! Reading events.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::deliveries::DeliveryView;
use crate::domain::id::EventId;
use crate::http::extract::{In, Path, QueryInput};
use crate::http::page::{Page, PageRequest};
use crate::http::reply::{ApiResult, OkJson};
use crate::service::events::{self, EventQuery};
use crate::service::{Fault, raw_json, views};
use crate::store::event::EventSummary;

views! {
    /// What is known of an event wherever it is shown.
    pub(crate) EventFacts of event: EventSummary {
        /// Its id.
        id: EventId,
        /// The name of its type.
        event_type: String,
        /// When it was accepted.
        created_at: DateTime<Utc> = event.received_at,
        /// Length of its payload in bytes.
        size: i32,
        /// It was made to try out a subscription.
        test: bool,
        /// Where it does not fit its schema.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Vec<Fault>, required = false)]
        warnings: Option<Box<RawValue>> = event.warnings.and_then(raw_json),
    }
}

/// An event as lists show it.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventView {
    #[serde(flatten)]
    facts: EventFacts,
    /// How many subscriptions matched.
    deliveries: usize,
}

/// One event with its payload.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventDetail {
    #[serde(flatten)]
    facts: EventFacts,
    /// The databases of Herald that it came through (header `herald-hops`); null: it began here.
    hops: Option<String>,
    /// The event as published.
    #[schema(value_type = Object)]
    payload: Box<RawValue>,
    /// Its deliveries, at most 200 of them.
    deliveries: Vec<DeliveryView>,
}

pub(crate) async fn list(
    at: In,
    QueryInput(asked): QueryInput<EventQuery>,
) -> ApiResult<Page<EventView>> {
    let wanted: PageRequest<'_, EventId> = PageRequest::of(&asked, "events")?;
    let rows = events::list(at.cx(), asked, (wanted.after, wanted.rows())).await?;
    let view = |row: EventSummary| {
        let (deliveries, facts) = (row.targets.len(), row.into());
        EventView { facts, deliveries }
    };
    Ok(wanted.page(rows, |row| row.id, view))
}

pub(crate) async fn show(at: In, Path(id): Path<EventId>) -> ApiResult<OkJson<EventDetail>> {
    let (event, payload, deliveries) = events::show(at.cx(), id).await?;
    Ok(OkJson(EventDetail {
        hops: event.hops.clone(),
        facts: event.into(),
        payload,
        deliveries: deliveries.into_iter().map(DeliveryView::from).collect(),
    }))
}
