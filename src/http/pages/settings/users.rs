//! Who may sign in to an account: the list, inviting, changing, and taking away.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::{Input, Question, Refused, once, radios, tabs};
use crate::domain::cursor;
use crate::domain::email::MAX_EMAIL;
use crate::domain::id::UserId;
use crate::domain::role::UserRole;
use crate::http::page::{self, Wanted};
use crate::http::pages::frame::Nav;
use crate::http::pages::ui::{self, Tone};
use crate::http::pages::visit::{Look, Sent, Submission, Visit};
use crate::http::pages::{PageResult, Trouble, layout, query};
use crate::http::path::part;
use crate::http::shared::Shared;
use crate::service::Refusal;
use crate::service::callers::Who;
use crate::service::input::Input as _;
use crate::service::making::Making;
use crate::service::users::{self, UserInput, UserPatch};
use crate::store::user::{MAX_USER_NAME, User};

/// Where the list stands.
pub(super) const PATH: &str = "/settings/users";
/// The name of the list in its cursors.
const LIST: &str = "users";
const ROLES: &[(&str, &str, &str)] = &[
    (
        "viewer",
        "Viewer",
        "sees everything in this account, changes nothing",
    ),
    (
        "admin",
        "Admin",
        "changes webhooks, users and tokens as well",
    ),
];

/// The list.
pub(in crate::http) async fn list(Look(shared, visit, request): Look) -> PageResult {
    let mut query = query(&request);
    let wanted: Wanted<UserId> = Wanted::of_page(&mut query, LIST);
    query.finish()?;
    let (directory, account) = (&shared.directory, visit.account);
    let mut rows = users::list(directory, account, wanted.after, wanted.rows()).await?;
    let next = page::cut(&mut rows, wanted.limit, |row| row.id);
    let next = next.map(|last| format!("{PATH}?cursor={}", cursor::encode(LIST, &last)));
    let first = wanted.after.map(|_| PATH);
    let body = html! {
        (tabs(&visit, PATH))
        section id="list" {
            table class="list" {
                thead { tr {
                    th scope="col" { "E-mail" } th scope="col" { "Name" } th scope="col" { "Role" }
                    th scope="col" { "State" } th scope="col" { "Last sign-in" } th scope="col" { "Added" }
                } }
                tbody { @for row in &rows { (line(&visit, row)) } }
            }
            (ui::pager(next.as_deref(), first))
        }
    };
    let action =
        html! { a class="button primary" href=(format!("{PATH}/new")) { "Invite a user" } };
    let lead = "Who may sign in to this account's pages.";
    Ok(visit
        .page(Nav::Settings, "Users", lead)
        .action(action)
        .show(&body))
}

fn line(visit: &Visit, row: &User) -> Markup {
    html! {
        tr {
            td data-label="E-mail" {
                span {
                    a class="row" href=(format!("{PATH}/{}", row.id)) { (row.email) }
                    @if is_oneself(visit, row.id) { " " span class="muted" { "(you)" } }
                }
            }
            td data-label="Name" { (row.name) }
            td data-label="Role" { (role(row.role)) }
            td data-label="State" { (state(row)) }
            td data-label="Last sign-in" {
                @match row.last_sign_in_at {
                    Some(at) => { (visit.reader.ago(at)) }
                    None => { span class="muted" { "never" } }
                }
            }
            td data-label="Added" { (visit.reader.ago(row.created_at)) }
        }
    }
}

const fn role(role: UserRole) -> &'static str {
    match role {
        UserRole::Viewer => "Viewer",
        UserRole::Admin => "Admin",
    }
}

fn state(user: &User) -> Markup {
    if user.disabled_at.is_some() {
        ui::badge(Tone::Off, "Disabled")
    } else if user.password_set {
        ui::badge(Tone::Sent, "Active")
    } else {
        ui::badge(Tone::Wait, "Invited")
    }
}

fn is_oneself(visit: &Visit, id: UserId) -> bool {
    matches!(&visit.caller.who, Who::User(session) if session.user() == id)
}

/// The form to invite somebody.
pub(in crate::http) async fn new(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let typed = visit.typed(&shared, &request).await?;
    let typed = typed.map(|mut form| ["email", "name", "role"].map(|it| form.take(it)));
    let [email, name, role] = typed.unwrap_or_else(|| ["", "", "viewer"].map(str::to_owned));
    let written = [email.as_str(), &name, &role];
    Ok(invitation(&visit, written, &Refused::default()))
}

