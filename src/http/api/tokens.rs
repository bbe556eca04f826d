//! Tokens of an account; without an account, those that are operator-wide.

use actix_web::web::Data;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::{AccountId, TokenId};
use crate::domain::role::Role;
use crate::http::extract::{Asked, Body, Keyed, Path};
use crate::http::page::{Page, Wanted};
use crate::http::problem::Problem;
use crate::http::reply::{Done, Made, Shown};
use crate::http::shared::Shared;
use crate::service::callers::Caller;
use crate::service::input::WholeList;
use crate::service::tokens::{self, TokenInput, TokenPatch};
use crate::store::token::Token;

/// A token without its text.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct TokenView {
    /// Its id.
    id: TokenId,
    /// Whose it is; null: it is operator-wide.
    account_id: Option<AccountId>,
    /// What people call it.
    title: String,
    /// `publisher`, `viewer` or `admin`.
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
    /// Its text, `hrld_…`: shown this once and kept nowhere. Null: the Idempotency-Key was used
    /// before, and this is the token that was made then.
    token: Option<String>,
}

pub(in crate::http) async fn list(
    shared: Data<Shared>,
    caller: Caller,
    Asked(asked): Asked<WholeList>,
) -> Result<Page<TokenView>, Problem> {
    let wanted: Wanted<'_, TokenId> = Wanted::of(&asked, "tokens")?;
    let (directory, account) = (&shared.directory, caller.account);
    let rows = tokens::list(directory, account, wanted.after, wanted.rows()).await?;
    Ok(wanted.page(rows, |row| row.id, TokenView::from))
}

pub(in crate::http) async fn create(
    shared: Data<Shared>,
    caller: Caller,
    keyed: Keyed<TokenInput>,
) -> Result<Made<NewTokenView>, Problem> {
    let (input, making) = keyed.apart(caller.actor());
    let (directory, account) = (&shared.directory, caller.account);
    let (made, token) = tokens::create(directory, account, making.get(), input.finish()?).await?;
    Ok(Made {
        at: Some(format!("/v1/tokens/{}", made.id)),
        what: NewTokenView {
            view: made.into(),
            token,
        },
    })
}

pub(in crate::http) async fn show(
    shared: Data<Shared>,
    caller: Caller,
    Path(id): Path<TokenId>,
) -> Result<Shown<TokenView>, Problem> {
    let found = tokens::show(&shared.directory, caller.account, id).await?;
    Ok(Shown(found.into()))
}

pub(in crate::http) async fn change(
    shared: Data<Shared>,
    caller: Caller,
    Path(id): Path<TokenId>,
    Body(patch): Body<TokenPatch>,
) -> Result<Shown<TokenView>, Problem> {
    let (account, by) = (caller.account, caller.actor());
    let changed = tokens::change(&shared.directory, account, id, &by, patch).await?;
    Ok(Shown(changed.into()))
}

pub(in crate::http) async fn revoke(
    shared: Data<Shared>,
    caller: Caller,
    Path(id): Path<TokenId>,
) -> Result<Done, Problem> {
    let (account, by) = (caller.account, caller.actor());
    tokens::revoke(&shared.directory, account, id, &by).await?;
    Ok(Done)
}
