//! Subscriptions: making, listing, changing and removing them. What is done with one that is
//! there has files of its own: its states and tests, its secrets.

mod fields;
mod secrets;
mod states;

use chrono::{DateTime, Utc};

use self::fields::Judged;
pub use self::fields::{Headers, SubscriptionInput, SubscriptionPatch};
pub use self::secrets::{DEFAULT_OVERLAP, MAX_OVERLAP, RotateInput, rotate, secrets};
pub use self::states::{NoInput, ResumeInput, TestInput, example, resume, send_test, switch};
use super::input::{Moment, ReadInput, Text, Whole, lists};
use super::making::{Kind, Making, once};
use super::{Context, Refusal, Result};
use crate::domain::id::SubscriptionId;
use crate::domain::retry::RetrySchedule;
use crate::domain::secret::Secret;
use crate::domain::subscription::{
    DEFAULT_MAX_IN_FLIGHT, DEFAULT_TIMEOUT_SECONDS, Order, SubscriptionSort, SubscriptionState,
};
use crate::domain::trigger::Trigger;
use crate::store::fresh::fresh_uuid;
use crate::store::subscription::{
    self, NewSubscription, Subscription, SubscriptionChange, SubscriptionFilter,
};
use crate::store::subscription_count::{self, Counts};

use SubscriptionState::Enabled;

lists! {
    /// Which subscriptions.
    SubscriptionQuery {
        /// In this state.
        state: Option<SubscriptionState>,
        /// Made at or after.
        created_from: Option<Moment>,
        /// Made before.
        created_to: Option<Moment>,
        /// With this text in the title or the host of the URL.
        q: Option<Text<1, 200>>,
        /// By what they are sorted (`created_at`).
        sort: Option<SubscriptionSort>,
        /// Which end comes first (`desc`).
        order: Option<Order>,
    }
}

/// One subscription of an account.
///
/// # Errors
/// There is none, or the database is away.
pub async fn show(cx: Context<'_>, id: SubscriptionId) -> Result<Subscription> {
    let found = subscription::find(cx.database(), cx.account, id).await?;
    found.ok_or_else(missing)
}

/// The subscriptions of an account that fit, each with its counts.
///
/// # Errors
/// When the database is away.
pub async fn list(
    cx: Context<'_>,
    filter: &SubscriptionFilter,
) -> Result<Vec<(Subscription, Option<Counts>)>> {
    let rows = subscription::list(cx.database(), cx.account, filter).await?;
    let ids: Vec<SubscriptionId> = rows.iter().map(|row| row.id).collect();
    let mut counts = subscription_count::of(cx.database(), &ids).await?;
    let counts = ids.into_iter().map(|id| counts.remove(&id));
    Ok(rows.into_iter().zip(counts).collect())
}

/// What became of the attempts of a subscription; none: there was none yet.
///
/// # Errors
/// When the database is away.
pub async fn counts(cx: Context<'_>, id: SubscriptionId) -> Result<Option<Counts>> {
    let mut counts = subscription_count::of(cx.database(), &[id]).await?;
    Ok(counts.remove(&id))
}

fn missing() -> Refusal {
    Refusal::not_found("subscription")
}

/// Makes a subscription. Returns its first secret as well; a request that is repeated with its key
/// gets none.
///
/// # Errors
/// Every fault of the input at once, a forbidden target among them; the account has as many as it
/// may, or the database is away.
pub async fn create(
    cx: Context<'_>,
    making: Making<'_>,
    read: ReadInput<SubscriptionInput>,
) -> Result<(Subscription, Option<Secret>)> {
    let make = create_now(cx, making, read);
    let show = async |id| Ok((show(cx, id).await?, None));
    let kind = (Kind::Subscription, making);
    once(cx.database(), Some(cx.account), kind, make, show).await
}

