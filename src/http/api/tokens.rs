//! Tokens of an account; without an account, those that are operator-wide.

use std::ops::RangeInclusive;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::shapes::{TokenInput, TokenPatch};
use super::{no_query, part};
use crate::domain::id::{AccountId, TokenId};
use crate::domain::role::Role;
use crate::http::auth::Caller;
use crate::http::body;
use crate::http::fields::{self, Fields, Query};
use crate::http::page::{self, Page, Wanted};
use crate::http::problem::{Problem, ProblemDocument};
use crate::http::server::Shared;
use crate::store::fresh::fresh_uuid;
use crate::store::token::{self, Token, TokenChange};

/// Upper bound of a title's length, in characters.
pub(in crate::http) const MAX_TITLE: usize = 200;

/// What a token's own limit may be.
const RATE_LIMITS: RangeInclusive<i64> = 0..=token::MAX_RATE_LIMIT as i64;

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
    let database = shared.engine.database();
    let mut rows = token::list(database, caller.account, wanted.after, wanted.rows()).await?;
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
    let (made, token) = make(&shared, &caller, &body::object(&request, payload).await?).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/tokens/{}", made.id)))
        .json(NewTokenView {
            view: made.into(),
            token,
        }))
}

/// Makes a token of what a body says. Answers its text, which cannot be had again.
///
/// # Errors
/// Wrong values, each told, or the database is away.
pub(in crate::http) async fn make(
    shared: &Shared,
    caller: &Caller,
    body: &[u8],
) -> Result<(Token, String), Problem> {
    let mut fields = Fields::parse(body)?;
    let title = fields.need("title", fields::text_within(1..=MAX_TITLE));
    let role = fields.need("role", fields::parsed::<Role>);
    let rate_limit = fields.take_nullable("rate_limit", fields::integer(RATE_LIMITS));
    fields.finish()?;
    let engine = &shared.engine;
    let id = TokenId::from_uuid(fresh_uuid(engine.clock()));
    // `finish` refused a body without a role; the least of them stands in for the type's sake.
    let role = role.unwrap_or(Role::Publisher);
    let title = title.unwrap_or_default();
    let (database, by) = (engine.database(), caller.actor());
    let (owner, limit) = (caller.account, rate_limit.flatten());
    Ok(token::issue(database, id, owner, role, &title, limit, &by).await?)
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
    let found = token::find(shared.engine.database(), caller.account, id).await?;
    let found = found.ok_or_else(|| Problem::not_found("token"))?;
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
    let body = body::object(&request, payload).await?;
    let changed = alter(&shared, &caller, id, &body).await?;
    Ok(HttpResponse::Ok().json(TokenView::from(changed)))
}

/// Changes a token to what a body says.
///
/// # Errors
/// Wrong values, each told, no such token, or the database is away.
pub(in crate::http) async fn alter(
    shared: &Shared,
    caller: &Caller,
    id: TokenId,
    body: &[u8],
) -> Result<Token, Problem> {
    let mut fields = Fields::parse(body)?;
    let title = fields.take("title", fields::text_within(1..=MAX_TITLE));
    let role = fields.take("role", fields::parsed::<Role>);
    let rate_limit = fields.take_nullable("rate_limit", fields::integer(RATE_LIMITS));
    fields.finish()?;
    let change = TokenChange {
        title,
        role,
        rate_limit,
    };
    let (database, by) = (shared.engine.database(), caller.actor());
    let changed = token::change(database, caller.account, id, change, &by).await?;
    shared.authenticator.forget_all();
    changed.ok_or_else(|| Problem::not_found("token"))
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
    end(&shared, &caller, part(&request, "id")?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Takes a token out of force.
///
/// # Errors
/// There is no such token, or the database is away.
pub(in crate::http) async fn end(
    shared: &Shared,
    caller: &Caller,
    id: TokenId,
) -> Result<(), Problem> {
    let (database, by) = (shared.engine.database(), caller.actor());
    let hash = token::revoke(database, caller.account, id, &by).await?;
    let hash = hash.ok_or_else(|| Problem::not_found("token"))?;
    shared.authenticator.forget(&hash);
    Ok(())
}
