//! What answers at `/`: the first page for people, name and links for programs.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::pages;
use super::shared::Shared;

/// What answers here.
#[derive(Serialize)]
pub(super) struct Home {
    /// Always `Herald`.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// The OpenAPI document.
    openapi: &'static str,
    /// Whether it takes events.
    ready: &'static str,
}

/// Who accepts HTML gets the first page: who is signed in, or the way to the sign-in.
pub(super) async fn show(shared: Data<Shared>, request: HttpRequest) -> pages::PageResult {
    if pages::overview::is_wanted(&request) {
        return pages::overview::show(&shared, &request).await;
    }
    Ok(HttpResponse::Ok().json(Home {
        name: "Herald",
        version: env!("CARGO_PKG_VERSION"),
        openapi: "/openapi.json",
        ready: "/readyz",
    }))
}
