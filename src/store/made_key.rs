//! Idempotency keys of requests that make something other than events: what each of them made, kept
//! in the transaction that makes it.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::feature_level::{self, FeatureLevel};
use super::schema::made_key;
use super::{Connection, Database, StoreError};
use crate::config::AccountBounds;
use crate::domain::activity::Actor;
use crate::domain::id::AccountId;
pub use crate::domain::made_kind::MadeKind as Kind;

/// Why nothing is made with an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// It was used before with another body, or for another thing.
    #[error("this Idempotency-Key was used before with another body or path")]
    Reused,
    /// The account may use no further key today.
    #[error(
        "the account has used {most} idempotency keys today, by UTC, and that is the most that it \
         may: go on tomorrow, or ask the operator to raise account_idempotency_keys"
    )]
    TooMany {
        /// How many it may use.
        most: u32,
    },
}

/// The key of a request, and what it goes with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// 1 to 255 visible characters.
    pub key: String,
    /// SHA-256 of the body, and of the path where it names a thing.
    pub body_hash: [u8; 32],
}

/// Who makes something, and the key of their request if it has one.
#[derive(Debug, Clone, Copy)]
pub struct Making<'a> {
    /// Who.
    pub by: &'a Actor,
    /// The key.
    pub key: Option<&'a RequestKey>,
}

impl<'a> Making<'a> {
    /// Without a key.
    #[must_use]
    pub const fn by(by: &'a Actor) -> Self {
        Self { by, key: None }
    }

    /// Keeps the key with what is made, within the caller's transaction. Whoever has the same key
    /// at the same time waits for the end of it.
    ///
    /// # Errors
    /// [`StoreError::MadeBefore`] if the key is kept already, [`StoreError::Key`] if the
    /// account may use no more of them today, [`StoreError::OlderDaemon`] while one is at work that
    /// would make it again; else when the database is away.
    pub(super) async fn keep(
        self,
        connection: &mut Connection,
        account: Option<AccountId>,
        kind: Kind,
        made: &str,
        bounds: &AccountBounds,
    ) -> Result<(), StoreError> {
        let Some(key) = self.key else {
            return Ok(());
        };
        feature_level::require(connection, FeatureLevel::MADE_KEYS).await?;
        let kept = diesel::insert_into(made_key::table)
            .values((
                made_key::account_id.eq(owner(account)),
                made_key::kind.eq(kind.as_str()),
                made_key::key.eq(&key.key),
                made_key::body_hash.eq(key.body_hash.as_slice()),
                made_key::made.eq(made),
            ))
            .on_conflict_do_nothing()
            .execute(connection)
            .await?;
        if kept == 0 {
            return Err(StoreError::MadeBefore);
        }
        let Some(account) = account else {
            return Ok(());
        };
        let most = bounds.idempotency_keys;
        let counted = diesel::sql_query(
            "insert into idempotency_count as c (account_id, day, keys) \
             values ($1, (now() at time zone 'utc')::date, 1) \
             on conflict (account_id, day) do update set keys = c.keys + 1 where c.keys < $2",
        )
        .bind::<SqlUuid, _>(account.uuid())
        .bind::<BigInt, _>(i64::from(most))
        .execute(connection)
        .await?;
        if counted == 0 {
            return Err(KeyRefused::TooMany { most }.into());
        }
        Ok(())
    }
}

/// What a request with this key made before: its id or name.
///
/// # Errors
/// [`StoreError::Key`] if it had another body; else when the database is away.
pub async fn find(
    database: &Database,
    account: Option<AccountId>,
    kind: Kind,
    key: &RequestKey,
) -> Result<Option<String>, StoreError> {
    let row: Option<(Vec<u8>, String)> = made_key::table
        .find((owner(account), kind.as_str(), &key.key))
        .select((made_key::body_hash, made_key::made))
        .first(&mut database.get().await?)
        .await
        .optional()?;
    match row {
        Some((hash, _)) if hash != key.body_hash => Err(KeyRefused::Reused.into()),
        row => Ok(row.map(|(_, made)| made)),
    }
}

/// Forgets keys that are older than 24 h.
///
/// # Errors
/// When the database is away.
pub async fn forget_old(connection: &mut Connection) -> Result<(), StoreError> {
    diesel::sql_query("delete from made_key where at < now() - interval '24 hours'")
        .execute(connection)
        .await?;
    Ok(())
}

fn owner(account: Option<AccountId>) -> Uuid {
    account.map_or(Uuid::nil(), AccountId::uuid)
}
