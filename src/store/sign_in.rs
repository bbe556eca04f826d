//! How often signing in was tried in vain: counts by e-mail and by network address, which every
//! daemon shares and which outlive a restart.
//!
//! A try is counted before the password is looked at, so that tries at the same time cannot
//! pass the bound together; a success takes its own count back.

use diesel::sql_types::{Array, BigInt, Bytea, Integer};
use diesel_async::RunQueryDsl;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::activity::note;
use super::user::User;
use super::{Connection, Database, StoreError};
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::email::Email;

/// Tries in vain for one e-mail within [`WINDOW`].
pub const MOST_BY_EMAIL: i32 = 5;
/// Tries in vain from one address within [`WINDOW`].
pub const MOST_BY_ADDRESS: i32 = 20;
/// How long tries are counted, from the first one, in seconds.
pub const WINDOW: i32 = 15 * 60;

/// What is tried, which is counted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Signing in.
    SignIn,
    /// Asking for a mail to set another password.
    Reset,
}

/// One try.
#[derive(Debug, Clone)]
pub struct Tries {
    address: String,
    by_email: [u8; 32],
    by_address: [u8; 32],
}

impl Tries {
    /// A try with what was given as e-mail, whatever it is, from an address.
    #[must_use]
    pub fn new(door: Door, email: &str, address: &str) -> Self {
        let key = |kind: &str, value: &str| {
            let door = match door {
                Door::SignIn => "sign-in",
                Door::Reset => "reset",
            };
            Sha256::digest(format!("{door}\0{kind}\0{value}").as_bytes()).into()
        };
        Self {
            address: address.to_owned(),
            by_email: key("email", &email.trim().to_lowercase()),
            by_address: key("address", address),
        }
    }

    /// From where.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

#[derive(diesel::QueryableByName)]
struct Counted {
    #[diesel(sql_type = Bytea)]
    key: Vec<u8>,
    #[diesel(sql_type = Integer)]
    tries: i32,
    #[diesel(sql_type = BigInt)]
    seconds: i64,
}

/// Counts a try. Some: there were too many; seconds until it is worth another.
///
/// # Errors
/// When the database is away.
pub async fn count(database: &Database, tries: &Tries) -> Result<Option<i64>, StoreError> {
    // In one order, so that two of them cannot wait for each other.
    let mut keys = [tries.by_email.as_slice(), tries.by_address.as_slice()];
    keys.sort_unstable();
    let rows: Vec<Counted> = diesel::sql_query(
        "insert into sign_in_attempt as a (key, tries, since) \
         select key, 1, now() from unnest($1) as k (key) \
         on conflict (key) do update set \
             tries = case when a.since > now() - make_interval(secs => $2) \
                 then least(a.tries, 1000) + 1 else 1 end, \
             since = case when a.since > now() - make_interval(secs => $2) \
                 then a.since else now() end \
         returning key, tries, \
             ceil(extract(epoch from since - now()))::bigint + $2 as seconds",
    )
    .bind::<Array<Bytea>, _>(keys.to_vec())
    .bind::<Integer, _>(WINDOW)
    .load(&mut database.get().await?)
    .await?;
    let over = rows.iter().filter(|row| {
        let by_email = row.key == tries.by_email;
        let most = if by_email {
            MOST_BY_EMAIL
        } else {
            MOST_BY_ADDRESS
        };
        row.tries > most
    });
    Ok(over.map(|row| row.seconds.max(1)).max())
}

/// Takes the count of a try that succeeded back, and forgets those of its e-mail.
pub(super) async fn succeeded(
    connection: &mut Connection,
    tries: &Tries,
) -> Result<(), StoreError> {
    // Who knows one password must not get new tries at others by it: of the address only the
    // own try goes.
    diesel::sql_query(
        "with gone as (delete from sign_in_attempt where key = $1 or (key = $2 and tries = 1)) \
         update sign_in_attempt set tries = tries - 1 where key = $2 and tries > 1",
    )
    .bind::<Bytea, _>(tries.by_email.as_slice())
    .bind::<Bytea, _>(tries.by_address.as_slice())
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes a sign-in that was refused: in the log of the user's account, else in that of `main`.
///
/// # Errors
/// When the database is away.
pub async fn refused(
    database: &Database,
    email: &Email,
    user: Option<&User>,
    tries: &Tries,
    why: &str,
) -> Result<(), StoreError> {
    let payload = json!({ "email": email.as_str(), "address": tries.address(), "why": why });
    let subject = user.map(|user| user.id.to_string());
    // Nobody has proved to be that user: Herald says it.
    note(
        &mut *database.get().await?,
        user.map(|user| user.account),
        &Actor::Herald,
        OwnActivity::SignInRefused,
        subject,
        Some(payload),
    )
    .await
}

/// Removes counts that are out of their time.
pub(super) async fn sweep(connection: &mut Connection) -> Result<usize, StoreError> {
    Ok(diesel::sql_query(
        "delete from sign_in_attempt where since < now() - make_interval(secs => $1)",
    )
    .bind::<Integer, _>(WINDOW)
    .execute(connection)
    .await?)
}
