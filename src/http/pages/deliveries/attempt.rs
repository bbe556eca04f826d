//! One attempt in the story of a delivery: what the plugins did, where the time went, the request
//! and the response side by side.

use super::super::prelude::*;
use super::super::reader::PageReader;
use super::super::{curl, difference, payload};
use crate::domain::delivery::{Origin, Outcome};
use crate::service::attempts::{
    AttemptRequest, AttemptView, HeaderView, MASKED, PhasesView, PluginRunView, ResponseView,
};
use crate::service::deliveries::ShownDelivery;

/// Bytes of a body that are shown of the attempt that is open at first.
const MOST_BODY: usize = 4 << 10;
/// Of the others.
const MOST_FOLDED: usize = 512;

/// One attempt. `open`: its request and response are shown at first.
pub(super) fn attempt(
    reader: &PageReader,
    shown: &ShownDelivery,
    attempt: &AttemptView,
    open: bool,
) -> Markup {
    let (class, badge) = outcome(attempt.outcome);
    html! {
        li class=(class) id=(format!("attempt-{}", attempt.n)) {
            h3 {
                "Attempt " (attempt.n)
                @if let Some(how) = origin(attempt.origin) { ", " (how) }
                " " (badge)
            }
            p { (sentence(attempt)) " " span class="muted" { (reader.ago(attempt.at)) } }
            (plugins(attempt))
            @if let Some(mail) = &attempt.mail {
                p {
                    a href=(format!("/mail/{}", mail.id)) { "The mail" } " was attempted "
                    @if mail.tries == 1 { "once." } @else { (mail.tries) " times." }
                    @if let Some(reply) = &mail.smtp_reply { " The mail server said: " code { (reply) } }
                }
            }
            @if attempt.reconnected {
                p class="muted" {
                    "The target had closed the kept connection, so the request was sent again over a new one."
                }
            }
            @if attempt.mail.is_none() { (phases(&attempt.phases)) }
            @if attempt.request.is_some() || attempt.response.is_some() {
                details open[open] {
                    summary { "Request and response" }
                    div class="columns exchange" {
                        @if let Some(request) = &attempt.request {
                            (sent(shown, attempt.n, request, open))
                        }
                        (answered(attempt, open))
                    }
                }
            }
        }
    }
}

fn outcome(outcome: Outcome) -> (&'static str, Markup) {
    use ui::Tone::{Error, Off, Sent, Wait};
    match outcome {
        Outcome::Sent => ("is-sent", ui::badge(Sent, "Sent")),
        Outcome::Failed | Outcome::Retry => ("is-error", ui::badge(Error, "Error")),
        Outcome::Filtered => ("is-off", ui::badge(Off, "Filtered")),
        Outcome::Cancelled => ("is-off", ui::badge(Off, "Cancelled")),
        Outcome::Superseded => ("is-wait", ui::badge(Wait, "Superseded")),
    }
}

const fn origin(origin: Origin) -> Option<&'static str> {
    match origin {
        Origin::First => None,
        Origin::Resend | Origin::Replay => Some("resent by hand"),
        Origin::Test => Some("a test"),
    }
}

/// Its result as a sentence.
fn sentence(attempt: &AttemptView) -> String {
    let after = took(attempt.duration_ms);
    let status = attempt.response.as_ref().map(|response| response.status);
    match (attempt.outcome, &attempt.error, status) {
        (Outcome::Cancelled, ..) => {
            "Nothing more was sent: its webhook was deleted, or what was held was dropped."
                .to_owned()
        }
        (Outcome::Filtered, ..) => match &attempt.filtered_by {
            Some(script) => format!("The plugin {script} filtered it out: nothing was sent."),
            None => "A plugin filtered it out: nothing was sent.".to_owned(),
        },
        (Outcome::Superseded, Some(error), _) => {
            format!("{error} A later attempt had begun; its result counts.")
        }
        (Outcome::Superseded, None, _) => {
            "A later attempt had begun; its result counts.".to_owned()
        }
        (_, Some(error), _) if error.contains('\n') => error.clone(),
        (_, Some(error), _) => format!("{error} It took {after}."),
        (_, None, Some(status)) => format!("The target answered {status} after {after}."),
        (Outcome::Sent, None, None) if attempt.mail.is_some() => {
            format!("The mail was handed over after {after}.")
        }
        (Outcome::Sent, None, None) => format!("It was sent after {after}."),
        (_, None, None) => format!("It failed after {after}."),
    }
}

/// Milliseconds for people.
fn took(ms: i32) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        _ => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
    }
}

fn plugins(attempt: &AttemptView) -> Markup {
    let version = |run: &PluginRunView| run.hash.chars().take(8).collect::<String>();
    let request = attempt.request.as_ref();
    let changed = request.is_some_and(|request| request.body.is_some());
    html! {
        @if !attempt.plugins.is_empty() {
            p {
                @for (place, run) in attempt.plugins.iter().enumerate() {
                    @if place > 0 { ", then " }
                    span class="mono" { (run.name) } " "
                    span class="muted" { "version " span class="mono" title=(run.hash) { (version(run)) }
                        ", " (run.microseconds) " µs" }
                }
                @if changed { " changed the body." }
                @else if attempt.mail.is_some() { " wrote the mail." }
                @else if request.is_some() { " left the body as it was." }
            }
        }
        @if !attempt.log.is_empty() {
            details {
                summary { "What the plugins logged (" (attempt.log.len()) ")" }
                pre class="code" { @for line in attempt.log.iter().take(50) { (payload::visible(line)) "\n" } }
            }
        }
    }
}

