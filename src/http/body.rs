//! Reading bodies: bounded in size and time, and small ones as JSON objects.

use std::future::poll_fn;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, Stream, StreamExt};
use serde::de::DeserializeSeed;
use serde_json::{Map, Value};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::keeping::Keeping;
use super::life::Life;
use super::malformed::MalformedPart;
use super::problem::{ProblemDetails, ProblemKind};
use super::room::{BodyShare, FREE, NoRoom, RoomOwner};
use super::shared::ServerContext;
use super::visitor::Visitor;
use crate::service::callers::Caller;
use crate::service::input::{Input, Object, ReadInput};
use crate::service::{Reason, Refusal};

/// Upper bound of the body of everything but events and public forms.
pub(super) const MAX_OBJECT: usize = 1 << 20;
/// Upper bound of the body of a form that everybody may send.
pub(super) const MAX_FORM: usize = 16 << 10;
/// How long a body may take where no setting applies.
const LONGEST: Duration = Duration::from_secs(60);

/// A whole body, or why there is none.
type BodyResult = Result<Bytes, ProblemDetails>;

/// A body as it comes.
pub(super) trait BodyChunks: Stream<Item = Result<Bytes, PayloadError>> + Unpin {}

impl<T: Stream<Item = Result<Bytes, PayloadError>> + Unpin> BodyChunks for T {}

/// Reads a body of at most `limit` bytes. What came with the head in one piece is not copied.
///
/// # Errors
/// Too large, too slow, broken off, compressed, or without room for it.
pub(super) async fn read(
    request: &HttpRequest,
    mut payload: impl BodyChunks,
    limit: usize,
) -> BodyResult {
    if let Some(encoding) = request.headers().get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let detail = "Content-Encoding is not supported: send the body as it is.";
        return Err(ProblemDetails::new(ProblemKind::Unsupported, detail));
    }
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let first = match payload.next().now_or_never() {
        Some(None) => return Ok(Bytes::new()),
        Some(Some(chunk)) => chunk.map_err(|error| broken(request, &error))?,
        None => Bytes::new(),
    };
    if length == Some(first.len()) {
        return Ok(first);
    }
    let reading = BodyReading::begin(request)?;
    let bound = reading.bound();
    // In a box: most bodies are there at once, and their handlers' futures stay small.
    let rest = Box::pin(reading.rest(payload, first, length, limit));
    match tokio::time::timeout(bound, rest).await {
        Ok(body) => body,
        Err(_elapsed) => {
            let detail = format!("The body took longer than {} s.", bound.as_secs());
            Err(ProblemDetails::new(ProblemKind::Timeout, detail))
        }
    }
}

/// Reads the fields of an input out of JSON. An empty body is an empty object.
///
/// # Errors
/// Broken JSON with line and column, or JSON that is not an object.
pub(super) fn begin<T: Input>(body: &[u8]) -> Result<ReadInput<T>, Refusal> {
    if let Some(kept) = T::KEPT {
        let mut json = serde_json::Deserializer::from_slice(body);
        let read = Keeping(kept).deserialize(&mut json);
        match read.and_then(|read| json.end().map(|()| read)) {
            Ok((map, raw)) => return Ok(T::begin_object(Object::keeping(map, kept, raw))),
            Err(error) if !error.is_data() && !body.is_empty() => return Err(broken_json(&error)),
            // It is empty or no object, which is noticed below.
            Err(_no_object) => {}
        }
    }
    T::begin(json(body)?)
}

/// Reads JSON. An empty body is an empty object.
///
/// # Errors
/// It is broken, with line and column.
pub(super) fn json(body: &[u8]) -> Result<Value, Refusal> {
    match body {
        [] => Ok(Value::Object(Map::new())),
        _ => serde_json::from_slice(body).map_err(|error| broken_json(&error)),
    }
}

fn broken_json(error: &serde_json::Error) -> Refusal {
    // serde_json ends its message with the line and the column.
    Refusal::new(Reason::Malformed, format!("Broken JSON: {error}."))
}

/// The lines of a batch of at most `most`, with their numbers from 1; blank ones count and are left
/// out. `one` and `many` are what they hold.
///
/// # Errors
/// There is none, or there are too many.
pub(super) fn lines<'a>(
    body: &'a [u8],
    most: usize,
    (one, many): (&str, &str),
) -> Result<Vec<(usize, &'a [u8])>, Refusal> {
    let lines: Vec<(usize, &[u8])> = (1..)
        .zip(body.split(|byte| *byte == b'\n'))
        .map(|(number, line)| (number, line.strip_suffix(b"\r").unwrap_or(line)))
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .take(most + 1)
        .collect();
    let detail = match lines.len() {
        0 => format!("The batch holds no {one}."),
        length if length > most => format!("A batch holds at most {most} {many}."),
        _ => return Ok(lines),
    };
    Err(Refusal::new(Reason::Invalid, detail))
}

/// Refuses what is larger than `limit` bytes.
pub(super) fn bounded(body: &[u8], limit: usize) -> Result<(), Refusal> {
    if body.len() <= limit {
        return Ok(());
    }
    Err(Refusal::new(Reason::TooLarge, at_most(limit)))
}

