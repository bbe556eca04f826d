//! What a page takes out of a request's address.

use std::fmt::Display;
use std::str::FromStr;

use actix_web::HttpRequest;

use super::problem::{Kind, Problem};

/// A variable part of the path, as `T` reads it. What cannot be read is not there.
pub(super) fn part<T: FromStr<Err: Display>>(
    request: &HttpRequest,
    name: &str,
) -> Result<T, Problem> {
    let text = request.match_info().get(name).unwrap_or_default();
    text.parse()
        .map_err(|error: T::Err| Problem::new(Kind::NotFound, format!("Not found: {error}.")))
}
