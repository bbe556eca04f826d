//! Switching a webhook: pause, resume with the choice what happens to what is held, enable,
//! disable, delete. Each is a form that works without scripts.

use serde_json::json;

use super::{form, go_to, path, words};
use crate::domain::subscription::{HeldChoice, SubscriptionState};
use crate::http::pages::prelude::*;
use crate::service::subscriptions::{self, ResumeInput};
use crate::store::open_count;

use SubscriptionState::{Disabled, Enabled, Paused};

/// Pauses a webhook.
pub(crate) async fn pause(Submission(visit, _): Submission) -> PageResult {
    switch(&visit, &[Enabled, Paused], Paused).await
}

/// Enables a webhook.
pub(crate) async fn enable(Submission(visit, _): Submission) -> PageResult {
    switch(&visit, SubscriptionState::ALL, Enabled).await
}

/// Disables a webhook.
pub(crate) async fn disable(Submission(visit, _): Submission) -> PageResult {
    switch(&visit, SubscriptionState::ALL, Disabled).await
}

async fn switch(visit: &Visit, from: &[SubscriptionState], to: SubscriptionState) -> PageResult {
    let id = visit.part("id")?;
    subscriptions::switch(visit.cx(), id, from, to).await?;
    Ok(go_to(id, &format!("?done=webhook-{to}")))
}

/// Asks what happens to what is held.
pub(crate) async fn resuming(visit: Visit) -> PageResult {
    visit.no_query()?;
    let webhook = subscriptions::show(visit.cx(), visit.part("id")?).await?;
    if webhook.state != Paused {
        return Ok(go_to(webhook.id, ""));
    }
    let count = open_count::of(visit.database(), visit.account, webhook.id).await?;
    let it = if count.open == 1 { "it" } else { "them" };
    let here = path(webhook.id);
    let choice = |value: HeldChoice, title: &str, meaning: &str| {
        let first = value == HeldChoice::Deliver;
        form::choice("held", value.as_str(), first, title, meaning)
    };
    let body = html! {
        form class="form" method="post" action={ (here) "/resume" } {
            (visit.csrf())
            @if count.open == 0 {
                p { "“" (webhook.title) "” holds nothing. Resumed, it gets every event that its triggers match." }
            } @else {
                fieldset class="field" {
                    legend { "“" (webhook.title) "” holds " (words::deliveries(count)) ". What happens to " (it) "?" }
                    (choice(HeldChoice::Deliver, "Deliver", "everything that is held, oldest first"))
                    (choice(HeldChoice::Newest, "Deliver the newest", "and cancel the others, for a target that needs only the latest state"))
                    (choice(HeldChoice::Drop, "Drop", "cancel everything that is held; the log keeps it, and each delivery can be resent"))
                }
            }
            div class="actions" {
                button class="button primary" type="submit" { "Resume" }
                a class="button" href=(here) { "Leave it paused" }
            }
        }
    };
    let title = format!("Resume “{}”", webhook.title);
    let page = visit.page(Nav::Webhooks, &title, "");
    Ok(page.back(here, webhook.title).show(&body))
}

/// Resumes a webhook.
pub(crate) async fn resume(Submission(visit, mut form): Submission) -> PageResult {
    let id = visit.part("id")?;
    let input = match form.take("held").as_str() {
        "" => json!({}),
        held => json!({ "held": held }),
    };
    subscriptions::resume(visit.cx(), id, ResumeInput::read(input)?).await?;
    Ok(go_to(id, "?done=webhook-resumed"))
}

/// Asks whether a webhook is to be deleted.
pub(crate) async fn deleting(visit: Visit) -> PageResult {
    visit.no_query()?;
    let webhook = subscriptions::show(visit.cx(), visit.part("id")?).await?;
    let count = open_count::of(visit.database(), visit.account, webhook.id).await?;
    let here = path(webhook.id);
    let body = html! {
        form class="form" method="post" action={ (here) "/delete" } {
            (visit.csrf())
            ul {
                li { "It no longer gets events." }
                li {
                    @match count.open {
                        0 => { "No delivery is open." }
                        1 => { "1 delivery is open and will be cancelled." }
                        _ => { (words::deliveries(count)) " are open and will be cancelled." }
                    }
                }
                li { "Its delivery log stays." }
                @if webhook.state == Enabled { li { "To stop it only for a while, pause or disable it." } }
            }
            div class="actions" {
                button class="button danger primary" type="submit" { "Delete the webhook" }
                a class="button" href=(here) { "Keep it" }
            }
        }
    };
    let title = format!("Delete “{}”?", webhook.title);
    let page = visit.page(Nav::Webhooks, &title, "This cannot be undone.");
    Ok(page.back(here, webhook.title).show(&body))
}

/// Deletes a webhook.
pub(crate) async fn delete(Submission(visit, _): Submission) -> PageResult {
    subscriptions::remove(visit.cx(), visit.part("id")?).await?;
    Ok(layout::go_to("/webhooks?done=webhook-deleted").finish())
}
