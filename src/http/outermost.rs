//! What every answer gets, whatever made it: the id of its request, and headers that protect it.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::service::request;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Adds them. No answer is taken for another type than it says; one that is `unkept` is kept nowhere.
pub(super) fn add(headers: &mut HeaderMap, unkept: bool) {
    let id = request::id().map(|id| HeaderValue::try_from(id.to_string()));
    if let Some(Ok(id)) = id {
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
