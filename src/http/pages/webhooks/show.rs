//! One webhook: its state and why, its deliveries, its triggers, and how it delivers.

use super::entry::{LastStatus, last_status, script_trouble};
use super::{draft, path, secret, trial, triggers, words};
use crate::actors::PluginStatus;
use crate::domain::subscription::SubscriptionState;
use crate::http::pages::deliveries::row;
use crate::http::pages::prelude::*;
use crate::http::pages::range::ChartRange;
use crate::http::pages::{number, webhook_figures};
use crate::plugin::{ScriptKind, ScriptName};
use crate::service::subscriptions;
use crate::store::delivery_log::{self, Delivery, DeliveryFilter};
use crate::store::open_count::{self, OpenCount};
use crate::store::subscription::Subscription;

use SubscriptionState::{Disabled, Enabled, Paused};

/// Deliveries that are shown.
const LATEST: usize = 8;

pub(crate) async fn page(visit: Visit) -> PageResult {
    let mut query = visit.query();
    let range = ChartRange::take(&mut query);
    query.finish()?;
    let webhook = subscriptions::show(visit.cx(), visit.part("id")?).await?;
    let last = LastStatus::of(subscriptions::counts(visit.cx(), webhook.id).await?);
    let open = open_count::of(visit.database(), visit.account, webhook.id).await?;
    let latest = latest(&visit, &webhook).await?;
    let groups = triggers::known(&visit).await?;
    let trouble = webhook_figures::trouble(&visit, &webhook).await?;
    let figures = webhook_figures::section(&visit, &webhook, range).await?;
    let admin = visit.is_admin();
    let body = html! {
        @if let Some(trouble) = trouble { (trouble) }
        @if let Some(sentence) = script_trouble(&visit, &webhook) { p class="notice is-error" { (sentence) } }
        (state_panel(&visit, &webhook, last_status(&visit, last), open))
        @if admin && last.is_none() && latest.is_empty() { (first_steps(&webhook)) }
        (figures)
        (got(&visit, &webhook, &latest))
        div class="columns" {
            section class="panel" { h2 { "Triggers" } (triggers::explained(&webhook.triggers, &groups)) }
            section class="panel" { h2 { "Delivery settings" } (delivering(&visit, &webhook)) }
        }
        @if admin {
            div class="columns" {
                (trial::section(&visit, &webhook, &groups))
                (secret::section(&visit, &webhook, &[]).await?)
            }
            (switches(&visit, &webhook))
        }
    };
    let page = visit.page(Nav::Webhooks, &webhook.title, "");
    let mut page = page.back("/webhooks", "Webhooks");
    if admin {
        page = page.action(actions(&visit, &webhook));
    }
    Ok(page.show(&body))
}

/// What is done most often.
fn actions(visit: &Visit, webhook: &Subscription) -> Markup {
    let here = path(webhook.id);
    html! {
        a class="button" href={ (here) "/edit" } { "Edit" }
        a class="button" href={ (here) "/test" } { "Send a test" }
        @match webhook.state {
            Enabled => { (visit.post(&format!("{here}/pause"), "Pause", "button")) }
            Paused => { a class="button primary" href={ (here) "/resume" } { "Resume…" } }
            Disabled => { (visit.post(&format!("{here}/enable"), "Enable", "button primary")) }
        }
    }
}

fn state_panel(visit: &Visit, webhook: &Subscription, last: Markup, open: OpenCount) -> Markup {
    html! {
        section class="panel" aria-label="State" {
            dl class="facts wide" {
                dt { "State" } dd { (ui::subscription_state(webhook.state)) }
                dt { "Last status" } dd { (last) }
                dt { (if webhook.url.is_mail() { "Receivers" } else { "URL" }) } dd {
                    (ui::url(&webhook.url.seen_by(visit.caller.role)))
                    @if let Some(cause) = webhook.url_locked {
                        " " span class="is-error" { "The rest cannot be opened: " (cause) "." }
                    }
                }
                dt { "ID" } dd { code id="webhook-id" { (webhook.id) } " " (ui::copy("webhook-id")) }
                dt { "Created" } dd { (visit.reader.at(webhook.created_at)) }
                dt { "Updated" } dd { (visit.reader.at(webhook.updated_at)) }
                (waiting(webhook, open))
            }
        }
    }
}

/// What is held, or waits for its turn.
fn waiting(webhook: &Subscription, open: OpenCount) -> Markup {
    let some = words::deliveries(open);
    let all_held = webhook.state != Enabled || open.by_script == open.open;
    html! {
        @if open.open > 0 && all_held {
            dt { "Held" } dd {
                (ui::badge(Tone::Wait, "Held")) " " (some)
                @if webhook.state == Enabled { ", until its plugin works again" }
            }
        } @else if open.open > 0 {
            dt { "Waiting" } dd {
                (some)
                @if open.by_script > 0 { ", " (number::count(open.by_script)) " of them held by a plugin" }
            }
        }
    }
}

/// What to do with a webhook that has got nothing.
fn first_steps(webhook: &Subscription) -> Markup {
    html! {
        section class="panel" {
            h2 { "Next steps" }
            ol {
                @if !webhook.url.is_mail() {
                    li { a href="#secret" { "Show the secret" } " and give it to the receiver, which verifies requests by it." }
                }
                li { a href="#test" { "Send a test" } " and see what the target answers." }
                li { "Publish an event that its triggers match; it then appears under “Deliveries”." }
            }
        }
    }
}

