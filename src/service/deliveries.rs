//! One delivery with its attempts, and sending it again.

use super::attempts::AttemptView;
use super::input::{Moment, Text, lists};
use super::making::{Kind, Making, once};
use super::plugins::without_source;
use super::{Context, Refusal, Result};
use crate::domain::delivery::DeliveryState;
use crate::domain::id::{EventId, SubscriptionId};
use crate::domain::subscription::SubscriptionState;
use crate::store::delivery_log::{self, Delivery, DeliveryFilter, DeliveryPlace};
use crate::store::resend::{self, Resend};
use crate::store::subscription::Subscription;
use crate::store::{StoreError, event, subscription};

lists! {
    /// Which deliveries.
    DeliveryQuery {
        /// For this subscription.
        subscription: Option<SubscriptionId>,
        /// Of events of this type.
        event_type: Option<Text<1, 200>>,
        /// Its state.
        state: Option<DeliveryState>,
        /// Of events accepted at or after.
        from: Option<Moment>,
        /// Of events accepted before.
        to: Option<Moment>,
    }
}

/// Deliveries of an account, those of the newest event first; with the place at which the list
/// goes on, if it does.
///
/// # Errors
/// When the database is away.
pub async fn list(
    cx: Context<'_>,
    query: DeliveryQuery,
    (after, limit): (Option<DeliveryPlace>, usize),
) -> Result<(Vec<Delivery>, Option<DeliveryPlace>)> {
    let filter = DeliveryFilter {
        subscription: query.subscription,
        event_type: query.event_type.map(Text::into_inner),
        state: query.state,
        from: query.from.map(|from| from.0),
        to: query.to.map(|to| to.0),
        after,
        limit,
    };
    let found = delivery_log::list(cx.database(), cx.account, &filter).await?;
    Ok((found.deliveries, found.next))
}

/// One delivery with all that people may see of it.
pub struct ShownDelivery {
    /// The event's bytes as published.
    pub payload: Vec<u8>,
    /// What is known of it.
    pub delivery: Delivery,
    /// Why it is held, in plain words; none: it is not.
    pub held_because: Option<String>,
    /// The URL of its subscription, as far as it may be seen; none: that was deleted.
    pub url: Option<String>,
    /// Every attempt, the first one first.
    pub attempts: Vec<AttemptView>,
}

/// One delivery with its attempts, as the caller may see them.
///
/// # Errors
/// There is none, or the database is away.
pub async fn show(cx: Context<'_>, id: EventId, webhook: SubscriptionId) -> Result<ShownDelivery> {
    let (database, account, role) = (cx.database(), cx.account, cx.caller.role);
    let missing = || Refusal::not_found("delivery");
    let found = event::find(database, account, id).await?;
    let (event, payload) = found.ok_or_else(missing)?;
    let found = delivery_log::with_attempts(database, account, id, webhook).await?;
    let (delivery, attempts) = found.ok_or_else(missing)?;
    let is_held = delivery.state == DeliveryState::Held;
    let is_known = is_held || delivery.next_attempt_at.is_some() || !attempts.is_empty();
    if !is_known && !event.targets.contains(&webhook) {
        return Err(missing());
    }
    let found = subscription::find(database, account, webhook).await?;
    let (subscription, table) = (found.as_ref(), cx.engine.types());
    let view = |it| AttemptView::new(it, &event, subscription, table.hop(), role);
    let held_because = is_held.then(|| why_held(cx, &delivery, subscription));
    Ok(ShownDelivery {
        url: subscription.map(|it| it.url.seen_by(role).into_owned()),
        payload,
        attempts: attempts.into_iter().map(view).collect(),
        delivery,
        held_because,
    })
}

/// Why a delivery is held, in a sentence for each reason.
fn why_held(cx: Context<'_>, delivery: &Delivery, subscription: Option<&Subscription>) -> String {
    let switched_off = match subscription.map(|subscription| subscription.state) {
        Some(SubscriptionState::Enabled) => None,
        Some(state) => Some(format!("Its subscription is {state}.")),
        None => Some("Its subscription was deleted.".to_owned()),
    };
    let held_up = delivery.held_by.as_ref().map(|name| {
        let trouble = cx.engine.plugins().trouble(cx.account, name);
        let soon = || format!("It waited for the plugin {name} and is due in a moment.");
        trouble.map_or_else(soon, without_source)
    });
    let reasons: Vec<String> = switched_off.into_iter().chain(held_up).collect();
    reasons.join(" ")
}

/// Makes a delivery due again, and notifies its subscription. Where the key of the request comes
/// again, it says how the delivery is now.
///
/// # Errors
/// When the database is away.
pub async fn resend(
    cx: Context<'_>,
    event: EventId,
    subscription: SubscriptionId,
    making: Making<'_>,
) -> Result<Resend> {
    let (database, account) = (cx.database(), cx.account);
    let resend = async {
        let became = resend::resend(database, account, event, subscription, making).await?;
        Ok(notified(cx, subscription, became))
    };
    let before = async |event| {
        let now = delivery_log::with_attempts(database, account, event, subscription).await?;
        Ok(now.map_or(Resend::Unknown, |(now, _)| Resend::Due(now.state)))
    };
    once(
        database,
        Some(account),
        (Kind::Resend, making),
        resend,
        before,
    )
    .await
}

/// Makes one of many deliveries due, which the caller noted together.
///
/// # Errors
/// When the database is away.
pub async fn resend_one_of_many(
    cx: Context<'_>,
    event: EventId,
    subscription: SubscriptionId,
) -> Result<Resend, StoreError> {
    let (database, account) = (cx.database(), cx.account);
    let became = resend::resend_one_of_many(database, account, event, subscription).await?;
    Ok(notified(cx, subscription, became))
}

fn notified(cx: Context<'_>, subscription: SubscriptionId, became: Resend) -> Resend {
    if matches!(became, Resend::Due(_)) {
        cx.engine.deliveries_due(subscription);
    }
    became
}
