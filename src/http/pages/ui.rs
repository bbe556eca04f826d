//! Small parts that pages share: states as icon, word and colour; empty lists; paging; addresses
//! and code.

use maud::{Markup, html};

use crate::domain::delivery::DeliveryState;
use crate::domain::subscription::SubscriptionState;

/// The colour of a state. Nothing but states has these colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// It went well.
    Sent,
    /// It went wrong.
    Error,
    /// It waits.
    Wait,
    /// It is switched off, or nothing was to be done.
    Off,
}

/// A state: an icon, a word, a colour.
pub(super) fn badge(tone: Tone, word: &str) -> Markup {
    let (class, path) = match tone {
        Tone::Sent => ("badge is-sent", "m4 8.5 3 3 5-6.5"),
        Tone::Error => ("badge is-error", "m5 5 6 6m0-6-6 6"),
        Tone::Wait => ("badge is-wait", "M8 4v4l2.5 2"),
        Tone::Off => ("badge is-off", "M4.5 8h7"),
    };
    html! {
        span class=(class) {
            svg viewBox="0 0 16 16" aria-hidden="true" { circle cx="8" cy="8" r="7" {} path d=(path) {} }
            (word)
        }
    }
}

/// The state of a delivery, as pages call it.
pub(super) fn delivery_state(state: DeliveryState) -> Markup {
    match state {
        DeliveryState::Sent => badge(Tone::Sent, "Sent"),
        DeliveryState::Failed => badge(Tone::Error, "Error"),
        DeliveryState::Retrying => html! {
            (badge(Tone::Error, "Error")) " " (badge(Tone::Wait, "Retrying"))
        },
        DeliveryState::Held => badge(Tone::Wait, "Held"),
        DeliveryState::Queued => badge(Tone::Wait, "Queued"),
        DeliveryState::Filtered => badge(Tone::Off, "Filtered"),
        DeliveryState::Cancelled => badge(Tone::Off, "Cancelled"),
    }
}

/// The state of a webhook.
pub(super) fn subscription_state(state: SubscriptionState) -> Markup {
    match state {
        SubscriptionState::Enabled => badge(Tone::Sent, "Enabled"),
        SubscriptionState::Paused => badge(Tone::Wait, "Paused"),
        SubscriptionState::Disabled => badge(Tone::Off, "Disabled"),
    }
}

/// A list without rows: one sentence, and the next step.
pub(super) fn empty(sentence: &str, next_step: &Markup) -> Markup {
    html! {
        div class="empty" {
            p { (sentence) }
            p { (next_step) }
        }
    }
}

/// A table of a list. Where there is little room, each cell is beside the head of its column.
pub(super) fn table<const N: usize>(
    heads: [&str; N],
    rows: impl Iterator<Item = [Markup; N]>,
) -> Markup {
    html! {
        table class="list" {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody {
                @for row in rows {
                    tr { @for (head, cell) in heads.iter().zip(row) { td data-label=(head) { (cell) } } }
                }
            }
        }
    }
}

/// The ways to the first and the next page of a list.
pub(super) fn pager(next: Option<&str>, first: Option<&str>) -> Markup {
    if next.is_none() && first.is_none() {
        return html! {};
    }
    html! {
        nav class="pager" aria-label="Pages" {
            @if let Some(href) = first { a class="button" rel="first" href=(href) { "First page" } }
            @if let Some(href) = next { a class="button" rel="next" href=(href) { "Next page" } }
        }
    }
}

/// An address: its host is emphasised, and its middle is left out where it is long.
pub(super) fn url(text: &str) -> Markup {
    const LONGEST: usize = 36;
    let after = |sign: &str| text.find(sign).map(|at| at + sign.len());
    let scheme_end = after("://").or_else(|| after(":")).unwrap_or(0);
    let (scheme, rest) = text.split_at(scheme_end);
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(host_end);
    let count = path.chars().count();
    let path = if count > LONGEST {
        let begin: String = path.chars().take(LONGEST / 2).collect();
        let end: String = path.chars().skip(count - LONGEST / 2).collect();
        format!("{begin}…{end}")
    } else {
        path.to_owned()
    };
    html! { span class="url" title=(text) { (scheme) b { (host) } (path) } }
}

/// A button that copies the text of the element with this id; there with scripts only.
pub(super) fn copy(id: &str) -> Markup {
    html! { button class="quiet with-script" type="button" data-copy=(id) { "Copy" } }
}

/// The same, for a text of which the page shows only the beginning or a likeness: all of its bytes
/// are fetched.
pub(super) fn copy_from(id: &str, whole: &str) -> Markup {
    html! {
        button class="quiet with-script" type="button" data-copy=(id) data-copy-from=(whole) {
            "Copy"
        }
    }
}

/// A text to be read letter by letter, with a button that copies it.
pub(super) fn code(id: &str, text: &str) -> Markup {
    html! { div class="code" { pre id=(id) tabindex="0" { (text) } (copy(id)) } }
}
