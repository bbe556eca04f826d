//! The delivery log: the list, one delivery with its attempts, and sending it again.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::delivery::DeliveryState;
use crate::domain::id::{EventId, SubscriptionId};
use crate::http::extract::{In, Keyed, Path, QueryInput};
use crate::http::page::{Page, PageRequest};
use crate::http::problem::{ProblemDetails, ProblemKind};
use crate::http::reply::{AcceptedJson, ApiResult, OkJson};
use crate::service::attempts::{AttemptView, RequestView, error_of};
use crate::service::deliveries::{self, DeliveryQuery};
use crate::service::subscriptions::NoInput;
use crate::service::views;
use crate::store::delivery_log::{Delivery, DeliveryPlace};
use crate::store::resend::Resend;

views! {
    /// What is known of a delivery wherever it is shown.
    pub(crate) DeliveryFacts of delivery: Delivery {
        /// Of which event.
        event_id: EventId = delivery.event,
        /// For which subscription.
        subscription_id: SubscriptionId = delivery.subscription,
        /// The event's type.
        event_type: String,
        /// Its state.
        state: DeliveryState,
        /// What the receiver answered last.
        last_status_code: Option<i16> = delivery.last_status,
        /// What went wrong last, or which plugin filtered it, in plain words.
        last_error: Option<String> = delivery.last_detail.as_deref().and_then(error_of),
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
}

/// A delivery as lists show it.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    #[serde(flatten)]
    facts: DeliveryFacts,
    /// How often it was tried.
    attempts: i64,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let (attempts, facts) = (delivery.attempts, delivery.into());
        Self { facts, attempts }
    }
}

/// One delivery with all its attempts.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryDetail {
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
pub(crate) struct Resent {
    /// Of which event.
    event_id: EventId,
    /// For which subscription.
    subscription_id: SubscriptionId,
    /// `queued` or `retrying`; `held` while its subscription is not enabled.
    state: DeliveryState,
}

pub(crate) async fn list(
    at: In,
    QueryInput(asked): QueryInput<DeliveryQuery>,
) -> ApiResult<Page<DeliveryView>> {
    let mut wanted: PageRequest<'_, DeliveryPlace> = PageRequest::of(&asked, "deliveries")?;
    let place = (wanted.after.take(), wanted.limit);
    let (rows, next) = deliveries::list(at.cx(), asked, place).await?;
    Ok(wanted.page_to(rows, next, DeliveryView::from))
}

pub(crate) async fn show(
    at: In,
    Path((event, subscription)): Path<(EventId, SubscriptionId)>,
) -> ApiResult<OkJson<DeliveryDetail>> {
    let shown = deliveries::show(at.cx(), event, subscription).await?;
    Ok(OkJson(DeliveryDetail {
        facts: shown.delivery.into(),
        held_because: shown.held_because,
        request: RequestView::new(shown.url, shown.payload),
        attempts: shown.attempts,
    }))
}

pub(crate) async fn resend(
    at: In,
    Path((event_id, subscription_id)): Path<(EventId, SubscriptionId)>,
    keyed: Keyed<NoInput>,
) -> ApiResult<AcceptedJson<Resent>> {
    let (nothing, making) = keyed.split(at.cx().by());
    nothing.finish()?;
    let resend = deliveries::resend(at.cx(), event_id, subscription_id, making.get());
    let detail = match resend.await? {
        Resend::Due(state) => {
            return Ok(AcceptedJson(Resent {
                event_id,
                subscription_id,
                state,
            }));
        }
        Resend::Unknown => return Err(ProblemDetails::not_found("delivery")),
        Resend::Deleted => "Its subscription was deleted.",
        Resend::InFlight => "It is being delivered for the first time right now: wait for its end.",
    };
    Err(ProblemDetails::new(ProblemKind::Conflict, detail))
}
