//! The mail log: every mail that Herald sends, and those that the application says it sent.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::id::{EventId, MailId, SubscriptionId};
use crate::domain::mail::{MailState, TryOutcome};
use crate::http::fields::Query;
use crate::http::guard::Account;
use crate::http::page::{self, Page, Wanted};
use crate::http::path::{no_query, part};
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::mails::{self, LIST};
use crate::store::mail_log::{LoggedMail, LoggedTry, MailFilter};

/// A mail as the list shows it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct MailView {
    /// Its id.
    #[schema(value_type = String, example = "mail_01h455vb4pex5vsknk084sn02q")]
    id: MailId,
    /// What it is about.
    #[schema(example = "Password Reset")]
    topic: String,
    /// Who it is from.
    #[schema(example = "Shop <shop@example.com>")]
    from: String,
    /// Who gets it.
    to: Vec<String>,
    /// Its subject.
    subject: String,
    /// `queued`, `sent` (the mail server took it for everybody) or `failed`.
    #[schema(value_type = String, example = "sent")]
    state: MailState,
    /// Tries so far.
    attempts: i32,
    /// What the mail server said last, or what went wrong.
    #[schema(example = "250 2.0.0 Ok: queued as 4XyZ")]
    smtp_reply: Option<String>,
    /// The application sent it itself.
    recorded: bool,
    /// When it was queued or recorded.
    created_at: DateTime<Utc>,
    /// When the mail server took it.
    sent_at: Option<DateTime<Utc>>,
    /// The event of the delivery that it carries, if it carries one.
    #[schema(value_type = Option<String>)]
    event_id: Option<EventId>,
    /// The subscription of that delivery.
    #[schema(value_type = Option<String>)]
    subscription_id: Option<SubscriptionId>,
}

impl From<LoggedMail> for MailView {
    fn from(mail: LoggedMail) -> Self {
        let (event_id, subscription_id) = mail.delivery().unzip();
        Self {
            id: mail.id(),
            topic: mail.topic,
            from: mail.sender,
            to: mail.receivers,
            subject: mail.subject,
            state: mail.state,
            attempts: mail.attempts,
            smtp_reply: mail.reply,
            recorded: mail.recorded,
            created_at: mail.created_at,
            sent_at: mail.sent_at,
            event_id,
            subscription_id,
        }
    }
}

/// One try of a mail.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct MailTryView {
    /// Its number.
    n: i32,
    /// When it ended.
    at: DateTime<Utc>,
    /// How long it took.
    duration_ms: i32,
    /// `sent`, `failed` or `retry`.
    #[schema(value_type = String, example = "sent")]
    outcome: TryOutcome,
    /// What the mail server said, or what went wrong.
    smtp_reply: String,
    /// What it said of each receiver, if there are several: `[{"to","taken","reply"}]`.
    #[schema(value_type = Option<Vec<Object>>)]
    receivers: Option<Box<RawValue>>,
}

impl From<LoggedTry> for MailTryView {
    fn from(one: LoggedTry) -> Self {
        Self {
            n: one.n,
            at: one.at,
            duration_ms: one.duration_ms,
            outcome: one.outcome,
            smtp_reply: one.reply,
            receivers: one
                .receivers
                .and_then(|json| RawValue::from_string(json).ok()),
        }
    }
}

/// A mail with what it says and each of its tries.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct MailDetail {
    #[serde(flatten)]
    mail: MailView,
    /// What stands in `Message-ID`, the same at each try.
    #[schema(example = "<0192f5a0c4d97c2e8f3b1a2b3c4d5e6f@example.com>")]
    message_id: String,
    /// Where an answer goes, if not to `from`.
    reply_to: Option<String>,
    /// The header fields as they travel; null if the application sent it itself.
    headers: Option<String>,
    /// It holds a link for its receiver alone: `text` and `html` are not shown.
    confidential: bool,
    /// As people read it.
    text: String,
    /// The same as HTML. It is a stranger's: show it as text, or in a frame that runs nothing.
    html: Option<String>,
    /// When it is tried again, if it waits.
    next_attempt_at: Option<DateTime<Utc>>,
    /// Each try, the first one first.
    tries: Vec<MailTryView>,
}

/// List mails, newest first
#[utoipa::path(
    get, path = "/v1/mails", tag = "mails",
    params(
        ("q" = Option<String>, Query, description = "With this in the sender, a receiver or the \
            subject, upper and lower case alike; 3 characters at least"),
        ("topic" = Option<String>, Query, description = "About this"),
        ("state" = Option<String>, Query, description = "queued, sent or failed"),
        ("from" = Option<DateTime<Utc>>, Query, description = "Queued at or after"),
        ("to" = Option<DateTime<Utc>>, Query, description = "Queued before"),
        ("limit" = Option<u32>, Query, description = "1 to 200 (50)"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = Page<MailView>),
        (status = 400, description = "A wrong parameter", body = ProblemDocument),
        (status = 422, description = "A time outside the years 1970 to 9999",
            body = ProblemDocument),
    )
)]
pub(in crate::http) async fn list(
    shared: Data<Shared>,
    Account(account): Account,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::parse(request.query_string());
    let filter = MailFilter {
        q: query.take("q", mails::words),
        topic: query.take("topic", mails::topic),
        state: query.parsed("state"),
        ..MailFilter::default()
    };
    let (from, to) = (query.time("from"), query.time("to"));
    let wanted: Wanted<MailId> = Wanted::take(&mut query, LIST);
    query.finish()?;
    let filter = MailFilter {
        from,
        to,
        before: wanted.after,
        limit: wanted.rows(),
        ..filter
    };
    let (rows, next) = mails::list(&shared.engine, account, &filter, wanted.limit).await?;
    let data: Vec<MailView> = rows.into_iter().map(MailView::from).collect();
    Ok(page::answer(&request, LIST, data, next))
}

/// Show a mail
///
/// With what it says and each of its tries.
#[utoipa::path(
    get, path = "/v1/mails/{id}", tag = "mails",
    params(("id" = String, Path, description = "The mail")),
    responses(
        (status = 200, description = "The mail", body = MailDetail),
        (status = 404, description = "The account has no such mail", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn show(
    shared: Data<Shared>,
    Account(account): Account,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let id: MailId = part(&request, "id")?;
    let (mail, content, tries) = mails::show(&shared.engine, account, id).await?;
    Ok(HttpResponse::Ok().json(MailDetail {
        headers: mails::headers(&mail, &content),
        mail: mail.into(),
        message_id: format!("<{}>", content.message_id),
        reply_to: content.reply_to,
        confidential: content.confidential,
        text: content.text,
        html: content.html,
        next_attempt_at: content.next_attempt_at,
        tries: tries.into_iter().map(MailTryView::from).collect(),
    }))
}
