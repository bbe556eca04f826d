//! A mail: who it is from and to, what it says, and when it is tried again.
//!
//! The file owns what a mail may hold, so that no value of it can become a line of a protocol.
//! It knows neither how a mail is written down (MIME) nor how it is sent (SMTP).

mod mailbox;
mod senders;

use std::time::Duration;

pub use mailbox::{AddressError, Mailbox};
pub use senders::{MAX_SENDERS, Sender, Senders};

/// Upper bound of a topic, in characters.
pub const MAX_TOPIC: usize = 100;
/// Upper bound of a subject, in characters.
pub const MAX_SUBJECT: usize = 500;
/// Upper bound of the receivers of one mail.
pub const MAX_RECEIVERS: usize = 50;
/// Upper bound of a text or an HTML text, in bytes each.
pub const MAX_BODY: usize = 512 << 10;
/// Upper bound of what the log keeps of a server's reply, in characters.
pub const MAX_REPLY: usize = 500;
/// How long a mail is tried.
pub const GIVE_UP: Duration = Duration::from_secs(4 * 86_400);

text_enum! {
    /// How far a mail is.
    MailState, "a state of a mail" {
        /// It waits, for its first try or another.
        Queued = "queued",
        /// The mail server took it for all its receivers.
        Sent = "sent",
        /// The mail server refused it for at least one receiver, or the tries are used up.
        Failed = "failed",
    }
}

text_enum! {
    /// What one try came to.
    TryOutcome, "an outcome of a try" {
        /// The server took it for every receiver that was left.
        Sent = "sent",
        /// Nothing more will be tried.
        Failed = "failed",
        /// It will be tried again for those that are left.
        Retry = "retry",
    }
}

/// A mail to be queued or recorded, every value checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail {
    /// What it is about, for the log: `Password Reset`.
    pub topic: String,
    /// Who it is from.
    pub from: Mailbox,
    /// Who gets it, 1 to [`MAX_RECEIVERS`].
    pub to: Vec<Mailbox>,
    /// Where an answer goes, if not to `from`.
    pub reply_to: Option<Mailbox>,
    /// One line.
    pub subject: String,
    /// As people read it; lines end with `\n`.
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
}

impl NewMail {
    /// A mail of a text alone, every value checked; see [`one_line`] and [`body`].
    ///
    /// # Errors
    /// A topic or a subject that is no such line, no receiver, or too many.
    pub fn new(
        topic: &str,
        from: Mailbox,
        to: Vec<Mailbox>,
        subject: &str,
        text: &str,
    ) -> Result<Self, MailError> {
        if !(1..=MAX_RECEIVERS).contains(&to.len()) {
            return Err(MailError::Receivers { number: to.len() });
        }
        Ok(Self {
            topic: one_line(topic, MAX_TOPIC)?.to_owned(),
            from,
            to,
            reply_to: None,
            subject: one_line(subject, MAX_SUBJECT)?.to_owned(),
            text: body(text)?,
            html: None,
        })
    }
}

/// What is wrong with a value of a mail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// Too short or too long.
    #[error("must have 1 to {most} characters, not {length}")]
    Length {
        /// How many it has.
        length: usize,
        /// How many it may have.
        most: usize,
    },
    /// It would not stay one line, or would look like another.
    #[error(
        "must be one line: it may not hold {found:?}, nor any other line break, control \
         character or change of direction"
    )]
    Control {
        /// The first such character.
        found: char,
    },
    /// None, or too many.
    #[error("must hold 1 to {MAX_RECEIVERS} receivers, not {number}")]
    Receivers {
        /// How many there are.
        number: usize,
    },
    /// A text that is too large.
    #[error("must have at most {MAX_BODY} bytes, not {bytes}")]
    Body {
        /// How many it has.
        bytes: usize,
    },
}

/// A value that stays one line of a header, without white space around it.
///
/// # Errors
/// Not 1 to `most` characters, or one that breaks the line, or hides what it says.
pub fn one_line(text: &str, most: usize) -> Result<&str, MailError> {
    // First what could break out, so that trimming hides none of it.
    if let Some(found) = text.chars().find(|c| breaks_line(*c)) {
        return Err(MailError::Control { found });
    }
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 || length > most {
        return Err(MailError::Length { length, most });
    }
    Ok(text)
}

/// A text made one line: what could break out of it becomes a space, what is too long is cut.
#[must_use]
pub fn in_one_line(text: &str, most: usize) -> String {
    let plain = |c: char| if breaks_line(c) { ' ' } else { c };
    let line: String = text.chars().map(plain).collect();
    let line: String = line.trim().chars().take(most).collect();
    line.trim_end().to_owned()
}

