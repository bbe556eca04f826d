//! Switching a subscription: pause, resume, enable, disable, and trying it out.

use serde::Serialize;
use utoipa::ToSchema;

use super::subscriptions::{SubscriptionView, view};
use crate::domain::id::{AccountId, EventId, SubscriptionId};
use crate::domain::subscription::SubscriptionState;
use crate::http::extract::{Body, In, Path};
use crate::http::problem::Problem;
use crate::http::reply::{Accepted, Shown};
use crate::http::shared::Shared;
use crate::service::callers::Caller;
use crate::service::subscriptions::{self, NoInput, ResumeInput, TestInput};

use SubscriptionState::{Disabled, Enabled, Paused};

/// Where a test can be followed.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct TestSent {
    /// The event that was made for it.
    event_id: EventId,
    /// The subscription that is tried out.
    subscription_id: SubscriptionId,
    /// The type whose example is sent.
    event_type: String,
}

pub(in crate::http) async fn pause(
    In(shared, account, caller): In,
    Path(id): Path<SubscriptionId>,
    _nothing: Body<NoInput>,
) -> Result<Shown<SubscriptionView>, Problem> {
    switch(&shared, account, caller, id, &[Enabled, Paused], Paused).await
}

pub(in crate::http) async fn resume(
    In(shared, account, caller): In,
    Path(id): Path<SubscriptionId>,
    Body(input): Body<ResumeInput>,
) -> Result<Shown<SubscriptionView>, Problem> {
    let by = caller.actor();
    let now = subscriptions::resume(&shared.engine, account, id, &by, input).await?;
    view(&shared, now, caller.role).await
}

pub(in crate::http) async fn enable(
    In(shared, account, caller): In,
    Path(id): Path<SubscriptionId>,
    _nothing: Body<NoInput>,
) -> Result<Shown<SubscriptionView>, Problem> {
    let any = SubscriptionState::ALL;
    switch(&shared, account, caller, id, any, Enabled).await
}

pub(in crate::http) async fn disable(
    In(shared, account, caller): In,
    Path(id): Path<SubscriptionId>,
    _nothing: Body<NoInput>,
) -> Result<Shown<SubscriptionView>, Problem> {
    let any = SubscriptionState::ALL;
    switch(&shared, account, caller, id, any, Disabled).await
}

/// Puts a subscription from one of the states `from` into the state `to`.
async fn switch(
    shared: &Shared,
    account: AccountId,
    caller: Caller,
    id: SubscriptionId,
    from: &[SubscriptionState],
    to: SubscriptionState,
) -> Result<Shown<SubscriptionView>, Problem> {
    let by = caller.actor();
    let now = subscriptions::switch(&shared.engine, account, id, &by, from, to).await?;
    view(shared, now, caller.role).await
}

pub(in crate::http) async fn send_test(
    In(shared, account, caller): In,
    Path(subscription_id): Path<SubscriptionId>,
    Body(input): Body<TestInput>,
) -> Result<Accepted<TestSent>, Problem> {
    let by = caller.actor();
    let sent = subscriptions::send_test(&shared.engine, account, subscription_id, &by, input);
    let (event_id, event_type) = sent.await?;
    Ok(Accepted(TestSent {
        event_id,
        subscription_id,
        event_type,
    }))
}
