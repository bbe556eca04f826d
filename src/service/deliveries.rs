//! One delivery with its attempts, and sending it again.

use super::Refusal;
use super::attempts::AttemptView;
use super::input::{Moment, Text, lists};
use super::plugins::without_source;
use crate::actors::Engine;
use crate::domain::activity::Actor;
use crate::domain::delivery::DeliveryState;
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::domain::role::Role;
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
        /// Where it stands.
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
    engine: &Engine,
    account: AccountId,
    query: DeliveryQuery,
    (after, limit): (Option<DeliveryPlace>, usize),
) -> Result<(Vec<Delivery>, Option<DeliveryPlace>), Refusal> {
    let filter = DeliveryFilter {
        subscription: query.subscription,
        event_type: query.event_type.map(Text::into_inner),
        state: query.state,
        from: query.from.map(|from| from.0),
        to: query.to.map(|to| to.0),
        after,
        limit,
    };
    let found = delivery_log::list(engine.database(), account, &filter).await?;
    Ok((found.deliveries, found.next))
}

/// One delivery with all that people may see of it.
pub struct ShownDelivery {
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
pub async fn show(
    engine: &Engine,
    account: AccountId,
    role: Role,
    id: EventId,
    subscription_id: SubscriptionId,
) -> Result<ShownDelivery, Refusal> {
    let database = engine.database();
    let missing = || Refusal::not_found("delivery");
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
    let table = engine.types();
    let attempts = attempts
        .into_iter()
        .map(|attempt| AttemptView::new(attempt, &event, subscription.as_ref(), table.hop(), role))
        .collect();
    let held_because = (delivery.state == DeliveryState::Held)
        .then(|| why_held(engine, account, &delivery, subscription.as_ref()));
    let url = subscription.as_ref();
    let url = url.map(|it| it.url.seen_by(role).into_owned());
    Ok(ShownDelivery {
        url,
        payload,
        delivery,
        held_because,
        attempts,
    })
}

/// Why a delivery is held, in a sentence for each reason.
fn why_held(
    engine: &Engine,
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
        let trouble = engine.plugins().trouble(account, name);
        let trouble = trouble.map(without_source);
        trouble
            .unwrap_or_else(|| format!("It waited for the plugin {name} and is due in a moment."))
    });
    let reasons: Vec<String> = switched_off.into_iter().chain(held_up).collect();
    reasons.join(" ")
}

/// Makes a delivery due again, and tells who delivers it.
///
/// # Errors
/// When the database is away.
pub async fn resend(
    engine: &Engine,
    account: AccountId,
    event: EventId,
    subscription: SubscriptionId,
    by: &Actor,
) -> Result<Resend, StoreError> {
    let database = engine.database();
    let became = resend::resend(database, account, event, subscription, by).await?;
    Ok(heeded(engine, subscription, became))
}

/// Has one of many deliveries made due, which the caller noted together.
///
/// # Errors
/// When the database is away.
pub async fn resend_one_of_many(
    engine: &Engine,
    account: AccountId,
    event: EventId,
    subscription: SubscriptionId,
) -> Result<Resend, StoreError> {
    let database = engine.database();
    let became = resend::resend_one_of_many(database, account, event, subscription).await?;
    Ok(heeded(engine, subscription, became))
}

fn heeded(engine: &Engine, subscription: SubscriptionId, became: Resend) -> Resend {
    if matches!(became, Resend::Due(_)) {
        engine.deliveries_due(subscription);
    }
    became
}
