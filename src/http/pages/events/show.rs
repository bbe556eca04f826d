//! One event: its payload, who got it, and for each webhook that did not, why not.

use actix_web::http::header;
use serde::Deserialize;

use super::super::deliveries;
use super::super::payload::{self, MOST_RAW, size};
use super::super::prelude::*;
use super::reach::why_not;
use crate::domain::id::SubscriptionId;
use crate::store::delivery_log;
use crate::store::event::{self, EventSummary};
use crate::store::subscription_name::{bystanders, named};

/// Webhooks of a page, in each of the two lists.
const ROWS: usize = 50;

pub(in crate::http) async fn page(visit: Visit) -> PageResult {
    let mut query = visit.query();
    let skip: usize = query.parsed("skip").unwrap_or(0);
    let behind: Option<SubscriptionId> = query.parsed("behind");
    query.finish()?;
    let (event, payload) = found(&visit).await?;
    let raw = format!("/events/{}/raw", event.id);
    let body = html! {
        dl class="facts" {
            dt { "Event type" }
            dd { a class="mono" href=(super::path(&event.event_type)) { (event.event_type) } }
            dt { "Time" }
            dd { (visit.reader.at(event.received_at)) " (" (visit.reader.ago(event.received_at)) ")" }
            dt { "ID" } dd { span class="mono" id="event-id" { (event.id) } " " (ui::copy("event-id")) }
            dt { "Size" } dd { (size(usize::try_from(event.size).unwrap_or(0))) }
            @if event.test { dt { "Test" } dd { "Sent to try out a webhook" } }
            @if let Some(hops) = &event.hops {
                dt { "Came through" }
                dd { span class="mono" { (hops) } " (databases of Herald)" }
            }
        }
        (warnings(&event))
        section class="panel" {
            h2 { "Payload" }
            (payload::part("As published", "payload", &payload, Some(&raw), MOST_RAW))
        }
        (who_got_it(&visit, &event, skip).await?)
        (who_did_not(&visit, &event, behind).await?)
    };
    let lead = "The event, the webhooks that got it, and those that did not.";
    let page = visit.page(Nav::Events, &event.event_type, lead);
    Ok(page.back("/events/log", "Recent events").show(&body))
}

/// The event of the page's address, and its payload.
async fn found(visit: &Visit) -> Result<(EventSummary, Vec<u8>), Trouble> {
    let found = event::find(visit.database(), visit.account, visit.part("id")?).await?;
    found.ok_or_else(|| ProblemDetails::not_found("event").into())
}

/// The payload's bytes, to be saved.
pub(in crate::http) async fn raw(visit: Visit) -> PageResult {
    visit.no_query()?;
    let (event, payload) = found(&visit).await?;
    let attachment = format!("attachment; filename=\"{}.json\"", event.id);
    // A browser shows none of it, whatever it holds.
    Ok(layout::with_headers(HttpResponse::Ok())
        .content_type("application/octet-stream")
        .insert_header((header::CONTENT_DISPOSITION, attachment))
        .body(payload))
}

/// Where it does not fit its schema.
fn warnings(event: &EventSummary) -> Markup {
    #[derive(Deserialize)]
    struct Warning {
        pointer: String,
        detail: String,
    }
    let Some(text) = &event.warnings else {
        return html! {};
    };
    let warnings: Vec<Warning> = serde_json::from_str(text).unwrap_or_default();
    html! {
        div class="notice is-wait" {
            p { "It does not fit the schema of its type:" }
            ul {
                @for warning in warnings.iter().take(20) {
                    li { (super::fault(&warning.pointer, &warning.detail)) }
                }
            }
        }
    }
}

async fn who_got_it(visit: &Visit, event: &EventSummary, skip: usize) -> Result<Markup, Trouble> {
    let database = visit.database();
    let end = skip.saturating_add(ROWS).min(event.targets.len());
    let shown = event.targets.get(skip..end).unwrap_or_default();
    let found = delivery_log::of_event(database, visit.account, event.id, shown).await?;
    let names = named(database, visit.account, shown).await?;
    let count = event.targets.len();
    let next = (end < count).then(|| format!("/events/{}?skip={end}", event.id));
    let first = (skip > 0).then(|| format!("/events/{}", event.id));
    Ok(html! {
        section class="panel" id="list" {
            h2 {
                @match count {
                    0 => "No webhook got it",
                    1 => "1 webhook got it",
                    _ => { (count) " webhooks got it" }
                }
            }
            @if count > 0 {
                table class="list" {
                    thead {
                        tr {
                            @for name in ["Webhook", "State"] { th scope="col" { (name) } }
                            @for name in ["Status", "Attempts"] { th scope="col" class="number" { (name) } }
                            @for name in ["Error", "Last attempt"] { th scope="col" { (name) } }
                        }
                    }
                    tbody {
                        @for delivery in &found {
                            tr {
                                td data-label="Webhook" {
                                    a class="row" href=(deliveries::path(delivery)) {
                                        (deliveries::name(names.get(&delivery.subscription)))
                                    }
                                }
                                td data-label="State" { (ui::delivery_state(delivery.state)) }
                                td data-label="Status" class="number" {
                                    @if let Some(status) = delivery.last_status { (status) }
                                }
                                td data-label="Attempts" class="number" { (delivery.attempts) }
                                td data-label="Error" { (deliveries::why(&visit.reader, delivery)) }
                                td data-label="Last" {
                                    @if let Some(at) = delivery.last_attempt_at { (visit.reader.ago(at)) }
                                }
                            }
                        }
                    }
                }
            }
            (ui::pager(next.as_deref(), first.as_deref()))
        }
    })
}

async fn who_did_not(
    visit: &Visit,
    event: &EventSummary,
    behind: Option<SubscriptionId>,
) -> Result<Markup, Trouble> {
    let database = visit.database();
    let limit = i64::try_from(ROWS + 1).unwrap_or(i64::MAX);
    let at = event.received_at;
    let mut others = bystanders(database, visit.account, &event.targets, at, behind, limit).await?;
    let next = cut(&mut others, ROWS, |last| last.id);
    let next = next.map(|last| format!("/events/{}?behind={last}#not", event.id));
    let first = behind.map(|_| format!("/events/{}#not", event.id));
    Ok(html! {
        section class="panel" id="not" {
            h2 { "Webhooks that did not get it" }
            @if others.is_empty() && behind.is_none() {
                p { "There is no other webhook in this account." }
            } @else {
                details open[others.len() <= 10 || behind.is_some()] {
                    summary {
                        @match (next.is_some(), others.len()) {
                            (true, count) => { (count) " of them, and there are more" }
                            (false, 1) => "1 webhook",
                            (false, count) => { (count) " webhooks" }
                        }
                    }
                    ul class="reasons" {
                        @for other in &others {
                            li {
                                @if other.deleted_at.is_none() {
                                    a href=(format!("/webhooks/{}", other.id)) { (other.title) }
                                } @else { (other.title) " " span class="muted" { "deleted" } }
                                p { (why_not(&visit.reader, event, other)) }
                            }
                        }
                    }
                    (ui::pager(next.as_deref(), first.as_deref()))
                }
            }
        }
    })
}
