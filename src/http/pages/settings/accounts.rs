//! The accounts, for operators: the list, adding one with its first admin, renaming, removing.

use serde_json::json;

use super::{FormField, Refused, SettingsList, done, link_for, simple_form, written};
use crate::domain::email::MAX_EMAIL;
use crate::domain::id::{AccountId, MAIN_ACCOUNT};
use crate::domain::mail::{MAX_SENDERS, Sender};
use crate::http::pages::prelude::*;
use crate::service::accounts::{self, AccountPatch, AccountWithAdmin, Bounds, MAX_NAME};
use crate::store::account::Account;

/// Every account.
pub(super) const LIST: SettingsList = SettingsList {
    name: "accounts",
    title: "Accounts",
    path: "/settings/accounts",
    lead: "The tenants of this server. Nobody sees anything of another account, operators included.",
    add: "Add an account",
    removal: ["remove", "Remove an account?", "Remove the account"],
};

pub(in crate::http) async fn list(visit: Visit) -> PageResult {
    let wanted: PageRequest<AccountId> = LIST.wanted(&visit)?;
    let directory = &visit.shared.directory;
    let rows = accounts::list(directory, wanted.after, wanted.rows()).await?;
    let cells = |row: &Account| {
        let name = html! { a class="row" href=(LIST.of(row.id)) { (row.name) } };
        let id = html! { code { (row.id) } };
        [name, id, visit.reader.ago(row.created_at)]
    };
    let heads = ["Name", "ID", "Created"];
    let table = |rows: &[Account]| ui::table(heads, rows.iter().map(cells));
    Ok(LIST.show(&visit, &wanted, rows, |row| row.id, table))
}

/// The form to add one.
pub(in crate::http) async fn new(visit: Visit) -> PageResult {
    visit.no_query()?;
    let [name, email] = written(&visit, [("name", ""), ("email", "")]).await?;
    Ok(form_for_new(&visit, &name, &email, &Refused::default()))
}

fn form_for_new(visit: &Visit, name: &str, email: &str, refusal: &Refused) -> HttpResponse {
    let fields = html! {
        (name_field(name, refusal, true))
        (FormField {
            name: "email", label: "E-mail of its first admin", kind: Some("email"), value: email,
            most: MAX_EMAIL, required: true,
            help: "A mail brings them a link to set their password. They invite the others.",
            ..FormField::default()
        }.show(refusal))
    };
    LIST.adding(visit, refusal, &fields, "Add the account")
}

fn name_field(name: &str, refusal: &Refused, focus: bool) -> Markup {
    html! {
        (FormField {
            name: "name", label: "Name", value: name, most: MAX_NAME, required: true, focus,
            help: "Lower-case letters, digits, _ and -; people who are in several accounts sign in with it.",
            ..FormField::default()
        }.show(refusal))
    }
}

pub(in crate::http) async fn add(Submission(visit, mut form): Submission) -> PageResult {
    let [name, email] = ["name", "email"].map(|it| form.take(it).trim().to_owned());
    let made = async {
        let input = AccountWithAdmin::read(json!({ "name": name, "email": email }))?;
        accounts::create_with_admin(&visit.shared.directory, &visit.cx().by(), input).await
    };
    match made.await {
        Ok((_, None)) => done(LIST.path, "account-added"),
        Ok((made, Some(link))) => {
            let text = serde_json::to_string(&[&email, &link]).unwrap_or_default();
            visit.hand_over(&LIST.of(made.id), &text).await
        }
        Err(problem) => Ok(form_for_new(&visit, &name, &email, &Refused::of(problem)?)),
    }
}

async fn found(visit: &Visit) -> Result<Account, Trouble> {
    Ok(accounts::show(&visit.shared.directory, visit.part("id")?).await?)
}

/// One account.
pub(in crate::http) async fn show(visit: Visit) -> PageResult {
    visit.no_query()?;
    let account = found(&visit).await?;
    let made = visit.handed_over().await?;
    let made = made.and_then(|text| serde_json::from_str::<[String; 2]>(&text).ok());
    if let Some([email, link]) = made {
        let whom = html! { strong { (email) } ", the first admin of " strong { (account.name) } };
        let content = link_for(&whom, &link);
        return Ok(LIST.made(&visit, "The account was added", &content));
    }
    let (mut name, mut senders) = (account.name.clone(), listed(&account));
    if let Some(mut form) = visit.typed().await? {
        if form.has("mail_senders") {
            senders = form.take("mail_senders");
        } else {
            name = form.take("name");
        }
    }
    detail(&visit, &account, [&name, &senders], &Refused::default()).await
}

/// The senders as people enter them: separated by spaces.
fn listed(account: &Account) -> String {
    let senders = account.mail_senders.iter().flatten();
    senders.map(Sender::as_str).collect::<Vec<_>>().join(" ")
}

