//! Which subscriptions and event types there are, for the daemons that route by them: the one
//! version that every change bumps, and what changed above a version.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use uuid::Uuid;

use super::activity::note;
use super::schema::{event_type, routing, subscription, subscription_secret};
use super::seal::{open_headers, open_secret, open_url};
use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::event_type::Validation;
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::seal::{KeyRing, OpenError};
use crate::domain::secret::Secret;
use crate::domain::subscription::SubscriptionState;
use crate::domain::target_url::TargetUrl;

/// Bumps the version, inside the caller's transaction, before it writes what changed with the
/// new version. Changes queue up here until that transaction ends; so does the ingest
/// statement, for which they are then all visible or not at all.
pub(super) async fn bump(connection: &mut Connection) -> Result<i64, StoreError> {
    Ok(diesel::update(routing::table)
        .set(routing::version.eq(routing::version + 1))
        .returning(routing::version)
        .one(connection)
        .await?)
}

/// A subscription as routing and delivery need it.
#[derive(Debug, Clone)]
pub struct RoutedSubscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose it is.
    pub account: AccountId,
    /// What people call it.
    pub title: String,
    /// Where it delivers.
    pub url: TargetUrl,
    /// What it matches.
    pub triggers: Vec<String>,
    /// Whether it delivers.
    pub state: SubscriptionState,
    /// The bare name of its script.
    pub plugin: Option<String>,
    /// Its own headers, as a JSON object of strings.
    pub headers: serde_json::Value,
    /// Attempts under way at once.
    pub max_in_flight: i32,
    /// Seconds for one attempt.
    pub timeout_seconds: i32,
    /// Seconds after each failure.
    pub retry_schedule: Vec<i32>,
    /// It is deleted.
    pub deleted: bool,
    /// Its signing secrets, newest first, each with its end.
    pub secrets: Vec<(Secret, Option<DateTime<Utc>>)>,
    /// Why nothing may be sent: its secrets, its headers or its URL do not open.
    pub locked: Option<OpenError>,
}

/// An own event type, or the changed validation of a built-in one.
#[derive(Debug, Clone)]
pub struct RoutedType {
    /// Whose it is.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// Only the validation of a built-in type is changed.
    pub builtin: bool,
    /// The JSON Schema of an own type, as text.
    pub schema: Option<String>,
    /// What happens to events that do not fit; None: the default.
    pub validation: Option<Validation>,
    /// It is deleted.
    pub deleted: bool,
}

/// What changed above a version.
#[derive(Debug, Default)]
pub struct RoutingChanges {
    /// The version that they lead to.
    pub version: i64,
    /// Subscriptions.
    pub subscriptions: Vec<RoutedSubscription>,
    /// Event types.
    pub types: Vec<RoutedType>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = subscription, check_for_backend(diesel::pg::Pg))]
struct SubscriptionRow {
    id: Uuid,
    account_id: Uuid,
    url: String,
    triggers: Vec<Option<String>>,
    state: SubscriptionState,
    headers: serde_json::Value,
    max_in_flight: i32,
    timeout_seconds: i32,
    retry_schedule: Vec<Option<i32>>,
    deleted_at: Option<DateTime<Utc>>,
    title: String,
    plugin: Option<String>,
    sealed_headers: Option<Vec<u8>>,
    sealed_url: Option<Vec<u8>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = subscription_secret, check_for_backend(diesel::pg::Pg))]
struct SecretRow {
    subscription_id: Uuid,
    id: Uuid,
    key: Option<Vec<u8>>,
    sealed: Option<Vec<u8>>,
    expires_at: Option<DateTime<Utc>>,
}

/// A secret as far as it opens, with its end.
type OpenedSecret = (Result<Secret, OpenError>, Option<DateTime<Utc>>);

#[derive(Queryable, Selectable)]
#[diesel(table_name = event_type, check_for_backend(diesel::pg::Pg))]
struct TypeRow {
    account_id: Uuid,
    name: String,
    builtin: bool,
    #[diesel(select_expression = diesel::dsl::sql::<Nullable<Text>>("schema::text"))]
    #[diesel(select_expression_type = diesel::expression::SqlLiteral<Nullable<Text>>)]
    schema: Option<String>,
    validation: Option<Validation>,
    deleted_at: Option<DateTime<Utc>>,
}

