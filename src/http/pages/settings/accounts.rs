//! The accounts, for operators: the list, adding one with its first admin, renaming, removing.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use maud::{Markup, html};
use serde_json::json;

use super::{Input, Question, Refused, once, tabs};
use crate::domain::cursor;
use crate::domain::email::MAX_EMAIL;
use crate::domain::id::{AccountId, MAIN_ACCOUNT};
use crate::domain::mail::{MAX_SENDERS, Sender};
use crate::http::page::{self, Wanted};
use crate::http::pages::frame::Nav;
use crate::http::pages::ui;
use crate::http::pages::visit::{Look, Sent, Submission, Visit};
use crate::http::pages::{PageResult, Trouble, layout, query};
use crate::http::path::part;
use crate::http::shared::Shared;
use crate::service::accounts::{self, AccountPatch, AccountWithAdmin, Bounds, MAX_NAME};
use crate::service::input::Input as _;
use crate::store::account::Account;

/// Where the list stands.
pub(super) const PATH: &str = "/settings/accounts";
/// The name of the list in its cursors.
const LIST: &str = "accounts";

/// The list.
pub(in crate::http) async fn list(Look(shared, visit, request): Look) -> PageResult {
    let mut query = query(&request);
    let wanted: Wanted<AccountId> = Wanted::of_page(&mut query, LIST);
    query.finish()?;
    let mut rows = accounts::list(&shared.directory, wanted.after, wanted.rows()).await?;
    let next = page::cut(&mut rows, wanted.limit, |row| row.id);
    let next = next.map(|last| format!("{PATH}?cursor={}", cursor::encode(LIST, &last)));
    let first = wanted.after.map(|_| PATH);
    let body = html! {
        (tabs(&visit, PATH))
        section id="list" {
            table class="list" {
                thead { tr {
                    th scope="col" { "Name" } th scope="col" { "Id" } th scope="col" { "Created" }
                } }
                tbody {
                    @for row in &rows {
                        tr {
                            td data-label="Name" { a class="row" href=(href(row)) { (row.name) } }
                            td data-label="Id" { code { (row.id) } }
                            td data-label="Created" { (visit.reader.ago(row.created_at)) }
                        }
                    }
                }
            }
            (ui::pager(next.as_deref(), first))
        }
    };
    let action =
        html! { a class="button primary" href=(format!("{PATH}/new")) { "Add an account" } };
    let lead =
        "The tenants of this server. Nobody sees anything of another account, operators included.";
    Ok(visit
        .page(Nav::Settings, "Accounts", lead)
        .action(action)
        .show(&body))
}

fn href(account: &Account) -> String {
    format!("{PATH}/{}", account.id)
}

/// The form to add one.
pub(in crate::http) async fn new(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let typed = visit.typed(&shared, &request).await?;
    let typed = typed.map(|mut form| ["name", "email"].map(|it| form.take(it)));
    let [name, email] = typed.unwrap_or_default();
    Ok(form_for_new(&visit, &name, &email, &Refused::default()))
}

fn form_for_new(visit: &Visit, name: &str, email: &str, refusal: &Refused) -> HttpResponse {
    let body = html! {
        (tabs(visit, PATH))
        (refusal.notice())
        form class="form" method="post" action=(PATH) {
            (visit.csrf())
            (name_field(name, refusal, true))
            (Input {
                name: "email", label: "E-mail of its first admin", kind: "email", value: email, most: MAX_EMAIL,
                autocomplete: "off", required: true,
                help: "A mail brings them a link to set their password. They invite the others.",
                ..Input::default()
            }.show(refusal))
            div class="buttons" {
                button class="button primary" type="submit" { "Add the account" }
                a class="button" href=(PATH) { "Cancel" }
            }
        }
    };
    let page = visit
        .page(Nav::Settings, "Add an account", "")
        .back(PATH, "Accounts");
    page.status(refusal.status).show(&body)
}

fn name_field(name: &str, refusal: &Refused, focus: bool) -> Markup {
    Input {
        name: "name",
        label: "Name",
        kind: "text",
        value: name,
        most: MAX_NAME,
        autocomplete: "off",
        required: true,
        focus,
        help: "Lower-case letters, digits, _ and -; people who are in several accounts sign in with it.",
    }
    .show(refusal)
}

