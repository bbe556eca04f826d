//! Three readers of one script: hyper's client, Herald's client over the wire, and the wire's
//! reading of an answer alone. Each says what it saw.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_service::fn_service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;
use bytes::Bytes;
use hyper::body::Body;

use super::script::{End, Line, Script};
use crate::config::Live;
use crate::domain::address::AddressRules;
use crate::domain::hops::HopId;
use crate::transport::client::{Client, DeliveryRequest, Endpoint, Exchange};
use crate::transport::tls::tls_settings;
use crate::transport::wire::answer::{self, Reading};
use crate::transport::wire::{Idle, Wire};

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Whole,
    /// More than 16 KiB of body came.
    Longer,
    Broken,
    /// More would have to come, and does not.
    Waiting,
}

/// What a reader saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// None: there was no answer.
    pub(super) status: Option<u16>,
    pub(super) fields: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    pub(super) ended: Ended,
    /// Another request may follow on the connection.
    pub(super) reusable: bool,
}

impl Seen {
    pub(super) fn nothing(ended: Ended) -> Self {
        Self {
            status: None,
            fields: Vec::new(),
            body: Vec::new(),
            ended,
            reusable: false,
        }
    }
}

/// Polls until nothing changes any more: a line wakes nobody.
fn settled<F: Future>(rounds: usize, mut future: Pin<&mut F>) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..rounds {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}

/// More polls than any reader needs for a script.
fn rounds(script: &Script) -> usize {
    // A piece is waited for once, and read in parts of 8 KiB or what the reader has room for.
    2 * script.pieces.len() + script.bytes().len() / 1_000 + 20
}

/// hyper's client.
pub(super) fn by_hyper(script: &Script) -> Seen {
    let line = Line::new(script);
    let shaken = hyper::client::conn::http1::Builder::new()
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .max_headers(200)
        .max_header_size(64 << 10)
        .handshake::<_, String>(line);
    let (mut sender, mut connection) = settled(1, pin!(shaken)).unwrap().unwrap();
    let request = hyper::Request::post("/").header("host", "h");
    let sent = sender.send_request(request.body("{}".to_owned()).unwrap());

    let mut context = Context::from_waker(Waker::noop());
    let mut seen = Seen::nothing(Ended::Waiting);
    let (mut sent, mut ended, mut body) = (pin!(sent), false, None);
    for _ in 0..rounds(script) {
        ended = ended || Pin::new(&mut connection).poll(&mut context).is_ready();
        if seen.status.is_none() && seen.ended == Ended::Waiting {
            match sent.as_mut().poll(&mut context) {
                Poll::Ready(Ok(response)) => {
                    let (head, incoming) = response.into_parts();
                    seen.status = Some(head.status.as_u16());
                    let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
                        (name.to_string(), value.as_bytes().to_vec())
                    };
                    seen.fields = head.headers.iter().map(field).collect();
                    body = Some(incoming);
                }
                Poll::Ready(Err(_)) => seen.ended = Ended::Broken,
                Poll::Pending => {}
            }
        }
        while let Some(incoming) = &mut body {
            match Pin::new(incoming).poll_frame(&mut context) {
                Poll::Ready(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default();
                    seen.body.extend_from_slice(&data);
                }
                Poll::Ready(Some(Err(_))) => {
                    seen.ended = Ended::Broken;
                    body = None;
                }
                Poll::Ready(None) => {
                    seen.ended = Ended::Whole;
                    body = None;
                }
                Poll::Pending => break,
            }
        }
    }
    seen.reusable = !ended && sender.is_ready();
    seen
}

/// The wire's reading of an answer, without awc and without a pool.
pub(super) fn by_reading(script: &Script) -> Seen {
    let mut reading = Reading::default();
    let mut pieces = script.pieces.iter();
    let mut failed = false;
    let mut fields = None;
    while !failed && reading.end().is_none() {
        failed = match (pieces.next(), script.end) {
            (Some(piece), _) => reading.feed(piece).is_err(),
            (None, End::Open) => break,
            (None, End::Closed) => reading.finish().is_err(),
            (None, End::Reset) => true,
        };
        fields = fields.or(reading.take_fields());
    }
    let settled = pieces.next().is_none() && script.end == End::Open;
    Seen {
        status: reading.status(),
        fields: fields.map(|it| listed(&it)).unwrap_or_default(),
        reusable: settled && reading.reusable().is_some(),
        ended: match reading.end() {
            Some(answer::End::Whole) => Ended::Whole,
            Some(answer::End::Longer) => Ended::Longer,
            None if failed => Ended::Broken,
            None => Ended::Waiting,
        },
        body: std::mem::take(reading.data()),
    }
}

