//! What versions of scripts have shown themselves to be, for every daemon and beyond a restart.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use super::schema::plugin_state;
use super::{Connection, Database, StoreError};

/// One script's mark. It counts only for the version of that hash.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct PluginMark {
    /// The script's name.
    pub name: String,
    /// The version, 64 hexadecimal digits.
    pub hash: String,
    /// Since when it runs on a thread of its own.
    pub apart_at: Option<DateTime<Utc>>,
    /// Since when it is suspended.
    pub suspended_at: Option<DateTime<Utc>>,
    /// Why it is suspended.
    pub reason: Option<String>,
}

/// All marks.
///
/// # Errors
/// When the database is away.
pub async fn all(database: &Database) -> Result<Vec<PluginMark>, StoreError> {
    let mut connection = database.get().await?;
    Ok(plugin_state::table.load(&mut connection).await?)
}

/// Notes that a version runs apart. What is known of another version is forgotten.
///
/// # Errors
/// When the database is away.
pub async fn set_apart(
    connection: &mut Connection,
    name: &str,
    hash: &str,
) -> Result<(), StoreError> {
    diesel::delete(
        plugin_state::table
            .find(name)
            .filter(plugin_state::hash.ne(hash)),
    )
    .execute(connection)
    .await?;
    diesel::insert_into(plugin_state::table)
        .values((
            plugin_state::name.eq(name),
            plugin_state::hash.eq(hash),
            plugin_state::apart_at.eq(diesel::dsl::now),
        ))
        .on_conflict(plugin_state::name)
        .do_update()
        .set(plugin_state::apart_at.eq(excluded(plugin_state::apart_at)))
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that a version is suspended. Returns false if it was already.
///
/// # Errors
/// When the database is away.
pub async fn suspend(
    connection: &mut Connection,
    name: &str,
    hash: &str,
    reason: &str,
) -> Result<bool, StoreError> {
    diesel::delete(
        plugin_state::table
            .find(name)
            .filter(plugin_state::hash.ne(hash)),
    )
    .execute(connection)
    .await?;
    let row = (
        plugin_state::suspended_at.eq(diesel::dsl::now),
        plugin_state::reason.eq(reason),
    );
    let inserted = diesel::insert_into(plugin_state::table)
        .values((
            plugin_state::name.eq(name),
            plugin_state::hash.eq(hash),
            row.0,
            row.1,
        ))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    if inserted == 1 {
        return Ok(true);
    }
    let changed = diesel::update(plugin_state::table.find(name))
        .filter(plugin_state::suspended_at.is_null())
        .set(row)
        .execute(connection)
        .await?;
    Ok(changed == 1)
}

/// Forgets a script's mark, unless it is of the version of that hash. Returns the forgotten one.
///
/// # Errors
/// When the database is away.
pub async fn forget_other(
    connection: &mut Connection,
    name: &str,
    hash: Option<&str>,
) -> Result<Option<PluginMark>, StoreError> {
    Ok(diesel::delete(
        plugin_state::table
            .find(name)
            .filter(plugin_state::hash.ne(hash.unwrap_or_default())),
    )
    .get_result(connection)
    .await
    .optional()?)
}
