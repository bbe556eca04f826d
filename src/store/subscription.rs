//! Subscriptions: what people make, read, list, change and remove. Every change bumps the
//! routing version. Their secrets are in `secret`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::activity::note;
use super::bounds::{Bounded, room_for_one};
use super::fold::{herald_fold, holding};
use super::made_key::{Kind, Making};
use super::schema::{subscription, subscription_secret};
use super::seal::{Sealer, open_headers, open_url};
use super::statement::One;
use super::{Connection, Database, StoreError, routing, subscription_note};
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::seal::{KeyRing, OpenError};
use crate::domain::secret::Secret;
use crate::domain::subscription::{SubscriptionSort, SubscriptionState};
use crate::domain::target_url::{TargetUrl, masked};

/// A subscription as stored; its values were checked when they were written.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose it is.
    pub account: AccountId,
    /// What people call it.
    pub title: String,
    /// Where it delivers; what everybody may see of it, if it does not open.
    pub url: TargetUrl,
    /// Why the rest of its URL is unknown, if it does not open.
    pub url_locked: Option<OpenError>,
    /// Which event types it means.
    pub triggers: Vec<String>,
    /// Whether it delivers.
    pub state: SubscriptionState,
    /// Why Herald itself disabled it.
    pub disabled_reason: Option<String>,
    /// The script in `named/` that acts for it, without folder and ending.
    pub plugin: Option<String>,
    /// Headers that go with each request.
    pub headers: BTreeMap<String, String>,
    /// Why its headers are unknown, if they do not open.
    pub headers_locked: Option<OpenError>,
    /// Requests under way at once.
    pub max_in_flight: i32,
    /// Seconds for one attempt.
    pub timeout_seconds: i32,
    /// Seconds after each failure.
    pub retry_schedule: Vec<i32>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = subscription)]
struct Row {
    id: Uuid,
    account_id: Uuid,
    title: String,
    url: String,
    triggers: Vec<Option<String>>,
    state: SubscriptionState,
    disabled_reason: Option<String>,
    plugin: Option<String>,
    headers: serde_json::Value,
    max_in_flight: i32,
    timeout_seconds: i32,
    retry_schedule: Vec<Option<i32>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    sealed_headers: Option<Vec<u8>>,
    sealed_url: Option<Vec<u8>>,
}

