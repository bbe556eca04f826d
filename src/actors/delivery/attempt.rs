//! One attempt: sign, send, judge the answer, and write down what a person will want to know.

mod detail;
mod mail;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::Rng;

use self::detail::{Detail, PhaseMillis, SentDetail};
pub(super) use self::mail::{DrawnUp, draw_up};
use crate::actors::routing::Route;
use crate::domain::delivery::{Origin, Outcome};
use crate::domain::hops::Hops;
use crate::domain::id::EventId;
use crate::domain::retry::parse_retry_after;
use crate::domain::signature::sign;
use crate::plugin::{Run, ScriptVerdict};
use crate::store::clock::DatabaseClock;
use crate::store::record::{AttemptRecord, DeliveryKey};
use crate::transport::{Client, DeliveryRequest, Exchange, Phases};

/// An attempt to be made.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) event: EventId,
    pub(crate) event_type: Arc<str>,
    pub(crate) payload: Bytes,
    /// The databases that the event came through; none: it began here.
    pub(crate) hops: Option<Hops>,
    pub(crate) n: i32,
    /// Failed attempts of the round before it.
    pub(crate) failures: i32,
    pub(crate) origin: Origin,
    /// The event tries the subscription out: marked as such, and tried once.
    pub(crate) test: bool,
}

impl Attempt {
    /// A test, whose row is claimed with n = 1.
    pub(crate) const fn test(event: EventId, event_type: Arc<str>, payload: Bytes) -> Self {
        Self {
            event,
            event_type,
            payload,
            hops: None,
            n: 1,
            failures: 0,
            origin: Origin::Test,
            test: true,
        }
    }
}

/// What came of it.
pub(super) struct AttemptResult {
    pub(super) record: AttemptRecord,
    /// A request was made.
    pub(super) sent: bool,
    /// How long it took.
    pub(super) took: Duration,
    /// The target asked for no more: the subscription is to be disabled.
    pub(super) gone: bool,
}

/// Makes one attempt with what scripts made of it, if any ran.
pub(super) async fn attempt(
    client: &Client,
    clock: &DatabaseClock,
    route: &Route,
    what: Attempt,
    run: Option<Box<Run>>,
) -> AttemptResult {
    let mut detail = Detail::default();
    let shaped = match run.map(|run| detail.ran(*run)) {
        None => None,
        Some(Ok(ScriptVerdict::Deliver(delivered))) => Some(delivered),
        Some(Ok(ScriptVerdict::Filtered { script })) => {
            detail.filtered_by = Some(script.to_string());
            return nothing_sent(route, &what, Ending::Filtered, detail);
        }
        Some(Ok(ScriptVerdict::Mail(_))) => {
            detail.error =
                Some("A plugin drew up a mail, but the target is not an email address.".to_owned());
            return nothing_sent(route, &what, Ending::Failure(None), detail);
        }
        Some(Err(failure)) => {
            detail.error = Some(format!(
                "The plugin {} failed: {}",
                failure.script,
                failure.fault.without_source()
            ));
            return nothing_sent(route, &what, Ending::Failure(None), detail);
        }
    };
    if let Some(cause) = route.locked {
        // The queue holds what is locked; this is for what began while it became so.
        return refused(route, &what, format!("It cannot be signed: {cause}."));
    }
    let endpoint = match &route.endpoint {
        Ok(endpoint) => endpoint,
        Err(reason) => return refused(route, &what, format!("It cannot be sent to: {reason}.")),
    };
    let changed = shaped.as_ref().filter(|shaped| shaped.changed);
    let body = changed.map_or(&what.payload, |shaped| &shaped.body).clone();
    detail.sent = shaped.as_ref().and_then(SentDetail::of);
    let id = what.event.to_string();
    let now = clock.now();
    detail.timestamp = now.timestamp();
    let live = route
        .secrets
        .iter()
        .filter(|(_, end)| end.is_none_or(|end| end > now))
        .map(|(secret, _)| secret);
    let signature = sign(live, &id, detail.timestamp, &body);
    let hops = what.hops.as_ref().map(|hops| hops.through(&route.hop));
    let delivery = DeliveryRequest {
        endpoint,
        id: &id,
        timestamp: detail.timestamp,
        signature,
        body,
        content_type: shaped
            .as_ref()
            .and_then(|shaped| shaped.content_type.as_deref()),
        headers: shaped.as_ref().map_or(&[], |shaped| &shaped.headers),
        hops: hops.as_deref(),
        test: what.test,
        timeout: route.timeout,
    };
    let exchange = client.deliver(delivery).await;
    judge(clock, route, &what, exchange, detail)
}

