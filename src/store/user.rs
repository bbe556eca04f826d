//! Users: who may sign in to an account's pages, and as what. Each change is committed together
//! with its entry in the activity log.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::json;
use uuid::Uuid;

use super::activity::note;
use super::bounds::{Bounded, room_for_one};
use super::made_key::{Kind, Making};
use super::outgoing::{self, Handed, OutgoingMail};
use super::schema::{account, herald_user};
use super::statement::One;
use super::{Connection, Database, StoreError, session, user_link};
use crate::config::AccountBounds;
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::email::Email;
use crate::domain::id::{AccountId, MAIN_ACCOUNT, UserId};
use crate::domain::role::UserRole;
use crate::domain::user_link::LinkPurpose;

/// Upper bound of a name, in characters.
pub const MAX_USER_NAME: usize = 200;

/// A user without the password's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Whose user it is.
    pub account: AccountId,
    /// How they sign in: unique in the account, upper and lower case alike.
    pub email: Email,
    /// What people call them; empty: not known.
    pub name: String,
    /// What they may do.
    pub role: UserRole,
    /// Whether they ever set a password.
    pub password_set: bool,
    /// When they were added.
    pub created_at: DateTime<Utc>,
    /// When they signed in last.
    pub last_sign_in_at: Option<DateTime<Utc>>,
    /// Since when they may not sign in.
    pub disabled_at: Option<DateTime<Utc>>,
}

impl User {
    /// The user as the activity log names who did something.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::User {
            id: self.id.to_string(),
            email: self.email.to_string(),
        }
    }

    /// What the activity log tells of a user.
    fn facts(&self) -> serde_json::Value {
        json!({
            "email": self.email.as_str(), "name": self.name, "role": self.role,
            "disabled": self.disabled_at.is_some(),
        })
    }
}

pub(super) type Row = (
    Uuid,
    Uuid,
    String,
    String,
    UserRole,
    bool,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
);

type Columns = (
    herald_user::id,
    herald_user::account_id,
    herald_user::email,
    herald_user::name,
    herald_user::role,
    diesel::dsl::IsNotNull<herald_user::password_hash>,
    herald_user::created_at,
    herald_user::last_sign_in_at,
    herald_user::disabled_at,
);

/// What [`read`] takes.
#[must_use]
pub(super) fn columns() -> Columns {
    (
        herald_user::id,
        herald_user::account_id,
        herald_user::email,
        herald_user::name,
        herald_user::role,
        herald_user::password_hash.is_not_null(),
        herald_user::created_at,
        herald_user::last_sign_in_at,
        herald_user::disabled_at,
    )
}

pub(super) fn read(row: Row) -> User {
    let (id, account, email, name, role, password_set, created_at, last_sign_in_at, disabled_at) =
        row;
    User {
        id: UserId::from_uuid(id),
        account: AccountId::from_uuid(account),
        email: Email::stored(email),
        name,
        role,
        password_set,
        created_at,
        last_sign_in_at,
        disabled_at,
    }
}

/// A user to be added.
#[derive(Debug)]
pub struct NewUser {
    /// The id.
    pub id: UserId,
    /// Whose user it is.
    pub account: AccountId,
    /// How they sign in.
    pub email: Email,
    /// What people call them; may be empty.
    pub name: String,
    /// What they may do.
    pub role: UserRole,
}

/// Makes the mail that brings a user the link with this token.
pub type Write<'a> = &'a (dyn Fn(&User, LinkPurpose, &str) -> OutgoingMail + Send + Sync);

/// Adds a user with a link to set a password: an invitation if it goes by mail. Answers the
/// link's token if it did not.
///
/// # Errors
/// [`StoreError::Taken`] when the account has a user of this e-mail, [`StoreError::Full`] when it
/// has too many; else when the database is away.
pub async fn add(
    database: &Database,
    new: NewUser,
    write: Option<Write<'_>>,
    making: Making<'_>,
) -> Result<(User, Option<String>), StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let bounds = database.bounds();
            let (owner, made) = (Some(new.account), new.id.to_string());
            making
                .keep(connection, owner, Kind::User, &made, &bounds)
                .await?;
            add_within(connection, &bounds, new, write, making.by).await
        })
        .await
}

