//! Users: who may sign in to an account's pages, and as what. Changes of them are in
//! `user_change`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::schema::{account, herald_user};
use super::{Connection, Database, StoreError};
use crate::domain::activity::Actor;
use crate::domain::email::Email;
use crate::domain::id::{AccountId, MAIN_ACCOUNT, UserId};
use crate::domain::role::UserRole;

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
}

/// A user as the table has them, without the password's hash.
#[derive(Queryable, Selectable)]
#[diesel(table_name = herald_user, check_for_backend(diesel::pg::Pg))]
pub(super) struct Row {
    id: Uuid,
    account_id: Uuid,
    email: String,
    name: String,
    role: UserRole,
    #[diesel(select_expression = herald_user::password_hash.is_not_null())]
    #[diesel(select_expression_type = diesel::dsl::IsNotNull<herald_user::password_hash>)]
    password_set: bool,
    created_at: DateTime<Utc>,
    last_sign_in_at: Option<DateTime<Utc>>,
    disabled_at: Option<DateTime<Utc>>,
}

pub(super) fn read(row: Row) -> User {
    User {
        id: UserId::from_uuid(row.id),
        account: AccountId::from_uuid(row.account_id),
        email: Email::stored(row.email),
        name: row.name,
        role: row.role,
        password_set: row.password_set,
        created_at: row.created_at,
        last_sign_in_at: row.last_sign_in_at,
        disabled_at: row.disabled_at,
    }
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
        .select(Row::as_select())
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
        .select(Row::as_select())
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
        .select(Row::as_select())
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
        .select(Row::as_select())
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
        .select((Row::as_select(), herald_user::password_hash))
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
