//! Adding, changing and removing an account's own event types, and the validation of built-in
//! ones.

use actix_web::HttpRequest;
use actix_web::web::Data;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::super::form::Form;
use super::super::frame::Nav;
use super::super::visit::{Look, Sent, Submission, Visit};
use super::super::{PageResult, layout, query};
use crate::domain::event_type::Validation;
use crate::http::problem::Problem;
use crate::http::shared::Shared;
use crate::service::event_types::{self, EventTypeInput, EventTypePatch, EventTypeView};
use crate::service::input::{Input, Read};
use crate::service::making::Making;
use crate::service::{Fault, Refusal};

/// What is in the form.
#[derive(Default)]
struct Draft {
    name: String,
    group: String,
    title: String,
    description: String,
    schema: String,
    example: String,
    validation: String,
}

impl Draft {
    fn of(known: &EventTypeView) -> Self {
        let json = |value: &Option<Value>| {
            let text = value.as_ref().map(serde_json::to_string_pretty);
            text.and_then(Result::ok).unwrap_or_default()
        };
        Self {
            name: known.name.clone(),
            group: known.group.clone(),
            title: known.title.clone(),
            description: known.description.clone(),
            schema: json(&known.schema),
            example: json(&known.example),
            validation: known.validation.to_string(),
        }
    }

    fn sent(form: &mut Form) -> Self {
        let mut take = |name: &str| form.take(name).replace("\r\n", "\n");
        Self {
            name: take("name"),
            group: take("group"),
            title: take("title"),
            description: take("description"),
            schema: take("schema"),
            example: take("example"),
            validation: take("validation"),
        }
    }

    /// As an input. The texts that are JSON are read here.
    fn read<T: Input>(&self, new: bool) -> Result<Read<T>, Refusal> {
        let mut faults = Vec::new();
        let mut json = |name: &str, text: &str| match text.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|error| {
                faults.push(Fault::new(
                    format!("/{name}"),
                    format!("is no JSON: {error}"),
                ));
                Value::Null
            }),
        };
        let mut body = Map::new();
        if new {
            body.insert("name".to_owned(), Value::from(self.name.trim()));
        }
        body.insert("group".to_owned(), Value::from(self.group.as_str()));
        body.insert("title".to_owned(), Value::from(self.title.as_str()));
        body.insert(
            "description".to_owned(),
            Value::from(self.description.as_str()),
        );
        body.insert("schema".to_owned(), json("schema", &self.schema));
        body.insert("example".to_owned(), json("example", &self.example));
        body.insert(
            "validation".to_owned(),
            Value::from(self.validation.as_str()),
        );
        if faults.is_empty() {
            T::begin(Value::Object(body))
        } else {
            Err(Refusal::invalid(faults))
        }
    }
}

/// The form for a new one.
pub(in crate::http) async fn new(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let draft = match visit.typed(&shared, &request).await? {
        Some(mut typed) => Draft::sent(&mut typed),
        None => Draft {
            validation: Validation::default().to_string(),
            ..Draft::default()
        },
    };
    Ok(whole(&visit, None, &draft, None))
}

