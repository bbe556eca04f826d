//! The webhook log: the list of deliveries, its live tail, one delivery as a story, and resending.

mod attempt;
mod choice;
pub(in crate::http) mod live;
pub(in crate::http) mod many;
pub(super) mod row;
pub(in crate::http) mod show;

use self::choice::{Choice, WebhookMatch, names_of};
pub(in crate::http::pages) use self::row::{name, path, why};
use super::prelude::*;
use crate::domain::id::SubscriptionId;
use crate::store::delivery_log::{DeliveryFilter, DeliveryPage, DeliveryPlace};

const LIST: &str = "deliveries";
/// Rows of a page.
const ROWS: usize = 50;

pub(in crate::http) async fn list(visit: Visit) -> PageResult {
    let mut query = visit.query();
    let choice = Choice::take(&mut query, &visit.reader, visit.request.query_string());
    let after = PageRequest::<DeliveryPlace>::of_page(&mut query, LIST).after;
    query.finish()?;
    let target = choice.target(&visit).await?;
    let bar = choice.bar(&visit).await?;
    let list = match target {
        WebhookMatch::Unclear(found, more) => which(&choice, &found, more),
        WebhookMatch::Clear(subscription) => {
            let (database, account) = (visit.database(), visit.account);
            let filter = choice.filter(subscription, ROWS);
            let filter = DeliveryFilter { after, ..filter };
            let page = choice.find(database, account, &filter).await?;
            let names = names_of(database, account, &page.deliveries).await?;
            let (first, empty) = (after.is_none(), page.deliveries.is_empty());
            html! {
                (tools(&choice, &visit, first, empty))
                @if empty && page.next.is_none() {
                    // The live tail puts the first row here.
                    table class="list deliveries" hidden { (row::head()) tbody {} }
                    (nothing(!first, bar.is_set()))
                } @else {
                    table class="list deliveries" {
                        (row::head())
                        tbody { @for it in &page.deliveries { (row::row(&visit.reader, it, &names)) } }
                    }
                }
                (further(&choice, &page, !first))
            }
        }
    };
    let body = html! {
        (bar.show())
        section id="list" aria-label="Deliveries" { (bar.chips()) (list) }
    };
    let lead = "What Herald sent to which webhook, and with what result.";
    Ok(visit.page(Nav::Deliveries, "Deliveries", lead).show(&body))
}

/// What can be done with the whole list.
fn tools(choice: &Choice, visit: &Visit, first: bool, empty: bool) -> Markup {
    html! {
        div class="tools" {
            @if first && choice.is_open_ended() {
                button class="button with-script" type="button" aria-pressed="false"
                    data-live=(choice.address("/deliveries/live", &[])) { "Live" }
                span class="muted" role="status" data-live-status {}
            }
            @if visit.is_admin() && !empty {
                a class="button" href=(choice.address("/deliveries/resend", &[])) { "Resend all of these…" }
            }
        }
    }
}

/// Where the list continues.
fn further(choice: &Choice, page: &DeliveryPage, behind: bool) -> Markup {
    let cursor = page.next.map(|place| cursor::encode(LIST, &place));
    let next = cursor.map(|cursor| choice.address("/deliveries", &[("cursor", &cursor)]));
    let first = behind.then(|| choice.address("/deliveries", &[]));
    if page.deliveries.len() < ROWS && next.is_some() {
        return html! {
            div class="notice further" {
                p {
                    @if page.deliveries.is_empty() { "None were found so far." }
                    @else { "Fewer than " (ROWS) " were found so far." }
                    " Herald searches a few thousand deliveries at a time, and there are more."
                }
                (ui::pager(None, first.as_deref()))
                @if let Some(next) = next { a class="button" rel="next" href=(next) { "Keep searching" } }
            }
        };
    }
    ui::pager(next.as_deref(), first.as_deref())
}

fn nothing(behind: bool, filtered: bool) -> Markup {
    let empty = |sentence, to: &str| ui::empty(sentence, &html! { a href="/deliveries" { (to) } });
    if behind {
        return empty("There are no more deliveries.", "Show the newest ones");
    }
    if filtered {
        return empty("No delivery matches these filters.", "Show all deliveries");
    }
    let step = html! {
        "Add a " a href="/webhooks" { "webhook" } ", then publish an "
        a href="/events" { "example of an event" } "."
    };
    ui::empty("Nothing was delivered yet.", &step)
}

/// The search for a webhook found several, or none.
fn which(choice: &Choice, found: &[(SubscriptionId, String)], more: bool) -> Markup {
    if found.is_empty() {
        let step = html! { a href="/webhooks" { "Show all webhooks" } };
        return ui::empty("No webhook has this in its title.", &step);
    }
    html! {
        p { "Several webhooks have this in their titles. Which one?" }
        ul {
            @for (id, title) in found {
                li { a href=(choice.address_for(*id)) { (title) } }
            }
        }
        @if more { p class="muted" { "There are more. Enter more of the title." } }
    }
}
