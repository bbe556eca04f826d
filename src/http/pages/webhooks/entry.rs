//! A webhook as the list shows it: title, state, last status, when it was made, the last hours as
//! a small chart, and what fails in a few words.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::path;
use crate::domain::delivery::Outcome;
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::subscription::SubscriptionState;
use crate::http::pages::chart::{self, SparkPoint};
use crate::http::pages::ui::{self, Tone};
use crate::http::pages::visit::Visit;
use crate::http::shared::Shared;
use crate::service::attempts::error_of;
use crate::service::plugins::without_source;
use crate::store::subscription::Subscription;
use crate::store::subscription_count::{self, Counts};
use crate::store::{StoreError, last_error, stat};

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

    /// Whether it went wrong.
    const fn is_error(self) -> bool {
        matches!(
            self.outcome,
            Outcome::Failed | Outcome::Retry | Outcome::Superseded
        )
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

/// The entries of these webhooks of an account, in their order.
///
/// # Errors
/// When the database is away.
pub(super) async fn of(
    shared: &Shared,
    account: AccountId,
    webhooks: Vec<Subscription>,
) -> Result<Vec<Entry>, StoreError> {
    let database = shared.engine.database();
    let ids: Vec<_> = webhooks.iter().map(|it| it.id).collect();
    let counts = subscription_count::of(database, &ids).await?;
    let last = |id: &SubscriptionId| LastStatus::of(counts.get(id));
    let failing = |id: &SubscriptionId| last(id).is_some_and(LastStatus::is_error);
    let failing: Vec<_> = ids.iter().copied().filter(failing).collect();
    let until = shared.engine.clock().now();
    let (errors, days) = tokio::try_join!(
        last_error::of(database, account, &failing),
        stat::sparks(database, account, &ids, until)
    )?;
    let entry = |webhook: Subscription| Entry {
        last: last(&webhook.id),
        trouble: trouble(shared, &webhook, errors.get(&webhook.id)),
        chart: chart::spark(
            &days
                .get(&webhook.id)
                .map(SparkPoint::of)
                .unwrap_or_default(),
        ),
        webhook,
    };
    Ok(webhooks.into_iter().map(entry).collect())
}

/// What fails, in a few words: Herald itself disabled or paused it, its script does not work, or what the
/// last error was.
fn trouble(shared: &Shared, webhook: &Subscription, error: Option<&String>) -> Option<String> {
    if webhook.state == SubscriptionState::Disabled
        || (webhook.state == SubscriptionState::Paused && webhook.disabled_reason.is_some())
    {
        return webhook.disabled_reason.clone();
    }
    let script = webhook.plugin.as_ref().and_then(|name| {
        let trouble = shared
            .engine
            .plugins()
            .trouble(webhook.account, &format!("named/{name}.rhai"));
        trouble.map(without_source)
    });
    script.or_else(|| error_of(error?))
}

/// The entries as cards.
pub(super) fn cards(visit: &Visit, entries: &[Entry]) -> Markup {
    html! {
        ul class="cards" {
            @for Entry { webhook, last, trouble, chart } in entries {
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
