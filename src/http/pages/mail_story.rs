//! One mail as a story: what it is, each attempt with what the server replied, and the content.

use serde::Deserialize;

use super::mail_log::state;
use super::prelude::*;
use crate::domain::mail::TryOutcome;
use crate::service::mails;
use crate::store::mail_log::{LoggedMail, LoggedTry, MailContent};

/// The most bytes of a text that a page shows.
const MOST_TEXT: usize = 16 << 10;
/// Attempts that are shown; a schedule has fewer.
const MOST_TRIES: usize = 30;
/// Receivers of one attempt that are shown.
const MOST_RECEIVERS: usize = 50;

/// A mail, its content, and its attempts.
type Story = (LoggedMail, MailContent, Vec<LoggedTry>);

/// What a page shows of a mail.
pub(super) fn body(visit: &Visit, story: &Story) -> Markup {
    let (mail, content, _) = story;
    html! {
        section class="panel" {
            dl class="facts" {
                dt { "State" } dd { (state(mail)) " " (state_note(visit, mail, content)) }
                dt { "Topic" } dd { (mail.topic) }
                dt { "From" } dd { (mail.sender) }
                dt { "To" } dd { (mail.receivers.join(", ")) }
                @if let Some(reply_to) = &content.reply_to { dt { "Reply to" } dd { (reply_to) } }
                dt { @if mail.recorded { "Recorded" } @else { "Queued" } }
                dd { (visit.reader.at(mail.created_at)) " (" (visit.reader.ago(mail.created_at)) ")" }
                @if let Some(at) = mail.sent_at { dt { "Sent" } dd { (visit.reader.at(at)) } }
                @if let Some((event, subscription)) = mail.delivery() {
                    dt { "Carries" }
                    dd { a href=(format!("/deliveries/{event}/{subscription}")) { "a delivery of " (event) } }
                }
                dt { "Message-ID" } dd { code id="message-id" { "<" (content.message_id) ">" } " " (ui::copy("message-id")) }
            }
        }
        @if !mail.recorded { (tries_of(visit, story)) }
        (says(mail, content))
        @if let Some(headers) = mails::headers(mail, content) {
            section class="panel" {
                details {
                    summary { "Header fields as they travel" }
                    (ui::code("mail-headers", &headers))
                }
            }
        }
    }
}

/// What its state means now, in short.
fn state_note(visit: &Visit, mail: &LoggedMail, content: &MailContent) -> Markup {
    html! {
        span class="muted" {
            @if mail.recorded { "Your application sent it." }
            @else if let Some(at) = content.next_attempt_at {
                @if at > visit.reader.now { "Next attempt " (visit.reader.ago(at)) "." }
                @else { "It is due now." }
            }
        }
    }
}

fn tries_of(visit: &Visit, (mail, content, tries): &Story) -> Markup {
    html! {
        section class="panel" {
            h2 { "Attempts" }
            @if tries.is_empty() && mail.attempts == 0 { p class="muted" { "There was no attempt yet." } }
            ol class="story" {
                @for one in tries.iter().take(MOST_TRIES) { (try_of(visit, one)) }
                @if let Some(at) = content.next_attempt_at.filter(|_| !tries.is_empty()) {
                    li { p class="muted" { "The next attempt is " (visit.reader.ago(at)) "." } }
                }
            }
        }
    }
}

/// What the server said of one receiver.
#[derive(Deserialize)]
struct MailReply {
    to: String,
    taken: bool,
    reply: String,
}

fn try_of(visit: &Visit, one: &LoggedTry) -> Markup {
    let class = match one.outcome {
        TryOutcome::Sent => "is-sent",
        TryOutcome::Failed => "is-error",
        TryOutcome::Retry => "is-wait",
    };
    let receivers = one.receivers.as_deref().unwrap_or("[]");
    let receivers: Vec<MailReply> = serde_json::from_str(receivers).unwrap_or_default();
    html! {
        li class=(class) {
            h3 { "Attempt " (one.n) " · " (visit.reader.at(one.at)) " · " (one.duration_ms) " ms" }
            p { (outcome_text(one)) }
            @if receivers.is_empty() { p { code { (one.reply) } } }
            @else {
                ul {
                    @for answer in receivers.iter().take(MOST_RECEIVERS) {
                        li {
                            (answer.to) ": "
                            @if answer.taken { "accepted. " } @else { "not accepted. " }
                            code { (answer.reply) }
                        }
                    }
                }
            }
        }
    }
}

