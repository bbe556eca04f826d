//! Trying a webhook out: an example is sent to it alone, and its answer is shown in place. The
//! server waits for the answer, so that it is there without scripts as well.

use std::time::Duration;

use actix_web::http::StatusCode;
use chrono::TimeDelta;
use tokio::sync::Semaphore;

use super::triggers::{self, TypeChoice, TypeGroup};
use super::{go_to, path, words};
use crate::domain::delivery::{DeliveryState, Outcome};
use crate::domain::id::EventId;
use crate::domain::trigger::Trigger;
use crate::http::pages::deliveries::row;
use crate::http::pages::prelude::*;
use crate::http::pages::wording;
use crate::service::Fault;
use crate::service::attempts::answer_of;
use crate::service::subscriptions::{self, TestInput};
use crate::store::delivery_log::{self, AttemptRow, Delivery};
use crate::store::subscription::Subscription;

/// How long a page waits for an answer before it is shown without.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(100);
/// Pages that wait at once; others are shown without an answer, and asked for again.
const WAITING: usize = 16;
static TURNS: Semaphore = Semaphore::const_new(WAITING);
/// A page asks again by itself for so long, in seconds.
const ASKS_FOR: i64 = 120;

/// The page to try a webhook out; `?event=` is a test that was sent.
pub(crate) async fn page(visit: Visit) -> PageResult {
    let mut query = visit.query();
    let event: Option<EventId> = query.parsed("event");
    query.finish()?;
    let webhook = subscriptions::show(visit.cx(), visit.part("id")?).await?;
    let answer = match event {
        Some(event) => answer(&visit, &webhook, event).await?,
        None => no_answer(),
    };
    show(&visit, &webhook, &[], answer).await
}

