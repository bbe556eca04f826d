//! What everybody may ask: whether Herald lives, whether it takes events, and what it can do.

use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::problem::{Kind, Problem};
use crate::http::reply::{Answer, Document, Shown};
use crate::http::shared::Shared;
use crate::store::is_disk_full;

/// A sign of life.
#[derive(Serialize, ToSchema)]
pub(crate) struct Alive {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

pub(crate) async fn healthz() -> Answer<Shown<Alive>> {
    Ok(Shown(Alive { status: "ok" }))
}

pub(crate) async fn readyz(shared: Data<Shared>) -> Answer<Shown<Alive>> {
    let health = shared.engine.health();
    if health.accepting && !health.stopping {
        return Ok(Shown(Alive { status: "ok" }));
    }
    let detail = if is_disk_full() {
        "Herald takes no events: the disk of the database is full."
    } else {
        "Herald takes no events: the database is away, or it is starting or stopping."
    };
    Err(Problem::new(Kind::Unavailable, detail))
}

pub(crate) async fn openapi(shared: Data<Shared>) -> Answer<Document> {
    Ok(Document((shared.document)()))
}
