//! What one page hands to the next within a session: a text for one page, read once, soon gone,
//! and sealed with a key that only the browser's cookie gives.

use chrono::TimeDelta;
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{Interval, Timestamptz};
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::fresh::{SecretHash, fresh_bytes};
use super::schema::session_note;
use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::domain::note_key::NoteKey;

/// How long it is kept for a page that does not come.
pub(crate) const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// How many a session may have; the oldest gives way.
const MOST_NOTES: i64 = 8;

/// Keeps a text for the page at a path, in the place of what was kept for it.
///
/// # Errors
/// When the database is away, the session is over, or the text is longer than 32 KiB.
pub async fn keep(
    database: &Database,
    session: &SecretHash,
    key: &NoteKey,
    page: &str,
    text: &str,
) -> Result<(), StoreError> {
    let sealed = key.seal(fresh_bytes()?, text);
    let sealed = sealed.ok_or_else(|| StoreError::Unfit("a note is too long".to_owned()))?;
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            diesel::insert_into(session_note::table)
                .values((
                    session_note::session.eq(session.as_slice()),
                    session_note::page.eq(page),
                    session_note::sealed.eq(&sealed),
                ))
                .on_conflict((session_note::session, session_note::page))
                .do_update()
                .set((session_note::sealed.eq(&sealed), session_note::at.eq(now)))
                .execute(connection)
                .await?;
            let own = session_note::table.filter(session_note::session.eq(session.as_slice()));
            let surplus: Vec<String> = own
                .select(session_note::page)
                .order((session_note::at.desc(), session_note::page))
                .offset(MOST_NOTES)
                .load(connection)
                .await?;
            if !surplus.is_empty() {
                let surplus = own.filter(session_note::page.eq_any(surplus));
                diesel::delete(surplus).execute(connection).await?;
            }
            Ok(())
        })
        .await
}

/// Takes what was kept for the page at a path.
///
/// # Errors
/// When the database is away.
pub async fn take(
    database: &Database,
    session: &SecretHash,
    key: &NoteKey,
    page: &str,
) -> Result<Option<String>, StoreError> {
    let begin = now.into_sql::<Timestamptz>() - LIFETIME.into_sql::<Interval>();
    let kept = session_note::table.find((session.as_slice(), page));
    let sealed: Option<Vec<u8>> = diesel::delete(kept.filter(session_note::at.gt(begin)))
        .returning(session_note::sealed)
        .one(&mut *database.get().await?)
        .await
        .optional()?;
    Ok(sealed.and_then(|sealed| key.open(&sealed)))
}

/// Removes what no page came for. Returns how many rows.
pub(super) async fn sweep(connection: &mut Connection) -> Result<usize, StoreError> {
    let begin = now.into_sql::<Timestamptz>() - LIFETIME.into_sql::<Interval>();
    let old = session_note::table.filter(session_note::at.lt(begin));
    Ok(diesel::delete(old).execute(connection).await?)
}