impl Row {
    fn read(self, ring: &KeyRing) -> Subscription {
        let row = self;
        let sealed = row.sealed_headers.as_deref();
        let headers = open_headers(ring, row.id, row.headers, sealed);
        let headers_locked = headers.as_ref().err().copied();
        let url = open_url(ring, row.id, &row.url, row.sealed_url.as_deref());
        let url_locked = url.as_ref().err().copied();
        let headers = headers.ok().map(serde_json::from_value);
        Subscription {
            id: SubscriptionId::from_uuid(row.id),
            account: AccountId::from_uuid(row.account_id),
            title: row.title,
            url: url.unwrap_or(TargetUrl::new(row.url)),
            url_locked,
            triggers: row.triggers.into_iter().flatten().collect(),
            state: row.state,
            disabled_reason: row.disabled_reason,
            plugin: row.plugin,
            headers: headers.and_then(Result::ok).unwrap_or_default(),
            headers_locked,
            max_in_flight: row.max_in_flight,
            timeout_seconds: row.timeout_seconds,
            retry_schedule: row.retry_schedule.into_iter().flatten().collect(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A subscription to be made, every value checked.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose it is.
    pub account: AccountId,
    /// What people call it; not empty.
    pub title: String,
    /// Where it delivers: a checked target.
    pub url: String,
    /// 1 to 100 checked triggers.
    pub triggers: Vec<String>,
    /// Whether it delivers.
    pub state: SubscriptionState,
    /// The script in `named/` that acts for it.
    pub plugin: Option<String>,
    /// Checked headers.
    pub headers: BTreeMap<String, String>,
    /// 1 to 256.
    pub max_in_flight: i32,
    /// 1 to 60.
    pub timeout_seconds: i32,
    /// Seconds after each failure.
    pub retry_schedule: Vec<i32>,
}

/// Makes a subscription with its first secret, and records who did it.
///
/// # Errors
/// [`StoreError::Full`] when the account has too many; else when the database is away.
pub async fn create(
    database: &Database,
    new: NewSubscription,
    secret_id: Uuid,
    secret: &Secret,
    making: Making<'_>,
) -> Result<Subscription, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let bounds = database.bounds();
            let (owner, made) = (Some(new.account), new.id.to_string());
            making
                .keep(connection, owner, Kind::Subscription, &made, &bounds)
                .await?;
            let version = routing::bump(connection).await?;
            room_for_one(connection, new.account, Bounded::Subscriptions, &bounds).await?;
            let sealer = Sealer::of(database, connection).await?;
            let (plain, sealed) = sealer.headers(new.id.uuid(), serde_json::json!(new.headers))?;
            let (shown, sealed_url) = sealer.url(new.id.uuid(), &new.url)?;
            let row: Row = diesel::insert_into(subscription::table)
                .values((
                    subscription::id.eq(new.id.uuid()),
                    subscription::account_id.eq(new.account.uuid()),
                    subscription::title.eq(new.title),
                    subscription::url.eq(shown),
                    subscription::sealed_url.eq(sealed_url),
                    subscription::triggers.eq(new.triggers),
                    subscription::state.eq(new.state),
                    subscription::plugin.eq(new.plugin),
                    subscription::headers.eq(plain),
                    subscription::sealed_headers.eq(sealed),
                    subscription::max_in_flight.eq(new.max_in_flight),
                    subscription::timeout_seconds.eq(new.timeout_seconds),
                    subscription::retry_schedule.eq(new.retry_schedule),
                    subscription::version.eq(version),
                ))
                .returning(Row::as_returning())
                .one(connection)
                .await?;
            let (plain, sealed) = sealer.secret(new.id.uuid(), secret_id, secret)?;
            diesel::insert_into(subscription_secret::table)
                .values((
                    subscription_secret::subscription_id.eq(new.id.uuid()),
                    subscription_secret::id.eq(secret_id),
                    subscription_secret::key.eq(plain),
                    subscription_secret::sealed.eq(sealed),
                ))
                .execute(connection)
                .await?;
            let made = row.read(&database.keys());
            subscription_note::created(connection, &made, making.by).await?;
            Ok(made)
        })
        .await
}

/// One subscription of an account, unless it was removed.
///
/// # Errors
/// When the database is away.
pub async fn find(
    database: &Database,
    account: AccountId,
    id: SubscriptionId,
) -> Result<Option<Subscription>, StoreError> {
    let row: Option<Row> = subscription::table
        .find(id.uuid())
        .filter(subscription::account_id.eq(account.uuid()))
        .filter(subscription::deleted_at.is_null())
        .select(Row::as_select())
        .first(&mut database.get().await?)
        .await
        .optional()?;
    Ok(row.map(|row| row.read(&database.keys())))
}

/// Changes of a subscription; none leaves a value as it is.
#[derive(Debug, Default, Clone)]
pub struct SubscriptionChange {
    /// The new title.
    pub title: Option<String>,
    /// The new target.
    pub url: Option<String>,
    /// The new triggers.
    pub triggers: Option<Vec<String>>,
    /// The new state.
    pub state: Option<SubscriptionState>,
    /// The new reason; `Some(None)` forgets it.
    pub disabled_reason: Option<Option<String>>,
    /// The new script; `Some(None)` takes it away.
    pub plugin: Option<Option<String>>,
    /// The new headers, as a JSON object.
    pub headers: Option<serde_json::Value>,
    /// The new bound of requests under way.
    pub max_in_flight: Option<i32>,
    /// The new bound of an attempt, in seconds.
    pub timeout_seconds: Option<i32>,
    /// The new schedule.
    pub retry_schedule: Option<Vec<i32>>,
    /// What the change was made from: if it was changed since, nothing is.
    pub seen: Option<DateTime<Utc>>,
}

