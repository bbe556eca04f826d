//! API tokens: random text that is shown once; the database holds its SHA-256 alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use rand::TryRngCore;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::activity::note;
use super::bounds::{Bounded, room_for_one};
use super::made_key::{Kind, Making};
use super::schema::token;
use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::id::{AccountId, TokenId};
use crate::domain::role::Role;

/// What a token's text begins with.
pub const TOKEN_PREFIX: &str = "hrld_";
/// Length of a token's text: the prefix and 32 random bytes in base64url.
pub const TOKEN_LENGTH: usize = TOKEN_PREFIX.len() + 43;

/// A token without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// Whose it is; none: operator-wide, it names an account with each request.
    pub account: Option<AccountId>,
    /// What it may do.
    pub role: Role,
    /// What people call it.
    pub title: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stopped to be accepted.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Its own limit, in requests a second, or 0 for none; none: what the settings say.
    pub rate_limit: Option<i32>,
}

/// Upper bound of a token's own limit, in requests a second.
pub const MAX_RATE_LIMIT: i32 = 1_000_000;

/// SHA-256 of a token's text.
pub type TokenHash = [u8; 32];

/// The hash by which the database knows a token.
#[must_use]
pub fn hash(text: &str) -> TokenHash {
    Sha256::digest(text.as_bytes()).into()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = token, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: Uuid,
    account_id: Option<Uuid>,
    role: Role,
    title: String,
    created_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
    rate_limit: Option<i32>,
}

fn read(row: Row) -> Token {
    Token {
        id: TokenId::from_uuid(row.id),
        account: row.account_id.map(AccountId::from_uuid),
        role: row.role,
        title: row.title,
        created_at: row.created_at,
        revoked_at: row.revoked_at,
        rate_limit: row.rate_limit,
    }
}

/// Makes a token, records who did it, and returns its text, which cannot be had again.
///
/// # Errors
/// [`StoreError::Full`] when the account has too many; else when the database is away, there is no
/// such account, or the system gives no random bytes.
pub async fn issue(
    database: &Database,
    id: TokenId,
    account: Option<AccountId>,
    role: Role,
    title: &str,
    rate_limit: Option<i32>,
    making: Making<'_>,
) -> Result<(Token, String), StoreError> {
    let mut random = [0; 32];
    rand::rngs::OsRng
        .try_fill_bytes(&mut random)
        .map_err(|error| StoreError::Unfit(format!("no random bytes: {error}")))?;
    let mut text = String::with_capacity(TOKEN_LENGTH);
    text.push_str(TOKEN_PREFIX);
    URL_SAFE_NO_PAD.encode_string(random, &mut text);
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    let made = connection
        .transaction(async |connection: &mut Connection| {
            let bounds = database.bounds();
            let made = id.to_string();
            making
                .keep(connection, account, Kind::Token, &made, &bounds)
                .await?;
            if let Some(account) = account {
                room_for_one(connection, account, Bounded::Tokens, &bounds).await?;
            }
            let row: Row = diesel::insert_into(token::table)
                .values((
                    token::id.eq(id.uuid()),
                    token::account_id.eq(account.map(AccountId::uuid)),
                    token::role.eq(role),
                    token::title.eq(title),
                    token::rate_limit.eq(rate_limit),
                    token::hash.eq(hash(&text).as_slice()),
                ))
                .returning(Row::as_returning())
                .one(connection)
                .await?;
            let made = read(row);
            let (what, subject) = (OwnActivity::TokenCreated, id.to_string());
            note(
                connection,
                account,
                making.by,
                what,
                subject,
                Some(facts(&made)),
            )
            .await?;
            Ok::<_, StoreError>(made)
        })
        .await?;
    Ok((made, text))
}

/// What the activity log shows of a token.
fn facts(token: &Token) -> serde_json::Value {
    serde_json::json!({
        "title": token.title, "role": token.role, "operator": token.account.is_none(),
        "rate_limit": token.rate_limit,
    })
}

/// The tokens in force among those of the given hashes.
///
/// # Errors
/// When the database is away.
pub async fn in_force(
    database: &Database,
    hashes: &[TokenHash],
) -> Result<Vec<(TokenHash, Token)>, StoreError> {
    let hashes: Vec<&[u8]> = hashes.iter().map(<[u8; 32]>::as_slice).collect();
    let rows: Vec<(Vec<u8>, Row)> = token::table
        .filter(token::hash.eq_any(hashes).and(token::revoked_at.is_null()))
        .select((token::hash, Row::as_select()))
        .load(&mut database.get().await?)
        .await?;
    let known = |(hash, row): (Vec<u8>, Row)| Some((TokenHash::try_from(hash).ok()?, read(row)));
    Ok(rows.into_iter().filter_map(known).collect())
}

