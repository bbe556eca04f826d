//! One HTTP request to a target, within one deadline, with a bounded answer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_http::error::ParseError;
use awc::error::{ConnectError, SendRequestError};
use awc::http::header::{HeaderMap, HeaderName, HeaderValue};
use awc::http::{Uri, header};
use bytes::Bytes;
use futures_util::StreamExt;

use super::connector::guarded;
use super::failure::{Phase, RequestFailure};
use super::progress::{PROGRESS, RequestProgress};
use super::tls::TlsSettings;
use crate::config::Live;
use crate::domain::address::AddressRules;
use crate::domain::hops::{self, HopId};
use crate::domain::target::Target;

/// A client that was idle for so long is built again: its pool never forgets a target.
const IDLE: Duration = Duration::from_secs(120);
const USER_AGENT: &str = concat!("Herald/", env!("CARGO_PKG_VERSION"));

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const WEBHOOK_TEST: HeaderName = HeaderName::from_static("webhook-test");
const HERALD_HOPS: HeaderName = HeaderName::from_static(hops::HEADER);

/// Where a subscription delivers, parsed once.
#[derive(Debug, Clone)]
pub struct Endpoint {
    target: Arc<Target>,
    /// What awc's pool distinguishes connections by, and the path. It always begins with `http://`:
    /// the connector makes TLS. A user name, which is never sent, keeps the schemes apart.
    uri: Uri,
    host: HeaderValue,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What an event that began here says it came through.
    hops: HeaderValue,
}

impl Endpoint {
    /// Takes over a URL and the subscription's own headers, both checked before, and the id of the
    /// database.
    ///
    /// # Errors
    /// As text, when one of them cannot be sent after all.
    pub fn new<'a>(
        url: &str,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        hop: &HopId,
    ) -> Result<Self, String> {
        let bad = |error: &dyn std::fmt::Display| format!("the URL: {error}");
        let target = Target::parse(url).map_err(|error| bad(&error))?;
        let (host, url) = (target.host(), target.url());
        let user = if target.is_https() { "s@" } else { "" };
        let query = url.query().map_or_else(String::new, |it| format!("?{it}"));
        let uri = format!("http://{user}{host}:{}{}{query}", target.port(), url.path());
        let uri = uri.parse::<Uri>().map_err(|error| bad(&error))?;
        // The URL has no port where it is the scheme's own (RFC 9110, 7.2).
        let port = url.port().map_or_else(String::new, |it| format!(":{it}"));
        let host = HeaderValue::try_from(format!("{host}{port}")).map_err(|error| bad(&error))?;
        let headers = headers
            .map(|(name, value)| {
                let bad = |error: &dyn std::fmt::Display| format!("header {name}: {error}");
                Ok((
                    name.parse::<HeaderName>().map_err(|error| bad(&error))?,
                    value.parse::<HeaderValue>().map_err(|error| bad(&error))?,
                ))
            })
            .collect::<Result<_, String>>()?;
        let hops = hop.as_str().parse::<HeaderValue>();
        let hops = hops.map_err(|error| format!("the id of the database: {error}"))?;
        Ok(Self {
            target: Arc::new(target),
            uri,
            host,
            headers,
            hops,
        })
    }
}

/// What is to be sent.
#[derive(Debug)]
pub struct DeliveryRequest<'a> {
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
    /// The databases that the event came through, this one included; None: this one alone.
    pub hops: Option<&'a str>,
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
    /// Why the body did not come to its end, if it did not. A 2xx answer always comes to its end:
    /// else it is a failure.
    pub unfinished: Option<RequestFailure>,
}

/// One request's end.
#[derive(Debug)]
pub struct Exchange {
    /// The answer, or why there is none.
    pub answer: Result<Answer, RequestFailure>,
    /// How long each phase took.
    pub phases: Phases,
    /// From start to end.
    pub duration: Duration,
    /// A kept connection had ended before any byte of the answer, so the request was sent again
    /// over a fresh one.
    pub reconnected: bool,
}

/// A client of one thread. Its pool of connections is the thread's own.
pub struct Client {
    rules: Arc<Live<AddressRules>>,
    /// Those that the kept connections were judged by.
    judged_by: RefCell<Arc<AddressRules>>,
    tls: TlsSettings,
    inner: RefCell<awc::Client>,
    used: Cell<Instant>,
}

impl Client {
    /// A client that reaches only what `rules` permit.
    #[must_use]
    pub fn new(rules: Arc<Live<AddressRules>>, tls: TlsSettings) -> Self {
        let inner = RefCell::new(build(&rules, &tls));
        Self {
            judged_by: RefCell::new(rules.get()),
            rules,
            tls,
            inner,
            used: Cell::new(Instant::now()),
        }
    }

    /// A client whose connections come from somewhere else.
    #[cfg(test)]
    pub(super) fn over(
        inner: awc::Client,
        rules: Arc<Live<AddressRules>>,
        tls: TlsSettings,
    ) -> Self {
        let client = Self::new(rules, tls);
        client.inner.replace(inner);
        client
    }

