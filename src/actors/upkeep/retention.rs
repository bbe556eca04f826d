//! What is due each day: partitions are made ahead, and what is older than it is to be kept goes.

use crate::store::{
    Database, StoreError, ingest, partition, retention, session, stat, subscription_count,
};

/// How long what happened is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Days of events and attempts.
    pub logs: u32,
    /// Days of activities, to the end of their month.
    pub activities: u32,
    /// Days of mails, to the end of their month.
    pub mails: u32,
}

/// Does it; each part may be done any number of times a day.
pub(super) async fn daily(database: &Database, keep: &Retention) -> Result<(), StoreError> {
    partition::ensure(database).await?;
    ingest::forget_old_keys(&mut *database.get().await?).await?;
    subscription_count::fold(&mut *database.get().await?).await?;
    session::sweep(database).await?;
    stat::retire(database, keep.logs).await?;
    for day in retention::retire(database, keep.logs).await? {
        tracing::info!(
            day = %day.day, events = day.events, targets = day.targets,
            open = day.open_deliveries, "removed a day of the logs"
        );
    }
    for month in retention::retire_activities(database, keep.activities).await? {
        tracing::info!(month = %month.format("%Y-%m"), "removed a month of the activity log");
    }
    for month in retention::retire_mails(database, keep.mails).await? {
        tracing::info!(month = %month.format("%Y-%m"), "removed a month of the mail log");
    }
    Ok(())
}
