//! Accounts: the tenants. This module knows nothing of what they own beyond whether they own
//! anything.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::activity::note;
use super::feature_level::{self, FeatureLevel};
use super::made_key::{Kind, Making};
use super::schema::{account, audit_result, stat};
use super::statement::One;
use super::user_change::{self, NewUser};
use super::user_link::Write;
use super::{Connection, Database, StoreError, routing};
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::id::AccountId;
use crate::domain::mail::Sender;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name: unique, lower case, at most 63 characters.
    pub name: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Which senders its mails may name; None: the domain of `mail_from`.
    pub mail_senders: Option<Vec<Sender>>,
}

/// Changes of an account; none leaves a value as it is.
#[derive(Debug, Default)]
pub struct Change {
    /// The name.
    pub name: Option<String>,
    /// The senders; the inner None: the domain of `mail_from`.
    pub mail_senders: Option<Option<Vec<Sender>>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = account)]
struct Row {
    id: Uuid,
    name: String,
    created_at: DateTime<Utc>,
    mail_senders: Option<Vec<Option<String>>>,
}

fn read(row: Row) -> Account {
    let senders = |listed: Vec<Option<String>>| {
        let known = listed.into_iter().flatten();
        known.map(Sender::stored).collect()
    };
    Account {
        id: AccountId::from_uuid(row.id),
        name: row.name,
        created_at: row.created_at,
        mail_senders: row.mail_senders.map(senders),
    }
}

/// Makes an account, and records who did it in the log of `main`: accounts are the operator's.
///
/// # Errors
/// [`StoreError::Taken`] when the name is in use; else when the database is away.
pub async fn create(
    database: &Database,
    id: AccountId,
    name: &str,
    making: Making<'_>,
) -> Result<Account, StoreError> {
    let made = create_with(database, id, name, None, making).await?;
    Ok(made.0)
}

/// The same, in one transaction with its first admin, if one is given. Returns the token of the
/// admin's link if no mail brings it.
///
/// # Errors
/// [`StoreError::Taken`] when the name is in use; else when the database is away.
pub async fn create_with(
    database: &Database,
    id: AccountId,
    name: &str,
    admin: Option<(NewUser, Option<Write<'_>>)>,
    making: Making<'_>,
) -> Result<(Account, Option<String>), StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let (by, bounds) = (making.by, database.bounds());
            let made = id.to_string();
            making
                .keep(connection, None, Kind::Account, &made, &bounds)
                .await?;
            let row: Option<Row> = diesel::insert_into(account::table)
                .values((account::id.eq(id.uuid()), account::name.eq(name)))
                .on_conflict(account::name)
                .do_nothing()
                .returning(Row::as_returning())
                .one(connection)
                .await
                .optional()?;
            let made = row
                .map(read)
                .ok_or(StoreError::Taken("This account name"))?;
            let payload = serde_json::json!({ "name": name });
            let (what, subject) = (OwnActivity::AccountCreated, id.to_string());
            note(connection, None, by, what, subject, Some(payload)).await?;
            let token = match admin {
                Some((admin, write)) => {
                    user_change::add_within(connection, &bounds, admin, write, by)
                        .await?
                        .1
                }
                None => None,
            };
            Ok((made, token))
        })
        .await
}

/// The ids of all accounts.
///
/// # Errors
/// When the database is away.
pub async fn ids(database: &Database) -> Result<Vec<AccountId>, StoreError> {
    let ids: Vec<Uuid> = account::table
        .select(account::id)
        .order(account::id)
        .load(&mut database.get().await?)
        .await?;
    Ok(ids.into_iter().map(AccountId::from_uuid).collect())
}

/// The account of that id.
///
/// # Errors
/// When the database is away.
pub async fn find(database: &Database, id: AccountId) -> Result<Option<Account>, StoreError> {
    let row: Option<Row> = account::table
        .find(id.uuid())
        .select(Row::as_select())
        .first(&mut database.get().await?)
        .await
        .optional()?;
    Ok(row.map(read))
}

/// The account of that name.
///
/// # Errors
/// When the database is away.
pub async fn find_by_name(database: &Database, name: &str) -> Result<Option<Account>, StoreError> {
    let row: Option<Row> = account::table
        .filter(account::name.eq(name))
        .select(Row::as_select())
        .first(&mut database.get().await?)
        .await
        .optional()?;
    Ok(row.map(read))
}

/// The names of some accounts.
///
/// # Errors
/// When the database is away.
pub async fn names(
    database: &Database,
    ids: &[AccountId],
) -> Result<HashMap<AccountId, String>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, String)> = account::table
        .filter(account::id.eq_any(ids.iter().map(|id| id.uuid())))
        .select((account::id, account::name))
        .load(&mut database.get().await?)
        .await?;
    let named = rows
        .into_iter()
        .map(|(id, name)| (AccountId::from_uuid(id), name));
    Ok(named.collect())
}

