//! Running one script on an event without sending anything.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::event::MAX_EVENT_BYTES;
use crate::http::body;
use crate::http::path::no_query;
use crate::http::problem::{Kind, Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::plugin::ScriptName;
use crate::service::callers::Caller;
use crate::service::dry_run::{DryRun, DryRunInput, try_out};

/// Room for what stands around the event in the body.
const AROUND: usize = 1 << 16;
/// Run a plugin on an event, and send nothing
///
/// It runs the version at work, with the budget of an attempt. `filtered` and `failed` are
/// answered with 200 as well. A script sees an example subscription unless `subscription` names
/// one.
#[utoipa::path(
    post, path = "/v1/plugins/{kind}/{file}/dry-run", tag = "plugins",
    params(
        ("kind" = String, Path, description = "`triggers` or `named`"),
        ("file" = String, Path, description = "Its file, such as `only-paid-orders.rhai`"),
    ),
    request_body = DryRunInput,
    responses(
        (status = 200, description = "What came of it", body = DryRun),
        (status = 404, description = "There is no such plugin, event or subscription",
            body = ProblemDocument),
        (status = 409, description = "No version of the plugin works", body = ProblemDocument),
        (status = 422, description = "Wrong values", body = ProblemDocument),
        (status = 429, description = "Two dry runs of the account are under way",
            body = ProblemDocument),
        (status = 503, description = "Other plugins are being run: try again",
            body = ProblemDocument),
    )
)]
pub(in crate::http) async fn run(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let part = |name| request.match_info().get(name).unwrap_or_default();
    let path = format!("{}/{}", part("kind"), part("file"));
    let script: ScriptName = match path.parse() {
        Ok(script) => script,
        Err(error) => return Err(Problem::new(Kind::NotFound, format!("{error}."))),
    };
    let body = body::read(&request, payload, MAX_EVENT_BYTES + AROUND).await?;
    let input = body::keeping(&body, "event")?.finish()?;
    let (tried, _published) = try_out(&shared.engine, &caller, &script, input).await?;
    Ok(HttpResponse::Ok().json(tried))
}
