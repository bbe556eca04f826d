//! The frame of every page, and the headers that keep others' text from becoming more than text.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpResponse, HttpResponseBuilder};
use maud::{DOCTYPE, Markup, html};

use crate::http::problem::Problem;

/// No scripts, no pictures, nothing from elsewhere, nothing around it; forms come back here.
const POLICY: &str = "default-src 'none'; form-action 'self'; style-src 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// A page.
pub(super) fn page(status: StatusCode, title: &str, body: &Markup) -> HttpResponse {
    let whole = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Herald" }
            }
            body {
                main {
                    h1 { (title) }
                    (body)
                }
            }
        }
    };
    with_headers(HttpResponseBuilder::new(status))
        .content_type("text/html; charset=utf-8")
        .body(whole.into_string())
}

/// A page whose form was refused: the form again, with what is wrong.
pub(super) fn refused(problem: &Problem, title: &str, form: &Markup) -> HttpResponse {
    let (detail, status, retry_after) = problem.told();
    let body = html! {
        p role="alert" { strong { (detail) } }
        (form)
    };
    let mut response = page(status, title, &body);
    let headers = response.headers_mut();
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if status == StatusCode::UNAUTHORIZED {
        let challenge = header::HeaderValue::from_static("Bearer realm=\"herald\"");
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// On to another page.
pub(super) fn go_to(path: &'static str) -> HttpResponseBuilder {
    let mut response = with_headers(HttpResponse::SeeOther());
    response.insert_header((header::LOCATION, path));
    response
}

/// What every answer to a browser carries. The referrer stays within Herald, where a form needs
/// it for `Origin`; addresses of links are not told to anybody else.
pub(super) fn with_headers(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header((
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    response
}
