//! What answers at `/`: the first page for people, name and links for programs.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::pages;
use super::shared::ServerContext;

/// What answers here.
#[derive(Serialize)]
pub(super) struct Home {
    /// Always `Herald`.
    name: &'static str,
    version: &'static str,
    /// The OpenAPI document.
    openapi: &'static str,
    /// Whether it takes events.
    ready: &'static str,
}

/// Whoever accepts HTML gets the first page if signed in, or else the way to the sign-in.
pub(super) async fn show(shared: Data<ServerContext>, request: HttpRequest) -> pages::PageResult {
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
