//! Trying a webhook out: an example is sent to it alone, and its answer is shown in place. The
//! server waits for the answer, so that it is there without scripts as well.

use std::time::Duration;

use actix_web::http::StatusCode;
use chrono::TimeDelta;
use maud::{Markup, html};
use tokio::sync::Semaphore;

use super::triggers::{self, Group};
use super::{at, path, words};
use crate::domain::delivery::{DeliveryState, Outcome};
use crate::domain::id::EventId;
use crate::http::pages::frame::Nav;
use crate::http::pages::ui::{self, Tone};
use crate::http::pages::visit::{Look, Sent, Submission, Visit};
use crate::http::pages::{PageResult, Trouble, layout, query};
use crate::http::problem::Problem;
use crate::http::shared::Shared;
use crate::service::Fault;
use crate::service::attempts::answer_of;
use crate::service::subscriptions::{self, TestInput};
use crate::store::delivery_log::{self, Attempt, Delivery};
use crate::store::subscription::Subscription;

/// How long a page waits for an answer before it is shown without.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(100);
/// Pages that wait at once; others are shown as it stands, and asked for again.
const WAITING: usize = 16;
static TURNS: Semaphore = Semaphore::const_new(WAITING);
/// A page asks again by itself for so long, in seconds.
const ASKS_FOR: i64 = 120;

/// The page to try a webhook out; `?event=` is a test that was sent.
pub(in crate::http) async fn page(Look(shared, visit, request): Look) -> PageResult {
    let mut query = query(&request);
    let event: Option<EventId> = query.parsed("event");
    query.finish()?;
    let webhook = subscriptions::show(&shared.engine, visit.account, at(&request)?).await?;
    let answer = match event {
        Some(event) => answer(&shared, &visit, &webhook, event).await?,
        None => no_answer(),
    };
    whole(&shared, &visit, &webhook, StatusCode::OK, &[], &answer).await
}

/// Sends a test.
pub(in crate::http) async fn send(Sent(shared, submission, request): Sent) -> PageResult {
    let Submission { visit, mut form } = submission;
    let id = at(&request)?;
    let wanted = Some(form.take("event_type")).filter(|it| !it.is_empty());
    let by = visit.caller.actor();
    let input = TestInput { event_type: wanted };
    match subscriptions::send_test(&shared.engine, visit.account, id, &by, input).await {
        Ok((event, _event_type)) => {
            Ok(layout::go_to(format!("{}/test?event={event}", path(id))).finish())
        }
        Err(refusal) if !refusal.faults.is_empty() => {
            let webhook = subscriptions::show(&shared.engine, visit.account, id).await?;
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let faults = &refusal.faults;
            whole(&shared, &visit, &webhook, status, faults, &no_answer()).await
        }
        Err(refusal) => Err(refusal.into()),
    }
}

async fn whole(
    shared: &Shared,
    visit: &Visit,
    webhook: &Subscription,
    status: StatusCode,
    faults: &[Fault],
    answer: &Markup,
) -> PageResult {
    let groups = triggers::known(shared, visit.account).await?;
    let title = format!("Test “{}”", webhook.title);
    let lead = "Sends the example of an event type to this webhook alone, whatever its state.";
    let body = html! {
        (form(visit, webhook, &groups, faults))
        (answer)
    };
    let page = visit.page(Nav::Webhooks, &title, lead).status(status);
    Ok(page
        .back(path(webhook.id), webhook.title.clone())
        .show(&body))
}

/// The section of a webhook's page.
pub(super) fn section(visit: &Visit, webhook: &Subscription, groups: &[Group]) -> Markup {
    html! {
        section class="panel" id="test" {
            h2 { "Send a test" }
            p { "One example, marked as a test, whatever the webhook's state; no second try." }
            (form(visit, webhook, groups, &[]))
            (no_answer())
        }
    }
}

