//! The tokens of an account: the list, making one (its text is shown once), changing, revoking.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::{Input, Question, Refused, once, radios, tabs};
use crate::domain::cursor;
use crate::domain::id::TokenId;
use crate::domain::role::Role;
use crate::http::page::{self, Wanted};
use crate::http::pages::form::Form;
use crate::http::pages::frame::Nav;
use crate::http::pages::ui::{self, Tone};
use crate::http::pages::visit::{Look, Sent, Submission, Visit};
use crate::http::pages::{PageResult, Trouble, layout, query};
use crate::http::path::part;
use crate::http::shared::Shared;
use crate::service::input::Input as _;
use crate::service::making::Making;
use crate::service::tokens::{self, MAX_TITLE, TokenInput, TokenPatch};
use crate::store::token::Token;

/// Where the list stands.
pub(super) const PATH: &str = "/settings/tokens";
/// The name of the list in its cursors.
const LIST: &str = "tokens";
const ROLES: &[(&str, &str, &str)] = &[
    (
        "publisher",
        "Publisher",
        "publishes events, records activities, sends mails",
    ),
    ("viewer", "Viewer", "reads everything in this account"),
    (
        "admin",
        "Admin",
        "may do all of this, and change webhooks, users and tokens",
    ),
];

/// The list.
pub(in crate::http) async fn list(Look(shared, visit, request): Look) -> PageResult {
    let mut query = query(&request);
    let wanted: Wanted<TokenId> = Wanted::of_page(&mut query, LIST);
    query.finish()?;
    let (directory, account) = (&shared.directory, visit.caller.account);
    let mut rows = tokens::list(directory, account, wanted.after, wanted.rows()).await?;
    let next = page::cut(&mut rows, wanted.limit, |row| row.id);
    let next = next.map(|last| format!("{PATH}?cursor={}", cursor::encode(LIST, &last)));
    let first = wanted.after.map(|_| PATH);
    let body = html! {
        (tabs(&visit, PATH))
        section id="list" {
            @if rows.is_empty() {
                @let next = html! { a href=(format!("{PATH}/new")) { "Make a token" } };
                (ui::empty("There is no token: an application needs one to publish events.", &next))
            } @else { (table(&visit, &rows)) }
            (ui::pager(next.as_deref(), first))
        }
    };
    let action = html! { a class="button primary" href=(format!("{PATH}/new")) { "Make a token" } };
    let lead = "By which applications use this account over the API.";
    Ok(visit
        .page(Nav::Settings, "Tokens", lead)
        .action(action)
        .show(&body))
}

fn table(visit: &Visit, rows: &[Token]) -> Markup {
    html! {
        table class="list" {
            thead { tr {
                th scope="col" { "Title" } th scope="col" { "Role" } th scope="col" { "State" }
                th scope="col" { "Limit" } th scope="col" { "Created" }
            } }
            tbody {
                @for row in rows {
                    tr {
                        td data-label="Title" {
                            a class="row" href=(format!("{PATH}/{}", row.id)) { (title(row)) }
                        }
                        td data-label="Role" { (role(row.role)) }
                        td data-label="State" { (state(row)) }
                        td data-label="Limit" { (limit(row.rate_limit)) }
                        td data-label="Created" { (visit.reader.ago(row.created_at)) }
                    }
                }
            }
        }
    }
}

fn title(token: &Token) -> &str {
    match token.title.as_str() {
        "" => "Without a title",
        title => title,
    }
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Publisher => "Publisher",
        Role::Viewer => "Viewer",
        Role::Admin => "Admin",
    }
}

fn limit(limit: Option<i32>) -> String {
    match limit {
        None => "By the settings".to_owned(),
        Some(0) => "None".to_owned(),
        Some(1) => "1 request a second".to_owned(),
        Some(limit) => format!("{limit} requests a second"),
    }
}

/// What somebody wrote into the form, or what is there.
struct Written {
    title: String,
    role: String,
    rate_limit: String,
}

impl Written {
    fn of(token: &Token) -> Self {
        Self {
            title: token.title.clone(),
            role: token.role.to_string(),
            rate_limit: token
                .rate_limit
                .map(|it| it.to_string())
                .unwrap_or_default(),
        }
    }

