//! Trying a script out on a page: an example or a past event goes in, and the result is shown
//! beside it. Nothing is sent.

use bytes::Bytes;

use super::plugins::fault;
use super::prelude::*;
use super::{difference, payload, wording};
use crate::catalogue;
use crate::domain::id::{IdError, SubscriptionId};
use crate::http::query::Query;
use crate::plugin::{ScriptName, ScriptNameError};
use crate::service::dry_run::{DryRun, DryRunInput, EventText, try_out};
use crate::service::input::OrNull;
use crate::service::plugins::PluginView;
use crate::service::subscriptions::example;
use crate::store::event_type::{self, TypeFilter};
use crate::store::webhook_names;

/// Webhooks that the form offers.
const MOST_WEBHOOKS: i64 = 100;
/// Lines of a script's log that are shown.
const MOST_LOG: usize = 50;
/// The most bytes of a text that a page shows.
const MOST_TEXT: usize = 8 << 10;

/// What the form asks for.
#[derive(Debug, Default)]
pub(super) struct Wish {
    event_type: String,
    event: String,
    webhook: String,
    asked: bool,
}

impl Wish {
    /// Takes it out of a page's address.
    pub(super) fn take(query: &mut Query<'_>) -> Self {
        let mut text = |name| query.text(name).map(|it: String| it.trim().to_owned());
        let (event_type, event, webhook) = (text("type"), text("event"), text("webhook"));
        Self {
            asked: event_type.is_some() || event.is_some(),
            event_type: event_type.unwrap_or_default(),
            event: event.unwrap_or_default(),
            webhook: webhook.unwrap_or_default(),
        }
    }
}

/// The form, and the result of what it asked for.
///
/// # Errors
/// When the database is away.
pub(super) async fn section(
    visit: &Visit,
    view: &PluginView,
    wish: &Wish,
) -> Result<Markup, ProblemDetails> {
    let outcome = if wish.asked {
        match run(visit, view, wish).await {
            Ok((ran, published)) => result(&ran, &published),
            // What is wrong inside Herald has a page of its own.
            Err(it) if it.is_own() && it.kind() != ProblemKind::Unavailable => return Err(it),
            Err(it) => {
                let problem = wording::problem(it);
                html! { p class="notice is-error" role="alert" { (problem.to_string()) } }
            }
        }
    } else {
        html! {}
    };
    let form = form(visit, view, wish).await?;
    Ok(html! {
        section class="panel" id="dry-run" {
            h2 { "Try it out" }
            p class="muted" { "It runs the active version and sends nothing." }
            (form)
            div id="ran" aria-live="polite" { (outcome) }
        }
    })
}

async fn form(visit: &Visit, view: &PluginView, wish: &Wish) -> Result<Markup, ProblemDetails> {
    let (database, account) = (visit.database(), visit.account);
    let mut own = event_type::list(database, account, &TypeFilter::default()).await?;
    own.retain(|it| it.has_example);
    let mut webhooks = webhook_names::newest(database, account, MOST_WEBHOOKS).await?;
    if let Ok(id) = wish.webhook.parse::<SubscriptionId>()
        && !webhooks.iter().any(|(known, _)| *known == id)
    {
        webhooks.push((id, wish.webhook.clone()));
    }
    let file = view.name.split_once('/').map_or("", |(_, file)| file);
    let chosen = match wish.event_type.as_str() {
        "" if view.kind == "trigger" => file.trim_end_matches(".rhai"),
        "" if wish.event.is_empty() => "STORE_ORDER_CREATED",
        name => name,
    };
    let builtin = catalogue::builtin();
    let mut groups: Vec<&str> = builtin.iter().map(|it| it.group.as_str()).collect();
    groups.dedup();
    let option = |name: &str| html! { option value=(name) selected[name == chosen] { (name) } };
    Ok(html! {
        form class="filters try" method="get" hx-get="" hx-target="#ran" hx-select="#ran" hx-swap="outerHTML"
            hx-push-url="true" hx-indicator="#ran" {
            div class="wide" {
                label for="try-type" { "Example of" }
                select id="try-type" name="type" {
                    option value="" { "No example: the past event" }
                    @for group in &groups {
                        optgroup label=(group) {
                            @for it in builtin.iter().filter(|it| it.group == **group) { (option(&it.name)) }
                        }
                    }
                    @if !own.is_empty() {
                        optgroup label="Your own" { @for it in &own { (option(&it.name)) } }
                    }
                }
            }
            div class="wide" {
                label for="try-event" { "Or a past event" }
                input id="try-event" name="event" value=(wish.event) placeholder="evt_…" maxlength="60"
                    autocomplete="off" spellcheck="false";
            }
            div class="wide" {
                label for="try-webhook" { "For the webhook" }
                select id="try-webhook" name="webhook" {
                    option value="" { "An example webhook" }
                    @for (id, title) in &webhooks {
                        @let id = id.to_string();
                        option value=(id) selected[id == wish.webhook] { (title) }
                    }
                }
            }
            button class="button" type="submit" { "Run" }
        }
    })
}

