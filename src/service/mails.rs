//! Mails of the host application: to be sent, or only to be kept because it sent them itself.

mod log;

use serde_json::{Value, json};

pub use self::log::{LEAST_SEARCHED, LIST, MailQuery, headers, list, search_text, show, topic};
use super::input::{
    BREAKS, Faults, Given, InputField, ListOf, OrNull, ReadInput, inputs, line_schema,
};
use super::making::{Kind, Making, once};
use super::{Context, Result};
use crate::domain::id::MailId;
use crate::domain::mail::{
    MAX_BODY, MAX_RECEIVERS, MAX_SUBJECT, MAX_TOPIC, MailError, MailState, Mailbox, NewMail,
    Senders, body, one_line,
};
use crate::store::{account, mail};

inputs! {
    /// A mail as it is given.
    MailInput {
        /// What it is about, for the log.
        topic: Line<MAX_TOPIC> = "Password Reset",
        /// Who it is from: one of the account's `mail_senders`. Left out or null: the first
        /// address of these, or without any `mail_from` of the settings.
        from: Option<OrNull<Mailbox>> = "Shop <shop@example.com>",
        /// Who gets it.
        to: Receivers = ["Ann <ann@example.com>"],
        /// Where an answer goes, if not to `from`.
        reply_to: Option<OrNull<Mailbox>> = "help@example.com",
        /// One line.
        subject: Line<MAX_SUBJECT> = "Reset your password",
        /// As people read it, at most 512 KiB. May be left out with `record_only`.
        text: Option<OrNull<Content>> = "Hello Ann,",
        /// The same as HTML, at most 512 KiB.
        html: Option<OrNull<Content>> = "<p>Hello Ann,</p>",
        /// The application sent it itself: Herald only records it, as sent.
        record_only: Option<OrNull<bool>> = false,
    }
}

/// One line of 1 to `MOST` characters.
#[derive(Debug, Clone)]
pub struct Line<const MOST: usize>(String);

impl<const MOST: usize> Line<MOST> {
    /// The line.
    #[must_use]
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl<const MOST: usize> InputField for Line<MOST> {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        given.read(faults, |text| {
            one_line(text, MOST).map(|line| Self(line.to_owned()))
        })
    }

    fn schema() -> Value {
        line_schema(1, MOST, BREAKS)
    }
}

/// Who gets a mail.
#[derive(Debug, Clone)]
pub struct Receivers(Vec<Mailbox>);

impl InputField for Receivers {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let ListOf(to) = ListOf::<Mailbox, 0, { usize::MAX }>::read(given, faults)?;
        match to.len() {
            1..=MAX_RECEIVERS => Some(Self(to)),
            number => faults.refuse(MailError::Receivers { number }.to_string()),
        }
    }

    fn schema() -> Value {
        ListOf::<Mailbox, 1, MAX_RECEIVERS>::schema()
    }
}

/// A body. The character 0, which no database keeps, is made visible like its kind.
#[derive(Clone)]
pub struct Content(String);

/// It may hold a link that lets somebody in.
impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl InputField for Content {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let read = match given {
            Given::Json(Value::String(text)) => body(&text),
            Given::Typed(text) => body(&text),
            Given::Json(_) | Given::Raw(_) => {
                return faults.refuse(format!("must be a string of at most {MAX_BODY} bytes"));
            }
        };
        faults.note(read.map(Self))
    }

    fn schema() -> Value {
        json!({ "type": "string", "maxLength": MAX_BODY })
    }
}

/// Takes a mail: it is committed, and sent as soon as the mail server takes it, or only recorded.
///
/// # Errors
/// Every fault of the input at once, a sender that the account may not use among them; or the
/// database is away.
pub async fn send(
    cx: Context<'_>,
    making: Making<'_>,
    read: ReadInput<MailInput>,
) -> Result<(MailId, MailState)> {
    let make = send_now(cx, making, read);
    let show = async |id| Ok((id, show(cx, id).await?.0.state));
    let kind = (Kind::Mail, making);
    once(cx.database(), Some(cx.account), kind, make, show).await
}

async fn send_now(
    cx: Context<'_>,
    making: Making<'_>,
    mut read: ReadInput<MailInput>,
) -> Result<(MailId, MailState)> {
    let mails = cx.engine.mails();
    let own = account::find(cx.database(), cx.account).await?;
    let senders = Senders {
        listed: own.as_ref().and_then(|own| own.mail_senders.as_deref()),
        mail_from: &mails.from(),
    };
    let (fields, faults) = (&read.fields, &mut read.faults);
    let record_only = fields.record_only.and_then(given).unwrap_or(false);
    if !record_only && matches!(fields.text, Some(None | Some(OrNull(None)))) {
        faults.add_at("/text", "is missing");
    }
    let from = match fields.from.clone().and_then(given) {
        // The application sent it as whoever it is.
        Some(named) if record_only => named,
        named => senders.choose(named).unwrap_or_else(|detail| {
            faults.add_at("/from", detail);
            senders.mail_from.clone()
        }),
    };
    let input = read.finish()?;
    let mail = NewMail {
        topic: input.topic.0,
        from,
        to: input.to.0,
        reply_to: given(input.reply_to),
        subject: input.subject.0,
        text: given(input.text).map(|text| text.0).unwrap_or_default(),
        html: given(input.html).map(|html| html.0),
    };
    let id = mail::take(cx.database(), cx.account, &mail, record_only, making).await?;
    if record_only {
        return Ok((id, MailState::Sent));
    }
    mails.wake();
    Ok((id, MailState::Queued))
}

/// A value that is there and not null.
fn given<T>(field: Option<OrNull<T>>) -> Option<T> {
    field.and_then(|field| field.0)
}
