//! The events that were published lately.

use maud::{Markup, html};

use super::super::deliveries::topics;
use super::super::filter::FilterBar;
use super::super::frame::Nav;
use super::super::payload::size;
use super::super::visit::{Look, Visit};
use super::super::{PageResult, query, ui};
use crate::domain::cursor;
use crate::domain::id::EventId;
use crate::http::page::cut;
use crate::service::event_types;
use crate::store::event::{self, EventFilter, EventSummary};

const LIST: &str = "events";
/// Rows of a page.
const ROWS: usize = 50;

/// The list.
pub(in crate::http) async fn list(Look(shared, visit, request): Look) -> PageResult {
    let mut query = query(&request);
    let topic = query.text("topic");
    let (from, to) = visit.reader.range(&mut query);
    let before: Option<EventId> = query.take("cursor", |text| {
        cursor::decode(LIST, text).map_err(|error| error.to_string())
    });
    query.finish()?;
    let types = event_types::all(&shared.engine, visit.account).await?;
    let filter = EventFilter {
        event_type: topic.clone(),
        from,
        to,
        before,
        limit: i64::try_from(ROWS + 1).unwrap_or(i64::MAX),
    };
    let mut events = event::list(shared.engine.database(), visit.account, &filter).await?;
    let next = cut(&mut events, ROWS, |event| event.id);
    let bar = FilterBar::new("/events/log")
        .select(
            "topic",
            topic.as_deref().unwrap_or_default(),
            "Topic",
            "All topics",
            topics(types),
        )
        .dates(&visit.reader, ("from", from), ("to", to));
    let address = |cursor: Option<&str>| {
        let mut address = url::form_urlencoded::Serializer::new(String::new());
        let kept = url::form_urlencoded::parse(request.query_string().as_bytes());
        for (name, value) in kept.filter(|(name, _)| name != "cursor" && name != "done") {
            address.append_pair(&name, &value);
        }
        if let Some(cursor) = cursor {
            address.append_pair("cursor", cursor);
        }
        format!("/events/log?{}", address.finish())
    };
    let next = next.map(|id| address(Some(&cursor::encode(LIST, &id))));
    let first = before.map(|_| address(None));
    let body = html! {
        (bar.show())
        section id="list" aria-label="Events" {
            (bar.chips())
            @if events.is_empty() { (nothing(bar.is_set() || before.is_some())) }
            @else {
                table class="list" {
                    thead {
                        tr {
                            th scope="col" { "Time" }
                            th scope="col" { "Topic" }
                            th scope="col" { "Event" }
                            th scope="col" class="number" { "Size" }
                            th scope="col" class="number" { "Webhooks" }
                        }
                    }
                    tbody { @for event in &events { (row(&visit, event)) } }
                }
            }
            (ui::pager(next.as_deref(), first.as_deref()))
        }
    };
    Ok(visit
        .page(
            Nav::Events,
            "Recent events",
            "What was published, the newest first.",
        )
        .back("/events", "Events")
        .show(&body))
}

fn row(visit: &Visit, event: &EventSummary) -> Markup {
    html! {
        tr {
            td data-label="Time" { (visit.reader.ago(event.received_at)) }
            td data-label="Topic" {
                span class="mono" { (event.event_type) }
                @if event.test { " " span class="muted" { "test" } }
                @if event.warnings.is_some() { " " span class="muted" { "does not fit its schema" } }
            }
            td data-label="Event" {
                a class="row mono" href=(format!("/events/{}", event.id)) { (event.id) }
            }
            td data-label="Size" class="number" { (size(usize::try_from(event.size).unwrap_or(0))) }
            td data-label="Webhooks" class="number" { (event.targets.len()) }
        }
    }
}

fn nothing(filtered: bool) -> Markup {
    if filtered {
        let step = html! { a href="/events/log" { "Show all events" } };
        return ui::empty("No event fits these filters.", &step);
    }
    let step = html! { "Publish an " a href="/events" { "example" } ", or send one to " code { "POST /v1/events" } "." };
    ui::empty("Nothing was published yet.", &step)
}