async fn run(
    visit: &Visit,
    view: &PluginView,
    wish: &Wish,
) -> Result<(DryRun, Bytes), ProblemDetails> {
    let unknown =
        |error: ScriptNameError| ProblemDetails::new(ProblemKind::NotFound, format!("{error}."));
    let script: ScriptName = view.name.parse().map_err(unknown)?;
    let mut input = DryRunInput {
        event: None,
        event_id: None,
        subscription: None,
    };
    // The id of an event counts, whatever the drop-down says.
    if wish.event.is_empty() {
        let event_type = &wish.event_type;
        let found = example(visit.cx(), event_type).await?;
        let found = found.ok_or_else(|| {
            let detail = format!("There is no example of {event_type}: choose another type.");
            ProblemDetails::new(ProblemKind::Invalid, detail)
        })?;
        let text = String::from_utf8_lossy(&found).into_owned();
        input.event = Some(OrNull(Some(EventText(text))));
    } else {
        let Ok(id) = wish.event.parse() else {
            let detail = "That is not the ID of an event: it begins with evt_ and is shown on the \
                          event's page.";
            return Err(ProblemDetails::new(ProblemKind::Invalid, detail));
        };
        input.event_id = Some(OrNull(Some(id)));
    }
    if !wish.webhook.is_empty() {
        let id = wish.webhook.parse().map_err(|error: IdError| {
            ProblemDetails::new(ProblemKind::Invalid, format!("{error}."))
        })?;
        input.subscription = Some(OrNull(Some(id)));
    }
    Ok(try_out(visit.engine(), &visit.caller, &script, input).await?)
}

fn result(ran: &DryRun, published: &[u8]) -> Markup {
    let body = ran.body.as_deref().filter(|_| ran.changed);
    let content_type = ran.content_type.as_deref();
    let content_type = content_type.filter(|it| *it != "application/json");
    html! {
        p class="outcome" {
            @match ran.decision {
                "filtered" => { (ui::badge(Tone::Off, "Filtered")) " It would not be delivered." }
                "mail" => { (ui::badge(Tone::Sent, "Mail")) " This mail would be sent." }
                "failed" => { (ui::badge(Tone::Error, "Error")) " The run failed: a delivery would be retried." }
                _ if ran.changed => { (ui::badge(Tone::Sent, "Would be delivered")) " The body is changed." }
                _ => { (ui::badge(Tone::Sent, "Would be delivered")) " The body is the one published, byte for byte." }
            }
        }
        @if let Some(error) = &ran.error { div class="notice is-error" { (fault(&error.fault)) } }
        @if let Some(body) = body {
            (difference::view("What it changes", published, body.as_bytes()))
            (payload::view("The body that would be sent", "tried-body", body.as_bytes()))
        }
        @if !ran.headers.is_empty() || content_type.is_some() {
            h3 { "Headers that it adds" }
            dl class="facts" {
                @if let Some(kind) = content_type { dt { "content-type" } dd { code { (kind) } } }
                @for (name, value) in &ran.headers { dt { (name) } dd { code { (value) } } }
            }
        }
        @if let Some(mail) = &ran.mail {
            dl class="facts" {
                dt { "To" } dd { @if mail.to.is_empty() { "the webhook's address" } @else { (mail.to.join(", ")) } }
                dt { "Subject" } dd { (mail.subject) }
            }
            h3 { "Text" }
            (ui::code("tried-text", begin(&mail.text)))
            @if let Some(html) = &mail.html { h3 { "HTML" } (ui::code("tried-html", begin(html))) }
        }
        @if !ran.log.is_empty() {
            h3 { "What it logged" }
            pre class="code" tabindex="0" { @for line in ran.log.iter().take(MOST_LOG) { (line) "\n" } }
        }
        p class="muted" {
            (ran.operations) " operations in " (format!("{:.2}", ran.milliseconds)) " ms"
            @if let Some(hash) = &ran.hash { ", version " code { (hash.get(..12).unwrap_or(hash)) } }
            "."
        }
    }
}

fn begin(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MOST_TEXT))
        .unwrap_or_default()
}
