//! One connection to the mail server, and one mail over it, receiver by receiver.
//!
//! lettre's own transport gives a mail up at the first receiver that is refused, and its pool
//! takes a connection back whose answer is still under way when a deadline cuts a mail off: the
//! next mail would get that answer. So its connection is used as it is, and one that was
//! cut off is dropped.

use std::time::{Duration, Instant};

use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailParameter};
use lettre::transport::smtp::response::Response;

use super::compose::Composed;
use super::sender::{ReceiverResult, Verdict};
use super::settings::Server;
use super::way;
use crate::domain::mail::shown_reply;

/// Mails over one connection: some servers take no more.
const MAILS: u32 = 100;
/// After so long without a mail, many servers have hung up.
const IDLE: Duration = Duration::from_secs(20);

/// The connection failed; nothing is known of the mail under way but that no answer came.
#[derive(Debug)]
pub(super) struct Broken {
    /// What happened.
    pub(super) error: String,
    /// Nothing of the mail itself was answered: the fault is the server's or the way's.
    pub(super) before_mail: bool,
}

/// A connection that is ready for a mail.
pub(super) struct SmtpSession {
    connection: AsyncSmtpConnection,
    mails: u32,
    last: Instant,
}

impl SmtpSession {
    /// Connects, encrypts as the settings demand, and signs in.
    pub(super) async fn open(server: &Server) -> Result<Self, Broken> {
        let broken = |error: String| Broken {
            error: shown_reply(&error),
            before_mail: true,
        };
        let mut connection = way::connect(server).await.map_err(&broken)?;
        if let Some(credentials) = &server.credentials {
            let signed = connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials);
            signed.await.map_err(|error| {
                broken(format!(
                    "the mail server refuses the user or the password: {}",
                    error_text(&error)
                ))
            })?;
        }
        Ok(Self {
            connection,
            mails: 0,
            last: Instant::now(),
        })
    }

    /// Whether another mail may be sent over it.
    pub(super) fn is_fresh(&self) -> bool {
        self.mails < MAILS && self.last.elapsed() < IDLE && !self.connection.has_broken()
    }

    /// Whether it was used before: then the server may have hung up meanwhile.
    pub(super) const fn was_used(&self) -> bool {
        self.mails > 0
    }

    /// Sends one mail; returns what became of each receiver, in order.
    pub(super) async fn send(
        &mut self,
        from: &Address,
        to: &[Address],
        mail: &Composed,
    ) -> Result<Vec<ReceiverResult>, Broken> {
        let answers = self.try_send(from, to, mail).await?;
        self.mails += 1;
        self.last = Instant::now();
        Ok(answers)
    }

    async fn try_send(
        &mut self,
        from: &Address,
        to: &[Address],
        mail: &Composed,
    ) -> Result<Vec<ReceiverResult>, Broken> {
        let mut parameters = Vec::new();
        if let Some(address) = mail.beyond_ascii() {
            // RFC 6531, 3.1: a server that offers the one offers the other.
            let server = self.connection.server_info();
            let offered = server.supports_feature(Extension::SmtpUtfEight)
                && server.supports_feature(Extension::EightBitMime);
            if !offered {
                let refused = ReceiverResult {
                    verdict: Verdict::Permanent,
                    reply: shown_reply(&format!(
                        "The mail server takes no address with letters beyond ASCII before the @ \
                         (it does not offer SMTPUTF8): use another address for {address}, or \
                         another mail server."
                    )),
                };
                return Ok(vec![refused; to.len()]);
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let begun = self
            .connection
            .command(Mail::new(Some(from.clone()), parameters))
            .await;
        if let Err(error) = begun {
            let answer = refusal(&error, true)?;
            self.reset().await;
            return Ok(vec![answer; to.len()]);
        }
        let mut answers = Vec::with_capacity(to.len());
        for address in to {
            let taken = self
                .connection
                .command(Rcpt::new(address.clone(), vec![]))
                .await;
            answers.push(match taken {
                Ok(_) => None,
                Err(error) => Some(refusal(&error, false)?),
            });
        }
        if answers.iter().all(Option::is_some) {
            self.reset().await;
            return Ok(answers.into_iter().flatten().collect());
        }
        let sent = match self.connection.command(Data).await {
            Ok(_) => self.connection.message(mail.bytes()).await,
            Err(error) => Err(error),
        };
        let rest = match sent {
            Ok(response) => ReceiverResult {
                verdict: Verdict::Accepted,
                reply: shown_reply(&reply(&response)),
            },
            Err(error) => {
                let answer = refusal(&error, false)?;
                self.reset().await;
                answer
            }
        };
        let all = answers
            .into_iter()
            .map(|own| own.unwrap_or_else(|| rest.clone()));
        Ok(all.collect())
    }

    /// Leaves the mail that was refused behind.
    async fn reset(&mut self) {
        if self.connection.command(Rset).await.is_err() {
            // It is not used again.
            self.mails = MAILS;
        }
    }

    /// Says goodbye.
    pub(super) async fn close(mut self) {
        let _ = self.connection.quit().await;
    }
}

/// What a server said against a mail. An error: it hung up, or says that it will.
fn refusal(error: &SmtpError, before_mail: bool) -> Result<ReceiverResult, Broken> {
    let code = error.status().map(u16::from);
    let reply = shown_reply(&error_text(error));
    match code {
        // RFC 5321, 3.8: the server shuts down; whatever was asked was not judged.
        Some(421) | None => Err(Broken {
            error: reply,
            before_mail,
        }),
        Some(_) => Ok(ReceiverResult {
            verdict: if error.is_permanent() {
                Verdict::Permanent
            } else {
                Verdict::Temporary
            },
            reply,
        }),
    }
}

/// A server's reply as it said it, or what went wrong.
pub(super) fn error_text(error: &SmtpError) -> String {
    use std::error::Error;
    match (error.status(), error.source()) {
        (Some(code), Some(text)) => format!("{} {text}", u16::from(code)),
        (Some(code), None) => u16::from(code).to_string(),
        (None, _) => error.to_string(),
    }
}

fn reply(response: &Response) -> String {
    let text: Vec<&str> = response.message().collect();
    format!("{} {}", u16::from(response.code()), text.join(" "))
}