/// The tokens of an account (none: the operator-wide ones), newest first.
///
/// # Errors
/// When the database is away.
pub async fn list(
    database: &Database,
    account: Option<AccountId>,
    before: Option<TokenId>,
    limit: i64,
) -> Result<Vec<Token>, StoreError> {
    let mut query = token::table
        .select(Row::as_select())
        .order(token::id.desc())
        .limit(limit)
        .into_boxed();
    query = match account {
        Some(account) => query.filter(token::account_id.eq(account.uuid())),
        None => query.filter(token::account_id.is_null()),
    };
    if let Some(before) = before {
        query = query.filter(token::id.lt(before.uuid()));
    }
    let rows: Vec<Row> = query.load(&mut database.get().await?).await?;
    Ok(rows.into_iter().map(read).collect())
}

/// One token of an account (none: an operator-wide one).
///
/// # Errors
/// When the database is away.
pub async fn find(
    database: &Database,
    account: Option<AccountId>,
    id: TokenId,
) -> Result<Option<Token>, StoreError> {
    let row: Option<Row> = token::table
        .find(id.uuid())
        .filter(token::account_id.is_not_distinct_from(account.map(AccountId::uuid)))
        .select(Row::as_select())
        .first(&mut database.get().await?)
        .await
        .optional()?;
    Ok(row.map(read))
}

/// Changes of a token; none leaves a value as it is.
#[derive(Debug, Default)]
pub struct TokenChange {
    /// The new title.
    pub title: Option<String>,
    /// The new role.
    pub role: Option<Role>,
    /// The new limit; none in it: what the settings say.
    pub rate_limit: Option<Option<i32>>,
}

/// Changes a token, and records who did it. None: there is no such token.
///
/// # Errors
/// When the database is away.
pub async fn change(
    database: &Database,
    account: Option<AccountId>,
    id: TokenId,
    change: TokenChange,
    by: &Actor,
) -> Result<Option<Token>, StoreError> {
    if change.title.is_none() && change.role.is_none() && change.rate_limit.is_none() {
        return find(database, account, id).await;
    }
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let own = || {
                let owner = account.map(AccountId::uuid);
                token::table
                    .find(id.uuid())
                    .filter(token::account_id.is_not_distinct_from(owner))
            };
            let before: Option<Row> = own()
                .select(Row::as_select())
                .for_update()
                .first(connection)
                .await
                .optional()?;
            let Some(before) = before.map(read) else {
                return Ok(None);
            };
            let row: Row = diesel::update(own())
                .set((
                    change.title.map(|title| token::title.eq(title)),
                    change.role.map(|role| token::role.eq(role)),
                    change.rate_limit.map(|limit| token::rate_limit.eq(limit)),
                ))
                .returning(Row::as_returning())
                .one(connection)
                .await?;
            let after = read(row);
            if after != before {
                let payload = serde_json::json!({
                    "before": facts(&before), "after": facts(&after),
                });
                let (what, subject) = (OwnActivity::TokenChanged, id.to_string());
                note(connection, account, by, what, subject, Some(payload)).await?;
            }
            Ok(Some(after))
        })
        .await
}

/// Takes a token out of force for good, and records who did it; one that was revoked before keeps
/// its time. Returns its hash. None: there is no such token.
///
/// # Errors
/// When the database is away.
pub async fn revoke(
    database: &Database,
    account: Option<AccountId>,
    id: TokenId,
    by: &Actor,
) -> Result<Option<TokenHash>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let own = || {
                let owner = account.map(AccountId::uuid);
                token::table
                    .find(id.uuid())
                    .filter(token::account_id.is_not_distinct_from(owner))
            };
            let known: Option<(Vec<u8>, Row)> = own()
                .select((token::hash, Row::as_select()))
                .for_update()
                .first(connection)
                .await
                .optional()?;
            let Some((hash, row)) = known else {
                return Ok(None);
            };
            let token = read(row);
            if token.revoked_at.is_none() {
                diesel::update(own())
                    .set(token::revoked_at.eq(diesel::dsl::now))
                    .execute(connection)
                    .await?;
                let (what, subject) = (OwnActivity::TokenRevoked, id.to_string());
                note(connection, account, by, what, subject, Some(facts(&token))).await?;
            }
            Ok(hash.try_into().ok())
        })
        .await
}
