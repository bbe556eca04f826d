//! What everybody may ask: whether Herald lives, whether it takes events, and what it can do.

use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::problem::{Kind, Problem};
use crate::http::reply::{Document, Shown};
use crate::http::shared::Shared;
use crate::store::is_disk_full;

/// A sign of life.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Alive {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

pub(in crate::http) async fn healthz() -> Result<Shown<Alive>, Problem> {
    Ok(Shown(Alive { status: "ok" }))
}

pub(in crate::http) async fn readyz(shared: Data<Shared>) -> Result<Shown<Alive>, Problem> {
    let health = shared.engine.health();
    if health.accepting && !health.stopping {
        Ok(Shown(Alive { status: "ok" }))
    } else {
        let detail = if is_disk_full() {
            "Herald takes no events: the disk of the database is full."
        } else {
            "Herald takes no events: the database is away, or it is starting or stopping."
        };
        Err(Problem::new(Kind::Unavailable, detail))
    }
}

pub(in crate::http) async fn openapi(shared: Data<Shared>) -> Result<Document, Problem> {
    Ok(Document((shared.document)()))
}
