//! The settings of people: users, tokens, accounts and one's own profile. Here is what these pages
//! share: the tabs, the lists, the forms and their fields, and the question before something is
//! removed.

pub(in crate::http) mod accounts;
pub(in crate::http) mod profile;
pub(in crate::http) mod tokens;
pub(in crate::http) mod users;

use std::fmt::Display;

use actix_web::http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::prelude::*;
use super::wording;
use crate::domain::role::Role;
use crate::http::problem::Fault;

/// The place of the settings: admins get to the users, others to their own profile.
pub(in crate::http) async fn index(visit: Visit) -> PageResult {
    let people = visit.is_admin().then_some(users::LIST.path);
    Ok(layout::go_to(people.unwrap_or(profile::PATH)).finish())
}

/// The ways between the settings that somebody may see.
fn tabs(visit: &Visit, current: &str) -> Markup {
    let places = [
        (users::LIST.path, "Users", visit.is_admin()),
        (tokens::LIST.path, "Tokens", visit.is_admin()),
        (accounts::LIST.path, "Accounts", visit.caller.operator),
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

/// A list of the settings, and what the pages around it say.
struct SettingsList {
    /// What is in it, also in its cursors.
    name: &'static str,
    title: &'static str,
    /// Its address.
    path: &'static str,
    /// What it is for.
    lead: &'static str,
    /// The main action.
    add: &'static str,
    /// How one is removed: the last step of the address, the question, the button.
    removal: [&'static str; 3],
}

impl SettingsList {
    /// What the address says of the list.
    fn wanted<K>(&self, visit: &Visit) -> Result<PageRequest<'static, K>, ProblemDetails>
    where
        K: Serialize + DeserializeOwned,
    {
        let mut query = visit.query();
        let wanted = PageRequest::of_page(&mut query, self.name);
        query.finish()?;
        Ok(wanted)
    }

    /// The list, of which `rows` may have one row more.
    fn show<R, K: Serialize>(
        &self,
        visit: &Visit,
        wanted: &PageRequest<'_, K>,
        mut rows: Vec<R>,
        key: impl FnOnce(&R) -> K,
        table: impl FnOnce(&[R]) -> Markup,
    ) -> HttpResponse {
        let Self { name, path, .. } = self;
        let next = cut(&mut rows, wanted.limit, key);
        let next = next.map(|last| format!("{path}?cursor={}", cursor::encode(name, &last)));
        let first = wanted.after.as_ref().map(|_| *path);
        let body = html! {
            (tabs(visit, path))
            section id="list" { (table(&rows)) (ui::pager(next.as_deref(), first)) }
        };
        let action = html! { a class="button primary" href={ (path) "/new" } { (self.add) } };
        let page = visit.page(Nav::Settings, self.title, self.lead);
        page.action(action).show(&body)
    }

    /// Where one of them has its page.
    fn of(&self, id: impl Display) -> String {
        format!("{}/{id}", self.path)
    }

    /// A page beneath the list.
    fn page(
        &self,
        visit: &Visit,
        title: &str,
        refusal: &Refused,
        content: &Markup,
    ) -> HttpResponse {
        let body = html! { (tabs(visit, self.path)) (refusal.notice()) (content) };
        let page = visit.page(Nav::Settings, title, "");
        let page = page.back(self.path, self.title);
        page.status(refusal.status).show(&body)
    }

    /// The form to add one.
    fn adding(&self, visit: &Visit, refusal: &Refused, fields: &Markup, add: &str) -> HttpResponse {
        let body = html! {
            form class="form" method="post" action=(self.path) {
                (visit.csrf())
                (fields)
                div class="buttons" {
                    button class="button primary" type="submit" { (add) }
                    a class="button" href=(self.path) { "Cancel" }
                }
            }
        };
        self.page(visit, self.add, refusal, &body)
    }

    /// What is shown once of one that was made.
    fn made(&self, visit: &Visit, title: &str, content: &Markup) -> HttpResponse {
        let body = html! {
            div class="form" {
                (content)
                a class="button" href=(self.path) { "Back to the " (self.name) }
            }
        };
        self.page(visit, title, &Refused::default(), &body)
    }

    /// The question before one is removed: what will happen, and to what; perhaps with why it could
    /// not be done.
    fn question(
        &self,
        visit: &Visit,
        (path, name): (&str, &str),
        sentence: &Markup,
        refusal: &Refused,
    ) -> HttpResponse {
        let [step, title, button] = self.removal;
        let body = html! {
            (tabs(visit, self.path))
            (refusal.notice())
            div class="form" {
                p { (sentence) }
                form method="post" action={ (path) "/" (step) } {
                    (visit.csrf())
                    div class="buttons" {
                        button class="button danger primary" type="submit" { (button) }
                        a class="button" href=(path) { "Cancel" }
                    }
                }
            }
        };
        let page = visit.page(Nav::Settings, title, "").back(path, name);
        page.status(refusal.status).show(&body)
    }
}

/// On to a page, which says what was done.
fn done(path: &str, key: &str) -> PageResult {
    Ok(layout::go_to(format!("{path}?done={key}")).finish())
}

/// What was typed into these fields before the session ended; else what they hold.
async fn written<const N: usize>(
    visit: &Visit,
    fields: [(&str, &str); N],
) -> Result<[String; N], StoreError> {
    Ok(match visit.typed().await? {
        Some(mut form) => fields.map(|(name, _)| form.take(name)),
        None => fields.map(|(_, held)| held.to_owned()),
    })
}

/// The name of a role.
const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Publisher => "Publisher",
        Role::Viewer => "Viewer",
        Role::Admin => "Admin",
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
    /// Of what somebody can fix in the form; anything else has a page of its own.
    fn of(why: impl Into<ProblemDetails>) -> Result<Self, Trouble> {
        let problem = wording::problem(why);
        match problem.kind() {
            ProblemKind::Invalid | ProblemKind::Conflict | ProblemKind::TooMany => {}
            _ => return Err(problem.into()),
        }
        let (detail, status, _) = problem.for_page();
        let faults = problem.faults().to_vec();
        let sentence = faults.is_empty().then(|| detail.to_owned());
        Ok(Self {
            status,
            faults,
            sentence,
        })
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
struct FormField<'a> {
    name: &'a str,
    label: &'a str,
    /// What it takes, if it is not any text.
    kind: Option<&'a str>,
    value: &'a str,
    help: &'a str,
    most: usize,
    /// What browsers may fill in, if anything.
    autocomplete: Option<&'a str>,
    required: bool,
    focus: bool,
}

impl FormField<'_> {
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
                input id=(name) name=(name) type=(self.kind.unwrap_or("text")) value=(self.value)
                    maxlength=[(self.most > 0).then_some(self.most)]
                    autocomplete=(self.autocomplete.unwrap_or("off"))
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

/// The choice of a role, out of some.
fn roles(choices: &Markup, refusal: &Refused) -> Markup {
    html! {
        fieldset {
            legend { "Role" }
            (choices)
            @if let Some(detail) = refusal.detail("role") { p class="error" { (sentence(detail)) } }
        }
    }
}

/// One of them, with what it means.
fn choice(role: Role, chosen: &str, help: &str) -> Markup {
    html! {
        div class="choice" {
            input type="radio" id={ "role-" (role) } name="role" value=(role)
                checked[role.as_str() == chosen] required;
            label for={ "role-" (role) } { (role_name(role)) " " span class="muted" { (help) } }
        }
    }
}

/// A form that is sent with one button.
fn simple_form(
    visit: &Visit,
    action: &str,
    (class, button): (&str, &str),
    fields: &Markup,
) -> Markup {
    html! {
        form class="form" method="post" action=(action) {
            (visit.csrf())
            (fields)
            button class=(class) type="submit" { (button) }
        }
    }
}

/// A secret that is shown once, with a button that copies it.
fn once(id: &str, text: &str) -> Markup {
    html! {
        div class="code" {
            pre id=(id) class="once" tabindex="0" { (text) }
            (ui::copy(id))
        }
    }
}

/// Where no mail could be sent: a link that somebody must get in another way.
fn link_for(whom: &Markup, link: &str) -> Markup {
    html! {
        p {
            "No mail server is set, so no mail was sent. Give this link to " (whom)
            ": it is shown only once, works once, and expires after 7 days."
        }
        (once("link", link))
    }
}
