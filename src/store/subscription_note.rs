//! What the activity log says of changes of subscriptions: what was before and what is after,
//! without anything that a viewer may not see.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::activity::{Activity, note};
use super::subscription::Subscription;
use super::{Connection, StoreError};
use crate::domain::activity::{Actor, OWN_GROUP, OwnActivity};
use crate::domain::subscription::SubscriptionState;
use crate::domain::target_url::{MASK, masked};

/// Shown for a header's value that is another one now.
const MASKED_AND_NEW: &str = "••• (changed)";

/// What the activity log may show of a subscription.
fn facts(subscription: &Subscription) -> Map<String, Value> {
    let headers: Map<String, Value> = subscription
        .headers
        .keys()
        .map(|name| (name.clone(), MASK.into()))
        .collect();
    let facts = json!({
        "title": subscription.title,
        "url": subscription.url.masked(),
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
    if before.url != after.url && old.get("url") == new.get("url") {
        new.insert(
            "url".to_owned(),
            changed_in_part(&after.url.masked()).into(),
        );
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

/// A masked URL whose hidden part is another one now.
fn changed_in_part(masked: &str) -> String {
    format!("{masked} (changed)")
}

impl Activity {
    /// What else is known of it, as JSON. URLs are masked in what older code noted of
    /// subscriptions.
    #[must_use]
    pub fn payload(&self) -> Option<Cow<'_, str>> {
        let payload = self.payload.as_deref()?;
        let of_url = [
            OwnActivity::SubscriptionCreated,
            OwnActivity::SubscriptionChanged,
            OwnActivity::SubscriptionDeleted,
        ];
        let is_of_url =
            self.group == OWN_GROUP && of_url.iter().any(|what| what.as_str() == self.activity);
        let masked = is_of_url.then(|| with_masked_urls(payload)).flatten();
        Some(masked.map_or(Cow::Borrowed(payload), Cow::Owned))
    }
}

/// None: nothing is to be masked.
fn with_masked_urls(payload: &str) -> Option<String> {
    let mut payload: Value = serde_json::from_str(payload).ok()?;
    let mut any = false;
    for place in ["/url", "/before/url", "/after/url"] {
        if let Some(Value::String(url)) = payload.pointer_mut(place)
            && let Cow::Owned(shown) = masked(url)
        {
            *url = shown;
            any = true;
        }
    }
    let (before, after) = (
        payload.pointer("/before/url"),
        payload.pointer("/after/url"),
    );
    if let (Some(before), Some(Value::String(after))) = (before, after)
        && before == after
    {
        let changed = changed_in_part(after);
        *payload.pointer_mut("/after/url")? = changed.into();
    }
    any.then(|| payload.to_string())
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
