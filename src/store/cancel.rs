//! (being laid)

use super::{Connection, StoreError};
use crate::domain::id::{AccountId, SubscriptionId};

/// Cancels what a subscription holds.
///
/// # Errors
/// When the database is away.
#[allow(clippy::unused_async, reason = "being laid")]
pub async fn cancel_open(
    _connection: &mut Connection,
    _account: AccountId,
    _subscription: SubscriptionId,
    _keep_newest: bool,
) -> Result<u64, StoreError> {
    Ok(0)
}
