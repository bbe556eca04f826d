//! One event type: what it means, its fields, its example, where it goes, and publishing one.

use actix_web::{HttpRequest, HttpResponse};
use maud::{Markup, html};

use super::super::frame::Nav;
use super::super::payload::{MOST_RAW, Payload};
use super::super::visit::{Look, Sent, Submission, Visit};
use super::super::{PageResult, Trouble, layout, query, ui};
use super::reach::has_match;
use super::schema;
use crate::catalogue;
use crate::domain::event_type::Validation;
use crate::domain::id::AccountId;
use crate::domain::subscription::SubscriptionState;
use crate::http::problem::Problem;
use crate::http::shared::Shared;
use crate::service::event_types::{self, EventTypeView};
use crate::service::publishing::accept;
use crate::store::StoreError;
use crate::store::subscription_name::{Bystander, bystanders};

/// Webhooks that are looked at, and shown.
const MOST_LOOKED: i64 = 2_000;
const MOST_SHOWN: usize = 50;

/// The page.
pub(in crate::http) async fn page(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let known = event_types::show(&shared.engine, visit.account, name(&request)).await?;
    let typed = visit.typed(&shared, &request).await?;
    let body = typed.map(|mut form| form.take("body"));
    let written = body.as_deref().map(|body| Written {
        body,
        problem: None,
    });
    show(&shared, &visit, &known, written).await
}

fn name(request: &HttpRequest) -> &str {
    request.match_info().get("name").unwrap_or_default()
}

/// What is to be published, and why it was not.
struct Written<'a> {
    body: &'a str,
    problem: Option<&'a Problem>,
}

async fn show(
    shared: &Shared,
    visit: &Visit,
    known: &EventTypeView,
    written: Option<Written<'_>>,
) -> PageResult {
    let goes_to = goes_to(shared, visit, &known.name).await?;
    let example = example(known);
    let rows = schema::rows(&known.fields, known.schema.as_ref());
    let problem = written.as_ref().and_then(|it| it.problem);
    let status = problem.map(|problem| problem.told().1);
    let title = super::or_name(&known.title, &known.name);
    let body = html! {
        dl class="facts" {
            dt { "Name" }
            dd { span class="mono" id="type-name" { (known.name) } " " (ui::copy("type-name")) }
            dt { "Group" }
            dd { @if known.group.is_empty() { (super::NO_GROUP) } @else { (known.group) } }
            dt { "Validation" }
            dd { (validation(known)) }
        }
        @if !known.description.is_empty() { p class="prose" { (super::prose(&super::beginning(&known.description, 4_000))) } }
        section class="panel" {
            h2 { "Goes to" }
            (webhooks(&goes_to, &known.name))
        }
        section class="panel" {
            h2 { "Fields" }
            (fields(&rows))
        }
        section class="panel" {
            h2 { "Example" }
            @match &example {
                Some(example) => (Payload {
                    title: "A payload as it would be published",
                    id: "example",
                    bytes: example.as_bytes(),
                    whole: None,
                    most: MOST_RAW,
                }),
                None => p class="muted" { "It has no example." },
            }
        }
        @if visit.is_admin() { (publish_box(visit, known, example.as_deref(), written.as_ref())) }
    };
    let own = !known.builtin && visit.is_admin();
    let action = html! {
        a class="button" href=(format!("/events/log?topic={}", known.name)) { "Events" }
        a class="button" href=(format!("/deliveries?topic={}", known.name)) { "Deliveries" }
        @if own {
            a class="button" href=(format!("{}/edit", super::path(&known.name))) { "Edit" }
        } @else if visit.is_admin() {
            a class="button" href=(format!("{}/edit", super::path(&known.name))) { "Change validation" }
        }
    };
    let page = visit
        .page(Nav::Events, title, "")
        .back("/events", "Events")
        .action(action);
    Ok(match status {
        Some(status) => page.status(status).show(&body),
        None => page.show(&body),
    })
}

/// The example's text; that of a built-in type byte for byte.
fn example(known: &EventTypeView) -> Option<String> {
    let builtin = catalogue::find(&known.name).and_then(|known| known.example.as_ref());
    match builtin {
        Some(text) => Some(text.get().to_owned()),
        None => known.example.as_ref().map(ToString::to_string),
    }
}

fn validation(known: &EventTypeView) -> &'static str {
    match known.validation {
        _ if known.schema.is_none() => "It has no schema, so that every object fits.",
        Validation::Off => "Events are not held to the schema.",
        Validation::Warn => "An event that does not fit the schema is accepted with a warning.",
        Validation::Reject => "An event that does not fit the schema is refused.",
    }
}

/// The webhooks that get such an event today.
struct GoesTo {
    webhooks: Vec<Bystander>,
    /// Not all webhooks were looked at.
    cut: bool,
}

async fn goes_to(shared: &Shared, visit: &Visit, name: &str) -> Result<GoesTo, StoreError> {
    let account: AccountId = visit.account;
    let now = visit.reader.now;
    let database = shared.engine.database();
    let mut webhooks = bystanders(database, account, &[], now, None, MOST_LOOKED).await?;
    let cut = i64::try_from(webhooks.len()).unwrap_or(i64::MAX) >= MOST_LOOKED;
    webhooks.retain(|it| it.state != SubscriptionState::Disabled && has_match(it, name));
    webhooks.sort_by(|a, b| a.title.cmp(&b.title));
    Ok(GoesTo { webhooks, cut })
}