/// Sends a test.
pub(crate) async fn send(Submission(visit, mut form): Submission) -> PageResult {
    let id = visit.part("id")?;
    let event_type = Some(form.take("event_type")).filter(|it| !it.is_empty());
    let (input, by) = (TestInput { event_type }, visit.cx().by());
    match subscriptions::send_test(visit.cx(), id, Making::by(&by), input).await {
        Ok((event, _event_type)) => Ok(go_to(id, &format!("/test?event={event}"))),
        Err(refusal) if !refusal.faults.is_empty() => {
            let webhook = subscriptions::show(visit.cx(), id).await?;
            let faults = wording::faults(&refusal.faults);
            show(&visit, &webhook, &faults, no_answer()).await
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The page; with faults, why no test was sent.
async fn show(
    visit: &Visit,
    webhook: &Subscription,
    faults: &[Fault],
    answer: Markup,
) -> PageResult {
    let groups = triggers::known(visit).await?;
    let status = match faults {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let title = format!("Test “{}”", webhook.title);
    let lead = "Sends the example of an event type to this webhook alone, whatever its state.";
    let page = visit.page(Nav::Webhooks, &title, lead).status(status);
    let page = page.back(path(webhook.id), webhook.title.as_str());
    Ok(page.show(&html! { (form(visit, webhook, &groups, faults)) (answer) }))
}

/// The section of a webhook's page.
pub(super) fn section(visit: &Visit, webhook: &Subscription, groups: &[TypeGroup]) -> Markup {
    html! {
        section class="panel" id="test" {
            h2 { "Send a test" }
            p { "Sends one example, marked as a test, whatever the webhook's state. It is not retried." }
            (form(visit, webhook, groups, &[]))
            (no_answer())
        }
    }
}

fn form(visit: &Visit, webhook: &Subscription, groups: &[TypeGroup], faults: &[Fault]) -> Markup {
    let patterns = webhook.triggers.iter();
    let patterns: Vec<_> = patterns.filter_map(|it| Trigger::parse(it).ok()).collect();
    let meant = |it: &&TypeChoice| patterns.iter().any(|pattern| pattern.matches(&it.name));
    let choices = triggers::choices(groups).filter(|it| it.example);
    let (first, others): (Vec<_>, Vec<_>) = choices.partition(meant);
    let action = format!("{}/test", path(webhook.id));
    html! {
        form class="form try" method="post" action=(action) hx-post=(action) hx-target="#answer"
            hx-select="#answer" hx-swap="outerHTML" hx-disabled-elt="find button" {
            (visit.csrf())
            div class="field" {
                label for="event_type" { "Event type" }
                select id="event_type" name="event_type" {
                    @for (label, choices) in [("What its triggers match", first), ("Others", others)] {
                        @if !choices.is_empty() {
                            optgroup label=(label) {
                                @for choice in choices { option value=(choice.name) { (choice.name) } }
                            }
                        }
                    }
                }
                @for fault in faults { p class="error" { (words::sentence(&fault.detail)) } }
            }
            button class="button" type="submit" { "Send a test" }
            span class="sending muted" role="status" { "Waiting for the answer…" }
        }
    }
}

fn no_answer() -> Markup {
    html! { div id="answer" aria-live="polite" {} }
}

/// The result of a test; waits for it.
async fn answer(visit: &Visit, webhook: &Subscription, event: EventId) -> Result<Markup, Trouble> {
    let (database, account) = (visit.database(), visit.account);
    let missing = || ProblemDetails::not_found("test");
    let seconds = u64::from(webhook.timeout_seconds.unsigned_abs()) + 1;
    let turn = TURNS.try_acquire();
    let mut left = match turn {
        Ok(_) => Duration::from_secs(seconds).min(PATIENCE),
        Err(_) => Duration::ZERO,
    };
    loop {
        let found = delivery_log::with_attempts(database, account, event, webhook.id).await?;
        let (delivery, attempts) = found.ok_or_else(missing)?;
        if !delivery.test {
            return Err(missing().into());
        }
        let by_mail = webhook.url.is_mail();
        if let Some(attempt) = attempts.last().filter(|it| it.outcome.is_end()) {
            return Ok(result(visit, &delivery, attempt, by_mail));
        }
        let stuck = delivery.held_by.is_some() && !by_mail;
        if stuck || left.is_zero() {
            return Ok(not_yet(visit, &delivery, stuck));
        }
        tokio::time::sleep(LOOK).await;
        left = left.saturating_sub(LOOK);
    }
}

fn not_yet(visit: &Visit, delivery: &Delivery, stuck: bool) -> Markup {
    let (here, event) = (path(delivery.subscription), delivery.event);
    let here = format!("{here}/test?event={event}");
    let asks = !stuck && visit.reader.now - delivery.created_at < TimeDelta::seconds(ASKS_FOR);
    html! {
        div id="answer" class="answer" aria-live="polite" hx-get=[asks.then_some(here.as_str())]
            hx-trigger=[asks.then_some("load delay:1s")] hx-target="#answer" hx-select="#answer"
            hx-swap="outerHTML" {
            p { (ui::badge(Tone::Wait, "No answer yet")) }
            @if stuck && delivery.state == DeliveryState::Held {
                p { "A plugin is holding the test; the delivery says why." }
            } @else {
                p { "The test is under way." }
            }
            p { a class="button" href=(here) { "Check again" } " " a href=(row::path(delivery)) { "Show the delivery" } }
        }
    }
}

fn result(visit: &Visit, delivery: &Delivery, attempt: &AttemptRow, by_mail: bool) -> Markup {
    let answer = answer_of(attempt.detail.as_deref());
    let sentence = match (attempt.outcome, answer.error, attempt.status) {
        (_, Some(error), _) => error,
        (Outcome::Sent, None, _) if by_mail => "The mail server accepted the mail.".to_owned(),
        (_, None, Some(status)) => {
            let code = StatusCode::from_u16(u16::try_from(status).unwrap_or(0)).ok();
            let reason = code.and_then(|it| it.canonical_reason());
            let reason = reason.map(|it| format!(" ({it})")).unwrap_or_default();
            format!("The target answered {status}{reason}.")
        }
        (_, None, None) => "There was no answer.".to_owned(),
    };
    html! {
        div id="answer" class="answer" aria-live="polite" {
            p {
                @match attempt.outcome {
                    Outcome::Sent => { (ui::badge(Tone::Sent, "Sent")) }
                    Outcome::Filtered => { (ui::badge(Tone::Off, "Filtered")) }
                    Outcome::Cancelled => { (ui::badge(Tone::Off, "Cancelled")) }
                    _ => { (ui::badge(Tone::Error, "Error")) }
                }
                " " (sentence)
            }
            dl class="facts" {
                dt { "Event type" } dd { code { (delivery.event_type) } }
                @if let Some(status) = attempt.status { dt { "Status" } dd { (status) } }
                dt { "Time" } dd { (words::milliseconds(attempt.duration_ms)) ", " (visit.reader.ago(attempt.at)) }
            }
            @if let Some(body) = answer.body.filter(|it| !it.is_empty()) {
                h3 { "Response" }
                (ui::code("answer-body", &body))
                @if answer.truncated { p class="help" { "Only the beginning of it is kept." } }
            }
            p { a href=(row::path(delivery)) { "Show the delivery" } }
        }
    }
}
