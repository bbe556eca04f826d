//! Switching a subscription: pause, resume, enable, disable, and trying it out.

use serde::Serialize;
use utoipa::ToSchema;

use super::subscriptions::{SubscriptionView, view};
use crate::domain::id::{EventId, SubscriptionId};
use crate::domain::subscription::SubscriptionState;
use crate::http::extract::{In, JsonBody, Keyed, Path};
use crate::http::reply::{AcceptedJson, ApiResult, OkJson};
use crate::service::subscriptions::{self, NoInput, ResumeInput, TestInput};

use SubscriptionState::{Disabled, Enabled, Paused};

/// Where a test can be followed.
#[derive(Serialize, ToSchema)]
pub(crate) struct TestSent {
    /// The event that was made for it.
    event_id: EventId,
    /// The subscription that is tried out.
    subscription_id: SubscriptionId,
    /// The type whose example is sent.
    event_type: String,
}

pub(crate) async fn pause(
    at: In,
    Path(id): Path<SubscriptionId>,
    _nothing: JsonBody<NoInput>,
) -> ApiResult<OkJson<SubscriptionView>> {
    let now = subscriptions::switch(at.cx(), id, &[Enabled, Paused], Paused).await?;
    view(at.cx(), now).await
}

pub(crate) async fn resume(
    at: In,
    Path(id): Path<SubscriptionId>,
    JsonBody(input): JsonBody<ResumeInput>,
) -> ApiResult<OkJson<SubscriptionView>> {
    let now = subscriptions::resume(at.cx(), id, input).await?;
    view(at.cx(), now).await
}

pub(crate) async fn enable(
    at: In,
    Path(id): Path<SubscriptionId>,
    _nothing: JsonBody<NoInput>,
) -> ApiResult<OkJson<SubscriptionView>> {
    let now = subscriptions::switch(at.cx(), id, SubscriptionState::ALL, Enabled).await?;
    view(at.cx(), now).await
}

pub(crate) async fn disable(
    at: In,
    Path(id): Path<SubscriptionId>,
    _nothing: JsonBody<NoInput>,
) -> ApiResult<OkJson<SubscriptionView>> {
    let now = subscriptions::switch(at.cx(), id, SubscriptionState::ALL, Disabled).await?;
    view(at.cx(), now).await
}

pub(crate) async fn send_test(
    at: In,
    Path(subscription_id): Path<SubscriptionId>,
    keyed: Keyed<TestInput>,
) -> ApiResult<AcceptedJson<TestSent>> {
    let (input, making) = keyed.split(at.cx().by());
    let (input, making) = (input.finish()?, making.get());
    let sent = subscriptions::send_test(at.cx(), subscription_id, making, input).await?;
    let (event_id, event_type) = sent;
    Ok(AcceptedJson(TestSent {
        event_id,
        subscription_id,
        event_type,
    }))
}
