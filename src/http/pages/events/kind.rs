//! One event type: what it means, its fields, its example, where it goes, and publishing one.

use actix_web::http::StatusCode;

use super::super::payload;
use super::super::prelude::*;
use super::reach::has_match;
use super::schema;
use crate::catalogue;
use crate::domain::event_type::Validation;
use crate::domain::subscription::SubscriptionState;
use crate::service::event_types::{self, EventTypeView};
use crate::service::publishing::accept;
use crate::store::subscription_name::{Bystander, bystanders};

/// Webhooks that are checked, and shown.
const MOST_LOOKED: i64 = 2_000;
const MOST_SHOWN: usize = 50;

pub(in crate::http) async fn page(visit: Visit) -> PageResult {
    visit.no_query()?;
    let known = event_types::show(visit.cx(), &visit.part::<String>("name")?).await?;
    let typed = visit.typed().await?.map(|mut form| form.take("body"));
    show(&visit, &known, typed, None).await
}

/// The page with what is to be published, and why it was not.
async fn show(
    visit: &Visit,
    known: &EventTypeView,
    written: Option<String>,
    problem: Option<&ProblemDetails>,
) -> PageResult {
    let (webhooks, cut) = goes_to(visit, &known.name).await?;
    let example = example(known);
    let rows = schema::rows(&known.fields, known.schema.as_ref());
    let title = super::or(&known.title, &known.name);
    let least = || format!("{{\"event_type\": \"{}\"}}", known.name);
    let text = written.unwrap_or_else(|| example.as_deref().map_or_else(least, pretty));
    let body = html! {
        dl class="facts" {
            dt { "Name" }
            dd { span class="mono" id="type-name" { (known.name) } " " (ui::copy("type-name")) }
            dt { "Group" } dd { (super::or(&known.group, super::NO_GROUP)) }
            dt { "Validation" } dd { (validation(known)) }
        }
        @if !known.description.is_empty() { p class="prose" { (super::prose(&super::beginning(&known.description, 4_000))) } }
        section class="panel" {
            h2 { "Goes to" }
            (receivers(&webhooks, cut, &known.name))
        }
        section class="panel" {
            h2 { "Fields" }
            (fields(&rows))
        }
        section class="panel" {
            h2 { "Example" }
            @match &example {
                Some(text) => (payload::view("A payload as it would be published", "example", text.as_bytes())),
                None => p class="muted" { "It has no example." },
            }
        }
        @if visit.is_admin() { (publish_box(visit, &known.name, &text, problem)) }
    };
    let action = html! {
        a class="button" href=(format!("/events/log?topic={}", known.name)) { "Events" }
        a class="button" href=(format!("/deliveries?topic={}", known.name)) { "Deliveries" }
        @if visit.is_admin() {
            a class="button" href=(format!("{}/edit", super::path(&known.name))) {
                @if known.builtin { "Change validation" } @else { "Edit" }
            }
        }
    };
    let status = problem.map_or(StatusCode::OK, |problem| problem.for_page().1);
    let page = visit.page(Nav::Events, title, "").action(action);
    Ok(page.back("/events", "Events").status(status).show(&body))
}

/// The example's text; that of a built-in type byte for byte.
fn example(known: &EventTypeView) -> Option<String> {
    let builtin = catalogue::find(&known.name).and_then(|known| known.example.as_ref());
    let own = || known.example.as_ref().map(ToString::to_string);
    builtin.map(|text| text.get().to_owned()).or_else(own)
}

fn validation(known: &EventTypeView) -> &'static str {
    match known.validation {
        _ if known.schema.is_none() => "It has no schema, so every object fits.",
        Validation::Off => "Events are not checked against the schema.",
        Validation::Warn => "An event that does not fit the schema is accepted with a warning.",
        Validation::Reject => "An event that does not fit the schema is refused.",
    }
}

/// The webhooks that get such an event today, and whether some webhooks were not checked.
async fn goes_to(visit: &Visit, name: &str) -> Result<(Vec<Bystander>, bool), StoreError> {
    let (database, account, now) = (visit.database(), visit.account, visit.reader.now);
    let mut webhooks = bystanders(database, account, &[], now, None, MOST_LOOKED).await?;
    let cut = i64::try_from(webhooks.len()).unwrap_or(i64::MAX) >= MOST_LOOKED;
    webhooks.retain(|it| it.state != SubscriptionState::Disabled && has_match(it, name));
    webhooks.sort_by(|a, b| a.title.cmp(&b.title));
    Ok((webhooks, cut))
}

fn receivers(all: &[Bystander], cut: bool, name: &str) -> Markup {
    html! {
        @if all.is_empty() {
            p { "No webhook would get it today. " a href="/webhooks/new" { "Add a webhook" }
                " with the trigger " span class="mono" { (name) } "." }
        } @else {
            p {
                @if all.len() == 1 { "1 webhook gets it today." } @else { (all.len()) " webhooks get it today." }
                @if cut { " Only the first " (MOST_LOOKED) " webhooks were checked." }
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
fn publish_box(visit: &Visit, name: &str, text: &str, refused: Option<&ProblemDetails>) -> Markup {
    let lines = text.lines().count().clamp(6, 24);
    html! {
        section class="panel" id="publish" {
            h2 { "Publish this example" }
            p class="muted" { "It is a real event: every webhook whose triggers match gets it." }
            form method="post" action=(format!("{}/publish", super::path(name))) {
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

fn errors(problem: &ProblemDetails) -> Markup {
    html! {
        div id="body-errors" role="alert" {
            p class="error" { (problem.for_page().0) }
            @for fault in problem.faults() {
                p class="error" { (super::fault(&fault.pointer, &fault.detail)) }
            }
        }
    }
}

/// A text of JSON with indentation, its names in their order and its numbers as they are.
fn pretty(text: &str) -> String {
    let line = |depth: usize| format!("\n{}", "  ".repeat(depth.min(20)));
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut characters = text.chars().peekable();
    let mut in_string = false;
    while let Some(character) = characters.next() {
        if !in_string && character.is_ascii_whitespace() {
            continue;
        }
        if !in_string && matches!(character, '}' | ']') {
            depth = depth.saturating_sub(1);
            out.push_str(&line(depth));
        }
        out.push(character);
        match character {
            '\\' if in_string => out.extend(characters.next()),
            '"' => in_string = !in_string,
            _ if in_string => {}
            '{' | '[' => {
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(close) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    out.push_str(&line(depth));
                }
            }
            ',' => out.push_str(&line(depth)),
            ':' => out.push(' '),
            _ => {}
        }
    }
    out
}

/// Publishes what is in the box.
pub(in crate::http) async fn publish(Submission(visit, mut form): Submission) -> PageResult {
    let known = event_types::show(visit.cx(), &visit.part::<String>("name")?).await?;
    // Browsers send the line ends of a box as CR LF, whatever was in it.
    let body = form.take("body").replace("\r\n", "\n");
    match accept(visit.engine(), visit.account, body.as_bytes(), None, None).await {
        Ok(accepted) => {
            let id = accepted.receipt.id;
            Ok(layout::go_to(format!("/events/{id}?done=published")).finish())
        }
        Err(why) => show(&visit, &known, Some(body), Some(&super::fixable(why)?)).await,
    }
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