/// The outcome of an attempt, as text.
fn outcome_text(one: &LoggedTry) -> String {
    let said = meaning(&one.reply);
    match one.outcome {
        TryOutcome::Sent if one.reply.starts_with("written to ") => {
            "No mail server is set, so the mail is a file in Herald's data folder.".to_owned()
        }
        TryOutcome::Sent => "The mail server accepted it.".to_owned(),
        TryOutcome::Retry => format!("{said} It will be retried."),
        TryOutcome::Failed => format!("{said} Herald stopped retrying."),
    }
}

/// What a server's reply means.
fn meaning(reply: &str) -> &'static str {
    // Of several receivers the reply begins with the one that decided.
    let words = reply.split([' ', '-', ':']);
    let mut codes = words.filter(|word| word.len() == 3);
    match codes.find_map(|word| word.parse::<u16>().ok()) {
        Some(421) => "The mail server is closing its connections.",
        Some(450) => "The mailbox is busy, or the mail server wants to see Herald again later.",
        Some(452) => "The mail server has too little room right now.",
        Some(400..=499) => "The mail server could not accept it for now.",
        Some(530) => "The mail server wants Herald to sign in first.",
        Some(535) => "The mail server did not accept Herald's name and password.",
        Some(550) => "There is no such mailbox, or the mail server accepts no mail for it.",
        Some(552) => "The mailbox is full, or the mail is too large for it.",
        Some(553) => "The mail server does not accept this address.",
        Some(500..=599) => "The mail server refused it.",
        _ => "The mail server did not accept it.",
    }
}

/// The mail's content.
fn says(mail: &LoggedMail, content: &MailContent) -> Markup {
    if content.confidential {
        return html! {
            section class="panel" {
                h2 { "Content" }
                p class="notice" {
                    "It holds a link for its receiver alone, so its content is shown to nobody else."
                }
            }
        };
    }
    html! {
        @if let Some(html) = content.html.as_deref().filter(|html| !html.is_empty()) {
            section class="panel" {
                h2 { "HTML" }
                p class="muted" {
                    "As a mail program may show it. Pictures from elsewhere are not loaded, and nothing runs or "
                    "leads away."
                }
                iframe class="mail" src=(format!("/mail/{}/html", mail.id())) sandbox=""
                    title="The mail's HTML" loading="lazy" referrerpolicy="no-referrer" {}
                details {
                    summary { "Source" }
                    (text("mail-html", html))
                }
            }
        }
        @if !content.text.is_empty() || content.html.is_none() {
            section class="panel" {
                h2 { "Text" }
                @if content.text.is_empty() { p class="muted" { "It has no text." } }
                @else { (text("mail-text", &content.text)) }
            }
        }
    }
}

fn text(id: &str, text: &str) -> Markup {
    let end = text.floor_char_boundary(MOST_TEXT);
    html! {
        (ui::code(id, text.get(..end).unwrap_or_default()))
        @if end < text.len() {
            p class="muted" {
                "These are the first " (end >> 10) " KiB of " (text.len() >> 10) " KiB; "
                code { "GET /v1/mails/…" } " returns all of it."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_told_by_its_code_wherever_it_stands() {
        assert!(meaning("550 5.1.1 no such user").contains("no such mailbox"));
        assert!(meaning("550-5.1.1 several lines").contains("no such mailbox"));
        assert!(meaning("ann@example.com: 452 full").contains("too little room"));
        assert!(meaning("the connection was refused").contains("did not accept it"));
    }
}
