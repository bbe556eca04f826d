//! Errors as a page: what happened, what is wrong with which value, and where to go on.

use std::fmt;

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use maud::html;

use super::layout;
use crate::http::problem::{Kind, Problem};
use crate::store::StoreError;

/// Nobody is signed in: on to the sign-in, and from there to where they wanted to go.
#[derive(Debug, Clone)]
pub(in crate::http) struct SignInFirst {
    path: String,
    by_script: bool,
}

impl SignInFirst {
    /// For this request. What would change something is not done again after the sign-in.
    #[must_use]
    pub(in crate::http) fn of(request: &HttpRequest) -> Self {
        let wanted = request.uri().path_and_query().map_or("/", |it| it.as_str());
        let wanted = if *request.method() == Method::GET {
            wanted
        } else {
            "/"
        };
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        Self {
            path: match wanted {
                "/" => "/sign-in".to_owned(),
                wanted => format!("/sign-in?{}", query.append_pair("next", wanted).finish()),
            },
            by_script: request.headers().contains_key("hx-request"),
        }
    }
}

impl fmt::Display for SignInFirst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody is signed in")
    }
}

impl ResponseError for SignInFirst {
    fn status_code(&self) -> StatusCode {
        if self.by_script {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::SEE_OTHER
        }
    }

    fn error_response(&self) -> HttpResponse {
        if self.by_script {
            // A script would put the sign-in into the middle of the page.
            let mut response = layout::with_headers(HttpResponse::Unauthorized());
            let challenge = (header::WWW_AUTHENTICATE, "Bearer realm=\"herald\"");
            response.insert_header(challenge);
            return response
                .insert_header(("hx-redirect", self.path.as_str()))
                .finish();
        }
        layout::go_to(self.path.as_str()).finish()
    }
}

/// Why a page cannot be shown, or a form was not taken.
#[derive(Debug, Clone)]
pub(in crate::http) struct Trouble(Problem);

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Trouble {
    fn status_code(&self) -> StatusCode {
        self.0.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let problem = &self.0;
        let signed_out = problem.kind() == Kind::Unauthorized;
        let sentence = problem.to_string();
        let faults = problem.faults();
        let form = html! {
            @if faults.len() > 1 {
                ul {
                    @for fault in faults {
                        li { code { (fault.pointer.trim_start_matches(['?', '/'])) } " " (fault.detail) }
                    }
                }
            }
            p {
                @if signed_out { a class="button primary" href="/sign-in" { "Sign in" } }
                @else { a class="button" href="/" { "To the overview" } }
            }
        };
        let title = match problem.kind() {
            Kind::NotFound => "There is nothing here",
            Kind::Unauthorized => "Your session has ended",
            Kind::Malformed => "This address cannot be read",
            _ => problem.title(),
        };
        let told = if signed_out {
            Problem::new(Kind::Unauthorized, "Sign in again; nothing was changed.")
        } else {
            Problem::new(problem.kind(), sentence)
        };
        layout::refused(&told.waiting_as(problem), title, &form)
    }
}
