//! Adding, changing and removing an account's own event types, and the validation of built-in
//! ones.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::super::prelude::*;
use crate::domain::event_type::Validation;
use crate::service::event_types::{self, EventTypeInput, EventTypePatch, EventTypeView};
use crate::service::input::ReadInput;
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

    fn sent(mut form: Form) -> Self {
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
    fn read<T: Input>(&self, new: bool) -> Result<ReadInput<T>, Refusal> {
        let mut faults = Vec::new();
        let mut json = |pointer: &str, text: &str| match text.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|error| {
                faults.push(Fault::new(pointer, format!("is not valid JSON: {error}")));
                Value::Null
            }),
        };
        let mut body = json!({
            "group": self.group, "title": self.title, "description": self.description,
            "schema": json("/schema", &self.schema), "example": json("/example", &self.example),
            "validation": self.validation,
        });
        if let (true, Some(fields)) = (new, body.as_object_mut()) {
            fields.insert("name".to_owned(), self.name.trim().into());
        }
        match faults.is_empty() {
            true => T::begin(body),
            false => Err(Refusal::invalid(faults)),
        }
    }
}

/// The form for a new one.
pub(in crate::http) async fn new(visit: Visit) -> PageResult {
    visit.no_query()?;
    let typed = visit.typed().await?.map(Draft::sent);
    let draft = typed.unwrap_or_else(|| Draft {
        validation: Validation::default().to_string(),
        ..Draft::default()
    });
    Ok(whole(&visit, None, &draft, None))
}

/// Adds it.
pub(in crate::http) async fn create(Submission(visit, form): Submission) -> PageResult {
    let (draft, by) = (Draft::sent(form), visit.cx().by());
    let made = async {
        let input = draft.read::<EventTypeInput>(true)?;
        event_types::create(visit.cx(), Making::by(&by), input).await
    };
    match made.await {
        Ok(made) => Ok(done(&made.name, "type-added")),
        Err(why) => Ok(whole(&visit, None, &draft, Some(&super::fixable(why)?))),
    }
}

/// The form for one that is there.
pub(in crate::http) async fn edit(visit: Visit) -> PageResult {
    visit.no_query()?;
    let known = event_types::show(visit.cx(), &visit.part::<String>("name")?).await?;
    let typed = visit.typed().await?.map(Draft::sent);
    let draft = typed.unwrap_or_else(|| Draft::of(&known));
    Ok(whole(&visit, Some(&known), &draft, None))
}

/// Changes it.
pub(in crate::http) async fn save(Submission(visit, form): Submission) -> PageResult {
    let known = event_types::show(visit.cx(), &visit.part::<String>("name")?).await?;
    let draft = Draft::sent(form);
    let changed = async {
        let patch = match known.builtin {
            true => EventTypePatch::begin(json!({ "validation": draft.validation })),
            false => draft.read(false),
        };
        event_types::change(visit.cx(), &known.name, patch?).await
    };
    match changed.await {
        Ok(_) => Ok(done(&known.name, "saved")),
        Err(why) => {
            let problem = super::fixable(why)?;
            Ok(whole(&visit, Some(&known), &draft, Some(&problem)))
        }
    }
}

/// Removes it.
pub(in crate::http) async fn delete(Submission(visit, _form): Submission) -> PageResult {
    event_types::remove(visit.cx(), &visit.part::<String>("name")?).await?;
    Ok(layout::go_to("/events?done=type-deleted").finish())
}

/// On to a type's page, which says what was done.
fn done(name: &str, what: &str) -> HttpResponse {
    layout::go_to(format!("{}?done={what}", super::path(name))).finish()
}

