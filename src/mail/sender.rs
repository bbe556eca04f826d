//! Hands a mail to the mail server, within one deadline, and reports what it said.

use lettre::Address;

use super::compose::Composed;
use super::folder;
use super::pool::Pool;
use super::session::{Broken, SmtpSession};
use super::settings::{MailSettings, Server};
use crate::domain::mail::shown_reply;

/// Between whom a mail is sent. The addresses are those of [`crate::domain::mail::Mailbox`].
#[derive(Debug, Clone, Copy)]
pub struct MailEnvelope<'a> {
    /// The sender's bare address: where a bounce goes.
    pub from: &'a str,
    /// The receivers' bare addresses.
    pub to: &'a [String],
    /// What names the mail's file where there is no server.
    pub name: &'a str,
}

/// What a server thinks of one receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It took the mail.
    Accepted,
    /// Not now: a 4xx reply, or no answer at all.
    Temporary,
    /// Never: a 5xx reply.
    Permanent,
}

/// What became of one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverResult {
    /// The server's verdict.
    pub verdict: Verdict,
    /// Its reply, or what went wrong: one line, bounded, control characters visible.
    pub reply: String,
}

/// What became of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendReport {
    /// For each receiver of the envelope, in order.
    pub results: Vec<ReceiverResult>,
    /// The server replied to no part of the mail itself: any other mail would fare the same now.
    pub unreachable: bool,
}

impl SendReport {
    fn all(to: &[String], verdict: Verdict, reply: &str) -> Self {
        let result = ReceiverResult {
            verdict,
            reply: shown_reply(reply),
        };
        Self {
            results: vec![result; to.len()],
            unreachable: false,
        }
    }
}

/// The way out for mails. It is used from one thread.
pub struct MailSender {
    settings: MailSettings,
    pool: Pool,
}

impl MailSender {
    /// Connects to nothing yet.
    #[must_use]
    pub const fn new(settings: MailSettings) -> Self {
        Self {
            pool: Pool::new(settings.connections),
            settings,
        }
    }

    /// Sends one mail. 5xx replies to the mail are permanent; whatever happens before it (no
    /// connection, no encryption, no sign-in) is not its fault and temporary.
    pub async fn send(&self, envelope: &MailEnvelope<'_>, mail: &Composed) -> SendReport {
        let Some(server) = &self.settings.server else {
            let name = envelope.name;
            return match folder::write(&self.settings.folder, name, mail.bytes()).await {
                Ok(reply) => SendReport::all(envelope.to, Verdict::Accepted, &reply),
                Err(error) => {
                    let reply = format!("the file cannot be written: {error}");
                    SendReport {
                        unreachable: true,
                        ..SendReport::all(envelope.to, Verdict::Temporary, &reply)
                    }
                }
            };
        };
        let read = |text: &String| text.parse::<Address>();
        let (Ok(from), Ok(to)) = (
            envelope.from.parse::<Address>(),
            envelope.to.iter().map(read).collect::<Result<Vec<_>, _>>(),
        ) else {
            let reply = "one of its addresses cannot be given to a mail server";
            return SendReport::all(envelope.to, Verdict::Permanent, reply);
        };
        let sent = self.within(server, &from, &to, mail);
        match tokio::time::timeout(self.settings.timeout, sent).await {
            Ok(Ok(results)) => SendReport {
                results,
                unreachable: false,
            },
            Ok(Err(broken)) => SendReport {
                unreachable: broken.before_mail,
                ..SendReport::all(envelope.to, Verdict::Temporary, &broken.error)
            },
            Err(_elapsed) => {
                let seconds = self.settings.timeout.as_secs();
                let reply = format!("the mail server did not answer within {seconds} s");
                SendReport {
                    unreachable: true,
                    ..SendReport::all(envelope.to, Verdict::Temporary, &reply)
                }
            }
        }
    }

    async fn within(
        &self,
        server: &Server,
        from: &Address,
        to: &[Address],
        mail: &Composed,
    ) -> Result<Vec<ReceiverResult>, Broken> {
        loop {
            let mut session = match self.pool.take() {
                Some(session) => session,
                None => SmtpSession::open(server).await?,
            };
            match session.send(from, to, mail).await {
                Ok(results) => {
                    self.pool.give(session);
                    return Ok(results);
                }
                // The server had hung up before this mail began: that says nothing of it.
                Err(broken) if broken.before_mail && session.was_used() => {}
                Err(broken) => return Err(broken),
            }
        }
    }

    /// Says goodbye to the server.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
