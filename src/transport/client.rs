//! One HTTP request to a target, within one deadline, with a bounded answer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_http::error::ParseError;
use awc::error::{ConnectError, PayloadError, SendRequestError};
use awc::http::header::{HeaderMap, HeaderName, HeaderValue};
use awc::http::{Uri, header};
use bytes::Bytes;
use futures_util::StreamExt;
use rustls::ClientConfig;

use super::connector::{PROGRESS, Progress, guarded};
use super::failure::{Failure, Phase, io_words};
use super::tls::refused;
use crate::config::Live;
use crate::domain::address::AddressRules;

/// Bytes of an answer's body that are read; the connection of a longer one is closed.
const EXCERPT: usize = 16 * 1024;
/// Bytes of an answer's headers that are kept.
const HEAD: usize = 8 * 1024;
/// A client that was idle for so long is built anew: its pool never forgets a target.
const IDLE: Duration = Duration::from_secs(120);
const USER_AGENT: &str = concat!("Herald/", env!("CARGO_PKG_VERSION"));

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const WEBHOOK_TEST: HeaderName = HeaderName::from_static("webhook-test");

/// Where a subscription delivers, parsed once.
#[derive(Debug, Clone)]
pub struct Endpoint {
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Endpoint {
    /// Takes over a URL and the subscription's own headers, both checked before.
    ///
    /// # Errors
    /// In words, when one of them cannot be sent after all.
    pub fn new<'a>(
        url: &str,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, String> {
        let uri = url
            .parse::<Uri>()
            .map_err(|error| format!("the URL: {error}"))?;
        let headers = headers
            .map(|(name, value)| {
                let bad = |error: &dyn std::fmt::Display| format!("header {name}: {error}");
                Ok((
                    name.parse::<HeaderName>().map_err(|error| bad(&error))?,
                    value.parse::<HeaderValue>().map_err(|error| bad(&error))?,
                ))
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { uri, headers })
    }
}

/// What is to be sent.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// Where to.
    pub endpoint: &'a Endpoint,
    /// The event's id, the same for every attempt.
    pub id: &'a str,
    /// Seconds since 1970, of this attempt.
    pub timestamp: i64,
    /// `v1,…`, one for each live secret.
    pub signature: String,
    /// The bytes.
    pub body: Bytes,
    /// What the bytes are; None: JSON.
    pub content_type: Option<&'a str>,
    /// Header fields for this request alone; they take the place of the subscription's own.
    pub headers: &'a [(String, String)],
    /// Somebody tries the target out.
    pub test: bool,
    /// The bound of the whole request.
    pub timeout: Duration,
}

/// Milliseconds are too coarse for a healthy target, so these are durations.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    /// Looking the host up; zero on a kept connection.
    pub resolve: Duration,
    /// Connecting; zero on a kept connection.
    pub connect: Duration,
    /// From then to the head of the answer.
    pub first_byte: Duration,
    /// Reading the body.
    pub body: Duration,
}

/// What the target answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields, at most 8 KiB of them.
    pub head: HeaderMap,
    /// The first 16 KiB of the body.
    pub body: Vec<u8>,
    /// There was more of the body.
    pub truncated: bool,
}

/// One request's end.
#[derive(Debug)]
pub struct Exchange {
    /// The answer, or why there is none.
    pub answer: Result<Answer, Failure>,
    /// How long each phase took.
    pub phases: Phases,
    /// From begin to end.
    pub duration: Duration,
}

/// A client of one thread. Its pool of connections is the thread's own.
pub struct Client {
    rules: Arc<Live<AddressRules>>,
    /// Those that the kept connections were judged by.
    judged_by: RefCell<Arc<AddressRules>>,
    tls: Arc<ClientConfig>,
    inner: RefCell<awc::Client>,
    used: Cell<Instant>,
}

impl Client {
    /// A client that reaches only what `rules` permit.
    #[must_use]
    pub fn new(rules: Arc<Live<AddressRules>>, tls: Arc<ClientConfig>) -> Self {
        let inner = RefCell::new(build(&rules, &tls));
        Self {
            judged_by: RefCell::new(rules.get()),
            rules,
            tls,
            inner,
            used: Cell::new(Instant::now()),
        }
    }

    /// Sends one request and reads the answer.
    pub async fn deliver(&self, delivery: Delivery<'_>) -> Exchange {
        let begin = Instant::now();
        let unused = begin.duration_since(self.used.replace(begin)) > IDLE;
        // A kept connection may lead where the rules of now permit nothing.
        let rules = self.rules.get();
        let are_others = !Arc::ptr_eq(&rules, &self.judged_by.borrow());
        if are_others {
            self.judged_by.replace(rules);
        }
        if unused || are_others {
            self.inner.replace(build(&self.rules, &self.tls));
        }
        let progress = Rc::new(Progress::default());
        let answered = Cell::new(None);
        let timeout = delivery.timeout;
        let request = self.send(delivery, &answered);
        let bounded = tokio::time::timeout(timeout, PROGRESS.scope(Rc::clone(&progress), request));
        let answer = bounded.await.unwrap_or_else(|_elapsed| {
            let phase = match (answered.get(), progress.phase.get()) {
                (Some(_), _) => Phase::Body,
                (None, Some(phase)) => phase,
                (None, None) => Phase::FirstByte,
            };
            Err(Failure::Timeout {
                phase,
                after: timeout,
            })
        });
        let duration = begin.elapsed();
        let (resolve, connect) = (progress.resolve.get(), progress.connect.get());
        let head_at = answered.get().unwrap_or(duration);
        let phases = Phases {
            resolve,
            connect,
            first_byte: head_at.saturating_sub(resolve + connect),
            body: duration.saturating_sub(head_at),
        };
        Exchange {
            answer,
            phases,
            duration,
        }
    }

