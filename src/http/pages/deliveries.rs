//! The webhook log: the list of deliveries, its live tail, one delivery as a story, and sending
//! again.

mod attempt;
mod choice;
pub(in crate::http) mod live;
pub(in crate::http) mod many;
pub(super) mod row;
pub(in crate::http) mod show;

use maud::{Markup, html};

pub(in crate::http::pages) use self::choice::topics;
use self::choice::{Choice, Target, names_of};
pub(in crate::http::pages) use self::row::{name, path, why};
use super::frame::Nav;
use super::visit::{Look, Visit};
use super::{PageResult, query, ui};
use crate::domain::cursor;
use crate::store::delivery_log::{DeliveryPage, DeliveryPlace};

const LIST: &str = "deliveries";
/// Rows of a page.
const ROWS: usize = 50;

/// The list.
pub(in crate::http) async fn list(Look(shared, visit, request): Look) -> PageResult {
    let mut query = query(&request);
    let choice = Choice::take(&mut query, &visit.reader, request.query_string());
    let cursor: Option<DeliveryPlace> = query.take("cursor", |text| {
        cursor::decode(LIST, text).map_err(|error| error.to_string())
    });
    query.finish()?;
    let database = shared.engine.database();
    let target = choice.target(database, visit.account).await?;
    let bar = choice.bar(&shared, &visit).await?;
    let body = match target.wanted() {
        Err(several) => html! {
            (bar.show())
            section id="list" aria-label="Deliveries" {
                (bar.chips())
                (several_match(&choice, several))
            }
        },
        Ok(subscription) => {
            let filter = choice.filter(subscription, cursor, ROWS);
            let page = choice.find(database, visit.account, &filter).await?;
            let names = names_of(database, visit.account, &page.deliveries).await?;
            let rows = html! {
                @for delivery in &page.deliveries { (row::row(&visit.reader, delivery, &names)) }
            };
            html! {
                (bar.show())
                section id="list" aria-label="Deliveries" {
                    (bar.chips())
                    (tools(&choice, &visit, cursor.is_none(), page.deliveries.is_empty()))
                    @if page.deliveries.is_empty() && page.next.is_none() {
                        // The live tail puts the first row here.
                        table class="list deliveries" hidden { (row::head()) tbody {} }
                        (nothing(cursor.is_some(), bar.is_set()))
                    } @else {
                        table class="list deliveries" { (row::head()) tbody { (rows) } }
                    }
                    (further(&choice, &page, cursor.is_some()))
                }
            }
        }
    };
    let lead = "What Herald sent to which webhook, and what came of it.";
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

/// Where the list goes on.
fn further(choice: &Choice, page: &DeliveryPage, behind: bool) -> Markup {
    let next = page.next.as_ref().map(|place| {
        let cursor = cursor::encode(LIST, place);
        choice.address("/deliveries", &[("cursor", &cursor)])
    });
    let first = behind.then(|| choice.address("/deliveries", &[]));
    if page.deliveries.len() < ROWS && next.is_some() {
        return html! {
            div class="notice further" {
                p {
                    @if page.deliveries.is_empty() { "None was found so far." }
                    @else { "Fewer than " (ROWS) " were found so far." }
                    " Herald looks through some thousands of deliveries at a time, and there are more."
                }
                (ui::pager(None, first.as_deref()))
                @if let Some(next) = next { a class="button" rel="next" href=(next) { "Go on looking" } }
            }
        };
    }
    ui::pager(next.as_deref(), first.as_deref())
}

fn nothing(behind: bool, filtered: bool) -> Markup {
    if behind {
        let step = html! { a href="/deliveries" { "To the newest ones" } };
        return ui::empty("There are no further deliveries.", &step);
    }
    if filtered {
        let step = html! { a href="/deliveries" { "Show all deliveries" } };
        return ui::empty("No delivery fits these filters.", &step);
    }
    let step = html! {
        "Add a " a href="/webhooks" { "webhook" } ", then publish an "
        a href="/events" { "example of an event" } "."
    };
    ui::empty("Nothing was delivered yet.", &step)
}

/// The search for a webhook found several, or none.
fn several_match(choice: &Choice, several: &Target) -> Markup {
    let Target::Several(found, more) = several else {
        let step = html! { a href="/webhooks" { "To the webhooks" } };
        return ui::empty("No webhook has this in its title.", &step);
    };
    html! {
        p { "Several webhooks have this in their titles. Which one?" }
        ul {
            @for (id, title) in found {
                li { a href=(choice.address_for(*id)) { (title) } }
            }
        }
        @if *more { p class="muted" { "There are more. Write more of the title." } }
    }
}
