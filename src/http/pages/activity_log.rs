//! The user activity log: the list with its filters, and one activity.

use actix_web::HttpResponse;
use maud::{Markup, html};
use serde_json::Value;

use super::filter::{Choices, FilterBar};
use super::frame::Nav;
use super::subject::{self, activity_in_words};
use super::visit::{Look, Visit};
use super::{PageResult, payload, query, ui};
use crate::catalogue::activities as catalogue;
use crate::domain::activity::OWN_GROUP;
use crate::domain::cursor;
use crate::domain::id::AccountId;
use crate::http::page::Wanted;
use crate::http::path::part;
use crate::http::problem::Problem;
use crate::http::shared::Shared;
use crate::service::activities::{self, LIST, Place};
use crate::store::activity::{self, Activity, ActivityFilter};
use crate::store::{Database, StoreError, activity_type};

/// What stands in the drop-down's value for every activity of a group.
const ALL: &str = "*";
const PATH: &str = "/activity";

/// The list.
pub(in crate::http) async fn list(Look(shared, visit, request): Look) -> PageResult {
    let mut query = query(&request);
    let user = query.text("user");
    let kind = query.text("activity");
    let (from, to) = visit.reader.range(&mut query);
    let wanted: Wanted<Place> = Wanted::of_page(&mut query, LIST);
    query.finish()?;
    let (group, activity) = kind.as_deref().map(read_kind).unwrap_or_default();
    let database = shared.engine.database();
    let choices = choices(database, visit.account).await?;
    let bar = FilterBar::new(PATH)
        .search(
            "user",
            user.as_deref().unwrap_or_default(),
            "User",
            "E-mail or name",
        )
        .select(
            "activity",
            kind.as_deref().unwrap_or_default(),
            "Activity",
            "Every activity",
            choices,
        )
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
    let (rows, next) =
        activities::list(&shared.engine, visit.account, &filter, wanted.limit).await?;
    let titles = subject::titles(database, &visit, &rows).await?;
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
    let page = visit.page(Nav::Activity, "Activity", lead);
    Ok(page
        .action(html! { a class="button" href=(counts) { "Counts by user" } })
        .show(&body))
}

fn table(visit: &Visit, rows: &[Activity], titles: &subject::Titles) -> Markup {
    html! {
        table class="list" {
            thead { tr {
                th scope="col" { "When" }
                th scope="col" { "Who" }
                th scope="col" { "Activity" }
                th scope="col" { "About" }
                th scope="col" class="view" { span class="unseen" { "Open" } }
            } }
            tbody {
                @for row in rows {
                    @let words = activity_in_words(&row.group, &row.activity);
                    tr {
                        td data-label="When" { (visit.reader.ago(row.at)) }
                        td data-label="Who" { span { (subject::who(row)) } }
                        td data-label="Activity" { a class="row" href=(subject::href(row.id())) { (words) } }
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
        return ui::empty("Nothing was done that fits these filters.", &next);
    }
    let next = html! {
        "Your application records what its users do with " code { "POST /v1/activities" }
        "; changes in Herald stand here by themselves."
    };
    ui::empty("Nothing was recorded yet.", &next)
}

/// The catalogue as a drop-down, with an entry for all of each group.
async fn choices(database: &Database, account: AccountId) -> Result<Choices, StoreError> {
    let mut groups: Vec<(String, Vec<String>)> = catalogue::builtin()
        .into_iter()
        .map(|group| {
            (
                group.name.to_owned(),
                group.activities.iter().map(|it| (*it).to_owned()).collect(),
            )
        })
        .collect();
    for own in activity_type::list(database, account).await? {
        match groups.iter_mut().find(|(name, _)| *name == own.group) {
            Some((_, activities)) => activities.push(own.activity),
            // Herald's own group stays the last.
            None => groups.insert(
                groups.len().saturating_sub(1),
                (own.group, vec![own.activity]),
            ),
        }
    }
    let choices = groups.into_iter().map(|(group, activities)| {
        let all = (kind_of(&group, ALL), format!("All of {group}"));
        let each = activities.iter().map(|activity| {
            let value = format!("{}.{}", escaped(&group), escaped(activity));
            (value, activity_in_words(&group, activity))
        });
        let each: Vec<(String, String)> = std::iter::once(all).chain(each).collect();
        (group, each)
    });
    Ok(choices.collect())
}

/// The drop-down's value for a group.
pub(super) fn kind_of(group: &str, activity: &str) -> String {
    format!("{}.{activity}", escaped(group))
}

fn escaped(name: &str) -> String {
    name.replace('%', "%25")
        .replace('.', "%2E")
        .replace('*', "%2A")
}

fn plain(name: &str) -> String {
    name.replace("%2A", "*")
        .replace("%2E", ".")
        .replace("%25", "%")
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
pub(in crate::http) async fn show(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let id = part(&request, "id")?;
    let database = shared.engine.database();
    let found = activity::find(database, visit.account, id).await?;
    let entry = found.ok_or_else(|| Problem::not_found("activity"))?;
    Ok(detail(&shared, &visit, entry).await?)
}

async fn detail(
    shared: &Shared,
    visit: &Visit,
    entry: Activity,
) -> Result<HttpResponse, StoreError> {
    let rows = [entry];
    let titles = subject::titles(shared.engine.database(), visit, &rows).await?;
    let [entry] = rows;
    let reader = &visit.reader;
    let words = activity_in_words(&entry.group, &entry.activity);
    let delayed = (entry.recorded_at() - entry.at).num_seconds().abs() > 1;
    let body = html! {
        section class="panel" {
            dl class="facts" {
                dt { "When" } dd { (reader.at(entry.at)) " (" (reader.ago(entry.at)) ")" }
                @if delayed { dt { "Recorded" } dd { (reader.at(entry.recorded_at())) } }
                dt { "Who" } dd { (subject::who_exactly(visit, &entry)) }
                dt { "Group" } dd {
                    a href=(group_href(&entry.group)) { (entry.group) }
                }
                @if entry.subject.is_some() {
                    dt { "About" } dd { (subject::about(visit, &entry, &titles)) }
                }
                dt { "Id" } dd { code id="activity-id" { (entry.id()) } " " (ui::copy("activity-id")) }
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
    let page = visit
        .page(Nav::Activity, &words, &lead)
        .back(PATH, "Activity");
    Ok(page.show(&body))
}

fn group_href(group: &str) -> String {
    let pair = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("activity", &kind_of(group, ALL))
        .finish();
    format!("{PATH}?{pair}")
}

/// What was before and what is after, field by field, if a payload tells of a change.
fn changes(payload: Option<&str>) -> Markup {
    let payload: Option<Value> = payload.and_then(|json| serde_json::from_str(json).ok());
    let side = |name: &str| Some(payload.as_ref()?.get(name)?.as_object()?.clone());
    let (Some(before), Some(after)) = (side("before"), side("after")) else {
        return html! {};
    };
    let names = before
        .keys()
        .chain(after.keys().filter(|it| !before.contains_key(*it)));
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