    fn take(form: &mut Form) -> Self {
        let [title, role, rate_limit] = ["title", "role", "rate_limit"].map(|it| form.take(it));
        Self {
            title,
            role,
            rate_limit,
        }
    }

    /// As an input. What is no number is left as it is, for the input to refuse.
    fn value(&self) -> Value {
        let limit = match self.rate_limit.trim() {
            "" => Value::Null,
            text => text
                .parse::<i64>()
                .map_or_else(|_no_number| text.into(), Value::from),
        };
        json!({ "title": self.title, "role": self.role, "rate_limit": limit })
    }
}

fn state(token: &Token) -> Markup {
    if token.revoked_at.is_some() {
        ui::badge(Tone::Off, "Revoked")
    } else {
        ui::badge(Tone::Sent, "In force")
    }
}

/// The form to make one.
pub(in crate::http) async fn new(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let written = match visit.typed(&shared, &request).await? {
        Some(mut typed) => Written::take(&mut typed),
        None => Written {
            title: String::new(),
            role: "publisher".to_owned(),
            rate_limit: String::new(),
        },
    };
    Ok(form_for_new(&visit, &written, &Refused::default()))
}

fn form_for_new(visit: &Visit, written: &Written, refusal: &Refused) -> HttpResponse {
    let body = html! {
        (tabs(visit, PATH))
        (refusal.notice())
        form class="form" method="post" action=(PATH) {
            (visit.csrf())
            (fields(written, refusal, true))
            div class="buttons" {
                button class="button primary" type="submit" { "Make the token" }
                a class="button" href=(PATH) { "Cancel" }
            }
        }
    };
    let page = visit
        .page(Nav::Settings, "Make a token", "")
        .back(PATH, "Tokens");
    page.status(refusal.status).show(&body)
}

fn fields(written: &Written, refusal: &Refused, focus: bool) -> Markup {
    html! {
        (Input {
            name: "title", label: "Title", kind: "text", value: &written.title, most: MAX_TITLE,
            autocomplete: "off", required: true, focus,
            help: "What uses it, so that you know later what stops when it is revoked.",
        }.show(refusal))
        (radios("role", "Role", &written.role, ROLES, refusal))
        (Input {
            name: "rate_limit", label: "Requests a second", kind: "text",
            value: &written.rate_limit, most: 7, autocomplete: "off", required: false,
            focus: false,
            help: "At most, at each daemon. Empty: what the operator's settings say; 0: any number.",
        }.show(refusal))
    }
}

/// Makes one; its page shows its text once.
pub(in crate::http) async fn make(shared: Data<Shared>, submission: Submission) -> PageResult {
    let Submission { visit, mut form } = submission;
    let written = Written::take(&mut form);
    let made = async {
        let input = TokenInput::read(written.value())?;
        let (account, by) = (visit.caller.account, visit.caller.actor());
        tokens::create(&shared.directory, account, Making::by(&by), input).await
    };
    match made.await {
        Ok((made, text)) => {
            let page = format!("{PATH}/{}", made.id);
            visit
                .hand_over(&shared, &page, &text.unwrap_or_default())
                .await
        }
        Err(problem) => Ok(form_for_new(&visit, &written, &Refused::of(problem)?)),
    }
}

fn made_known(shared: &Shared, visit: &Visit, made: &Token, text: &str) -> HttpResponse {
    let base = shared.sessions.site.base();
    let line = match made.role {
        Role::Viewer => format!("curl {base}/v1/deliveries -H 'Authorization: Bearer {text}'"),
        Role::Publisher | Role::Admin => format!(
            "curl {base}/v1/events -H 'Authorization: Bearer {text}' \\\n  \
             -H 'Content-Type: application/json' -d '{{\"event_type\":\"STORE_ORDER_CREATED\"}}'"
        ),
    };
    let body = html! {
        (tabs(visit, PATH))
        div class="form" {
            p class="notice is-wait" { "Copy it now: it is shown this once and kept nowhere." }
            h2 { "The token" }
            (once("token", text))
            h2 { "Try it" }
            (ui::code("token-line", &line))
            a class="button" href=(PATH) { "To the tokens" }
        }
    };
    let title = format!("The token “{}” was made", made.title);
    visit
        .page(Nav::Settings, &title, "")
        .back(PATH, "Tokens")
        .show(&body)
}