/// The same, within the caller's transaction.
pub(super) async fn add_within(
    connection: &mut Connection,
    bounds: &AccountBounds,
    new: NewUser,
    write: Option<Write<'_>>,
    by: &Actor,
) -> Result<(User, Option<String>), StoreError> {
    room_for_one(connection, new.account, Bounded::Users, bounds).await?;
    let row: Option<Row> = diesel::insert_into(herald_user::table)
        .values((
            herald_user::id.eq(new.id.uuid()),
            herald_user::account_id.eq(new.account.uuid()),
            herald_user::email.eq(new.email.as_str()),
            herald_user::email_key.eq(new.email.key()),
            herald_user::name.eq(&new.name),
            herald_user::role.eq(new.role),
        ))
        .on_conflict((herald_user::account_id, herald_user::email_key))
        .do_nothing()
        .returning(columns())
        .one(connection)
        .await
        .optional()?;
    let user = row.map(read).ok_or(StoreError::Taken("This e-mail"))?;
    let token = user_link::issue(connection, user.id, LinkPurpose::Invitation).await?;
    let (what, handed) = match write {
        None => (OwnActivity::UserAdded, Handed::NoMail),
        Some(write) => {
            let mail = write(&user, LinkPurpose::Invitation, &token);
            let handed = outgoing::hand_over(connection, user.account, &mail).await?;
            (OwnActivity::UserInvited, handed)
        }
    };
    let (facts, subject) = (user.facts(), user.id.to_string());
    note(
        connection,
        Some(user.account),
        by,
        what,
        subject,
        Some(facts),
    )
    .await?;
    let token = (handed == Handed::NoMail).then_some(token);
    Ok((user, token))
}

/// The users of an account, newest first.
///
/// # Errors
/// When the database is away.
pub async fn list(
    database: &Database,
    account: AccountId,
    before: Option<UserId>,
    limit: i64,
) -> Result<Vec<User>, StoreError> {
    let mut query = herald_user::table
        .filter(herald_user::account_id.eq(account.uuid()))
        .select(columns())
        .order(herald_user::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(herald_user::id.lt(before.uuid()));
    }
    let rows: Vec<Row> = query.load(&mut database.get().await?).await?;
    Ok(rows.into_iter().map(read).collect())
}

/// One user of an account.
///
/// # Errors
/// When the database is away.
pub async fn find(
    database: &Database,
    account: AccountId,
    id: UserId,
) -> Result<Option<User>, StoreError> {
    let row: Option<Row> = herald_user::table
        .find(id.uuid())
        .filter(herald_user::account_id.eq(account.uuid()))
        .select(columns())
        .first(&mut database.get().await?)
        .await
        .optional()?;
    Ok(row.map(read))
}

/// One user of an account by the e-mail.
///
/// # Errors
/// When the database is away.
pub async fn find_by_email(
    database: &Database,
    account: AccountId,
    email: &Email,
) -> Result<Option<User>, StoreError> {
    let row: Option<Row> = herald_user::table
        .filter(herald_user::account_id.eq(account.uuid()))
        .filter(herald_user::email_key.eq(email.key()))
        .select(columns())
        .first(&mut database.get().await?)
        .await
        .optional()?;
    Ok(row.map(read))
}

/// The same, locked until the end of the transaction.
pub(super) async fn lock(
    connection: &mut Connection,
    account: AccountId,
    email: &Email,
) -> Result<Option<User>, StoreError> {
    let row: Option<Row> = herald_user::table
        .filter(herald_user::account_id.eq(account.uuid()))
        .filter(herald_user::email_key.eq(email.key()))
        .select(columns())
        .for_update()
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(read))
}

/// The accounts in which there is a user of this e-mail, at most ten.
pub(super) async fn accounts_of(
    database: &Database,
    email: &Email,
) -> Result<Vec<AccountId>, StoreError> {
    let rows: Vec<Uuid> = herald_user::table
        .filter(herald_user::email_key.eq(email.key()))
        .select(herald_user::account_id)
        .order(herald_user::id)
        .limit(10)
        .load(&mut database.get().await?)
        .await?;
    Ok(rows.into_iter().map(AccountId::from_uuid).collect())
}

