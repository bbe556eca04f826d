//! The tokens of an account: the list, making one (its text is shown once), changing, revoking.

use serde_json::{Value, json};

use super::{
    FormField, Refused, SettingsList, choice, done, once, role_name, roles, simple_form, written,
};
use crate::domain::id::TokenId;
use crate::domain::role::Role;
use crate::http::pages::prelude::*;
use crate::service::tokens::{self, MAX_TITLE, TokenInput, TokenPatch};
use crate::store::token::Token;

/// The tokens of an account.
pub(super) const LIST: SettingsList = SettingsList {
    name: "tokens",
    title: "Tokens",
    path: "/settings/tokens",
    lead: "Applications use them to call the API for this account.",
    add: "Create a token",
    removal: ["revoke", "Revoke a token?", "Revoke the token"],
};

pub(in crate::http) async fn list(visit: Visit) -> PageResult {
    let wanted: PageRequest<TokenId> = LIST.wanted(&visit)?;
    let (directory, account) = (&visit.shared.directory, visit.caller.account);
    let rows = tokens::list(directory, account, wanted.after, wanted.rows()).await?;
    let table = |rows: &[Token]| table(&visit, rows);
    Ok(LIST.show(&visit, &wanted, rows, |row| row.id, table))
}

fn table(visit: &Visit, rows: &[Token]) -> Markup {
    if rows.is_empty() {
        let next = html! { a href=(LIST.of("new")) { "Create a token" } };
        let sentence = "There is no token: an application needs one to publish events.";
        return ui::empty(sentence, &next);
    }
    let cells = |row: &Token| {
        [
            html! { a class="row" href=(LIST.of(row.id)) { (title(row)) } },
            html! { (role_name(row.role)) },
            state(row),
            html! { (limit(row.rate_limit)) },
            visit.reader.ago(row.created_at),
        ]
    };
    let heads = ["Title", "Role", "State", "Limit", "Created"];
    ui::table(heads, rows.iter().map(cells))
}

fn title(token: &Token) -> &str {
    match token.title.as_str() {
        "" => "Without a title",
        title => title,
    }
}

fn limit(limit: Option<i32>) -> String {
    match limit {
        None => "Server default".to_owned(),
        Some(0) => "No limit".to_owned(),
        Some(1) => "1 request a second".to_owned(),
        Some(limit) => format!("{limit} requests a second"),
    }
}

fn state(token: &Token) -> Markup {
    match token.revoked_at {
        Some(_) => ui::badge(Tone::Off, "Revoked"),
        None => ui::badge(Tone::Sent, "Active"),
    }
}

/// What somebody entered in the form, or what is stored: title, role and limit.
type TokenFields = [String; 3];

fn taken(mut form: Form) -> TokenFields {
    ["title", "role", "rate_limit"].map(|it| form.take(it))
}

/// As an input. What is no number is left as it is, for the input to refuse.
fn value([title, role, rate_limit]: &TokenFields) -> Value {
    let text = rate_limit.trim();
    let limit = match text.parse::<i64>() {
        Ok(number) => Value::from(number),
        Err(_) if text.is_empty() => Value::Null,
        Err(_) => Value::from(text),
    };
    json!({ "title": title, "role": role, "rate_limit": limit })
}

/// The form to make one.
pub(in crate::http) async fn new(visit: Visit) -> PageResult {
    visit.no_query()?;
    let held = [("title", ""), ("role", "publisher"), ("rate_limit", "")];
    let written = written(&visit, held).await?;
    Ok(form_for_new(&visit, &written, &Refused::default()))
}

fn form_for_new(visit: &Visit, written: &TokenFields, refusal: &Refused) -> HttpResponse {
    let fields = fields(written, refusal, true);
    LIST.adding(visit, refusal, &fields, "Create the token")
}

fn fields([title, role, rate_limit]: &TokenFields, refusal: &Refused, focus: bool) -> Markup {
    let choices = html! {
        (choice(Role::Publisher, role, "publishes events, records activities, sends mails"))
        (choice(Role::Viewer, role, "reads everything in this account"))
        (choice(Role::Admin, role, "does all of this, and changes webhooks, users and tokens"))
    };
    html! {
        (FormField {
            name: "title", label: "Title", value: title, most: MAX_TITLE, required: true, focus,
            help: "What uses it, so you know what stops working when it is revoked.",
            ..FormField::default()
        }.show(refusal))
        (roles(&choices, refusal))
        (FormField {
            name: "rate_limit", label: "Requests a second", value: rate_limit, most: 7,
            help: "The most at each daemon. Empty: the server default; 0: no limit.",
            ..FormField::default()
        }.show(refusal))
    }
}

