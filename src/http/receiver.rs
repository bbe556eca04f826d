//! The server of `herald receive`: takes deliveries, verifies their signatures, keeps a ledger
//! and fails on purpose. What is printed about them is the command's business.

use std::fs::File;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServerHandle;
use actix_web::http::header::{HeaderMap, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::domain::secret::Secret;
use crate::domain::signature;
use crate::store::clock::DatabaseClock;

/// The largest body that is taken, in bytes: twice what an event may have, for plugins.
const MAX_BODY: usize = 2 * 1024 * 1024;
/// How far a timestamp may be from the receiver's clock, in seconds (Standard Webhooks 1.0).
const TOLERANCE: i64 = 300;

/// How the receiver fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiverFailure {
    /// It answers with this status.
    Status(StatusCode),
    /// It never answers; the sender has to close the connection.
    Hang,
    /// It breaks the connection (TCP RST) after it has read the request.
    Reset,
}

/// Why a text names no failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use a status from 300 to 599, `hang` or `reset`")]
pub struct UnknownFailure;

impl FromStr for ReceiverFailure {
    type Err = UnknownFailure;

    fn from_str(text: &str) -> Result<Self, UnknownFailure> {
        match text {
            "hang" => Ok(Self::Hang),
            "reset" => Ok(Self::Reset),
            _ => {
                let status = text.parse().ok().filter(|code| (300..600).contains(code));
                let status = status.and_then(|code| StatusCode::from_u16(code).ok());
                status.map(Self::Status).ok_or(UnknownFailure)
            }
        }
    }
}

/// What a signature came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureVerdict {
    /// One of the secrets verifies it.
    Ok,
    /// None does, or it is too old.
    Bad,
    /// There is no signature, or no secret to verify it with.
    None,
}

/// How the receiver behaves.
pub struct Settings {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Any of these may have signed. None: signatures are not looked at.
    pub secrets: Vec<Secret>,
    /// How it fails, and for which share of the good requests (0.0 to 1.0).
    pub failure: Option<(ReceiverFailure, f64)>,
    /// The same seed fails the same requests of a sequence.
    pub seed: u64,
    /// Seconds that `Retry-After` has with each injected status.
    pub retry_after: Option<u32>,
    /// How long each answer waits.
    pub delay: Duration,
    /// One line for each good request, written before it is answered. Opened for appending.
    pub ledger: Option<File>,
    /// Called for each request, before it is answered.
    pub observer: Box<dyn Fn(&Received<'_>) + Send + Sync>,
}

/// One request, as the observer sees it.
#[derive(Debug)]
pub struct Received<'a> {
    /// When it was read to its end.
    pub at: DateTime<Utc>,
    /// Its path.
    pub path: &'a str,
    /// Its `webhook-id`, if it has one.
    pub id: Option<&'a str>,
    /// Its body as it came.
    pub body: &'a [u8],
    /// What its signature came to.
    pub signature: SignatureVerdict,
    /// Its answer: a status, `hang` or `reset`.
    pub answer: &'a str,
}

/// What was received so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ReceiverCounts {
    /// Requests read to their end.
    pub received: u64,
    /// Those that one of the secrets verified.
    pub verified: u64,
    /// Those with a signature that no secret verified.
    pub bad_signature: u64,
    /// Those without a signature, or that there was no secret for.
    pub unsigned: u64,
    /// Those answered with 2xx.
    pub accepted: u64,
    /// Those that were failed on purpose.
    pub failed_on_purpose: u64,
    /// Bytes of all bodies.
    pub bytes: u64,
}

/// A receiver at work. Dropping it does not stop it.
pub struct Receiver {
    address: SocketAddr,
    handle: ServerHandle,
    state: Arc<ReceiverState>,
}

impl Receiver {
    /// Starts a receiver on the running actix system.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let listen = settings.listen;
        let resets = matches!(settings.failure, Some((ReceiverFailure::Reset, _)));
        let state = Arc::new(ReceiverState {
            live: Mutex::new(ReceiverLive {
                counts: ReceiverCounts::default(),
                dice: StdRng::seed_from_u64(settings.seed),
            }),
            clock: DatabaseClock::new(),
            settings,
        });
        let shared = Arc::clone(&state);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::PayloadConfig::new(MAX_BODY))
                .app_data(web::Data::from(Arc::clone(&shared)))
                .default_service(web::to(receive))
        })
        .workers(1)
        .disable_signals()
        // A sender that hangs up ends a request that is never answered.
        .h1_allow_half_closed(false)
        .on_connect(move |connection, data| {
            if resets
                && let Some(stream) = connection.downcast_ref::<actix_web::rt::net::TcpStream>()
                && let Ok(twin) = Twin::of(stream)
            {
                data.insert(twin);
            }
        })
        .bind(listen)?;
        let address = server.addrs().first().copied().unwrap_or(listen);
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Ok(Self {
            address,
            handle,
            state,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was received so far.
    #[must_use]
    pub fn counts(&self) -> ReceiverCounts {
        self.state.live().counts
    }

    /// Stops it; what hangs is cut off. Returns the counts of all that was received.
    pub async fn stop(self) -> ReceiverCounts {
        self.handle.stop(false).await;
        self.counts()
    }
}

struct ReceiverState {
    settings: Settings,
    clock: DatabaseClock,
    live: Mutex<ReceiverLive>,
}

/// What changes with each request.
struct ReceiverLive {
    counts: ReceiverCounts,
    dice: StdRng,
}

/// The text of a header.
fn text<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl ReceiverState {
    fn live(&self) -> std::sync::MutexGuard<'_, ReceiverLive> {
        // A panic elsewhere leaves nothing half done in it.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> SignatureVerdict {
        let secrets = &self.settings.secrets;
        let signatures = text(headers, "webhook-signature");
        let Some(signatures) = signatures.filter(|_| !secrets.is_empty()) else {
            return SignatureVerdict::None;
        };
        let id = text(headers, "webhook-id").unwrap_or_default();
        let timestamp = text(headers, "webhook-timestamp").unwrap_or_default();
        let now = now.timestamp();
        match signature::verify(secrets, id, timestamp, signatures, body, now, TOLERANCE) {
            Ok(()) => SignatureVerdict::Ok,
            Err(_) => SignatureVerdict::Bad,
        }
    }
}