/// Adds it.
pub(in crate::http) async fn create(shared: Data<Shared>, submission: Submission) -> PageResult {
    let Submission { visit, mut form } = submission;
    let draft = Draft::sent(&mut form);
    let made = async {
        let (input, by) = (draft.read::<EventTypeInput>(true)?, visit.caller.actor());
        event_types::create(&shared.engine, visit.account, Making::by(&by), input).await
    };
    match made.await.map_err(Problem::from) {
        Ok(made) => {
            Ok(layout::go_to(format!("{}?done=type-added", super::path(&made.name))).finish())
        }
        Err(problem) if problem.told().1.is_client_error() => {
            Ok(whole(&visit, None, &draft, Some(&problem)))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// The form for one that is there.
pub(in crate::http) async fn edit(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let known = event_types::show(&shared.engine, visit.account, name(&request)).await?;
    let draft = match visit.typed(&shared, &request).await? {
        Some(mut typed) => Draft::sent(&mut typed),
        None => Draft::of(&known),
    };
    Ok(whole(&visit, Some(&known), &draft, None))
}

/// Changes it.
pub(in crate::http) async fn save(Sent(shared, submission, request): Sent) -> PageResult {
    let Submission { visit, mut form } = submission;
    let known = event_types::show(&shared.engine, visit.account, name(&request)).await?;
    let draft = Draft::sent(&mut form);
    let changed = async {
        let patch: Read<EventTypePatch> = if known.builtin {
            Input::begin(json!({ "validation": draft.validation }))?
        } else {
            draft.read(false)?
        };
        let (name, by) = (known.name.as_str(), visit.caller.actor());
        event_types::change(&shared.engine, visit.account, name, &by, patch).await
    };
    match changed.await.map_err(Problem::from) {
        Ok(_) => Ok(layout::go_to(format!("{}?done=saved", super::path(&known.name))).finish()),
        Err(problem) if problem.told().1.is_client_error() => {
            Ok(whole(&visit, Some(&known), &draft, Some(&problem)))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Removes it.
pub(in crate::http) async fn delete(Sent(shared, submission, request): Sent) -> PageResult {
    let visit = submission.visit;
    let by = visit.caller.actor();
    event_types::remove(&shared.engine, visit.account, name(&request), &by).await?;
    Ok(layout::go_to("/events?done=type-deleted").finish())
}

fn name(request: &HttpRequest) -> &str {
    request.match_info().get("name").unwrap_or_default()
}

/// The page with the form.
fn whole(
    visit: &Visit,
    known: Option<&EventTypeView>,
    draft: &Draft,
    problem: Option<&Problem>,
) -> actix_web::HttpResponse {
    let builtin = known.is_some_and(|known| known.builtin);
    let (action, back) = match known {
        Some(known) => (
            format!("{}/edit", super::path(&known.name)),
            super::path(&known.name),
        ),
        None => ("/events/new".to_owned(), "/events".to_owned()),
    };
    let inputs = Inputs { problem };
    let body = html! {
        @if let Some(problem) = problem {
            p class="notice is-error" role="alert" { (problem.told().0) }
        }
        form class="form" method="post" action=(action) {
            (visit.csrf())
            @if known.is_none() {
                (inputs.text("name", "Name", &draft.name, "As events and triggers write it, such as STORE_ORDER_CREATED."))
            }
            @if !builtin {
                (inputs.text("title", "Title", &draft.title, "A few words."))
                (inputs.text("group", "Group", &draft.group, "The heading under which it is listed."))
                (inputs.large("description", "Description", &draft.description, 3, "When it is published."))
                (inputs.large("schema", "JSON Schema", &draft.schema, 12, "What a payload looks like. May be empty."))
                (inputs.large("example", "Example", &draft.example, 8, "A payload that fits the schema. May be empty."))
            }
            fieldset aria-describedby="validation-error" {
                legend { "An event that does not fit the schema" }
                @for (mode, words) in [
                    (Validation::Warn, "is accepted with a warning"),
                    (Validation::Reject, "is refused"),
                    (Validation::Off, "is accepted: the schema is not applied"),
                ] {
                    @let id = format!("validation-{mode}");
                    div class="choice" {
                        input id=(id) type="radio" name="validation" value=(mode) checked[draft.validation == mode.as_str()];
                        label for=(id) { (words) }
                    }
                }
                (inputs.errors("validation"))
            }
            p class="actions" {
                button class="button primary" type="submit" { @if known.is_none() { "Add" } @else { "Save" } }
                a class="button" href=(back) { "Cancel" }
            }
        }
        @if let Some(known) = known.filter(|_| !builtin) { (removal(visit, known)) }
    };
    let title = match known {
        Some(known) => format!("Edit {}", known.name),
        None => "Add an event type".to_owned(),
    };
    let lead = match known {
        Some(_) if builtin => {
            "It is built in: only its validation can be changed, for this account."
        }
        Some(_) => "What it says changes at once, for everybody in this account.",
        None => "For events that are not in the catalogue.",
    };
    let page = visit
        .page(Nav::Events, &title, lead)
        .back(back.as_str(), "Back");
    match problem {
        Some(problem) => page.status(problem.told().1).show(&body),
        None => page.show(&body),
    }
}

/// The inputs of the form, each with what is wrong with it.
struct Inputs<'a> {
    problem: Option<&'a Problem>,
}

impl Inputs<'_> {
    fn faults(&self, name: &str) -> Vec<&Fault> {
        let faults = self.problem.map(Problem::faults).unwrap_or_default();
        let own = |fault: &&Fault| {
            let rest = fault
                .pointer
                .strip_prefix('/')
                .and_then(|it| it.strip_prefix(name));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        faults.iter().filter(own).collect()
    }

    fn errors(&self, name: &str) -> Markup {
        let faults = self.faults(name);
        html! {
            @if !faults.is_empty() {
                div id=(format!("{name}-error")) {
                    @for fault in faults {
                        @let within = fault.pointer.get(name.len() + 1..).unwrap_or_default();
                        p class="error" {
                            @if !within.is_empty() { span class="mono" { (within) } " " }
                            (fault.detail)
                        }
                    }
                }
            }
        }
    }

    fn described(&self, name: &str) -> String {
        match self.faults(name).is_empty() {
            true => format!("{name}-help"),
            false => format!("{name}-help {name}-error"),
        }
    }

    fn text(&self, name: &str, label: &str, value: &str, help: &str) -> Markup {
        let wrong = !self.faults(name).is_empty();
        html! {
            div class="field" {
                label for=(name) { (label) }
                input id=(name) name=(name) value=(value) maxlength="200" autocomplete="off" spellcheck="false"
                    aria-describedby=(self.described(name)) aria-invalid=[wrong.then_some("true")];
                p class="help" id=(format!("{name}-help")) { (help) }
                (self.errors(name))
            }
        }
    }

    fn large(&self, name: &str, label: &str, value: &str, rows: usize, help: &str) -> Markup {
        let wrong = !self.faults(name).is_empty();
        html! {
            div class="field" {
                label for=(name) { (label) }
                textarea id=(name) name=(name) rows=(rows) spellcheck="false" autocomplete="off"
                    aria-describedby=(self.described(name)) aria-invalid=[wrong.then_some("true")] {
                    "\n" (value)
                }
                p class="help" id=(format!("{name}-help")) { (help) }
                (self.errors(name))
            }
        }
    }
}

fn removal(visit: &Visit, known: &EventTypeView) -> Markup {
    html! {
        hr;
        section class="panel" {
            h2 { "Delete " (known.name) }
            p class="prose" {
                "It cannot be published any more. What was published stays, and triggers that name it stay as they are."
            }
            (visit.post(&format!("{}/delete", super::path(&known.name)), &format!("Delete {}", known.name), "button danger"))
        }
    }
}
