//! Accounts, for operators.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::AccountId;
use crate::domain::mail::Sender;
use crate::http::body;
use crate::http::fields::Query;
use crate::http::page::{self, Page, Wanted};
use crate::http::path::{no_query, part};
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::accounts::{self, AccountInput, AccountPatch, Bounds};
use crate::service::callers::Caller;
use crate::store::account::Account;

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

impl From<Bounds> for BoundsView {
    fn from(Bounds { used, most }: Bounds) -> Self {
        let bound = |used, most| BoundView { used, most };
        Self {
            event_types: bound(used.event_types, most.event_types),
            schema_bytes: bound(used.schema_bytes, most.schema_bytes),
            subscriptions: bound(used.subscriptions, most.subscriptions),
            tokens: bound(used.tokens, most.tokens),
            users: bound(used.users, most.users),
            activity_types: bound(used.activity_types, most.activity_types),
            idempotency_keys: bound(used.idempotency_keys, most.idempotency_keys),
        }
    }
}

const LIST: &str = "accounts";

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
    let mut rows = accounts::list(&shared.directory, wanted.after, wanted.rows()).await?;
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
    let input = body::input(&request, payload).await?;
    let made = accounts::create(&shared.directory, &caller.actor(), input).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/accounts/{}", made.id)))
        .json(AccountView::from(made)))
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
    let directory = &shared.directory;
    let account = AccountView::from(accounts::show(directory, part(&request, "id")?).await?);
    let bounds = accounts::bounds(directory, account.id).await?.into();
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
    let patch = body::input(&request, payload).await?;
    let changed = accounts::change(&shared.directory, id, &caller.actor(), patch).await?;
    Ok(HttpResponse::Ok().json(AccountView::from(changed)))
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
    let id = part(&request, "id")?;
    accounts::remove(&shared.directory, id, &caller.actor()).await?;
    Ok(HttpResponse::NoContent().finish())
}
