//! One event: its payload, who got it, and for each webhook that did not, why not.

use actix_web::HttpResponse;
use actix_web::http::header;
use maud::{Markup, Render, html};
use serde::Deserialize;

use super::super::deliveries;
use super::super::frame::Nav;
use super::super::payload::{MOST_RAW, Payload, size};
use super::super::visit::{Look, Visit};
use super::super::{PageResult, layout, query, ui};
use super::reach::why_not;
use crate::domain::id::{EventId, SubscriptionId};
use crate::http::path::part;
use crate::http::problem::Problem;
use crate::http::shared::Shared;
use crate::store::delivery_log;
use crate::store::event::{self, EventSummary};
use crate::store::subscription_name::{bystanders, named};

/// Webhooks of a page, in each of the two lists.
const ROWS: usize = 50;

/// The page.
pub(in crate::http) async fn page(Look(shared, visit, request): Look) -> PageResult {
    let mut query = query(&request);
    let skip: usize = query.parsed("skip").unwrap_or(0);
    let behind: Option<SubscriptionId> = query.parsed("behind");
    query.finish()?;
    let id: EventId = part(&request, "id")?;
    let database = shared.engine.database();
    let (event, payload) = event::find(database, visit.account, id)
        .await?
        .ok_or_else(|| Problem::not_found("event"))?;
    let raw = format!("/events/{id}/raw");
    let body = html! {
        dl class="facts" {
            dt { "Topic" }
            dd { a class="mono" href=(super::path(&event.event_type)) { (event.event_type) } }
            dt { "Accepted" }
            dd { (visit.reader.at(event.received_at)) " (" (visit.reader.ago(event.received_at)) ")" }
            dt { "Id" }
            dd { span class="mono" id="event-id" { (id) } " " (ui::copy("event-id")) }
            dt { "Size" }
            dd { (size(usize::try_from(event.size).unwrap_or(0))) }
            @if event.test { dt { "Made" } dd { "To try out a webhook" } }
            @if let Some(hops) = &event.hops {
                dt { "Came through" }
                dd { span class="mono" { (hops) } " (databases of Herald)" }
            }
        }
        (warnings(&event))
        section class="panel" {
            h2 { "Payload" }
            (Payload {
                title: "As published",
                id: "payload",
                bytes: &payload,
                whole: Some(&raw),
                most: MOST_RAW,
            }.render())
        }
        (who_got_it(&shared, &visit, &event, skip).await?)
        (who_did_not(&shared, &visit, &event, behind).await?)
    };
    Ok(visit
        .page(
            Nav::Events,
            &event.event_type,
            "An event, who got it, and who did not.",
        )
        .back("/events/log", "Recent events")
        .show(&body))
}

/// The payload's bytes, to be saved.
pub(in crate::http) async fn raw(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let id: EventId = part(&request, "id")?;
    let (_, payload) = event::find(shared.engine.database(), visit.account, id)
        .await?
        .ok_or_else(|| Problem::not_found("event"))?;
    // A browser shows none of it, whatever it holds.
    Ok(layout::with_headers(HttpResponse::Ok())
        .content_type("application/octet-stream")
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}.json\""),
        ))
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
                    li {
                        @if !warning.pointer.is_empty() { span class="mono" { (warning.pointer) } " " }
                        (warning.detail)
                    }
                }
            }
        }
    }
}

async fn who_got_it(
    shared: &Shared,
    visit: &Visit,
    event: &EventSummary,
    skip: usize,
) -> Result<Markup, super::super::Trouble> {
    let database = shared.engine.database();
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
                            th scope="col" { "Webhook" }
                            th scope="col" { "State" }
                            th scope="col" class="number" { "Status" }
                            th scope="col" class="number" { "Attempts" }
                            th scope="col" { "What went wrong" }
                            th scope="col" { "Last attempt" }
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
    shared: &Shared,
    visit: &Visit,
    event: &EventSummary,
    behind: Option<SubscriptionId>,
) -> Result<Markup, super::super::Trouble> {
    let database = shared.engine.database();
    let limit = i64::try_from(ROWS + 1).unwrap_or(i64::MAX);
    let at = event.received_at;
    let mut others = bystanders(database, visit.account, &event.targets, at, behind, limit).await?;
    let more = others.len() > ROWS;
    others.truncate(ROWS);
    let next = others.last().filter(|_| more);
    let next = next.map(|last| format!("/events/{}?behind={}#not", event.id, last.id));
    let first = behind.map(|_| format!("/events/{}#not", event.id));
    Ok(html! {
        section class="panel" id="not" {
            h2 { "Webhooks that did not get it" }
            @if others.is_empty() && behind.is_none() {
                p { "There is no other webhook in this account." }
            } @else {
                details open[others.len() <= 10 || behind.is_some()] {
                    summary {
                        @match (more, others.len()) {
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
