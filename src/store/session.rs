//! Sessions of users on the pages. The browser holds a random text, the database its hash.

use chrono::TimeDelta;
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{Bytea, Interval, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::activity::note;
use super::fresh::{SecretHash, fresh_bytes, fresh_secret};
use super::schema::sql_types::UserRole as SqlUserRole;
use super::schema::{herald_user, session};
use super::statement::One;
use super::user::User;
use super::{Connection, Database, StoreError, known_browser, session_note, sign_in, user_link};
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::id::{AccountId, UserId};
use crate::domain::role::UserRole;

/// How long a session lives however much it is used.
pub const LIFETIME: TimeDelta = TimeDelta::days(14);
/// How long it lives unused.
pub const IDLE: TimeDelta = TimeDelta::hours(12);
/// How many a user may have; the oldest gives way.
pub const MOST_SESSIONS: i64 = 20;
/// Upper bound of what is kept of a browser's name, in characters.
const MOST_AGENT: usize = 200;

/// What a new session is known by.
#[derive(Debug)]
pub struct NewSession {
    /// For the cookie: shown to nobody else, kept nowhere.
    pub token: String,
    /// What requests that change something must carry beside the cookie.
    pub csrf: [u8; 32],
    /// The hash of the token.
    pub hash: SecretHash,
    /// For the cookie by which the browser is known from now on.
    pub known: String,
}

/// What a browser brings along.
#[derive(Debug, Default)]
pub struct Brought<'a> {
    /// Its session.
    pub session: Option<SecretHash>,
    /// What it is known by.
    pub known: Option<SecretHash>,
    /// What it calls itself.
    pub user_agent: &'a str,
}

/// Signs in a user whose password was right: a new session, whatever the browser brought along;
/// the one that it brought ends. None: the user was disabled, removed or got another password
/// meanwhile.
///
/// # Errors
/// When the database is away, or the system gives no random bytes.
pub async fn open(
    database: &Database,
    user: &User,
    password_hash: &str,
    brought: Brought<'_>,
    tries: &sign_in::Tries,
) -> Result<Option<NewSession>, StoreError> {
    let (token, hash) = fresh_secret()?;
    let csrf = fresh_bytes::<32>()?;
    let agent: String = (brought.user_agent)
        .chars()
        .filter(|c| !c.is_control())
        .take(MOST_AGENT)
        .collect();
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let signed_in = diesel::update(
                herald_user::table
                    .find(user.id.uuid())
                    .filter(herald_user::disabled_at.is_null())
                    .filter(herald_user::password_hash.eq(password_hash)),
            )
            .set(herald_user::last_sign_in_at.eq(now))
            .execute(connection)
            .await?;
            if signed_in == 0 {
                return Ok(None);
            }
            if let Some(brought) = brought.session {
                diesel::delete(session::table.find(brought.as_slice()))
                    .execute(connection)
                    .await?;
            }
            let lifetime = LIFETIME.into_sql::<Interval>();
            diesel::insert_into(session::table)
                .values((
                    session::hash.eq(hash.as_slice()),
                    session::user_id.eq(user.id.uuid()),
                    session::csrf.eq(csrf.as_slice()),
                    session::expires_at.eq(now.into_sql::<Timestamptz>() + lifetime),
                    session::user_agent.eq(&agent),
                ))
                .execute(connection)
                .await?;
            let oldest: Vec<Vec<u8>> = session::table
                .filter(session::user_id.eq(user.id.uuid()))
                .filter(session::hash.ne(hash.as_slice()))
                .select(session::hash)
                .order((session::created_at.desc(), session::hash))
                .offset(MOST_SESSIONS - 1)
                .load(connection)
                .await?;
            if !oldest.is_empty() {
                let oldest = session::table.filter(session::hash.eq_any(oldest));
                diesel::delete(oldest).execute(connection).await?;
            }
            sign_in::succeeded(connection, tries).await?;
            let known = known_browser::remember(connection, user.id, brought.known.as_ref());
            let known = known.await?;
            let (what, subject) = (OwnActivity::SignedIn, user.id.to_string());
            let payload = serde_json::json!({ "address": tries.address(), "browser": agent });
            let by = user.actor();
            note(
                connection,
                Some(user.account),
                &by,
                what,
                subject,
                Some(payload),
            )
            .await?;
            Ok(Some(NewSession {
                token,
                csrf,
                hash,
                known,
            }))
        })
        .await
}

