//! How much each user did in a time. It reads the whole of that time, so it has a page of its own,
//! which a button opens.

use super::activity_log::kind_of;
use super::prelude::*;
use crate::catalogue::activities as catalogue;
use crate::service::activities::{self, CountedActivities};
use crate::store::activity_type;

const PATH: &str = "/activity/summary";
/// Rows that the page shows.
const SHOWN: usize = 100;

/// The address of the counts for what a filter bar has set.
pub(super) fn href(group: Option<&str>, bar: &FilterBar) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(group.map(|group| ("group", group)));
    let set = bar.href_without("");
    let set = set.split_once('?').map_or("", |(_, query)| query);
    let set = url::form_urlencoded::parse(set.as_bytes());
    query.extend_pairs(set.filter(|(name, _)| name == "from" || name == "to"));
    match query.finish() {
        query if query.is_empty() => PATH.to_owned(),
        query => format!("{PATH}?{query}"),
    }
}

/// The page.
pub(crate) async fn show(visit: Visit) -> PageResult {
    let mut query = visit.query();
    let group = query.text("group");
    let (from, to) = visit.reader.range(&mut query);
    query.finish()?;
    let own = activity_type::list(visit.database(), visit.account).await?;
    let builtin = catalogue::builtin();
    let mut groups: Vec<&str> = builtin.iter().map(|group| group.name).collect();
    groups.extend(own.iter().map(|own| own.group.as_str()));
    groups.sort_unstable();
    groups.dedup();
    let named = groups.iter().map(|it| (it.to_string(), it.to_string()));
    let choices: Choices = vec![(String::new(), named.collect())];
    let counted = activities::count(visit.cx(), group.as_deref(), (from, to)).await?;
    let chosen = group.as_deref().unwrap_or_default();
    let bar = FilterBar::new(PATH)
        .select("group", chosen, "Group", "Any group", choices)
        .dates(&visit.reader, ("from", from), ("to", to));
    let body = html! {
        (bar.show())
        section id="list" {
            (bar.chips())
            p class="muted" {
                "From " (visit.reader.at(counted.from)) " to " (visit.reader.at(counted.to)) "."
            }
            @if counted.rows.is_empty() {
                @let next = html! { "Choose a longer time or another group; up to 92 days are counted." };
                (ui::empty("Nothing was done in this time.", &next))
            } @else { (table(&visit, &counted, &bar)) }
        }
    };
    let lead = "How much each user did, the most active first.";
    let page = visit.page(Nav::Activity, "Activity by user", lead);
    Ok(page.back("/activity", "Activity").show(&body))
}

fn table(visit: &Visit, counted: &CountedActivities, bar: &FilterBar) -> Markup {
    let more = counted.truncated || counted.rows.len() > SHOWN;
    html! {
        table class="list" {
            thead { tr {
                th scope="col" { "User" } th scope="col" { "Group" }
                th scope="col" class="number" { "Activities" } th scope="col" { "Last" }
            } }
            tbody {
                @for row in counted.rows.iter().take(SHOWN) {
                    tr {
                        td data-label="User" {
                            @match &row.user {
                                Some(user) => { a class="row" href=(of_user(user, &row.group, bar)) { (user) } }
                                None => { span class="muted" { "Herald" } }
                            }
                        }
                        td data-label="Group" { (row.group) }
                        td data-label="Activities" class="number" { (row.count) }
                        td data-label="Last" { (visit.reader.ago(row.last_at)) }
                    }
                }
            }
        }
        @if more {
            p class="muted" { "These are the " (SHOWN) " most active; a group or a shorter time shows others." }
        }
    }
}

/// The list of what one user did in a group, in the time that the bar has set.
fn of_user(user: &str, group: &str, bar: &FilterBar) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("user", user);
    query.append_pair("activity", &kind_of(group, "*"));
    let set = bar.href_without("group");
    if let Some((_, set)) = set.split_once('?') {
        query.extend_pairs(url::form_urlencoded::parse(set.as_bytes()));
    }
    format!("/activity?{}", query.finish())
}
