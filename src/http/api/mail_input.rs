//! Mails of the host application: to be sent, or only to be kept because it sent them itself.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::MailId;
use crate::domain::mail::MailState;
use crate::http::body;
use crate::http::guard::Account;
use crate::http::path::no_query;
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::mails::{self, MailInput};

/// Upper bound of a request, in bytes: both texts as JSON, and all else.
const MAX_MAIL_BYTES: usize = 4 << 20;

/// The answer to a mail.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct MailTaken {
    /// Its id.
    #[schema(value_type = String, example = "mail_01h455vb4pex5vsknk084sn02q")]
    id: MailId,
    /// `queued`, or `sent` with `record_only`.
    #[schema(value_type = String, example = "queued")]
    state: MailState,
}

/// Send a mail, or record one
///
/// It is sent as soon as the mail server takes it: after refusals for now (4xx) and faults of the
/// network again after 5, 15 and 30 minutes, then hourly up to four days; a refusal for good
/// (5xx) ends it. With `record_only` it was sent by the application and only stands in the log.
#[utoipa::path(
    post, path = "/v1/mails", tag = "mails",
    request_body = MailInput,
    responses(
        (status = 201, description = "It is recorded (`record_only`)", body = MailTaken),
        (status = 202, description = "It is committed and will be sent", body = MailTaken),
        (status = 413, description = "Larger than 4 MiB", body = ProblemDocument),
        (status = 422, description = "A wrong value", body = ProblemDocument),
        (status = 503, description = "The database is away", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn send(
    shared: Data<Shared>,
    Account(account): Account,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let input = body::begin(&request, payload, MAX_MAIL_BYTES).await?;
    let (id, state) = mails::send(&shared.engine, account, input).await?;
    let mut answer = match state {
        MailState::Sent => HttpResponse::Created(),
        _ => HttpResponse::Accepted(),
    };
    Ok(answer.json(MailTaken { id, state }))
}
