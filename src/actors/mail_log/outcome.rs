//! One try of one mail: written down, handed over, and what is to be recorded of it.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::domain::mail::{Mailbox, TryOutcome, retry_delay};
use crate::mail::{
    Answer, ComposeError, Composed, Envelope, Letter, Sender, Told, Verdict, compose,
};
use crate::store::mail::{Again, ClaimedMail, MailTry};

/// A try that ended.
pub(super) struct Ended {
    pub(super) record: MailTry,
    /// Whether the mail server was reached; none: it was not asked.
    pub(super) reached: Option<bool>,
    /// How long the conversation with the mail server took; none: there was none.
    pub(super) took: Option<Duration>,
}

/// What was said of one receiver, for people.
#[derive(Serialize)]
struct Said<'a> {
    to: &'a str,
    taken: bool,
    reply: &'a str,
}

/// Makes one try.
pub(super) async fn send(
    sender: &Sender,
    mail: &ClaimedMail,
    server_is_down: bool,
    jitter: f64,
) -> Ended {
    if mail.orphaned {
        return unasked(mail, "Its delivery was cancelled before it was sent.");
    }
    if mail.expired && (server_is_down || mail.failures > 0) {
        return unasked(mail, "The mail server did not take it within four days.");
    }
    let (from, composed) = match written(mail) {
        Ok(written) => written,
        Err(words) => return unasked(mail, &words),
    };
    let begun = Instant::now();
    let envelope = Envelope {
        from: &from,
        to: &mail.pending,
        name: &mail.message_id,
    };
    let told = sender.send(&envelope, &composed).await;
    let took = begun.elapsed();
    let duration = i32::try_from(took.as_millis()).unwrap_or(i32::MAX);
    Ended {
        reached: Some(!told.unreachable),
        took: Some(took),
        record: judge(mail, &told, duration, jitter),
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

/// It ends without the mail server being asked.
fn unasked(mail: &ClaimedMail, words: &str) -> Ended {
    Ended {
        reached: None,
        took: None,
        record: MailTry {
            account: mail.account(),
            mail: mail.id(),
            n: mail.n,
            duration_ms: 0,
            outcome: TryOutcome::Failed,
            reply: words.to_owned(),
            receivers: None,
            again: None,
            tried: false,
        },
    }
}

/// A mail ends when no receiver is left: as sent only if all of them were taken. It is tried
/// again for those that were refused for now, as long as the schedule lasts.
fn judge(mail: &ClaimedMail, told: &Told, duration_ms: i32, jitter: f64) -> MailTry {
    let pairs = || mail.pending.iter().zip(&told.answers);
    let of = |verdict: Verdict| pairs().filter(move |(_, answer)| answer.verdict == verdict);
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
        Some((to, Answer { reply, verdict })) if told.answers.len() > 1 => match verdict {
            Verdict::Accepted => reply.clone(),
            Verdict::Temporary | Verdict::Permanent => format!("{to}: {reply}"),
        },
        Some((_, answer)) => answer.reply.clone(),
        None => String::new(),
    };
    let said: Vec<Said<'_>> = pairs()
        .map(|(to, answer)| Said {
            to,
            taken: answer.verdict == Verdict::Accepted,
            reply: &answer.reply,
        })
        .collect();
    MailTry {
        account: mail.account(),
        mail: mail.id(),
        n: mail.n,
        duration_ms,
        outcome,
        reply,
        receivers: (said.len() > 1)
            .then(|| serde_json::to_string(&said).ok())
            .flatten(),
        again: again.map(|due_in| Again {
            due_in,
            pending: left,
            refused,
        }),
        tried: true,
    }
}
