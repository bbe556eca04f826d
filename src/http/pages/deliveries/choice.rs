//! Which deliveries are meant: what the address says, the filters that say it, and the deliveries
//! themselves. "Error" on pages is `failed` and `retrying`.

use chrono::{DateTime, Utc};

use super::super::events::topics;
use super::super::prelude::*;
use super::super::reader::PageReader;
use super::row::Names;
use crate::domain::delivery::DeliveryState;
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::text_enum::UnknownWord;
use crate::http::query::Query;
use crate::service::event_types;
use crate::store::delivery_log::{self, Delivery, DeliveryFilter, DeliveryPage};
use crate::store::subscription_name::{named, titled};

/// With more webhooks than these there is a search instead of a drop-down.
const MOST_CHOICES: u8 = 200;
/// Webhooks that a search shows.
const MOST_FOUND: u8 = 20;
/// The parameters that choose.
pub(super) const NAMES: [&str; 5] = ["topic", "webhook", "state", "from", "to"];

/// The states that can be chosen, and what pages call them.
const STATES: [(&str, &str); 8] = [
    ("error", "Error"),
    ("sent", "Sent"),
    ("retrying", "Error, retrying"),
    ("failed", "Error, stopped retrying"),
    ("held", "Held"),
    ("queued", "Queued"),
    ("filtered", "Filtered"),
    ("cancelled", "Cancelled"),
];

/// What the address says.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    topic: Option<String>,
    webhook: Option<String>,
    /// In one of these states; empty: in any.
    states: Vec<DeliveryState>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    raw: Vec<(String, String)>,
}

/// The webhook that is meant.
#[derive(Debug)]
pub(super) enum WebhookMatch {
    /// This one; none: any.
    Clear(Option<SubscriptionId>),
    /// One of these, which have the text in their titles; whether there are more.
    Unclear(Vec<(SubscriptionId, String)>, bool),
}

impl Choice {
    /// Takes what is chosen out of an address or a form.
    pub(super) fn take(query: &mut Query<'_>, reader: &PageReader, whole: &str) -> Self {
        let topic = query.text("topic");
        let webhook = query.text("webhook");
        let states = query.take("state", |text| {
            if text == "error" {
                return Ok(vec![DeliveryState::Failed, DeliveryState::Retrying]);
            }
            let one = text.parse().map_err(|error: UnknownWord| error.to_string());
            Ok(vec![one?])
        });
        let (from, to) = reader.range(query);
        let raw = url::form_urlencoded::parse(whole.as_bytes())
            .filter(|(name, value)| NAMES.contains(&name.as_ref()) && !value.is_empty())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Self {
            topic,
            webhook,
            states: states.unwrap_or_default(),
            from,
            to,
            raw,
        }
    }

    /// An address with what is chosen, and more.
    pub(super) fn address(&self, path: &str, more: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.raw);
        query.extend_pairs(more);
        match query.finish() {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }

    /// The list's address with this webhook instead of the text.
    pub(super) fn address_for(&self, id: SubscriptionId) -> String {
        let mut other = self.clone();
        other.raw.retain(|(name, _)| name != "webhook");
        other.address("/deliveries", &[("webhook", &id.to_string())])
    }

