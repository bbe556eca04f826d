//! Accounts, for operators.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::shapes::{AccountInput, AccountPatch};
use super::{no_query, part};
use crate::domain::email::Email;
use crate::domain::id::{AccountId, MAIN_ACCOUNT, UserId};
use crate::domain::mail::{MAX_SENDERS, Sender};
use crate::domain::role::UserRole;
use crate::domain::user_link::LinkPurpose;
use crate::http::auth::Caller;
use crate::http::body;
use crate::http::fields::{self, Fields, Query};
use crate::http::page::{self, Page, Wanted};
use crate::http::pages::mails;
use crate::http::problem::{Fault, Kind, Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::store::account::{self, Account, Change, Removal};
use crate::store::fresh::fresh_uuid;
use crate::store::user::NewUser;
use crate::store::{StoreError, bounds};

/// An account.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AccountView {
    /// Its id.
    #[schema(value_type = String, example = "acc_01h455vb4pex5vsknk084sn02q")]
    id: AccountId,
    /// Its name.
    #[schema(example = "main")]
    name: String,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// The senders that its mails may name: addresses, or domains for every address of theirs;
    /// null: the domain of `mail_from`.
    mail_senders: Option<Vec<String>>,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            name: account.name,
            created_at: account.created_at,
            mail_senders: account
                .mail_senders
                .map(|listed| listed.iter().map(Sender::to_string).collect()),
        }
    }
}

/// An account with what it has of all that is bounded.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AccountShown {
    #[serde(flatten)]
    account: AccountView,
    /// What it has, and the most that it may have.
    bounds: BoundsView,
}

/// What an account has of each thing, and the most that it may have. The bounds are settings
/// (`account_…`), the same for every account.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct BoundsView {
    /// Event types of its own.
    event_types: BoundView,
    /// Bytes of their schemas.
    schema_bytes: BoundView,
    /// Subscriptions.
    subscriptions: BoundView,
    /// Tokens in force.
    tokens: BoundView,
    /// Users.
    users: BoundView,
    /// Activities that it added to the catalogue.
    activity_types: BoundView,
    /// Idempotency keys that were stored today, by UTC.
    idempotency_keys: BoundView,
}

/// How much of one thing an account has.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(in crate::http) struct BoundView {
    /// What it has.
    pub used: i64,
    /// The most that it may have.
    pub most: u32,
}

impl BoundsView {
    /// What an account has now.
    ///
    /// # Errors
    /// When the database is away.
    pub(in crate::http) async fn of(
        shared: &Shared,
        account: AccountId,
    ) -> Result<Self, StoreError> {
        let database = shared.engine.database();
        let used = bounds::usage(database, account).await?;
        let most = database.bounds();
        let bound = |used, most| BoundView { used, most };
        Ok(Self {
            event_types: bound(used.event_types, most.event_types),
            schema_bytes: bound(used.schema_bytes, most.schema_bytes),
            subscriptions: bound(used.subscriptions, most.subscriptions),
            tokens: bound(used.tokens, most.tokens),
            users: bound(used.users, most.users),
            activity_types: bound(used.activity_types, most.activity_types),
            idempotency_keys: bound(used.idempotency_keys, most.idempotency_keys),
        })
    }

    /// Each with its name for people.
    pub(in crate::http) const fn rows(&self) -> [(&'static str, BoundView); 7] {
        [
            ("Event types of its own", self.event_types),
            ("Bytes of their schemas", self.schema_bytes),
            ("Webhooks", self.subscriptions),
            ("Tokens in force", self.tokens),
            ("Users", self.users),
            ("Activities of its own", self.activity_types),
            ("Idempotency keys today (UTC)", self.idempotency_keys),
        ]
    }
}

const LIST: &str = "accounts";

/// The answer about an account that is not there.
pub(in crate::http) fn missing() -> Problem {
    Problem::new(Kind::NotFound, "There is no such account.")
}

/// An account's name.
pub(in crate::http) fn name(value: Value) -> Result<String, String> {
    let name = fields::text(value)?;
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let legal = name
        .bytes()
        .all(|byte| letter(byte) || byte == b'_' || byte == b'-')
        && name.bytes().next().is_some_and(letter)
        && name.len() <= 63;
    let rule = "must have 1 to 63 of a-z 0-9 _ -, the first one a letter or a digit";
    if legal {
        Ok(name)
    } else {
        Err(rule.to_owned())
    }
}

/// List accounts, newest first
#[utoipa::path(
    get, path = "/v1/accounts", tag = "accounts",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200 (50)"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page", body = Page<AccountView>))
)]
pub(in crate::http) async fn list(
    shared: Data<Shared>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::parse(request.query_string());
    let wanted: Wanted<AccountId> = Wanted::take(&mut query, LIST);
    query.finish()?;
    let mut rows = account::list(shared.engine.database(), wanted.after, wanted.rows()).await?;
    let next = page::cut(&mut rows, wanted.limit, |row| row.id);
    let data: Vec<AccountView> = rows.into_iter().map(AccountView::from).collect();
    Ok(page::answer(&request, LIST, data, next))
}

