//! The delivery log: the list, one delivery with its attempts, and sending it again.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::delivery::DeliveryState;
use crate::domain::id::{EventId, SubscriptionId};
use crate::http::extract::{Asked, Body, In, Path};
use crate::http::page::{Page, Wanted};
use crate::http::problem::{Kind, Problem};
use crate::http::reply::{Accepted, Shown};
use crate::service::attempts::{AttemptView, RequestView, error_of};
use crate::service::deliveries::{self, DeliveryQuery};
use crate::service::subscriptions::NoInput;
use crate::store::delivery_log::{Delivery, DeliveryPlace};
use crate::store::resend::Resend;

/// What is known of a delivery wherever it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct DeliveryFacts {
    /// Of which event.
    event_id: EventId,
    /// For which subscription.
    subscription_id: SubscriptionId,
    /// The event's type.
    event_type: String,
    /// Where it stands.
    state: DeliveryState,
    /// What the receiver answered last.
    last_status_code: Option<i16>,
    /// What went wrong last, or which plugin filtered it, in plain words.
    last_error: Option<String>,
    /// When the last attempt ended.
    last_attempt_at: Option<DateTime<Utc>>,
    /// When it is due; null while it is held, and once it has ended.
    next_attempt_at: Option<DateTime<Utc>>,
    /// The plugin that holds it up, such as `named/only-paid-orders.rhai`; null: none does.
    held_by: Option<String>,
    /// When the event was accepted.
    created_at: DateTime<Utc>,
    /// The event was made to try out the subscription.
    test: bool,
}

/// A delivery as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct DeliveryView {
    #[serde(flatten)]
    facts: DeliveryFacts,
    /// How often it was tried.
    attempts: i64,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let attempts = delivery.attempts;
        Self {
            facts: delivery.into(),
            attempts,
        }
    }
}

impl From<Delivery> for DeliveryFacts {
    fn from(delivery: Delivery) -> Self {
        Self {
            event_id: delivery.event,
            subscription_id: delivery.subscription,
            event_type: delivery.event_type,
            state: delivery.state,
            last_status_code: delivery.last_status,
            last_error: delivery.last_detail.as_deref().and_then(error_of),
            last_attempt_at: delivery.last_attempt_at,
            next_attempt_at: delivery.next_attempt_at,
            held_by: delivery.held_by,
            created_at: delivery.created_at,
            test: delivery.test,
        }
    }
}

/// One delivery with all its attempts.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DeliveryDetail {
    #[serde(flatten)]
    facts: DeliveryFacts,
    /// Why it is held, in plain words.
    held_because: Option<String>,
    /// What is sent with each attempt, unless a plugin changes it.
    request: RequestView,
    /// Every attempt, the first one first.
    attempts: Vec<AttemptView>,
}

/// What becomes of a delivery that is sent again.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Resent {
    /// Of which event.
    event_id: EventId,
    /// For which subscription.
    subscription_id: SubscriptionId,
    /// `queued` or `retrying`; `held` while its subscription is not enabled.
    state: DeliveryState,
}

pub(in crate::http) async fn list(
    In(shared, account, ..): In,
    Asked(asked): Asked<DeliveryQuery>,
) -> Result<Page<DeliveryView>, Problem> {
    let mut wanted: Wanted<'_, DeliveryPlace> = Wanted::of(&asked, "deliveries")?;
    let place = (wanted.after.take(), wanted.limit);
    let (rows, next) = deliveries::list(&shared.engine, account, asked, place).await?;
    Ok(wanted.page_to(rows, next, DeliveryView::from))
}

pub(in crate::http) async fn show(
    In(shared, account, caller): In,
    Path((event, subscription)): Path<(EventId, SubscriptionId)>,
) -> Result<Shown<DeliveryDetail>, Problem> {
    let shown = deliveries::show(&shared.engine, account, caller.role, event, subscription).await?;
    Ok(Shown(DeliveryDetail {
        facts: shown.delivery.into(),
        held_because: shown.held_because,
        request: RequestView::new(shown.url, shown.payload),
        attempts: shown.attempts,
    }))
}

pub(in crate::http) async fn resend(
    In(shared, account, caller): In,
    Path((event_id, subscription_id)): Path<(EventId, SubscriptionId)>,
    _nothing: Body<NoInput>,
) -> Result<Accepted<Resent>, Problem> {
    let by = caller.actor();
    let became = deliveries::resend(&shared.engine, account, event_id, subscription_id, &by);
    match became.await? {
        Resend::Due(state) => Ok(Accepted(Resent {
            event_id,
            subscription_id,
            state,
        })),
        Resend::Unknown => Err(Problem::not_found("delivery")),
        Resend::Deleted => Err(Problem::new(
            Kind::Conflict,
            "Its subscription was deleted.",
        )),
        Resend::InFlight => {
            let detail = "It is being delivered for the first time right now: wait for its end.";
            Err(Problem::new(Kind::Conflict, detail))
        }
    }
}
