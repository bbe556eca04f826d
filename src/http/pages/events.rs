//! The reference of event types, by groups; each type, the events themselves, and publishing one
//! by hand.

pub(in crate::http) mod kind;
pub(in crate::http) mod log;
pub(in crate::http) mod own;
mod reach;
mod schema;
pub(in crate::http) mod show;

use maud::{Markup, html};

use super::filter::FilterBar;
use super::frame::Nav;
use super::visit::Look;
use super::{PageResult, query, ui};
use crate::service::event_types::{self, EventTypeEntry};

/// Event types of a page; who has more searches.
const MOST: usize = 300;

/// The heading of types without a group.
const NO_GROUP: &str = "Own event types";

/// The catalogue.
pub(in crate::http) async fn list(Look(shared, visit, request): Look) -> PageResult {
    let mut query = query(&request);
    let text = query.text("q").unwrap_or_default();
    query.finish()?;
    let mut types = event_types::all(&shared.engine, visit.account).await?;
    let wanted = text.to_lowercase();
    types.retain(|known| fits(known, &wanted));
    let cut = types.len() > MOST;
    types.truncate(MOST);
    let bar = FilterBar::new("/events").search("q", &text, "Search", "Name or words");
    let body = html! {
        (bar.show())
        section id="list" aria-label="Event types" {
            (bar.chips())
            @if types.is_empty() {
                (ui::empty("No event type has these words.", &html! { a href="/events" { "Show all event types" } }))
            }
            @for (group, types) in by_group(&types) {
                section class="panel" {
                    h2 { (group) }
                    ul class="catalogue" { @for known in types { (entry(known)) } }
                }
            }
            @if cut { p class="muted" { "There are more. Search for the others." } }
        }
    };
    let action = html! {
        a class="button" href="/events/log" { "Recent events" }
        @if visit.is_admin() { a class="button" href="/events/new" { "Add an event type" } }
    };
    let lead = "What can be published, what each field means, and which webhooks get it.";
    Ok(visit
        .page(Nav::Events, "Events", lead)
        .action(action)
        .show(&body))
}

fn fits(known: &EventTypeEntry, wanted: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(wanted);
    has(&known.name) || has(&known.title) || has(&known.description) || has(&known.group)
}

fn entry(known: &EventTypeEntry) -> Markup {
    html! {
        li {
            div {
                a class="row" href=(path(&known.name)) { (or_name(&known.title, &known.name)) }
                span class="mono muted" { (known.name) }
            }
            p { (prose(&beginning(&known.description, 200))) }
        }
    }
}

/// A type's page.
fn path(name: &str) -> String {
    // Names of event types are letters, digits, `_`, `.` and `-`.
    format!("/events/types/{name}")
}

fn or_name<'a>(title: &'a str, name: &'a str) -> &'a str {
    if title.is_empty() { name } else { title }
}

/// A text in which names stand between backticks.
fn prose(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn beginning(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let begin: String = text.chars().take(most).collect();
    format!("{}…", begin.trim_end())
}

/// Types by their groups, in the order in which the groups come first.
fn by_group(types: &[EventTypeEntry]) -> Vec<(&str, Vec<&EventTypeEntry>)> {
    let mut groups: Vec<(&str, Vec<&EventTypeEntry>)> = Vec::new();
    for known in types {
        let group = if known.group.is_empty() {
            NO_GROUP
        } else {
            &known.group
        };
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, of_group)) => of_group.push(known),
            None => groups.push((group, vec![known])),
        }
    }
    groups
}