fn form(visit: &Visit, webhook: &Subscription, groups: &[Group], faults: &[Fault]) -> Markup {
    let meant = |name: &str| {
        let one = [Group {
            name: String::new(),
            choices: vec![triggers::Choice::named(name)],
        }];
        let mut patterns = webhook.triggers.iter();
        patterns.any(|pattern| !triggers::matching(pattern, &one).is_empty())
    };
    let with_example = groups
        .iter()
        .flat_map(|it| &it.choices)
        .filter(|it| it.example);
    let (first, others): (Vec<_>, Vec<_>) = with_example.partition(|it| meant(&it.name));
    let action = format!("{}/test", path(webhook.id));
    html! {
        form class="form try" method="post" action=(action) hx-post=(action) hx-target="#answer"
            hx-select="#answer" hx-swap="outerHTML" hx-disabled-elt="find button" {
            (visit.csrf())
            div class="field" {
                label for="event_type" { "Event type" }
                select id="event_type" name="event_type" {
                    @if !first.is_empty() {
                        optgroup label="What its triggers match" {
                            @for choice in &first { option value=(choice.name) { (choice.name) } }
                        }
                    }
                    @if !others.is_empty() {
                        optgroup label="Others" {
                            @for choice in &others { option value=(choice.name) { (choice.name) } }
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

/// What came of a test; waits for it.
async fn answer(
    shared: &Shared,
    visit: &Visit,
    webhook: &Subscription,
    event: EventId,
) -> Result<Markup, Trouble> {
    let database = shared.engine.database();
    let look = || delivery_log::with_attempts(database, visit.account, event, webhook.id);
    let missing = || Problem::not_found("test");
    let seconds = u64::try_from(webhook.timeout_seconds)
        .unwrap_or(1)
        .saturating_add(1);
    let turn = TURNS.try_acquire();
    let mut left = match turn {
        Ok(_) => Duration::from_secs(seconds).min(PATIENCE),
        Err(_) => Duration::ZERO,
    };
    loop {
        let (delivery, attempts) = look().await?.ok_or_else(missing)?;
        if !delivery.test {
            return Err(missing().into());
        }
        let last = attempts.last().filter(|it| it.outcome.is_end());
        let stuck = delivery.held_by.is_some() && !webhook.url.is_mail();
        if last.is_some() || stuck || left.is_zero() {
            return Ok(told(visit, webhook, event, &delivery, last, stuck));
        }
        tokio::time::sleep(LOOK).await;
        left = left.saturating_sub(LOOK);
    }
}

fn told(
    visit: &Visit,
    webhook: &Subscription,
    event: EventId,
    delivery: &Delivery,
    last: Option<&Attempt>,
    stuck: bool,
) -> Markup {
    let here = format!("{}/test?event={event}", path(webhook.id));
    let log = format!("/deliveries/{event}/{}", webhook.id);
    let Some(attempt) = last else {
        let asks = !stuck && visit.reader.now - delivery.created_at < TimeDelta::seconds(ASKS_FOR);
        return html! {
            div id="answer" class="answer" aria-live="polite" hx-get=[asks.then_some(here.as_str())]
                hx-trigger=[asks.then_some("load delay:1s")] hx-target="#answer" hx-select="#answer"
                hx-swap="outerHTML" {
                p { (ui::badge(Tone::Wait, "No answer yet")) }
                @if stuck && delivery.state == DeliveryState::Held {
                    p { "A plugin holds the test up; the delivery says why." }
                } @else {
                    p { "The test is under way." }
                }
                p { a class="button" href=(here) { "Look again" } " " a href=(log) { "Show the delivery" } }
            }
        };
    };
    let answer = answer_of(attempt.detail.as_deref());
    let by_mail = webhook.url.is_mail();
    let sentence = match (attempt.outcome, answer.error, attempt.status) {
        (_, Some(error), _) => error,
        (Outcome::Sent, None, _) if by_mail => "The mail server took the mail.".to_owned(),
        (_, None, Some(status)) => {
            let code = u16::try_from(status)
                .ok()
                .and_then(|it| StatusCode::from_u16(it).ok());
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
                dt { "Event type" }
                dd { code { (delivery.event_type) } }
                @if let Some(status) = attempt.status { dt { "Status" } dd { (status) } }
                dt { "Time" }
                dd { (words::milliseconds(attempt.duration_ms)) ", " (visit.reader.ago(attempt.at)) }
            }
            @if let Some(body) = answer.body.filter(|it| !it.is_empty()) {
                h3 { "What it answered" }
                (ui::code("answer-body", &body))
                @if answer.truncated { p class="help" { "There was more of it, which is not kept." } }
            }
            p { a href=(log) { "Show the delivery" } }
        }
    }
}
