//! A subscription's secrets: showing them, and replacing the current one.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::SubscriptionId;
use crate::http::extract::{In, Keyed, Path};
use crate::http::problem::ProblemDetails;
use crate::http::reply::{ApiResult, OkJson};
use crate::service::subscriptions::{self, RotateInput};
use crate::service::views;
use crate::store::secret::LiveSecret;

views! {
    /// A secret that was replaced and still signs.
    pub(crate) PreviousSecret of one: LiveSecret {
        /// `whsec_…`
        secret: String = one.secret.reveal(),
        /// When it stops signing.
        expires_at: Option<DateTime<Utc>>,
    }
}

/// The secrets that sign a subscription's deliveries now.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretsView {
    /// The current one, `whsec_…`.
    secret: String,
    /// Those that it replaced and that still sign as well.
    previous: Vec<PreviousSecret>,
}

/// The secrets that sign a subscription's deliveries after one was replaced.
#[derive(Serialize, ToSchema)]
pub(crate) struct RotatedView {
    /// The new one, `whsec_…`. Null: the Idempotency-Key was used before, and nothing was replaced
    /// now; `GET …/secret` shows it.
    secret: Option<String>,
    /// Those that it replaced and that still sign as well; empty where `secret` is null.
    previous: Vec<PreviousSecret>,
}

fn view(live: Vec<LiveSecret>) -> ApiResult<SecretsView> {
    let mut live = live.into_iter();
    let current = live.next();
    let current = current.ok_or_else(|| ProblemDetails::not_found("subscription"))?;
    let secret = current.secret.reveal();
    let previous = live.map(PreviousSecret::from).collect();
    Ok(SecretsView { secret, previous })
}

pub(crate) async fn show(at: In, Path(id): Path<SubscriptionId>) -> ApiResult<OkJson<SecretsView>> {
    Ok(OkJson(view(subscriptions::secrets(at.cx(), id).await?)?))
}

pub(crate) async fn rotate(
    at: In,
    Path(id): Path<SubscriptionId>,
    keyed: Keyed<RotateInput>,
) -> ApiResult<OkJson<RotatedView>> {
    let (input, making) = keyed.split(at.cx().by());
    let rotated = subscriptions::rotate(at.cx(), id, making.get(), input.finish()?).await?;
    let (secret, previous) = match rotated.map(view).transpose()? {
        Some(SecretsView { secret, previous }) => (Some(secret), previous),
        None => (None, Vec::new()),
    };
    Ok(OkJson(RotatedView { secret, previous }))
}
