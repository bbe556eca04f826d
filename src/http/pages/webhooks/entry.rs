//! A webhook as the list shows it: title, state, last status, when it was made, the last hours as
//! a small chart, and what fails in a few words.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::path;
use crate::domain::delivery::Outcome;
use crate::http::pages::ui::{self, Tone};
use crate::http::pages::visit::Visit;
use crate::http::server::Shared;
use crate::store::StoreError;
use crate::store::subscription::Subscription;
use crate::store::subscription_count::{self, Counts};

/// What the last attempt of a webhook came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastStatus {
    outcome: Outcome,
    at: DateTime<Utc>,
}

impl LastStatus {
    /// Of a webhook's counts; none: nothing was tried yet.
    pub(super) fn of(counts: Option<&Counts>) -> Option<Self> {
        let counts = counts?;
        // What was given up without a try has no time.
        let tried =
            counts.last_outcome != Outcome::Cancelled && counts.last_attempt_at.timestamp() > 0;
        tried.then_some(Self {
            outcome: counts.last_outcome,
            at: counts.last_attempt_at,
        })
    }

    /// As a badge.
    pub(super) fn badge(self) -> Markup {
        match self.outcome {
            Outcome::Sent => ui::badge(Tone::Sent, "Sent"),
            Outcome::Filtered | Outcome::Cancelled => ui::badge(Tone::Off, "Filtered"),
            Outcome::Failed | Outcome::Retry | Outcome::Superseded => {
                ui::badge(Tone::Error, "Error")
            }
        }
    }
}

/// The last status with its time.
pub(super) fn last_status(visit: &Visit, last: Option<LastStatus>) -> Markup {
    html! {
        @match last {
            Some(last) => { (last.badge()) " " span class="muted" { (visit.reader.ago(last.at)) } }
            None => { span class="muted" { "Nothing sent yet" } }
        }
    }
}

/// One entry of the list.
pub(super) struct Entry {
    webhook: Subscription,
    last: Option<LastStatus>,
    trouble: Option<String>,
    chart: Markup,
}

/// The entries of these webhooks, in their order.
///
/// # Errors
/// When the database is away.
pub(super) async fn of(
    shared: &Shared,
    webhooks: Vec<Subscription>,
) -> Result<Vec<Entry>, StoreError> {
    let ids: Vec<_> = webhooks.iter().map(|it| it.id).collect();
    let counts = subscription_count::of(shared.engine.database(), &ids).await?;
    let entry = |webhook: Subscription| {
        let last = LastStatus::of(counts.get(&webhook.id));
        Entry {
            last,
            trouble: webhook.disabled_reason.clone(),
            chart: html! {},
            webhook,
        }
    };
    Ok(webhooks.into_iter().map(entry).collect())
}

/// The entries as cards.
pub(super) fn cards(visit: &Visit, entries: &[Entry]) -> Markup {
    html! {
        ul class="cards" {
            @for Entry { webhook, last, trouble, chart } in entries {
                li class="card" {
                    h2 { a class="row" href=(path(webhook.id)) { (webhook.title) } }
                    p class="where" { (ui::url(&webhook.url)) }
                    p class="states" {
                        (ui::subscription_state(webhook.state))
                        span { (last_status(visit, *last)) }
                    }
                    @if let Some(trouble) = trouble { p class="trouble" { (trouble) } }
                    div class="day" { (chart) }
                    p class="made muted" { "Created " (visit.reader.at(webhook.created_at)) }
                }
            }
        }
    }
}

/// The entries as rows.
pub(super) fn table(visit: &Visit, entries: &[Entry]) -> Markup {
    html! {
        table class="list webhooks" {
            thead {
                tr {
                    th scope="col" { "Title" }
                    th scope="col" { "State" }
                    th scope="col" { "Last status" }
                    th scope="col" { "Last 24 hours" }
                    th scope="col" { "Created" }
                }
            }
            tbody {
                @for Entry { webhook, last, trouble, chart } in entries {
                    tr {
                        td data-label="Title" {
                            div {
                                a class="row" href=(path(webhook.id)) { (webhook.title) }
                                div { (ui::url(&webhook.url)) }
                            }
                        }
                        td data-label="State" { (ui::subscription_state(webhook.state)) }
                        td data-label="Last status" {
                            div {
                                (last_status(visit, *last))
                                @if let Some(trouble) = trouble { div class="trouble" { (trouble) } }
                            }
                        }
                        td data-label="24 hours" { div class="day" { (chart) } }
                        td data-label="Created" { (visit.reader.at(webhook.created_at)) }
                    }
                }
            }
        }
    }
}