    /// Sends one request and reads the answer.
    pub async fn deliver(&self, delivery: DeliveryRequest<'_>) -> Exchange {
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
        let progress = RequestProgress::towards(Arc::clone(&delivery.endpoint.target));
        let request = self.send(&delivery, &progress);
        let request = PROGRESS.scope(Rc::clone(&progress), request);
        let answer = tokio::time::timeout(delivery.timeout, request).await;
        let answer = answer.unwrap_or_else(|_elapsed| {
            let phase = match (&*progress.heard.borrow(), progress.phase.get()) {
                (Some(_), _) => Phase::Body,
                (None, Some(phase)) => phase,
                (None, None) => Phase::FirstByte,
            };
            Err(RequestFailure::Timeout {
                phase,
                after: delivery.timeout,
            })
        });
        let duration = begin.elapsed();
        let (resolve, connect) = (progress.resolve.get(), progress.connect.get());
        let head_at = progress.head_at.get().map(|at| at.duration_since(begin));
        let head_at = head_at.unwrap_or(duration);
        let phases = Phases {
            resolve,
            connect,
            first_byte: head_at.saturating_sub(resolve + connect),
            body: duration.saturating_sub(head_at),
        };
        Exchange {
            answer: answer.or_else(|failure| what_came(&progress, failure)),
            phases,
            duration,
            reconnected: progress.fresh.get(),
        }
    }

    async fn send(
        &self,
        delivery: &DeliveryRequest<'_>,
        progress: &RequestProgress,
    ) -> Result<Answer, RequestFailure> {
        let sent = self.try_once(delivery, progress).await;
        if !progress.stale.get() {
            return sent;
        }
        progress.fresh.set(true);
        self.try_once(delivery, progress).await
    }

    async fn try_once(
        &self,
        delivery: &DeliveryRequest<'_>,
        progress: &RequestProgress,
    ) -> Result<Answer, RequestFailure> {
        let endpoint = delivery.endpoint;
        let mut request = self
            .inner
            .borrow()
            .post(endpoint.uri.clone())
            .no_decompress()
            .insert_header((header::HOST, endpoint.host.clone()))
            .insert_header((header::USER_AGENT, HeaderValue::from_static(USER_AGENT)))
            .insert_header((
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            ))
            .insert_header((WEBHOOK_ID, delivery.id))
            .insert_header((WEBHOOK_TIMESTAMP, delivery.timestamp))
            .insert_header((WEBHOOK_SIGNATURE, delivery.signature.as_str()));
        if delivery.test {
            request = request.insert_header((WEBHOOK_TEST, HeaderValue::from_static("true")));
        }
        for (name, value) in &endpoint.headers {
            request = request.insert_header((name.clone(), value.clone()));
        }
        if let Some(content_type) = delivery.content_type {
            request = request.insert_header((header::CONTENT_TYPE, content_type));
        }
        for (name, value) in delivery.headers {
            request = request.insert_header((name.as_str(), value.as_str()));
        }
        request = match delivery.hops {
            None => request.insert_header((HERALD_HOPS, delivery.endpoint.hops.clone())),
            Some(hops) => request.insert_header((HERALD_HOPS, hops)),
        };
        let sent = request.send_body(delivery.body.clone()).await;
        let mut response = sent.map_err(send_failure)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.next().await {
            body.extend_from_slice(&chunk.map_err(|error| closed(&error))?);
        }
        let heard = progress.heard.take();
        let (head, truncated) = heard
            .map(|it| (it.fields, it.truncated))
            .unwrap_or_default();
        Ok(Answer {
            status: response.status().as_u16(),
            head,
            body,
            truncated,
            unfinished: None,
        })
    }
}

/// The answer of an exchange that failed. A success must come to its end; of all else the status
/// counts, whatever became of its body.
fn what_came(
    progress: &RequestProgress,
    failure: RequestFailure,
) -> Result<Answer, RequestFailure> {
    match progress.heard.take() {
        Some(heard) if !(200..300).contains(&heard.status) => Ok(Answer {
            status: heard.status,
            head: heard.fields,
            body: heard.partial,
            truncated: true,
            unfinished: Some(failure),
        }),
        _ => Err(failure),
    }
}

fn build(rules: &Arc<Live<AddressRules>>, tls: &TlsSettings) -> awc::Client {
    // Every bound of awc is opened: Herald's own deadline is the only one, and its own limits
    // count what is under way.
    let forever = Duration::from_secs(24 * 3600);
    let connector = awc::Connector::new()
        .connector(guarded(Arc::clone(rules), Arc::clone(tls)))
        .timeout(forever)
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

/// What the connector or the wire said: awc itself has nothing to complain of.
fn send_failure(error: SendRequestError) -> RequestFailure {
    match error {
        SendRequestError::Connect(ConnectError::Resolver(cause)) => match cause.downcast() {
            Ok(failure) => *failure,
            Err(cause) => closed(&*cause),
        },
        SendRequestError::Send(error) | SendRequestError::Response(ParseError::Io(error)) => {
            RequestFailure::of_io(error, RequestFailure::before_the_answer)
        }
        other => closed(&other),
    }
}

fn closed(cause: &dyn std::error::Error) -> RequestFailure {
    RequestFailure::Closed {
        detail: cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_has_a_port_that_is_not_the_scheme_s_own_and_the_pool_tells_schemes_apart() {
        for (url, host, uri) in [
            (
                "http://127.0.0.3:443/x?a=b",
                "127.0.0.3:443",
                "http://127.0.0.3:443/x?a=b",
            ),
            (
                "http://shop.example",
                "shop.example",
                "http://shop.example:80/",
            ),
            (
                "https://shop.example/",
                "shop.example",
                "http://s@shop.example:443/",
            ),
            (
                "https://shop.example:80/",
                "shop.example:80",
                "http://s@shop.example:80/",
            ),
            (
                "https://[2001:DB8::1]:8443/",
                "[2001:db8::1]:8443",
                "http://s@[2001:db8::1]:8443/",
            ),
        ] {
            let hop = HopId::stored("a".to_owned());
            let endpoint = Endpoint::new(url, std::iter::empty(), &hop).unwrap();
            assert_eq!(endpoint.host, host, "{url}");
            assert_eq!(endpoint.uri.to_string(), uri, "{url}");
        }
    }
}