/// The page with the form.
fn whole(
    visit: &Visit,
    known: Option<&EventTypeView>,
    draft: &Draft,
    problem: Option<&ProblemDetails>,
) -> HttpResponse {
    let builtin = known.is_some_and(|known| known.builtin);
    let back = known.map_or("/events".to_owned(), |known| super::path(&known.name));
    let step = if known.is_some() { "edit" } else { "new" };
    let inputs = Inputs(problem);
    let body = html! {
        @if let Some(problem) = problem {
            p class="notice is-error" role="alert" { (problem.for_page().0) }
        }
        form class="form" method="post" action=(format!("{back}/{step}")) {
            (visit.csrf())
            @if known.is_none() {
                (inputs.field("name", "Name", &draft.name, None, "As in events and triggers, such as STORE_ORDER_CREATED."))
            }
            @if !builtin {
                (inputs.field("title", "Title", &draft.title, None, "A short name for people."))
                (inputs.field("group", "Group", &draft.group, None, "The heading under which it is listed."))
                (inputs.field("description", "Description", &draft.description, Some(3), "When it is published."))
                (inputs.field("schema", "JSON Schema", &draft.schema, Some(12), "What a payload looks like. May be empty."))
                (inputs.field("example", "Example", &draft.example, Some(8), "A payload that fits the schema. May be empty."))
            }
            fieldset aria-describedby="validation-error" {
                legend { "An event that does not fit the schema" }
                @for (mode, meaning) in [
                    (Validation::Warn, "is accepted with a warning"),
                    (Validation::Reject, "is refused"),
                    (Validation::Off, "is accepted: the schema is not applied"),
                ] {
                    @let id = format!("validation-{mode}");
                    div class="choice" {
                        input id=(id) type="radio" name="validation" value=(mode) checked[draft.validation == mode.as_str()];
                        label for=(id) { (meaning) }
                    }
                }
                (inputs.errors("validation"))
            }
            p class="actions" {
                button class="button primary" type="submit" { @if known.is_none() { "Add" } @else { "Save" } }
                a class="button" href=(back) { "Cancel" }
            }
        }
        @if let Some(known) = known.filter(|_| !builtin) {
            hr;
            section class="panel" {
                h2 { "Delete " (known.name) }
                p class="prose" {
                    "It can no longer be published. What was published stays, and triggers that name it stay as they are."
                }
                (visit.post(&format!("{}/delete", super::path(&known.name)), &format!("Delete {}", known.name), "button danger"))
            }
        }
    };
    let title = known.map(|known| format!("Edit {}", known.name));
    let title = title.as_deref().unwrap_or("Add an event type");
    let lead = match known {
        _ if builtin => "It is built in: only its validation can be changed, for this account.",
        Some(_) => "Changes apply at once, for everybody in this account.",
        None => "For events that are not in the catalogue.",
    };
    let status = problem.map_or(StatusCode::OK, |problem| problem.for_page().1);
    let page = visit.page(Nav::Events, title, lead).status(status);
    page.back(back, "Back").show(&body)
}

/// The inputs of the form, each with what is wrong with it.
struct Inputs<'a>(Option<&'a ProblemDetails>);

impl Inputs<'_> {
    fn faults(&self, name: &str) -> Vec<&Fault> {
        let faults = self.0.map(ProblemDetails::faults).unwrap_or_default();
        let field = format!("/{name}");
        let own = |fault: &&Fault| {
            let rest = fault.pointer.strip_prefix(&field);
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
                        p class="error" { (super::fault(within, &fault.detail)) }
                    }
                }
            }
        }
    }

    /// A field, of so many rows or of one line.
    fn field(&self, name: &str, label: &str, value: &str, rows: Option<u8>, help: &str) -> Markup {
        let wrong = !self.faults(name).is_empty();
        let described = match wrong {
            true => format!("{name}-help {name}-error"),
            false => format!("{name}-help"),
        };
        html! {
            div class="field" {
                label for=(name) { (label) }
                @if let Some(rows) = rows {
                    textarea id=(name) name=(name) rows=(rows) spellcheck="false" autocomplete="off"
                        aria-describedby=(described) aria-invalid=[wrong.then_some("true")] {
                        "\n" (value)
                    }
                } @else {
                    input id=(name) name=(name) value=(value) maxlength="200" autocomplete="off" spellcheck="false"
                        aria-describedby=(described) aria-invalid=[wrong.then_some("true")];
                }
                p class="help" id=(format!("{name}-help")) { (help) }
                (self.errors(name))
            }
        }
    }
}