/// Reads, in one snapshot, what changed above `known` (0: everything).
///
/// # Errors
/// When the database is away.
pub async fn changes_since(database: &Database, known: i64) -> Result<RoutingChanges, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            connection
                .batch_execute("set transaction isolation level repeatable read, read only")
                .await?;
            let version: i64 = routing::table
                .select(routing::version)
                .first(connection)
                .await?;
            if version == known {
                return Ok(RoutingChanges {
                    version,
                    ..RoutingChanges::default()
                });
            }
            // Tombstones matter only to a reader that knew the rows before.
            let rows: Vec<SubscriptionRow> =
                subscription::table
                    .filter(subscription::version.gt(known))
                    .filter(subscription::deleted_at.is_null().or(diesel::dsl::sql::<
                        diesel::sql_types::Bool,
                    >(
                        if known == 0 { "false" } else { "true" },
                    )))
                    .select(SubscriptionRow::as_select())
                    .load(connection)
                    .await?;
            let secrets: Vec<SecretRow> = subscription_secret::table
                .inner_join(
                    subscription::table
                        .on(subscription::id.eq(subscription_secret::subscription_id)),
                )
                .filter(subscription::version.gt(known))
                .filter(
                    subscription_secret::expires_at
                        .is_null()
                        .or(subscription_secret::expires_at.gt(diesel::dsl::now)),
                )
                .order(subscription_secret::created_at.desc())
                .select(SecretRow::as_select())
                .load(connection)
                .await?;
            let ring = database.keys();
            let mut opened = std::collections::HashMap::<Uuid, Vec<_>>::new();
            for row in secrets {
                let (owner, sealed) = (row.subscription_id, row.sealed.as_deref());
                let secret = open_secret(&ring, owner, row.id, row.key, sealed);
                opened
                    .entry(owner)
                    .or_default()
                    .push((secret, row.expires_at));
            }
            let types: Vec<TypeRow> = event_type::table
                .filter(event_type::version.gt(known))
                .select(TypeRow::as_select())
                .load(connection)
                .await?;
            Ok(RoutingChanges {
                version,
                subscriptions: rows
                    .into_iter()
                    .map(|row| {
                        let secrets = opened.remove(&row.id).unwrap_or_default();
                        routed_subscription(&ring, row, secrets)
                    })
                    .collect(),
                types: types.into_iter().map(routed_type).collect(),
            })
        })
        .await
}

fn routed_subscription(
    ring: &KeyRing,
    row: SubscriptionRow,
    secrets: Vec<OpenedSecret>,
) -> RoutedSubscription {
    let headers = open_headers(ring, row.id, row.headers, row.sealed_headers.as_deref());
    let url = open_url(ring, row.id, &row.url, row.sealed_url.as_deref());
    let mut locked = headers.as_ref().err().or(url.as_ref().err()).copied();
    // No subscription is without a secret: one whose rows are gone is not sent unsigned either.
    if secrets.is_empty() {
        locked = Some(OpenError::Damaged);
    }
    let mut opened = Vec::with_capacity(secrets.len());
    for (secret, end) in secrets {
        match secret {
            Ok(secret) => opened.push((secret, end)),
            Err(error) => locked = Some(error),
        }
    }
    RoutedSubscription {
        id: SubscriptionId::from_uuid(row.id),
        account: AccountId::from_uuid(row.account_id),
        title: row.title,
        plugin: row.plugin,
        url: url.unwrap_or(TargetUrl::new(row.url)),
        triggers: row.triggers.into_iter().flatten().collect(),
        state: row.state,
        headers: headers.unwrap_or_default(),
        max_in_flight: row.max_in_flight,
        timeout_seconds: row.timeout_seconds,
        retry_schedule: row.retry_schedule.into_iter().flatten().collect(),
        deleted: row.deleted_at.is_some(),
        secrets: opened,
        locked,
    }
}

fn routed_type(row: TypeRow) -> RoutedType {
    RoutedType {
        account: AccountId::from_uuid(row.account_id),
        name: row.name,
        builtin: row.builtin,
        schema: row.schema,
        validation: row.validation,
        deleted: row.deleted_at.is_some(),
    }
}

/// Pauses a subscription on Herald's own account and notes it, with the reason for people: its
/// deliveries are held. Returns false if it was not enabled any more.
///
/// # Errors
/// When the database is away.
pub async fn hold(
    database: &Database,
    id: SubscriptionId,
    reason: &str,
) -> Result<bool, StoreError> {
    let (state, what) = (SubscriptionState::Paused, OwnActivity::SubscriptionPaused);
    stop(database, id, state, what, reason).await
}

/// Disables a subscription on Herald's own account and notes it, with the reason for people.
/// Returns false if it was not enabled any more.
///
/// # Errors
/// When the database is away.
pub async fn disable(
    database: &Database,
    id: SubscriptionId,
    reason: &str,
) -> Result<bool, StoreError> {
    let (state, what) = (
        SubscriptionState::Disabled,
        OwnActivity::SubscriptionDisabled,
    );
    stop(database, id, state, what, reason).await
}

async fn stop(
    database: &Database,
    id: SubscriptionId,
    state: SubscriptionState,
    what: OwnActivity,
    reason: &str,
) -> Result<bool, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let version = bump(connection).await?;
            let stopped: Option<(Uuid, String)> = diesel::update(
                subscription::table
                    .filter(subscription::id.eq(id.uuid()))
                    .filter(subscription::state.eq(SubscriptionState::Enabled))
                    .filter(subscription::deleted_at.is_null()),
            )
            .set((
                subscription::state.eq(state),
                subscription::disabled_reason.eq(reason),
                subscription::updated_at.eq(diesel::dsl::now),
                subscription::version.eq(version),
            ))
            .returning((subscription::account_id, subscription::title))
            .one(connection)
            .await
            .optional()?;
            let Some((account, title)) = stopped else {
                return Ok(false);
            };
            let payload = serde_json::json!({ "title": title, "reason": reason });
            note(
                connection,
                Some(AccountId::from_uuid(account)),
                &Actor::Herald,
                what,
                id.to_string(),
                Some(payload),
            )
            .await?;
            Ok(true)
        })
        .await
}
