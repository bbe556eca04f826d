//! A subscription's secrets: showing them, and replacing the current one.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::SubscriptionId;
use crate::http::extract::{Body, In, Path};
use crate::http::problem::Problem;
use crate::http::reply::Shown;
use crate::service::subscriptions::{self, RotateInput};
use crate::store::secret::LiveSecret;

/// A secret that was replaced and still signs.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct PreviousSecret {
    /// `whsec_…`
    secret: String,
    /// When it stops to sign.
    expires_at: Option<DateTime<Utc>>,
}

/// The secrets that sign a subscription's deliveries now.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SecretsView {
    /// The current one, `whsec_…`.
    secret: String,
    /// Those that it replaced and that still sign as well.
    previous: Vec<PreviousSecret>,
}

fn answer(live: Vec<LiveSecret>) -> Result<Shown<SecretsView>, Problem> {
    let mut live = live.into_iter();
    let current = live
        .next()
        .ok_or_else(|| Problem::not_found("subscription"))?;
    let previous = live
        .map(|one| PreviousSecret {
            secret: one.secret.reveal(),
            expires_at: one.expires_at,
        })
        .collect();
    Ok(Shown(SecretsView {
        secret: current.secret.reveal(),
        previous,
    }))
}

pub(in crate::http) async fn show(
    In(shared, account, caller): In,
    Path(id): Path<SubscriptionId>,
) -> Result<Shown<SecretsView>, Problem> {
    answer(subscriptions::secrets(&shared.engine, account, id, &caller.actor()).await?)
}

pub(in crate::http) async fn rotate(
    In(shared, account, caller): In,
    Path(id): Path<SubscriptionId>,
    Body(input): Body<RotateInput>,
) -> Result<Shown<SecretsView>, Problem> {
    let by = caller.actor();
    answer(subscriptions::rotate(&shared.engine, account, id, &by, input).await?)
}
