//! The states of a subscription: paused, enabled, disabled; and trying it out.

use bytes::Bytes;

use super::super::input::inputs;
use super::super::making::{Kind, Making, once};
use super::super::{Context, Fault, Refusal, Result};
use super::fields::Later;
use super::{missing, show};
use crate::catalogue;
use crate::domain::id::{EventId, SubscriptionId};
use crate::domain::subscription::{HeldChoice, SubscriptionState};
use crate::domain::trigger::Trigger;
use crate::store::StoreError;
use crate::store::event;
use crate::store::event_type::{self, TypeFilter};
use crate::store::subscription::{self, Subscription, SubscriptionChange};

use SubscriptionState::{Enabled, Paused};

inputs! {
    /// No fields.
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
    cx: Context<'_>,
    id: SubscriptionId,
    from: &[SubscriptionState],
    to: SubscriptionState,
) -> Result<Subscription> {
    let change = SubscriptionChange {
        state: Some(to),
        disabled_reason: Some(None),
        ..SubscriptionChange::default()
    };
    let (database, account, by) = (cx.database(), cx.account, cx.by());
    let changed = subscription::change(database, account, id, from, change, &by).await?;
    let (now, switched) = changed.ok_or_else(missing)?;
    if !switched {
        let detail = format!("The subscription is {}: enable it first.", now.state);
        return Err(Refusal::conflict(detail));
    }
    cx.engine.routing_changed().await;
    if to == Enabled {
        cx.engine.deliveries_due(id);
    }
    Ok(now)
}

/// Resumes a paused subscription, with what it holds as chosen.
///
/// # Errors
/// It is disabled, there is none, or the database is away.
pub async fn resume(
    cx: Context<'_>,
    id: SubscriptionId,
    input: ResumeInput,
) -> Result<Subscription> {
    let held = input.held.unwrap_or(HeldChoice::Deliver);
    let found = show(cx, id).await?;
    // Before it is resumed, or what is to be dropped could be delivered in between.
    if found.state == Paused && held != HeldChoice::Deliver {
        let newest = held == HeldChoice::Newest;
        subscription::cancel_open(cx.database(), cx.account, id, newest).await?;
    }
    switch(cx, id, &[Enabled, Paused], Enabled).await
}

/// Sends the example of an event type to a subscription alone; without a name, of the first type
/// that its triggers match. Returns the event and its type; those of the first request, if its key
/// comes again.
///
/// # Errors
/// There is no such subscription or example, or the database is away.
pub async fn send_test(
    cx: Context<'_>,
    id: SubscriptionId,
    making: Making<'_>,
    input: TestInput,
) -> Result<(EventId, String)> {
    let (database, account) = (cx.database(), cx.account);
    let before = async |event| {
        let found = event::find(database, account, event).await?;
        let (found, _) = found.ok_or_else(|| Refusal::not_found("event"))?;
        Ok((event, found.event_type))
    };
    let send = test(cx, id, making, input);
    once(database, Some(account), (Kind::Test, making), send, before).await
}

async fn test(
    cx: Context<'_>,
    id: SubscriptionId,
    making: Making<'_>,
    input: TestInput,
) -> Result<(EventId, String)> {
    let found = show(cx, id).await?;
    let named = match input.event_type {
        Some(name) => example(cx, &name).await?.map(|example| (name, example)),
        None => first_example(cx, &found).await?,
    };
    let Some((name, example)) = named else {
        let detail = "no event type with an example fits: name one as `event_type`";
        return Err(Refusal::invalid(vec![Fault::new("/event_type", detail)]));
    };
    let sent = cx.engine.send_test(cx.account, id, &name, example, making);
    Ok((sent.await?, name))
}

/// The example of an event type; none: there is no such type, or it has none.
pub async fn example(cx: Context<'_>, name: &str) -> Result<Option<Bytes>, StoreError> {
    if let Some(known) = catalogue::find(name) {
        let example = known.example.as_ref();
        return Ok(example.map(|example| Bytes::from_static(example.get().as_bytes())));
    }
    let own = event_type::find(cx.database(), cx.account, name).await?;
    let example = own.and_then(|own| own.example);
    Ok(example.map(|example| example.to_string().into()))
}

/// The first type with an example that the triggers match: built-in ones before own ones.
async fn first_example(
    cx: Context<'_>,
    subscription: &Subscription,
) -> Result<Option<(String, Bytes)>, StoreError> {
    let triggers = subscription.triggers.iter();
    let triggers = triggers.filter_map(|text| Trigger::parse(text).ok());
    let triggers: Vec<Trigger> = triggers.collect();
    let fits = |name: &str| triggers.iter().any(|trigger| trigger.matches(name));
    let mut builtin = catalogue::builtin().iter();
    let name = match builtin.find(|it| it.example.is_some() && fits(&it.name)) {
        Some(known) => known.name.clone(),
        None => {
            let own = event_type::list(cx.database(), cx.account, &TypeFilter::default()).await?;
            match own.into_iter().find(|it| it.has_example && fits(&it.name)) {
                Some(own) => own.name,
                None => return Ok(None),
            }
        }
    };
    let example = example(cx, &name).await?;
    Ok(example.map(|example| (name, example)))
}
