//! The secret of a webhook: shown when somebody asks for it, replaced with an overlap, and how a
//! receiver uses it.

use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{go_to, path, words};
use crate::http::pages::prelude::*;
use crate::http::pages::wording;
use crate::service::Fault;
use crate::service::subscriptions::{self, DEFAULT_OVERLAP, MAX_OVERLAP, RotateInput};
use crate::store::secret::{self, LiveSecret};
use crate::store::subscription::Subscription;

/// The section of a webhook's page; nothing is shown until somebody asks. `faults`: why the secret
/// was not replaced.
///
/// # Errors
/// When the database is away.
pub(super) async fn section(
    visit: &Visit,
    webhook: &Subscription,
    faults: &[Fault],
) -> Result<Markup, StoreError> {
    let ends = secret::ends(visit.database(), visit.account, webhook.id).await?;
    Ok(panel(visit, webhook, &ends, None, faults))
}

/// The page: with the secret for whoever asked for it just now, which the activity log says, and
/// without it for everybody else.
pub(crate) async fn page(visit: Visit) -> PageResult {
    visit.no_query()?;
    let webhook = subscriptions::show(visit.cx(), visit.part("id")?).await?;
    let panel = if visit.handed_over().await?.is_some() {
        let live = subscriptions::secrets(visit.cx(), webhook.id).await?;
        let ends: Vec<_> = live.iter().filter_map(|it| it.expires_at).collect();
        panel(&visit, &webhook, &ends, Some(&live), &[])
    } else {
        section(&visit, &webhook, &[]).await?
    };
    Ok(whole(&visit, &webhook, StatusCode::OK, panel))
}

/// Has the page show the secrets once.
pub(crate) async fn show(Submission(visit, _): Submission) -> PageResult {
    let webhook = subscriptions::show(visit.cx(), visit.part("id")?).await?;
    let page = format!("{}/secret", path(webhook.id));
    visit.hand_over(&page, "asked").await
}

/// Replaces the secret.
pub(crate) async fn rotate(Submission(visit, mut form): Submission) -> PageResult {
    let webhook = subscriptions::show(visit.cx(), visit.part("id")?).await?;
    let hours = form.take("overlap_hours");
    // What is not a number, the input refuses.
    let number = hours.trim().parse::<i64>();
    let hours = number.map_or(hours.into(), Value::from);
    let by = visit.cx().by();
    let rotated = async {
        let input = RotateInput::read(json!({ "overlap_hours": hours }))?;
        subscriptions::rotate(visit.cx(), webhook.id, Making::by(&by), input).await
    };
    match rotated.await {
        Ok(_live) => Ok(go_to(webhook.id, "?done=secret-rotated#secret")),
        Err(refusal) if !refusal.faults.is_empty() => {
            let panel = section(&visit, &webhook, &wording::faults(&refusal.faults)).await?;
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(whole(&visit, &webhook, status, panel))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

fn whole(visit: &Visit, webhook: &Subscription, status: StatusCode, panel: Markup) -> HttpResponse {
    let title = format!("Secret of “{}”", webhook.title);
    let page = visit.page(Nav::Webhooks, &title, "").status(status);
    let page = page.back(path(webhook.id), webhook.title.as_str());
    page.show(&panel)
}

fn panel(
    visit: &Visit,
    webhook: &Subscription,
    ends: &[DateTime<Utc>],
    live: Option<&[LiveSecret]>,
    faults: &[Fault],
) -> Markup {
    let here = path(webhook.id);
    html! {
        section class="panel" id="secret" {
            h2 { "Secret" }
            @if webhook.url.is_mail() {
                p class="muted" { "Mails are not signed. The secret is used once the URL is an https:// one." }
            } @else {
                p { "It signs each request, so the receiver can verify that Herald sent it." }
            }
            @if let Some(live) = live {
                @for (place, one) in live.iter().enumerate() {
                    @if let Some(end) = one.expires_at {
                        p class="muted" { "Replaced; it stays valid until " (visit.reader.at(end)) " (" (visit.reader.ago(end)) "):" }
                    }
                    (ui::code(&format!("secret-{place}"), &one.secret.reveal()))
                }
            } @else {
                form method="post" action={ (here) "/secret" } hx-post={ (here) "/secret" }
                    hx-target="#secret" hx-select="#secret" hx-swap="outerHTML" {
                    (visit.csrf())
                    button class="button" type="submit" { "Show the secret" }
                    p class="help" { "The activity log notes that you saw it." }
                }
            }
            @for end in ends {
                p class="notice is-wait" {
                    "A replaced secret stays valid until " (visit.reader.at(*end)) " ("
                    (visit.reader.ago(*end)) "). Change the receiver over before then."
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
                        "Both secrets stay valid for this time, so the receiver can be changed over. "
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
