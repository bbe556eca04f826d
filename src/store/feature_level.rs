//! Feature levels: what a version of Herald can read of what newer versions store. A lane states
//! the level of its daemon. The database states the level that its data needs: it rises as soon as
//! no lower lane is open, and the trigger `lane_can_open` gives a lower daemon no lane afterwards.
//! So whatever a level adds may be stored once the database is at that level.

use diesel::dsl::min;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};

use super::schema::{feature_level, lane};
use super::{Connection, StoreError};

/// A feature level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeatureLevel(i16);

impl FeatureLevel {
    /// Secrets and own headers may be sealed (2026-11-22).
    pub const SEALED: Self = Self(1);
    /// URLs may be sealed. What else one release adds shares its level: give it a constant here.
    pub const SEALED_URLS: Self = Self(2);
    /// Accounts may list the senders of their mails, which older code would let anyone name.
    pub const MAIL_SENDERS: Self = Self(2);
    /// Requests that make something keep their idempotency keys, which older code would ignore, and
    /// make it again.
    pub const MADE_KEYS: Self = Self(3);
    /// That of this version.
    pub const OWN: Self = Self(3);

    /// Its number, as it is stored.
    #[must_use]
    pub const fn number(self) -> i16 {
        self.0
    }
}

/// Raises the level of the database to that of the lowest open lane, and returns it. With no lane
/// open, that is [`FeatureLevel::OWN`].
///
/// # Errors
/// When the database is away.
pub async fn raise(connection: &mut Connection) -> Result<FeatureLevel, StoreError> {
    let (needed, lowest) = levels(connection).await?;
    // Without a lock at first: this is asked often while an older daemon lives.
    if lowest <= needed {
        return Ok(needed);
    }
    connection
        .transaction(async |connection: &mut Connection| {
            // No lane is opened until the decision is visible.
            lock_lanes(connection).await?;
            let (needed, lowest) = levels(connection).await?;
            let new = needed.max(lowest);
            diesel::update(feature_level::table.filter(feature_level::needed.lt(new.0)))
                .set(feature_level::needed.eq(new.0))
                .execute(connection)
                .await?;
            Ok(new)
        })
        .await
}

/// Makes sure, before something is stored that needs this level, that no daemon below it is at
/// work or gets a lane from now on. It may be called in the caller's transaction.
///
/// # Errors
/// [`StoreError::OlderDaemon`] if one is at work. When the database is away.
pub async fn require(connection: &mut Connection, level: FeatureLevel) -> Result<(), StoreError> {
    if raise(connection).await? < level {
        return Err(StoreError::OlderDaemon);
    }
    Ok(())
}

/// The level that the data needs, and that of the lowest open lane, at most this version's.
async fn levels(connection: &mut Connection) -> Result<(FeatureLevel, FeatureLevel), StoreError> {
    let needed: i16 = feature_level::table
        .select(feature_level::needed)
        .first(connection)
        .await?;
    let needed = FeatureLevel(needed);
    if needed >= FeatureLevel::OWN {
        return Ok((needed, FeatureLevel::OWN));
    }
    let lowest: Option<i16> = lane::table
        .filter(lane::closed_at.is_null())
        .select(min(lane::feature_level))
        .first(connection)
        .await?;
    let lowest = lowest.map_or(FeatureLevel::OWN, FeatureLevel);
    Ok((needed, lowest.min(FeatureLevel::OWN)))
}

/// Keeps lanes as they are until the caller's transaction ends.
pub(super) async fn lock_lanes(connection: &mut Connection) -> Result<(), StoreError> {
    connection
        .batch_execute(
            "set local lock_timeout = '2s'; lock table lane in share row exclusive mode; \
             set local lock_timeout to default",
        )
        .await?;
    Ok(())
}
