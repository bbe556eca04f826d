//! The states of a subscription: paused, enabled, disabled; and trying it out.

use bytes::Bytes;

use super::super::input::inputs;
use super::super::{Fault, Refusal};
use super::fields::Later;
use super::{missing, show};
use crate::actors::Engine;
use crate::catalogue;
use crate::domain::activity::Actor;
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::domain::subscription::{HeldChoice, SubscriptionState};
use crate::domain::trigger::Trigger;
use crate::store::StoreError;
use crate::store::event_type::{self, TypeFilter};
use crate::store::subscription::{self, Subscription, SubscriptionChange};

use SubscriptionState::{Enabled, Paused};

inputs! {
    /// Nothing more is to be said.
    NoInput {}

    /// What becomes of held deliveries.
    ResumeInput {
        /// What happens to them: `deliver` if it is left out.
        held: Option<HeldChoice> = "newest",
        /// Not supported yet.
        rate_per_second: Option<Later> = null,
    }

    /// What a test sends.
    TestInput {
        /// A type whose example is sent; the first one that the triggers match if it is left out.
        event_type: Option<String> = "STORE_ORDER_CREATED",
    }
}

/// Puts a subscription from one of the states `from` into the state `to`.
///
/// # Errors
/// It is in another state, there is none, or the database is away.
pub async fn switch(
    engine: &Engine,
    account: AccountId,
    id: SubscriptionId,
    by: &Actor,
    from: &[SubscriptionState],
    to: SubscriptionState,
) -> Result<Subscription, Refusal> {
    let change = SubscriptionChange {
        state: Some(to),
        disabled_reason: Some(None),
        ..SubscriptionChange::default()
    };
    let changed = subscription::change(engine.database(), account, id, from, change, by).await?;
    let (now, switched) = changed.ok_or_else(missing)?;
    if !switched {
        let detail = format!("The subscription is {}: enable it first.", now.state);
        return Err(Refusal::conflict(detail));
    }
    engine.routing_changed().await;
    if to == Enabled {
        engine.deliveries_due(id);
    }
    Ok(now)
}

/// Resumes a paused subscription, with what it holds as chosen.
///
/// # Errors
/// It is disabled, there is none, or the database is away.
pub async fn resume(
    engine: &Engine,
    account: AccountId,
    id: SubscriptionId,
    by: &Actor,
    input: ResumeInput,
) -> Result<Subscription, Refusal> {
    let held = input.held.unwrap_or(HeldChoice::Deliver);
    let found = show(engine, account, id).await?;
    // Before it is resumed, or what is to be dropped could be delivered in between.
    if found.state == Paused && held != HeldChoice::Deliver {
        let newest = held == HeldChoice::Newest;
        subscription::cancel_open(engine.database(), account, id, newest).await?;
    }
    switch(engine, account, id, by, &[Enabled, Paused], Enabled).await
}

/// Sends the example of an event type to a subscription alone; without a name, of the first type
/// that its triggers match. Answers the event and its type.
///
/// # Errors
/// There is no such subscription or example, or the database is away.
pub async fn send_test(
    engine: &Engine,
    account: AccountId,
    id: SubscriptionId,
    by: &Actor,
    input: TestInput,
) -> Result<(EventId, String), Refusal> {
    let found = show(engine, account, id).await?;
    let (event_type, example) = match input.event_type {
        Some(name) => {
            let example = example(engine, account, &name).await?;
            example.map(|example| (name, example))
        }
        None => first_example(engine, account, &found).await?,
    }
    .ok_or_else(|| {
        let detail = "no event type with an example fits: name one as `event_type`";
        Refusal::invalid(vec![Fault::new("/event_type", detail)])
    })?;
    let event_id = engine
        .send_test(account, id, &event_type, example, by)
        .await?;
    Ok((event_id, event_type))
}

/// The example of an event type; none: there is no such type, or it has none.
pub async fn example(
    engine: &Engine,
    account: AccountId,
    name: &str,
) -> Result<Option<Bytes>, StoreError> {
    if let Some(known) = catalogue::find(name) {
        let example = known.example.as_ref();
        return Ok(example.map(|example| Bytes::from_static(example.get().as_bytes())));
    }
    let own = event_type::find(engine.database(), account, name).await?;
    Ok(own
        .and_then(|own| own.example)
        .map(|example| example.to_string().into()))
}

/// The first type with an example that the triggers match: built-in ones before own ones.
async fn first_example(
    engine: &Engine,
    account: AccountId,
    subscription: &Subscription,
) -> Result<Option<(String, Bytes)>, StoreError> {
    let triggers: Vec<Trigger> = subscription
        .triggers
        .iter()
        .filter_map(|text| Trigger::parse(text).ok())
        .collect();
    let matches = |name: &str| triggers.iter().any(|trigger| trigger.matches(name));
    for known in catalogue::builtin() {
        if matches(&known.name)
            && let Some(example) = &known.example
        {
            let bytes = Bytes::from_static(example.get().as_bytes());
            return Ok(Some((known.name.clone(), bytes)));
        }
    }
    let filter = TypeFilter::default();
    let own = event_type::list(engine.database(), account, &filter).await?;
    let Some(own) = own
        .into_iter()
        .find(|own| own.has_example && matches(&own.name))
    else {
        return Ok(None);
    };
    let example = example(engine, account, &own.name).await?;
    Ok(example.map(|example| (own.name, example)))
}
