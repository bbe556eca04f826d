//! One attempt: sign, send, judge the answer, and write down what a person will want to know.

use std::time::Duration;

use bytes::Bytes;
use rand::Rng;
use serde::Serialize;

use super::routing::Route;
use crate::domain::delivery::{Origin, Outcome};
use crate::domain::id::EventId;
use crate::domain::retry::parse_retry_after;
use crate::domain::signature::sign;
use crate::store::clock::DatabaseClock;
use crate::store::record::{AttemptRecord, DeliveryKey};
use crate::transport::{Answer, Client, Delivery, Exchange, Phases};

/// Bytes of an answer's body that the log keeps of a delivery that was sent; all that was read
/// of any other.
const SENT_EXCERPT: usize = 512;

/// What is to be attempted.
#[derive(Debug, Clone)]
pub(super) struct Try {
    pub(super) event: EventId,
    pub(super) payload: Bytes,
    pub(super) n: i32,
    /// Failed attempts of the round before this one.
    pub(super) failures: i32,
    pub(super) origin: Origin,
    /// The event tries the subscription out: marked as such, and tried once.
    pub(super) test: bool,
}

/// What came of it, with the order to disable the subscription, if the target asked for that.
pub(super) struct Tried {
    pub(super) record: AttemptRecord,
    pub(super) gone: bool,
}

/// Makes one attempt.
pub(super) async fn attempt(
    client: &Client,
    clock: &DatabaseClock,
    route: &Route,
    what: Try,
) -> Tried {
    let key = DeliveryKey {
        account: route.account,
        subscription: route.id,
        event: what.event,
    };
    let exchange = match &route.endpoint {
        Ok(endpoint) => {
            let id = what.event.to_string();
            let now = clock.now();
            let timestamp = now.timestamp();
            let live = route
                .secrets
                .iter()
                .filter(|(_, end)| end.is_none_or(|end| end > now))
                .map(|(secret, _)| secret);
            let signature = sign(live, &id, timestamp, &what.payload);
            let delivery = Delivery {
                endpoint,
                id: &id,
                timestamp,
                signature,
                body: what.payload.clone(),
                test: what.test,
                timeout: route.timeout,
            };
            Ok((client.deliver(delivery).await, timestamp))
        }
        Err(words) => Err(format!("The subscription cannot be sent to: {words}.")),
    };
    match exchange {
        Ok((exchange, timestamp)) => judge(clock, route, key, &what, exchange, timestamp),
        Err(words) => {
            let detail = Detail {
                error: Some(words),
                ..Detail::default()
            };
            let record = record(route, key, &what, None, Duration::ZERO, detail, None);
            Tried {
                record,
                gone: false,
            }
        }
    }
}

fn judge(
    clock: &DatabaseClock,
    route: &Route,
    key: DeliveryKey,
    what: &Try,
    exchange: Exchange,
    timestamp: i64,
) -> Tried {
    let duration = exchange.duration;
    let detail = Detail {
        ms: millis(exchange.phases),
        timestamp,
        ..Detail::default()
    };
    match exchange.answer {
        Ok(answer) => {
            let status = answer.status;
            let retry_after = (matches!(status, 429 | 503))
                .then(|| answer.head.get("retry-after")?.to_str().ok())
                .flatten()
                .and_then(|value| parse_retry_after(value, clock.now()));
            let detail = detail.answered(&answer);
            let record = record(
                route,
                key,
                what,
                Some(status),
                duration,
                detail,
                retry_after,
            );
            Tried {
                record,
                gone: status == 410,
            }
        }
        Err(failure) => {
            let detail = Detail {
                error: Some(failure.to_string()),
                ..detail
            };
            let record = record(route, key, what, None, duration, detail, None);
            Tried {
                record,
                gone: false,
            }
        }
    }
}

fn record(
    route: &Route,
    key: DeliveryKey,
    what: &Try,
    status: Option<u16>,
    duration: Duration,
    detail: Detail<'_>,
    retry_after: Option<Duration>,
) -> AttemptRecord {
    let failures = what.failures.saturating_add(1);
    let (outcome, due_in) = if status.is_some_and(|status| (200..300).contains(&status)) {
        (Outcome::Sent, None)
    } else if what.test {
        (Outcome::Failed, None)
    } else {
        let jitter = rand::rng().random::<f64>();
        let failed = u32::try_from(failures).unwrap_or(u32::MAX);
        match route.schedule.delay(failed, retry_after, jitter) {
            Some(delay) => (Outcome::Retry, Some(delay)),
            None => (Outcome::Failed, None),
        }
    };
    AttemptRecord {
        key,
        n: what.n,
        origin: what.origin,
        outcome,
        duration_ms: i32::try_from(duration.as_millis()).unwrap_or(i32::MAX),
        status: status.and_then(|status| i16::try_from(status).ok()),
        detail: serde_json::to_string(&detail).ok(),
        failures,
        due_in,
    }
}

/// What the log keeps of an attempt, as JSON.
#[derive(Debug, Default, Serialize)]
struct Detail<'a> {
    /// Milliseconds: resolve, connect, first byte, body.
    ms: [u64; 4],
    /// Seconds since 1970, as sent in `webhook-timestamp`; 0: nothing was sent.
    #[serde(skip_serializing_if = "is_zero")]
    timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    head: Vec<(&'a str, std::borrow::Cow<'a, str>)>,
    #[serde(skip_serializing_if = "str::is_empty")]
    body: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl<'a> Detail<'a> {
    fn answered(self, answer: &'a Answer) -> Self {
        let sent = (200..300).contains(&answer.status);
        let kept = if sent {
            SENT_EXCERPT.min(answer.body.len())
        } else {
            answer.body.len()
        };
        Self {
            error: (!sent).then(|| status_words(answer.status)),
            head: answer
                .head
                .iter()
                .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
                .collect(),
            body: String::from_utf8_lossy(answer.body.get(..kept).unwrap_or_default()),
            truncated: answer.truncated || kept < answer.body.len(),
            ..self
        }
    }
}

fn status_words(status: u16) -> String {
    let name = match status {
        300..=399 => " (a redirect, which is not followed)",
        400 => " (Bad Request)",
        401 => " (Unauthorized)",
        403 => " (Forbidden)",
        404 => " (Not Found)",
        405 => " (Method Not Allowed)",
        408 => " (Request Timeout)",
        410 => " (Gone)",
        413 => " (Content Too Large)",
        415 => " (Unsupported Media Type)",
        422 => " (Unprocessable Content)",
        429 => " (Too Many Requests)",
        500 => " (Internal Server Error)",
        502 => " (Bad Gateway)",
        503 => " (Service Unavailable)",
        504 => " (Gateway Timeout)",
        _ => "",
    };
    format!("The target answered {status}{name}.")
}

fn millis(phases: Phases) -> [u64; 4] {
    [
        phases.resolve,
        phases.connect,
        phases.first_byte,
        phases.body,
    ]
    .map(|phase| u64::try_from(phase.as_millis()).unwrap_or(u64::MAX))
}
