//! Links by which a user sets a password, once. The database holds their hash alone.

use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{Interval, Timestamptz};
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::activity::note;
use super::fresh::{SecretHash, fresh_secret, secret_hash};
use super::outgoing::{self, Handed, OutgoingMail};
use super::schema::{herald_user, user_link};
use super::statement::One;
use super::user::{self, User};
use super::{Connection, Database, StoreError, session};
use crate::domain::activity::OwnActivity;
use crate::domain::email::Email;
use crate::domain::id::{AccountId, UserId};
use crate::domain::user_link::LinkPurpose;

/// How many links of one user may be valid at once: whoever asks for mails to somebody else must
/// not end the link that they are about to use.
const MOST_LINKS: i64 = 5;

/// Makes the mail that brings a user the link with this token.
pub type Write<'a> = &'a (dyn Fn(&User, LinkPurpose, &str) -> OutgoingMail + Send + Sync);

/// Makes a link. Returns its token.
pub(super) async fn issue(
    connection: &mut Connection,
    user: UserId,
    purpose: LinkPurpose,
) -> Result<String, StoreError> {
    let (token, hash) = fresh_secret()?;
    let lifetime = purpose.lifetime().into_sql::<Interval>();
    diesel::insert_into(user_link::table)
        .values((
            user_link::hash.eq(hash.as_slice()),
            user_link::user_id.eq(user.uuid()),
            user_link::purpose.eq(purpose),
            user_link::expires_at.eq((now.into_sql::<Timestamptz>()) + lifetime),
        ))
        .execute(connection)
        .await?;
    Ok(token)
}

/// Ends the links of a user that were not used.
pub(super) async fn end_all(connection: &mut Connection, user: UserId) -> Result<(), StoreError> {
    let own = user_link::table.filter(user_link::user_id.eq(user.uuid()));
    let unused = own.filter(user_link::used_at.is_null());
    diesel::delete(unused).execute(connection).await?;
    Ok(())
}

/// Ends the oldest unused links of a user beyond [`MOST_LINKS`].
async fn end_oldest(connection: &mut Connection, user: UserId) -> Result<(), StoreError> {
    let oldest: Vec<Vec<u8>> = user_link::table
        .filter(user_link::user_id.eq(user.uuid()))
        .filter(user_link::used_at.is_null())
        .select(user_link::hash)
        .order((user_link::created_at.desc(), user_link::hash))
        .offset(MOST_LINKS)
        .load(connection)
        .await?;
    let oldest = user_link::table.filter(user_link::hash.eq_any(oldest));
    diesel::delete(oldest).execute(connection).await?;
    Ok(())
}

/// A link for a user: an invitation if no password was ever set, else a reset.
#[derive(Debug)]
pub struct Link {
    /// Whose it is.
    pub user: User,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// The part of its address that nobody can guess.
    pub token: String,
}

/// Makes a link for a user of an account, to be handed over by whoever asks for it; earlier ones
/// end. None: there is no such user, or it is disabled.
///
/// # Errors
/// When the database is away.
pub async fn renew(
    database: &Database,
    account: AccountId,
    email: &Email,
) -> Result<Option<Link>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let Some(user) = user::lock(connection, account, email).await? else {
                return Ok(None);
            };
            end_all(connection, user.id).await?;
            make(connection, user).await
        })
        .await
}

