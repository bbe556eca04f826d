//! Making, reading, listing, changing and removing subscriptions.

use std::collections::BTreeMap;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::delivery::Outcome;
use crate::domain::id::SubscriptionId;
use crate::domain::role::Role;
use crate::domain::subscription::{SubscriptionSort, SubscriptionState};
use crate::http::body::{self, MAX_OBJECT};
use crate::http::fields::Query;
use crate::http::guard::Account;
use crate::http::page::{self, Page, Wanted};
use crate::http::path::{no_query, part};
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::attempts::MASKED;
use crate::service::callers::Caller;
use crate::service::subscriptions::{self, SubscriptionInput, SubscriptionPatch};
use crate::store::subscription::{Subscription, SubscriptionFilter};
use crate::store::subscription_count::Counts;

/// What became of a subscription's attempts.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(in crate::http) struct CountsView {
    /// Answered 2xx.
    sent: i64,
    /// The schedule was used up.
    failed: i64,
    /// A plugin said no.
    filtered: i64,
    /// Given up on purpose.
    cancelled: i64,
    /// Went wrong and were tried again.
    retried: i64,
}

/// A subscription.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SubscriptionView {
    /// Its id.
    #[schema(value_type = String, example = "sub_01h455vb4pex5vsknk084sn02q")]
    id: SubscriptionId,
    /// What people call it.
    title: String,
    /// Where it delivers; path and query are for admins alone.
    url: String,
    /// Names of event types, `*` standing for any characters.
    triggers: Vec<String>,
    /// `enabled`, `paused` or `disabled`.
    #[schema(value_type = String, example = "enabled")]
    state: SubscriptionState,
    /// Why Herald itself disabled it.
    disabled_reason: Option<String>,
    /// The script in `named/` that acts for it, without folder and ending.
    #[schema(example = "only-paid-orders")]
    plugin: Option<String>,
    /// Headers that go with each request; their values are for admins alone.
    headers: BTreeMap<String, String>,
    /// Requests under way at once.
    max_in_flight: i32,
    /// Not supported yet: null.
    rate_per_second: Option<f64>,
    /// Not supported yet: false.
    ordered: bool,
    /// Not supported yet: null.
    order_key: Option<String>,
    /// Seconds for one attempt as a whole.
    timeout_seconds: i32,
    /// Seconds after each failure.
    retry_schedule: Vec<i32>,
    /// `sent` or `error`; null: there was no attempt yet.
    last_status: Option<&'static str>,
    /// When the last attempt ended.
    last_attempt_at: Option<DateTime<Utc>>,
    /// What became of its attempts.
    counts: CountsView,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl SubscriptionView {
    fn new(subscription: Subscription, counts: Option<&Counts>, role: Role) -> Self {
        let mut headers = subscription.headers;
        if role != Role::Admin {
            headers
                .values_mut()
                .for_each(|value| MASKED.clone_into(value));
        }
        let last_status = counts.and_then(|counts| match counts.last_outcome {
            Outcome::Sent => Some("sent"),
            Outcome::Failed | Outcome::Retry | Outcome::Superseded => Some("error"),
            Outcome::Filtered | Outcome::Cancelled => None,
        });
        Self {
            id: subscription.id,
            title: subscription.title,
            url: subscription.url.seen_by(role).into_owned(),
            triggers: subscription.triggers,
            state: subscription.state,
            disabled_reason: subscription.disabled_reason,
            plugin: subscription.plugin,
            headers,
            max_in_flight: subscription.max_in_flight,
            rate_per_second: None,
            ordered: false,
            order_key: None,
            timeout_seconds: subscription.timeout_seconds,
            retry_schedule: subscription.retry_schedule,
            last_status,
            last_attempt_at: counts.map(|counts| counts.last_attempt_at),
            counts: counts.map_or_else(CountsView::default, |counts| CountsView {
                sent: counts.sent,
                failed: counts.failed,
                filtered: counts.filtered,
                cancelled: counts.cancelled,
                retried: counts.retried,
            }),
            created_at: subscription.created_at,
            updated_at: subscription.updated_at,
        }
    }
}

/// A subscription just made, with its secret.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct NewSubscriptionView {
    #[serde(flatten)]
    subscription: SubscriptionView,
    /// Signs its deliveries (Standard Webhooks); also to be had at `…/secret`.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    secret: String,
}

/// Shows a subscription with its counts.
pub(super) async fn view(
    shared: &Shared,
    subscription: Subscription,
    role: Role,
) -> Result<SubscriptionView, Problem> {
    let counts = subscriptions::counts(&shared.engine, subscription.id).await?;
    Ok(SubscriptionView::new(subscription, counts.as_ref(), role))
}