/// Whom a sign-in is about, with the password's hash. Without an account: the user of `main`,
/// else of the account where the e-mail was added first.
///
/// # Errors
/// When the database is away.
pub async fn find_for_sign_in(
    database: &Database,
    email: &Email,
    account_name: Option<&str>,
) -> Result<Option<(User, Option<String>)>, StoreError> {
    let mut query = herald_user::table
        .inner_join(account::table)
        .filter(herald_user::email_key.eq(email.key()))
        .select((columns(), herald_user::password_hash))
        .order((
            herald_user::account_id.eq(MAIN_ACCOUNT.uuid()).desc(),
            herald_user::id,
        ))
        .limit(1)
        .into_boxed();
    if let Some(name) = account_name {
        query = match name.parse::<AccountId>() {
            Ok(id) => query.filter(account::id.eq(id.uuid())),
            Err(_) => query.filter(account::name.eq(name.to_owned())),
        };
    }
    let row: Option<(Row, Option<String>)> =
        query.first(&mut database.get().await?).await.optional()?;
    Ok(row.map(|(row, hash)| (read(row), hash)))
}

/// Changes of a user; none leaves a value as it is.
#[derive(Debug, Default)]
pub struct UserChange {
    /// The new name.
    pub name: Option<String>,
    /// The new role.
    pub role: Option<UserRole>,
    /// Whether they may not sign in; it ends their sessions and links.
    pub disabled: Option<bool>,
}

/// Changes a user, and notes by whom. None: there is no such user.
///
/// # Errors
/// When the database is away.
pub async fn change(
    database: &Database,
    account: AccountId,
    id: UserId,
    change: UserChange,
    by: &Actor,
) -> Result<Option<User>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let before: Option<Row> = herald_user::table
                .find(id.uuid())
                .filter(herald_user::account_id.eq(account.uuid()))
                .select(columns())
                .for_update()
                .first(connection)
                .await
                .optional()?;
            let Some(before) = before.map(read) else {
                return Ok(None);
            };
            let mut after = before.clone();
            after.name = change.name.unwrap_or(after.name);
            after.role = change.role.unwrap_or(after.role);
            let disabled = change.disabled.unwrap_or(before.disabled_at.is_some());
            if after == before && disabled == before.disabled_at.is_some() {
                return Ok(Some(before));
            }
            let own = herald_user::table.find(id.uuid());
            let values = (
                herald_user::name.eq(&after.name),
                herald_user::role.eq(after.role),
                herald_user::updated_at.eq(now),
            );
            diesel::update(own).set(values).execute(connection).await?;
            if disabled && before.disabled_at.is_none() {
                let since = herald_user::disabled_at.eq(now);
                diesel::update(own).set(since).execute(connection).await?;
                session::end_all(connection, id).await?;
                user_link::end_all(connection, id).await?;
            } else if !disabled {
                let since = herald_user::disabled_at.eq(None::<DateTime<Utc>>);
                diesel::update(own).set(since).execute(connection).await?;
            }
            let after: Row = own.select(columns()).first(connection).await?;
            let after = read(after);
            let payload = json!({ "before": before.facts(), "after": after.facts() });
            let (what, subject) = (OwnActivity::UserChanged, id.to_string());
            note(connection, Some(account), by, what, subject, Some(payload)).await?;
            Ok(Some(after))
        })
        .await
}

/// Removes a user with sessions and links, and notes by whom. False: there is no such user.
///
/// # Errors
/// When the database is away.
pub async fn remove(
    database: &Database,
    account: AccountId,
    id: UserId,
    by: &Actor,
) -> Result<bool, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let row: Option<Row> = diesel::delete(
                herald_user::table
                    .find(id.uuid())
                    .filter(herald_user::account_id.eq(account.uuid())),
            )
            .returning(columns())
            .one(connection)
            .await
            .optional()?;
            let Some(user) = row.map(read) else {
                return Ok(false);
            };
            let (what, subject) = (OwnActivity::UserRemoved, id.to_string());
            let facts = Some(user.facts());
            note(connection, Some(account), by, what, subject, facts).await?;
            Ok(true)
        })
        .await
}
