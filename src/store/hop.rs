//! The id of this database in hops, and the report that events go in a circle.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::json;

use super::activity::note;
use super::schema::hop;
use super::statement::One;
use super::{Connection, Database, StoreError, notice};
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::hops::HopId;
use crate::domain::id::AccountId;

/// The id of this database.
///
/// # Errors
/// When the database is away.
pub async fn id(database: &Database) -> Result<HopId, StoreError> {
    let id: String = hop::table
        .select(hop::id)
        .first(&mut database.get().await?)
        .await?;
    Ok(HopId::stored(id))
}

/// An event that was refused because it goes in a circle.
#[derive(Debug, Clone, Copy)]
pub struct RefusedLoop<'a> {
    /// Why, in a sentence for people.
    pub reason: &'a str,
    /// The header that it came with.
    pub hops: &'a str,
    /// Its type, if it has one.
    pub event_type: Option<&'a str>,
}

#[derive(diesel::QueryableByName)]
struct Noted {
    #[diesel(sql_type = Bool)]
    noted: bool,
}

/// Reports to an account that an event of its goes in a circle: an activity, and a mail to its
/// admins. That is done at most once an hour; false: it was done within the last one.
///
/// # Errors
/// When the database is away.
pub async fn report(
    database: &Database,
    account: AccountId,
    refused: &RefusedLoop<'_>,
    by: &Actor,
) -> Result<bool, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let noted: Option<Noted> = diesel::sql_query(
                "insert into notice (account_id, kind, subject, told) \
                 values ($1, 'loop', '', $2) \
                 on conflict (account_id, kind, subject) do update \
                     set told = excluded.told, at = now() \
                     where notice.at < now() - interval '1 hour' \
                 returning true as noted",
            )
            .bind::<SqlUuid, _>(account.uuid())
            .bind::<Text, _>("refused")
            .one(connection)
            .await
            .optional()?;
            if !noted.is_some_and(|row| row.noted) {
                return Ok(false);
            }
            let event_type = refused.event_type.unwrap_or("an unknown type");
            let text = format!(
                "An event ({event_type}) was refused with the status 508.\n\n{}\n\nIts hops \
                 (header herald-hops): {}\n\nOthers like it are refused, too; they are reported \
                 once an hour.\n",
                refused.reason, refused.hops
            );
            let subject = "Events go in a circle";
            notice::to_admins(connection, account, "Event Loop", subject, &text).await?;
            let payload = json!({
                "event_type": refused.event_type,
                "hops": refused.hops,
                "reason": refused.reason,
            });
            let what = OwnActivity::EventLoopRefused;
            note(
                connection,
                Some(account),
                by,
                what,
                None::<String>,
                Some(payload),
            )
            .await?;
            Ok(true)
        })
        .await
}