/// Line breaks of every kind, control characters, and the marks that change the direction of a
/// text so that it reads as another.
fn breaks_line(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A body with one kind of line end (`\n`) and no control character that could end a line or a
/// text anywhere: each becomes U+FFFD, tabs stay.
///
/// # Errors
/// More than [`MAX_BODY`] bytes.
pub fn body(text: &str) -> Result<String, MailError> {
    if text.len() > MAX_BODY {
        return Err(MailError::Body { bytes: text.len() });
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\r' => {
                characters.next_if_eq(&'\n');
                plain.push('\n');
            }
            '\n' | '\t' => plain.push(c),
            c if c.is_control() => plain.push('\u{fffd}'),
            c => plain.push(c),
        }
    }
    Ok(plain)
}

/// What a server said, fit to be kept and shown: one line, bounded, control characters visible.
#[must_use]
pub fn shown_reply(text: &str) -> String {
    let text = text.trim();
    let mut shown = String::with_capacity(text.len().min(MAX_REPLY));
    for (place, c) in text.chars().enumerate() {
        if place >= MAX_REPLY {
            shown.push('…');
            break;
        }
        if breaks_line(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// How long a mail waits after so many tries that failed for now: 5, 15 and 30 minutes, then an
/// hour. None: four days are used up.
///
/// `jitter` (0 to 1) adds up to a tenth, so that what failed together is not tried together.
#[must_use]
pub fn retry_delay(failures: u32, jitter: f64) -> Option<Duration> {
    const FIRST: [u64; 3] = [300, 900, 1_800];
    const HOUR: u64 = 3_600;
    let place = failures.saturating_sub(1) as usize;
    let base = FIRST.get(place).copied().unwrap_or(HOUR);
    let before: u64 = FIRST.iter().take(place).sum::<u64>()
        + HOUR * u64::try_from(place.saturating_sub(FIRST.len())).unwrap_or(u64::MAX / HOUR / 2);
    if before + base > GIVE_UP.as_secs() {
        return None;
    }
    let base = Duration::from_secs(base);
    Some(base + base.mul_f64(jitter.clamp(0.0, 1.0) / 10.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_of_a_header_can_hold_a_second_line() {
        for bad in [
            "a\r\nBcc: x@example.com",
            "a\nb",
            "a\rb",
            "a\0b",
            "\r\n",
            "a\u{b}b",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{202e}b",
            "trailing\r\n",
        ] {
            assert!(
                matches!(one_line(bad, 100), Err(MailError::Control { .. })),
                "{bad:?}"
            );
        }
        assert_eq!(one_line("  Größe: 5 € ", 100), Ok("Größe: 5 €"));
        assert!(one_line("", 100).is_err());
        assert!(one_line(&"ä".repeat(101), 100).is_err());
    }

    #[test]
    fn a_body_has_one_kind_of_line_end_and_nothing_that_ends_it() {
        assert_eq!(
            body("a\r\nb\rc\nd\0e\u{1b}[31m\tf\r"),
            Ok("a\nb\nc\nd\u{fffd}e\u{fffd}[31m\tf\n".to_owned())
        );
        assert!(body(&"x".repeat(MAX_BODY + 1)).is_err());
    }

    #[test]
    fn a_reply_is_kept_in_one_visible_bounded_line() {
        assert_eq!(shown_reply("550 no\r\n\u{1b}[0m"), "550 no\\r\\n\\u{1b}[0m");
        assert_eq!(
            shown_reply(&"x".repeat(2_000)).chars().count(),
            MAX_REPLY + 1
        );
    }

    #[test]
    fn a_mail_is_tried_after_5_15_30_minutes_then_hourly_for_four_days() {
        let minutes = |failures| retry_delay(failures, 0.0).map(|it| it.as_secs() / 60);
        assert_eq!(
            [1, 2, 3, 4, 5, 50].map(minutes),
            [Some(5), Some(15), Some(30), Some(60), Some(60), Some(60)]
        );
        let mut all = Duration::ZERO;
        let mut failures = 1;
        while let Some(delay) = retry_delay(failures, 0.0) {
            all += delay;
            failures += 1;
        }
        assert!(all <= GIVE_UP && all + Duration::from_secs(3_600) > GIVE_UP);
        assert_eq!(retry_delay(u32::MAX, 0.0), None);
        assert_eq!(retry_delay(1, 1.0), Some(Duration::from_secs(330)));
    }
}
