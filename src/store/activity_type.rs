//! The groups and activities that an account adds to the catalogue of activities.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::activity::note;
use super::schema::{account, activity_type};
use super::{Connection, Database, StoreError};
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::id::AccountId;

/// How many an account may add.
pub const MOST_TYPES: i64 = 1_000;

/// An activity that an account added.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = activity_type)]
pub struct OwnType {
    /// The heading.
    pub group: String,
    /// What is done.
    #[diesel(column_name = activity)]
    pub activity: String,
    /// What it means.
    pub description: String,
    /// When it was added.
    pub created_at: DateTime<Utc>,
}

/// All that an account added, by group and name.
///
/// # Errors
/// When the database is away.
pub async fn list(database: &Database, account: AccountId) -> Result<Vec<OwnType>, StoreError> {
    Ok(activity_type::table
        .filter(activity_type::account_id.eq(account.uuid()))
        .order((activity_type::group, activity_type::activity))
        .select(OwnType::as_select())
        .load(&mut database.get().await?)
        .await?)
}

/// What became of adding one.
#[derive(Debug)]
pub enum Addition {
    /// It is there now.
    Added(OwnType),
    /// The account has added [`MOST_TYPES`] already.
    TooMany,
}

/// Adds an activity to an account's catalogue.
///
/// # Errors
/// [`StoreError::Taken`] when the account has it; else when the database is away.
pub async fn create(
    database: &Database,
    account: AccountId,
    (group, name): (&str, &str),
    description: &str,
    by: &Actor,
) -> Result<Addition, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            // Two that add at once count one after the other.
            account::table
                .find(account.uuid())
                .select(account::id)
                .for_no_key_update()
                .first::<uuid::Uuid>(connection)
                .await?;
            let known: i64 = activity_type::table
                .filter(activity_type::account_id.eq(account.uuid()))
                .count()
                .get_result(connection)
                .await?;
            if known >= MOST_TYPES {
                return Ok(Addition::TooMany);
            }
            let made: Option<OwnType> = diesel::insert_into(activity_type::table)
                .values((
                    activity_type::account_id.eq(account.uuid()),
                    activity_type::group.eq(group),
                    activity_type::activity.eq(name),
                    activity_type::description.eq(description),
                ))
                .on_conflict_do_nothing()
                .returning(OwnType::as_returning())
                .get_result(connection)
                .await
                .optional()?;
            let made = made.ok_or(StoreError::Taken("This activity"))?;
            let payload = serde_json::json!({ "group": group, "activity": name });
            let what = OwnActivity::ActivityTypeCreated;
            note(connection, Some(account), by, what, None, Some(payload)).await?;
            Ok(Addition::Added(made))
        })
        .await
}
