//! Tokens of an account; without an account, those that are operator-wide.

use super::input::{OrNull, Text, Whole, made_and_changed};
use super::making::{Kind, Making, once};
use super::{Directory, Refusal, Result};
use crate::domain::activity::Actor;
use crate::domain::id::{AccountId, TokenId};
use crate::domain::role::Role;
use crate::store::token::{self, MAX_RATE_LIMIT, Token, TokenChange};

/// Upper bound of a title's length, in characters.
pub const MAX_TITLE: usize = 200;

/// A token's title.
pub type TokenTitle = Text<1, MAX_TITLE>;
/// A token's own limit, in requests a second; 0: none.
pub type RateLimit = Whole<0, MAX_RATE_LIMIT>;

made_and_changed! {
    /// A token to be made.
    TokenInput
    /// Changes of a token; what is left out stays.
    TokenPatch
    {
        once {}
        needed {
            /// What people call it.
            title: TokenTitle = "Shop",
            /// What it may do.
            role: Role = "publisher",
        }
        /// Requests a second that may be made with it at one daemon; 0: any number; null, also of
        /// a new one that names none: what the settings say.
        rate_limit: OrNull<RateLimit> = 100,
    }
}

/// Makes a token. Returns its text as well, which cannot be had again: a request that is repeated
/// with its key gets none.
///
/// # Errors
/// The account has as many as it may, or the database is away.
pub async fn create(
    directory: &Directory,
    account: Option<AccountId>,
    making: Making<'_>,
    input: TokenInput,
) -> Result<(Token, Option<String>)> {
    let database = directory.database();
    let make = async {
        let id = TokenId::from_uuid(directory.fresh_uuid());
        let limit = input.rate_limit.and_then(|limit| limit.0).map(Whole::get);
        let title = &input.title;
        let made = token::issue(database, id, account, input.role, title, limit, making).await?;
        Ok((made.0, Some(made.1)))
    };
    let show = async |id| Ok((show(directory, account, id).await?, None));
    once(database, account, (Kind::Token, making), make, show).await
}

/// At most `limit` tokens, newest first, behind `after`.
///
/// # Errors
/// When the database is away.
pub async fn list(
    directory: &Directory,
    account: Option<AccountId>,
    after: Option<TokenId>,
    limit: i64,
) -> Result<Vec<Token>> {
    Ok(token::list(directory.database(), account, after, limit).await?)
}

/// One token.
///
/// # Errors
/// There is none, or the database is away.
pub async fn show(directory: &Directory, account: Option<AccountId>, id: TokenId) -> Result<Token> {
    let found = token::find(directory.database(), account, id).await?;
    found.ok_or_else(missing)
}

/// Changes a token.
///
/// # Errors
/// There is none, or the database is away.
pub async fn change(
    directory: &Directory,
    account: Option<AccountId>,
    id: TokenId,
    by: &Actor,
    patch: TokenPatch,
) -> Result<Token> {
    let change = TokenChange {
        title: patch.title.map(Text::into_inner),
        role: patch.role,
        rate_limit: patch.rate_limit.map(|limit| limit.0.map(Whole::get)),
    };
    let changed = token::change(directory.database(), account, id, change, by).await?;
    directory.forget_all();
    changed.ok_or_else(missing)
}

/// Takes a token out of force, for good.
///
/// # Errors
/// There is none, or the database is away.
pub async fn revoke(
    directory: &Directory,
    account: Option<AccountId>,
    id: TokenId,
    by: &Actor,
) -> Result<()> {
    let hash = token::revoke(directory.database(), account, id, by).await?;
    directory.forget(&hash.ok_or_else(missing)?);
    Ok(())
}

fn missing() -> Refusal {
    Refusal::not_found("token")
}
