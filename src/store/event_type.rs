//! An account's own event types, and its changes of built-in ones' validation. What is built in
//! is in the catalogue: this module keeps only what differs.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::activity::note;
use super::bounds::{Bounded, room_for_one, schemas_fit};
use super::made_key::{Kind, Making};
use super::schema::event_type;
use super::statement::One;
use super::{Connection, Database, StoreError, routing};
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::event_type::Validation;
use crate::domain::id::AccountId;

/// What an account keeps of one event type.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = event_type)]
pub struct OwnType {
    /// Its name.
    pub name: String,
    /// Only `validation` counts; all else is the catalogue's.
    pub builtin: bool,
    /// The heading under which people find it.
    pub group: String,
    /// What people call it.
    pub title: String,
    /// What it says.
    pub description: String,
    /// Its JSON Schema.
    pub schema: Option<serde_json::Value>,
    /// What one looks like.
    pub example: Option<serde_json::Value>,
    /// What happens to an event that does not fit; none: the default.
    pub validation: Option<Validation>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// The values of an own type.
#[derive(Debug, Clone, Default)]
pub struct TypeChange {
    /// The new group.
    pub group: Option<String>,
    /// The new title.
    pub title: Option<String>,
    /// The new description.
    pub description: Option<String>,
    /// The new schema; `Some(None)` takes it away.
    pub schema: Option<Option<serde_json::Value>>,
    /// The new example; `Some(None)` takes it away.
    pub example: Option<Option<serde_json::Value>>,
    /// The new validation; `Some(None)` goes back to the default.
    pub validation: Option<Option<Validation>>,
    /// Bytes that the patterns of the new schema take, compiled.
    pub pattern_bytes: i32,
}

/// An own type, or what an account changed of a built-in one, without schema and example.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = event_type, check_for_backend(diesel::pg::Pg))]
pub struct TypeSummary {
    /// Its name.
    pub name: String,
    /// Only `validation` counts; all else is the catalogue's.
    pub builtin: bool,
    /// The heading under which people find it.
    pub group: String,
    /// What people call it.
    pub title: String,
    /// What it says.
    pub description: String,
    /// What happens to an event that does not fit; none: the default.
    pub validation: Option<Validation>,
    /// It has an example.
    #[diesel(select_expression = event_type::example.is_not_null())]
    #[diesel(select_expression_type = diesel::dsl::IsNotNull<event_type::example>)]
    pub has_example: bool,
}

/// Which of an account's types are listed.
#[derive(Debug, Clone, Default)]
pub struct TypeFilter<'a> {
    /// Own types under this heading alone.
    pub group: Option<&'a str>,
    /// With a heading: the built-in types under it.
    pub builtin: &'a [&'a str],
    /// Those whose names come after this one, byte by byte.
    pub after: Option<&'a str>,
    /// How many at most; none: all.
    pub limit: Option<i64>,
}

impl TypeChange {
    /// What it changes.
    fn names(&self) -> Vec<&'static str> {
        let given = [
            ("group", self.group.is_some()),
            ("title", self.title.is_some()),
            ("description", self.description.is_some()),
            ("schema", self.schema.is_some()),
            ("example", self.example.is_some()),
            ("validation", self.validation.is_some()),
        ];
        given
            .into_iter()
            .filter(|(_, it)| *it)
            .map(|(name, _)| name)
            .collect()
    }
}

/// What an account keeps, by name, without schemas and examples.
///
/// # Errors
/// When the database is away.
pub async fn list(
    database: &Database,
    account: AccountId,
    filter: &TypeFilter<'_>,
) -> Result<Vec<TypeSummary>, StoreError> {
    // The order of bytes, for which there is an index.
    let by_bytes = || diesel::dsl::sql::<Text>("name collate \"C\"");
    let mut rows = event_type::table
        .filter(event_type::account_id.eq(account.uuid()))
        .filter(event_type::deleted_at.is_null())
        .order(by_bytes())
        .select(TypeSummary::as_select())
        .into_boxed();
    if let Some(group) = filter.group {
        let own = event_type::group.eq(group.to_owned());
        let builtin = event_type::builtin
            .eq(true)
            .and(event_type::name.eq_any(filter.builtin.to_vec()));
        rows = rows.filter(builtin.or(own));
    }
    if let Some(after) = filter.after {
        let text = diesel::dsl::sql::<Bool>("name collate \"C\" > ");
        rows = rows.filter(text.bind::<Text, _>(after.to_owned()));
    }
    if let Some(limit) = filter.limit {
        rows = rows.limit(limit);
    }
    Ok(rows.load(&mut database.get().await?).await?)
}

/// What an account keeps of one type.
///
/// # Errors
/// When the database is away.
pub async fn find(
    database: &Database,
    account: AccountId,
    name: &str,
) -> Result<Option<OwnType>, StoreError> {
    Ok(event_type::table
        .find((account.uuid(), name))
        .filter(event_type::deleted_at.is_null())
        .select(OwnType::as_select())
        .first(&mut database.get().await?)
        .await
        .optional()?)
}