/// Make a subscription
#[utoipa::path(
    post, path = "/v1/subscriptions", tag = "subscriptions",
    request_body = SubscriptionInput,
    responses(
        (status = 201, description = "Made; it matches from now on", body = NewSubscriptionView),
        (status = 422, description = "Wrong values, a forbidden target among them",
            body = ProblemDocument),
    )
)]
pub(in crate::http) async fn create(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let input = body::begin(&request, payload, MAX_OBJECT).await?;
    let made = subscriptions::create(&shared.engine, account, &caller.actor(), input).await;
    let (made, secret) = made?;
    let location = format!("/v1/subscriptions/{}", made.id);
    let subscription = SubscriptionView::new(made, None, caller.role);
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, location))
        .json(NewSubscriptionView {
            subscription,
            secret: secret.reveal(),
        }))
}

/// List subscriptions
#[utoipa::path(
    get, path = "/v1/subscriptions", tag = "subscriptions",
    params(
        ("state" = Option<String>, Query, description = "In this state"),
        ("created_from" = Option<DateTime<Utc>>, Query, description = "Made at or after"),
        ("created_to" = Option<DateTime<Utc>>, Query, description = "Made before"),
        ("q" = Option<String>, Query, description = "With this text in the title or the host of the URL"),
        ("sort" = Option<String>, Query, description = "`created_at` (default), `updated_at`, `id`"),
        ("order" = Option<String>, Query, description = "`desc` (default) or `asc`"),
        ("limit" = Option<u32>, Query, description = "1 to 200 (50)"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = Page<SubscriptionView>),
        (status = 400, description = "A wrong parameter", body = ProblemDocument),
        (status = 422, description = "A time outside the years 1970 to 9999",
            body = ProblemDocument),
    )
)]
pub(in crate::http) async fn list(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::parse(request.query_string());
    let state = query.parsed("state");
    let created_from = query.time("created_from");
    let created_to = query.time("created_to");
    let text = query.text("q");
    let sort = query.parsed("sort").unwrap_or(SubscriptionSort::CreatedAt);
    let descending = query.take("order", |order| match order {
        "desc" => Ok(true),
        "asc" => Ok(false),
        _ => Err("use asc or desc".to_owned()),
    });
    let descending = descending.unwrap_or(true);
    // A cursor is worth something in its own order alone.
    let name = format!("subscriptions {sort} {descending}");
    let wanted: Wanted<(DateTime<Utc>, SubscriptionId)> = Wanted::take(&mut query, &name);
    query.finish()?;
    let filter = SubscriptionFilter {
        state,
        created_from,
        created_to,
        text,
        sort,
        descending,
        after: wanted.after,
        limit: wanted.rows(),
    };
    let mut rows = subscriptions::list(&shared.engine, account, &filter).await?;
    let next = page::cut(&mut rows, wanted.limit, |(row, _)| match sort {
        SubscriptionSort::UpdatedAt => (row.updated_at, row.id),
        SubscriptionSort::CreatedAt | SubscriptionSort::Id => (row.created_at, row.id),
    });
    let view = |(row, counts): (Subscription, Option<Counts>)| {
        SubscriptionView::new(row, counts.as_ref(), caller.role)
    };
    let data: Vec<SubscriptionView> = rows.into_iter().map(view).collect();
    Ok(page::answer(&request, &name, data, next))
}

/// Show one subscription
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    responses(
        (status = 200, description = "The subscription", body = SubscriptionView),
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
    let found = subscriptions::show(&shared.engine, account, part(&request, "id")?).await?;
    Ok(HttpResponse::Ok().json(view(&shared, found, caller.role).await?))
}

/// Change a subscription
///
/// What is left out stays as it is. Deliveries that are open follow the new values.
#[utoipa::path(
    patch, path = "/v1/subscriptions/{id}", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    request_body = SubscriptionPatch,
    responses(
        (status = 200, description = "The subscription as it is now", body = SubscriptionView),
        (status = 404, description = "There is none", body = ProblemDocument),
        (status = 422, description = "Wrong values, a forbidden target among them",
            body = ProblemDocument),
    )
)]
pub(in crate::http) async fn change(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    // First, so that nobody can use a foreign id to have names looked up.
    let before = subscriptions::show(&shared.engine, account, part(&request, "id")?).await?;
    let patch = body::begin(&request, payload, MAX_OBJECT).await?;
    let by = caller.actor();
    let changed = subscriptions::change(&shared.engine, &before, &by, patch, None).await?;
    Ok(HttpResponse::Ok().json(view(&shared, changed, caller.role).await?))
}

/// Remove a subscription
///
/// It matches nothing from now on; its open deliveries are cancelled, its log stays.
#[utoipa::path(
    delete, path = "/v1/subscriptions/{id}", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "There is none", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn remove(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let id = part(&request, "id")?;
    subscriptions::remove(&shared.engine, account, id, &caller.actor()).await?;
    Ok(HttpResponse::NoContent().finish())
}
