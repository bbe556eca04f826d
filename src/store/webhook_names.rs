//! What subscriptions are called, and which of them name a script: for lists that show other
//! things beside them.

use std::collections::{BTreeMap, HashMap};

use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::schema::subscription;
use super::{Database, StoreError};
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::subscription::SubscriptionState;

/// The titles of these subscriptions of an account, of removed ones as well.
///
/// # Errors
/// When the database is away.
pub async fn titles(
    database: &Database,
    account: AccountId,
    ids: &[SubscriptionId],
) -> Result<HashMap<SubscriptionId, String>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows: Vec<(Uuid, String)> = subscription::table
        .filter(subscription::id.eq_any(ids))
        .filter(subscription::account_id.eq(account.uuid()))
        .select((subscription::id, subscription::title))
        .load(&mut database.get().await?)
        .await?;
    let title = |(id, title)| (SubscriptionId::from_uuid(id), title);
    Ok(rows.into_iter().map(title).collect())
}

/// A subscription that names a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// Its id.
    pub id: SubscriptionId,
    /// What people call it.
    pub title: String,
    /// Whether it takes part.
    pub state: SubscriptionState,
}

/// The subscriptions of an account that name a script, newest first, at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn naming(
    database: &Database,
    account: AccountId,
    plugin: &str,
    limit: i64,
) -> Result<Vec<Naming>, StoreError> {
    let rows: Vec<(Uuid, String, SubscriptionState)> = subscription::table
        .filter(subscription::account_id.eq(account.uuid()))
        .filter(subscription::plugin.eq(plugin))
        .filter(subscription::deleted_at.is_null())
        .select((subscription::id, subscription::title, subscription::state))
        .order(subscription::id.desc())
        .limit(limit)
        .load(&mut database.get().await?)
        .await?;
    let naming = |(id, title, state)| Naming {
        id: SubscriptionId::from_uuid(id),
        title,
        state,
    };
    Ok(rows.into_iter().map(naming).collect())
}

/// How many subscriptions of an account name each script.
///
/// # Errors
/// When the database is away.
pub async fn named(
    database: &Database,
    account: AccountId,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let rows: Vec<(Option<String>, i64)> = subscription::table
        .filter(subscription::account_id.eq(account.uuid()))
        .filter(subscription::plugin.is_not_null())
        .filter(subscription::deleted_at.is_null())
        .group_by(subscription::plugin)
        .select((subscription::plugin, count_star()))
        .load(&mut database.get().await?)
        .await?;
    let known = |(name, count): (Option<String>, i64)| Some((name?, count));
    Ok(rows.into_iter().filter_map(known).collect())
}

/// The newest subscriptions of an account, at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn newest(
    database: &Database,
    account: AccountId,
    limit: i64,
) -> Result<Vec<(SubscriptionId, String)>, StoreError> {
    let rows: Vec<(Uuid, String)> = subscription::table
        .filter(subscription::account_id.eq(account.uuid()))
        .filter(subscription::deleted_at.is_null())
        .select((subscription::id, subscription::title))
        .order((subscription::created_at.desc(), subscription::id.desc()))
        .limit(limit)
        .load(&mut database.get().await?)
        .await?;
    let title = |(id, title)| (SubscriptionId::from_uuid(id), title);
    Ok(rows.into_iter().map(title).collect())
}
