//! Browsers in which a user signed in before. The browser holds a random text, the database its
//! hash. It proves nothing but that: whoever guesses from elsewhere does not lock such a browser
//! out.

use chrono::TimeDelta;
use diesel::dsl::{exists, now};
use diesel::prelude::*;
use diesel::sql_types::{Interval, Timestamptz};
use diesel_async::RunQueryDsl;

use super::fresh::{SecretHash, fresh_secret};
use super::schema::{herald_user, known_browser};
use super::statement::One;
use super::{Connection, StoreError};
use crate::domain::id::UserId;

/// How long a browser is known without another sign-in; browsers keep no cookie for longer.
pub const KNOWN_FOR: TimeDelta = TimeDelta::days(400);
/// Browsers of a user; the one that was not used for longest gives way.
const MOST: i64 = 20;

/// Whether somebody of that e-mail (in lower case) signed in with this browser.
pub(super) async fn is_known(
    connection: &mut Connection,
    browser: &SecretHash,
    email_key: &str,
) -> Result<bool, StoreError> {
    let old = now.into_sql::<Timestamptz>() - KNOWN_FOR.into_sql::<Interval>();
    let known = known_browser::table
        .inner_join(herald_user::table)
        .filter(known_browser::hash.eq(browser.as_slice()))
        .filter(known_browser::seen_at.gt(old))
        .filter(herald_user::email_key.eq(email_key));
    Ok(diesel::select(exists(known)).one(connection).await?)
}

/// Remembers that a user signed in with a browser. Returns the text that it is known by from now
/// on; others who signed in with it before stay known.
pub(super) async fn remember(
    connection: &mut Connection,
    user: UserId,
    brought: Option<&SecretHash>,
) -> Result<String, StoreError> {
    let (text, hash) = fresh_secret()?;
    if let Some(brought) = brought {
        let own = known_browser::table.find((brought.as_slice(), user.uuid()));
        diesel::delete(own).execute(connection).await?;
        let others = known_browser::table.filter(known_browser::hash.eq(brought.as_slice()));
        diesel::update(others)
            .set(known_browser::hash.eq(hash.as_slice()))
            .execute(connection)
            .await?;
    }
    diesel::insert_into(known_browser::table)
        .values((
            known_browser::hash.eq(hash.as_slice()),
            known_browser::user_id.eq(user.uuid()),
        ))
        .execute(connection)
        .await?;
    let oldest: Vec<Vec<u8>> = known_browser::table
        .filter(known_browser::user_id.eq(user.uuid()))
        .select(known_browser::hash)
        .order((known_browser::seen_at.desc(), known_browser::hash))
        .offset(MOST)
        .load(connection)
        .await?;
    let oldest = known_browser::table
        .filter(known_browser::user_id.eq(user.uuid()))
        .filter(known_browser::hash.eq_any(oldest));
    diesel::delete(oldest).execute(connection).await?;
    Ok(text)
}

/// Removes those that were not used for too long.
pub(super) async fn sweep(connection: &mut Connection) -> Result<usize, StoreError> {
    let old = now.into_sql::<Timestamptz>() - KNOWN_FOR.into_sql::<Interval>();
    let gone = known_browser::table.filter(known_browser::seen_at.lt(old));
    Ok(diesel::delete(gone).execute(connection).await?)
}
