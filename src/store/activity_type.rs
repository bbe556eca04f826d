//! The groups and activities that an account adds to the catalogue of activities.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::activity::note;
use super::bounds::{Bounded, room_for_one};
use super::made_key::{Kind, Making};
use super::schema::activity_type;
use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::domain::activity::OwnActivity;
use crate::domain::id::AccountId;

/// An activity that an account added.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = activity_type)]
pub struct OwnActivityType {
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
pub async fn list(
    database: &Database,
    account: AccountId,
) -> Result<Vec<OwnActivityType>, StoreError> {
    Ok(activity_type::table
        .filter(activity_type::account_id.eq(account.uuid()))
        .order((activity_type::group, activity_type::activity))
        .select(OwnActivityType::as_select())
        .load(&mut database.get().await?)
        .await?)
}

/// Adds an activity to an account's catalogue.
///
/// # Errors
/// [`StoreError::Taken`] when the account has it, [`StoreError::Full`] when it has too many; else
/// when the database is away.
pub async fn create(
    database: &Database,
    account: AccountId,
    (group, name): (&str, &str),
    description: &str,
    making: Making<'_>,
) -> Result<OwnActivityType, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let bounds = database.bounds();
            let (owner, made) = (Some(account), format!("{group}\n{name}"));
            making
                .keep(connection, owner, Kind::ActivityType, &made, &bounds)
                .await?;
            room_for_one(connection, account, Bounded::ActivityTypes, &bounds).await?;
            let made: Option<OwnActivityType> = diesel::insert_into(activity_type::table)
                .values((
                    activity_type::account_id.eq(account.uuid()),
                    activity_type::group.eq(group),
                    activity_type::activity.eq(name),
                    activity_type::description.eq(description),
                ))
                .on_conflict_do_nothing()
                .returning(OwnActivityType::as_returning())
                .one(connection)
                .await
                .optional()?;
            let made = made.ok_or(StoreError::Taken("This activity"))?;
            let payload = serde_json::json!({ "group": group, "activity": name });
            let what = OwnActivity::ActivityTypeCreated;
            note(
                connection,
                Some(account),
                making.by,
                what,
                None,
                Some(payload),
            )
            .await?;
            Ok(made)
        })
        .await
}
