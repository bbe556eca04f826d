//! A webhook as the list shows it: title, state, last status, when it was made, the last hours as
//! a small chart, and what fails, in short.

use chrono::{DateTime, Utc};

use super::path;
use crate::domain::delivery::Outcome;
use crate::domain::subscription::SubscriptionState::{Disabled, Paused};
use crate::http::pages::chart::{self, SparkPoint};
use crate::http::pages::prelude::*;
use crate::service::attempts::error_of;
use crate::service::plugins::without_source;
use crate::store::subscription::Subscription;
use crate::store::subscription_count::Counts;
use crate::store::{last_error, stat};

use Outcome::{Cancelled, Failed, Filtered, Retry, Sent, Superseded};

/// What the last attempt of a webhook came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastStatus {
    outcome: Outcome,
    at: DateTime<Utc>,
}

impl LastStatus {
    /// Of a webhook's counts; none: nothing was tried yet.
    pub(super) fn of(counts: Option<Counts>) -> Option<Self> {
        let counts = counts?;
        let (outcome, at) = (counts.last_outcome, counts.last_attempt_at);
        // What was cancelled without an attempt has no time.
        (outcome != Cancelled && at.timestamp() > 0).then_some(Self { outcome, at })
    }

    /// Whether it went wrong.
    const fn is_error(self) -> bool {
        matches!(self.outcome, Failed | Retry | Superseded)
    }
}

/// The last status as a badge, with its time.
pub(super) fn last_status(visit: &Visit, last: Option<LastStatus>) -> Markup {
    let Some(last) = last else {
        return html! { span class="muted" { "Nothing sent yet" } };
    };
    let (tone, word) = match last.outcome {
        Sent => (Tone::Sent, "Sent"),
        Filtered | Cancelled => (Tone::Off, "Filtered"),
        Failed | Retry | Superseded => (Tone::Error, "Error"),
    };
    html! { (ui::badge(tone, word)) " " span class="muted" { (visit.reader.ago(last.at)) } }
}

/// One entry of the list.
pub(super) struct WebhookEntry {
    webhook: Subscription,
    last: Option<LastStatus>,
    trouble: Option<String>,
    chart: Markup,
}

/// The entries of webhooks with their counts.
///
/// # Errors
/// When the database is away.
pub(super) async fn of(
    visit: &Visit,
    rows: Vec<(Subscription, Option<Counts>)>,
) -> Result<Vec<WebhookEntry>, StoreError> {
    let status = |(it, counts): (Subscription, Option<Counts>)| (it, LastStatus::of(counts));
    let rows: Vec<_> = rows.into_iter().map(status).collect();
    let ids: Vec<_> = rows.iter().map(|(it, _)| it.id).collect();
    let fails = |row: &&(Subscription, Option<LastStatus>)| row.1.is_some_and(LastStatus::is_error);
    let failing: Vec<_> = rows.iter().filter(fails).map(|(it, _)| it.id).collect();
    let (database, account) = (visit.database(), visit.account);
    let (errors, days) = tokio::try_join!(
        last_error::of(database, account, &failing),
        stat::sparks(database, account, &ids, visit.reader.now),
    )?;
    let entry = |(webhook, last): (Subscription, Option<LastStatus>)| {
        let trouble = trouble(visit, &webhook, errors.get(&webhook.id));
        let points = days.get(&webhook.id).map(SparkPoint::of);
        let chart = chart::spark(&points.unwrap_or_default());
        WebhookEntry {
            webhook,
            last,
            trouble,
            chart,
        }
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// What fails, in short: Herald itself disabled or paused it, its script does not work, or
/// what the last error was.
fn trouble(visit: &Visit, webhook: &Subscription, error: Option<&String>) -> Option<String> {
    match (webhook.state, &webhook.disabled_reason) {
        (Disabled, reason) | (Paused, reason @ Some(_)) => reason.clone(),
        _ => script_trouble(visit, webhook).or_else(|| error_of(error?)),
    }
}

/// What is wrong with the script that it uses.
pub(super) fn script_trouble(visit: &Visit, webhook: &Subscription) -> Option<String> {
    let file = format!("named/{}.rhai", webhook.plugin.as_ref()?);
    let trouble = visit.engine().plugins().trouble(webhook.account, &file);
    trouble.map(without_source)
}

/// The entries as cards.
pub(super) fn cards(visit: &Visit, entries: &[WebhookEntry]) -> Markup {
    html! {
        ul class="cards" {
            @for WebhookEntry { webhook, last, trouble, chart } in entries {
                li class="card" {
                    h2 { a class="row" href=(path(webhook.id)) { (webhook.title) } }
                    p class="where" { (ui::url(&webhook.url.seen_by(visit.caller.role))) }
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
pub(super) fn table(visit: &Visit, entries: &[WebhookEntry]) -> Markup {
    html! {
        table class="list webhooks" {
            thead {
                tr {
                    @for head in ["Title", "State", "Last status", "Last 24 hours", "Created"] {
                        th scope="col" { (head) }
                    }
                }
            }
            tbody {
                @for WebhookEntry { webhook, last, trouble, chart } in entries {
                    tr {
                        td data-label="Title" {
                            div {
                                a class="row" href=(path(webhook.id)) { (webhook.title) }
                                div { (ui::url(&webhook.url.seen_by(visit.caller.role))) }
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