fn invitation(visit: &Visit, [email, name, role]: [&str; 3], refusal: &Refused) -> HttpResponse {
    let body = html! {
        (tabs(visit, PATH))
        (refusal.notice())
        form class="form" method="post" action=(PATH) {
            (visit.csrf())
            (Input {
                name: "email", label: "E-mail", kind: "email", value: email, most: MAX_EMAIL,
                autocomplete: "off", required: true, focus: true,
                help: "A mail brings them a link to set their password; it works once, within 7 days.",
            }.show(refusal))
            (Input {
                name: "name", label: "Name", kind: "text", value: name, most: MAX_USER_NAME,
                autocomplete: "off", help: "What people call them; may be left empty.",
                ..Input::default()
            }.show(refusal))
            (radios("role", "Role", role, ROLES, refusal))
            div class="buttons" {
                button class="button primary" type="submit" { "Invite" }
                a class="button" href=(PATH) { "Cancel" }
            }
        }
    };
    let page = visit
        .page(Nav::Settings, "Invite a user", "")
        .back(PATH, "Users");
    page.status(refusal.status).show(&body)
}

/// Invites.
pub(in crate::http) async fn invite(shared: Data<Shared>, submission: Submission) -> PageResult {
    let Submission { visit, mut form } = submission;
    let [email, name, role] = ["email", "name", "role"].map(|it| form.take(it));
    let made = async {
        let input = json!({ "email": email.trim(), "name": name, "role": role });
        let input = UserInput::read(input)?;
        let by = visit.caller.actor();
        users::invite(&shared.directory, visit.account, Making::by(&by), input).await
    };
    match made.await {
        Ok((_, None)) => Ok(layout::go_to(format!("{PATH}?done=user-invited")).finish()),
        Ok((made, Some(link))) => {
            let page = format!("{PATH}/{}", made.id);
            visit.hand_over(&shared, &page, &link).await
        }
        Err(problem) => {
            let refusal = Refused::of(problem)?;
            Ok(invitation(&visit, [&email, &name, &role], &refusal))
        }
    }
}

/// Where no mail could be sent, who invites hands the link over.
fn handed_over(visit: &Visit, made: &User, link: &str) -> HttpResponse {
    let body = html! {
        (tabs(visit, PATH))
        div class="form" {
            p {
                "No mail server is set, so that no mail was sent. Hand this link over to "
                strong { (made.email) } ": it is shown this once, works once, and within 7 days."
            }
            (once("link", link))
            a class="button" href=(PATH) { "To the users" }
        }
    };
    let title = "The user was added";
    visit
        .page(Nav::Settings, title, "")
        .back(PATH, "Users")
        .show(&body)
}

/// One user.
pub(in crate::http) async fn show(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let user = found(&shared, &visit, &request).await?;
    if let Some(link) = visit.handed_over(&shared, &request).await? {
        return Ok(handed_over(&visit, &user, &link));
    }
    let typed = visit.typed(&shared, &request).await?;
    let typed = typed.map(|mut form| ["name", "role"].map(|it| form.take(it)));
    let [name, role] = typed.unwrap_or_else(|| [user.name.clone(), user.role.as_str().to_owned()]);
    Ok(detail(&visit, &user, &name, &role, &Refused::default()))
}

async fn found(shared: &Shared, visit: &Visit, request: &HttpRequest) -> Result<User, Trouble> {
    let id = part(request, "id")?;
    Ok(users::show(&shared.directory, visit.account, id).await?)
}

