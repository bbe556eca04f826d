//! The header `Idempotency-Key`.

use actix_web::HttpRequest;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::operation::{OperationDescription, Takes};
use super::problem::{Fault, ProblemDetails};
use crate::service::making::RequestKey;

const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Upper bound of a key, in characters.
pub(super) const MAX_KEY: usize = 255;

/// The header, as the API's document describes it.
pub(super) struct KeyHeader;

/// The key that came with a request, without its quotes.
///
/// # Errors
/// There are several, or it is not a key.
pub(super) fn key(request: &HttpRequest) -> Result<Option<&str>, ProblemDetails> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let wrong = |detail: String| {
        Err(ProblemDetails::query(vec![Fault::new(
            "Idempotency-Key",
            detail,
        )]))
    };
    if values.next().is_some() {
        return wrong("is given more than once".to_owned());
    }
    let bytes = value.as_bytes().trim_ascii();
    let quoted = bytes.strip_prefix(b"\"");
    let quoted = quoted.and_then(|rest| rest.strip_suffix(b"\""));
    let key = quoted.unwrap_or(bytes);
    let is_visible = |byte: &u8| (0x21..=0x7e).contains(byte) && *byte != b'"';
    let visible = key.iter().all(is_visible);
    match std::str::from_utf8(key) {
        Ok(key) if visible && (1..=MAX_KEY).contains(&key.len()) => Ok(Some(key)),
        _ => wrong(format!(
            "must have 1 to {MAX_KEY} visible ASCII characters, quoted or bare"
        )),
    }
}

/// The key of a request with this body. Where its path names a thing, that belongs to the request.
///
/// # Errors
/// As [`key`].
pub(super) fn request_key(
    request: &HttpRequest,
    body: &[u8],
) -> Result<Option<RequestKey>, ProblemDetails> {
    let mut hash = Sha256::new();
    if !request.match_info().is_empty() {
        hash.update([request.path().as_bytes(), b"\n"].concat());
    }
    let body_hash = hash.chain_update(body).finalize().into();
    Ok(key(request)?.map(|key| RequestKey {
        key: key.to_owned(),
        body_hash,
    }))
}

impl Takes for KeyHeader {
    fn describe(described: &mut OperationDescription) {
        described.parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Within 24 hours the same key with the same body makes nothing new: it \
                            is answered with what the first request made, without its secrets. \
                            With another body or path it is refused. Quoted or bare.",
            "schema": {
                "type": "string", "minLength": 1, "maxLength": MAX_KEY,
                "pattern": "^[!#-~]+$", "example": "order-17-created",
            },
        }));
        described.refusals.extend([409, 422, 429]);
    }
}
