//! Lanes of daemons that are gone: closed, so that what they owed gets rows, and their counts
//! repaired.

use uuid::Uuid;

use crate::store::lane::{self, Owner};
use crate::store::{Database, StoreError, cancel, stat};

/// Closes what earlier runs in this data folder left open: its lock is held, so they are gone.
///
/// # Errors
/// When the database is away.
pub(crate) async fn close_old_lanes(database: &Database, folder: Uuid) -> Result<u64, StoreError> {
    let mut recovered = 0;
    for lane in lane::open_of_folder(database, folder).await? {
        let rows = lane::close(database, lane, Owner::Gone, false).await?;
        tracing::info!(
            lane = lane.0,
            recovered = rows.unwrap_or(0),
            "closed an old lane"
        );
        recovered += rows.unwrap_or(0);
    }
    Ok(recovered)
}

/// Repairs the counts of lanes that closed.
pub(super) async fn repair(database: &Database) -> Result<(), StoreError> {
    for lane in stat::unsettled(database).await? {
        if stat::repair(database, lane).await? {
            tracing::debug!(lane = lane.0, "counted the last minutes of a closed lane");
        }
    }
    Ok(())
}

/// Closes lanes whose lease ran out, and cancels what removed subscriptions left open.
pub(super) async fn sweep(database: &Database) -> Result<(), StoreError> {
    for lane in lane::expired(database).await? {
        if let Some(rows) = lane::close(database, lane, Owner::Gone, true).await? {
            tracing::warn!(
                lane = lane.0,
                recovered = rows,
                "closed a lane whose daemon is gone"
            );
        }
    }
    cancel::sweep_deleted(database).await?;
    Ok(())
}
