//! How attempts are shown: the recorder's JSON made into an answer, with every credential masked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Schema;
use uuid::Uuid;

use super::input::one_of;
use super::plugins::without_source;
use crate::domain::delivery::{Origin, Outcome};
use crate::domain::destination::is_mail;
use crate::domain::hops::{HEADER, HopId, Hops};
use crate::domain::id::MailId;
use crate::domain::role::Role;
use crate::domain::target_url::{Echoes, MASK};
use crate::store::delivery_log::AttemptRow;
use crate::store::event::EventSummary;
use crate::store::subscription::Subscription;

/// What is shown in place of a secret value.
pub const MASKED: &str = MASK;

/// What is sent with each attempt.
#[derive(Serialize, ToSchema)]
pub struct RequestView {
    /// `POST`; `MAIL` where the target is `mailto:…`.
    #[schema(schema_with = methods)]
    method: &'static str,
    /// The target as it is now, its path and query for admins alone; null: the subscription was
    /// deleted.
    url: Option<String>,
    /// The body as sent.
    body: String,
    /// `utf-8`, or `base64` where the body is not UTF-8.
    #[schema(schema_with = encodings)]
    body_encoding: &'static str,
}

fn methods() -> Schema {
    one_of(&["POST", "MAIL"], false)
}

fn encodings() -> Schema {
    one_of(&["utf-8", "base64"], false)
}

fn own_encodings() -> Schema {
    one_of(&["utf-8"], true)
}

impl RequestView {
    /// What is sent to a URL.
    #[must_use]
    pub fn new(url: Option<String>, payload: Vec<u8>) -> Self {
        let (body, body_encoding) = match String::from_utf8(payload) {
            Ok(text) => (text, "utf-8"),
            Err(error) => (STANDARD.encode(error.as_bytes()), "base64"),
        };
        let by_mail = url.as_deref().is_some_and(is_mail);
        Self {
            method: if by_mail { "MAIL" } else { "POST" },
            url,
            body,
            body_encoding,
        }
    }
}

/// A header.
#[derive(Serialize, ToSchema)]
pub struct HeaderView {
    /// Its name.
    pub name: String,
    /// Its value; `•••` where it is a credential or a signature.
    pub value: String,
}

/// The request of one attempt.
#[derive(Serialize, ToSchema)]
pub struct AttemptRequest {
    /// Its headers. Signatures, the values of custom headers and of those that plugins added are
    /// masked.
    pub headers: Vec<HeaderView>,
    /// The body as a plugin made it; null: it was the delivery's own, as published.
    pub body: Option<String>,
    /// `utf-8`; null: the body is with the delivery.
    #[schema(schema_with = own_encodings)]
    pub body_encoding: Option<&'static str>,
    /// There was more of the body than the log keeps.
    pub truncated: bool,
}

/// What one plugin did in an attempt.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct PluginRunView {
    /// Its place in the plugins folder.
    #[schema(example = "named/only-paid-orders.rhai")]
    pub name: String,
    /// The version that ran: the SHA-256 of its file, in hexadecimal digits.
    pub hash: String,
    /// Microseconds that it took.
    #[serde(alias = "us")]
    pub microseconds: u64,
    /// Operations that it used.
    pub operations: u64,
}

/// What the receiver answered.
#[derive(Serialize, ToSchema)]
pub struct ResponseView {
    /// The HTTP status.
    pub status: i16,
    /// Its headers; null: they were not kept.
    pub headers: Option<Vec<HeaderView>>,
    /// The beginning of its body; null: it was not kept.
    pub body: Option<String>,
    /// There was more of the body.
    pub truncated: bool,
}

/// The mail that carried a delivery.
#[derive(Serialize, ToSchema)]
pub struct CarriedView {
    /// The mail, which `GET /v1/mails/{id}` shows with each of its tries.
    pub id: MailId,
    /// How often it was tried.
    pub tries: i32,
    /// What the mail server said when it took it; null: it did not.
    pub smtp_reply: Option<String>,
}

