//! What an activity was done to, and who did it, with a link to the thing where its reader may see
//! it.

use std::collections::HashMap;

use serde_json::Value;

use super::prelude::*;
use crate::domain::activity::{ActorKind, OWN_GROUP};
use crate::domain::id::{AccountId, ActivityId, EventId, MailId, SubscriptionId, TokenId, UserId};
use crate::plugin::ScriptName;
use crate::store::activity::Activity;
use crate::store::webhook_names;

/// The titles of the webhooks that activities are about.
pub(super) type Titles = HashMap<SubscriptionId, String>;

/// Looks up what the webhooks of these activities are called.
///
/// # Errors
/// When the database is away.
pub(super) async fn titles(
    database: &Database,
    visit: &Visit,
    entries: &[Activity],
) -> Result<Titles, StoreError> {
    let own = entries.iter().filter(|entry| entry.group == OWN_GROUP);
    let subjects = own.filter_map(|entry| entry.subject.as_deref()?.parse().ok());
    let mut ids: Vec<SubscriptionId> = subjects.collect();
    ids.sort_unstable();
    ids.dedup();
    webhook_names::titles(database, visit.account, &ids).await
}

/// An activity as pages call it: the host application's with its group, Herald's own alone.
pub(super) fn activity_name(group: &str, activity: &str) -> String {
    match group {
        OWN_GROUP => activity
            .replace("Subscription", "Webhook")
            .replace("Set Apart", "Isolated"),
        group => format!("{group} {activity}"),
    }
}

/// What an activity was done to; empty if it names nothing.
pub(super) fn about(visit: &Visit, entry: &Activity, titles: &Titles) -> Markup {
    let Some(subject) = entry.subject.as_deref() else {
        return html! {};
    };
    if entry.group != OWN_GROUP {
        return html! { (subject) };
    }
    let (what, href, name) = thing(visit, entry, subject, titles);
    let name = name.unwrap_or_else(|| subject.to_owned());
    html! {
        @if !what.is_empty() { span class="muted" { (what) } " " }
        @match href {
            Some(href) => { a href=(href) title=(subject) { (name) } }
            None => { span title=(subject) { (name) } }
        }
    }
}

/// What it is, its address and its name.
type Thing = (&'static str, Option<String>, Option<String>);

fn thing(visit: &Visit, entry: &Activity, subject: &str, titles: &Titles) -> Thing {
    let json = entry.payload();
    let payload: Option<Value> = json.and_then(|json| serde_json::from_str(&json).ok());
    let payload = payload.as_ref();
    if let Ok(id) = subject.parse::<SubscriptionId>() {
        let title = titles.get(&id).cloned();
        let name = title.or_else(|| text_of(payload, &["title"]));
        return ("webhook", Some(format!("/webhooks/{id}")), name);
    }
    if let Ok(id) = subject.parse::<EventId>() {
        let subscription = text_of(payload, &["subscription_id"]);
        let subscription = subscription.filter(|it| it.parse::<SubscriptionId>().is_ok());
        return match subscription {
            Some(to) => ("delivery of", Some(format!("/deliveries/{id}/{to}")), None),
            None => ("event", Some(format!("/events/{id}")), None),
        };
    }
    if let Ok(id) = subject.parse::<UserId>() {
        let of_oneself = entry.actor_id.as_deref() == Some(subject);
        let known = text_of(payload, &["email", "name"]);
        let name = entry.user.clone().filter(|_| of_oneself).or(known);
        let linked = visit.is_admin();
        let href = linked.then(|| format!("/settings/users/{id}"));
        return ("user", href, name);
    }
    if let Ok(id) = subject.parse::<TokenId>() {
        // An operator-wide token is in nobody's settings.
        let operator = payload.and_then(|it| it.get("operator")?.as_bool());
        let linked = visit.is_admin() && operator != Some(true);
        let href = linked.then(|| format!("/settings/tokens/{id}"));
        return ("token", href, text_of(payload, &["title"]));
    }
    if let Ok(id) = subject.parse::<AccountId>() {
        let linked = visit.caller.operator;
        let href = linked.then(|| format!("/settings/accounts/{id}"));
        let name = payload.and_then(|it| it.get("after").or_else(|| it.get("name")));
        let name = name.and_then(Value::as_str).map(str::to_owned);
        return ("account", href, name);
    }
    if let Ok(id) = subject.parse::<MailId>() {
        return ("mail", Some(format!("/mail/{id}")), None);
    }
    if let Ok(script) = subject.parse::<ScriptName>() {
        return ("plugin", Some(format!("/plugins/{script}")), None);
    }
    if entry.activity.starts_with("Event Type") {
        let name: String = url::form_urlencoded::byte_serialize(subject.as_bytes()).collect();
        let href = format!("/events/types/{}", name.replace('+', "%20"));
        return ("event type", Some(href), None);
    }
    ("", None, None)
}

/// The first of these fields that a payload, or what it says was after or before, has.
fn text_of(payload: Option<&Value>, names: &[&str]) -> Option<String> {
    let payload = payload?;
    let places = [Some(payload), payload.get("after"), payload.get("before")];
    let texts = |name: &&str| places.map(|place| place?.get(*name)?.as_str());
    let mut found = names.iter().flat_map(texts).flatten();
    found.find(|text| !text.is_empty()).map(str::to_owned)
}

/// Who did it.
pub(super) fn who(entry: &Activity) -> Markup {
    html! {
        @match (&entry.user, entry.actor) {
            (Some(user), ActorKind::Token) => { (user) " " span class="muted" { "(token)" } }
            (Some(user), _) => { (user) }
            (None, _) => { span class="muted" { "Herald" } }
        }
    }
}

/// Who did it, and who says so, with a link to whoever it is.
pub(super) fn who_exactly(visit: &Visit, entry: &Activity) -> Markup {
    let id = entry.actor_id.as_deref();
    // Tokens are not linked: an operator-wide one is in nobody's settings.
    let user = id.and_then(|id| id.parse::<UserId>().ok());
    let href = user.filter(|_| visit.is_admin());
    let href = href.map(|user| format!("/settings/users/{user}"));
    let name = entry.user.as_deref().unwrap_or("Herald");
    html! {
        @match &href {
            Some(href) => { a href=(href) { (name) } }
            None => { (name) }
        }
        " "
        span class="muted" {
            @match entry.actor {
                ActorKind::Application => { "as reported by the application" }
                ActorKind::User => { "a user of Herald" }
                ActorKind::Token => { "a token" }
                ActorKind::Herald => { @if entry.user.is_some() { "on this machine" } @else { "by itself" } }
            }
        }
    }
}

/// The address of one activity.
pub(super) fn href(id: ActivityId) -> String {
    format!("/activity/{id}")
}