/// Changes a subscription, and records what and by whom. `allowed` says which states it may be in:
/// another one changes nothing, nor does a change of what is not as it was seen. Returns the
/// subscription as it is now and whether it was changed. None: there is no such subscription.
///
/// # Errors
/// When the database is away.
pub async fn change(
    database: &Database,
    account: AccountId,
    id: SubscriptionId,
    allowed: &[SubscriptionState],
    change: SubscriptionChange,
    by: &Actor,
) -> Result<Option<(Subscription, bool)>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let version = routing::bump(connection).await?;
            let before: Option<Row> = subscription::table
                .find(id.uuid())
                .filter(subscription::account_id.eq(account.uuid()))
                .filter(subscription::deleted_at.is_null())
                .select(Row::as_select())
                .for_update()
                .first(connection)
                .await
                .optional()?;
            let ring = database.keys();
            let Some(before) = before.map(|row| row.read(&ring)) else {
                return Ok(None);
            };
            let seen = change.seen.is_none_or(|seen| seen == before.updated_at);
            if !seen || !allowed.contains(&before.state) {
                return Ok(Some((before, false)));
            }
            let sealer = Sealer::of(database, connection).await?;
            let headers = change.headers;
            let headers = headers.map(|headers| sealer.headers(id.uuid(), headers));
            let url = change.url.map(|url| sealer.url(id.uuid(), &url));
            let (headers, url) = (headers.transpose()?, url.transpose()?);
            let row: Row = diesel::update(subscription::table.find(id.uuid()))
                .set((
                    change.title.map(|new| subscription::title.eq(new)),
                    url.map(|(shown, sealed)| {
                        (
                            subscription::url.eq(shown),
                            subscription::sealed_url.eq(sealed),
                        )
                    }),
                    change.triggers.map(|new| subscription::triggers.eq(new)),
                    change.state.map(|new| subscription::state.eq(new)),
                    change
                        .disabled_reason
                        .map(|new| subscription::disabled_reason.eq(new)),
                    change.plugin.map(|new| subscription::plugin.eq(new)),
                    headers.map(|(plain, sealed)| {
                        (
                            subscription::headers.eq(plain),
                            subscription::sealed_headers.eq(sealed),
                        )
                    }),
                    change
                        .max_in_flight
                        .map(|new| subscription::max_in_flight.eq(new)),
                    change
                        .timeout_seconds
                        .map(|new| subscription::timeout_seconds.eq(new)),
                    change
                        .retry_schedule
                        .map(|new| subscription::retry_schedule.eq(new)),
                    subscription::updated_at.eq(diesel::dsl::now),
                    subscription::version.eq(version),
                ))
                .returning(Row::as_returning())
                .one(connection)
                .await?;
            let after = row.read(&ring);
            subscription_note::changed(connection, &before, &after, by).await?;
            Ok(Some((after, true)))
        })
        .await
}

/// Leaves a tombstone of a subscription and records who did it: nothing matches it any more. What
/// is still open is the caller's to cancel. False: there is no such subscription.
///
/// # Errors
/// When the database is away.
pub async fn remove(
    database: &Database,
    account: AccountId,
    id: SubscriptionId,
    by: &Actor,
) -> Result<bool, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let version = routing::bump(connection).await?;
            let removed: Option<(String, String)> = diesel::update(
                subscription::table
                    .find(id.uuid())
                    .filter(subscription::account_id.eq(account.uuid()))
                    .filter(subscription::deleted_at.is_null()),
            )
            .set((
                subscription::deleted_at.eq(diesel::dsl::now),
                subscription::updated_at.eq(diesel::dsl::now),
                subscription::version.eq(version),
            ))
            .returning((subscription::title, subscription::url))
            .one(connection)
            .await
            .optional()?;
            let Some((title, url)) = removed else {
                return Ok(false);
            };
            let payload = serde_json::json!({ "title": title, "url": masked(&url) });
            let (what, subject) = (OwnActivity::SubscriptionDeleted, id.to_string());
            note(connection, Some(account), by, what, subject, Some(payload)).await?;
            Ok(true)
        })
        .await
}

