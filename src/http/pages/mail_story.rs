//! One mail as a story: what it is, each try with what the server said in plain words, and what
//! the mail says.

use serde::Deserialize;

use super::mail_log::state;
use super::prelude::*;
use crate::domain::mail::TryOutcome;
use crate::service::mails;
use crate::store::mail_log::{LoggedMail, LoggedTry, MailContent};

/// The most bytes of a text that stand on a page.
const MOST_TEXT: usize = 16 << 10;
/// Tries that are shown; a schedule has fewer.
const MOST_TRIES: usize = 30;
/// Receivers of one try that are shown.
const MOST_RECEIVERS: usize = 50;

/// A mail, what it says, and its tries.
type Story = (LoggedMail, MailContent, Vec<LoggedTry>);

/// What a page says of a mail.
pub(super) fn body(visit: &Visit, story: &Story) -> Markup {
    let (mail, content, _) = story;
    html! {
        section class="panel" {
            dl class="facts" {
                dt { "State" } dd { (state(mail)) " " (standing(visit, mail, content)) }
                dt { "Topic" } dd { (mail.topic) }
                dt { "From" } dd { (mail.sender) }
                dt { "To" } dd { (mail.receivers.join(", ")) }
                @if let Some(reply_to) = &content.reply_to { dt { "Replies to" } dd { (reply_to) } }
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

/// Where it stands, in a few words beside its state.
fn standing(visit: &Visit, mail: &LoggedMail, content: &MailContent) -> Markup {
    html! {
        span class="muted" {
            @if mail.recorded { "The application sent it itself." }
            @else if let Some(at) = content.next_attempt_at {
                @if at > visit.reader.now { "Next try " (visit.reader.ago(at)) "." }
                @else { "It is its turn now." }
            }
        }
    }
}

fn tries_of(visit: &Visit, (mail, content, tries): &Story) -> Markup {
    html! {
        section class="panel" {
            h2 { "Tries" }
            @if tries.is_empty() && mail.attempts == 0 { p class="muted" { "It was not tried yet." } }
            ol class="story" {
                @for one in tries.iter().take(MOST_TRIES) { (try_of(visit, one)) }
                @if let Some(at) = content.next_attempt_at.filter(|_| !tries.is_empty()) {
                    li { p class="muted" { "The next try is " (visit.reader.ago(at)) "." } }
                }
            }
        }
    }
}

/// What the server said of one receiver.
#[derive(Deserialize)]
struct Answer {
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
    let receivers: Vec<Answer> = serde_json::from_str(receivers).unwrap_or_default();
    html! {
        li class=(class) {
            h3 { "Try " (one.n) " · " (visit.reader.at(one.at)) " · " (one.duration_ms) " ms" }
            p { (in_words(one)) }
            @if receivers.is_empty() { p { code { (one.reply) } } }
            @else {
                ul {
                    @for answer in receivers.iter().take(MOST_RECEIVERS) {
                        li {
                            (answer.to) ": "
                            @if answer.taken { "taken. " } @else { "not taken. " }
                            code { (answer.reply) }
                        }
                    }
                }
            }
        }
    }
}

/// What came of a try, in plain words.
fn in_words(one: &LoggedTry) -> String {
    let said = meaning(&one.reply);
    match one.outcome {
        TryOutcome::Sent if one.reply.starts_with("written to ") => {
            "No mail server is set, so that the mail is a file in Herald's data folder.".to_owned()
        }
        TryOutcome::Sent => "The mail server took it.".to_owned(),
        TryOutcome::Retry => format!("{said} It is tried again."),
        TryOutcome::Failed => format!("{said} Nothing more is tried."),
    }
}

/// What a server's reply means. What is no reply of a server is Herald's own words already.
fn meaning(reply: &str) -> &'static str {
    // Of several receivers the reply begins with the one that decided.
    let words = reply.split([' ', '-', ':']);
    let mut codes = words.filter(|word| word.len() == 3);
    match codes.find_map(|word| word.parse::<u16>().ok()) {
        Some(421) => "The mail server is closing its connections.",
        Some(450) => "The mailbox is busy, or the mail server wants to see Herald again later.",
        Some(452) => "The mail server has too little room right now.",
        Some(400..=499) => "The mail server could not take it for now.",
        Some(530) => "The mail server wants Herald to sign in first.",
        Some(535) => "The mail server did not accept Herald's name and password.",
        Some(550) => "There is no such mailbox, or the mail server takes no mail for it.",
        Some(552) => "The mailbox is full, or the mail is too large for it.",
        Some(553) => "The mail server does not accept this address.",
        Some(500..=599) => "The mail server refused it.",
        _ => "The mail server did not take it.",
    }
}

/// What the mail says.
fn says(mail: &LoggedMail, content: &MailContent) -> Markup {
    if content.confidential {
        return html! {
            section class="panel" {
                h2 { "What it says" }
                p class="notice" {
                    "It holds a link for its receiver alone, so that what it says is shown to nobody else."
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
                code { "GET /v1/mails/…" } " answers all of it."
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
        assert!(meaning("the connection was refused").contains("did not take it"));
    }
}