fn listed(fields: &awc::http::header::HeaderMap) -> Vec<(String, Vec<u8>)> {
    let field = |(name, value): (
        &awc::http::header::HeaderName,
        &awc::http::header::HeaderValue,
    )| { (name.to_string(), value.as_bytes().to_vec()) };
    fields.iter().map(field).collect()
}

/// Herald's client, whose connections follow scripts.
pub(super) struct Herald {
    client: Client,
    endpoint: Endpoint,
    /// The next connection.
    next: Rc<RefCell<Option<Line>>>,
}

impl Herald {
    /// `bare`: awc without the wire.
    pub(super) fn new(bare: bool) -> Self {
        let next: Rc<RefCell<Option<Line>>> = Rc::default();
        let lines = Rc::clone(&next);
        let take = move || {
            let line = lines.borrow_mut().take();
            line.ok_or(ConnectError::Unresolved)
        };
        let builder = awc::Client::builder()
            .disable_redirects()
            .disable_timeout()
            .no_default_headers();
        let inner = if bare {
            let service = fn_service(move |info: ConnectInfo<Uri>| {
                let line = take();
                async move { Ok::<_, ConnectError>(Connection::new(info.request().clone(), line?)) }
            });
            let connector = awc::Connector::new().connector(Rc::new(service)).limit(0);
            builder.connector(connector).finish()
        } else {
            let idle = Rc::new(Idle::default());
            let service = fn_service(move |info: ConnectInfo<Uri>| {
                let wire = take().map(|line| Wire::new(line, &idle));
                async move { Ok::<_, ConnectError>(Connection::new(info.request().clone(), wire?)) }
            });
            let connector = awc::Connector::new().connector(Rc::new(service)).limit(0);
            builder.connector(connector).finish()
        };
        let rules = Arc::new(Live::new(AddressRules::new(Vec::new())));
        Self {
            client: Client::over(inner, rules, tls_settings().unwrap()),
            endpoint: {
                let hop = HopId::stored("a".to_owned());
                Endpoint::new("http://192.0.2.1/", std::iter::empty(), &hop).unwrap()
            },
            next,
        }
    }

    /// What comes of one request to a receiver that follows the script; and whether another one
    /// goes over the same connection.
    pub(super) fn sees(&self, script: &Script) -> Seen {
        let line = Line::new(script);
        self.next.replace(Some(line.clone()));
        let exchange = settled(rounds(script), pin!(self.client.deliver(self.delivery())));
        let Some(exchange) = exchange else {
            return Seen::nothing(Ended::Waiting);
        };
        let mut seen = seen(exchange);
        line.settle();
        settled(1, pin!(self.client.deliver(self.delivery())));
        seen.reusable = line.requests() > 1;
        seen
    }

    fn delivery(&self) -> DeliveryRequest<'_> {
        DeliveryRequest {
            endpoint: &self.endpoint,
            id: "evt",
            timestamp: 0,
            signature: String::new(),
            body: Bytes::from_static(b"{}"),
            content_type: None,
            headers: &[],
            test: false,
            hops: None,
            timeout: Duration::from_secs(3_600),
        }
    }
}

fn seen(exchange: Exchange) -> Seen {
    match exchange.answer {
        Err(_) => Seen::nothing(Ended::Broken),
        Ok(answer) => Seen {
            status: Some(answer.status),
            fields: listed(&answer.head),
            ended: match answer.unfinished {
                Some(_) => Ended::Broken,
                None if answer.truncated => Ended::Longer,
                None => Ended::Whole,
            },
            body: answer.body,
            reusable: false,
        },
    }
}
