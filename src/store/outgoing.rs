//! Herald's own mails: whatever sends one hands it over here, within its own transaction. This
//! module knows the queue, and neither SMTP nor the mail log.

use std::sync::{PoisonError, RwLock};

use super::mail::enqueue_batch;
use super::{Connection, StoreError};
use crate::domain::email::Email;
use crate::domain::id::AccountId;
use crate::domain::mail::{MAX_SUBJECT, MAX_TOPIC, Mailbox, NewMail, body, in_one_line};

/// Who the mails of this process are from. Unset in commands, which send none.
static SENDER: RwLock<Option<(Mailbox, bool)>> = RwLock::new(None);

/// Says that this process sends mail, in whose name, and whether it reaches people: without a
/// mail server it becomes files, which are no way to bring somebody a link. The last call counts.
pub fn send_as(sender: Mailbox, reaches_people: bool) {
    *SENDER.write().unwrap_or_else(PoisonError::into_inner) = Some((sender, reaches_people));
}

/// A mail to one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMail {
    /// Its heading in the log.
    pub topic: &'static str,
    /// To whom.
    pub to: Email,
    /// Their name; empty: not known.
    pub to_name: String,
    /// One line.
    pub subject: String,
    /// The body.
    pub text: String,
    /// The body opens a door: whoever reads the log must not see it.
    pub confidential: bool,
}

/// What became of a mail that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handed {
    /// It is sent once the transaction is committed.
    Queued,
    /// Nothing sends mail here, or not to this address: the caller must pass it on in another way.
    NoMail,
}

/// Hands a mail over. It is sent if the caller's transaction is committed.
///
/// # Errors
/// When the database is away.
pub async fn hand_over(
    connection: &mut Connection,
    account: AccountId,
    mail: &OutgoingMail,
) -> Result<Handed, StoreError> {
    let sender = SENDER
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let Some((sender, reaches_people)) = sender else {
        return Ok(Handed::NoMail);
    };
    if mail.confidential && !reaches_people {
        return Ok(Handed::NoMail);
    }
    let name = in_one_line(&mail.to_name, 200);
    let name = Some(name.as_str()).filter(|name| !name.is_empty());
    let to = match Mailbox::new(name, mail.to.as_str()) {
        Ok(to) => to,
        Err(error) => {
            tracing::warn!(topic = mail.topic, %error, "a user's address takes no mail");
            return Ok(Handed::NoMail);
        }
    };
    let new = NewMail {
        topic: in_one_line(mail.topic, MAX_TOPIC),
        from: sender,
        to: vec![to],
        reply_to: None,
        subject: in_one_line(&mail.subject, MAX_SUBJECT),
        text: body(&mail.text).unwrap_or_default(),
        html: None,
    };
    let batch = [(account, &new)];
    let ids = enqueue_batch(connection, &batch, false).await?;
    if let Some(id) = ids.first().filter(|_| mail.confidential) {
        super::mail::make_confidential(connection, account, *id).await?;
    }
    Ok(Handed::Queued)
}
