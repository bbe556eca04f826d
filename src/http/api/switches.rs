//! Switching a subscription: pause, resume, enable, disable, and trying it out.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::subscriptions::{SubscriptionView, view};
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::domain::subscription::SubscriptionState;
use crate::http::body;
use crate::http::guard::Account;
use crate::http::path::{no_query, part};
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::callers::Caller;
use crate::service::subscriptions::{self, NoInput, ResumeInput, TestInput};

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
    let _nothing: NoInput = body::input(&request, payload).await?;
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
    let (input, by) = (body::input(&request, payload).await?, caller.actor());
    let now = subscriptions::resume(&shared.engine, account, id, &by, input).await?;
    Ok(HttpResponse::Ok().json(view(&shared, now, caller.role).await?))
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
    let _nothing: NoInput = body::input(&request, payload).await?;
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
    let _nothing: NoInput = body::input(&request, payload).await?;
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
    let by = caller.actor();
    let now = subscriptions::switch(&shared.engine, account, id, &by, from, to).await?;
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
    let (input, by) = (body::input(&request, payload).await?, caller.actor());
    let sent = subscriptions::send_test(&shared.engine, account, subscription_id, &by, input);
    let (event_id, event_type) = sent.await?;
    Ok(HttpResponse::Accepted().json(TestSent {
        event_id,
        subscription_id,
        event_type,
    }))
}