/// Adds one.
pub(in crate::http) async fn add(shared: Data<Shared>, submission: Submission) -> PageResult {
    let Submission { visit, mut form } = submission;
    let [name, email] = ["name", "email"].map(|it| form.take(it).trim().to_owned());
    let made = async {
        let input = AccountWithAdmin::read(json!({ "name": name, "email": email }))?;
        accounts::create_with_admin(&shared.directory, &visit.caller.actor(), input).await
    };
    match made.await {
        Ok((_, None)) => Ok(layout::go_to(format!("{PATH}?done=account-added")).finish()),
        Ok((made, Some(link))) => {
            let text = serde_json::to_string(&[&email, &link]).unwrap_or_default();
            visit.hand_over(&shared, &href(&made), &text).await
        }
        Err(problem) => Ok(form_for_new(&visit, &name, &email, &Refused::of(problem)?)),
    }
}

/// Where no mail could be sent, the operator hands the link over.
fn handed_over(visit: &Visit, made: &Account, email: &str, link: &str) -> HttpResponse {
    let body = html! {
        (tabs(visit, PATH))
        div class="form" {
            p {
                "No mail server is set, so that no mail was sent. Hand this link over to " strong { (email) }
                ", the first admin of " strong { (made.name) } ": it is shown this once, works once, and within "
                "7 days."
            }
            (once("link", link))
            a class="button" href=(PATH) { "To the accounts" }
        }
    };
    let title = "The account was added";
    visit
        .page(Nav::Settings, title, "")
        .back(PATH, "Accounts")
        .show(&body)
}

async fn found(shared: &Shared, request: &HttpRequest) -> Result<Account, Trouble> {
    Ok(accounts::show(&shared.directory, part(request, "id")?).await?)
}

/// One account.
pub(in crate::http) async fn show(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let account = found(&shared, &request).await?;
    let made = visit.handed_over(&shared, &request).await?;
    let made = made.and_then(|text| serde_json::from_str::<[String; 2]>(&text).ok());
    if let Some([email, link]) = made {
        return Ok(handed_over(&visit, &account, &email, &link));
    }
    let (mut name, mut senders) = (account.name.clone(), listed(&account));
    if let Some(mut form) = visit.typed(&shared, &request).await? {
        if form.has("mail_senders") {
            senders = form.take("mail_senders");
        } else {
            name = form.take("name");
        }
    }
    let shown = [name.as_str(), senders.as_str()];
    let bounds = accounts::bounds(&shared.directory, account.id).await?;
    let refusal = Refused::default();
    Ok(detail(&visit, &account, &bounds, shown, &refusal))
}

/// The senders as they are typed: separated by spaces.
fn listed(account: &Account) -> String {
    let senders = account.mail_senders.iter().flatten();
    senders.map(Sender::as_str).collect::<Vec<_>>().join(" ")
}

fn detail(
    visit: &Visit,
    account: &Account,
    bounds: &Bounds,
    [name, senders]: [&str; 2],
    refusal: &Refused,
) -> HttpResponse {
    let path = href(account);
    let body = html! {
        (tabs(visit, PATH))
        (refusal.notice())
        dl class="facts" {
            dt { "Created" } dd { (visit.reader.at(account.created_at)) }
            dt { "Id" } dd { code id="account-id" { (account.id) } " " (ui::copy("account-id")) }
        }
        @if account.id == MAIN_ACCOUNT {
            p class="muted" { "This account is there from the start; it keeps its name, and its admins are the operators." }
        } @else {
            form class="form" method="post" action=(path) {
                (visit.csrf())
                (name_field(name, refusal, false))
                button class="button primary" type="submit" { "Rename" }
            }
        }
        form class="form" method="post" action=(path) {
            (visit.csrf())
            (Input {
                name: "mail_senders", label: "Senders of its mails", kind: "text", value: senders,
                most: MAX_SENDERS * 255, autocomplete: "off",
                help: "Addresses such as shop@example.com, and domains such as example.com for every address of \
                       theirs, separated by spaces. Empty: every address at the domain of mail_from but mail_from \
                       itself.",
                ..Input::default()
            }.show(refusal))
            button class="button" type="submit" { "Save the senders" }
        }
        @if account.id != MAIN_ACCOUNT {
            hr;
            div class="buttons" {
                a class="button danger" href=(format!("{path}/remove")) { "Remove…" }
                span class="muted" { "Only an account without webhooks and events can be removed." }
            }
        }
        (used(bounds))
    };
    let page = visit
        .page(Nav::Settings, &account.name, "")
        .back(PATH, "Accounts");
    page.status(refusal.status).show(&body)
}

