//! The document around every page, and the headers that keep others' text from becoming more
//! than text.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use maud::{DOCTYPE, Markup, html};

use super::assets;
use crate::http::problem::ProblemDetails;

/// Herald's own scripts, styles and pictures; nothing inline, nothing from elsewhere, nothing
/// around it; forms come back here.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// What htmx may do: no inline styles, no evaluated texts, no other origins, no history kept in
/// the browser, where the next person could read it.
const HTMX: &str = r#"{"includeIndicatorStyles":false,"allowEval":false,"allowScriptTags":false,"selfRequestsOnly":true,"historyCacheSize":0,"refreshOnHistoryMiss":true,"scrollIntoViewOnBoost":false,"defaultFocusScroll":false}"#;

/// A whole document. `zone`: the time zone that its times are written in.
pub(super) fn document(
    status: StatusCode,
    title: &str,
    zone: Option<&str>,
    body: &Markup,
) -> HttpResponse {
    let whole = html! {
        (DOCTYPE)
        html lang="en" data-zone=[zone] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="htmx-config" content=(HTMX);
                title { (title) " · Herald" }
                link rel="icon" type="image/svg+xml" href=(assets::ICON.path());
                link rel="stylesheet" href=(assets::STYLES.path());
                script defer src=(assets::HTMX.path()) {}
                script defer src=(assets::SCRIPTS.path()) {}
            }
            body { (body) }
        }
    };
    with_headers(HttpResponseBuilder::new(status))
        .content_type("text/html; charset=utf-8")
        .body(whole.into_string())
}

/// A page for somebody who is not signed in: narrow, without the places.
pub(super) fn page(status: StatusCode, title: &str, body: &Markup) -> HttpResponse {
    let whole = html! {
        main id="main" class="alone" {
            p class="brand" { "Herald" }
            h1 { (title) }
            (body)
        }
    };
    document(status, title, None, &whole)
}

/// A page whose form was refused: the form again, with what is wrong.
pub(super) fn refused(problem: &ProblemDetails, title: &str, form: &Markup) -> HttpResponse {
    let (detail, status, retry_after) = problem.for_page();
    let body = html! {
        p class="notice is-error" role="alert" { (detail) }
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
pub(super) fn go_to(path: impl Into<String>) -> HttpResponseBuilder {
    let mut response = with_headers(HttpResponse::SeeOther());
    response.insert_header((header::LOCATION, path.into()));
    response
}

/// What every answer to a browser carries. The referrer stays within Herald, where a form needs
/// it for `Origin`; the addresses of links are sent to nobody else.
pub(super) fn with_headers(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header(("cross-origin-opener-policy", "same-origin"))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    response
}