/// Where the time of an attempt went, in milliseconds; null: it did not come to that.
#[derive(Serialize, ToSchema)]
pub struct PhasesView {
    /// Looking the host up.
    pub resolve: Option<u64>,
    /// Connecting (TCP alone).
    pub connect: Option<u64>,
    /// Until the head of the answer.
    pub first_byte: Option<u64>,
    /// Reading the body.
    pub body: Option<u64>,
}

/// One attempt.
#[derive(Serialize, ToSchema)]
pub struct AttemptView {
    /// Its number, from 1.
    pub n: i32,
    /// `first`, `resend`, `replay` or `test`: what began its round.
    pub origin: Origin,
    /// `sent`, `failed`, `filtered`, `cancelled`, `retry` or `superseded`.
    pub outcome: Outcome,
    /// When it ended.
    pub at: DateTime<Utc>,
    /// Milliseconds from start to end.
    pub duration_ms: i32,
    /// What was sent; null: nothing was.
    pub request: Option<AttemptRequest>,
    /// What came back; null: nothing did.
    pub response: Option<ResponseView>,
    /// The mail that carried it; null: none did.
    pub mail: Option<CarriedView>,
    /// The kept connection had ended before any byte of the answer, so the request was sent again
    /// over a new one, within this attempt.
    pub reconnected: bool,
    /// Where the time went.
    pub phases: PhasesView,
    /// The plugins that ran, in their order.
    pub plugins: Vec<PluginRunView>,
    /// What the plugins logged.
    pub log: Vec<String>,
    /// The plugin that said no; null: none did.
    pub filtered_by: Option<String>,
    /// What went wrong, in plain words.
    pub error: Option<String>,
}

/// The recorder's JSON about what plugins changed of a request.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Sent {
    /// None: the body as published.
    body: Option<String>,
    truncated: bool,
    content_type: Option<String>,
    /// Names alone.
    headers: Vec<String>,
}

/// The recorder's JSON.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RecordedDetail {
    ms: Vec<Option<u64>>,
    error: Option<String>,
    head: Option<Vec<(String, String)>>,
    body: Option<String>,
    truncated: bool,
    /// Seconds since 1970, as sent in `webhook-timestamp`.
    timestamp: Option<i64>,
    reconnected: bool,
    plugins: Vec<PluginRunView>,
    log: Vec<String>,
    filtered_by: Option<String>,
    sent: Sent,
    mail: Option<Uuid>,
    tries: i32,
    smtp_reply: Option<String>,
}

impl RecordedDetail {
    fn read(text: Option<&str>) -> Self {
        let read = text.and_then(|text| serde_json::from_str(text).ok());
        read.unwrap_or_default()
    }
}

/// What went wrong with an attempt, or who filtered it, in plain words.
pub fn error_of(detail: &str) -> Option<String> {
    let recorded = RecordedDetail::read(Some(detail));
    let filtered = |script| format!("Filtered by the plugin {script}.");
    let error = recorded.error.map(without_source);
    error.or(recorded.filtered_by.map(filtered))
}

/// What came of an attempt, as far as the recorder's JSON says.
pub struct AttemptAnswer {
    /// What went wrong, or who filtered it, in plain words.
    pub error: Option<String>,
    /// The beginning of the answer's body.
    pub body: Option<String>,
    /// There was more of it.
    pub truncated: bool,
}

/// What came of an attempt.
pub fn answer_of(detail: Option<&str>) -> AttemptAnswer {
    let recorded = RecordedDetail::read(detail);
    AttemptAnswer {
        error: detail.and_then(error_of),
        body: recorded.body,
        truncated: recorded.truncated,
    }
}

