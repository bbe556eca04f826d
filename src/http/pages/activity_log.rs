//! The user activity log: the list with its filters, and one activity.

use serde_json::Value;

use super::payload;
use super::prelude::*;
use super::subject::{self, activity_name};
use crate::catalogue::activities as catalogue;
use crate::domain::activity::OWN_GROUP;
use crate::service::activities::{self, LIST, Place};
use crate::store::activity::{self, Activity, ActivityFilter};
use crate::store::activity_type;

/// The part of the drop-down's value that means every activity of a group.
const ALL: &str = "*";
const PATH: &str = "/activity";

pub(crate) async fn list(visit: Visit) -> PageResult {
    let mut query = visit.query();
    let user = query.text("user");
    let kind = query.text("activity");
    let (from, to) = visit.reader.range(&mut query);
    let wanted: PageRequest<Place> = PageRequest::of_page(&mut query, LIST);
    query.finish()?;
    let (group, activity) = kind.as_deref().map(read_kind).unwrap_or_default();
    let choices = choices(&visit).await?;
    let sought = user.as_deref().unwrap_or_default();
    let chosen = kind.as_deref().unwrap_or_default();
    let bar = FilterBar::new(PATH)
        .search("user", sought, "User", "E-mail or name")
        .select("activity", chosen, "Activity", "Any activity", choices)
        .dates(&visit.reader, ("from", from), ("to", to));
    let filter = ActivityFilter {
        user,
        group,
        activity,
        from,
        to,
        limit: wanted.rows(),
        before: wanted.after,
    };
    let (rows, next) = activities::list(visit.cx(), &filter, wanted.limit).await?;
    let titles = subject::titles(visit.database(), &visit, &rows).await?;
    let next = next.map(|place| bar.href_with("cursor", &cursor::encode(LIST, &place)));
    let first = filter.before.is_some().then(|| bar.href_without(""));
    let body = html! {
        (bar.show())
        section id="list" {
            (bar.chips())
            @if rows.is_empty() { (nothing(&bar)) }
            @else { (table(&visit, &rows, &titles)) }
            (ui::pager(next.as_deref(), first.as_deref()))
        }
    };
    let counts = super::activity_counts::href(filter.group.as_deref(), &bar);
    let lead = "Who did what, in your application and in Herald.";
    let action = html! { a class="button" href=(counts) { "Counts by user" } };
    let page = visit.page(Nav::Activity, "Activity", lead).action(action);
    Ok(page.show(&body))
}

fn table(visit: &Visit, rows: &[Activity], titles: &subject::Titles) -> Markup {
    html! {
        table class="list" {
            thead { tr {
                @for name in ["Time", "Who", "Activity", "About"] { th scope="col" { (name) } }
                th scope="col" class="view" { span class="unseen" { "Open" } }
            } }
            tbody {
                @for row in rows {
                    @let name = activity_name(&row.group, &row.activity);
                    tr {
                        td data-label="Time" { (visit.reader.ago(row.at)) }
                        td data-label="Who" { span { (subject::who(row)) } }
                        td data-label="Activity" { a class="row" href=(subject::href(row.id())) { (name) } }
                        td data-label="About" {
                            @if row.subject.is_some() { span { (subject::about(visit, row, titles)) } }
                        }
                        td class="view" aria-hidden="true" { "View" }
                    }
                }
            }
        }
    }
}

fn nothing(bar: &FilterBar) -> Markup {
    if bar.is_set() {
        let next = html! { a href=(PATH) { "Clear the filters" } };
        return ui::empty("No activity matches these filters.", &next);
    }
    let next = html! {
        "Your application records what its users do with " code { "POST /v1/activities" }
        "; Herald records changes of its own by itself."
    };
    ui::empty("Nothing was recorded yet.", &next)
}

/// The catalogue as a drop-down, with an entry for all of each group.
async fn choices(visit: &Visit) -> Result<Choices, StoreError> {
    let own = activity_type::list(visit.database(), visit.account).await?;
    let own = own.iter().map(|it| (&*it.group, &*it.activity));
    let builtin = catalogue::builtin();
    let given = builtin.iter();
    let given = given.flat_map(|it| it.activities.iter().map(move |name| (it.name, *name)));
    let mut choices = Choices::new();
    for (group, activity) in given.chain(own) {
        let value = kind_of(group, &escaped(activity));
        let choice = (value, activity_name(group, activity));
        match choices.iter_mut().find(|(name, _)| name == group) {
            Some((_, known)) => known.push(choice),
            None => {
                let all = (kind_of(group, ALL), format!("All of {group}"));
                choices.push((group.to_owned(), vec![all, choice]));
            }
        }
    }
    // Herald's own group stays the last.
    choices.sort_by_key(|(group, _)| group == OWN_GROUP);
    Ok(choices)
}

