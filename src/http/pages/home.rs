//! The first page.

use std::sync::Arc;

use actix_web::http::header::ACCEPT;
use actix_web::{HttpRequest, HttpResponse};
use maud::html;

use super::frame::Nav;
use super::layout;
use super::visit::Visit;
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::server::Shared;

/// Whether a page is wanted, and not JSON.
#[must_use]
pub(in crate::http) fn is_wanted(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT);
    accept.is_some_and(|value| value.to_str().is_ok_and(|it| it.contains("text/html")))
}

/// The page, or the way to the sign-in.
///
/// # Errors
/// The request names another host, or the database is away.
pub(in crate::http) async fn show(
    shared: &Shared,
    request: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    let Some(signed_in) = shared.sessions.find(request).await? else {
        return Ok(layout::go_to("/sign-in").finish());
    };
    let caller = Caller::user(Arc::clone(&signed_in.session));
    let visit = Visit::new(request, shared, caller, signed_in);
    let session = &visit.signed_in.session;
    let body = html! {
        p {
            "You are signed in as "
            @if session.name.is_empty() { strong { (session.email) } }
            @else { strong { (session.name) } " (" (session.email) ")" }
            ", " (session.role) "."
        }
    };
    Ok(visit.page(Nav::Overview, "Overview", "").show(&body))
}
