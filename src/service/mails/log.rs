//! The mail log: every mail that Herald sends, and those that the application says it sent.

use super::super::input::{BREAKS, Moment, checked, line_schema, lists};
use super::super::{Context, Refusal, Result, cut};
use super::Line;
use crate::domain::id::MailId;
use crate::domain::mail::{MAX_TOPIC, MailState, Mailbox, one_line};
use crate::mail::{Letter, compose};
use crate::store::mail_log::{self, LoggedMail, LoggedTry, MailContent, MailFilter};

/// The least characters that are searched for: fewer are in too many mails to be looked up.
pub const LEAST_SEARCHED: usize = 3;
/// The most characters that are searched for.
const MOST_SEARCHED: usize = 200;

/// The name of the list in its cursors.
pub const LIST: &str = "mails";

lists! {
    /// Which mails.
    MailQuery {
        /// With this in the sender, a receiver or the subject, upper and lower case alike.
        q: Option<Searched>,
        /// About this.
        topic: Option<Line<MAX_TOPIC>>,
        /// Its state.
        state: Option<MailState>,
        /// Queued at or after.
        from: Option<Moment>,
        /// Queued before.
        to: Option<Moment>,
    }
}

checked! {
    /// A text that is searched for.
    Searched by search_text, line_schema(LEAST_SEARCHED, MOST_SEARCHED, BREAKS);
}

impl MailQuery {
    /// The filter, of the mails before one, so many of them.
    #[must_use]
    pub fn filter(self, before: Option<MailId>, limit: i64) -> MailFilter {
        MailFilter {
            q: self.q.map(Searched::into_inner),
            topic: self.topic.map(Line::into_inner),
            state: self.state,
            from: self.from.map(|from| from.0),
            to: self.to.map(|to| to.0),
            before,
            limit,
        }
    }
}

/// What is searched for.
///
/// # Errors
/// It is too short, too long, or no line.
pub fn search_text(text: &str) -> Result<String, String> {
    let text = one_line(text, MOST_SEARCHED).map_err(|error| error.to_string())?;
    match text.chars().count() {
        0..LEAST_SEARCHED => Err(format!("must have at least {LEAST_SEARCHED} characters")),
        _ => Ok(text.to_owned()),
    }
}

/// A topic that is searched for.
///
/// # Errors
/// It is too long, or no line.
pub fn topic(text: &str) -> Result<String, String> {
    let topic = one_line(text, MAX_TOPIC).map_err(|error| error.to_string())?;
    Ok(topic.to_owned())
}

/// A page of the list, of which `filter` wants one row more than are shown; with the mail behind
/// which the next page begins, if there is one.
///
/// # Errors
/// When the database is away.
pub async fn list(
    cx: Context<'_>,
    filter: &MailFilter,
    limit: usize,
) -> Result<(Vec<LoggedMail>, Option<MailId>)> {
    let mut rows = mail_log::list(cx.database(), cx.account, filter).await?;
    let next = cut(&mut rows, limit, LoggedMail::id);
    Ok((rows, next))
}

/// A mail with what it says and each of its tries.
///
/// # Errors
/// There is none, or the database is away.
pub async fn show(
    cx: Context<'_>,
    id: MailId,
) -> Result<(LoggedMail, MailContent, Vec<LoggedTry>)> {
    let found = mail_log::find(cx.database(), cx.account, id).await?;
    found.ok_or_else(|| Refusal::not_found("mail"))
}

/// The header fields as they travel: made again from the same values, they are the same.
#[must_use]
pub fn headers(mail: &LoggedMail, content: &MailContent) -> Option<String> {
    if mail.recorded {
        return None;
    }
    let from: Mailbox = mail.sender.parse().ok()?;
    let to = mail.receivers.iter().filter_map(|it| it.parse().ok());
    let to: Vec<Mailbox> = to.collect();
    let reply_to: Option<Mailbox> = content.reply_to.as_ref().and_then(|it| it.parse().ok());
    let composed = compose(&Letter {
        from: &from,
        to: &to,
        reply_to: reply_to.as_ref(),
        subject: &mail.subject,
        text: &content.text,
        html: content.html.as_deref(),
        message_id: &content.message_id,
        date: mail.created_at,
    });
    Some(composed.ok()?.header().to_owned())
}
