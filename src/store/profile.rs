//! What users do about themselves: their name, their password, their sessions. Each change is
//! committed together with its entry in the activity log.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{Interval, Timestamptz};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::json;

use super::activity::note;
use super::fresh::SecretHash;
use super::schema::{herald_user, session};
use super::session::{IDLE, Session};
use super::sign_in::{self, Tries};
use super::user_link;
use super::{Connection, Database, StoreError};
use crate::domain::activity::{Actor, OwnActivity};

/// One of a user's sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// What its browser called itself; may be empty.
    pub user_agent: String,
    /// When they signed in.
    pub created_at: DateTime<Utc>,
    /// When it was used last, to the minute.
    pub seen_at: DateTime<Utc>,
    /// It is the one that asks.
    pub own: bool,
}

/// The sessions of a user that are in force, the one used last first. `own`: the key of the one
/// that asks.
///
/// # Errors
/// When the database is away.
pub async fn sessions(
    database: &Database,
    of: &Session,
    own: &SecretHash,
) -> Result<Vec<OpenSession>, StoreError> {
    type Row = (Vec<u8>, String, DateTime<Utc>, DateTime<Utc>);
    let idle = now.into_sql::<Timestamptz>() - IDLE.into_sql::<Interval>();
    let rows: Vec<Row> = session::table
        .filter(session::user_id.eq(of.user().uuid()))
        .filter(session::expires_at.gt(now))
        .filter(session::seen_at.gt(idle))
        .select((
            session::hash,
            session::user_agent,
            session::created_at,
            session::seen_at,
        ))
        .order((session::seen_at.desc(), session::created_at.desc()))
        .load(&mut database.get().await?)
        .await?;
    let open = |(hash, user_agent, created_at, seen_at): Row| OpenSession {
        user_agent,
        created_at,
        seen_at,
        own: hash.as_slice() == own.as_slice(),
    };
    Ok(rows.into_iter().map(open).collect())
}

/// Ends every session of a user but the one that asks, and notes it if there were any. Returns
/// how many.
///
/// # Errors
/// When the database is away.
pub async fn end_others(
    database: &Database,
    of: &Session,
    own: &SecretHash,
) -> Result<usize, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let ended = end(connection, of, own).await?;
            if ended > 0 {
                let payload = json!({ "sessions_ended": ended });
                note_own(connection, of, OwnActivity::SignedOut, payload).await?;
            }
            Ok(ended)
        })
        .await
}

async fn end(
    connection: &mut Connection,
    of: &Session,
    own: &SecretHash,
) -> Result<usize, StoreError> {
    let others = session::table
        .filter(session::user_id.eq(of.user().uuid()))
        .filter(session::hash.ne(own.as_slice()));
    Ok(diesel::delete(others).execute(connection).await?)
}

async fn note_own(
    connection: &mut Connection,
    of: &Session,
    what: OwnActivity,
    payload: serde_json::Value,
) -> Result<(), StoreError> {
    let id = of.user().to_string();
    let by = Actor::User {
        id: id.clone(),
        email: of.email.clone(),
    };
    note(connection, Some(of.account()), &by, what, id, Some(payload)).await
}

/// Gives a user another name, and notes it. False: the user was removed meanwhile.
///
/// # Errors
/// When the database is away.
pub async fn rename(database: &Database, of: &Session, name: &str) -> Result<bool, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let own = herald_user::table.find(of.user().uuid());
            let before: Option<String> = own
                .select(herald_user::name)
                .for_update()
                .first(connection)
                .await
                .optional()?;
            let Some(before) = before else {
                return Ok(false);
            };
            if before == name {
                return Ok(true);
            }
            let values = (herald_user::name.eq(name), herald_user::updated_at.eq(now));
            diesel::update(own).set(values).execute(connection).await?;
            let payload = json!({ "before": { "name": before }, "after": { "name": name } });
            note_own(connection, of, OwnActivity::UserChanged, payload).await?;
            Ok(true)
        })
        .await
}

/// The hash of a user's password.
///
/// # Errors
/// When the database is away.
pub async fn password(database: &Database, of: &Session) -> Result<Option<String>, StoreError> {
    let hash: Option<Option<String>> = herald_user::table
        .find(of.user().uuid())
        .filter(herald_user::disabled_at.is_null())
        .select(herald_user::password_hash)
        .first(&mut database.get().await?)
        .await
        .optional()?;
    Ok(hash.flatten())
}

/// Sets another password of a user who gave the present one: ends their links and every session
/// but the one that asks, takes the count of the try back, and notes it. False: the password is
/// another one by now.
///
/// # Errors
/// When the database is away.
pub async fn set_password(
    database: &Database,
    of: &Session,
    own: &SecretHash,
    (present, new): (&str, &str),
    tries: &Tries,
) -> Result<bool, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let same = herald_user::table
                .find(of.user().uuid())
                .filter(herald_user::disabled_at.is_null())
                .filter(herald_user::password_hash.eq(present));
            let values = (
                herald_user::password_hash.eq(new),
                herald_user::updated_at.eq(now),
            );
            if diesel::update(same).set(values).execute(connection).await? == 0 {
                return Ok(false);
            }
            let ended = end(connection, of, own).await?;
            user_link::end_all(connection, of.user()).await?;
            sign_in::succeeded(connection, tries).await?;
            let payload = json!({ "by": "present password", "sessions_ended": ended });
            note_own(connection, of, OwnActivity::PasswordChanged, payload).await?;
            Ok(true)
        })
        .await
}
