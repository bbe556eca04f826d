//! What everybody may ask: whether Herald lives, whether it takes events, and what it can do.

use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::problem::{ProblemDetails, ProblemKind};
use crate::http::reply::{ApiResult, Document, OkJson};
use crate::http::shared::ServerContext;
use crate::store::is_disk_full;

/// A sign of life.
#[derive(Serialize, ToSchema)]
pub(crate) struct Alive {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

pub(crate) async fn healthz() -> ApiResult<OkJson<Alive>> {
    Ok(OkJson(Alive { status: "ok" }))
}

pub(crate) async fn readyz(shared: Data<ServerContext>) -> ApiResult<OkJson<Alive>> {
    let health = shared.engine.health();
    if health.accepting && !health.stopping {
        return Ok(OkJson(Alive { status: "ok" }));
    }
    let detail = if is_disk_full() {
        "Herald takes no events: the disk of the database is full."
    } else {
        "Herald takes no events: the database is away, or it is starting or stopping."
    };
    Err(ProblemDetails::new(ProblemKind::Unavailable, detail))
}

pub(crate) async fn openapi(shared: Data<ServerContext>) -> ApiResult<Document> {
    Ok(Document((shared.document)()))
}