impl ReceiverLive {
    /// Counts a request and decides whether it is failed.
    fn count(
        &mut self,
        settings: &Settings,
        verdict: SignatureVerdict,
        bytes: usize,
    ) -> ReceiverAnswer {
        let counts = &mut self.counts;
        counts.received += 1;
        counts.bytes += bytes as u64;
        match verdict {
            SignatureVerdict::Ok => counts.verified += 1,
            SignatureVerdict::Bad => counts.bad_signature += 1,
            SignatureVerdict::None => counts.unsigned += 1,
        }
        if verdict != SignatureVerdict::Ok && !settings.secrets.is_empty() {
            return ReceiverAnswer::Refused;
        }
        match settings.failure {
            Some((failure, rate)) if self.dice.random_bool(rate) => {
                counts.failed_on_purpose += 1;
                ReceiverAnswer::Failed(failure)
            }
            _ => {
                counts.accepted += 1;
                ReceiverAnswer::Accepted
            }
        }
    }
}

#[derive(Clone, Copy)]
enum ReceiverAnswer {
    Accepted,
    Refused,
    Failed(ReceiverFailure),
}

impl ReceiverAnswer {
    fn as_str(&self) -> &str {
        match self {
            Self::Accepted => "200",
            Self::Refused => "401",
            Self::Failed(ReceiverFailure::Status(status)) => status.as_str(),
            Self::Failed(ReceiverFailure::Hang) => "hang",
            Self::Failed(ReceiverFailure::Reset) => "reset",
        }
    }
}

async fn receive(
    request: HttpRequest,
    state: web::Data<ReceiverState>,
    body: Bytes,
) -> HttpResponse {
    if request.method() == Method::GET && request.path() == "/" {
        let counts = state.live().counts;
        return HttpResponse::Ok().json(counts);
    }
    let at = state.clock.now();
    let verdict = state.judge(request.headers(), &body, at);
    let answer = {
        let mut live = state.live();
        let answer = live.count(&state.settings, verdict, body.len());
        if !matches!(answer, ReceiverAnswer::Refused)
            && let Some(mut file) = state.settings.ledger.as_ref()
        {
            // One write for each line: it is in the kernel before the sender hears of it, and
            // O_APPEND keeps lines whole. Waiting for a file is what the ledger is for.
            if let Err(error) = file.write_all(ledger_line(&request, &body, answer).as_bytes()) {
                tracing::error!(%error, "the ledger cannot be written: answering 500");
                return HttpResponse::InternalServerError().finish();
            }
        }
        answer
    };
    (state.settings.observer)(&Received {
        at,
        path: request.path(),
        id: text(request.headers(), "webhook-id"),
        body: &body,
        signature: verdict,
        answer: answer.as_str(),
    });
    if !state.settings.delay.is_zero() {
        actix_web::rt::time::sleep(state.settings.delay).await;
    }
    match answer {
        ReceiverAnswer::Accepted => HttpResponse::Ok().finish(),
        ReceiverAnswer::Refused => HttpResponse::Unauthorized()
            .content_type("text/plain; charset=utf-8")
            .body("the signature is not of the secret given to `herald receive`\n"),
        ReceiverAnswer::Failed(ReceiverFailure::Status(status)) => {
            let mut response = HttpResponse::build(status);
            if let Some(seconds) = state.settings.retry_after {
                response.insert_header((RETRY_AFTER, seconds));
            }
            response.finish()
        }
        ReceiverAnswer::Failed(ReceiverFailure::Hang) => std::future::pending().await,
        ReceiverAnswer::Failed(ReceiverFailure::Reset) => {
            if let Some(twin) = request.conn_data::<Twin>()
                && let Err(error) = twin.reset_on_close()
            {
                tracing::warn!(%error, "the connection is closed without a reset");
            }
            HttpResponse::Ok().body(BoxBody::new(BrokenBody))
        }
    }
}

/// `<webhook-id> <path> <timestamp> <SHA-256 of the body in hex> <answer>`
fn ledger_line(request: &HttpRequest, body: &[u8], answer: ReceiverAnswer) -> String {
    let header = |name| {
        let text = text(request.headers(), name);
        let word = text.filter(|text| !text.is_empty() && !text.contains(' '));
        word.unwrap_or("-")
    };
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let (path, hash, answer) = (request.path(), Sha256::digest(body), answer.as_str());
    format!("{id} {path} {timestamp} {hash:x} {answer}\n")
}

/// A second handle of a connection's socket, since the server keeps the first to itself.
struct Twin(TcpStream);

impl Twin {
    fn of(stream: &actix_web::rt::net::TcpStream) -> io::Result<Self> {
        use std::os::fd::AsFd;
        Ok(Self(stream.as_fd().try_clone_to_owned()?.into()))
    }

    /// Makes the closing of the socket a reset instead of a goodbye.
    fn reset_on_close(&self) -> io::Result<()> {
        actix_web::rt::net::TcpStream::from_std(self.0.try_clone()?)?.set_zero_linger()
    }
}

/// A body that breaks before its first byte: the server then drops the connection, and with it
/// the head that it has not sent yet.
struct BrokenBody;

impl MessageBody for BrokenBody {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(1)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
    }
}