    /// What is chosen, for a form that carries it.
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.raw
    }

    /// Whether what comes from now on may fit.
    pub(super) const fn is_open_ended(&self) -> bool {
        self.to.is_none()
    }

    /// The state as the address says it; empty if it says none.
    fn state(&self) -> &str {
        let state = self.raw.iter().find(|(name, _)| name == "state");
        state.map_or("", |(_, state)| state)
    }

    /// What is chosen, as text: `State: Error`, `Since 2026-11-20 00:00`.
    pub(super) fn described(&self, reader: &PageReader, webhook: Option<&str>) -> Vec<String> {
        let state = STATES.iter().find(|(state, _)| *state == self.state());
        let time = |at: DateTime<Utc>| {
            let local = at.with_timezone(&reader.zone);
            local.format("%Y-%m-%d %H:%M").to_string()
        };
        let parts = [
            self.topic.as_ref().map(|topic| format!("Topic: {topic}")),
            webhook.map(|webhook| format!("Webhook: {webhook}")),
            state.map(|(_, name)| format!("State: {name}")),
            self.from.map(|at| format!("Since {}", time(at))),
            self.to.map(|at| format!("Before {}", time(at))),
        ];
        parts.into_iter().flatten().collect()
    }

    /// Which webhook is meant.
    pub(super) async fn target(&self, visit: &Visit) -> Result<WebhookMatch, StoreError> {
        let Some(text) = self.webhook.as_deref() else {
            return Ok(WebhookMatch::Clear(None));
        };
        if let Ok(id) = text.parse() {
            return Ok(WebhookMatch::Clear(Some(id)));
        }
        let limit = i64::from(MOST_FOUND) + 1;
        let mut found = titled(visit.database(), visit.account, text, limit).await?;
        let more = cut(&mut found, MOST_FOUND.into(), |_| ()).is_some();
        Ok(match found.as_slice() {
            [(id, _)] => WebhookMatch::Clear(Some(*id)),
            _ => WebhookMatch::Unclear(found, more),
        })
    }

    /// The filter bar.
    pub(super) async fn bar(&self, visit: &Visit) -> Result<FilterBar, Trouble> {
        let (database, account) = (visit.database(), visit.account);
        let topics = topics(&event_types::all(visit.cx()).await?);
        let mut webhooks = titled(database, account, "", i64::from(MOST_CHOICES) + 1).await?;
        let topic = self.topic.as_deref().unwrap_or_default();
        let webhook = self.webhook.as_deref().unwrap_or_default();
        let bar = FilterBar::new("/deliveries");
        let bar = bar.select("topic", topic, "Topic", "Any topic", topics);
        let bar = if webhooks.len() > usize::from(MOST_CHOICES) {
            bar.text("webhook", webhook, "Webhook", "Part of its title")
        } else {
            if let Ok(id) = webhook.parse()
                && !webhooks.iter().any(|(known, _)| *known == id)
            {
                let names = named(database, account, &[id]).await?;
                let removed = names.get(&id);
                webhooks.extend(removed.map(|it| (id, format!("{} (deleted)", it.title))));
            }
            let choice = |(id, title): (SubscriptionId, String)| (id.to_string(), title);
            let choices = vec![(String::new(), webhooks.into_iter().map(choice).collect())];
            bar.select("webhook", webhook, "Webhook", "Any webhook", choices)
        };
        let states = STATES.map(|(state, name)| (state.to_owned(), name.to_owned()));
        let states = vec![(String::new(), states.to_vec())];
        let bar = bar.select("state", self.state(), "State", "Any state", states);
        Ok(bar.dates(&visit.reader, ("from", self.from), ("to", self.to)))
    }

    /// The filter as the store wants it, of one state if one is chosen.
    pub(super) fn filter(&self, webhook: Option<SubscriptionId>, limit: usize) -> DeliveryFilter {
        DeliveryFilter {
            subscription: webhook,
            event_type: self.topic.clone(),
            state: match self.states.as_slice() {
                [state] => Some(*state),
                _ => None,
            },
            from: self.from,
            to: self.to,
            after: None,
            limit,
        }
    }

    /// The deliveries that fit.
    pub(super) async fn find(
        &self,
        database: &Database,
        account: AccountId,
        filter: &DeliveryFilter,
    ) -> Result<DeliveryPage, StoreError> {
        let [one, other] = self.states.as_slice() else {
            return delivery_log::list(database, account, filter).await;
        };
        let of = |state: &DeliveryState| DeliveryFilter {
            state: Some(*state),
            ..filter.clone()
        };
        let one = delivery_log::list(database, account, &of(one)).await?;
        let other = delivery_log::list(database, account, &of(other)).await?;
        Ok(merged(one, other, filter.limit))
    }
}

/// Two lists as one: down to where both are known.
fn merged(one: DeliveryPage, other: DeliveryPage, limit: usize) -> DeliveryPage {
    let place = |delivery: &Delivery| (delivery.event, delivery.subscription);
    let known = one.next.into_iter().chain(other.next).max();
    let mut deliveries = one.deliveries;
    deliveries.extend(other.deliveries);
    deliveries.sort_by_key(|delivery| std::cmp::Reverse(place(delivery)));
    // One that went from one state to the other between the two looks.
    deliveries.dedup_by_key(|delivery| place(delivery));
    if let Some(known) = known {
        deliveries.retain(|delivery| place(delivery) >= known);
    }
    let next = cut(&mut deliveries, limit, place).or(known);
    DeliveryPage { deliveries, next }
}

/// The names of the webhooks of some deliveries.
pub(super) async fn names_of(
    database: &Database,
    account: AccountId,
    deliveries: &[Delivery],
) -> Result<Names, StoreError> {
    let mut ids: Vec<SubscriptionId> = deliveries.iter().map(|it| it.subscription).collect();
    ids.sort_unstable();
    ids.dedup();
    named(database, account, &ids).await
}
