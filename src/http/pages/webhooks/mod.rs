//! The webhooks: the list as cards or as rows, and beside it everything that is done with one of
//! them. On pages a subscription is called a webhook.

pub(in crate::http) mod actions;
mod draft;
pub(in crate::http) mod edit;
mod entry;
mod form;
pub(in crate::http) mod secret;
pub(in crate::http) mod show;
pub(in crate::http) mod trial;
mod triggers;
mod words;

use actix_web::http::header::{HeaderValue, SET_COOKIE};

use super::prelude::*;
use crate::domain::id::SubscriptionId;
use crate::domain::subscription::{SubscriptionSort, SubscriptionState};
use crate::http::session::cookie;
use crate::service::subscriptions;
use crate::store::subscription::SubscriptionFilter;

use SubscriptionSort::{CreatedAt, Id, UpdatedAt};

/// The cookie with how the list is shown.
const VIEW: &str = "herald_view";

/// The page of a webhook.
fn path(id: SubscriptionId) -> String {
    format!("/webhooks/{id}")
}

/// On to a page of a webhook: its path, and what follows it.
fn go_to(id: SubscriptionId, behind: &str) -> HttpResponse {
    layout::go_to(path(id) + behind).finish()
}

/// How the list is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Cards,
    List,
}

impl View {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Cards => "cards",
            Self::List => "list",
        }
    }

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "cards" => Ok(Self::Cards),
            "list" => Ok(Self::List),
            _ => Err("use cards or list".to_owned()),
        }
    }
}

pub(crate) async fn list(visit: Visit) -> PageResult {
    let mut query = visit.query();
    let chosen = query.take("view", View::read);
    let state: Option<SubscriptionState> = query.parsed("state");
    let (from, to) = visit.reader.range(&mut query);
    let text = query.text("q").unwrap_or_default().trim().to_owned();
    let sort = query.parsed("sort").unwrap_or(CreatedAt);
    let descending = query.take("order", |order| match order {
        "desc" => Ok(true),
        "asc" => Ok(false),
        _ => Err("use asc or desc".to_owned()),
    });
    let descending = descending.unwrap_or(true);
    let name = format!("webhooks {sort} {descending}");
    let wanted = PageRequest::of_page(&mut query, &name);
    query.finish()?;
    let filter = SubscriptionFilter {
        state,
        created_from: from,
        created_to: to,
        text: Some(text.clone()).filter(|text| !text.is_empty()),
        sort,
        descending,
        after: wanted.after,
        limit: wanted.rows(),
    };
    let mut rows = subscriptions::list(visit.cx(), &filter).await?;
    let next = cut(&mut rows, wanted.limit, |(row, _)| match sort {
        UpdatedAt => (row.updated_at, row.id),
        CreatedAt | Id => (row.created_at, row.id),
    });
    let entries = entry::of(&visit, rows).await?;
    let saved = cookie(&visit.request, VIEW).and_then(|text| View::read(text).ok());
    let view = chosen.or(saved).unwrap_or(View::Cards);
    let state = state.map_or("", SubscriptionState::as_str);
    let bar = |sort: SubscriptionSort, descending: bool| {
        let by_creation = sort == CreatedAt;
        FilterBar::new("/webhooks")
            .search("q", &text, "Search", "Title or host")
            .select("state", state, "State", "Any state", states())
            .dates(&visit.reader, ("from", from), ("to", to))
            .keep("sort", if by_creation { "" } else { sort.as_str() })
            .keep("order", if descending { "" } else { "asc" })
    };
    let sorted = |way| bar(way, way != sort || !descending).href_without("cursor");
    let sorting = sorting(sort, descending, sorted);
    let bar = bar(sort, descending);
    let next = next.map(|key| bar.href_with("cursor", &cursor::encode(&name, &key)));
    let is_first = wanted.after.is_none();
    let first = (!is_first).then(|| bar.href_without("cursor"));
    let body = html! {
        (bar.show())
        section id="list" aria-label="Webhooks" {
            div class="toolbar" { (bar.chips()) (sorting) (views(&bar, view)) }
            @if entries.is_empty() {
                @if bar.is_set() || !is_first {
                    (ui::empty("No webhook matches these filters.", &html! {
                        a class="button" href="/webhooks" { "Clear the filters" }
                    }))
                } @else if visit.is_admin() {
                    (ui::empty("There are no webhooks yet. A webhook notifies another system of what happens here.", &html! {
                        a class="button primary" href="/webhooks/new" { "Add the first webhook" }
                    }))
                } @else {
                    (ui::empty("There are no webhooks yet.", &html! { "An admin can add the first one." }))
                }
            } @else if view == View::Cards {
                (entry::cards(&visit, &entries))
            } @else {
                (entry::table(&visit, &entries))
            }
            (ui::pager(next.as_deref(), first.as_deref()))
        }
    };
    let lead = "Where events are sent, and whether they arrive.";
    let mut page = visit.page(Nav::Webhooks, "Webhooks", lead);
    if visit.is_admin() {
        let add = html! { a class="button primary" href="/webhooks/new" { "Add a webhook" } };
        page = page.action(add);
    }
    let mut response = page.show(&body);
    if let Some(view) = chosen {
        let secure = visit.signed_in.place.secure;
        let secure = if secure { "; Secure" } else { "" };
        let value = format!(
            "{VIEW}={}; Path=/webhooks; Max-Age=31536000; HttpOnly; SameSite=Lax{secure}",
            view.as_str()
        );
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
    Ok(response)
}

fn states() -> Choices {
    let choice = |state: &SubscriptionState| {
        let word = match state {
            SubscriptionState::Enabled => "Enabled",
            SubscriptionState::Paused => "Paused",
            SubscriptionState::Disabled => "Disabled",
        };
        (state.to_string(), word.to_owned())
    };
    let choices = SubscriptionState::ALL.iter().map(choice).collect();
    vec![(String::new(), choices)]
}

/// The ways to sort, with their addresses; the current one reverses the order.
fn sorting(
    sort: SubscriptionSort,
    descending: bool,
    href: impl Fn(SubscriptionSort) -> String,
) -> Markup {
    let (arrow, order) = match descending {
        true => ("↓", "newest first"),
        false => ("↑", "oldest first"),
    };
    html! {
        nav class="sorting" aria-label="Sort by" {
            span { "Sort by" }
            @for (way, word) in [(CreatedAt, "Created"), (UpdatedAt, "Updated"), (Id, "ID")] {
                @if way == sort {
                    a href=(href(way)) aria-current="true"
                        title={ "Sorted by this, " (order) "; reverse the order" } {
                        (word) " " span aria-hidden="true" { (arrow) }
                        span class="unseen" { ", " (order) }
                    }
                } @else {
                    a href=(href(way)) { (word) }
                }
            }
        }
    }
}

fn views(bar: &FilterBar, view: View) -> Markup {
    let way = |other: View, word: &str, icon: &str| {
        html! {
            a href=(bar.href_with("view", other.as_str())) aria-current=[(other == view).then_some("true")] {
                svg viewBox="0 0 16 16" aria-hidden="true" { path d=(icon); }
                (word)
            }
        }
    };
    html! {
        nav class="views" aria-label="Show as" {
            (way(View::Cards, "Cards", "M2 2h5v5H2zm7 0h5v5H9zM2 9h5v5H2zm7 0h5v5H9z"))
            (way(View::List, "List", "M2 4h12M2 8h12M2 12h12"))
        }
    }
}
