//! The events that were published lately.

use super::super::payload::size;
use super::super::prelude::*;
use crate::service::event_types;
use crate::store::event::{self, EventFilter, EventSummary};

const LIST: &str = "events";

pub(in crate::http) async fn list(visit: Visit) -> PageResult {
    let mut query = visit.query();
    let topic = query.text("topic");
    let (from, to) = visit.reader.range(&mut query);
    let wanted = PageRequest::of_page(&mut query, LIST);
    query.finish()?;
    let topics = super::topics(&event_types::all(visit.cx()).await?);
    let filter = EventFilter {
        event_type: topic.clone(),
        from,
        to,
        before: wanted.after,
        limit: wanted.rows(),
    };
    let mut events = event::list(visit.database(), visit.account, &filter).await?;
    let next = cut(&mut events, wanted.limit, |event| event.id);
    let bar = FilterBar::new("/events/log");
    let topic = topic.as_deref().unwrap_or_default();
    let bar = bar.select("topic", topic, "Topic", "Any topic", topics);
    let bar = bar.dates(&visit.reader, ("from", from), ("to", to));
    let address = |cursor: Option<&str>| {
        let kept = url::form_urlencoded::parse(visit.request.query_string().as_bytes());
        let kept = kept.filter(|(name, _)| name != "cursor" && name != "done");
        let mut address = url::form_urlencoded::Serializer::new(String::new());
        address.extend_pairs(kept);
        address.extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
        format!("/events/log?{}", address.finish())
    };
    let next = next.map(|id| address(Some(&cursor::encode(LIST, &id))));
    let first = wanted.after.map(|_| address(None));
    let body = html! {
        (bar.show())
        section id="list" aria-label="Events" {
            (bar.chips())
            @if events.is_empty() { (nothing(bar.is_set() || first.is_some())) }
            @else {
                table class="list" {
                    thead {
                        tr {
                            @for name in ["Time", "Event type", "ID"] { th scope="col" { (name) } }
                            @for name in ["Size", "Webhooks"] { th scope="col" class="number" { (name) } }
                        }
                    }
                    tbody { @for event in &events { (row(&visit, event)) } }
                }
            }
            (ui::pager(next.as_deref(), first.as_deref()))
        }
    };
    let lead = "What was published, newest first.";
    let page = visit.page(Nav::Events, "Recent events", lead);
    Ok(page.back("/events", "Events").show(&body))
}

fn row(visit: &Visit, event: &EventSummary) -> Markup {
    html! {
        tr {
            td data-label="Time" { (visit.reader.ago(event.received_at)) }
            td data-label="Event type" {
                span class="mono" { (event.event_type) }
                @if event.test { " " span class="muted" { "test" } }
                @if event.warnings.is_some() { " " span class="muted" { "does not fit its schema" } }
            }
            td data-label="ID" {
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
        return ui::empty("No event matches these filters.", &step);
    }
    let step = html! { "Publish an " a href="/events" { "example" } ", or send one to " code { "POST /v1/events" } "." };
    ui::empty("Nothing was published yet.", &step)
}
