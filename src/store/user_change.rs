//! Changes of users: adding, changing and removing them. Each change is committed together with
//! its entry in the activity log.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::json;

use super::activity::note;
use super::bounds::{Bounded, room_for_one};
use super::made_key::{Kind, Making};
use super::outgoing::{self, Handed};
use super::schema::herald_user;
use super::statement::One;
use super::user::{Row, User, read};
use super::user_link::{self, Write};
use super::{Connection, Database, StoreError, session};
use crate::config::AccountBounds;
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::email::Email;
use crate::domain::id::{AccountId, UserId};
use crate::domain::role::UserRole;
use crate::domain::user_link::LinkPurpose;

/// What the activity log shows of a user.
fn facts(user: &User) -> serde_json::Value {
    json!({
        "email": user.email.as_str(), "name": user.name, "role": user.role,
        "disabled": user.disabled_at.is_some(),
    })
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

/// Adds a user with a link to set a password: an invitation if it goes by mail. Returns the
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
        .returning(Row::as_returning())
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
    let (facts, subject) = (facts(&user), user.id.to_string());
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

/// Changes a user, and records who did it. None: there is no such user.
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
                .select(Row::as_select())
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
            let after: Row = own.select(Row::as_select()).first(connection).await?;
            let after = read(after);
            let payload = json!({ "before": facts(&before), "after": facts(&after) });
            let (what, subject) = (OwnActivity::UserChanged, id.to_string());
            note(connection, Some(account), by, what, subject, Some(payload)).await?;
            Ok(Some(after))
        })
        .await
}

/// Removes a user with sessions and links, and records who did it. False: there is no such user.
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
            .returning(Row::as_returning())
            .one(connection)
            .await
            .optional()?;
            let Some(user) = row.map(read) else {
                return Ok(false);
            };
            let (what, subject) = (OwnActivity::UserRemoved, id.to_string());
            let facts = Some(facts(&user));
            note(connection, Some(account), by, what, subject, facts).await?;
            Ok(true)
        })
        .await
}
