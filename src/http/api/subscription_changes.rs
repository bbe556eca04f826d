//! What people do with a subscription, whoever asks for it: the API's handlers and the pages call
//! the same functions, so that both check alike, note the same activities and wake the same actors.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use rand::TryRngCore;

use super::subscription_fields;
use crate::catalogue;
use crate::domain::activity::Actor;
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::domain::retry::RetrySchedule;
use crate::domain::secret::Secret;
use crate::domain::subscription::{
    DEFAULT_MAX_IN_FLIGHT, DEFAULT_TIMEOUT_SECONDS, HeldChoice, SubscriptionState,
};
use crate::domain::trigger::Trigger;
use crate::http::fields::{self, Fields};
use crate::http::problem::{Fault, Kind, Problem};
use crate::http::server::Shared;
use crate::store::StoreError;
use crate::store::event_type::{self, TypeFilter};
use crate::store::fresh::fresh_uuid;
use crate::store::secret::{self, LiveSecret, MAX_LIVE_SECRETS, Rotation};
use crate::store::subscription::{self, NewSubscription, Subscription, SubscriptionChange};

use SubscriptionState::{Enabled, Paused};

/// Hours in which old secrets sign as well, unless the caller says otherwise.
pub(in crate::http) const DEFAULT_OVERLAP: i32 = 24;
/// Upper bound of that: a week.
pub(in crate::http) const MAX_OVERLAP: i64 = 168;

/// One subscription of an account.
///
/// # Errors
/// There is none, or the database is away.
pub(in crate::http) async fn found(
    shared: &Shared,
    account: AccountId,
    id: SubscriptionId,
) -> Result<Subscription, Problem> {
    let found = subscription::find(shared.engine.database(), account, id).await?;
    found.ok_or_else(missing)
}

fn missing() -> Problem {
    Problem::not_found("subscription")
}

/// A new secret of random bytes.
fn fresh_secret() -> Result<Secret, Problem> {
    let mut random = [0; 24];
    rand::rngs::OsRng
        .try_fill_bytes(&mut random)
        .map_err(|error| StoreError::Unfit(format!("no random bytes: {error}")))?;
    Ok(Secret::from_random(random))
}

/// Makes a subscription of a JSON body; answers its first secret as well.
///
/// # Errors
/// Every fault of the body at once, or the database is away.
pub(in crate::http) async fn create(
    shared: &Shared,
    account: AccountId,
    by: &Actor,
    body: &[u8],
) -> Result<(Subscription, Secret), Problem> {
    let engine = &shared.engine;
    let given = subscription_fields::read(engine, body, None).await?;
    let Some(target) = given.target else {
        return Err(Problem::not_found("target"));
    };
    let secret = fresh_secret()?;
    let new = NewSubscription {
        id: SubscriptionId::from_uuid(fresh_uuid(engine.clock())),
        account,
        title: given
            .title
            .unwrap_or_else(|| target.name().chars().take(200).collect()),
        url: target.as_str().to_owned(),
        triggers: given.triggers.unwrap_or_default(),
        state: given.state.unwrap_or(Enabled),
        plugin: given.plugin.flatten(),
        headers: given.headers.unwrap_or_default(),
        max_in_flight: given
            .max_in_flight
            .unwrap_or(i32::from(DEFAULT_MAX_IN_FLIGHT)),
        timeout_seconds: given
            .timeout_seconds
            .unwrap_or(i32::from(DEFAULT_TIMEOUT_SECONDS)),
        retry_schedule: given.retry_schedule.unwrap_or_else(default_schedule),
    };
    let secret_id = fresh_uuid(engine.clock());
    let made = subscription::create(engine.database(), new, secret_id, &secret, by).await?;
    engine.routing_changed().await;
    Ok((made, secret))
}

/// The waits of a subscription that names none, in seconds.
pub(in crate::http) fn default_schedule() -> Vec<i32> {
    let default = RetrySchedule::default();
    let steps = default.as_seconds().iter();
    steps.filter_map(|step| i32::try_from(*step).ok()).collect()
}

/// Changes `before` as a JSON body says: what it leaves out stays as it is. With `seen`, only if
/// it was changed last then.
///
/// # Errors
/// Every fault of the body at once; it was removed meanwhile, or changed since it was seen; the
/// database is away.
pub(in crate::http) async fn change(
    shared: &Shared,
    before: &Subscription,
    by: &Actor,
    body: &[u8],
    seen: Option<DateTime<Utc>>,
) -> Result<Subscription, Problem> {
    let engine = &shared.engine;
    let given = subscription_fields::read(engine, body, Some(before)).await?;
    let enables = given.state == Some(Enabled);
    let change = SubscriptionChange {
        title: given.title,
        url: given.target.map(|target| target.as_str().to_owned()),
        triggers: given.triggers,
        state: given.state,
        disabled_reason: given.state.map(|_| None),
        plugin: given.plugin,
        headers: given.headers.map(|headers| serde_json::json!(headers)),
        max_in_flight: given.max_in_flight,
        timeout_seconds: given.timeout_seconds,
        retry_schedule: given.retry_schedule,
        seen,
    };
    let states = SubscriptionState::ALL;
    let (account, id) = (before.account, before.id);
    let changed = subscription::change(engine.database(), account, id, states, change, by).await?;
    let (changed, done) = changed.ok_or_else(missing)?;
    if !done {
        let detail = "The subscription was changed meanwhile.";
        return Err(Problem::new(Kind::Conflict, detail));
    }
    engine.routing_changed().await;
    if enables {
        engine.deliveries_due(id);
    }
    Ok(changed)
}

