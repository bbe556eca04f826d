//! The delivery log: the list, one delivery with its attempts, and sending it again.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::attempts::{AttemptView, RequestView, error_of};
use super::plugins::without_source;
use crate::domain::activity::Actor;
use crate::domain::delivery::DeliveryState;
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::domain::role::Role;
use crate::domain::subscription::SubscriptionState;
use crate::http::body;
use crate::http::fields::{Fields, Query};
use crate::http::guard::Account;
use crate::http::page::{self, Page, Wanted};
use crate::http::path::{no_query, part};
use crate::http::problem::{Kind, Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::callers::Caller;
use crate::store::delivery_log::{self, Delivery, DeliveryFilter, DeliveryPlace};
use crate::store::resend::{self, Resend};
use crate::store::subscription::Subscription;
use crate::store::{StoreError, event, subscription};

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
    let told = find(&shared, account, caller.role, id, subscription_id).await?;
    let request = RequestView::new(told.url, told.payload);
    let view = DeliveryView::from(told.delivery);
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
        held_because: told.held_because,
        created_at: view.created_at,
        test: view.test,
        request,
        attempts: told.attempts,
    }))
}

/// All that is told of one delivery.
pub(in crate::http) struct ToldDelivery {
    /// The event's bytes as published.
    pub payload: Vec<u8>,
    /// Where it stands.
    pub delivery: Delivery,
    /// Why it is held, in plain words; none: it is not.
    pub held_because: Option<String>,
    /// The URL of its subscription, as far as it may be seen; none: that was deleted.
    pub url: Option<String>,
    /// Every attempt, the first one first.
    pub attempts: Vec<AttemptView>,
}

/// One delivery with its attempts, as somebody of that role may see them.
///
/// # Errors
/// There is none, or the database is away.
pub(in crate::http) async fn find(
    shared: &Shared,
    account: AccountId,
    role: Role,
    id: EventId,
    subscription_id: SubscriptionId,
) -> Result<ToldDelivery, Problem> {
    let database = shared.engine.database();
    let missing = || Problem::not_found("delivery");
    let (event, payload) = event::find(database, account, id)
        .await?
        .ok_or_else(missing)?;
    let (delivery, attempts) = delivery_log::with_attempts(database, account, id, subscription_id)
        .await?
        .ok_or_else(missing)?;
    if attempts.is_empty()
        && delivery.next_attempt_at.is_none()
        && delivery.state != DeliveryState::Held
        && !event.targets.contains(&subscription_id)
    {
        return Err(missing());
    }
    let subscription = subscription::find(database, account, subscription_id).await?;
    let table = shared.engine.types();
    let attempts = attempts
        .into_iter()
        .map(|attempt| AttemptView::new(attempt, &event, subscription.as_ref(), table.hop(), role))
        .collect();
    let held_because = (delivery.state == DeliveryState::Held)
        .then(|| why_held(shared, account, &delivery, subscription.as_ref()));
    let url = subscription.as_ref();
    let url = url.map(|it| it.url.seen_by(role).into_owned());
    Ok(ToldDelivery {
        url,
        payload,
        delivery,
        held_because,
        attempts,
    })
}

/// Why a delivery is held, in a sentence for each reason.
fn why_held(
    shared: &Shared,
    account: AccountId,
    delivery: &Delivery,
    subscription: Option<&Subscription>,
) -> String {
    let state = subscription.map(|subscription| subscription.state);
    let switched_off = match state {
        Some(SubscriptionState::Enabled) => None,
        Some(state) => Some(format!("Its subscription is {state}.")),
        None => Some("Its subscription was deleted.".to_owned()),
    };
    let held_up = delivery.held_by.as_ref().map(|name| {
        let trouble = shared.engine.plugins().trouble(account, name);
        let trouble = trouble.map(without_source);
        trouble
            .unwrap_or_else(|| format!("It waited for the plugin {name} and is due in a moment."))
    });
    let reasons: Vec<String> = switched_off.into_iter().chain(held_up).collect();
    reasons.join(" ")
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
    Fields::parse(&body::object(&request, payload).await?)?.finish()?;
    let by = caller.actor();
    match again(&shared, account, event_id, subscription_id, &by).await? {
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

/// Makes a delivery due again, and tells who delivers it.
///
/// # Errors
/// When the database is away.
pub(in crate::http) async fn again(
    shared: &Shared,
    account: AccountId,
    event: EventId,
    subscription: SubscriptionId,
    by: &Actor,
) -> Result<Resend, StoreError> {
    let database = shared.engine.database();
    let became = resend::resend(database, account, event, subscription, by).await?;
    Ok(heeded(shared, subscription, became))
}

/// Has one of many deliveries made due, which the caller noted together.
///
/// # Errors
/// When the database is away.
pub(in crate::http) async fn one_of_many_again(
    shared: &Shared,
    account: AccountId,
    event: EventId,
    subscription: SubscriptionId,
) -> Result<Resend, StoreError> {
    let database = shared.engine.database();
    let became = resend::resend_one_of_many(database, account, event, subscription).await?;
    Ok(heeded(shared, subscription, became))
}

fn heeded(shared: &Shared, subscription: SubscriptionId, became: Resend) -> Resend {
    if matches!(became, Resend::Due(_)) {
        shared.engine.deliveries_due(subscription);
    }
    became
}
