//! The first page: who is signed in.

use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT;
use actix_web::{HttpRequest, HttpResponse};
use maud::html;

use super::layout;
use crate::http::problem::Problem;
use crate::http::session::Sessions;

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
    sessions: &Sessions,
    request: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    let Some(signed_in) = sessions.find(request).await? else {
        return Ok(layout::go_to("/sign-in").finish());
    };
    let session = &signed_in.session;
    let body = html! {
        p {
            "You are signed in as "
            @if session.name.is_empty() { strong { (session.email) } }
            @else { strong { (session.name) } " (" (session.email) ")" }
            ", " (session.role) "."
        }
        form method="post" action="/sign-out" {
            input type="hidden" name="csrf_token" value=(signed_in.csrf_token());
            button type="submit" { "Sign out" }
        }
    };
    Ok(layout::page(StatusCode::OK, "Herald", &body))
}