async fn found(shared: &Shared, visit: &Visit, request: &HttpRequest) -> Result<Token, Trouble> {
    let id: TokenId = part(request, "id")?;
    Ok(tokens::show(&shared.directory, visit.caller.account, id).await?)
}

/// One token.
pub(in crate::http) async fn show(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let token = found(&shared, &visit, &request).await?;
    if let Some(text) = visit.handed_over(&shared, &request).await? {
        return Ok(made_known(&shared, &visit, &token, &text));
    }
    let written = match visit.typed(&shared, &request).await? {
        Some(mut typed) => Written::take(&mut typed),
        None => Written::of(&token),
    };
    Ok(detail(&visit, &token, &written, &Refused::default()))
}

fn detail(visit: &Visit, token: &Token, written: &Written, refusal: &Refused) -> HttpResponse {
    let path = format!("{PATH}/{}", token.id);
    let reader = &visit.reader;
    let body = html! {
        (tabs(visit, PATH))
        (refusal.notice())
        dl class="facts" {
            dt { "State" } dd {
                (state(token))
                @if let Some(at) = token.revoked_at { " " span class="muted" { (reader.at(at)) } }
            }
            dt { "Limit" } dd { (limit(token.rate_limit)) }
            dt { "Created" } dd { (reader.at(token.created_at)) " (" (reader.ago(token.created_at)) ")" }
            dt { "Id" } dd { code id="token-id" { (token.id) } " " (ui::copy("token-id")) }
        }
        @if token.revoked_at.is_none() {
            form class="form" method="post" action=(path) {
                (visit.csrf())
                (fields(written, refusal, false))
                button class="button primary" type="submit" { "Save" }
            }
            hr;
            div class="buttons" {
                a class="button danger" href=(format!("{path}/revoke")) { "Revoke…" }
                span class="muted" { "What uses it gets 401 from then on." }
            }
        }
    };
    let page = visit
        .page(Nav::Settings, title(token), "")
        .back(PATH, "Tokens");
    page.status(refusal.status).show(&body)
}

/// Changes title, role and limit.
pub(in crate::http) async fn change(Sent(shared, submission, request): Sent) -> PageResult {
    let Submission { visit, mut form } = submission;
    let token = found(&shared, &visit, &request).await?;
    let written = Written::take(&mut form);
    let changed = async {
        let patch = TokenPatch::read(written.value())?;
        let (account, by) = (visit.caller.account, visit.caller.actor());
        tokens::change(&shared.directory, account, token.id, &by, patch).await
    };
    match changed.await {
        Ok(_) => Ok(layout::go_to(format!("{PATH}/{}?done=token-saved", token.id)).finish()),
        Err(problem) => Ok(detail(&visit, &token, &written, &Refused::of(problem)?)),
    }
}

/// Asks whether a token is to be revoked.
pub(in crate::http) async fn ask_revocation(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let token = found(&shared, &visit, &request).await?;
    let path = format!("{PATH}/{}", token.id);
    let question = Question {
        title: "Revoke a token?",
        sentence: html! {
            "The token " strong { (title(&token)) } " (" (role(token.role)) ") stops at once and for good. What "
            "uses it gets 401 from then on."
        },
        action: &format!("{path}/revoke"),
        button: "Revoke the token",
        cancel: &path,
        back: (&path, title(&token)),
        tab: PATH,
    };
    Ok(question.ask(&visit, &Refused::default()))
}

/// Revokes it.
pub(in crate::http) async fn revoke(Sent(shared, submission, request): Sent) -> PageResult {
    let caller = &submission.visit.caller;
    let (account, id) = (caller.account, part(&request, "id")?);
    tokens::revoke(&shared.directory, account, id, &caller.actor()).await?;
    Ok(layout::go_to(format!("{PATH}?done=token-revoked")).finish())
}