/// Host and port of a URL, or the addresses of a `mailto:`.
const HOST: &str = "case when url ~* '^mailto:' then url else split_part(url, '/', 3) end";

/// Which subscriptions a list shows.
#[derive(Debug, Clone)]
pub struct SubscriptionFilter {
    /// In this state.
    pub state: Option<SubscriptionState>,
    /// Made at or after.
    pub created_from: Option<DateTime<Utc>>,
    /// Made before.
    pub created_to: Option<DateTime<Utc>>,
    /// With this text in the title or the host, upper and lower case alike.
    pub text: Option<String>,
    /// Sorted by.
    pub sort: SubscriptionSort,
    /// The greatest first.
    pub descending: bool,
    /// Behind this place.
    pub after: Option<(DateTime<Utc>, SubscriptionId)>,
    /// At most so many.
    pub limit: i64,
}

/// Subscriptions of an account that were not removed.
///
/// # Errors
/// When the database is away.
pub async fn list(
    database: &Database,
    account: AccountId,
    filter: &SubscriptionFilter,
) -> Result<Vec<Subscription>, StoreError> {
    use subscription::{created_at, id, title, updated_at};
    let mut query = subscription::table
        .filter(subscription::account_id.eq(account.uuid()))
        .filter(subscription::deleted_at.is_null())
        .select(Row::as_select())
        .limit(filter.limit)
        .into_boxed();
    if let Some(state) = filter.state {
        query = query.filter(subscription::state.eq(state));
    }
    if let Some(from) = filter.created_from {
        query = query.filter(created_at.ge(from));
    }
    if let Some(to) = filter.created_to {
        query = query.filter(created_at.lt(to));
    }
    if let Some(text) = &filter.text {
        let pattern = herald_fold(holding(text));
        let in_title = herald_fold(title).like(pattern.clone());
        let host = diesel::dsl::sql::<diesel::sql_types::Text>(HOST);
        query = query.filter(in_title.or(herald_fold(host).like(pattern)));
    }
    macro_rules! sorted {
        ($column:expr) => {
            if filter.descending {
                if let Some((at, last)) = filter.after {
                    let last = last.uuid();
                    query = query.filter($column.lt(at).or($column.eq(at).and(id.lt(last))));
                }
                query = query.order(($column.desc(), id.desc()));
            } else {
                if let Some((at, last)) = filter.after {
                    let last = last.uuid();
                    query = query.filter($column.gt(at).or($column.eq(at).and(id.gt(last))));
                }
                query = query.order(($column.asc(), id.asc()));
            }
        };
    }
    match (filter.sort, filter.descending) {
        (SubscriptionSort::CreatedAt, _) => sorted!(created_at),
        (SubscriptionSort::UpdatedAt, _) => sorted!(updated_at),
        (SubscriptionSort::Id, true) => {
            if let Some((_, last)) = filter.after {
                query = query.filter(id.lt(last.uuid()));
            }
            query = query.order(id.desc());
        }
        (SubscriptionSort::Id, false) => {
            if let Some((_, last)) = filter.after {
                query = query.filter(id.gt(last.uuid()));
            }
            query = query.order(id.asc());
        }
    }
    let rows: Vec<Row> = query.load(&mut database.get().await?).await?;
    let ring = database.keys();
    Ok(rows.into_iter().map(|row| row.read(&ring)).collect())
}

/// Cancels what a subscription has open, but for the newest delivery if `keep_newest`; batch by
/// batch, so that nothing waits for a large backlog. Returns how many were cancelled.
///
/// # Errors
/// When the database is away; some may be cancelled then.
pub async fn cancel_open(
    database: &Database,
    account: AccountId,
    id: SubscriptionId,
    keep_newest: bool,
) -> Result<u64, StoreError> {
    let mut lent = database.get().await?;
    super::cancel::cancel_open(&mut lent, account, id, keep_newest).await
}
