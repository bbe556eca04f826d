//! The delivery log: the list, one delivery with its attempts, and sending it again.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::delivery::DeliveryState;
use crate::domain::id::{EventId, SubscriptionId};
use crate::http::body;
use crate::http::fields::Query;
use crate::http::guard::Account;
use crate::http::page::{self, Page, Wanted};
use crate::http::path::{no_query, part};
use crate::http::problem::{Kind, Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::attempts::{AttemptView, RequestView, error_of};
use crate::service::callers::Caller;
use crate::service::deliveries;
use crate::service::subscriptions::NoInput;
use crate::store::delivery_log::{self, Delivery, DeliveryFilter, DeliveryPlace};
use crate::store::resend::Resend;

/// A delivery as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct DeliveryView {
    /// Of which event.
    #[schema(value_type = String, example = "evt_01h455vb4pex5vsknk084sn02q")]
    event_id: EventId,
    /// For which subscription.
    #[schema(value_type = String, example = "sub_01h455vb4pex5vsknk084sn02q")]
    subscription_id: SubscriptionId,
    /// The event's type.
    event_type: String,
    /// `queued`, `retrying`, `held`, `sent`, `failed`, `filtered` or `cancelled`.
    #[schema(value_type = String, example = "sent")]
    state: DeliveryState,
    /// How often it was tried.
    attempts: i64,
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

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            event_id: delivery.event,
            subscription_id: delivery.subscription,
            event_type: delivery.event_type,
            state: delivery.state,
            attempts: delivery.attempts,
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
    /// Of which event.
    #[schema(value_type = String)]
    event_id: EventId,
    /// For which subscription.
    #[schema(value_type = String)]
    subscription_id: SubscriptionId,
    /// The event's type.
    event_type: String,
    /// `queued`, `retrying`, `held`, `sent`, `failed`, `filtered` or `cancelled`.
    #[schema(value_type = String)]
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
    /// Why it is held, in plain words.
    held_because: Option<String>,
    /// When the event was accepted.
    created_at: DateTime<Utc>,
    /// The event was made to try out the subscription.
    test: bool,
    /// What is sent with each attempt, unless a plugin changes it.
    request: RequestView,
    /// Every attempt, the first one first.
    attempts: Vec<AttemptView>,
}

/// What becomes of a delivery that is sent again.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Resent {
    /// Of which event.
    #[schema(value_type = String)]
    event_id: EventId,
    /// For which subscription.
    #[schema(value_type = String)]
    subscription_id: SubscriptionId,
    /// `queued` or `retrying`; `held` while its subscription is not enabled.
    #[schema(value_type = String)]
    state: DeliveryState,
}

const LIST: &str = "deliveries";

/// List deliveries, newest event first
///
/// A page may have fewer entries than `limit`, even none, and still a `next_cursor`: go on
/// until it is null.
#[utoipa::path(
    get, path = "/v1/deliveries", tag = "deliveries",
    params(
        ("subscription" = Option<String>, Query, description = "For this subscription"),
        ("event_type" = Option<String>, Query, description = "Of events of this type"),
        ("state" = Option<String>, Query, description = "In this state"),
        ("from" = Option<DateTime<Utc>>, Query, description = "Of events accepted at or after"),
        ("to" = Option<DateTime<Utc>>, Query, description = "Of events accepted before"),
        ("limit" = Option<u32>, Query, description = "1 to 200 (50)"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = Page<DeliveryView>),
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
    let subscription = query.parsed("subscription");
    let event_type = query.text("event_type");
    let state = query.parsed("state");
    let from = query.time("from");
    let to = query.time("to");
    let wanted: Wanted<DeliveryPlace> = Wanted::take(&mut query, LIST);
    query.finish()?;
    let Wanted { limit, after } = wanted;
    let filter = DeliveryFilter {
        subscription,
        event_type,
        state,
        from,
        to,
        after,
        limit,
    };
    let found = delivery_log::list(shared.engine.database(), account, &filter).await?;
    let data: Vec<DeliveryView> = found
        .deliveries
        .into_iter()
        .map(DeliveryView::from)
        .collect();
    Ok(page::answer(&request, LIST, data, found.next))
}

/// Show one delivery with every attempt
#[utoipa::path(
    get, path = "/v1/deliveries/{event_id}/{subscription_id}", tag = "deliveries",
    params(
        ("event_id" = String, Path, description = "`evt_…`"),
        ("subscription_id" = String, Path, description = "`sub_…`"),
    ),
    responses(
        (status = 200, description = "The delivery", body = DeliveryDetail),
        (status = 404, description = "There is none", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn show(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let id: EventId = part(&request, "event_id")?;
    let subscription_id: SubscriptionId = part(&request, "subscription_id")?;
    let shown = deliveries::show(&shared.engine, account, caller.role, id, subscription_id).await?;
    let request = RequestView::new(shown.url, shown.payload);
    let view = DeliveryView::from(shown.delivery);
    Ok(HttpResponse::Ok().json(DeliveryDetail {
        event_id: view.event_id,
        subscription_id: view.subscription_id,
        event_type: view.event_type,
        state: view.state,
        last_status_code: view.last_status_code,
        last_error: view.last_error,
        last_attempt_at: view.last_attempt_at,
        next_attempt_at: view.next_attempt_at,
        held_by: view.held_by,
        held_because: shown.held_because,
        created_at: view.created_at,
        test: view.test,
        request,
        attempts: shown.attempts,
    }))
}

/// Send one delivery again
///
/// What has ended begins a new round of attempts; what is open becomes due now.
#[utoipa::path(
    post, path = "/v1/deliveries/{event_id}/{subscription_id}/resend", tag = "deliveries",
    params(
        ("event_id" = String, Path, description = "`evt_…`"),
        ("subscription_id" = String, Path, description = "`sub_…`"),
    ),
    responses(
        (status = 202, description = "It is due", body = Resent),
        (status = 404, description = "There is none", body = ProblemDocument),
        (status = 409, description = "It is being delivered for the first time right now, or its \
            subscription was deleted", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn resend(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let event_id: EventId = part(&request, "event_id")?;
    let subscription_id: SubscriptionId = part(&request, "subscription_id")?;
    let _nothing: NoInput = body::input(&request, payload).await?;
    let by = caller.actor();
    let became = deliveries::resend(&shared.engine, account, event_id, subscription_id, &by);
    match became.await? {
        Resend::Due(state) => Ok(HttpResponse::Accepted().json(Resent {
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