/// Makes one; its page shows its text once.
pub(in crate::http) async fn make(Submission(visit, form): Submission) -> PageResult {
    let written = taken(form);
    let made = async {
        let (input, by) = (TokenInput::read(value(&written))?, visit.cx().by());
        let (directory, account) = (&visit.shared.directory, visit.caller.account);
        tokens::create(directory, account, Making::by(&by), input).await
    };
    match made.await {
        Ok((made, text)) => {
            let text = text.unwrap_or_default();
            visit.hand_over(&LIST.of(made.id), &text).await
        }
        Err(problem) => Ok(form_for_new(&visit, &written, &Refused::of(problem)?)),
    }
}

fn made_known(visit: &Visit, made: &Token, text: &str) -> HttpResponse {
    let base = visit.shared.sessions.site.base();
    let line = match made.role {
        Role::Viewer => format!("curl {base}/v1/deliveries -H 'Authorization: Bearer {text}'"),
        Role::Publisher | Role::Admin => format!(
            "curl {base}/v1/events -H 'Authorization: Bearer {text}' \\\n  \
             -H 'Content-Type: application/json' -d '{{\"event_type\":\"STORE_ORDER_CREATED\"}}'"
        ),
    };
    let content = html! {
        p class="notice is-wait" { "Copy it now: it is shown only once and stored nowhere." }
        h2 { "The token" }
        (once("token", text))
        h2 { "Try it" }
        (ui::code("token-line", &line))
    };
    let title = format!("The token “{}” was created", made.title);
    LIST.made(visit, &title, &content)
}

async fn found(visit: &Visit) -> Result<Token, Trouble> {
    let (directory, account) = (&visit.shared.directory, visit.caller.account);
    Ok(tokens::show(directory, account, visit.part("id")?).await?)
}

/// One token.
pub(in crate::http) async fn show(visit: Visit) -> PageResult {
    visit.no_query()?;
    let token = found(&visit).await?;
    if let Some(text) = visit.handed_over().await? {
        return Ok(made_known(&visit, &token, &text));
    }
    let limit = token.rate_limit.map(|it| it.to_string());
    let limit = limit.unwrap_or_default();
    let (title, role, limit) = (token.title.as_str(), token.role.as_str(), limit.as_str());
    let held = [("title", title), ("role", role), ("rate_limit", limit)];
    let written = written(&visit, held).await?;
    Ok(detail(&visit, &token, &written, &Refused::default()))
}

fn detail(visit: &Visit, token: &Token, written: &TokenFields, refusal: &Refused) -> HttpResponse {
    let path = LIST.of(token.id);
    let reader = &visit.reader;
    let body = html! {
        dl class="facts" {
            dt { "State" } dd {
                (state(token))
                @if let Some(at) = token.revoked_at { " " span class="muted" { (reader.at(at)) } }
            }
            dt { "Limit" } dd { (limit(token.rate_limit)) }
            dt { "Created" } dd { (reader.at(token.created_at)) " (" (reader.ago(token.created_at)) ")" }
            dt { "ID" } dd { code id="token-id" { (token.id) } " " (ui::copy("token-id")) }
        }
        @if token.revoked_at.is_none() {
            (simple_form(visit, &path, ("button primary", "Save"), &fields(written, refusal, false)))
            hr;
            div class="buttons" {
                a class="button danger" href=(format!("{path}/revoke")) { "Revoke…" }
                span class="muted" { "Applications that use it get 401 from then on." }
            }
        }
    };
    LIST.page(visit, title(token), refusal, &body)
}

/// Changes title, role and limit.
pub(in crate::http) async fn change(Submission(visit, form): Submission) -> PageResult {
    let token = found(&visit).await?;
    let written = taken(form);
    let changed = async {
        let (patch, by) = (TokenPatch::read(value(&written))?, visit.cx().by());
        let (directory, account) = (&visit.shared.directory, visit.caller.account);
        tokens::change(directory, account, token.id, &by, patch).await
    };
    match changed.await {
        Ok(_) => done(&LIST.of(token.id), "token-saved"),
        Err(problem) => Ok(detail(&visit, &token, &written, &Refused::of(problem)?)),
    }
}

/// Asks whether a token is to be revoked.
pub(in crate::http) async fn ask_revocation(visit: Visit) -> PageResult {
    visit.no_query()?;
    let token = found(&visit).await?;
    let sentence = html! {
        "The token " strong { (title(&token)) } " (" (role_name(token.role)) ") stops working at once, for good. "
        "Applications that use it get 401 from then on."
    };
    let (path, refusal) = (LIST.of(token.id), Refused::default());
    Ok(LIST.question(&visit, (&path, title(&token)), &sentence, &refusal))
}

pub(in crate::http) async fn revoke(Submission(visit, _): Submission) -> PageResult {
    let (account, id) = (visit.caller.account, visit.part("id")?);
    tokens::revoke(&visit.shared.directory, account, id, &visit.cx().by()).await?;
    done(LIST.path, "token-revoked")
}