impl AttemptView {
    pub(super) fn new(
        attempt: AttemptRow,
        event: &EventSummary,
        subscription: Option<&Subscription>,
        own: &HopId,
        role: Role,
    ) -> Self {
        // What was recorded before the recorder hid it.
        let echoes = match subscription {
            Some(subscription) if role != Role::Admin => Echoes::of(subscription.url.whole()),
            _ => Echoes::default(),
        };
        let recorded = RecordedDetail::read(attempt.detail.as_deref());
        let phase = |place: usize| recorded.ms.get(place).copied().flatten();
        let phases = PhasesView {
            resolve: phase(0),
            connect: phase(1),
            first_byte: phase(2),
            body: phase(3),
        };
        // Without a time in its signature nothing was sent: a plugin failed, for one.
        let asked = !matches!(attempt.outcome, Outcome::Cancelled | Outcome::Filtered)
            && recorded.timestamp.is_some();
        let request = asked.then(|| AttemptRequest {
            headers: request_headers(event, subscription, own, recorded.timestamp, &recorded.sent),
            body_encoding: recorded.sent.body.as_ref().map(|_| "utf-8"),
            body: recorded.sent.body,
            truncated: recorded.sent.truncated,
        });
        let headers = |head: Vec<_>| head.into_iter().map(|it| shown(it, &echoes)).collect();
        let response = attempt.status.map(|status| ResponseView {
            status,
            headers: recorded.head.map(headers),
            body: recorded.body.map(|body| echoes.hide(body)),
            truncated: recorded.truncated,
        });
        Self {
            n: attempt.n,
            origin: attempt.origin,
            outcome: attempt.outcome,
            at: attempt.at,
            duration_ms: attempt.duration_ms,
            mail: recorded.mail.map(|id| CarriedView {
                id: MailId::from_uuid(id),
                tries: recorded.tries,
                smtp_reply: recorded.smtp_reply,
            }),
            request,
            response,
            reconnected: recorded.reconnected,
            phases,
            plugins: recorded.plugins,
            log: recorded.log,
            filtered_by: recorded.filtered_by,
            error: recorded.error.map(without_source),
        }
    }
}

/// The headers of a request, as this version sends them. Custom ones are those that the
/// subscription has now.
fn request_headers(
    event: &EventSummary,
    subscription: Option<&Subscription>,
    own: &HopId,
    timestamp: Option<i64>,
    sent: &Sent,
) -> Vec<HeaderView> {
    let header = |name: &str, value: String| {
        let name = name.to_owned();
        HeaderView { name, value }
    };
    let content_type = sent.content_type.as_deref().unwrap_or("application/json");
    let mut headers = vec![
        header("content-type", content_type.to_owned()),
        header("webhook-id", event.id.to_string()),
    ];
    headers.extend(timestamp.map(|seconds| header("webhook-timestamp", seconds.to_string())));
    headers.push(header("webhook-signature", MASKED.to_owned()));
    if event.test {
        headers.push(header("webhook-test", "true".to_owned()));
    }
    let hops = match &event.hops {
        Some(hops) => Hops::stored(hops.clone()).through(own),
        None => own.as_str().to_owned(),
    };
    headers.push(header(HEADER, hops));
    let custom = subscription.iter().flat_map(|it| it.headers.keys());
    let mut names: Vec<&String> = custom.collect();
    for name in &sent.headers {
        // A plugin's header takes the place of the subscription's.
        names.retain(|other| !other.eq_ignore_ascii_case(name));
        names.push(name);
    }
    let names = names.into_iter();
    headers.extend(names.map(|name| header(name, MASKED.to_owned())));
    headers
}

/// A header of an answer: cookies are credentials, too.
fn shown((name, value): (String, String), echoes: &Echoes) -> HeaderView {
    if name.eq_ignore_ascii_case("set-cookie") {
        let value = MASKED.to_owned();
        return HeaderView { name, value };
    }
    let value = echoes.hide(value);
    HeaderView { name, value }
}
