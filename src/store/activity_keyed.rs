//! Activities of requests that carry an idempotency key.

use diesel_async::AsyncConnection;

use super::activity::append_batch;
use super::made_key::{Kind, Making};
use super::{Connection, Database, StoreError};
use crate::domain::activity::NewActivity;
use crate::domain::id::{AccountId, ActivityId};

/// Appends activities with the key of the request that they came by.
///
/// # Errors
/// When the database is away: it is not known whether they were stored.
pub async fn append(
    database: &Database,
    account: AccountId,
    activities: &[NewActivity],
    making: Making<'_>,
) -> Result<Vec<ActivityId>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let batch: Vec<_> = activities.iter().map(|one| (account, one)).collect();
            let ids = append_batch(connection, &batch).await?;
            let made: Vec<String> = ids.iter().map(ActivityId::to_string).collect();
            let (made, bounds) = (made.join(" "), database.bounds());
            making
                .keep(connection, Some(account), Kind::Activity, &made, &bounds)
                .await?;
            Ok(ids)
        })
        .await
}
