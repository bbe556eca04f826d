//! Mails of the host application: to be sent, or only to be kept because it sent them itself.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::id::MailId;
use crate::domain::mail::{
    MAX_BODY, MAX_RECEIVERS, MAX_SUBJECT, MAX_TOPIC, MailError, MailState, Mailbox, NewMail,
    Senders, body, one_line,
};
use crate::http::body as request_body;
use crate::http::fields::{self, Fields};
use crate::http::guard::Account;
use crate::http::path::no_query;
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::store::{account, mail};

/// Upper bound of a request, in bytes: both texts as JSON, and all else.
const MAX_MAIL_BYTES: usize = 4 << 20;

/// A mail as it is given.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes the body; `Fields` reads it")]
pub(in crate::http) struct MailInput {
    /// What it is about, for the log: 1 to 100 characters.
    #[schema(example = "Password Reset")]
    topic: String,
    /// Who it is from: one of the account's `mail_senders`. Left out: the first address of these,
    /// or without any `mail_from` of the settings.
    #[schema(example = "Shop <shop@example.com>")]
    from: Option<String>,
    /// Who gets it: 1 to 50.
    #[schema(example = json!(["Ann <ann@example.com>"]))]
    to: Vec<String>,
    /// Where an answer goes, if not to `from`.
    reply_to: Option<String>,
    /// One line of 1 to 500 characters.
    #[schema(example = "Reset your password")]
    subject: String,
    /// As people read it, at most 512 KiB. May be left out with `record_only`.
    text: String,
    /// The same as HTML, at most 512 KiB.
    html: Option<String>,
    /// The application sent it itself: it only stands in the log, as sent.
    #[schema(default = false)]
    record_only: Option<bool>,
}

/// The answer to a mail.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct MailTaken {
    /// Its id.
    #[schema(value_type = String, example = "mail_01h455vb4pex5vsknk084sn02q")]
    id: MailId,
    /// `queued`, or `sent` with `record_only`.
    #[schema(value_type = String, example = "queued")]
    state: MailState,
}

/// Send a mail, or record one
///
/// It is sent as soon as the mail server takes it: after refusals for now (4xx) and faults of the
/// network again after 5, 15 and 30 minutes, then hourly up to four days; a refusal for good
/// (5xx) ends it. With `record_only` it was sent by the application and only stands in the log.
#[utoipa::path(
    post, path = "/v1/mails", tag = "mails",
    request_body = MailInput,
    responses(
        (status = 201, description = "It is recorded (`record_only`)", body = MailTaken),
        (status = 202, description = "It is committed and will be sent", body = MailTaken),
        (status = 413, description = "Larger than 4 MiB", body = ProblemDocument),
        (status = 422, description = "A wrong value", body = ProblemDocument),
        (status = 503, description = "The database is away", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn send(
    shared: Data<Shared>,
    Account(account): Account,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let bytes = request_body::read(&request, payload, MAX_MAIL_BYTES).await?;
    let mails = shared.engine.mails();
    let own = account::find(shared.engine.database(), account).await?;
    let senders = Senders {
        listed: own.as_ref().and_then(|own| own.mail_senders.as_deref()),
        mail_from: &mails.from(),
    };
    let (mail, record_only) = prepare(&bytes, senders)?;
    let mut connection = shared.engine.database().get().await?;
    let batch = [(account, &mail)];
    let ids = mail::enqueue_batch(&mut connection, &batch, record_only).await?;
    let id = ids.into_iter().next();
    let id = id.ok_or_else(|| Problem::not_found("mail"))?;
    if record_only {
        let state = MailState::Sent;
        return Ok(HttpResponse::Created().json(MailTaken { id, state }));
    }
    mails.wake();
    let state = MailState::Queued;
    Ok(HttpResponse::Accepted().json(MailTaken { id, state }))
}

/// Checks a body and makes a mail of it; says whether it is only to be recorded.
fn prepare(bytes: &[u8], senders: Senders<'_>) -> Result<(NewMail, bool), Problem> {
    let mut fields = Fields::parse(bytes)?;
    let record_only = fields.take_nullable("record_only", |value| {
        value
            .as_bool()
            .ok_or_else(|| "must be true or false".to_owned())
    });
    let record_only = record_only.flatten().unwrap_or(false);
    let topic = fields.need("topic", |value| line(value, MAX_TOPIC));
    let named = fields.take_nullable("from", fields::parsed::<Mailbox>);
    let to = receivers(&mut fields);
    let reply_to = fields.take_nullable("reply_to", fields::parsed::<Mailbox>);
    let subject = fields.need("subject", |value| line(value, MAX_SUBJECT));
    let text = if record_only {
        fields.take_nullable("text", content).flatten()
    } else {
        fields.need("text", content)
    };
    let html = fields.take_nullable("html", content);
    let from = match named.flatten() {
        // The application sent it as whoever it is.
        Some(named) if record_only => named,
        named => senders.choose(named).unwrap_or_else(|detail| {
            fields.fault("/from", detail);
            senders.mail_from.clone()
        }),
    };
    fields.finish()?;
    let mail = NewMail {
        topic: topic.unwrap_or_default(),
        from,
        to,
        reply_to: reply_to.flatten(),
        subject: subject.unwrap_or_default(),
        text: text.unwrap_or_default(),
        html: html.flatten(),
    };
    Ok((mail, record_only))
}

fn receivers(fields: &mut Fields) -> Vec<Mailbox> {
    if !fields.has("to") {
        fields.fault("/to", "is missing");
    }
    let Some(to) = fields.take_list("to", fields::parsed::<Mailbox>) else {
        return Vec::new();
    };
    let number = to.len();
    if !(1..=MAX_RECEIVERS).contains(&number) {
        fields.fault("/to", MailError::Receivers { number }.to_string());
    }
    to
}

fn line(value: Value, most: usize) -> Result<String, String> {
    let text = fields::text(value)?;
    let line = one_line(&text, most).map_err(|error| error.to_string())?;
    Ok(line.to_owned())
}

/// A body. The character 0, which no database keeps, is made visible like its kind.
fn content(value: Value) -> Result<String, String> {
    let Value::String(text) = value else {
        return Err(format!("must be a string of at most {MAX_BODY} bytes"));
    };
    body(&text).map_err(|error| error.to_string())
}
