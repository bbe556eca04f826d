//! The secret of a webhook: shown when somebody asks for it, replaced with an overlap, and how a
//! receiver uses it.

use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::{at, path, words};
use crate::http::pages::frame::Nav;
use crate::http::pages::visit::{Look, Sent, Submission, Visit};
use crate::http::pages::{PageResult, Trouble, layout, query, ui};
use crate::http::shared::Shared;
use crate::service::Fault;
use crate::service::input::Input;
use crate::service::subscriptions::{self, DEFAULT_OVERLAP, MAX_OVERLAP, RotateInput};
use crate::store::secret::{self, LiveSecret};
use crate::store::subscription::Subscription;

/// What is shown of the secrets.
enum Shown<'a> {
    /// Nothing, until somebody asks.
    Hidden,
    /// Those that sign now.
    Open(&'a [LiveSecret]),
}

/// The section of a webhook's page; nothing is shown until somebody asks.
///
/// # Errors
/// When the database is away.
pub(super) async fn section(
    shared: &Shared,
    visit: &Visit,
    webhook: &Subscription,
) -> Result<Markup, Trouble> {
    let ends = secret::ends(shared.engine.database(), visit.account, webhook.id).await?;
    Ok(panel(visit, webhook, &ends, &Shown::Hidden, &[]))
}

/// The page: with the secret for whoever asked for it just now, which the activity log says, and
/// without it for everybody else.
pub(in crate::http) async fn page(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let webhook = subscriptions::show(&shared.engine, visit.account, at(&request)?).await?;
    if visit.handed_over(&shared, &request).await?.is_some() {
        let by = visit.caller.actor();
        let live = subscriptions::secrets(&shared.engine, visit.account, webhook.id, &by).await?;
        let ends: Vec<_> = live.iter().filter_map(|it| it.expires_at).collect();
        let panel = panel(&visit, &webhook, &ends, &Shown::Open(&live), &[]);
        return Ok(around(&visit, &webhook, StatusCode::OK, &panel));
    }
    let ends = secret::ends(shared.engine.database(), visit.account, webhook.id).await?;
    let panel = panel(&visit, &webhook, &ends, &Shown::Hidden, &[]);
    Ok(around(&visit, &webhook, StatusCode::OK, &panel))
}

/// Has the page show the secrets once.
pub(in crate::http) async fn show(Sent(shared, submission, request): Sent) -> PageResult {
    let visit = submission.visit;
    let webhook = subscriptions::show(&shared.engine, visit.account, at(&request)?).await?;
    let page = format!("{}/secret", path(webhook.id));
    visit.hand_over(&shared, &page, "asked").await
}