/// A session in force with its user.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct Session {
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    account_id: Uuid,
    /// The user's e-mail.
    #[diesel(sql_type = Text)]
    pub email: String,
    /// The user's name; may be empty.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// The user's role, as it is now.
    #[diesel(sql_type = SqlUserRole)]
    pub role: UserRole,
    #[diesel(sql_type = Bytea)]
    csrf: Vec<u8>,
}

impl Session {
    /// The user.
    #[must_use]
    pub const fn user(&self) -> UserId {
        UserId::from_uuid(self.user_id)
    }

    /// The user's account.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        AccountId::from_uuid(self.account_id)
    }

    /// What requests that change something must carry.
    #[must_use]
    pub fn csrf(&self) -> &[u8] {
        &self.csrf
    }
}

/// The session of a token's hash, if it is in force, and marks it as used.
///
/// # Errors
/// When the database is away.
pub async fn find(database: &Database, hash: &SecretHash) -> Result<Option<Session>, StoreError> {
    Ok(diesel::sql_query(
        "with found as ( \
             select s.hash, s.csrf, s.user_id, u.account_id, u.email, u.name, u.role \
             from session s join herald_user u on u.id = s.user_id \
             where s.hash = $1 and s.expires_at > now() and s.seen_at > now() - $2 \
                 and u.disabled_at is null \
         ), seen as ( \
             update session s set seen_at = now() from found f \
             where s.hash = f.hash and s.seen_at < now() - interval '1 minute' \
         ) \
         select csrf, user_id, account_id, email, name, role from found",
    )
    .bind::<Bytea, _>(hash.as_slice())
    .bind::<Interval, _>(IDLE)
    .one(&mut *database.get().await?)
    .await
    .optional()?)
}

/// Whether a session is in force still. It does not mark it as used.
///
/// # Errors
/// When the database is away.
pub async fn is_in_force(database: &Database, hash: &SecretHash) -> Result<bool, StoreError> {
    let idle = now.into_sql::<Timestamptz>() - IDLE.into_sql::<Interval>();
    let found: i64 = session::table
        .inner_join(herald_user::table)
        .filter(session::hash.eq(hash.as_slice()))
        .filter(session::expires_at.gt(now))
        .filter(session::seen_at.gt(idle))
        .filter(herald_user::disabled_at.is_null())
        .count()
        .one(&mut *database.get().await?)
        .await?;
    Ok(found > 0)
}

/// Ends a session because its user asked for it, and notes that.
///
/// # Errors
/// When the database is away.
pub async fn sign_out(
    database: &Database,
    hash: &SecretHash,
    session: &Session,
) -> Result<(), StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let ended = diesel::delete(session::table.find(hash.as_slice()))
                .execute(connection)
                .await?;
            if ended > 0 {
                let by = Actor::User {
                    id: session.user().to_string(),
                    email: session.email.clone(),
                };
                let (what, subject) = (OwnActivity::SignedOut, session.user().to_string());
                note(
                    connection,
                    Some(session.account()),
                    &by,
                    what,
                    subject,
                    None,
                )
                .await?;
            }
            Ok(())
        })
        .await
}

/// Ends every session of a user.
pub(super) async fn end_all(
    connection: &mut Connection,
    user: UserId,
) -> Result<usize, StoreError> {
    let own = session::table.filter(session::user_id.eq(user.uuid()));
    Ok(diesel::delete(own).execute(connection).await?)
}

/// Removes what is out of its time: sessions, notes, browsers, links, counts of tries. Returns how
/// many rows.
///
/// # Errors
/// When the database is away.
pub async fn sweep(database: &Database) -> Result<usize, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    let idle = now.into_sql::<Timestamptz>() - IDLE.into_sql::<Interval>();
    let old = session::table.filter(session::expires_at.lt(now).or(session::seen_at.lt(idle)));
    let sessions = diesel::delete(old).execute(connection).await?;
    let browsers = known_browser::sweep(connection).await?;
    let notes = session_note::sweep(connection).await?;
    let rest = user_link::sweep(connection).await? + sign_in::sweep(connection).await?;
    Ok(sessions + browsers + notes + rest)
}
