//! Tokens of an account; without an account, those that are operator-wide.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::{AccountId, TokenId};
use crate::domain::role::Role;
use crate::http::body;
use crate::http::fields::Query;
use crate::http::page::{self, Page, Wanted};
use crate::http::path::{no_query, part};
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::service::callers::Caller;
use crate::service::tokens::{self, TokenInput, TokenPatch};
use crate::store::token::Token;

/// A token without its text.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct TokenView {
    /// Its id.
    #[schema(value_type = String, example = "tok_01h455vb4pex5vsknk084sn02q")]
    id: TokenId,
    /// Whose it is; null: it is operator-wide.
    #[schema(value_type = Option<String>)]
    account_id: Option<AccountId>,
    /// What people call it.
    title: String,
    /// `publisher`, `viewer` or `admin`.
    #[schema(value_type = String, example = "publisher")]
    role: Role,
    /// Requests a second that may be made with it at one daemon; 0: any number; null: what the
    /// settings say.
    rate_limit: Option<i32>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was revoked.
    revoked_at: Option<DateTime<Utc>>,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            account_id: token.account,
            title: token.title,
            role: token.role,
            rate_limit: token.rate_limit,
            created_at: token.created_at,
            revoked_at: token.revoked_at,
        }
    }
}

/// A token just made.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct NewTokenView {
    #[serde(flatten)]
    view: TokenView,
    /// Its text, `hrld_…`: shown this once and kept nowhere.
    token: String,
}

const LIST: &str = "tokens";

/// List tokens, newest first
#[utoipa::path(
    get, path = "/v1/tokens", tag = "tokens",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200 (50)"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page", body = Page<TokenView>))
)]
pub(in crate::http) async fn list(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::parse(request.query_string());
    let wanted: Wanted<TokenId> = Wanted::take(&mut query, LIST);
    query.finish()?;
    let (directory, account) = (&shared.directory, caller.account);
    let mut rows = tokens::list(directory, account, wanted.after, wanted.rows()).await?;
    let next = page::cut(&mut rows, wanted.limit, |row| row.id);
    let data: Vec<TokenView> = rows.into_iter().map(TokenView::from).collect();
    Ok(page::answer(&request, LIST, data, next))
}

/// Make a token
#[utoipa::path(
    post, path = "/v1/tokens", tag = "tokens",
    request_body = TokenInput,
    responses(
        (status = 201, description = "Made; its text is shown this once", body = NewTokenView),
        (status = 422, description = "Wrong values", body = ProblemDocument),
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
    let (account, by) = (caller.account, caller.actor());
    let (made, token) = tokens::create(&shared.directory, account, &by, input).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/tokens/{}", made.id)))
        .json(NewTokenView {
            view: made.into(),
            token,
        }))
}

/// Show one token, without its text
#[utoipa::path(
    get, path = "/v1/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "`tok_…`")),
    responses(
        (status = 200, description = "The token", body = TokenView),
        (status = 404, description = "There is none", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn show(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let id = part(&request, "id")?;
    let found = tokens::show(&shared.directory, caller.account, id).await?;
    Ok(HttpResponse::Ok().json(TokenView::from(found)))
}

/// Change a token
#[utoipa::path(
    patch, path = "/v1/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "`tok_…`")),
    request_body = TokenPatch,
    responses(
        (status = 200, description = "The token as it is now", body = TokenView),
        (status = 404, description = "There is none", body = ProblemDocument),
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
    let (account, by) = (caller.account, caller.actor());
    let changed = tokens::change(&shared.directory, account, id, &by, patch).await?;
    Ok(HttpResponse::Ok().json(TokenView::from(changed)))
}

/// Revoke a token
///
/// For good; every daemon refuses it within a second.
#[utoipa::path(
    delete, path = "/v1/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "`tok_…`")),
    responses(
        (status = 204, description = "Revoked"),
        (status = 404, description = "There is none", body = ProblemDocument),
    )
)]
pub(in crate::http) async fn revoke(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let (account, by) = (caller.account, caller.actor());
    tokens::revoke(&shared.directory, account, part(&request, "id")?, &by).await?;
    Ok(HttpResponse::NoContent().finish())
}
