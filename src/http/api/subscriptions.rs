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
use crate::http::extract::{Asked, Begun, In, Keyed, Path};
use crate::http::page::{Page, Wanted};
use crate::http::problem::Problem;
use crate::http::reply::{Done, Made, Shown};
use crate::http::shared::Shared;
use crate::service::attempts::MASKED;
use crate::service::input::{Text, one_of};
use crate::service::subscriptions::{
    self, SubscriptionInput, SubscriptionPatch, SubscriptionQuery,
};
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
    id: SubscriptionId,
    /// What people call it.
    title: String,
    /// Where it delivers; path and query are for admins alone.
    url: String,
    /// Names of event types, `*` standing for any characters.
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
    /// Signs its deliveries (Standard Webhooks); also to be had at `…/secret`. Null: the
    /// Idempotency-Key was used before, and this is what was made then.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    secret: Option<String>,
}

/// Shows a subscription with its counts.
pub(super) async fn view(
    shared: &Shared,
    subscription: Subscription,
    role: Role,
) -> Result<Shown<SubscriptionView>, Problem> {
    let counts = subscriptions::counts(&shared.engine, subscription.id).await?;
    let view = SubscriptionView::new(subscription, counts.as_ref(), role);
    Ok(Shown(view))
}

pub(in crate::http) async fn create(
    In(shared, account, caller): In,
    keyed: Keyed<SubscriptionInput>,
) -> Result<Made<NewSubscriptionView>, Problem> {
    let (input, making) = keyed.apart(caller.actor());
    let made = subscriptions::create(&shared.engine, account, making.get(), input).await;
    let (made, secret) = made?;
    Ok(Made {
        at: Some(format!("/v1/subscriptions/{}", made.id)),
        what: NewSubscriptionView {
            subscription: SubscriptionView::new(made, None, caller.role),
            secret: secret.map(|secret| secret.reveal()),
        },
    })
}

pub(in crate::http) async fn list(
    In(shared, account, caller): In,
    Asked(asked): Asked<SubscriptionQuery>,
) -> Result<Page<SubscriptionView>, Problem> {
    let sort = asked.sort.unwrap_or(SubscriptionSort::CreatedAt);
    let descending = asked.order.unwrap_or_default() == Order::Descending;
    // A cursor is worth something in its own order alone.
    let name = format!("subscriptions {sort} {descending}");
    let wanted: Wanted<'_, (DateTime<Utc>, SubscriptionId)> = Wanted::of(&asked, &name)?;
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
    let rows = subscriptions::list(&shared.engine, account, &filter).await?;
    let key = |(row, _): &(Subscription, Option<Counts>)| match sort {
        SubscriptionSort::UpdatedAt => (row.updated_at, row.id),
        SubscriptionSort::CreatedAt | SubscriptionSort::Id => (row.created_at, row.id),
    };
    Ok(wanted.page(rows, key, |(row, counts)| {
        SubscriptionView::new(row, counts.as_ref(), caller.role)
    }))
}

pub(in crate::http) async fn show(
    In(shared, account, caller): In,
    Path(id): Path<SubscriptionId>,
) -> Result<Shown<SubscriptionView>, Problem> {
    let found = subscriptions::show(&shared.engine, account, id).await?;
    view(&shared, found, caller.role).await
}

pub(in crate::http) async fn change(
    In(shared, account, caller): In,
    Path(id): Path<SubscriptionId>,
    Begun(patch): Begun<SubscriptionPatch>,
) -> Result<Shown<SubscriptionView>, Problem> {
    // First, so that nobody can use a foreign id to have names looked up.
    let before = subscriptions::show(&shared.engine, account, id).await?;
    let by = caller.actor();
    let changed = subscriptions::change(&shared.engine, &before, &by, patch, None).await?;
    view(&shared, changed, caller.role).await
}

pub(in crate::http) async fn remove(
    In(shared, account, caller): In,
    Path(id): Path<SubscriptionId>,
) -> Result<Done, Problem> {
    subscriptions::remove(&shared.engine, account, id, &caller.actor()).await?;
    Ok(Done)
}
