//! Reading events.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::deliveries::DeliveryView;
use crate::domain::id::EventId;
use crate::http::extract::{Asked, In, Path};
use crate::http::page::{Page, Wanted};
use crate::http::problem::Problem;
use crate::http::reply::Shown;
use crate::service::Fault;
use crate::service::events::{self, EventQuery};
use crate::store::event::EventSummary;

/// What is known of an event wherever it is shown.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct EventFacts {
    /// Its id.
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
    #[schema(value_type = Vec<Fault>, required = false)]
    warnings: Option<Box<RawValue>>,
}

/// An event as lists show it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct EventView {
    #[serde(flatten)]
    facts: EventFacts,
    /// How many subscriptions matched.
    deliveries: usize,
}

/// One event with its payload.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct EventDetail {
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

impl From<EventSummary> for EventFacts {
    fn from(event: EventSummary) -> Self {
        let warnings = event.warnings;
        Self {
            id: event.id,
            event_type: event.event_type,
            created_at: event.received_at,
            size: event.size,
            test: event.test,
            warnings: warnings.and_then(|text| RawValue::from_string(text).ok()),
        }
    }
}

pub(in crate::http) async fn list(
    In(shared, account, ..): In,
    Asked(asked): Asked<EventQuery>,
) -> Result<Page<EventView>, Problem> {
    let wanted: Wanted<'_, EventId> = Wanted::of(&asked, "events")?;
    let place = (wanted.after, wanted.rows());
    let rows = events::list(&shared.engine, account, asked, place).await?;
    Ok(wanted.page(
        rows,
        |row| row.id,
        |row| EventView {
            deliveries: row.targets.len(),
            facts: row.into(),
        },
    ))
}

pub(in crate::http) async fn show(
    In(shared, account, ..): In,
    Path(id): Path<EventId>,
) -> Result<Shown<EventDetail>, Problem> {
    let (event, payload, deliveries) = events::show(&shared.engine, account, id).await?;
    Ok(Shown(EventDetail {
        hops: event.hops.clone(),
        facts: event.into(),
        payload,
        deliveries: deliveries.into_iter().map(DeliveryView::from).collect(),
    }))
}