/// What the account has, and the most that it may have.
fn used(Bounds { used, most }: &Bounds) -> Markup {
    let rows = [
        ("Event types of its own", used.event_types, most.event_types),
        (
            "Bytes of their schemas",
            used.schema_bytes,
            most.schema_bytes,
        ),
        ("Webhooks", used.subscriptions, most.subscriptions),
        ("Tokens in force", used.tokens, most.tokens),
        ("Users", used.users, most.users),
        (
            "Activities of its own",
            used.activity_types,
            most.activity_types,
        ),
        (
            "Idempotency keys today (UTC)",
            used.idempotency_keys,
            most.idempotency_keys,
        ),
    ];
    html! {
        h2 { "What it uses" }
        table class="list" id="bounds" {
            thead { tr {
                th scope="col" { "Of" }
                th scope="col" class="number" { "Used" }
                th scope="col" class="number" { "At most" }
            } }
            tbody {
                @for (name, used, most) in rows {
                    tr {
                        td data-label="Of" { (name) }
                        td data-label="Used" class="number" { (used) }
                        td data-label="At most" class="number" { (most) }
                    }
                }
            }
        }
        p class="muted" { "The bounds are settings of the server, the same for every account." }
    }
}

/// Renames one, or changes the senders of its mails: each has a form of its own.
pub(in crate::http) async fn change(Sent(shared, submission, request): Sent) -> PageResult {
    let Submission { visit, mut form } = submission;
    let account = found(&shared, &request).await?;
    let (mut name, mut senders) = (account.name.clone(), listed(&account));
    let (body, done) = if form.has("mail_senders") {
        senders = form.take("mail_senders");
        let separated = |c: char| c.is_whitespace() || c == ',';
        let entries: Vec<&str> = senders
            .split(separated)
            .filter(|it| !it.is_empty())
            .collect();
        let entries = (!entries.is_empty()).then_some(entries);
        (json!({ "mail_senders": entries }), "mail-senders-saved")
    } else {
        form.take("name").trim().clone_into(&mut name);
        (json!({ "name": name }), "account-renamed")
    };
    let changed = async {
        let (patch, by) = (AccountPatch::read(body)?, visit.caller.actor());
        accounts::change(&shared.directory, account.id, &by, patch).await
    };
    match changed.await {
        Ok(_) => Ok(layout::go_to(format!("{}?done={done}", href(&account))).finish()),
        Err(problem) => {
            let refusal = Refused::of(problem)?;
            let bounds = accounts::bounds(&shared.directory, account.id).await?;
            Ok(detail(
                &visit,
                &account,
                &bounds,
                [&name, &senders],
                &refusal,
            ))
        }
    }
}

/// Asks whether one is to be removed.
pub(in crate::http) async fn ask_removal(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let account = found(&shared, &request).await?;
    Ok(removal(&visit, &account, &Refused::default()))
}

fn removal(visit: &Visit, account: &Account, refusal: &Refused) -> HttpResponse {
    let path = href(account);
    let question = Question {
        title: "Remove an account?",
        sentence: html! {
            "The account " strong { (account.name) } " is removed with its users, its tokens, its own event types "
            "and its logs of activities and mails. This cannot be undone."
        },
        action: &format!("{path}/remove"),
        button: "Remove the account",
        cancel: &path,
        back: (&path, &account.name),
        tab: PATH,
    };
    question.ask(visit, refusal)
}

/// Removes one.
pub(in crate::http) async fn remove(Sent(shared, submission, request): Sent) -> PageResult {
    let visit = submission.visit;
    let account = found(&shared, &request).await?;
    let by = visit.caller.actor();
    match accounts::remove(&shared.directory, account.id, &by).await {
        Ok(()) => Ok(layout::go_to(format!("{PATH}?done=account-removed")).finish()),
        Err(problem) => Ok(removal(&visit, &account, &Refused::of(problem)?)),
    }
}