/// Reads the body of a form that everybody may send.
///
/// # Errors
/// As [`read`].
pub(super) async fn public_form(request: &HttpRequest, payload: impl BodyChunks) -> BodyResult {
    read(request, payload, MAX_FORM).await
}

/// Reads the body of a batch, which may be as large as the operator permits.
///
/// # Errors
/// As [`read`].
pub(super) async fn batch(
    shared: &ServerContext,
    request: &HttpRequest,
    payload: impl BodyChunks,
) -> BodyResult {
    let limit = shared.rules.get().clients.body_bytes;
    read(request, payload, limit).await
}

/// A body that did not come at once. Its connection may be sent away until it is there.
struct BodyReading<'a> {
    request: &'a HttpRequest,
    shared: Option<&'a ServerContext>,
    life: Option<&'a Arc<Life>>,
}

impl<'a> BodyReading<'a> {
    fn begin(request: &'a HttpRequest) -> Result<Self, ProblemDetails> {
        let reading = Self {
            request,
            shared: request.app_data::<Data<ServerContext>>().map(|it| &***it),
            life: request.conn_data::<Arc<Life>>(),
        };
        if let (Some(shared), Some(life)) = (reading.shared, reading.life) {
            if life.is_proxy() {
                let client = shared.sessions.site.client(request);
                shared.connections.carry(life, client, life.is_known())?;
            }
            life.reading(true);
        }
        Ok(reading)
    }

    /// How long it may take, however fast it comes.
    fn bound(&self) -> Duration {
        self.shared
            .map_or(LONGEST, |shared| shared.rules.pace().body())
    }

    async fn rest(
        &self,
        mut payload: impl BodyChunks,
        first: Bytes,
        length: Option<usize>,
        limit: usize,
    ) -> BodyResult {
        let pace = self.shared.map(|shared| shared.rules.pace());
        let mut share = self.share();
        let mut body = BytesMut::with_capacity(length.unwrap_or(first.len()).min(FREE));
        let mut chunk = first;
        // Without the time that it waited for room.
        let mut begun = Instant::now();
        loop {
            let bytes = body.len() + chunk.len();
            if bytes > limit {
                return Err(too_large(limit));
            }
            if let (Some(share), Some(shared)) = (&mut share, self.shared)
                && bytes > FREE
            {
                let largest = shared.rules.get().clients.body_bytes;
                let patience = shared.rules.pace().transfer(0);
                begun += share.grow(bytes, largest, patience).await.map_err(full)?;
            }
            body.extend_from_slice(&chunk);
            let next = poll_fn(|context| {
                if share.as_ref().is_some_and(BodyShare::is_lost) {
                    return Poll::Ready(Err(full(NoRoom::Lost)));
                }
                payload.poll_next_unpin(context).map(Ok)
            });
            let next = match pace {
                Some(pace) => {
                    let due = begun + pace.transfer(body.len() as u64);
                    timeout_at(due, next).await.map_err(too_slow)??
                }
                None => next.await?,
            };
            match next {
                Some(next) => chunk = next.map_err(|error| broken(self.request, &error))?,
                None => return Ok(body.freeze()),
            }
        }
    }

    fn share(&self) -> Option<BodyShare> {
        let shared = self.shared?;
        let extensions = self.request.extensions();
        let caller = extensions.get::<Caller>();
        let caller = caller.or_else(|| extensions.get::<Visitor>().map(|visitor| &visitor.0));
        let address = shared.sessions.site.client(self.request);
        let owner = RoomOwner {
            account: caller.and_then(|caller| caller.account),
            address: address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        };
        Some(shared.room.share(owner, self.life.cloned()))
    }
}

impl Drop for BodyReading<'_> {
    fn drop(&mut self) {
        if let Some(life) = self.life {
            life.reading(false);
        }
    }
}

fn too_slow(_elapsed: Elapsed) -> ProblemDetails {
    ProblemDetails::new(ProblemKind::Timeout, "The body comes too slowly.")
}

fn too_large(limit: usize) -> ProblemDetails {
    ProblemDetails::new(ProblemKind::TooLarge, at_most(limit))
}

fn at_most(limit: usize) -> String {
    match limit >> 20 {
        0 => format!("At most {} KiB are allowed.", limit >> 10),
        mebibytes => format!("At most {mebibytes} MiB are allowed."),
    }
}

fn full(why: NoRoom) -> ProblemDetails {
    let detail = match why {
        NoRoom::Waited => {
            "Bodies that are being sent take all of the room that this account, or this address, \
             may have: send fewer large ones at once, or smaller ones, and try again."
        }
        NoRoom::Lost => {
            "Others need the room that this body takes, and it took the longest: send smaller \
             ones, or faster, and try again."
        }
    };
    ProblemDetails::new(ProblemKind::Unavailable, detail)
}

/// A client that still sends has broken the rules; another one is gone.
fn broken(request: &HttpRequest, error: &PayloadError) -> ProblemDetails {
    if let Some(shared) = request.app_data::<Data<ServerContext>>()
        && let Some(life) = request.conn_data::<Arc<Life>>()
        && !life.has_ended()
    {
        shared.malformed.count(MalformedPart::Body);
    }
    ProblemDetails::new(
        ProblemKind::Malformed,
        format!("The body broke off: {error}."),
    )
}