async fn latest(visit: &Visit, webhook: &Subscription) -> Result<Vec<Delivery>, StoreError> {
    let filter = DeliveryFilter {
        subscription: Some(webhook.id),
        event_type: None,
        state: None,
        from: None,
        to: None,
        after: None,
        limit: LATEST,
    };
    let page = delivery_log::list(visit.database(), visit.account, &filter).await?;
    Ok(page.deliveries)
}

/// Its latest deliveries, the newest first.
fn got(visit: &Visit, webhook: &Subscription, latest: &[Delivery]) -> Markup {
    let all = format!("/deliveries?webhook={}", webhook.id);
    html! {
        section class="panel" {
            h2 { "Deliveries" }
            @if latest.is_empty() {
                p class="muted" { "No event has matched its triggers yet." }
            } @else {
                table class="list" {
                    thead {
                        tr {
                            @for head in ["Time", "Event type", "State"] { th scope="col" { (head) } }
                            @for head in ["Status", "Attempts"] { th scope="col" class="number" { (head) } }
                            th scope="col" { "Error" }
                        }
                    }
                    tbody { @for delivery in latest { (delivery_row(visit, delivery)) } }
                }
                p class="after" { a href=(all) { "All deliveries of this webhook" } }
            }
        }
    }
}

fn delivery_row(visit: &Visit, delivery: &Delivery) -> Markup {
    let status = delivery.last_status.map(|status| status.to_string());
    html! {
        tr {
            td data-label="Time" { (visit.reader.ago(delivery.created_at)) }
            td data-label="Event type" {
                span {
                    a class="row" href=(row::path(delivery)) { (delivery.event_type) }
                    @if delivery.test { " " span class="muted" { "test" } }
                }
            }
            td data-label="State" { span { (ui::delivery_state(delivery.state)) } }
            td data-label="Status" class="number" { (status.unwrap_or_default()) }
            td data-label="Attempts" class="number" { (delivery.attempts) }
            td data-label="Error" class="why" { (row::why(&visit.reader, delivery)) }
        }
    }
}

/// Plugin, headers, limits.
fn delivering(visit: &Visit, webhook: &Subscription) -> Markup {
    html! {
        dl class="facts" {
            dt { "Plugin" } dd { (plugin(visit, webhook)) }
            @if !webhook.url.is_mail() { dt { "Headers" } dd { (headers(visit, webhook)) } }
            dt { "Requests at once" } dd { "at most " (number::of(webhook.max_in_flight, "request")) }
            dt { "Timeout" } dd { (webhook.timeout_seconds) " s" }
            dt { "Retry schedule" } dd {
                @if webhook.retry_schedule.is_empty() { "Nothing is retried." }
                @else { (words::spans(&webhook.retry_schedule)) }
            }
        }
    }
}

fn plugin(visit: &Visit, webhook: &Subscription) -> Markup {
    let Some(name) = &webhook.plugin else {
        return html! { span class="muted" { "None" } };
    };
    let script = ScriptName::new(ScriptKind::Named, name).ok();
    let plugins = visit.engine().plugins();
    let report = script.and_then(|it| plugins.find(&it, Some(webhook.account)));
    html! {
        code { "named/" (name) ".rhai" } " "
        @match report.map(|it| it.status) {
            Some(PluginStatus::Ok) => { (ui::badge(Tone::Sent, "Works")) }
            Some(PluginStatus::Broken) => { (ui::badge(Tone::Error, "Broken")) }
            Some(PluginStatus::Suspended) => { (ui::badge(Tone::Error, "Suspended")) }
            None => { (ui::badge(Tone::Error, "Its file is gone")) }
        }
    }
}

fn headers(visit: &Visit, webhook: &Subscription) -> Markup {
    if let Some(cause) = webhook.headers_locked {
        return html! { span class="is-error" { "They cannot be opened: " (cause) "." } };
    }
    if webhook.headers.is_empty() {
        return html! { span class="muted" { "None" } };
    }
    html! {
        ul class="plain" {
            @for name in webhook.headers.keys() { li { code { (name) ": " (draft::MASK) } } }
        }
        @if visit.is_admin() {
            details {
                summary { "Show the values" }
                ul class="plain" {
                    @for (name, value) in &webhook.headers { li { code { (name) ": " (value) } } }
                }
            }
        }
    }
}

/// What stops it for good, or until somebody comes back to it.
fn switches(visit: &Visit, webhook: &Subscription) -> Markup {
    let here = path(webhook.id);
    html! {
        section class="panel" {
            h2 { "Disable or delete" }
            p class="muted" {
                @match webhook.state {
                    Enabled => { "If you pause it, its deliveries are held until it is resumed. If you disable it, it gets no new events. " }
                    Paused => { "If you disable it, it gets no new events; what it holds stays held. " }
                    Disabled => { "It gets no new events; what it holds stays held. " }
                }
                "If you delete it, its open deliveries are cancelled and its log stays."
            }
            div class="actions" {
                @if webhook.state != Disabled {
                    (visit.post(&format!("{here}/disable"), "Disable", "button"))
                }
                a class="button danger" href={ (here) "/delete" } { "Delete…" }
            }
        }
    }
}