fn detail(visit: &Visit, user: &User, name: &str, chosen: &str, refusal: &Refused) -> HttpResponse {
    let path = format!("{PATH}/{}", user.id);
    let oneself = is_oneself(visit, user.id);
    let reader = &visit.reader;
    let body = html! {
        (tabs(visit, PATH))
        (refusal.notice())
        dl class="facts" {
            dt { "State" } dd {
                (state(user))
                @if !user.password_set && user.disabled_at.is_none() {
                    " " span class="muted" { "No password was set yet. A link that lapsed is renewed at " }
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
            dt { "Id" } dd { code id="user-id" { (user.id) } " " (ui::copy("user-id")) }
        }
        p { a href=(activity_of(user)) { "What they did" } }
        form class="form" method="post" action=(path) {
            (visit.csrf())
            (Input {
                name: "name", label: "Name", kind: "text", value: name, most: MAX_USER_NAME,
                autocomplete: "off", ..Input::default()
            }.show(refusal))
            @if oneself {
                p class="help" { "You are " (role(user.role)) ". Another admin can change that, or take you away." }
            } @else { (radios("role", "Role", chosen, ROLES, refusal)) }
            button class="button primary" type="submit" { "Save" }
        }
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
    let page = visit
        .page(Nav::Settings, user.email.as_str(), "")
        .back(PATH, "Users");
    page.status(refusal.status).show(&body)
}

fn activity_of(user: &User) -> String {
    let pair = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("user", user.email.as_str())
        .finish();
    format!("/activity?{pair}")
}

/// Changes name and role.
pub(in crate::http) async fn change(Sent(shared, submission, request): Sent) -> PageResult {
    let Submission { visit, mut form } = submission;
    let user = found(&shared, &visit, &request).await?;
    let mut body = Map::new();
    for field in ["name", "role"] {
        if form.has(field) {
            body.insert(field.to_owned(), form.take(field).into());
        }
    }
    let text = |field: &str| {
        body.get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (name, role) = (text("name"), text("role"));
    match altered(&shared, &visit, user.id, Value::Object(body)).await {
        Ok(_) => Ok(layout::go_to(format!("{PATH}/{}?done=user-saved", user.id)).finish()),
        Err(problem) => Ok(detail(&visit, &user, &name, &role, &Refused::of(problem)?)),
    }
}

/// Ends somebody's sessions and keeps them out.
pub(in crate::http) async fn disable(Sent(shared, submission, request): Sent) -> PageResult {
    switch(&shared, &submission.visit, &request, true).await
}

/// Lets somebody in again.
pub(in crate::http) async fn enable(Sent(shared, submission, request): Sent) -> PageResult {
    switch(&shared, &submission.visit, &request, false).await
}

async fn altered(
    shared: &Shared,
    visit: &Visit,
    id: UserId,
    changes: Value,
) -> Result<User, Refusal> {
    let patch = UserPatch::read(changes)?;
    let by = visit.caller.actor();
    users::change(&shared.directory, visit.account, id, &by, patch).await
}

async fn switch(shared: &Shared, visit: &Visit, request: &HttpRequest, off: bool) -> PageResult {
    let user = found(shared, visit, request).await?;
    let done = if off { "user-disabled" } else { "user-enabled" };
    match altered(shared, visit, user.id, json!({ "disabled": off })).await {
        Ok(_) => Ok(layout::go_to(format!("{PATH}/{}?done={done}", user.id)).finish()),
        Err(problem) => {
            let refusal = Refused::of(problem)?;
            Ok(detail(
                visit,
                &user,
                &user.name,
                user.role.as_str(),
                &refusal,
            ))
        }
    }
}

/// Asks whether a user is to be removed.
pub(in crate::http) async fn ask_removal(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let user = found(&shared, &visit, &request).await?;
    Ok(removal(&visit, &user, &Refused::default()))
}

fn removal(visit: &Visit, user: &User, refusal: &Refused) -> HttpResponse {
    let path = format!("{PATH}/{}", user.id);
    let question = Question {
        title: "Remove a user?",
        sentence: html! {
            strong { (user.email) } " cannot sign in any more, and their sessions end at once. What they did "
            "stays in the activity log. They can be invited again."
        },
        action: &format!("{path}/remove"),
        button: "Remove the user",
        cancel: &path,
        back: (&path, user.email.as_str()),
        tab: PATH,
    };
    question.ask(visit, refusal)
}

/// Removes a user.
pub(in crate::http) async fn remove(Sent(shared, submission, request): Sent) -> PageResult {
    let visit = submission.visit;
    let user = found(&shared, &visit, &request).await?;
    let by = visit.caller.actor();
    match users::remove(&shared.directory, visit.account, user.id, &by).await {
        Ok(()) => Ok(layout::go_to(format!("{PATH}?done=user-removed")).finish()),
        Err(problem) => Ok(removal(&visit, &user, &Refused::of(problem)?)),
    }
}
