//! Tokens of an account; without an account, those that are operator-wide.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::{AccountId, TokenId};
use crate::domain::role::Role;
use crate::http::extract::{Asker, JsonBody, Keyed, Path, QueryInput};
use crate::http::page::{Page, PageRequest};
use crate::http::reply::{ApiResult, CreatedJson, EmptyReply, OkJson};
use crate::service::input::WholeList;
use crate::service::tokens::{self, TokenInput, TokenPatch};
use crate::service::views;
use crate::store::token::Token;

views! {
    /// A token without its text.
    pub(crate) TokenView of token: Token {
        /// Its id.
        id: TokenId,
        /// Whose it is; null: it is operator-wide.
        account_id: Option<AccountId> = token.account,
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
}

/// A token just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewTokenView {
    #[serde(flatten)]
    view: TokenView,
    /// Its text, `hrld_…`: shown this once and kept nowhere. Null: the Idempotency-Key was used
    /// before, and this is the token that was made then.
    token: Option<String>,
}

pub(crate) async fn list(
    by: Asker,
    QueryInput(asked): QueryInput<WholeList>,
) -> ApiResult<Page<TokenView>> {
    let wanted: PageRequest<'_, TokenId> = PageRequest::of(&asked, "tokens")?;
    let (directory, account) = (&by.shared.directory, by.caller.account);
    let rows = tokens::list(directory, account, wanted.after, wanted.rows()).await?;
    Ok(wanted.page(rows, |row| row.id, TokenView::from))
}

pub(crate) async fn create(
    by: Asker,
    keyed: Keyed<TokenInput>,
) -> ApiResult<CreatedJson<NewTokenView>> {
    let (input, making) = keyed.split(by.caller.actor());
    let (directory, account) = (&by.shared.directory, by.caller.account);
    let (made, token) = tokens::create(directory, account, making.get(), input.finish()?).await?;
    let (address, view) = (format!("/v1/tokens/{}", made.id), made.into());
    Ok(CreatedJson::at(address, NewTokenView { view, token }))
}

pub(crate) async fn show(by: Asker, Path(id): Path<TokenId>) -> ApiResult<OkJson<TokenView>> {
    let found = tokens::show(&by.shared.directory, by.caller.account, id).await?;
    Ok(OkJson(found.into()))
}

pub(crate) async fn change(
    by: Asker,
    Path(id): Path<TokenId>,
    JsonBody(patch): JsonBody<TokenPatch>,
) -> ApiResult<OkJson<TokenView>> {
    let (account, actor) = (by.caller.account, by.caller.actor());
    let changed = tokens::change(&by.shared.directory, account, id, &actor, patch).await?;
    Ok(OkJson(changed.into()))
}

pub(crate) async fn revoke(by: Asker, Path(id): Path<TokenId>) -> ApiResult<EmptyReply> {
    let (account, actor) = (by.caller.account, by.caller.actor());
    tokens::revoke(&by.shared.directory, account, id, &actor).await?;
    Ok(EmptyReply)
}