/// Make an account
#[utoipa::path(
    post, path = "/v1/accounts", tag = "accounts",
    request_body = AccountInput,
    responses(
        (status = 201, description = "Made", body = AccountView),
        (status = 409, description = "The name is taken", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn create(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let mut fields = Fields::parse(&body::object(&request, payload).await?)?;
    let name = fields.need("name", name);
    fields.finish()?;
    let engine = &shared.engine;
    let id = AccountId::from_uuid(fresh_uuid(engine.clock()));
    let (name, by) = (name.unwrap_or_default(), caller.actor());
    let made = account::create(engine.database(), id, &name, &by).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/accounts/{id}")))
        .json(AccountView::from(made)))
}

/// Makes the account that a body tells of, with its first admin. Answers the admin's link, if no
/// mail could be sent.
///
/// # Errors
/// Wrong values, each told, a name that is taken, or the database is away.
pub(in crate::http) async fn make_with_admin(
    shared: &Shared,
    caller: &Caller,
    body: &[u8],
) -> Result<(Account, Option<String>), Problem> {
    let mut fields = Fields::parse(body)?;
    let name = fields.need("name", name);
    let email = fields.need("email", fields::parsed::<Email>);
    fields.finish()?;
    // `finish` refused a body without them; this is for the types' sake.
    let (Some(name), Some(email)) = (name, email) else {
        return Err(Problem::invalid(vec![Fault::new("/email", "is missing")]));
    };
    let clock = shared.engine.clock();
    let id = AccountId::from_uuid(fresh_uuid(clock));
    let admin = NewUser {
        id: UserId::from_uuid(fresh_uuid(clock)),
        account: id,
        email,
        name: String::new(),
        role: UserRole::Admin,
    };
    let base = shared.sessions.site.base();
    let write = mails::with_link(base.to_owned());
    let (database, by) = (shared.engine.database(), caller.actor());
    let made = account::create_with(database, id, &name, Some((admin, &write)), &by).await?;
    let (account, token) = made;
    let link = token.map(|token| LinkPurpose::Invitation.address(base, &token));
    Ok((account, link))
}

/// Show one account
#[utoipa::path(
    get, path = "/v1/accounts/{id}", tag = "accounts",
    params(("id" = String, Path, description = "`acc_…`")),
    responses(
        (status = 200, description = "The account", body = AccountShown),
        (status = 404, description = "There is none", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn show(
    shared: Data<Shared>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let found = account::find(shared.engine.database(), part(&request, "id")?).await?;
    let account = AccountView::from(found.ok_or_else(missing)?);
    let bounds = BoundsView::of(&shared, account.id).await?;
    Ok(HttpResponse::Ok().json(AccountShown { account, bounds }))
}

/// Change an account
#[utoipa::path(
    patch, path = "/v1/accounts/{id}", tag = "accounts",
    params(("id" = String, Path, description = "`acc_…`")),
    request_body = AccountPatch,
    responses(
        (status = 200, description = "The account as it is now", body = AccountView),
        (status = 404, description = "There is none", body = ProblemDocument),
        (
            status = 409,
            description = "The name is taken, it is `main`, or a daemon of an older version, \
                           which would ignore `mail_senders`, is still running",
            body = ProblemDocument,
        ),
        (status = 422, description = "A wrong value", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn change(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let id = part(&request, "id")?;
    let body = body::object(&request, payload).await?;
    let changed = alter(&shared, &caller, id, &body).await?;
    Ok(HttpResponse::Ok().json(AccountView::from(changed)))
}

/// Changes an account to what a body says.
///
/// # Errors
/// A wrong name, one that is taken, `main`, no such account, or the database is away.
pub(in crate::http) async fn alter(
    shared: &Shared,
    caller: &Caller,
    id: AccountId,
    body: &[u8],
) -> Result<Account, Problem> {
    let mut fields = Fields::parse(body)?;
    let name = fields.take("name", name);
    let mail_senders = senders(&mut fields);
    fields.finish()?;
    if id == MAIN_ACCOUNT && name.as_ref().is_some_and(|name| name != "main") {
        return Err(Problem::new(
            Kind::Conflict,
            "The account `main` keeps its name.",
        ));
    }
    let change = Change { name, mail_senders };
    let changed = account::change(shared.engine.database(), id, change, &caller.actor()).await?;
    shared.authenticator.forget_all();
    changed.ok_or_else(missing)
}

/// The senders that a body names: a list, or null.
fn senders(fields: &mut Fields) -> Option<Option<Vec<Sender>>> {
    if fields.is_null("mail_senders") {
        return Some(None);
    }
    let listed = fields.take_list("mail_senders", |value| {
        let wrong = "must be an address such as shop@example.com, or a domain such as example.com";
        fields::parsed::<Sender>(value).map_err(|_form| wrong.to_owned())
    })?;
    if listed.len() > MAX_SENDERS {
        let detail = format!(
            "must hold at most {MAX_SENDERS} entries, not {}",
            listed.len()
        );
        fields.fault("/mail_senders", detail);
    }
    Some(Some(listed))
}

/// Remove an account
///
/// Only one without subscriptions and without events, so that no log loses its owner.
#[utoipa::path(
    delete, path = "/v1/accounts/{id}", tag = "accounts",
    params(("id" = String, Path, description = "`acc_…`")),
    responses(
        (status = 204, description = "Removed, its tokens and own event types as well"),
        (status = 404, description = "There is none", body = ProblemDocument),
        (status = 409, description = "It is in use, or it is `main`", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn remove(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    end(&shared, &caller, part(&request, "id")?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes an account.
///
/// # Errors
/// It is in use or `main`, there is no such account, or the database is away.
pub(in crate::http) async fn end(
    shared: &Shared,
    caller: &Caller,
    id: AccountId,
) -> Result<(), Problem> {
    if id == MAIN_ACCOUNT {
        return Err(Problem::new(
            Kind::Conflict,
            "The account `main` cannot be removed.",
        ));
    }
    match account::remove(shared.engine.database(), id, &caller.actor()).await? {
        Removal::Removed => {
            shared.authenticator.forget_all();
            shared.engine.routing_changed().await;
            Ok(())
        }
        Removal::Unknown => Err(missing()),
        Removal::InUse => {
            let detail = "The account has subscriptions or events. Remove its subscriptions; its \
                events go with their retention.";
            Err(Problem::new(Kind::Conflict, detail))
        }
    }
}
