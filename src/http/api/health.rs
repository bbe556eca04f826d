//! What everybody may ask: whether Herald lives, whether it takes events, and what it can do.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::openapi;
use crate::http::problem::{Kind, Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::store::is_disk_full;

/// A sign of life.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Alive {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "It does", body = Alive)))]
pub(in crate::http) async fn healthz() -> impl Responder {
    HttpResponse::Ok().json(Alive { status: "ok" })
}

/// Whether Herald takes events
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses(
        (status = 200, description = "It does", body = Alive),
        (status = 503, description = "It does not", body = ProblemDocument),
    ))]
pub(in crate::http) async fn readyz(shared: Data<Shared>) -> Result<HttpResponse, Problem> {
    let health = shared.engine.health();
    if health.accepting && !health.stopping {
        Ok(HttpResponse::Ok().json(Alive { status: "ok" }))
    } else {
        let detail = if is_disk_full() {
            "Herald takes no events: the disk of the database is full."
        } else {
            "Herald takes no events: the database is away, or it is starting or stopping."
        };
        Err(Problem::new(Kind::Unavailable, detail))
    }
}

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "operation",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(in crate::http) async fn openapi() -> impl Responder {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(openapi::document())
}