async fn create_now(
    cx: Context<'_>,
    making: Making<'_>,
    mut read: ReadInput<SubscriptionInput>,
) -> Result<(Subscription, Option<Secret>)> {
    let judged = Judged {
        plugin: read.fields.plugin.as_ref(),
        url: read.fields.url.as_ref(),
        headers: read.fields.headers.as_ref(),
    };
    fields::judge(cx.engine, judged, None, &mut read.faults).await;
    let input = read.finish()?;
    let title = input.title.clone().map(Text::into_inner);
    let title = title.unwrap_or_else(|| input.url.name().chars().take(200).collect());
    let headers = input.headers.clone().map(|headers| headers.0);
    let change = change_of(input.into());
    let secret = secrets::fresh()?;
    let new = NewSubscription {
        id: SubscriptionId::from_uuid(fresh_uuid(cx.engine.clock())),
        account: cx.account,
        title,
        url: change.url.unwrap_or_default(),
        triggers: change.triggers.unwrap_or_default(),
        state: change.state.unwrap_or(Enabled),
        plugin: change.plugin.flatten(),
        headers: headers.unwrap_or_default(),
        max_in_flight: change.max_in_flight.unwrap_or(DEFAULT_MAX_IN_FLIGHT.into()),
        timeout_seconds: change
            .timeout_seconds
            .unwrap_or(DEFAULT_TIMEOUT_SECONDS.into()),
        retry_schedule: change.retry_schedule.unwrap_or_else(default_schedule),
    };
    let secret_id = fresh_uuid(cx.engine.clock());
    let made = subscription::create(cx.database(), new, secret_id, &secret, making).await?;
    cx.engine.routing_changed().await;
    Ok((made, Some(secret)))
}

/// The waits of a subscription that names none, in seconds.
#[must_use]
pub fn default_schedule() -> Vec<i32> {
    seconds(&RetrySchedule::default())
}

fn seconds(schedule: &RetrySchedule) -> Vec<i32> {
    let steps = schedule.as_seconds().iter();
    steps.filter_map(|step| i32::try_from(*step).ok()).collect()
}

fn change_of(patch: SubscriptionPatch) -> SubscriptionChange {
    let text = |trigger: &Trigger| trigger.to_string();
    SubscriptionChange {
        title: patch.title.map(Text::into_inner),
        url: patch.url.map(|target| target.as_str().to_owned()),
        triggers: patch.triggers.map(|list| list.0.iter().map(text).collect()),
        state: patch.state,
        disabled_reason: patch.state.map(|_| None),
        plugin: patch.plugin.map(|name| name.0),
        headers: patch.headers.map(|headers| serde_json::json!(headers.0)),
        max_in_flight: patch.max_in_flight.map(Whole::get),
        timeout_seconds: patch.timeout_seconds.map(Whole::get),
        retry_schedule: patch.retry_schedule.as_ref().map(seconds),
        seen: None,
    }
}

/// Changes `before`: what is left out stays as it is. With `seen`, only if it was changed last
/// then.
///
/// # Errors
/// Every fault of the input at once, a forbidden target among them; it was removed meanwhile, or
/// changed since it was seen; the database is away.
pub async fn change(
    cx: Context<'_>,
    before: &Subscription,
    mut read: ReadInput<SubscriptionPatch>,
    seen: Option<DateTime<Utc>>,
) -> Result<Subscription> {
    let judged = Judged {
        plugin: read.fields.plugin.as_ref(),
        url: read.fields.url.as_ref().and_then(Option::as_ref),
        headers: read.fields.headers.as_ref(),
    };
    fields::judge(cx.engine, judged, Some(before), &mut read.faults).await;
    let mut change = change_of(read.finish()?);
    change.seen = seen;
    let enables = change.state == Some(Enabled);
    let (account, id, states) = (before.account, before.id, SubscriptionState::ALL);
    let (database, by) = (cx.database(), cx.by());
    let changed = subscription::change(database, account, id, states, change, &by).await?;
    let (changed, done) = changed.ok_or_else(missing)?;
    if !done {
        let detail = "The subscription was changed meanwhile.";
        return Err(Refusal::conflict(detail));
    }
    cx.engine.routing_changed().await;
    if enables {
        cx.engine.deliveries_due(id);
    }
    Ok(changed)
}

/// Removes a subscription; its open deliveries are cancelled, its log stays.
///
/// # Errors
/// There is none, or the database is away.
pub async fn remove(cx: Context<'_>, id: SubscriptionId) -> Result<()> {
    let (database, account) = (cx.database(), cx.account);
    if !subscription::remove(database, account, id, &cx.by()).await? {
        return Err(missing());
    }
    cx.engine.routing_changed().await;
    // What this misses, the Housekeeper's sweep finds.
    if let Err(error) = subscription::cancel_open(database, account, id, false).await {
        tracing::warn!(subscription = %id, %error, "open deliveries wait for the sweep");
    }
    Ok(())
}
