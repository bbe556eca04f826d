//! What people call subscriptions, for lists that name them and for choosing one; and those that
//! an event did not go to. Removed ones keep their names.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::fold::{herald_fold, holding};
use super::schema::subscription;
use super::{Database, StoreError};
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::subscription::SubscriptionState;

/// A subscription's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What people call it.
    pub title: String,
    /// It was removed.
    pub removed: bool,
}

/// The names of these subscriptions of an account, removed ones too.
///
/// # Errors
/// When the database is away.
pub async fn named(
    database: &Database,
    account: AccountId,
    ids: &[SubscriptionId],
) -> Result<HashMap<SubscriptionId, Named>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, String, Option<DateTime<Utc>>)> = subscription::table
        .filter(subscription::account_id.eq(account.uuid()))
        .filter(subscription::id.eq_any(ids.iter().map(|id| id.uuid())))
        .select((
            subscription::id,
            subscription::title,
            subscription::deleted_at,
        ))
        .load(&mut database.get().await?)
        .await?;
    let rows = rows.into_iter().map(|(id, title, deleted_at)| {
        let removed = deleted_at.is_some();
        (SubscriptionId::from_uuid(id), Named { title, removed })
    });
    Ok(rows.collect())
}

/// Subscriptions of an account by title, with `text` in it, upper and lower case alike; at most
/// `limit`.
///
/// # Errors
/// When the database is away.
pub async fn titled(
    database: &Database,
    account: AccountId,
    text: &str,
    limit: i64,
) -> Result<Vec<(SubscriptionId, String)>, StoreError> {
    let rows: Vec<(Uuid, String)> = subscription::table
        .filter(subscription::account_id.eq(account.uuid()))
        .filter(subscription::deleted_at.is_null())
        .filter(herald_fold(subscription::title).like(herald_fold(holding(text))))
        .order((subscription::title, subscription::id))
        .limit(limit)
        .select((subscription::id, subscription::title))
        .load(&mut database.get().await?)
        .await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|(id, title)| (SubscriptionId::from_uuid(id), title))
        .collect())
}

/// What is known of a subscription that an event did not go to.
#[derive(Debug, Clone)]
pub struct Bystander {
    /// Its id.
    pub id: SubscriptionId,
    /// What people call it.
    pub title: String,
    /// Which event types it means now.
    pub triggers: Vec<String>,
    /// Whether it delivers now.
    pub state: SubscriptionState,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// When it was removed.
    pub deleted_at: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = subscription, check_for_backend(diesel::pg::Pg))]
struct BystanderRow {
    id: Uuid,
    title: String,
    triggers: Vec<Option<String>>,
    state: SubscriptionState,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    deleted_at: Option<DateTime<Utc>>,
}

/// Subscriptions of an account other than `targets` that were not removed before `at`, by id and
/// behind `after`; at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn bystanders(
    database: &Database,
    account: AccountId,
    targets: &[SubscriptionId],
    at: DateTime<Utc>,
    after: Option<SubscriptionId>,
    limit: i64,
) -> Result<Vec<Bystander>, StoreError> {
    let rows: Vec<BystanderRow> = subscription::table
        .filter(subscription::account_id.eq(account.uuid()))
        .filter(subscription::id.ne_all(targets.iter().map(|id| id.uuid())))
        .filter(subscription::id.gt(after.map_or_else(Uuid::nil, SubscriptionId::uuid)))
        .filter(
            subscription::deleted_at
                .is_null()
                .or(subscription::deleted_at.gt(at)),
        )
        .order(subscription::id)
        .limit(limit)
        .select(BystanderRow::as_select())
        .load(&mut database.get().await?)
        .await?;
    let read = |row: BystanderRow| Bystander {
        id: SubscriptionId::from_uuid(row.id),
        title: row.title,
        triggers: row.triggers.into_iter().flatten().collect(),
        state: row.state,
        created_at: row.created_at,
        updated_at: row.updated_at,
        deleted_at: row.deleted_at,
    };
    Ok(rows.into_iter().map(read).collect())
}
