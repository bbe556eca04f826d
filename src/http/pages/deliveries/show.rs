//! One delivery as a story: the event, each attempt, what comes next, and resending it.

use super::super::prelude::*;
use super::super::{payload, wording};
use super::{attempt, row};
use crate::domain::delivery::DeliveryState;
use crate::service::deliveries::{self, ShownDelivery};
use crate::store::resend::Resend;
use crate::store::subscription_name::{Named, named};

/// Attempts that are shown; the last ones.
const MOST_ATTEMPTS: usize = 20;
/// Bytes of the payload that are shown; the event's page shows more.
const MOST_PAYLOAD: usize = 4 << 10;

/// The page.
pub(in crate::http) async fn show(visit: Visit) -> PageResult {
    visit.no_query()?;
    let (event, subscription) = (visit.part("event_id")?, visit.part("subscription_id")?);
    let shown = deliveries::show(visit.cx(), event, subscription).await?;
    let names = named(visit.database(), visit.account, &[subscription]).await?;
    let name = names.get(&subscription);
    let again = visit.is_admin() && name.is_some_and(|name| !name.removed);
    let action = html! {
        @if again {
            (visit.post(&format!("{}/resend", row::path(&shown.delivery)), "Resend", "button primary"))
        }
    };
    let body = html! {
        (facts(&visit, &shown, name))
        section class="panel" {
            h2 { "What happened" }
            ol class="story" { (story(&visit, &shown)) }
        }
    };
    let (title, lead) = (
        &shown.delivery.event_type,
        "One event on its way to one webhook.",
    );
    let page = visit.page(Nav::Deliveries, title, lead).action(action);
    Ok(page.back("/deliveries", "Deliveries").show(&body))
}

fn facts(visit: &Visit, shown: &ShownDelivery, name: Option<&Named>) -> Markup {
    let delivery = &shown.delivery;
    let kept = name.is_some_and(|name| !name.removed);
    html! {
        dl class="facts" {
            dt { "State" } dd { (ui::delivery_state(delivery.state)) }
            dt { "Webhook" }
            dd {
                @if kept {
                    a href=(format!("/webhooks/{}", delivery.subscription)) { (row::name(name)) }
                } @else { (row::name(name)) }
                @if let Some(url) = &shown.url { " " (ui::url(url)) }
            }
            dt { "Event" }
            dd {
                a class="mono" href=(format!("/events/{}", delivery.event)) { (delivery.event) }
                @if delivery.test { " " span class="muted" { "a test of this webhook" } }
            }
            dt { "Time" }
            dd { (visit.reader.at(delivery.created_at)) " (" (visit.reader.ago(delivery.created_at)) ")" }
        }
    }
}

fn story(visit: &Visit, shown: &ShownDelivery) -> Markup {
    let delivery = &shown.delivery;
    let whole = format!("/events/{}/raw", delivery.event);
    let left_out = shown.attempts.len().saturating_sub(MOST_ATTEMPTS);
    let latest = shown.attempts.get(left_out..).unwrap_or_default();
    // The last one that sent something is the one that people come for.
    let open = latest.iter().rposition(|attempt| attempt.request.is_some());
    html! {
        li class="is-sent" {
            h3 { "The event was accepted" }
            p { (visit.reader.at(delivery.created_at)) }
            (payload::part("Payload as published", "payload", &shown.payload, Some(&whole), MOST_PAYLOAD))
        }
        @if left_out > 0 {
            li { p { "The first " (left_out) " attempts are not shown here." } }
        }
        @for (place, attempt) in latest.iter().enumerate() {
            (attempt::attempt(&visit.reader, shown, attempt, open == Some(place)))
        }
        (next(visit, shown))
    }
}

/// What comes next.
fn next(visit: &Visit, shown: &ShownDelivery) -> Markup {
    let delivery = &shown.delivery;
    let tried = !shown.attempts.is_empty();
    html! {
        @match delivery.state {
            DeliveryState::Held => li class="is-wait" {
                h3 { "It is held" }
                @if let Some(reason) = &shown.held_because { p { (wording::text(reason)) } }
            },
            DeliveryState::Queued | DeliveryState::Retrying => li class="is-wait" {
                @match delivery.next_attempt_at {
                    Some(at) if at > visit.reader.now => {
                        h3 { span { "The next attempt is due " (visit.reader.ago(at)) } }
                        p { (visit.reader.at(at)) }
                    }
                    Some(_) => h3 { "The next attempt is due now" },
                    None if tried => h3 { "It will be retried" },
                    None => h3 { "The first attempt is under way" },
                }
            },
            DeliveryState::Failed => li {
                h3 { "Herald stopped retrying" }
                p { "All attempts of the retry schedule are used up. Fix the target, then resend it." }
            },
            DeliveryState::Sent | DeliveryState::Filtered | DeliveryState::Cancelled => {}
        }
    }
}

pub(in crate::http) async fn resend(Submission(visit, _form): Submission) -> PageResult {
    let (event, subscription) = (visit.part("event_id")?, visit.part("subscription_id")?);
    let refused = |detail: &str| Err(ProblemDetails::new(ProblemKind::Conflict, detail));
    let by = visit.cx().by();
    let resend = deliveries::resend(visit.cx(), event, subscription, Making::by(&by));
    let done = match resend.await? {
        Resend::Due(DeliveryState::Held) => Ok("resent-held"),
        Resend::Due(_) => Ok("resent"),
        Resend::Unknown => Err(ProblemDetails::not_found("delivery")),
        Resend::Deleted => refused("Its webhook was deleted, so there is nowhere to send it."),
        Resend::InFlight => refused(
            "Its first attempt is still running. Wait until it ends, then resend it if it failed.",
        ),
    }?;
    Ok(layout::go_to(format!("/deliveries/{event}/{subscription}?done={done}")).finish())
}