/// Replaces the secret.
pub(in crate::http) async fn rotate(Sent(shared, submission, request): Sent) -> PageResult {
    let Submission { visit, mut form } = submission;
    let webhook = subscriptions::show(&shared.engine, visit.account, at(&request)?).await?;
    let hours = form.take("overlap_hours");
    // What is no number is for the input to refuse.
    let hours = hours
        .trim()
        .parse::<i64>()
        .map_or_else(|_| hours.clone().into(), serde_json::Value::from);
    let rotated = async {
        let input = RotateInput::read(serde_json::json!({ "overlap_hours": hours }))?;
        let by = visit.caller.actor();
        subscriptions::rotate(&shared.engine, visit.account, webhook.id, &by, input).await
    };
    match rotated.await {
        Ok(_live) => {
            let to = format!("{}?done=secret-rotated#secret", path(webhook.id));
            Ok(layout::go_to(to).finish())
        }
        Err(refusal) if !refusal.faults.is_empty() => {
            let ends = secret::ends(shared.engine.database(), visit.account, webhook.id).await?;
            let panel = panel(&visit, &webhook, &ends, &Shown::Hidden, &refusal.faults);
            Ok(around(
                &visit,
                &webhook,
                StatusCode::UNPROCESSABLE_ENTITY,
                &panel,
            ))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

fn around(
    visit: &Visit,
    webhook: &Subscription,
    status: StatusCode,
    panel: &Markup,
) -> actix_web::HttpResponse {
    let title = format!("Secret of “{}”", webhook.title);
    let page = visit.page(Nav::Webhooks, &title, "").status(status);
    page.back(path(webhook.id), webhook.title.clone())
        .show(panel)
}

fn panel(
    visit: &Visit,
    webhook: &Subscription,
    ends: &[DateTime<Utc>],
    shown: &Shown<'_>,
    faults: &[Fault],
) -> Markup {
    let here = path(webhook.id);
    html! {
        section class="panel" id="secret" {
            h2 { "Secret" }
            @if webhook.url.is_mail() {
                p class="muted" { "Mails are not signed. The secret counts once the URL is an https:// one." }
            } @else {
                p { "It signs each request, so that the receiver can tell that it comes from here." }
            }
            @match shown {
                Shown::Hidden => {
                    form method="post" action={ (here) "/secret" } hx-post={ (here) "/secret" }
                        hx-target="#secret" hx-select="#secret" hx-swap="outerHTML" {
                        (visit.csrf())
                        button class="button" type="submit" { "Show the secret" }
                        p class="help" { "The activity log notes that you saw it." }
                    }
                }
                Shown::Open(live) => {
                    @for (place, one) in live.iter().enumerate() {
                        @if let Some(end) = one.expires_at {
                            p class="muted" { "Replaced; it signs as well until " (visit.reader.at(end)) " (" (visit.reader.ago(end)) "):" }
                        }
                        (ui::code(&format!("secret-{place}"), &one.secret.reveal()))
                    }
                }
            }
            @if !ends.is_empty() {
                @for end in ends {
                    p class="notice is-wait" {
                        "A replaced secret signs as well until " (visit.reader.at(*end)) ", which ends "
                        (visit.reader.ago(*end)) ". Change the receiver over before."
                    }
                }
            }
            (verifying())
            (rotation(visit, &here, faults))
        }
    }
}

fn rotation(visit: &Visit, here: &str, faults: &[Fault]) -> Markup {
    html! {
        details class="more" open[!faults.is_empty()] {
            summary { "Replace the secret" }
            form method="post" action={ (here) "/secret/rotate" } {
                (visit.csrf())
                div class="field short" {
                    label for="overlap_hours" { "Hours of overlap" }
                    input id="overlap_hours" name="overlap_hours" type="number" min="0" max=(MAX_OVERLAP)
                        value=(DEFAULT_OVERLAP) inputmode="numeric" aria-describedby="overlap-help"
                        aria-invalid=[(!faults.is_empty()).then_some("true")];
                    @for fault in faults { p class="error" { (words::sentence(&fault.detail)) } }
                    p class="help" id="overlap-help" {
                        "So long both secrets sign, so that the receiver can be changed over in peace. "
                        "0 ends the old one at once."
                    }
                }
                button class="button" type="submit" { "Replace the secret" }
            }
        }
    }
}

/// How a receiver checks what it gets.
fn verifying() -> Markup {
    html! {
        details class="more" {
            summary { "How the receiver verifies" }
            p {
                "Requests are signed as Standard Webhooks describes it, which has libraries for most "
                "languages. Give them the body as it came, byte for byte:"
            }
            h3 { "JavaScript" }
            (ui::code("verify-js", "import { Webhook } from \"standardwebhooks\";\n\
                const event = new Webhook(secret).verify(body, headers);"))
            h3 { "Python" }
            (ui::code("verify-py", "from standardwebhooks import Webhook\n\
                event = Webhook(secret).verify(body, headers)"))
            h3 { "By hand" }
            p {
                "HMAC-SHA256 with the Base64 part of the secret as key, over "
                code { "webhook-id.webhook-timestamp.body" } ". One of the signatures in "
                code { "webhook-signature" } " must be " code { "v1," } " and the Base64 of it. Refuse a "
                "timestamp that is minutes off."
            }
        }
    }
}