/// An attempt that cannot be made, and why.
pub(super) fn refused(route: &Route, what: &Attempt, error: String) -> AttemptResult {
    let mut detail = Detail::default();
    detail.error = Some(error);
    nothing_sent(route, what, Ending::Failure(None), detail)
}

fn nothing_sent(
    route: &Route,
    what: &Attempt,
    ending: Ending,
    detail: Detail<'_>,
) -> AttemptResult {
    AttemptResult {
        record: record(route, what, ending, Duration::ZERO, detail, None),
        sent: false,
        took: Duration::ZERO,
        gone: false,
    }
}

/// Leaves out the long parts of an attempt's detail: the database is away, and memory is bounded.
pub(super) fn shorten(record: &mut AttemptRecord) {
    record.detail = record.detail.take().map(|text| detail::shortened(&text));
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// The target took it.
    Sent(u16),
    /// It did not, with its status if it answered.
    Failure(Option<u16>),
    /// A script said no.
    Filtered,
}

fn judge(
    clock: &DatabaseClock,
    route: &Route,
    what: &Attempt,
    exchange: Exchange,
    mut detail: Detail<'_>,
) -> AttemptResult {
    let duration = exchange.duration;
    detail.ms = millis(exchange.phases);
    detail.reconnected = exchange.reconnected;
    match exchange.answer {
        Ok(answer) => {
            let status = answer.status;
            let retry_after = (matches!(status, 429 | 503))
                .then(|| answer.head.get("retry-after")?.to_str().ok())
                .flatten()
                .and_then(|value| parse_retry_after(value, clock.now()));
            let ending = if (200..300).contains(&status) {
                Ending::Sent(status)
            } else {
                Ending::Failure(Some(status))
            };
            let detail = detail.answered(&answer);
            AttemptResult {
                record: record(route, what, ending, duration, detail, retry_after),
                sent: true,
                took: duration,
                gone: status == 410,
            }
        }
        Err(failure) => {
            detail.error = Some(failure.to_string());
            AttemptResult {
                record: record(route, what, Ending::Failure(None), duration, detail, None),
                sent: true,
                took: duration,
                gone: false,
            }
        }
    }
}

fn record(
    route: &Route,
    what: &Attempt,
    ending: Ending,
    duration: Duration,
    detail: Detail<'_>,
    retry_after: Option<Duration>,
) -> AttemptRecord {
    let failures = what.failures.saturating_add(1);
    let (outcome, status, due_in) = match ending {
        Ending::Sent(status) => (Outcome::Sent, Some(status), None),
        Ending::Filtered => (Outcome::Filtered, None, None),
        Ending::Failure(status) if what.test => (Outcome::Failed, status, None),
        Ending::Failure(status) => {
            let jitter = rand::rng().random::<f64>();
            let failed = u32::try_from(failures).unwrap_or(u32::MAX);
            match route.schedule.delay(failed, retry_after, jitter) {
                Some(delay) => (Outcome::Retry, status, Some(delay)),
                None => (Outcome::Failed, status, None),
            }
        }
    };
    AttemptRecord {
        key: DeliveryKey {
            account: route.account,
            subscription: route.id,
            event: what.event,
        },
        n: what.n,
        origin: what.origin,
        outcome,
        duration_ms: i32::try_from(duration.as_millis()).unwrap_or(i32::MAX),
        status: status.and_then(|status| i16::try_from(status).ok()),
        detail: serde_json::to_string(&detail)
            .ok()
            .map(|text| route.echoes.hide(text)),
        failures,
        due_in,
    }
}

fn millis(phases: Phases) -> PhaseMillis {
    let millis = |phase: Duration| u64::try_from(phase.as_millis()).unwrap_or(u64::MAX);
    PhaseMillis {
        resolve: millis(phases.resolve),
        connect: millis(phases.connect),
        first_byte: millis(phases.first_byte),
        body: millis(phases.body),
    }
}
