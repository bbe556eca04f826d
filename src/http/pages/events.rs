//! The reference of event types, by groups; each type, the events themselves, and publishing one
//! by hand.

pub(in crate::http) mod kind;
pub(in crate::http) mod log;
pub(in crate::http) mod own;
mod reach;
mod schema;
pub(in crate::http) mod show;

use super::prelude::*;
use super::wording;
use crate::service::Refusal;
use crate::service::event_types::{self, EventTypeEntry};

/// Event types of a page; of more, the search finds the others.
const MOST: usize = 300;

/// The heading of types without a group.
const NO_GROUP: &str = "Own event types";

/// The catalogue.
pub(in crate::http) async fn list(visit: Visit) -> PageResult {
    let mut query = visit.query();
    let text = query.text("q").unwrap_or_default();
    query.finish()?;
    let mut types = event_types::all(visit.cx()).await?;
    let wanted = text.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&wanted);
    types.retain(|it| has(&it.name) || has(&it.title) || has(&it.description) || has(&it.group));
    let cut = types.len() > MOST;
    types.truncate(MOST);
    let bar = FilterBar::new("/events").search("q", &text, "Search", "Name or words");
    let body = html! {
        (bar.show())
        section id="list" aria-label="Event types" {
            (bar.chips())
            @if types.is_empty() {
                (ui::empty("No event type matches this search.", &html! { a href="/events" { "Show all event types" } }))
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
    let page = visit.page(Nav::Events, "Events", lead).action(action);
    Ok(page.show(&body))
}

fn entry(known: &EventTypeEntry) -> Markup {
    html! {
        li {
            div {
                a class="row" href=(path(&known.name)) { (or(&known.title, &known.name)) }
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

/// A text, or another one in place of an empty one.
fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

/// A text in which names are between backticks.
fn prose(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A text's first characters, at most so many.
pub(super) fn beginning(text: &str, most: usize) -> String {
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
        let group = or(&known.group, NO_GROUP);
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, of_group)) => of_group.push(known),
            None => groups.push((group, vec![known])),
        }
    }
    groups
}

/// Types to choose from, by their groups.
pub(super) fn topics(types: &[EventTypeEntry]) -> Choices {
    let choice = |known: &&EventTypeEntry| (known.name.clone(), known.name.clone());
    let group = |(name, types): (&str, Vec<&EventTypeEntry>)| {
        (name.to_owned(), types.iter().map(choice).collect())
    };
    by_group(types).into_iter().map(group).collect()
}

/// One thing that is wrong with an event or a type, with its place.
fn fault(pointer: &str, detail: &str) -> Markup {
    html! {
        @if !pointer.is_empty() { span class="mono" { (pointer) } " " }
        (detail)
    }
}

/// Why a form was refused, to be shown with it again.
///
/// # Errors
/// People cannot fix it in the form.
fn fixable(why: Refusal) -> Result<ProblemDetails, Trouble> {
    let problem = wording::problem(why);
    match problem.for_page().1.is_client_error() {
        true => Ok(problem),
        false => Err(problem.into()),
    }
}
