//! Errors as a page: what happened, what is wrong with which value, and where to go on.

use std::fmt;

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use maud::html;

use super::kept::Typed;
use super::{layout, sign_in, wording};
use crate::http::problem::{Fault, ProblemDetails, ProblemKind};
use crate::http::shared::ServerContext;
use crate::service::Refusal;

/// Nobody is signed in: on to the sign-in, and from there to where they wanted to go.
#[derive(Debug, Clone)]
pub(in crate::http) struct SignInFirst {
    path: String,
    pub(super) by_script: bool,
    typed: Option<Typed>,
}

impl SignInFirst {
    /// For this request. What would change something is not done after the sign-in, which leads
    /// back to the page with the form.
    #[must_use]
    pub(in crate::http) fn of(request: &HttpRequest) -> Self {
        let wanted = if *request.method() == Method::GET {
            request.uri().path_and_query().map_or("/", |it| it.as_str())
        } else {
            page_before(request)
        };
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        Self {
            path: match wanted {
                "/" => "/sign-in".to_owned(),
                wanted => format!("/sign-in?{}", query.append_pair("next", wanted).finish()),
            },
            by_script: request.headers().contains_key("hx-request"),
            typed: None,
        }
    }

    /// With what was typed.
    #[must_use]
    pub(super) fn with(mut self, typed: Typed) -> Self {
        self.typed = Some(typed);
        self
    }
}

/// The page that the form of a request was on: the nearest one above its path that there is.
fn page_before(request: &HttpRequest) -> &str {
    let shared = request.app_data::<Data<ServerContext>>();
    let is_page =
        |pattern: &str| shared.is_some_and(|it| it.table.methods(pattern).contains(&"GET"));
    let (mut pattern, mut path) = (request.match_pattern().unwrap_or_default(), request.path());
    while !is_page(&pattern) {
        let (Some(at), Some((above, _))) = (pattern.rfind('/'), path.rsplit_once('/')) else {
            return "/";
        };
        pattern.truncate(at);
        path = above;
    }
    path
}

impl fmt::Display for SignInFirst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody is signed in")
    }
}

impl ResponseError for SignInFirst {
    fn status_code(&self) -> StatusCode {
        if self.by_script || self.typed.is_some() {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::SEE_OTHER
        }
    }

    fn error_response(&self) -> HttpResponse {
        if self.by_script {
            // A script would put the sign-in into the middle of the page.
            let mut response = layout::with_headers(HttpResponse::Unauthorized());
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"herald\""));
            response.insert_header(("hx-redirect", self.path.as_str()));
            return response.finish();
        }
        match &self.typed {
            Some(typed) => sign_in::again(typed),
            None => layout::go_to(self.path.as_str()).finish(),
        }
    }
}

/// What is wrong with a parameter of the address; none: the fault is not of one.
fn of_parameter(fault: &Fault) -> Option<String> {
    let name = fault.pointer.strip_prefix('?')?;
    let detail = fault.detail.trim_end_matches('.');
    Some(
        if detail.starts_with("is ") || detail.starts_with("must ") {
            format!("The parameter {name} {detail}.")
        } else {
            format!("The parameter {name} is not valid: {detail}.")
        },
    )
}

/// Why a page cannot be shown, or a form was not taken.
#[derive(Debug, Clone)]
pub(in crate::http) struct Trouble {
    problem: ProblemDetails,
    /// Where the form is that was not taken, with what was typed.
    form: Option<Box<str>>,
}

impl Trouble {
    /// With the address of the form that was not taken.
    #[must_use]
    pub(super) fn with_form(mut self, address: String) -> Self {
        self.form = Some(address.into());
        self
    }
}

impl From<ProblemDetails> for Trouble {
    fn from(problem: ProblemDetails) -> Self {
        Self {
            problem: wording::problem(problem),
            form: None,
        }
    }
}

impl<T> From<T> for Trouble
where
    Refusal: From<T>,
{
    fn from(why: T) -> Self {
        ProblemDetails::from(why).into()
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl ResponseError for Trouble {
    fn status_code(&self) -> StatusCode {
        self.problem.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let problem = &self.problem;
        let signed_out = problem.kind() == ProblemKind::Unauthorized;
        let faults = problem.faults();
        let wrong_link = faults.first().and_then(of_parameter);
        let form = html! {
            @if faults.len() > 1 {
                ul {
                    @for fault in faults {
                        li {
                            @match of_parameter(fault) {
                                Some(sentence) => (sentence),
                                None => { code { (fault.pointer.trim_start_matches('/')) } " " (fault.detail) }
                            }
                        }
                    }
                }
            }
            p {
                @if signed_out { a class="button primary" href="/sign-in" { "Sign in" } }
                @else if let Some(form) = &self.form {
                    a class="button primary" href=(form) { "Back to what you typed" }
                }
                @else { a class="button" href="/" { "Go to the overview" } }
            }
        };
        let title = match problem.kind() {
            ProblemKind::NotFound => "There is nothing here",
            ProblemKind::Unauthorized => "Your session has ended",
            ProblemKind::Malformed if wrong_link.is_some() => "This link is not valid",
            _ => problem.title(),
        };
        let sentence = match wrong_link {
            Some(sentence) if faults.len() == 1 => sentence,
            _ => problem.to_string(),
        };
        let shown = if signed_out {
            ProblemDetails::new(
                ProblemKind::Unauthorized,
                "Sign in again; nothing was changed.",
            )
        } else if self.form.is_some() {
            let sentence = "This form is from a session that has ended. Nothing was saved.";
            ProblemDetails::new(ProblemKind::Forbidden, sentence)
        } else {
            ProblemDetails::new(problem.kind(), sentence)
        };
        layout::refused(&shown.waiting_as(problem), title, &form)
    }
}
