//! Switching a subscription: pause, resume, enable, disable, and trying it out.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::shapes::{ResumeInput, TestInput};
use super::subscriptions::{SubscriptionView, view};
use super::{no_query, part};
use crate::catalogue;
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::domain::subscription::{HeldChoice, SubscriptionState};
use crate::domain::trigger::Trigger;
use crate::http::auth::Caller;
use crate::http::body;
use crate::http::fields::{self, Fields};
use crate::http::guard::Account;
use crate::http::problem::{Fault, Kind, Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::store::StoreError;
use crate::store::event_type;
use crate::store::subscription::{self, Subscription, SubscriptionChange};

use SubscriptionState::{Disabled, Enabled, Paused};

/// Where a test can be followed.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct TestSent {
    /// The event that was made for it.
    #[schema(value_type = String)]
    event_id: EventId,
    /// The subscription that is tried out.
    #[schema(value_type = String)]
    subscription_id: SubscriptionId,
    /// The type whose example is sent.
    event_type: String,
}

/// Pause a subscription
///
/// Matches go on; its deliveries are held, in order, until it is resumed.
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/pause", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    responses(
        (status = 200, description = "The subscription as it is now", body = SubscriptionView),
        (status = 409, description = "It is disabled", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn pause(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Fields::parse(&body::object(&request, payload).await?)?.finish()?;
    switch(
        &shared,
        account,
        caller,
        part(&request, "id")?,
        &[Enabled, Paused],
        Paused,
    )
    .await
}

/// Resume a paused subscription
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/resume", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    request_body = ResumeInput,
    responses(
        (status = 200, description = "The subscription as it is now", body = SubscriptionView),
        (status = 409, description = "It is disabled", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn resume(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let id: SubscriptionId = part(&request, "id")?;
    let mut fields = Fields::parse(&body::object(&request, payload).await?)?;
    let held = fields
        .take("held", fields::parsed::<HeldChoice>)
        .unwrap_or(HeldChoice::Deliver);
    fields.later("rate_per_second", &serde_json::Value::Null);
    fields.finish()?;
    let database = shared.engine.database();
    let found = subscription::find(database, account, id).await?;
    let found = found.ok_or_else(|| Problem::not_found("subscription"))?;
    // Before it is resumed, or what is to be dropped could be delivered in between.
    if found.state == Paused && held != HeldChoice::Deliver {
        subscription::cancel_open(database, account, id, held == HeldChoice::Newest).await?;
    }
    switch(&shared, account, caller, id, &[Enabled, Paused], Enabled).await
}

/// Enable a subscription
///
/// It matches and delivers, first what it held.
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/enable", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    responses(
        (status = 200, description = "The subscription as it is now", body = SubscriptionView),
        (status = 404, description = "There is none", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn enable(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Fields::parse(&body::object(&request, payload).await?)?.finish()?;
    let id = part(&request, "id")?;
    switch(
        &shared,
        account,
        caller,
        id,
        SubscriptionState::ALL,
        Enabled,
    )
    .await
}

/// Disable a subscription
///
/// It matches nothing new; what it holds stays held.
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/disable", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    responses(
        (status = 200, description = "The subscription as it is now", body = SubscriptionView),
        (status = 404, description = "There is none", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn disable(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    Fields::parse(&body::object(&request, payload).await?)?.finish()?;
    let id = part(&request, "id")?;
    switch(
        &shared,
        account,
        caller,
        id,
        SubscriptionState::ALL,
        Disabled,
    )
    .await
}

/// Puts a subscription from one of the states `from` into the state `to`.
async fn switch(
    shared: &Shared,
    account: AccountId,
    caller: Caller,
    id: SubscriptionId,
    from: &[SubscriptionState],
    to: SubscriptionState,
) -> Result<HttpResponse, Problem> {
    let change = SubscriptionChange {
        state: Some(to),
        disabled_reason: Some(None),
        ..SubscriptionChange::default()
    };
    let engine = &shared.engine;
    let changed = subscription::change(
        engine.database(),
        account,
        id,
        from,
        change,
        &caller.actor(),
    )
    .await?;
    let (now, switched) = changed.ok_or_else(|| Problem::not_found("subscription"))?;
    if !switched {
        let detail = format!("The subscription is {}: enable it first.", now.state);
        return Err(Problem::new(Kind::Conflict, detail));
    }
    engine.routing_changed();
    if to == Enabled {
        engine.deliveries_due(id);
    }
    Ok(HttpResponse::Ok().json(view(shared, now, caller.role).await?))
}

/// Try a subscription out
///
/// Sends the example of an event type to it alone, with the header `webhook-test: true`,
/// whatever its state. One attempt, no retry.
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/test", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    request_body = TestInput,
    responses(
        (status = 202, description = "It is being sent", body = TestSent),
        (status = 404, description = "There is none", body = ProblemDocument),
        (status = 422, description = "No example to send", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn send_test(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let subscription_id = part(&request, "id")?;
    let mut fields = Fields::parse(&body::object(&request, payload).await?)?;
    let wanted = fields.take("event_type", fields::text);
    fields.finish()?;
    let engine = &shared.engine;
    let found = subscription::find(engine.database(), account, subscription_id).await?;
    let found = found.ok_or_else(|| Problem::not_found("subscription"))?;
    let (event_type, example) = match wanted {
        Some(name) => {
            let example = example(&shared, account, &name).await?;
            example.map(|example| (name, example))
        }
        None => first_example(&shared, account, &found).await?,
    }
    .ok_or_else(|| {
        let detail = "no event type with an example fits: name one as `event_type`";
        Problem::invalid(vec![Fault::new("/event_type", detail)])
    })?;
    let event_id = engine
        .send_test(
            account,
            subscription_id,
            &event_type,
            example,
            &caller.actor(),
        )
        .await?;
    Ok(HttpResponse::Accepted().json(TestSent {
        event_id,
        subscription_id,
        event_type,
    }))
}

/// The example of an event type; none: there is no such type, or it has none.
async fn example(
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
    for own in event_type::list(shared.engine.database(), account).await? {
        if matches(&own.name)
            && let Some(example) = own.example
        {
            return Ok(Some((own.name, example.to_string().into())));
        }
    }
    Ok(None)
}
