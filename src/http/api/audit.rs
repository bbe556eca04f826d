//! The audit: what became of every target of every accepted event.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::shapes::{Audit, Retired};
use crate::http::path::no_query;
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::callers::Caller;

/// Count what became of every target
///
/// Of the account, or with an operator-wide token that names none of the whole server, in one
/// snapshot. `lost` and `double` must be 0. Audits run one at a time: it waits up to 10 s for its
/// turn.
#[utoipa::path(
    get, path = "/v1/audit", tag = "operation",
    responses(
        (status = 200, description = "The count", body = Audit),
        (status = 503, description = "Other audits are being run, or the database is away",
            body = ProblemDocument),
    )
)]
pub(in crate::http) async fn run(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let count = shared.engine.audit(caller.account).await?;
    Ok(HttpResponse::Ok().json(Audit {
        as_of: count.as_of,
        accepted: count.accepted,
        targets: count.targets,
        sent: count.sent,
        failed: count.failed,
        filtered: count.filtered,
        cancelled: count.cancelled,
        open: count.open,
        in_flight: count.in_flight,
        lost: count.lost,
        double: count.double,
        difference: count.difference(),
        retired: Retired {
            events: count.retired_events,
            targets: count.retired_targets,
            open: count.retired_open,
        },
    }))
}
