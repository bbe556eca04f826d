//! Switching a webhook: pause, resume with the choice what happens to what is held, enable,
//! disable, delete. Each is a form that works without scripts.

use maud::{Markup, html};
use serde_json::json;

use super::{at, path, words};
use crate::domain::id::SubscriptionId;
use crate::domain::subscription::{HeldChoice, SubscriptionState};
use crate::http::pages::frame::Nav;
use crate::http::pages::visit::{Look, Sent, Submission, Visit};
use crate::http::pages::{PageResult, Trouble, layout, query};
use crate::http::shared::Shared;
use crate::service::input::Input;
use crate::service::subscriptions::{self, ResumeInput};
use crate::store::open_count::{self, OpenCount};

use SubscriptionState::{Disabled, Enabled, Paused};

/// Pauses a webhook.
pub(in crate::http) async fn pause(Sent(shared, submission, request): Sent) -> PageResult {
    switch(
        &submission.visit,
        &shared,
        at(&request)?,
        &[Enabled, Paused],
        Paused,
    )
    .await
}

/// Enables a webhook.
pub(in crate::http) async fn enable(Sent(shared, submission, request): Sent) -> PageResult {
    let from = SubscriptionState::ALL;
    switch(&submission.visit, &shared, at(&request)?, from, Enabled).await
}

/// Disables a webhook.
pub(in crate::http) async fn disable(Sent(shared, submission, request): Sent) -> PageResult {
    let from = SubscriptionState::ALL;
    switch(&submission.visit, &shared, at(&request)?, from, Disabled).await
}

async fn switch(
    visit: &Visit,
    shared: &Shared,
    id: SubscriptionId,
    from: &[SubscriptionState],
    to: SubscriptionState,
) -> PageResult {
    let by = visit.caller.actor();
    subscriptions::switch(&shared.engine, visit.account, id, &by, from, to).await?;
    Ok(done(id, to.as_str()))
}

fn done(id: SubscriptionId, what: &str) -> actix_web::HttpResponse {
    layout::go_to(format!("{}?done=webhook-{what}", path(id))).finish()
}

async fn open(visit: &Visit, shared: &Shared, id: SubscriptionId) -> Result<OpenCount, Trouble> {
    Ok(open_count::of(shared.engine.database(), visit.account, id).await?)
}

/// Asks what happens to what is held.
pub(in crate::http) async fn resuming(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let webhook = subscriptions::show(&shared.engine, visit.account, at(&request)?).await?;
    let here = path(webhook.id);
    if webhook.state != Paused {
        return Ok(layout::go_to(here).finish());
    }
    let count = open(&visit, &shared, webhook.id).await?;
    let held = words::deliveries(count);
    let one = count.open == 1;
    let choice = |value: HeldChoice, checked: bool, title: &str, meaning: &str| -> Markup {
        html! {
            label class="choice" {
                input type="radio" name="held" value=(value) checked[checked];
                span { (title) " " span class="muted" { (meaning) } }
            }
        }
    };
    let body = html! {
        form class="form" method="post" action={ (here) "/resume" } {
            (visit.csrf())
            @if count.open == 0 {
                p { "“" (webhook.title) "” holds nothing. Resumed, it gets every event that its triggers match." }
            } @else {
                fieldset class="field" {
                    legend { "“" (webhook.title) "” holds " (held) (if one { ". What happens to it?" } else { ". What happens to them?" }) }
                    (choice(HeldChoice::Deliver, true, "Deliver", "all that is held, the oldest first"))
                    (choice(HeldChoice::Newest, false, "Deliver the newest", "and cancel the others, for a target that wants the latest state alone"))
                    (choice(HeldChoice::Drop, false, "Drop", "cancel all that is held; the log keeps it, and each can be sent again"))
                }
            }
            div class="actions" {
                button class="button primary" type="submit" { "Resume" }
                a class="button" href=(here) { "Leave it paused" }
            }
        }
    };
    let title = format!("Resume “{}”", webhook.title);
    let page = visit
        .page(Nav::Webhooks, &title, "")
        .back(here.clone(), webhook.title.clone());
    Ok(page.show(&body))
}

/// Resumes a webhook.
pub(in crate::http) async fn resume(Sent(shared, submission, request): Sent) -> PageResult {
    let Submission { visit, mut form } = submission;
    let id = at(&request)?;
    let input = match form.take("held").as_str() {
        "" => ResumeInput::read(json!({}))?,
        held => ResumeInput::read(json!({ "held": held }))?,
    };
    let by = visit.caller.actor();
    subscriptions::resume(&shared.engine, visit.account, id, &by, input).await?;
    Ok(done(id, "resumed"))
}

/// Asks whether a webhook is to be deleted.
pub(in crate::http) async fn deleting(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let webhook = subscriptions::show(&shared.engine, visit.account, at(&request)?).await?;
    let count = open(&visit, &shared, webhook.id).await?;
    let here = path(webhook.id);
    let body = html! {
        form class="form" method="post" action={ (here) "/delete" } {
            (visit.csrf())
            ul {
                li { "It gets no events any more." }
                li {
                    @match count.open {
                        0 => { "No delivery is open." }
                        1 => { "1 open delivery is cancelled." }
                        _ => { (words::deliveries(count)) " that are open are cancelled." }
                    }
                }
                li { "The log of what it got stays." }
                @if webhook.state == Enabled {
                    li { "To stop it for a while only, pause or disable it." }
                }
            }
            div class="actions" {
                button class="button danger primary" type="submit" { "Delete the webhook" }
                a class="button" href=(here) { "Keep it" }
            }
        }
    };
    let title = format!("Delete “{}”?", webhook.title);
    let page = visit.page(Nav::Webhooks, &title, "This cannot be undone.");
    Ok(page.back(here.clone(), webhook.title.clone()).show(&body))
}

/// Deletes a webhook.
pub(in crate::http) async fn delete(Sent(shared, submission, request): Sent) -> PageResult {
    let visit = submission.visit;
    let (id, by) = (at(&request)?, visit.caller.actor());
    subscriptions::remove(&shared.engine, visit.account, id, &by).await?;
    Ok(layout::go_to("/webhooks?done=webhook-deleted".to_owned()).finish())
}
