//! How much of each thing an account has, and that it gets no more than it may. Whatever makes one
//! more checks here within its own transaction, so that two at once are counted one after the
//! other.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::schema::{account, activity_type, event_type, herald_user, subscription, token};
use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::config::AccountBounds;
use crate::domain::id::AccountId;

/// Bytes that the patterns of all schemas of an account may take, compiled. No setting: it
/// bounds the memory of the daemon.
const MAX_PATTERN_BYTES: i64 = 4 << 20;

/// What is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounded {
    EventTypes,
    Subscriptions,
    Tokens,
    Users,
    ActivityTypes,
}

/// Makes sure that the account may have one more. The account's row stays locked until the
/// caller's transaction ends.
///
/// # Errors
/// [`StoreError::Full`] if it may not; else when the database is away.
pub(super) async fn room_for_one(
    connection: &mut Connection,
    account: AccountId,
    what: Bounded,
    bounds: &AccountBounds,
) -> Result<(), StoreError> {
    account::table
        .find(account.uuid())
        .select(account::id)
        .for_no_key_update()
        .first::<uuid::Uuid>(connection)
        .await?;
    let id = account.uuid();
    let (known, most, noun, setting): (i64, u32, _, _) = match what {
        Bounded::EventTypes => {
            let own = event_type::table
                .filter(event_type::account_id.eq(id))
                .filter(event_type::deleted_at.is_null())
                .filter(event_type::builtin.eq(false));
            let known = own.count().one(connection).await?;
            (
                known,
                bounds.event_types,
                "event types of its own",
                "account_event_types",
            )
        }
        Bounded::Subscriptions => {
            let living = subscription::table
                .filter(subscription::account_id.eq(id))
                .filter(subscription::deleted_at.is_null());
            let known = living.count().one(connection).await?;
            (
                known,
                bounds.subscriptions,
                "subscriptions",
                "account_subscriptions",
            )
        }
        Bounded::Tokens => {
            let in_force = token::table
                .filter(token::account_id.eq(id))
                .filter(token::revoked_at.is_null());
            let known = in_force.count().one(connection).await?;
            (known, bounds.tokens, "tokens in force", "account_tokens")
        }
        Bounded::Users => {
            let users = herald_user::table.filter(herald_user::account_id.eq(id));
            let known = users.count().one(connection).await?;
            (known, bounds.users, "users", "account_users")
        }
        Bounded::ActivityTypes => {
            let added = activity_type::table.filter(activity_type::account_id.eq(id));
            let known = added.count().one(connection).await?;
            (
                known,
                bounds.activity_types,
                "activities of its own",
                "account_activity_types",
            )
        }
    };
    if known < i64::from(most) {
        return Ok(());
    }
    Err(StoreError::Full(format!(
        "The account has {known} {noun}, and {most} is the most that it may have: remove one, or \
         ask the operator to raise {setting}"
    )))
}

#[derive(QueryableByName)]
struct Schemas {
    #[diesel(sql_type = BigInt)]
    schemas: i64,
    #[diesel(sql_type = BigInt)]
    patterns: i64,
}

/// Makes sure that the schemas of an account, as they are now in the caller's transaction, are
/// not too large together. The caller holds what all changes of event types lock.
///
/// # Errors
/// [`StoreError::Full`] if they are; else when the database is away.
pub(super) async fn schemas_fit(
    connection: &mut Connection,
    account: AccountId,
    bounds: &AccountBounds,
) -> Result<(), StoreError> {
    let Schemas { schemas, patterns } = diesel::sql_query(
        "select coalesce(sum(schema_bytes), 0)::bigint as schemas, \
            coalesce(sum(pattern_bytes), 0)::bigint as patterns \
         from event_type where account_id = $1 and deleted_at is null",
    )
    .bind::<SqlUuid, _>(account.uuid())
    .one(connection)
    .await?;
    if schemas > i64::from(bounds.schema_bytes) {
        return Err(StoreError::Full(format!(
            "With this, the schemas of the account's event types would have {schemas} bytes \
             together, and {} is the most: make one smaller, or ask the operator to raise \
             account_schema_bytes",
            bounds.schema_bytes
        )));
    }
    if patterns > MAX_PATTERN_BYTES {
        return Err(StoreError::Full(format!(
            "With this, the patterns of the account's schemas would take {patterns} bytes \
             compiled, and {MAX_PATTERN_BYTES} is the most: use fewer or simpler patterns"
        )));
    }
    Ok(())
}

/// What an account has of all that is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Usage {
    /// Own event types.
    #[diesel(sql_type = BigInt)]
    pub event_types: i64,
    /// Bytes of their schemas.
    #[diesel(sql_type = BigInt)]
    pub schema_bytes: i64,
    /// Subscriptions.
    #[diesel(sql_type = BigInt)]
    pub subscriptions: i64,
    /// Tokens in force.
    #[diesel(sql_type = BigInt)]
    pub tokens: i64,
    /// Users.
    #[diesel(sql_type = BigInt)]
    pub users: i64,
    /// Activities that it added.
    #[diesel(sql_type = BigInt)]
    pub activity_types: i64,
    /// Idempotency keys of today (UTC).
    #[diesel(sql_type = BigInt)]
    pub idempotency_keys: i64,
}

/// Counts what an account has, in one snapshot.
///
/// # Errors
/// When the database is away.
pub async fn usage(database: &Database, account: AccountId) -> Result<Usage, StoreError> {
    Ok(diesel::sql_query(include_str!("bounds/usage.sql"))
        .bind::<SqlUuid, _>(account.uuid())
        .one(&mut *database.get().await?)
        .await?)
}
