//! Which subscriptions and event types there are, for the daemons that route by them: the one
//! version that every change bumps, and what changed above a version.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::schema::routing;
use super::{Connection, StoreError};

/// Bumps the version, inside the caller's transaction, before it writes what changed with the
/// new version. Changes queue up here until that transaction ends; so does the ingest
/// statement, for which they are then all visible or not at all.
pub(super) async fn bump(connection: &mut Connection) -> Result<i64, StoreError> {
    Ok(diesel::update(routing::table)
        .set(routing::version.eq(routing::version + 1))
        .returning(routing::version)
        .get_result(connection)
        .await?)
}
