//! The seam to the outgoing mail: what has a mail to send hands it over here, within its own
//! transaction. It knows neither SMTP nor the mail log.

use super::{Connection, StoreError};
use crate::domain::email::Email;
use crate::domain::id::AccountId;

/// A mail to one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMail {
    /// Under which heading it stands in the log.
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
    /// Nothing sends mail here: the caller must tell in another way.
    NoMail,
}

/// Hands a mail over. It is sent if the caller's transaction is committed.
///
/// # Errors
/// When the database is away.
#[allow(
    clippy::unused_async,
    reason = "the queue of mails takes this place and asks the database"
)]
pub async fn hand_over(
    _connection: &mut Connection,
    _account: AccountId,
    _mail: &OutgoingMail,
) -> Result<Handed, StoreError> {
    Ok(Handed::NoMail)
}