async fn detail(
    visit: &Visit,
    account: &Account,
    [name, senders]: [&str; 2],
    refusal: &Refused,
) -> PageResult {
    let bounds = accounts::bounds(&visit.shared.directory, account.id).await?;
    let path = LIST.of(account.id);
    let senders = html! {
        (FormField {
            name: "mail_senders", label: "Senders of its mails", value: senders, most: MAX_SENDERS * 255,
            help: "Addresses such as shop@example.com, and domains such as example.com for every address of \
                   theirs, separated by spaces. Empty: every address at the domain of mail_from but mail_from \
                   itself.",
            ..FormField::default()
        }.show(refusal))
    };
    let body = html! {
        dl class="facts" {
            dt { "Created" } dd { (visit.reader.at(account.created_at)) }
            dt { "ID" } dd { code id="account-id" { (account.id) } " " (ui::copy("account-id")) }
        }
        @if account.id == MAIN_ACCOUNT {
            p class="muted" { "This account exists from the start; it keeps its name, and its admins are the operators." }
        } @else {
            (simple_form(visit, &path, ("button primary", "Rename"), &name_field(name, refusal, false)))
        }
        (simple_form(visit, &path, ("button", "Save the senders"), &senders))
        @if account.id != MAIN_ACCOUNT {
            hr;
            div class="buttons" {
                a class="button danger" href=(format!("{path}/remove")) { "Remove…" }
                span class="muted" { "Only an account without webhooks and events can be removed." }
            }
        }
        (used(&bounds))
    };
    Ok(LIST.page(visit, &account.name, refusal, &body))
}

/// What the account has, and the most that it may have.
fn used(Bounds { used, most }: &Bounds) -> Markup {
    html! {
        h2 { "Usage" }
        table class="list" id="bounds" {
            thead { tr {
                th scope="col" { "What" }
                th scope="col" class="number" { "Used" }
                th scope="col" class="number" { "At most" }
            } }
            tbody {
                @for (name, used, most) in [
                    ("Event types of its own", used.event_types, most.event_types),
                    ("Bytes of their schemas", used.schema_bytes, most.schema_bytes),
                    ("Webhooks", used.subscriptions, most.subscriptions),
                    ("Active tokens", used.tokens, most.tokens),
                    ("Users", used.users, most.users),
                    ("Activities of its own", used.activity_types, most.activity_types),
                    ("Idempotency keys today (UTC)", used.idempotency_keys, most.idempotency_keys),
                ] {
                    tr {
                        td data-label="What" { (name) }
                        td data-label="Used" class="number" { (used) }
                        td data-label="At most" class="number" { (most) }
                    }
                }
            }
        }
        p class="muted" { "The limits are settings of the server, the same for every account." }
    }
}

/// Renames one, or changes the senders of its mails: each has a form of its own.
pub(in crate::http) async fn change(Submission(visit, mut form): Submission) -> PageResult {
    let account = found(&visit).await?;
    let (mut name, mut senders) = (account.name.clone(), listed(&account));
    let (body, key) = if form.has("mail_senders") {
        senders = form.take("mail_senders");
        let entries = senders.split(|c: char| c.is_whitespace() || c == ',');
        let entries: Vec<&str> = entries.filter(|it| !it.is_empty()).collect();
        let entries = (!entries.is_empty()).then_some(entries);
        (json!({ "mail_senders": entries }), "mail-senders-saved")
    } else {
        form.take("name").trim().clone_into(&mut name);
        (json!({ "name": name }), "account-renamed")
    };
    let changed = async {
        let (patch, by) = (AccountPatch::read(body)?, visit.cx().by());
        accounts::change(&visit.shared.directory, account.id, &by, patch).await
    };
    match changed.await {
        Ok(_) => done(&LIST.of(account.id), key),
        Err(problem) => {
            let refusal = Refused::of(problem)?;
            detail(&visit, &account, [&name, &senders], &refusal).await
        }
    }
}

/// Asks whether one is to be removed.
pub(in crate::http) async fn ask_removal(visit: Visit) -> PageResult {
    visit.no_query()?;
    let account = found(&visit).await?;
    Ok(removal(&visit, &account, &Refused::default()))
}

fn removal(visit: &Visit, account: &Account, refusal: &Refused) -> HttpResponse {
    let sentence = html! {
        "The account " strong { (account.name) } " is removed with its users, its tokens, its own event types "
        "and its logs of activities and mails. This cannot be undone."
    };
    let path = LIST.of(account.id);
    LIST.question(visit, (&path, &account.name), &sentence, refusal)
}

pub(in crate::http) async fn remove(Submission(visit, _): Submission) -> PageResult {
    let account = found(&visit).await?;
    let by = visit.cx().by();
    match accounts::remove(&visit.shared.directory, account.id, &by).await {
        Ok(()) => done(LIST.path, "account-removed"),
        Err(problem) => Ok(removal(&visit, &account, &Refused::of(problem)?)),
    }
}
