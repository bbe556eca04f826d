//! One try of one mail: written down, handed over, and what is to be recorded of it.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::domain::mail::{Mailbox, TryOutcome, retry_delay};
use crate::mail::{
    ComposeError, Composed, Letter, MailEnvelope, MailSender, ReceiverResult, SendReport, Verdict,
    compose,
};
use crate::store::mail::{Again, ClaimedMail, MailTry};

/// A try that ended.
pub(super) struct EndedTry {
    pub(super) record: MailTry,
    /// Whether the mail server was reached; none: it was not asked.
    pub(super) reached: Option<bool>,
    /// How long the conversation with the mail server took; none: there was none.
    pub(super) took: Option<Duration>,
}

/// The mail server's reply for one receiver, for people.
#[derive(Serialize)]
struct ReceiverReply<'a> {
    to: &'a str,
    taken: bool,
    reply: &'a str,
}

/// Makes one try.
pub(super) async fn send(
    sender: &MailSender,
    mail: &ClaimedMail,
    server_is_down: bool,
    jitter: f64,
) -> EndedTry {
    if mail.orphaned {
        return unasked(mail, "Its delivery was cancelled before it was sent.");
    }
    if mail.expired && (server_is_down || mail.failures > 0) {
        return unasked(mail, "The mail server did not take it within four days.");
    }
    let (from, composed) = match written(mail) {
        Ok(written) => written,
        Err(reason) => return unasked(mail, &reason),
    };
    let begun = Instant::now();
    let envelope = MailEnvelope {
        from: &from,
        to: &mail.pending,
        name: &mail.message_id,
    };
    let report = sender.send(&envelope, &composed).await;
    let took = begun.elapsed();
    let duration = i32::try_from(took.as_millis()).unwrap_or(i32::MAX);
    EndedTry {
        reached: Some(!report.unreachable),
        took: Some(took),
        record: judge(mail, &report, duration, jitter),
    }
}

/// Writes a claimed mail down.
fn written(mail: &ClaimedMail) -> Result<(String, Composed), String> {
    let read = |text: &str| {
        text.parse::<Mailbox>()
            .map_err(|error| format!("It cannot be sent: {text:?}: {error}."))
    };
    let from = read(&mail.sender)?;
    let to = mail
        .receivers
        .iter()
        .map(|it| read(it))
        .collect::<Result<Vec<_>, _>>()?;
    let reply_to = mail.reply_to.as_deref().map(read).transpose()?;
    let letter = Letter {
        from: &from,
        to: &to,
        reply_to: reply_to.as_ref(),
        subject: &mail.subject,
        text: &mail.text,
        html: mail.html.as_deref(),
        message_id: &mail.message_id,
        date: mail.created_at,
    };
    let composed =
        compose(&letter).map_err(|error: ComposeError| format!("It cannot be sent: {error}."))?;
    Ok((from.address(), composed))
}

/// Ends a try without asking the mail server.
fn unasked(mail: &ClaimedMail, reason: &str) -> EndedTry {
    EndedTry {
        reached: None,
        took: None,
        record: MailTry {
            account: mail.account(),
            mail: mail.id(),
            n: mail.n,
            duration_ms: 0,
            outcome: TryOutcome::Failed,
            reply: reason.to_owned(),
            receivers: None,
            again: None,
            tried: false,
        },
    }
}

/// A mail ends when no receiver is left: as sent only if all of them were taken. It is tried
/// again for those that were refused for now, as long as the schedule lasts.
fn judge(mail: &ClaimedMail, report: &SendReport, duration_ms: i32, jitter: f64) -> MailTry {
    let pairs = || mail.pending.iter().zip(&report.results);
    let of = |verdict: Verdict| pairs().filter(move |(_, result)| result.verdict == verdict);
    let left: Vec<String> = of(Verdict::Temporary).map(|(to, _)| to.clone()).collect();
    let refused = mail.refused || of(Verdict::Permanent).next().is_some();
    let failures = u32::try_from(mail.failures)
        .unwrap_or(u32::MAX)
        .saturating_add(1);
    let delay = retry_delay(failures, jitter);
    let again = delay.filter(|_| !left.is_empty() && !mail.expired);
    let outcome = match (&again, refused || !left.is_empty()) {
        (Some(_), _) => TryOutcome::Retry,
        (None, true) => TryOutcome::Failed,
        (None, false) => TryOutcome::Sent,
    };
    // What decides is shown: a refusal before a delay before a success.
    let decisive = of(Verdict::Permanent)
        .chain(of(Verdict::Temporary))
        .chain(of(Verdict::Accepted))
        .next();
    let reply = match decisive {
        Some((to, ReceiverResult { reply, verdict })) if report.results.len() > 1 => {
            match verdict {
                Verdict::Accepted => reply.clone(),
                Verdict::Temporary | Verdict::Permanent => format!("{to}: {reply}"),
            }
        }
        Some((_, result)) => result.reply.clone(),
        None => String::new(),
    };
    let replies: Vec<ReceiverReply<'_>> = pairs()
        .map(|(to, result)| ReceiverReply {
            to,
            taken: result.verdict == Verdict::Accepted,
            reply: &result.reply,
        })
        .collect();
    MailTry {
        account: mail.account(),
        mail: mail.id(),
        n: mail.n,
        duration_ms,
        outcome,
        reply,
        receivers: (replies.len() > 1)
            .then(|| serde_json::to_string(&replies).ok())
            .flatten(),
        again: again.map(|due_in| Again {
            due_in,
            pending: left,
            refused,
        }),
        tried: true,
    }
}
