//! The mail log: every mail that Herald sends, and those that the application says it sent; and
//! taking mails of the application.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::id::{EventId, MailId, SubscriptionId};
use crate::domain::mail::{MailState, TryOutcome};
use crate::http::extract::{In, Keyed, Path, QueryInput};
use crate::http::page::{Page, PageRequest};
use crate::http::reply::{ApiResult, OkJson, TakenJson};
use crate::service::mails::{self, LIST, MailInput, MailQuery};
use crate::service::{raw_json, views};
use crate::store::mail_log::{LoggedMail, LoggedTry};

/// Upper bound of a request, in bytes: both texts as JSON, and all else.
pub(in crate::http) const MAX_MAIL_BYTES: usize = 4 << 20;

/// The answer to a mail.
#[derive(Serialize, ToSchema)]
pub(crate) struct MailTaken {
    /// Its id.
    id: MailId,
    /// `queued`, or `sent` with `record_only`.
    state: MailState,
}

/// A mail as the list shows it.
#[derive(Serialize, ToSchema)]
pub(crate) struct MailView {
    /// Its id.
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
    event_id: Option<EventId>,
    /// The subscription of that delivery.
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

views! {
    /// One try of a mail.
    pub(crate) MailTryView of one: LoggedTry {
        /// Its number.
        n: i32,
        /// When it ended.
        at: DateTime<Utc>,
        /// How long it took.
        duration_ms: i32,
        /// `sent`, `failed` or `retry`.
        outcome: TryOutcome,
        /// What the mail server said, or what went wrong.
        smtp_reply: String = one.reply,
        /// What it said of each receiver, if there are several: `[{"to","taken","reply"}]`.
        #[schema(value_type = Option<Vec<Object>>)]
        receivers: Option<Box<RawValue>> = one.receivers.and_then(raw_json),
    }
}

/// A mail with what it says and each of its tries.
#[derive(Serialize, ToSchema)]
pub(crate) struct MailDetail {
    #[serde(flatten)]
    mail: MailView,
    /// Its `Message-ID`, the same at each try.
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

pub(crate) async fn send(
    at: In,
    keyed: Keyed<MailInput, MAX_MAIL_BYTES>,
) -> ApiResult<TakenJson<MailTaken>> {
    let (input, making) = keyed.split(at.cx().by());
    let (id, state) = mails::send(at.cx(), making.get(), input).await?;
    let taken = MailTaken { id, state };
    Ok(match state {
        MailState::Sent => TakenJson::Recorded(taken),
        _ => TakenJson::Accepted(taken),
    })
}

pub(crate) async fn list(
    at: In,
    QueryInput(asked): QueryInput<MailQuery>,
) -> ApiResult<Page<MailView>> {
    let wanted: PageRequest<'_, MailId> = PageRequest::of(&asked, LIST)?;
    let filter = asked.filter(wanted.after, wanted.rows());
    let (rows, next) = mails::list(at.cx(), &filter, wanted.limit).await?;
    Ok(wanted.page_to(rows, next, MailView::from))
}

pub(crate) async fn show(at: In, Path(id): Path<MailId>) -> ApiResult<OkJson<MailDetail>> {
    let (mail, content, tries) = mails::show(at.cx(), id).await?;
    Ok(OkJson(MailDetail {
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