/// Where the time went: a thin bar, and the same as text.
fn phases(phases: &PhasesView) -> Markup {
    let names = ["Lookup", "Connect", "First byte", "Body"];
    let parts = [
        phases.resolve,
        phases.connect,
        phases.first_byte,
        phases.body,
    ];
    let total: u64 = parts.iter().flatten().sum();
    if total == 0 {
        return html! {};
    }
    let mut bars: Vec<(usize, &str, u64, u64)> = Vec::new();
    let mut begin = 0;
    for (place, (name, ms)) in names.into_iter().zip(parts).enumerate() {
        if let Some(ms) = ms {
            bars.push((place, name, begin * 1_000 / total, ms));
            begin += ms;
        }
    }
    html! {
        div class="phases" {
            svg viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true" {
                @for &(place, _, x, ms) in &bars {
                    @let width = (ms * 1_000 / total).max(2);
                    rect class=(format!("phase-{place}")) x=(x) y="0" width=(width) height="8" {}
                }
            }
            ul {
                @for (place, name, _, ms) in bars {
                    li class=(format!("phase-{place}")) { (name) " " b { (ms) " ms" } }
                }
            }
        }
    }
}

/// The bytes of a body that are shown.
const fn most(open: bool) -> usize {
    if open { MOST_BODY } else { MOST_FOLDED }
}

fn sent(shown: &ShownDelivery, n: i32, request: &AttemptRequest, open: bool) -> Markup {
    let url = shown.url.as_deref();
    let made = request.body.as_ref().map(String::as_bytes);
    html! {
        div {
            h4 { "Request" }
            p class="mono" { "POST " (url.unwrap_or("(the webhook was deleted)")) }
            (headers(&request.headers))
            @if let Some(made) = made {
                @if request.truncated {
                    p class="muted" { "The log keeps only the beginning of a body that a plugin made." }
                } @else if open {
                    (difference::view("What the plugin changed", &shown.payload, made))
                }
                (payload::part("Body as sent", &format!("sent-{n}"), made, None, most(open)))
            } @else {
                p { "The body was the payload as published, byte for byte." }
            }
            @if let (true, Some(url), false) = (open, url, request.truncated) {
                (as_curl(shown, n, url, &request.headers, made.unwrap_or(&shown.payload)))
            }
        }
    }
}

fn as_curl(shown: &ShownDelivery, n: i32, url: &str, sent: &[HeaderView], body: &[u8]) -> Markup {
    let headers = sent.iter().map(|header| match header.value.as_str() {
        MASKED => (header.name.as_str(), format!("<{}>", header.name)),
        value => (header.name.as_str(), value.to_owned()),
    });
    let headers: Vec<(&str, String)> = headers.collect();
    let masked = sent.iter().any(|header| header.value == MASKED);
    let large = body.len() > MOST_BODY;
    let file = format!("{}.json", shown.delivery.event);
    let command = match large {
        true => curl::with_file(url, &headers, &file),
        false => curl::command(url, &headers, body),
    };
    html! {
        details {
            summary { "As a curl command" }
            @if masked {
                p class="muted" { "Put your own values where it says <…>: Herald does not show them." }
            }
            @if large {
                p class="muted" {
                    "Save "
                    a href=(format!("/events/{}/raw", shown.delivery.event)) download=(file) { "the payload" }
                    " as " code { (file) } " first."
                }
            }
            (ui::code(&format!("curl-{n}"), &command))
        }
    }
}

fn answered(attempt: &AttemptView, open: bool) -> Markup {
    let id = format!("body-{}", attempt.n);
    html! {
        div {
            h4 { "Response" }
            @match &attempt.response {
                None => p { "There was no response." },
                Some(ResponseView { status, headers: kept, body, truncated }) => {
                    p { "HTTP status " b { (status) } }
                    @match kept {
                        Some(kept) => (headers(kept)),
                        None => p class="muted" { "Its headers were not kept." },
                    }
                    @match body {
                        Some(body) => {
                            (payload::part("Body", &id, body.as_bytes(), None, most(open)))
                            @if *truncated { p class="muted" { "The log keeps only the beginning of it." } }
                        }
                        None => p class="muted" { "No body was kept." },
                    }
                }
            }
        }
    }
}

fn headers(headers: &[HeaderView]) -> Markup {
    html! {
        @if !headers.is_empty() {
            dl class="headers" {
                @for header in headers.iter().take(60) {
                    dt { (header.name) }
                    dd {
                        @if header.value == MASKED { span class="muted" { "not shown" } }
                        @else { (payload::visible(&header.value)) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::took;

    #[test]
    fn times_are_told_as_people_say_them() {
        assert_eq!(
            [0, 35, 999, 1_000, 1_260, 15_000].map(took),
            ["0 ms", "35 ms", "999 ms", "1.0 s", "1.2 s", "15.0 s"]
        );
    }
}