/// Makes a link for each user of this e-mail that can sign in, and hands it over as the mail
/// that `write` makes of it. Returns how many mails are on their way.
///
/// # Errors
/// When the database is away.
pub async fn mail(
    database: &Database,
    email: &Email,
    write: Write<'_>,
) -> Result<usize, StoreError> {
    let mut queued = 0;
    for account in user::accounts_of(database, email).await? {
        let mut lent = database.get().await?;
        let connection: &mut Connection = &mut lent;
        let handed = connection
            .transaction(async |connection: &mut Connection| {
                let Some(user) = user::lock(connection, account, email).await? else {
                    return Ok(None);
                };
                let Some(link) = make(connection, user).await? else {
                    return Ok(None);
                };
                let mail = write(&link.user, link.purpose, &link.token);
                let handed = outgoing::hand_over(connection, account, &mail).await?;
                match handed {
                    Handed::Queued => end_oldest(connection, link.user.id).await?,
                    // Nobody will ever know it.
                    Handed::NoMail => {
                        let lost = secret_hash(&link.token);
                        let lost = user_link::table.find(lost.as_slice());
                        diesel::delete(lost).execute(connection).await?;
                    }
                }
                Ok::<_, StoreError>(Some(handed))
            })
            .await?;
        queued += usize::from(handed == Some(Handed::Queued));
    }
    Ok(queued)
}

async fn make(connection: &mut Connection, user: User) -> Result<Option<Link>, StoreError> {
    if user.disabled_at.is_some() {
        return Ok(None);
    }
    let purpose = if user.password_set {
        LinkPurpose::Reset
    } else {
        LinkPurpose::Invitation
    };
    let token = issue(connection, user.id, purpose).await?;
    Ok(Some(Link {
        user,
        purpose,
        token,
    }))
}

/// Whose link this is, if it can still be used.
///
/// # Errors
/// When the database is away.
pub async fn find(
    database: &Database,
    hash: &SecretHash,
    purpose: LinkPurpose,
) -> Result<Option<User>, StoreError> {
    let row = user_link::table
        .inner_join(herald_user::table)
        .filter(user_link::hash.eq(hash.as_slice()))
        .filter(user_link::purpose.eq(purpose))
        .filter(user_link::used_at.is_null())
        .filter(user_link::expires_at.gt(now))
        .filter(herald_user::disabled_at.is_null())
        .select(user::Row::as_select())
        .first::<user::Row>(&mut database.get().await?)
        .await
        .optional()?;
    Ok(row.map(user::read))
}

/// Uses a link: sets the password, ends every link and every session of the user, and notes it.
/// None: the link was used, is out of its time, or never was.
///
/// # Errors
/// When the database is away.
pub async fn redeem(
    database: &Database,
    hash: &SecretHash,
    purpose: LinkPurpose,
    password_hash: &str,
) -> Result<Option<User>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            // Of two at the same time the second waits for the first here, and finds it used.
            let owner: Option<Uuid> = diesel::update(
                user_link::table
                    .find(hash.as_slice())
                    .filter(user_link::purpose.eq(purpose))
                    .filter(user_link::used_at.is_null())
                    .filter(user_link::expires_at.gt(now)),
            )
            .set(user_link::used_at.eq(now))
            .returning(user_link::user_id)
            .one(connection)
            .await
            .optional()?;
            let Some(owner) = owner else {
                return Ok(None);
            };
            let row: Option<user::Row> = diesel::update(
                herald_user::table
                    .find(owner)
                    .filter(herald_user::disabled_at.is_null()),
            )
            .set((
                herald_user::password_hash.eq(password_hash),
                herald_user::updated_at.eq(now),
            ))
            .returning(user::Row::as_returning())
            .one(connection)
            .await
            .optional()?;
            let Some(user) = row.map(user::read) else {
                return Ok(None);
            };
            let ended = session::end_all(connection, user.id).await?;
            end_all(connection, user.id).await?;
            let payload = serde_json::json!({ "by": purpose, "sessions_ended": ended });
            let (what, subject) = (OwnActivity::PasswordChanged, user.id.to_string());
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
            Ok(Some(user))
        })
        .await
}

/// Removes links that are out of their time.
pub(super) async fn sweep(connection: &mut Connection) -> Result<usize, StoreError> {
    let old = user_link::table.filter(user_link::expires_at.lt(now));
    Ok(diesel::delete(old).execute(connection).await?)
}
