//! The settings of people: users, tokens, accounts and oneself. Here stands what these pages
//! share: the tabs, the fields of their forms, and the question before something is taken away.

pub(in crate::http) mod accounts;
pub(in crate::http) mod profile;
pub(in crate::http) mod tokens;
pub(in crate::http) mod users;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use maud::{Markup, html};

use super::frame::Nav;
use super::layout;
use super::trouble::Trouble;
use super::visit::Visit;
use super::{PageResult, ui};
use crate::http::problem::{Fault, Kind, Problem};

/// The place of the settings: who may gets the people, others themselves.
pub(in crate::http) async fn index(visit: Visit) -> PageResult {
    let to = if visit.is_admin() {
        users::PATH
    } else {
        profile::PATH
    };
    Ok(layout::go_to(to).finish())
}

/// The ways between the settings that somebody may see.
fn tabs(visit: &Visit, current: &str) -> Markup {
    let places = [
        (users::PATH, "Users", visit.is_admin()),
        (tokens::PATH, "Tokens", visit.is_admin()),
        (accounts::PATH, "Accounts", visit.caller.operator),
        (profile::PATH, "Profile", true),
    ];
    html! {
        nav aria-label="Settings" {
            ul class="tabs" {
                @for (href, name, _) in places.iter().filter(|(_, _, seen)| *seen) {
                    li { a href=(href) aria-current=[(*href == current).then_some("page")] { (name) } }
                }
            }
        }
    }
}

/// What was refused: beside the fields, or above the form.
#[derive(Default)]
struct Refused {
    status: StatusCode,
    faults: Vec<Fault>,
    sentence: Option<String>,
}

impl Refused {
    /// Of what somebody can mend in the form; anything else has a page of its own.
    fn of(why: impl Into<Problem>) -> Result<Self, Trouble> {
        let problem: Problem = why.into();
        let status = problem.status_code();
        match problem.kind() {
            Kind::Invalid | Kind::Conflict | Kind::TooMany => {
                let faults = problem.faults().to_vec();
                let sentence = faults.is_empty().then(|| problem.to_string());
                Ok(Self {
                    status,
                    faults,
                    sentence,
                })
            }
            _ => Err(problem.into()),
        }
    }

    /// What is wrong as a whole.
    fn notice(&self) -> Markup {
        html! {
            @if let Some(sentence) = &self.sentence {
                p class="notice is-error" role="alert" { (sentence) }
            }
        }
    }

    fn detail(&self, name: &str) -> Option<&str> {
        // A fault of one entry of a list is one of the field that holds all of them.
        let of_field = |fault: &&Fault| fault.pointer.split('/').nth(1) == Some(name);
        Some(self.faults.iter().find(of_field)?.detail.as_str())
    }
}

/// A field of a form: a line of text.
#[derive(Default)]
struct Input<'a> {
    name: &'a str,
    label: &'a str,
    kind: &'a str,
    value: &'a str,
    help: &'a str,
    most: usize,
    autocomplete: &'a str,
    required: bool,
    focus: bool,
}

impl Input<'_> {
    /// The field with its help and what is wrong with it.
    fn show(&self, refusal: &Refused) -> Markup {
        let name = self.name;
        let wrong = refusal.detail(name);
        let described = [
            wrong.map(|_| format!("{name}-error")),
            (!self.help.is_empty()).then(|| format!("{name}-help")),
        ];
        let described: Vec<String> = described.into_iter().flatten().collect();
        let described = (!described.is_empty()).then(|| described.join(" "));
        html! {
            div class="field" {
                label for=(name) { (self.label) }
                input id=(name) name=(name) type=(self.kind) value=(self.value)
                    maxlength=[(self.most > 0).then_some(self.most)] autocomplete=(self.autocomplete)
                    required[self.required] autofocus[self.focus] spellcheck="false"
                    aria-invalid=[wrong.map(|_| "true")] aria-describedby=[described];
                @if let Some(detail) = wrong {
                    p class="error" id=(format!("{name}-error")) { (sentence(detail)) }
                }
                @if !self.help.is_empty() { p class="help" id=(format!("{name}-help")) { (self.help) } }
            }
        }
    }
}

/// What is wrong with a field, as a sentence.
fn sentence(detail: &str) -> String {
    if detail == "is missing" {
        return "Fill this in.".to_owned();
    }
    let end = if detail.ends_with('.') { "" } else { "." };
    format!("It {detail}{end}")
}

/// A choice of one of several, each with what it means.
fn radios(
    name: &str,
    legend: &str,
    chosen: &str,
    choices: &[(&str, &str, &str)],
    refusal: &Refused,
) -> Markup {
    html! {
        fieldset {
            legend { (legend) }
            @for (value, words, help) in choices {
                @let id = format!("{name}-{value}");
                div class="choice" {
                    input type="radio" id=(id) name=(name) value=(value) checked[*value == chosen] required;
                    label for=(id) { (words) " " span class="muted" { (help) } }
                }
            }
            @if let Some(detail) = refusal.detail(name) { p class="error" { (sentence(detail)) } }
        }
    }
}

/// The question before something is taken away: what will happen, and to what.
struct Question<'a> {
    title: &'a str,
    sentence: Markup,
    action: &'a str,
    button: &'a str,
    cancel: &'a str,
    back: (&'a str, &'a str),
    tab: &'a str,
}

impl Question<'_> {
    /// The page, perhaps with why it could not be done.
    fn ask(&self, visit: &Visit, refusal: &Refused) -> HttpResponse {
        let body = html! {
            (tabs(visit, self.tab))
            (refusal.notice())
            div class="form" {
                p { (self.sentence) }
                form method="post" action=(self.action) {
                    (visit.csrf())
                    div class="buttons" {
                        button class="button danger primary" type="submit" { (self.button) }
                        a class="button" href=(self.cancel) { "Cancel" }
                    }
                }
            }
        };
        let (href, name) = self.back;
        let page = visit.page(Nav::Settings, self.title, "").back(href, name);
        page.status(refusal.status).show(&body)
    }
}

/// A secret that is shown this once, with a button that copies it.
fn once(id: &str, text: &str) -> Markup {
    html! {
        div class="code" {
            pre id=(id) class="once" tabindex="0" { (text) }
            (ui::copy(id))
        }
    }
}
