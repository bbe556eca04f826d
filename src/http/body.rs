//! Reading bodies: bounded in size and time, and small ones as JSON objects.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Semaphore;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::problem::{Kind, Problem};
use super::server::Shared;

/// Upper bound of the body of everything but events.
const MAX_OBJECT: usize = 1 << 20;
/// How long a body may take where nothing else is said.
const LONGEST: Duration = Duration::from_secs(60);

/// Bodies of at least this many bytes share a bounded room while they are read.
const LARGE: usize = 1 << 18;
/// How many times `LARGE` that room is.
const LARGE_UNITS: u32 = 256;
static LARGE_ROOM: Semaphore = Semaphore::const_new(LARGE_UNITS as usize);

/// Reads a body of at most `limit` bytes. What came with the head in one piece is not copied.
///
/// # Errors
/// Too large, too slow, broken off, or compressed.
pub(super) async fn read(
    request: &HttpRequest,
    mut payload: Payload,
    limit: usize,
) -> Result<Bytes, Problem> {
    if let Some(encoding) = request.headers().get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let detail = "Content-Encoding is not supported: send the body as it is.";
        return Err(Problem::new(Kind::Unsupported, detail));
    }
    let length = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let rules = request.app_data::<Data<Shared>>().map(|it| &it.rules);
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let first = match payload.next().now_or_never() {
        Some(None) => return Ok(Bytes::new()),
        Some(Some(chunk)) => chunk.map_err(broken)?,
        None => Bytes::new(),
    };
    if length == Some(first.len()) {
        return Ok(first);
    }
    let rest = async {
        // Large bodies wait for each other: together they stay bounded.
        let expected = length.unwrap_or(limit);
        let units = u32::try_from(expected / LARGE)
            .unwrap_or(u32::MAX)
            .min(LARGE_UNITS);
        let _room = LARGE_ROOM.acquire_many(units).await;
        let mut body = BytesMut::with_capacity(length.unwrap_or(first.len()).min(limit));
        let mut chunk = first;
        let begin = Instant::now();
        loop {
            if body.len() + chunk.len() > limit {
                return Err(too_large(limit));
            }
            body.extend_from_slice(&chunk);
            let due = rules.map(|rules| begin + rules.pace().transfer(body.len() as u64));
            let next = match due {
                Some(due) => timeout_at(due, payload.next()).await.map_err(too_slow)?,
                None => payload.next().await,
            };
            match next {
                Some(next) => chunk = next.map_err(broken)?,
                None => return Ok(body.freeze()),
            }
        }
    };
    let bound = rules.map_or(LONGEST, |rules| rules.pace().body());
    match tokio::time::timeout(bound, rest).await {
        Ok(body) => body,
        Err(_elapsed) => Err(Problem::new(
            Kind::Timeout,
            format!("The body took longer than {} s.", bound.as_secs()),
        )),
    }
}

/// Reads the body of a call that takes a JSON object.
///
/// # Errors
/// As [`read`].
pub(super) async fn object(request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    read(request, payload, MAX_OBJECT).await
}

/// Reads the body of a batch, which may be as large as the operator permits.
///
/// # Errors
/// As [`read`].
pub(super) async fn batch(
    shared: &Shared,
    request: &HttpRequest,
    payload: Payload,
) -> Result<Bytes, Problem> {
    let limit = shared.rules.get().clients.body_bytes;
    read(request, payload, limit).await
}

fn too_slow(_elapsed: Elapsed) -> Problem {
    Problem::new(Kind::Timeout, "The body comes too slowly.")
}

fn too_large(limit: usize) -> Problem {
    Problem::new(
        Kind::TooLarge,
        format!("At most {} MiB are allowed.", limit >> 20),
    )
}

fn broken(error: actix_web::error::PayloadError) -> Problem {
    Problem::new(Kind::Malformed, format!("The body broke off: {error}."))
}