fn webhooks(goes_to: &GoesTo, name: &str) -> Markup {
    let all = &goes_to.webhooks;
    html! {
        @if all.is_empty() {
            p { "No webhook would get it today. " a href="/webhooks/new" { "Add a webhook" }
                " with the trigger " span class="mono" { (name) } "." }
        } @else {
            p {
                @if all.len() == 1 { "1 webhook gets it today." } @else { (all.len()) " webhooks get it today." }
                @if goes_to.cut { " Only the first " (MOST_LOOKED) " webhooks were looked at." }
            }
            ul {
                @for webhook in all.iter().take(MOST_SHOWN) {
                    li {
                        a href=(format!("/webhooks/{}", webhook.id)) { (webhook.title) }
                        @if webhook.state == SubscriptionState::Paused { " " (ui::subscription_state(webhook.state)) }
                    }
                }
            }
            @if all.len() > MOST_SHOWN { p class="muted" { "And " (all.len() - MOST_SHOWN) " more." } }
        }
    }
}

fn fields(rows: &[schema::FieldRow]) -> Markup {
    if rows.is_empty() {
        return html! { p class="muted" { "No fields are described: it has no schema." } };
    }
    html! {
        table class="fields" {
            thead { tr { th scope="col" { "Field" } th scope="col" { "Type" } th scope="col" { "Meaning" } } }
            tbody {
                @for row in rows {
                    tr {
                        td { (row.path) }
                        td { (row.kind) @if row.required { ", " strong { "required" } } }
                        td {
                            @if !row.description.is_empty() { p { (super::prose(&row.description)) } }
                            @for rule in &row.rules { p class="muted" { (rule) } }
                        }
                    }
                }
            }
        }
        @if rows.len() >= schema::MOST_ROWS { p class="muted" { "There are more fields than fit here." } }
    }
}

/// The form that publishes.
fn publish_box(
    visit: &Visit,
    known: &EventTypeView,
    example: Option<&str>,
    written: Option<&Written<'_>>,
) -> Markup {
    let least = || format!("{{\"event_type\": \"{}\"}}", known.name);
    let refused = written.and_then(|it| it.problem);
    let text = match (written, example) {
        (Some(written), _) => written.body.to_owned(),
        (None, Some(example)) => pretty(example),
        (None, None) => least(),
    };
    let lines = text.lines().count().clamp(6, 24);
    html! {
        section class="panel" id="publish" {
            h2 { "Publish this example" }
            p class="muted" { "It is a real event: every webhook that it matches gets it." }
            form method="post" action=(format!("{}/publish", super::path(&known.name))) {
                (visit.csrf())
                div class="field" {
                    label for="body" { "Event" }
                    textarea id="body" name="body" rows=(lines) spellcheck="false" autocomplete="off"
                        aria-describedby=[refused.map(|_| "body-errors")] aria-invalid=[refused.map(|_| "true")] {
                        "\n" (text)
                    }
                    @if let Some(refused) = refused { (errors(refused)) }
                }
                button class="button primary" type="submit" { "Publish" }
            }
        }
    }
}

fn errors(problem: &Problem) -> Markup {
    html! {
        div id="body-errors" role="alert" {
            p class="error" { (problem.told().0) }
            @for fault in problem.faults() {
                p class="error" {
                    @if !fault.pointer.is_empty() { span class="mono" { (fault.pointer) } " " }
                    (fault.detail)
                }
            }
        }
    }
}

/// A text of JSON with indentation, its names in their order and its numbers as they are.
fn pretty(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut characters = text.chars().peekable();
    let mut in_string = false;
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth.min(20)));
    };
    while let Some(character) = characters.next() {
        match character {
            '\\' if in_string => {
                out.push(character);
                out.extend(characters.next());
            }
            '"' => {
                in_string = !in_string;
                out.push(character);
            }
            _ if in_string => out.push(character),
            '{' | '[' => {
                out.push(character);
                while characters
                    .next_if(|next| next.is_ascii_whitespace())
                    .is_some()
                {}
                if let Some(close) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(character);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ if character.is_ascii_whitespace() => {}
            _ => out.push(character),
        }
    }
    out
}

/// Publishes what is in the box.
pub(in crate::http) async fn publish(Sent(shared, submission, request): Sent) -> PageResult {
    let Submission { visit, mut form } = submission;
    let known = event_types::show(&shared.engine, visit.account, name(&request)).await?;
    // Browsers send the line ends of a box as CR LF, whatever was in it.
    let body = form.take("body").replace("\r\n", "\n");
    match accept(&shared.engine, visit.account, body.as_bytes(), None, None)
        .await
        .map_err(Problem::from)
    {
        Ok(accepted) => Ok(published(&accepted.receipt.id.to_string())),
        Err(problem) if problem.told().1.is_client_error() => {
            let written = Written {
                body: &body,
                problem: Some(&problem),
            };
            show(&shared, &visit, &known, Some(written)).await
        }
        Err(problem) => Err(Trouble::from(problem)),
    }
}

fn published(id: &str) -> HttpResponse {
    layout::go_to(format!("/events/{id}?done=published")).finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::pretty;

    #[test]
    fn an_example_is_laid_out_without_a_change() {
        let text = r#"{"z":[],"a":{"b":[1.0,{}],"c":"{\"x\": [1,2]}, \\"}}"#;
        let expected = "{\n  \"z\": [],\n  \"a\": {\n    \"b\": [\n      1.0,\n      {}\n    ],\n    \
            \"c\": \"{\\\"x\\\": [1,2]}, \\\\\"\n  }\n}";
        assert_eq!(pretty(text), expected);
        assert_eq!(pretty(expected), expected);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_strings_stay(text in "\\PC{0,60}") {
            let _ = pretty(&text);
            let value = serde_json::json!({"a": [text, {"b": {}}]});
            let again: Value = serde_json::from_str(&pretty(&value.to_string())).unwrap();
            prop_assert_eq!(again, value);
        }
    }
}
