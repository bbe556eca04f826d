//! Who may sign in to an account: the list, inviting, changing, and removing.

use serde_json::{Map, Value, json};

use super::{
    FormField, Refused, SettingsList, choice, done, link_for, role_name, roles, simple_form,
    written,
};
use crate::domain::email::MAX_EMAIL;
use crate::domain::id::UserId;
use crate::domain::role::Role;
use crate::http::pages::prelude::*;
use crate::service::callers::Who;
use crate::service::users::{self, UserInput, UserPatch};
use crate::store::user::{MAX_USER_NAME, User};

/// The users of an account.
pub(super) const LIST: SettingsList = SettingsList {
    name: "users",
    title: "Users",
    path: "/settings/users",
    lead: "Who can sign in to this account's pages.",
    add: "Invite a user",
    removal: ["remove", "Remove a user?", "Remove the user"],
};

pub(in crate::http) async fn list(visit: Visit) -> PageResult {
    let wanted: PageRequest<UserId> = LIST.wanted(&visit)?;
    let (directory, account) = (&visit.shared.directory, visit.account);
    let rows = users::list(directory, account, wanted.after, wanted.rows()).await?;
    let heads = ["E-mail", "Name", "Role", "State", "Last sign-in", "Added"];
    let table = |rows: &[User]| ui::table(heads, rows.iter().map(|row| cells(&visit, row)));
    Ok(LIST.show(&visit, &wanted, rows, |row| row.id, table))
}

fn cells(visit: &Visit, row: &User) -> [Markup; 6] {
    let last_sign_in = row.last_sign_in_at.map(|at| visit.reader.ago(at));
    [
        html! {
            span {
                a class="row" href=(LIST.of(row.id)) { (row.email) }
                @if is_oneself(visit, row.id) { " " span class="muted" { "(you)" } }
            }
        },
        html! { (row.name) },
        html! { (role_name(row.role.into())) },
        state(row),
        last_sign_in.unwrap_or_else(|| html! { span class="muted" { "never" } }),
        visit.reader.ago(row.created_at),
    ]
}

fn state(user: &User) -> Markup {
    match user.disabled_at {
        Some(_) => ui::badge(Tone::Off, "Disabled"),
        None if user.password_set => ui::badge(Tone::Sent, "Active"),
        None => ui::badge(Tone::Wait, "Invited"),
    }
}

fn is_oneself(visit: &Visit, id: UserId) -> bool {
    matches!(&visit.caller.who, Who::User(session) if session.user() == id)
}

/// The form to invite somebody.
pub(in crate::http) async fn new(visit: Visit) -> PageResult {
    visit.no_query()?;
    let held = [("email", ""), ("name", ""), ("role", "viewer")];
    let [email, name, role] = written(&visit, held).await?;
    let refusal = Refused::default();
    Ok(invitation(&visit, [&email, &name, &role], &refusal))
}

fn invitation(visit: &Visit, [email, name, role]: [&str; 3], refusal: &Refused) -> HttpResponse {
    let fields = html! {
        (FormField {
            name: "email", label: "E-mail", kind: Some("email"), value: email, most: MAX_EMAIL,
            required: true, focus: true,
            help: "A mail brings them a link to set their password; it works once, within 7 days.",
            ..FormField::default()
        }.show(refusal))
        (FormField {
            name: "name", label: "Name", value: name, most: MAX_USER_NAME,
            help: "What people call them. Optional.", ..FormField::default()
        }.show(refusal))
        (role_choice(role, refusal))
    };
    LIST.adding(visit, refusal, &fields, "Invite")
}

fn role_choice(chosen: &str, refusal: &Refused) -> Markup {
    let choices = html! {
        (choice(Role::Viewer, chosen, "sees everything in this account, changes nothing"))
        (choice(Role::Admin, chosen, "changes webhooks, users and tokens as well"))
    };
    roles(&choices, refusal)
}

pub(in crate::http) async fn invite(Submission(visit, mut form): Submission) -> PageResult {
    let [email, name, role] = ["email", "name", "role"].map(|it| form.take(it));
    let made = async {
        let input = json!({ "email": email.trim(), "name": name, "role": role });
        let (input, by) = (UserInput::read(input)?, visit.cx().by());
        let directory = &visit.shared.directory;
        users::invite(directory, visit.account, Making::by(&by), input).await
    };
    match made.await {
        Ok((_, None)) => done(LIST.path, "user-invited"),
        Ok((made, Some(link))) => visit.hand_over(&LIST.of(made.id), &link).await,
        Err(problem) => {
            let refusal = Refused::of(problem)?;
            Ok(invitation(&visit, [&email, &name, &role], &refusal))
        }
    }
}

/// One user.
pub(in crate::http) async fn show(visit: Visit) -> PageResult {
    visit.no_query()?;
    let user = found(&visit).await?;
    if let Some(link) = visit.handed_over().await? {
        let content = link_for(&html! { strong { (user.email) } }, &link);
        return Ok(LIST.made(&visit, "The user was added", &content));
    }
    let held = [("name", user.name.as_str()), ("role", user.role.as_str())];
    let [name, role] = written(&visit, held).await?;
    Ok(detail(&visit, &user, [&name, &role], &Refused::default()))
}

