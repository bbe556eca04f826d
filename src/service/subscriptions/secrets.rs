//! The secrets that sign a subscription's deliveries.

use rand::TryRngCore;

use super::super::Refusal;
use super::super::input::{Whole, inputs};
use super::missing;
use crate::actors::Engine;
use crate::domain::activity::Actor;
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::secret::Secret;
use crate::store::StoreError;
use crate::store::fresh::fresh_uuid;
use crate::store::secret::{self, LiveSecret, MAX_LIVE_SECRETS, Rotation};

/// Hours in which old secrets sign as well, unless the caller says otherwise.
pub const DEFAULT_OVERLAP: i32 = 24;
/// Upper bound of that: a week.
pub const MAX_OVERLAP: i32 = 168;

inputs! {
    /// How a secret is replaced.
    RotateInput {
        /// Hours in which the old secrets sign as well; 24 if it is left out.
        overlap_hours: Option<Whole<0, MAX_OVERLAP>> = 24,
    }
}

/// A new secret of random bytes.
pub(super) fn fresh() -> Result<Secret, Refusal> {
    let mut random = [0; 24];
    rand::rngs::OsRng
        .try_fill_bytes(&mut random)
        .map_err(|error| StoreError::Unfit(format!("no random bytes: {error}")))?;
    Ok(Secret::from_random(random))
}

/// The secrets that sign now, the current one first; it is noted to whom they were shown.
///
/// # Errors
/// There is no such subscription, or the database is away.
pub async fn secrets(
    engine: &Engine,
    account: AccountId,
    id: SubscriptionId,
    by: &Actor,
) -> Result<Vec<LiveSecret>, Refusal> {
    let live = secret::show(engine.database(), account, id, by).await?;
    live.ok_or_else(missing)
}

/// Makes a new secret the current one; the others sign for as many hours more as it says.
///
/// # Errors
/// Too many sign already, there is no such subscription, or the database is away.
pub async fn rotate(
    engine: &Engine,
    account: AccountId,
    id: SubscriptionId,
    by: &Actor,
    input: RotateInput,
) -> Result<Vec<LiveSecret>, Refusal> {
    let overlap = input.overlap_hours.map_or(DEFAULT_OVERLAP, Whole::get);
    let new = fresh()?;
    let new_id = fresh_uuid(engine.clock());
    let database = engine.database();
    match secret::rotate(database, account, id, overlap, new_id, &new, by).await? {
        Rotation::Rotated(live) => {
            engine.routing_changed().await;
            Ok(live)
        }
        Rotation::Unknown => Err(missing()),
        Rotation::TooMany => {
            let detail = format!(
                "{MAX_LIVE_SECRETS} secrets sign already: wait until one expires, or rotate with \
                 `overlap_hours` 0."
            );
            Err(Refusal::conflict(detail))
        }
    }
}