/// Makes an own type and records who did it; one that was removed before may be made again.
///
/// # Errors
/// [`StoreError::Taken`] when the account has it, [`StoreError::Full`] when it has too many or
/// their schemas are too large; else when the database is away.
pub async fn create(
    database: &Database,
    account: AccountId,
    name: &str,
    values: TypeChange,
    making: Making<'_>,
) -> Result<OwnType, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let bounds = database.bounds();
            making
                .keep(connection, Some(account), Kind::EventType, name, &bounds)
                .await?;
            let version = routing::bump(connection).await?;
            room_for_one(connection, account, Bounded::EventTypes, &bounds).await?;
            // A tombstone of the same name makes room: its version was seen long ago or is
            // overtaken by this one.
            diesel::delete(
                event_type::table
                    .find((account.uuid(), name))
                    .filter(event_type::deleted_at.is_not_null()),
            )
            .execute(connection)
            .await?;
            let made: Option<OwnType> = diesel::insert_into(event_type::table)
                .values((
                    event_type::account_id.eq(account.uuid()),
                    event_type::name.eq(name),
                    event_type::group.eq(values.group.unwrap_or_default()),
                    event_type::title.eq(values.title.unwrap_or_default()),
                    event_type::description.eq(values.description.unwrap_or_default()),
                    event_type::schema.eq(values.schema.flatten()),
                    event_type::example.eq(values.example.flatten()),
                    event_type::validation.eq(values.validation.flatten()),
                    event_type::pattern_bytes.eq(values.pattern_bytes),
                    event_type::version.eq(version),
                ))
                .on_conflict_do_nothing()
                .returning(OwnType::as_returning())
                .one(connection)
                .await
                .optional()?;
            let made = made.ok_or(StoreError::Taken("This name of an event type"))?;
            if made.schema.is_some() {
                schemas_fit(connection, account, &bounds).await?;
            }
            let payload = serde_json::json!({ "group": made.group, "title": made.title });
            let (what, subject) = (OwnActivity::EventTypeCreated, name.to_owned());
            note(
                connection,
                Some(account),
                making.by,
                what,
                subject,
                Some(payload),
            )
            .await?;
            Ok(made)
        })
        .await
}

/// Changes an own type, and records who did it. None: the account has none of that name.
///
/// # Errors
/// [`StoreError::Full`] when the schemas of the account become too large; else when the database
/// is away.
pub async fn change(
    database: &Database,
    account: AccountId,
    name: &str,
    values: TypeChange,
    by: &Actor,
) -> Result<Option<OwnType>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let version = routing::bump(connection).await?;
            let payload = serde_json::json!({ "changed": values.names() });
            let patterns = values.schema.is_some().then_some(values.pattern_bytes);
            let grows = matches!(values.schema, Some(Some(_)));
            let changed = diesel::update(
                event_type::table
                    .find((account.uuid(), name))
                    .filter(event_type::deleted_at.is_null())
                    .filter(event_type::builtin.eq(false)),
            )
            .set((
                values.group.map(|new| event_type::group.eq(new)),
                values.title.map(|new| event_type::title.eq(new)),
                values
                    .description
                    .map(|new| event_type::description.eq(new)),
                values.schema.map(|new| event_type::schema.eq(new)),
                patterns.map(|new| event_type::pattern_bytes.eq(new)),
                values.example.map(|new| event_type::example.eq(new)),
                values.validation.map(|new| event_type::validation.eq(new)),
                event_type::updated_at.eq(diesel::dsl::now),
                event_type::version.eq(version),
            ))
            .returning(OwnType::as_returning())
            .one(connection)
            .await
            .optional()?;
            if changed.is_some() {
                if grows {
                    schemas_fit(connection, account, &database.bounds()).await?;
                }
                let (what, subject) = (OwnActivity::EventTypeChanged, name.to_owned());
                note(connection, Some(account), by, what, subject, Some(payload)).await?;
            }
            Ok(changed)
        })
        .await
}

/// Keeps another validation for a built-in type and records who did it; none goes back to the
/// default.
///
/// # Errors
/// When the database is away.
pub async fn set_builtin_validation(
    database: &Database,
    account: AccountId,
    name: &str,
    validation: Option<Validation>,
    by: &Actor,
) -> Result<OwnType, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let version = routing::bump(connection).await?;
            let own = diesel::insert_into(event_type::table)
                .values((
                    event_type::account_id.eq(account.uuid()),
                    event_type::name.eq(name),
                    event_type::builtin.eq(true),
                    event_type::validation.eq(validation),
                    event_type::version.eq(version),
                ))
                .on_conflict((event_type::account_id, event_type::name))
                .do_update()
                .set((
                    event_type::builtin.eq(true),
                    event_type::validation.eq(validation),
                    event_type::updated_at.eq(diesel::dsl::now),
                    event_type::deleted_at.eq(None::<DateTime<Utc>>),
                    event_type::version.eq(version),
                ))
                .returning(OwnType::as_returning())
                .one(connection)
                .await?;
            let payload = serde_json::json!({ "validation": validation });
            let (what, subject) = (OwnActivity::EventTypeChanged, name.to_owned());
            note(connection, Some(account), by, what, subject, Some(payload)).await?;
            Ok(own)
        })
        .await
}

/// Removes an own type, leaving a tombstone for the daemons, and records who did it. False: the
/// account has none of that name.
///
/// # Errors
/// When the database is away.
pub async fn remove(
    database: &Database,
    account: AccountId,
    name: &str,
    by: &Actor,
) -> Result<bool, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let version = routing::bump(connection).await?;
            let rows = diesel::update(
                event_type::table
                    .find((account.uuid(), name))
                    .filter(event_type::deleted_at.is_null())
                    .filter(event_type::builtin.eq(false)),
            )
            .set((
                event_type::deleted_at.eq(diesel::dsl::now),
                event_type::updated_at.eq(diesel::dsl::now),
                event_type::version.eq(version),
            ))
            .execute(connection)
            .await?;
            if rows == 0 {
                return Ok(false);
            }
            let (what, subject) = (OwnActivity::EventTypeDeleted, name.to_owned());
            note(connection, Some(account), by, what, subject, None).await?;
            Ok(true)
        })
        .await
}
