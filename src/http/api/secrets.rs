//! A subscription's secrets: showing them, and replacing the current one.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::SubscriptionId;
use crate::http::body;
use crate::http::guard::Account;
use crate::http::path::{no_query, part};
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::callers::Caller;
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

fn answer(live: Vec<LiveSecret>) -> Result<HttpResponse, Problem> {
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
    Ok(HttpResponse::Ok().json(SecretsView {
        secret: current.secret.reveal(),
        previous,
    }))
}

/// Show the secrets of a subscription
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}/secret", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    responses(
        (status = 200, description = "The secrets that sign now", body = SecretsView),
        (status = 404, description = "There is none", body = ProblemDocument),
        (status = 409, description = "It cannot be opened", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn show(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let id: SubscriptionId = part(&request, "id")?;
    let by = caller.actor();
    answer(subscriptions::secrets(&shared.engine, account, id, &by).await?)
}

/// Replace the secret of a subscription
///
/// The old ones sign as well until the overlap ends, so that the receiver can change over.
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/secret/rotate", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    request_body = RotateInput,
    responses(
        (status = 200, description = "The secrets that sign now", body = SecretsView),
        (status = 404, description = "There is none", body = ProblemDocument),
        (status = 409, description = "Too many secrets sign already, or one cannot be opened", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn rotate(
    shared: Data<Shared>,
    Account(account): Account,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let id: SubscriptionId = part(&request, "id")?;
    let (input, by) = (body::input(&request, payload).await?, caller.actor());
    answer(subscriptions::rotate(&shared.engine, account, id, &by, input).await?)
}
