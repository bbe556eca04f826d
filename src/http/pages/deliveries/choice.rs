//! Which deliveries are meant: what the address says, the filters that say it, and the deliveries
//! themselves. "Error" on pages is `failed` and `retrying`.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::super::filter::{Choices, FilterBar};
use super::super::reader::Reader;
use super::super::visit::Visit;
use crate::domain::delivery::DeliveryState;
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::text_enum::UnknownWord;
use crate::http::query::Query;
use crate::http::shared::Shared;
use crate::service::Refusal;
use crate::service::event_types::{self, EventTypeEntry};
use crate::store::delivery_log::{self, Delivery, DeliveryFilter, DeliveryPage, DeliveryPlace};
use crate::store::subscription_name::{Named, named, titled};
use crate::store::{Database, StoreError};

/// With more webhooks than these there is a search instead of a drop-down.
const MOST_CHOICES: i64 = 200;
/// Webhooks that a search shows.
const MOST_FOUND: i64 = 20;
/// The parameters that choose.
const NAMES: [&str; 5] = ["topic", "webhook", "state", "from", "to"];

/// The states that can be chosen, and what pages call them.
const STATES: [(&str, &str); 8] = [
    ("error", "Error"),
    ("sent", "Sent"),
    ("retrying", "Error, will be tried again"),
    ("failed", "Error, given up"),
    ("held", "Held"),
    ("queued", "Queued"),
    ("filtered", "Filtered"),
    ("cancelled", "Cancelled"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StateChoice {
    /// `failed` and `retrying`.
    Error,
    One(DeliveryState),
}

/// What the address says.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    topic: Option<String>,
    webhook: Option<String>,
    state: Option<StateChoice>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    raw: Vec<(String, String)>,
}

/// The webhook that is meant.
#[derive(Debug)]
pub(super) enum Target {
    /// Any.
    All,
    /// This one.
    One(SubscriptionId),
    /// These have the text in their titles; whether there are more.
    Several(Vec<(SubscriptionId, String)>, bool),
    /// None has.
    Nobody,
}

impl Target {
    /// The webhook that the list is of; none: all of them.
    ///
    /// # Errors
    /// It is not clear which one is meant.
    pub(super) const fn wanted(&self) -> Result<Option<SubscriptionId>, &Self> {
        match self {
            Self::All => Ok(None),
            Self::One(id) => Ok(Some(*id)),
            Self::Several(..) | Self::Nobody => Err(self),
        }
    }
}

impl Choice {
    /// Takes what chooses out of an address or of a form.
    pub(super) fn take(query: &mut Query<'_>, reader: &Reader, whole: &str) -> Self {
        let topic = query.text("topic");
        let webhook = query.text("webhook");
        let state = query.take("state", |text| match text {
            "error" => Ok(StateChoice::Error),
            text => text
                .parse()
                .map(StateChoice::One)
                .map_err(|error: UnknownWord| error.to_string()),
        });
        let (from, to) = reader.range(query);
        let raw = url::form_urlencoded::parse(whole.as_bytes())
            .filter(|(name, value)| NAMES.contains(&name.as_ref()) && !value.is_empty())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Self {
            topic,
            webhook,
            state,
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

    /// What is chosen in words: `Error, PUBLISH, since 2026-11-20`.
    pub(super) fn in_words(&self, reader: &Reader, webhook: Option<&str>) -> Vec<String> {
        let state = self.raw.iter().find(|(name, _)| name == "state");
        let state = state.and_then(|(_, value)| {
            let known = STATES.iter().find(|(state, _)| state == value);
            known.map(|(_, words)| format!("State: {words}"))
        });
        let time = |at: DateTime<Utc>| {
            let local = at.with_timezone(&reader.zone);
            local.format("%Y-%m-%d %H:%M").to_string()
        };
        let parts = [
            self.topic.as_ref().map(|topic| format!("Topic: {topic}")),
            webhook.map(|webhook| format!("Webhook: {webhook}")),
            state,
            self.from.map(|at| format!("Accepted since {}", time(at))),
            self.to.map(|at| format!("Accepted before {}", time(at))),
        ];
        parts.into_iter().flatten().collect()
    }

    /// Which webhook is meant.
    pub(super) async fn target(
        &self,
        database: &Database,
        account: AccountId,
    ) -> Result<Target, StoreError> {
        let Some(text) = self.webhook.as_deref() else {
            return Ok(Target::All);
        };
        if let Ok(id) = text.parse() {
            return Ok(Target::One(id));
        }
        let mut found = titled(database, account, text, MOST_FOUND + 1).await?;
        let most = usize::try_from(MOST_FOUND).unwrap_or(usize::MAX);
        let more = found.len() > most;
        found.truncate(most);
        Ok(match found.as_slice() {
            [] => Target::Nobody,
            [(id, _)] => Target::One(*id),
            _ => Target::Several(found, more),
        })
    }

    /// The filter bar.
    pub(super) async fn bar(&self, shared: &Shared, visit: &Visit) -> Result<FilterBar, Refusal> {
        let database = shared.engine.database();
        let types = event_types::all(&shared.engine, visit.account).await?;
        let mut webhooks = titled(database, visit.account, "", MOST_CHOICES + 1).await?;
        let webhook = self.webhook.as_deref().unwrap_or_default();
        let bar = FilterBar::new("/deliveries").select(
            "topic",
            self.topic.as_deref().unwrap_or_default(),
            "Topic",
            "All topics",
            topics(types),
        );
        let bar = if i64::try_from(webhooks.len()).unwrap_or(i64::MAX) > MOST_CHOICES {
            bar.text("webhook", webhook, "Webhook", "Part of its title")
        } else {
            if let Ok(id) = webhook.parse()
                && !webhooks.iter().any(|(known, _)| *known == id)
            {
                let names = named(database, visit.account, &[id]).await?;
                let removed = names.get(&id);
                webhooks.extend(removed.map(|it| (id, format!("{} (deleted)", it.title))));
            }
            let choices = webhooks
                .into_iter()
                .map(|(id, title)| (id.to_string(), title));
            let choices = vec![(String::new(), choices.collect())];
            bar.select("webhook", webhook, "Webhook", "All webhooks", choices)
        };
        let states = STATES.map(|(state, words)| (state.to_owned(), words.to_owned()));
        let raw = |name: &str| self.raw.iter().find(|(known, _)| known == name);
        let state = raw("state").map(|(_, state)| state.as_str());
        let states = vec![(String::new(), states.to_vec())];
        Ok(bar
            .select(
                "state",
                state.unwrap_or_default(),
                "State",
                "All states",
                states,
            )
            .dates(&visit.reader, ("from", self.from), ("to", self.to)))
    }

    /// The filter as the store wants it, of one state if one is chosen.
    pub(super) fn filter(
        &self,
        subscription: Option<SubscriptionId>,
        after: Option<DeliveryPlace>,
        limit: usize,
    ) -> DeliveryFilter {
        DeliveryFilter {
            subscription,
            event_type: self.topic.clone(),
            state: match self.state {
                Some(StateChoice::One(state)) => Some(state),
                Some(StateChoice::Error) | None => None,
            },
            from: self.from,
            to: self.to,
            after,
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
        if self.state != Some(StateChoice::Error) {
            return delivery_log::list(database, account, filter).await;
        }
        let of = |state| DeliveryFilter {
            state: Some(state),
            ..filter.clone()
        };
        let failed = of(DeliveryState::Failed);
        let failed = delivery_log::list(database, account, &failed).await?;
        let retrying = of(DeliveryState::Retrying);
        let retrying = delivery_log::list(database, account, &retrying).await?;
        Ok(merged(failed, retrying, filter.limit))
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
    let cut = deliveries.len() > limit;
    deliveries.truncate(limit);
    let next = if cut {
        deliveries.last().map(place)
    } else {
        known
    };
    DeliveryPage { deliveries, next }
}

/// The names of the webhooks of some deliveries.
pub(super) async fn names_of(
    database: &Database,
    account: AccountId,
    deliveries: &[Delivery],
) -> Result<HashMap<SubscriptionId, Named>, StoreError> {
    let mut ids: Vec<SubscriptionId> = deliveries.iter().map(|it| it.subscription).collect();
    ids.sort_unstable();
    ids.dedup();
    named(database, account, &ids).await
}

/// The event types by their groups, in the catalogue's order.
pub(in crate::http::pages) fn topics(types: Vec<EventTypeEntry>) -> Choices {
    let mut choices = Choices::new();
    for known in types {
        let group = match known.group.as_str() {
            "" => "Own event types".to_owned(),
            group => group.to_owned(),
        };
        let choice = (known.name.clone(), known.name);
        match choices.iter_mut().find(|(name, _)| *name == group) {
            Some((_, of_group)) => of_group.push(choice),
            None => choices.push((group, vec![choice])),
        }
    }
    choices
}
