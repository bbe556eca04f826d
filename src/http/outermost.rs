//! What every answer gets, whatever made it: an id that the log has too, and headers that protect
//! it. What only the operator can mend is logged here, once.

use actix_web::body::EitherBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{Error, HttpRequest, HttpResponse};

use super::pages::Trouble;
use super::problem::Problem;
use crate::domain::id::RequestId;
use crate::service::Cause;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Finishes an answer. A problem tells the id as well.
pub(super) fn finish<B>(answer: ServiceResponse<B>) -> ServiceResponse<EitherBody<B>> {
    let id = RequestId::fresh();
    let (request, response) = answer.into_parts();
    let problem = response.error().and_then(|error| {
        let problem = log(error, id, Some(&request));
        problem.map(|problem| problem.answer(Some(id)))
    });
    let mut response = match problem {
        Some(problem) => problem.map_into_right_body(),
        None => response.map_into_left_body(),
    };
    let of_api = request.path().starts_with("/v1");
    let unkept = of_api || response.status().as_u16() >= 400;
    protect(response.headers_mut(), id, unkept);
    ServiceResponse::new(request, response)
}

/// Makes the answer of an error that no handler has seen.
pub(super) fn finish_error(error: &Error) -> HttpResponse {
    let id = RequestId::fresh();
    let mut answer = match log(error, id, None) {
        Some(problem) => problem.answer(Some(id)),
        None => error.error_response(),
    };
    protect(answer.headers_mut(), id, true);
    answer
}

/// Logs the cause that the operator must know, and finds the problem that an error is.
fn log<'e>(error: &'e Error, id: RequestId, request: Option<&HttpRequest>) -> Option<&'e Problem> {
    let problem = error.as_error::<Problem>();
    let trouble = error.as_error::<Trouble>();
    let cause = problem
        .or_else(|| Some(trouble?.problem()))
        .and_then(Problem::cause);
    let path = request.map_or("", |request| request.path());
    match cause {
        Some(Cause::Fault(error)) => {
            tracing::error!(request_id = %id, %path, %error, "a request failed");
        }
        Some(Cause::Full(error)) => {
            tracing::warn!(request_id = %id, %path, %error, "a request could not be served");
        }
        Some(Cause::Away(error)) => {
            tracing::debug!(
                request_id = %id, %path, %error,
                "a request was refused because the database is away"
            );
        }
        None => {}
    }
    problem
}

/// No answer is taken for another type than it says, and what the API or an error says is kept
/// nowhere.
fn protect(headers: &mut HeaderMap, id: RequestId, unkept: bool) {
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if unkept && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