/// The drop-down's value for a group.
pub(super) fn kind_of(group: &str, activity: &str) -> String {
    format!("{}.{activity}", escaped(group))
}

fn escaped(name: &str) -> String {
    let name = name.replace('%', "%25");
    name.replace('.', "%2E").replace('*', "%2A")
}

fn plain(name: &str) -> String {
    let name = name.replace("%2A", "*");
    name.replace("%2E", ".").replace("%25", "%")
}

/// Group and activity of a drop-down's value; without an activity: all of the group.
fn read_kind(value: &str) -> (Option<String>, Option<String>) {
    match value.split_once('.') {
        Some((group, ALL)) => (Some(plain(group)), None),
        Some((group, activity)) => (Some(plain(group)), Some(plain(activity))),
        None => (Some(plain(value)), None),
    }
}

/// One activity with its payload.
pub(crate) async fn show(visit: Visit) -> PageResult {
    visit.no_query()?;
    let (database, id) = (visit.database(), visit.part("id")?);
    let found = activity::find(database, visit.account, id).await?;
    let rows = [found.ok_or_else(|| ProblemDetails::not_found("activity"))?];
    let titles = subject::titles(database, &visit, &rows).await?;
    let [entry] = &rows;
    let reader = &visit.reader;
    let name = activity_name(&entry.group, &entry.activity);
    let delayed = (entry.recorded_at() - entry.at).num_seconds().abs() > 1;
    let body = html! {
        section class="panel" {
            dl class="facts" {
                dt { "Time" } dd { (reader.at(entry.at)) " (" (reader.ago(entry.at)) ")" }
                @if delayed { dt { "Recorded" } dd { (reader.at(entry.recorded_at())) } }
                dt { "Who" } dd { (subject::who_exactly(&visit, entry)) }
                dt { "Group" } dd {
                    a href=(FilterBar::new(PATH).href_with("activity", &kind_of(&entry.group, ALL))) { (entry.group) }
                }
                @if entry.subject.is_some() {
                    dt { "About" } dd { (subject::about(&visit, entry, &titles)) }
                }
                dt { "ID" } dd { code id="activity-id" { (entry.id()) } " " (ui::copy("activity-id")) }
            }
        }
        @if entry.group == OWN_GROUP { (changes(entry.payload().as_deref())) }
        @match entry.payload() {
            Some(json) => { (payload::view("Payload", "payload", json.as_bytes())) }
            None => { p class="muted" { "It was recorded without a payload." } }
        }
    };
    let lead = match &entry.user {
        Some(user) if user.contains('@') => format!("Done by {user}."),
        _ => String::new(),
    };
    let page = visit.page(Nav::Activity, &name, &lead);
    Ok(page.back(PATH, "Activity").show(&body))
}

/// What was before and what is after, field by field, if a payload describes a change.
fn changes(payload: Option<&str>) -> Markup {
    let payload: Option<Value> = payload.and_then(|json| serde_json::from_str(json).ok());
    let side = |name: &str| Some(payload.as_ref()?.get(name)?.as_object()?.clone());
    let (Some(before), Some(after)) = (side("before"), side("after")) else {
        return html! {};
    };
    let new = after.keys().filter(|name| !before.contains_key(*name));
    let names = before.keys().chain(new);
    let changed = names.filter(|name| before.get(*name) != after.get(*name));
    let changed: Vec<&String> = changed.collect();
    if changed.is_empty() {
        return html! {};
    }
    html! {
        section class="panel" {
            h2 { "What changed" }
            table class="list changes" {
                thead { tr {
                    th scope="col" { "Field" } th scope="col" { "Before" } th scope="col" { "After" }
                } }
                tbody {
                    @for name in changed {
                        tr {
                            td data-label="Field" { (name) }
                            td data-label="Before" { (value(before.get(name))) }
                            td data-label="After" { (value(after.get(name))) }
                        }
                    }
                }
            }
        }
    }
}

fn value(value: Option<&Value>) -> Markup {
    html! {
        @match value {
            None | Some(Value::Null) => { span class="muted" { "none" } }
            Some(Value::String(text)) => { (text) }
            Some(other) => { code { (other) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_survives_its_place_in_an_address_whatever_its_names_hold() {
        for (group, activity) in [("Order", "Bulk Submit"), ("a.b", "*"), ("100%2E", "%.*")] {
            let value = format!("{}.{}", escaped(group), escaped(activity));
            let read = (Some(group.to_owned()), Some(activity.to_owned()));
            assert_eq!(read_kind(&value), read, "{value}");
            let all = (Some(group.to_owned()), None);
            assert_eq!(read_kind(&kind_of(group, ALL)), all);
        }
    }
}