/// Accounts, newest first, those made before `before` only.
///
/// # Errors
/// When the database is away.
pub async fn list(
    database: &Database,
    before: Option<AccountId>,
    limit: i64,
) -> Result<Vec<Account>, StoreError> {
    let mut query = account::table
        .select(Row::as_select())
        .order(account::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(account::id.lt(before.uuid()));
    }
    let rows: Vec<Row> = query.load(&mut database.get().await?).await?;
    Ok(rows.into_iter().map(read).collect())
}

/// Changes an account, and records what and by whom. None: there is no such account.
///
/// # Errors
/// [`StoreError::Taken`] when the name is in use; [`StoreError::OlderDaemon`] when senders are
/// listed while a daemon lives that would ignore the list; else when the database is away.
pub async fn change(
    database: &Database,
    id: AccountId,
    change: Change,
    by: &Actor,
) -> Result<Option<Account>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let before: Option<Row> = account::table
                .find(id.uuid())
                .select(Row::as_select())
                .for_update()
                .first(connection)
                .await
                .optional()?;
            let Some(before) = before.map(read) else {
                return Ok(None);
            };
            let after = Account {
                name: change.name.unwrap_or_else(|| before.name.clone()),
                mail_senders: change
                    .mail_senders
                    .unwrap_or_else(|| before.mail_senders.clone()),
                ..before.clone()
            };
            let listed = |account: &Account| -> Option<Vec<String>> {
                let senders = account.mail_senders.as_ref()?;
                Some(senders.iter().map(Sender::to_string).collect())
            };
            let (old, new) = (listed(&before), listed(&after));
            if new.is_some() && old != new {
                feature_level::require(connection, FeatureLevel::MAIL_SENDERS).await?;
            }
            let set = (
                account::name.eq(&after.name),
                account::mail_senders.eq(&new),
            );
            let changed = diesel::update(account::table.find(id.uuid()))
                .set(set)
                .execute(connection)
                .await;
            changed.map_err(|error| match error {
                diesel::result::Error::DatabaseError(
                    diesel::result::DatabaseErrorKind::UniqueViolation,
                    _,
                ) => StoreError::Taken("This account name"),
                other => other.into(),
            })?;
            let mut noted = Vec::new();
            if before.name != after.name {
                let payload = serde_json::json!({ "before": before.name, "after": after.name });
                noted.push((OwnActivity::AccountRenamed, payload));
            }
            if old != new {
                let payload = serde_json::json!({ "before": old, "after": new });
                noted.push((OwnActivity::MailSendersChanged, payload));
            }
            for (what, payload) in noted {
                note(connection, None, by, what, id.to_string(), Some(payload)).await?;
            }
            Ok(Some(after))
        })
        .await
}

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The account, its tokens and its own event types are gone.
    Removed,
    /// There was no such account.
    Unknown,
    /// It has subscriptions or events: nothing was removed.
    InUse,
}

#[derive(diesel::QueryableByName)]
struct Used {
    #[diesel(sql_type = Bool)]
    used: bool,
}

/// Removes an account that owns neither subscriptions nor events. An account with events stays: the
/// log, recovery and the audit go by the accounts that there are. Records who did it, in the log of
/// `main`.
///
/// # Errors
/// When the database is away.
pub async fn remove(database: &Database, id: AccountId, by: &Actor) -> Result<Removal, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            // Its publishers wait for this lock, so no event can come in between.
            routing::bump(connection).await?;
            let known: Option<String> = account::table
                .find(id.uuid())
                .select(account::name)
                .for_update()
                .first(connection)
                .await
                .optional()?;
            let Some(name) = known else {
                return Ok(Removal::Unknown);
            };
            let Used { used } = diesel::sql_query(
                "select exists (select from subscription where account_id = $1 and deleted_at is null) \
                    or exists (select from event where account_id = $1) \
                    or exists (select from delivery where account_id = $1) as used",
            )
            .bind::<SqlUuid, _>(id.uuid())
            .one(connection)
            .await?;
            if used {
                return Ok(Removal::InUse);
            }
            diesel::delete(account::table.find(id.uuid())).execute(connection).await?;
            let of = stat::account_id.eq(id.uuid());
            diesel::delete(stat::table.filter(of)).execute(connection).await?;
            diesel::delete(audit_result::table.find(id.uuid())).execute(connection).await?;
            let payload = serde_json::json!({ "name": name });
            let (what, subject) = (OwnActivity::AccountRemoved, id.to_string());
            note(connection, None, by, what, subject, Some(payload)).await?;
            Ok(Removal::Removed)
        })
        .await
}