async fn found(visit: &Visit) -> Result<User, Trouble> {
    Ok(users::show(&visit.shared.directory, visit.account, visit.part("id")?).await?)
}

fn detail(visit: &Visit, user: &User, [name, role]: [&str; 2], refusal: &Refused) -> HttpResponse {
    let path = LIST.of(user.id);
    let oneself = is_oneself(visit, user.id);
    let reader = &visit.reader;
    let activity = FilterBar::new("/activity").href_with("user", user.email.as_str());
    let fields = html! {
        (FormField {
            name: "name", label: "Name", value: name, most: MAX_USER_NAME, ..FormField::default()
        }.show(refusal))
        @if oneself {
            p class="help" {
                "You are " (role_name(user.role.into()))
                ". Another admin can change that, or remove you."
            }
        } @else { (role_choice(role, refusal)) }
    };
    let body = html! {
        dl class="facts" {
            dt { "State" } dd {
                (state(user))
                @if !user.password_set && user.disabled_at.is_none() {
                    " " span class="muted" { "No password was set yet. If the link has expired, get a new one at " }
                    a href="/reset" { "Forgotten your password?" } "."
                }
            }
            dt { "Last sign-in" } dd {
                @match user.last_sign_in_at {
                    Some(at) => { (reader.at(at)) " (" (reader.ago(at)) ")" }
                    None => { "never" }
                }
            }
            dt { "Added" } dd { (reader.at(user.created_at)) }
            dt { "ID" } dd { code id="user-id" { (user.id) } " " (ui::copy("user-id")) }
        }
        p { a href=(activity) { "Their activity" } }
        (simple_form(visit, &path, ("button primary", "Save"), &fields))
        @if !oneself {
            hr;
            div class="buttons" {
                @if user.disabled_at.is_some() {
                    (visit.post(&format!("{path}/enable"), "Let them sign in again", "button"))
                } @else {
                    (visit.post(&format!("{path}/disable"), "Disable", "button"))
                    span class="muted" { "Ends their sessions at once; they cannot sign in until enabled." }
                }
            }
            div class="buttons apart" {
                a class="button danger" href=(format!("{path}/remove")) { "Remove…" }
                span class="muted" { "What they did stays in the activity log." }
            }
        }
    };
    LIST.page(visit, user.email.as_str(), refusal, &body)
}

/// Changes name and role.
pub(in crate::http) async fn change(Submission(visit, mut form): Submission) -> PageResult {
    let user = found(&visit).await?;
    let mut changes = Map::new();
    let [name, role] = ["name", "role"].map(|field| {
        let given = form.take(field);
        if form.has(field) {
            changes.insert(field.to_owned(), given.clone().into());
        }
        given
    });
    alter(&visit, &user, "user-saved", changes.into(), [&name, &role]).await
}

/// Ends somebody's sessions and keeps them out.
pub(in crate::http) async fn disable(Submission(visit, _): Submission) -> PageResult {
    switch(&visit, "user-disabled", true).await
}

/// Lets somebody in again.
pub(in crate::http) async fn enable(Submission(visit, _): Submission) -> PageResult {
    switch(&visit, "user-enabled", false).await
}

async fn switch(visit: &Visit, key: &str, off: bool) -> PageResult {
    let user = found(visit).await?;
    let shown = [user.name.as_str(), user.role.as_str()];
    alter(visit, &user, key, json!({ "disabled": off }), shown).await
}

async fn alter(
    visit: &Visit,
    user: &User,
    key: &str,
    changes: Value,
    shown: [&str; 2],
) -> PageResult {
    let changed = async {
        let (patch, by) = (UserPatch::read(changes)?, visit.cx().by());
        users::change(&visit.shared.directory, visit.account, user.id, &by, patch).await
    };
    match changed.await {
        Ok(_) => done(&LIST.of(user.id), key),
        Err(problem) => Ok(detail(visit, user, shown, &Refused::of(problem)?)),
    }
}

/// Asks whether a user is to be removed.
pub(in crate::http) async fn ask_removal(visit: Visit) -> PageResult {
    visit.no_query()?;
    let user = found(&visit).await?;
    Ok(removal(&visit, &user, &Refused::default()))
}

fn removal(visit: &Visit, user: &User, refusal: &Refused) -> HttpResponse {
    let sentence = html! {
        strong { (user.email) } " cannot sign in any more, and their sessions end at once. What they did "
        "stays in the activity log. They can be invited again."
    };
    let path = LIST.of(user.id);
    LIST.question(visit, (&path, user.email.as_str()), &sentence, refusal)
}

/// Removes a user.
pub(in crate::http) async fn remove(Submission(visit, _): Submission) -> PageResult {
    let user = found(&visit).await?;
    let by = visit.cx().by();
    match users::remove(&visit.shared.directory, visit.account, user.id, &by).await {
        Ok(()) => done(LIST.path, "user-removed"),
        Err(problem) => Ok(removal(&visit, &user, &Refused::of(problem)?)),
    }
}
