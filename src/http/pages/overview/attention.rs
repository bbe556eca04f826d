//! What needs attention, each with the way to what fixes it.

use chrono::{DateTime, Utc};

use super::super::number;
use super::super::prelude::*;
use super::super::ui::badge;
use super::figures::Audited;
use crate::actors::{PluginReport, PluginStatus};
use crate::domain::subscription::SubscriptionState;
use crate::plugin::ScriptKind;
use crate::service::attempts::error_of;
use crate::store::attention::{Failing, Halted, MANY, Open};

/// Things of one kind that are shown; of more, their number is.
pub(super) const SHOWN: i64 = 8;

/// What was looked up.
pub(super) struct AttentionItems<'a> {
    pub(super) failing: &'a [Failing],
    pub(super) halted: &'a [Halted],
    pub(super) plugins: &'a [PluginReport],
    pub(super) open: &'a Open,
    pub(super) audits: &'a [Audited],
}

/// The list, or one calm sentence.
pub(super) fn section(visit: &Visit, found: &AttentionItems<'_>) -> Markup {
    let mut items: Vec<Markup> = Vec::new();
    items.extend(found.audits.iter().filter_map(audited));
    items.extend(found.failing.iter().map(|it| failing(visit, it)));
    let shown = i64::try_from(found.failing.len()).unwrap_or(0);
    let more = found.failing.first().map_or(0, |it| it.number - shown);
    if more > 0 {
        items.push(html! {
            (badge(Tone::Error, "Failing"))
            span {
                a href="/webhooks?state=enabled" { (number::of(more, "more webhook")) }
                @if more == 1 { " is failing, too." } @else { " are failing, too." }
            }
        });
    }
    items.extend(found.plugins.iter().filter_map(|it| plugin(visit, it)));
    items.extend(found.halted.iter().map(|it| halted(visit, it)));
    items.extend(mails(found.open));
    items.extend(found.open.loop_at.map(|at| circle(visit, at)));
    if items.is_empty() {
        return html! {
            p class="calm" { (badge(Tone::Sent, "All is well")) " Nothing is failing, and nothing is held." }
        };
    }
    html! {
        section class="panel" {
            h2 { "Needs attention" }
            ul class="attention" { @for item in &items { li { (item) } } }
        }
    }
}

/// A count that may be cut off.
pub(super) fn up_to(count: i64, most: i64, thing: &str) -> String {
    if count > most {
        let thing = number::plural(most, thing);
        format!("more than {} {thing}", number::count(most))
    } else {
        number::of(count, thing)
    }
}

fn failing(visit: &Visit, it: &Failing) -> Markup {
    let error = it.detail.as_deref().and_then(error_of);
    let error = error.unwrap_or_else(|| "No reason is known.".to_owned());
    html! {
        (badge(Tone::Error, "Failing"))
        span {
            a href=(format!("/webhooks/{}", it.id())) { (it.title) }
            " began to fail " (visit.reader.ago(it.since)) ". " (error)
            @if it.open > 0 {
                " " a href=(format!("/deliveries?webhook={}", it.id())) {
                    (up_to(it.open, MANY, "delivery"))
                }
                @if it.open == 1 { " is waiting" } @else { " are waiting" }
                @if let Some(due) = it.next_due_at.filter(|due| *due > visit.reader.now) {
                    ", next attempt " (visit.reader.ago(due))
                }
                "."
            }
        }
    }
}

fn halted(visit: &Visit, it: &Halted) -> Markup {
    let href = format!("/webhooks/{}", it.id());
    let held = up_to(it.held, MANY, "delivery");
    let paused = it.state == SubscriptionState::Paused;
    let them = if it.held == 1 { "it" } else { "them" };
    html! {
        @match (&it.reason, paused) {
            (Some(reason), false) => {
                (badge(Tone::Error, "Disabled"))
                span {
                    a href=(href) { (it.title) } " was disabled by Herald "
                    (visit.reader.ago(it.updated_at)) ". " (reason)
                    @if it.held > 0 { " It holds " (held) "." }
                    " Fix its target, then enable it."
                }
            }
            (_, true) => {
                (badge(Tone::Wait, "Held"))
                span {
                    a href=(href) { (it.title) } " is paused and holds " (held) ". "
                    "Resume it to deliver or drop " (them) "."
                }
            }
            _ => {
                (badge(Tone::Wait, "Held"))
                span {
                    a href=(href) { (it.title) } " is disabled and holds " (held) ". "
                    "Enable it to deliver " (them) ", or delete it."
                }
            }
        }
    }
}

fn plugin(visit: &Visit, it: &PluginReport) -> Option<Markup> {
    let word = match it.status {
        PluginStatus::Ok => return None,
        PluginStatus::Broken => "Broken",
        PluginStatus::Suspended => "Suspended",
    };
    // What is wrong with a trigger's script may quote it, and it is the operator's.
    let open = super::oversees(visit) || it.name.kind() == ScriptKind::Named;
    let fault = it.fault.as_ref().map(|fault| fault.message.clone());
    let suspended = it.suspended.as_ref().map(|(_, reason)| reason.to_string());
    let why = suspended.or(fault).filter(|_| open);
    let good = it.hash.is_some();
    Some(html! {
        (badge(Tone::Error, word))
        span {
            "The plugin " a href=(format!("/plugins/{}", it.name)) { (it.name) }
            @match it.status {
                PluginStatus::Suspended => {
                    " failed too often for this account. Its deliveries are held until the file changes."
                }
                _ if good => " is broken as saved; the previous version is still active.",
                _ => " is broken. Its deliveries are held until its file is fixed.",
            }
            @if let Some(why) = why { " " (why) }
        }
    })
}

fn mails(open: &Open) -> Option<Markup> {
    if open.mails_failed == 0 && open.mails_retried == 0 {
        return None;
    }
    let failed = open.mails_failed > 0;
    let tone = if failed { Tone::Error } else { Tone::Wait };
    Some(html! {
        (badge(tone, "Mail"))
        span {
            @if failed {
                a href="/mail?state=failed" { (up_to(open.mails_failed, MANY, "mail")) }
                " of the last 24 hours could not be sent. "
            }
            @if open.mails_retried > 0 {
                a href="/mail?state=queued" { (up_to(open.mails_retried, MANY, "mail")) }
                " could not be sent yet and will be retried."
            }
        }
    })
}

fn circle(visit: &Visit, at: DateTime<Utc>) -> Markup {
    html! {
        (badge(Tone::Error, "Loop"))
        span {
            "Events that go in a circle were refused " (visit.reader.ago(at)) ". "
            a href="/activity?activity=Herald.Event+Loop+Refused" { "The activity log" }
            " has the last one. Find the receiver that publishes what it gets."
        }
    }
}

fn audited(it: &Audited) -> Option<Markup> {
    let (lost, double) = (it.audit.lost, it.audit.double);
    (it.audit.difference() != 0).then(|| {
        html! {
            (badge(Tone::Error, "Delivery check"))
            span {
                "The delivery check found " (number::count(lost)) " missing and "
                (number::count(double)) " duplicated"
                @if it.whole { " on the whole server" }
                ". This is a defect of Herald: keep its log and the database, and report it."
            }
        }
    })
}
