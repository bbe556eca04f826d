//! Making, reading, listing, changing and removing subscriptions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Schema;

use crate::domain::delivery::Outcome;
use crate::domain::id::SubscriptionId;
use crate::domain::role::Role;
use crate::domain::subscription::{Order, SubscriptionSort, SubscriptionState};
use crate::http::extract::{Begun, In, Keyed, Path, QueryInput};
use crate::http::page::{Page, PageRequest};
use crate::http::reply::{ApiResult, CreatedJson, EmptyReply, OkJson};
use crate::service::attempts::MASKED;
use crate::service::input::{Text, one_of};
use crate::service::subscriptions::{
    self, SubscriptionInput, SubscriptionPatch, SubscriptionQuery,
};
use crate::service::{Context, views};
use crate::store::subscription::{Subscription, SubscriptionFilter};
use crate::store::subscription_count::Counts;

views! {
    /// What became of a subscription's attempts.
    #[derive(Default)]
    pub(crate) CountsView of counts: Counts {
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
}

/// A subscription.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubscriptionView {
    /// Its id.
    id: SubscriptionId,
    /// What people call it.
    title: String,
    /// Where it delivers; path and query are for admins alone.
    url: String,
    /// Names of event types; `*` matches any characters.
    triggers: Vec<String>,
    /// `enabled`, `paused` or `disabled`.
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
    #[schema(schema_with = last_statuses)]
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

fn last_statuses() -> Schema {
    one_of(&["sent", "error"], true)
}

impl SubscriptionView {
    fn new(subscription: Subscription, counts: Option<Counts>, role: Role) -> Self {
        let mut headers = subscription.headers;
        if role != Role::Admin {
            for value in headers.values_mut() {
                MASKED.clone_into(value);
            }
        }
        let last = counts.as_ref();
        let last_status = last.and_then(|last| match last.last_outcome {
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
            last_attempt_at: last.map(|last| last.last_attempt_at),
            counts: counts.map(CountsView::from).unwrap_or_default(),
            created_at: subscription.created_at,
            updated_at: subscription.updated_at,
        }
    }
}

/// A subscription just made, with its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewSubscriptionView {
    #[serde(flatten)]
    view: SubscriptionView,
    /// Signs its deliveries (Standard Webhooks); `…/secret` shows it, too. Null: the
    /// Idempotency-Key was used before, and this is what was made then.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    secret: Option<String>,
}

/// Shows a subscription with its counts.
pub(super) async fn view(cx: Context<'_>, it: Subscription) -> ApiResult<OkJson<SubscriptionView>> {
    let counts = subscriptions::counts(cx, it.id).await?;
    Ok(OkJson(SubscriptionView::new(it, counts, cx.caller.role)))
}

pub(crate) async fn create(
    at: In,
    keyed: Keyed<SubscriptionInput>,
) -> ApiResult<CreatedJson<NewSubscriptionView>> {
    let (input, making) = keyed.split(at.cx().by());
    let (made, secret) = subscriptions::create(at.cx(), making.get(), input).await?;
    let address = format!("/v1/subscriptions/{}", made.id);
    let view = SubscriptionView::new(made, None, at.caller.role);
    let secret = secret.map(|secret| secret.reveal());
    Ok(CreatedJson::at(
        address,
        NewSubscriptionView { view, secret },
    ))
}

pub(crate) async fn list(
    at: In,
    QueryInput(asked): QueryInput<SubscriptionQuery>,
) -> ApiResult<Page<SubscriptionView>> {
    let sort = asked.sort.unwrap_or(SubscriptionSort::CreatedAt);
    let descending = asked.order.unwrap_or_default() == Order::Descending;
    // A cursor is valid in its own order alone.
    let name = format!("subscriptions {sort} {descending}");
    let wanted: PageRequest<'_, (DateTime<Utc>, SubscriptionId)> = PageRequest::of(&asked, &name)?;
    let filter = SubscriptionFilter {
        state: asked.state,
        created_from: asked.created_from.map(|from| from.0),
        created_to: asked.created_to.map(|to| to.0),
        text: asked.q.map(Text::into_inner),
        sort,
        descending,
        after: wanted.after,
        limit: wanted.rows(),
    };
    let rows = subscriptions::list(at.cx(), &filter).await?;
    let key = |(row, _): &(Subscription, Option<Counts>)| match sort {
        SubscriptionSort::UpdatedAt => (row.updated_at, row.id),
        SubscriptionSort::CreatedAt | SubscriptionSort::Id => (row.created_at, row.id),
    };
    let view = |(row, counts)| SubscriptionView::new(row, counts, at.caller.role);
    Ok(wanted.page(rows, key, view))
}

pub(crate) async fn show(
    at: In,
    Path(id): Path<SubscriptionId>,
) -> ApiResult<OkJson<SubscriptionView>> {
    view(at.cx(), subscriptions::show(at.cx(), id).await?).await
}

pub(crate) async fn change(
    at: In,
    Path(id): Path<SubscriptionId>,
    Begun(patch): Begun<SubscriptionPatch>,
) -> ApiResult<OkJson<SubscriptionView>> {
    // First, so that nobody can use a foreign id to have names looked up.
    let before = subscriptions::show(at.cx(), id).await?;
    let changed = subscriptions::change(at.cx(), &before, patch, None).await?;
    view(at.cx(), changed).await
}

pub(crate) async fn remove(at: In, Path(id): Path<SubscriptionId>) -> ApiResult<EmptyReply> {
    subscriptions::remove(at.cx(), id).await?;
    Ok(EmptyReply)
}
