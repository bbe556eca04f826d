//! The secrets that sign a subscription's deliveries.

use rand::TryRngCore;
use uuid::Uuid;

use super::super::input::{Whole, inputs};
use super::super::making::{Kind, Making, once};
use super::super::{Context, Refusal, Result};
use super::{missing, show};
use crate::domain::id::SubscriptionId;
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
pub(super) fn fresh() -> Result<Secret> {
    let mut random = [0; 24];
    let filled = rand::rngs::OsRng.try_fill_bytes(&mut random);
    filled.map_err(|error| StoreError::Unfit(format!("no random bytes: {error}")))?;
    Ok(Secret::from_random(random))
}

/// The secrets that sign now, the current one first; it is noted to whom they were shown.
///
/// # Errors
/// There is no such subscription, or the database is away.
pub async fn secrets(cx: Context<'_>, id: SubscriptionId) -> Result<Vec<LiveSecret>> {
    let live = secret::show(cx.database(), cx.account, id, &cx.by()).await?;
    live.ok_or_else(missing)
}

/// Makes a new secret the current one; the others sign for as many hours more as it says. None: a
/// request with the same key did it before.
///
/// # Errors
/// Too many sign already, there is no such subscription, or the database is away.
pub async fn rotate(
    cx: Context<'_>,
    id: SubscriptionId,
    making: Making<'_>,
    input: RotateInput,
) -> Result<Option<Vec<LiveSecret>>> {
    let (database, account) = (cx.database(), cx.account);
    let before = async |_: Uuid| show(cx, id).await.map(|_| None);
    let rotate = replace(cx, id, making, input);
    once(
        database,
        Some(account),
        (Kind::Secret, making),
        rotate,
        before,
    )
    .await
}

async fn replace(
    cx: Context<'_>,
    id: SubscriptionId,
    making: Making<'_>,
    input: RotateInput,
) -> Result<Option<Vec<LiveSecret>>> {
    let overlap = input.overlap_hours.map_or(DEFAULT_OVERLAP, Whole::get);
    let (new, new_id) = (fresh()?, fresh_uuid(cx.engine.clock()));
    let (database, account) = (cx.database(), cx.account);
    match secret::rotate(database, account, id, overlap, new_id, &new, making).await? {
        Rotation::Rotated(live) => {
            cx.engine.routing_changed().await;
            Ok(Some(live))
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