    async fn send(
        &self,
        delivery: Delivery<'_>,
        answered: &Cell<Option<Duration>>,
    ) -> Result<Answer, Failure> {
        let begin = Instant::now();
        let mut request = self
            .inner
            .borrow()
            .post(delivery.endpoint.uri.clone())
            .no_decompress()
            .insert_header((header::USER_AGENT, HeaderValue::from_static(USER_AGENT)))
            .insert_header((
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            ))
            .insert_header((WEBHOOK_ID, delivery.id))
            .insert_header((WEBHOOK_TIMESTAMP, delivery.timestamp))
            .insert_header((WEBHOOK_SIGNATURE, delivery.signature));
        if delivery.test {
            request = request.insert_header((WEBHOOK_TEST, HeaderValue::from_static("true")));
        }
        for (name, value) in &delivery.endpoint.headers {
            request = request.insert_header((name.clone(), value.clone()));
        }
        if let Some(content_type) = delivery.content_type {
            request = request.insert_header((header::CONTENT_TYPE, content_type));
        }
        for (name, value) in delivery.headers {
            request = request.insert_header((name.as_str(), value.as_str()));
        }
        let mut response = request
            .send_body(delivery.body)
            .await
            .map_err(send_failure)?;
        answered.set(Some(begin.elapsed()));
        let mut body = Vec::new();
        let mut truncated = false;
        while let Some(chunk) = response.next().await {
            let chunk = chunk.map_err(body_failure)?;
            let room = EXCERPT - body.len();
            if chunk.len() > room {
                body.extend_from_slice(chunk.get(..room).unwrap_or_default());
                truncated = true;
                break;
            }
            body.extend_from_slice(&chunk);
        }
        // awc takes a connection that closes before the promised length for the body's end.
        let received = u64::try_from(body.len()).unwrap_or(u64::MAX);
        if let Some(announced) = promised(response.headers())
            && !truncated
            && announced > received
        {
            return Err(Failure::CutShort {
                received,
                announced,
            });
        }
        Ok(Answer {
            status: response.status().as_u16(),
            head: bounded_head(response.headers()),
            body,
            truncated,
        })
    }
}

fn build(rules: &Arc<Live<AddressRules>>, tls: &Arc<ClientConfig>) -> awc::Client {
    // Every bound of awc is opened: Herald's own deadline is the only one, and its own limits
    // count what is under way.
    let forever = Duration::from_secs(24 * 3600);
    let connector = awc::Connector::new()
        .connector(guarded(Arc::clone(rules)))
        .rustls_0_23(Arc::clone(tls))
        .timeout(forever)
        .handshake_timeout(forever)
        .conn_keep_alive(Duration::from_secs(50))
        .conn_lifetime(Duration::from_secs(600))
        .limit(0);
    awc::Client::builder()
        .connector(connector)
        .disable_redirects()
        .disable_timeout()
        .no_default_headers()
        .finish()
}

/// The length of the body that the head promises.
fn promised(head: &HeaderMap) -> Option<u64> {
    let length = head.get(header::CONTENT_LENGTH)?.to_str().ok()?;
    length.parse().ok()
}

fn bounded_head(head: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    let mut size = 0;
    for (name, value) in head {
        size += name.as_str().len() + value.len();
        if size > HEAD {
            break;
        }
        kept.append(name.clone(), value.clone());
    }
    kept
}

fn send_failure(error: SendRequestError) -> Failure {
    match error {
        SendRequestError::Connect(error) => connect_failure(error),
        SendRequestError::Send(error) | SendRequestError::Response(ParseError::Io(error)) => {
            Failure::of_io(error, Failure::before_the_answer)
        }
        SendRequestError::Response(error) => Failure::Malformed {
            detail: error.to_string(),
        },
        other => Failure::Closed {
            detail: other.to_string(),
        },
    }
}

fn connect_failure(error: ConnectError) -> Failure {
    let closed = |detail| Failure::Closed { detail };
    match error {
        ConnectError::Resolver(cause) => match cause.downcast::<Failure>() {
            Ok(failure) => *failure,
            Err(cause) => closed(cause.to_string()),
        },
        // Herald's own connector never answers with this, so it comes from the handshake.
        ConnectError::Io(cause) => Failure::Tls(refused(&cause, false)),
        ConnectError::Disconnected => closed("disconnected".to_owned()),
        other => closed(other.to_string()),
    }
}

fn body_failure(error: PayloadError) -> Failure {
    let cut_off = |error: &std::io::Error| Failure::CutOff {
        detail: io_words(error),
    };
    match error {
        PayloadError::Io(error) => Failure::of_io(error, cut_off),
        PayloadError::Incomplete(_) => Failure::CutInChunks,
        other => Failure::BadChunk {
            detail: other.to_string(),
        },
    }
}
