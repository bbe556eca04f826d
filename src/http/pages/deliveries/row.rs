//! One delivery as a row, for the list and for the live tail.

use std::collections::HashMap;

use super::super::events::beginning;
use super::super::prelude::*;
use super::super::reader::PageReader;
use crate::domain::delivery::DeliveryState;
use crate::domain::id::SubscriptionId;
use crate::service::attempts::error_of;
use crate::store::delivery_log::Delivery;
use crate::store::subscription_name::Named;

/// Characters of an error that a row has room for.
const MOST_ERROR: usize = 90;

/// What webhooks are called.
pub(super) type Names = HashMap<SubscriptionId, Named>;

/// The list's head.
pub(super) fn head() -> Markup {
    html! {
        thead {
            tr {
                @for name in ["Time", "Event type", "Webhook", "State"] { th scope="col" { (name) } }
                @for name in ["Status", "Attempts"] { th scope="col" class="number" { (name) } }
                th scope="col" { "Error" }
                th scope="col" { span class="unseen" { "Details" } }
            }
        }
    }
}

/// The path of a delivery's page.
pub(in crate::http::pages) fn path(delivery: &Delivery) -> String {
    format!("/deliveries/{}/{}", delivery.event, delivery.subscription)
}

/// What a row is known by, and what of it can change.
pub(super) fn mark(delivery: &Delivery) -> String {
    let status = delivery.last_status.unwrap_or_default();
    format!("{} {} {status}", delivery.state, delivery.attempts)
}

pub(super) fn row(reader: &PageReader, delivery: &Delivery, names: &Names) -> Markup {
    let id = format!("d-{}-{}", delivery.event, delivery.subscription);
    let status = delivery.last_status.map(|status| status.to_string());
    html! {
        tr id=(id) data-mark=(mark(delivery)) {
            td data-label="Time" { (reader.ago(delivery.created_at)) }
            td data-label="Event type" {
                span class="mono" { (delivery.event_type) }
                @if delivery.test { " " span class="muted" { "test" } }
            }
            td data-label="Webhook" { (name(names.get(&delivery.subscription))) }
            td data-label="State" { (ui::delivery_state(delivery.state)) }
            td data-label="Status" class="number" { (status.unwrap_or_default()) }
            td data-label="Attempts" class="number" { (delivery.attempts) }
            td data-label="Error" class="why" { (why(reader, delivery)) }
            td { a class="row" href=(path(delivery)) { "View" } }
        }
    }
}

/// What people call a webhook.
pub(in crate::http::pages) fn name(named: Option<&Named>) -> Markup {
    html! {
        @match named {
            Some(named) if named.removed => { (named.title) " " span class="muted" { "deleted" } }
            Some(named) => (named.title),
            None => span class="muted" { "unknown" },
        }
    }
}

/// What went wrong, in short, and what comes next.
pub(in crate::http::pages) fn why(reader: &PageReader, delivery: &Delivery) -> Markup {
    let error = delivery.last_detail.as_deref().and_then(error_of);
    let retrying = delivery.state == DeliveryState::Retrying;
    let next = delivery.next_attempt_at.filter(|_| retrying);
    html! {
        @if let Some(error) = error { (beginning(&error, MOST_ERROR)) " " }
        @if let Some(at) = next { span class="muted" { "Next attempt " (reader.ago(at)) "." } }
        @if let Some(script) = &delivery.held_by { span class="muted" { "Held by " (script) "." } }
    }
}
