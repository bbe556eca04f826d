//! What the activity log says of changes of subscriptions: what was before and what is after,
//! without anything that a viewer may not see.

use serde_json::{Map, Value, json};

use super::activity::note;
use super::subscription::Subscription;
use super::{Connection, StoreError};
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::subscription::SubscriptionState;

/// Stands for the value of a header: it may be a credential.
const MASKED: &str = "•••";
/// Stands for a header's value that is another one now.
const MASKED_AND_NEW: &str = "••• (changed)";

/// What can be told of a subscription.
fn facts(subscription: &Subscription) -> Map<String, Value> {
    let headers: Map<String, Value> = subscription
        .headers
        .keys()
        .map(|name| (name.clone(), MASKED.into()))
        .collect();
    let facts = json!({
        "title": subscription.title,
        "url": subscription.url,
        "triggers": subscription.triggers,
        "plugin": subscription.plugin,
        "headers": headers,
        "max_in_flight": subscription.max_in_flight,
        "timeout_seconds": subscription.timeout_seconds,
        "retry_schedule": subscription.retry_schedule,
    });
    match facts {
        Value::Object(facts) => facts,
        _ => Map::new(),
    }
}

/// What differs, before and after; none: nothing.
fn difference(before: &Subscription, after: &Subscription) -> Option<Value> {
    let (mut old, mut new) = (facts(before), facts(after));
    if let Some(Value::Object(headers)) = new.get_mut("headers") {
        for (name, shown) in headers {
            let known = before.headers.get(name);
            if known.is_some() && known != after.headers.get(name) {
                *shown = MASKED_AND_NEW.into();
            }
        }
    }
    let same: Vec<String> = old
        .iter()
        .filter(|(name, value)| new.get(*name) == Some(value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in same {
        old.remove(&name);
        new.remove(&name);
    }
    (!new.is_empty()).then(|| json!({ "before": old, "after": new }))
}

/// What a change of the state is called; none: it is no change.
fn switch(before: SubscriptionState, after: SubscriptionState) -> Option<OwnActivity> {
    use SubscriptionState::{Disabled, Enabled, Paused};
    match (before, after) {
        (Enabled, Enabled) | (Paused, Paused) | (Disabled, Disabled) => None,
        (_, Paused) => Some(OwnActivity::SubscriptionPaused),
        (_, Disabled) => Some(OwnActivity::SubscriptionDisabled),
        (Paused, Enabled) => Some(OwnActivity::SubscriptionResumed),
        (Disabled, Enabled) => Some(OwnActivity::SubscriptionEnabled),
    }
}

/// Notes that a subscription was made.
pub(super) async fn created(
    connection: &mut Connection,
    made: &Subscription,
    by: &Actor,
) -> Result<(), StoreError> {
    let mut facts = facts(made);
    facts.insert("state".to_owned(), made.state.as_str().into());
    let subject = made.id.to_string();
    let what = OwnActivity::SubscriptionCreated;
    let account = Some(made.account);
    note(connection, account, by, what, subject, Some(facts.into())).await
}

/// Notes what was changed, and how the state was switched; nothing, if nothing was.
pub(super) async fn changed(
    connection: &mut Connection,
    before: &Subscription,
    after: &Subscription,
    by: &Actor,
) -> Result<(), StoreError> {
    let (account, subject) = (Some(after.account), after.id.to_string());
    if let Some(difference) = difference(before, after) {
        let what = OwnActivity::SubscriptionChanged;
        note(
            connection,
            account,
            by,
            what,
            subject.clone(),
            Some(difference),
        )
        .await?;
    }
    if let Some(what) = switch(before.state, after.state) {
        let payload = json!({
            "title": after.title,
            "before": { "state": before.state },
            "after": { "state": after.state },
        });
        note(connection, account, by, what, subject, Some(payload)).await?;
    }
    Ok(())
}