/// Removes a subscription; its open deliveries are cancelled, its log stays.
///
/// # Errors
/// There is none, or the database is away.
pub(in crate::http) async fn remove(
    shared: &Shared,
    account: AccountId,
    id: SubscriptionId,
    by: &Actor,
) -> Result<(), Problem> {
    let engine = &shared.engine;
    if !subscription::remove(engine.database(), account, id, by).await? {
        return Err(missing());
    }
    engine.routing_changed().await;
    // What this misses, the Housekeeper's sweep finds.
    if let Err(error) = subscription::cancel_open(engine.database(), account, id, false).await {
        tracing::warn!(subscription = %id, %error, "open deliveries wait for the sweep");
    }
    Ok(())
}

/// Puts a subscription from one of the states `from` into the state `to`.
///
/// # Errors
/// It is in another state, there is none, or the database is away.
pub(in crate::http) async fn switch(
    shared: &Shared,
    account: AccountId,
    id: SubscriptionId,
    by: &Actor,
    from: &[SubscriptionState],
    to: SubscriptionState,
) -> Result<Subscription, Problem> {
    let change = SubscriptionChange {
        state: Some(to),
        disabled_reason: Some(None),
        ..SubscriptionChange::default()
    };
    let engine = &shared.engine;
    let changed = subscription::change(engine.database(), account, id, from, change, by).await?;
    let (now, switched) = changed.ok_or_else(missing)?;
    if !switched {
        let detail = format!("The subscription is {}: enable it first.", now.state);
        return Err(Problem::new(Kind::Conflict, detail));
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
pub(in crate::http) async fn resume(
    shared: &Shared,
    account: AccountId,
    id: SubscriptionId,
    by: &Actor,
    held: HeldChoice,
) -> Result<Subscription, Problem> {
    let found = found(shared, account, id).await?;
    // Before it is resumed, or what is to be dropped could be delivered in between.
    if found.state == Paused && held != HeldChoice::Deliver {
        let newest = held == HeldChoice::Newest;
        subscription::cancel_open(shared.engine.database(), account, id, newest).await?;
    }
    switch(shared, account, id, by, &[Enabled, Paused], Enabled).await
}

/// Sends the example of an event type to a subscription alone; without a name, of the first type
/// that its triggers match. Answers the event and its type.
///
/// # Errors
/// There is no such subscription or example, or the database is away.
pub(in crate::http) async fn send_test(
    shared: &Shared,
    account: AccountId,
    id: SubscriptionId,
    by: &Actor,
    wanted: Option<String>,
) -> Result<(EventId, String), Problem> {
    let found = found(shared, account, id).await?;
    let (event_type, example) = match wanted {
        Some(name) => {
            let example = example(shared, account, &name).await?;
            example.map(|example| (name, example))
        }
        None => first_example(shared, account, &found).await?,
    }
    .ok_or_else(|| {
        let detail = "no event type with an example fits: name one as `event_type`";
        Problem::invalid(vec![Fault::new("/event_type", detail)])
    })?;
    let engine = &shared.engine;
    let event_id = engine
        .send_test(account, id, &event_type, example, by)
        .await?;
    Ok((event_id, event_type))
}

/// The example of an event type; none: there is no such type, or it has none.
pub(in crate::http) async fn example(
    shared: &Shared,
    account: AccountId,
    name: &str,
) -> Result<Option<Bytes>, StoreError> {
    if let Some(known) = catalogue::find(name) {
        let example = known.example.as_ref();
        return Ok(example.map(|example| Bytes::from_static(example.get().as_bytes())));
    }
    let own = event_type::find(shared.engine.database(), account, name).await?;
    Ok(own
        .and_then(|own| own.example)
        .map(|example| example.to_string().into()))
}

/// The first type with an example that the triggers match: built-in ones before own ones.
async fn first_example(
    shared: &Shared,
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
    let own = event_type::list(shared.engine.database(), account, &filter).await?;
    let Some(own) = own
        .into_iter()
        .find(|own| own.has_example && matches(&own.name))
    else {
        return Ok(None);
    };
    let example = example(shared, account, &own.name).await?;
    Ok(example.map(|example| (own.name, example)))
}

/// The secrets that sign now, the current one first; it is noted to whom they were shown.
///
/// # Errors
/// There is no such subscription, or the database is away.
pub(in crate::http) async fn secrets(
    shared: &Shared,
    account: AccountId,
    id: SubscriptionId,
    by: &Actor,
) -> Result<Vec<LiveSecret>, Problem> {
    let live = secret::show(shared.engine.database(), account, id, by).await?;
    live.ok_or_else(missing)
}

/// Makes a new secret the current one; the others sign for as many hours more as a JSON body says.
///
/// # Errors
/// Every fault of the body at once; too many sign already, there is no such subscription, or the database is away.
pub(in crate::http) async fn rotate(
    shared: &Shared,
    account: AccountId,
    id: SubscriptionId,
    by: &Actor,
    body: &[u8],
) -> Result<Vec<LiveSecret>, Problem> {
    let mut fields = Fields::parse(body)?;
    let overlap = fields.take("overlap_hours", fields::integer::<i32>(0..=MAX_OVERLAP));
    fields.finish()?;
    let overlap = overlap.unwrap_or(DEFAULT_OVERLAP);
    let engine = &shared.engine;
    let new = fresh_secret()?;
    let new_id = fresh_uuid(engine.clock());
    let database = engine.database();
    match secret::rotate(database, account, id, overlap, new_id, &new, by).await? {
        Rotation::Rotated(live) => {
            engine.routing_changed().await;
            Ok(live)
        }
        Rotation::Unknown => Err(missing()),
        Rotation::TooMany => {
            let detail = format!(
                "{MAX_LIVE_SECRETS} secrets sign already: wait until one expires, or rotate with \
                 `overlap_hours` 0."
            );
            Err(Problem::new(Kind::Conflict, detail))
        }
    }
}
