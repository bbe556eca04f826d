//! The signing secrets of a subscription: one without an end, others while they overlap.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::activity::note;
use super::made_key::{Kind, Making};
use super::schema::{subscription, subscription_secret};
use super::seal::{Sealer, open_secret};
use super::{Connection, Database, StoreError, routing};
use crate::domain::activity::{Actor, OwnActivity};
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::seal::KeyRing;
use crate::domain::secret::Secret;

/// How many secrets may sign at once. Each makes every signature header longer.
pub const MAX_LIVE_SECRETS: usize = 5;

/// A secret that signs.
#[derive(Debug, Clone)]
pub struct LiveSecret {
    /// The secret.
    pub secret: Secret,
    /// When it stops to sign; none: it is the current one.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Shows the secrets that sign now, the current one first, and records who saw them. None: there is
/// no such subscription.
///
/// # Errors
/// When the database is away, or a secret does not open.
pub async fn show(
    database: &Database,
    account: AccountId,
    id: SubscriptionId,
    by: &Actor,
) -> Result<Option<Vec<LiveSecret>>, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let live = live_in(connection, account, id).await?;
            let live = open(&database.keys(), id, live)?;
            if live.is_some() {
                let (what, subject) = (OwnActivity::SecretShown, id.to_string());
                note(connection, Some(account), by, what, subject, None).await?;
            }
            Ok(live)
        })
        .await
}

/// When the secrets that were replaced stop to sign, the last one first; the secrets themselves
/// are not read.
///
/// # Errors
/// When the database is away.
pub async fn ends(
    database: &Database,
    account: AccountId,
    id: SubscriptionId,
) -> Result<Vec<DateTime<Utc>>, StoreError> {
    let ends: Vec<Option<DateTime<Utc>>> = subscription_secret::table
        .inner_join(subscription::table)
        .filter(subscription::id.eq(id.uuid()))
        .filter(subscription::account_id.eq(account.uuid()))
        .filter(subscription_secret::expires_at.gt(diesel::dsl::now))
        .order(subscription_secret::expires_at.desc())
        .select(subscription_secret::expires_at)
        .load(&mut database.get().await?)
        .await?;
    Ok(ends.into_iter().flatten().collect())
}

/// A secret as it is in its row: id, plain, sealed, end.
type LiveRow = (
    Uuid,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<DateTime<Utc>>,
);

/// Those that sign now, the current one first. None: there is no such subscription.
async fn live_in(
    connection: &mut Connection,
    account: AccountId,
    id: SubscriptionId,
) -> Result<Option<Vec<LiveRow>>, StoreError> {
    let rows: Vec<LiveRow> = subscription_secret::table
        .inner_join(subscription::table)
        .filter(subscription::id.eq(id.uuid()))
        .filter(subscription::account_id.eq(account.uuid()))
        .filter(subscription::deleted_at.is_null())
        .filter(
            subscription_secret::expires_at
                .is_null()
                .or(subscription_secret::expires_at.gt(diesel::dsl::now)),
        )
        .order((
            subscription_secret::expires_at.desc().nulls_first(),
            subscription_secret::id,
        ))
        .select((
            subscription_secret::id,
            subscription_secret::key,
            subscription_secret::sealed,
            subscription_secret::expires_at,
        ))
        .load(connection)
        .await?;
    Ok((!rows.is_empty()).then_some(rows))
}

fn open(
    ring: &KeyRing,
    subscription: SubscriptionId,
    rows: Option<Vec<LiveRow>>,
) -> Result<Option<Vec<LiveSecret>>, StoreError> {
    let open = |(id, plain, sealed, expires_at): LiveRow| match open_secret(
        ring,
        subscription.uuid(),
        id,
        plain,
        sealed.as_deref(),
    ) {
        Ok(secret) => Ok(LiveSecret { secret, expires_at }),
        Err(cause) => Err(StoreError::Locked {
            what: format!("a secret of {subscription}"),
            cause,
        }),
    };
    rows.map(|rows| rows.into_iter().map(open).collect())
        .transpose()
}

/// What became of a rotation.
#[derive(Debug)]
pub enum Rotation {
    /// The secrets that sign now, the new one first.
    Rotated(Vec<LiveSecret>),
    /// There is no such subscription.
    Unknown,
    /// [`MAX_LIVE_SECRETS`] sign already: nothing was changed.
    TooMany,
}

/// Makes `secret` the current one, and records who did it. The others sign for `overlap_hours`
/// more, none longer than it would have anyway.
///
/// # Errors
/// When the database is away.
pub async fn rotate(
    database: &Database,
    account: AccountId,
    id: SubscriptionId,
    overlap_hours: i32,
    secret_id: Uuid,
    secret: &Secret,
    making: Making<'_>,
) -> Result<Rotation, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let version = routing::bump(connection).await?;
            let Some(before) = live_in(connection, account, id).await? else {
                return Ok(Rotation::Unknown);
            };
            if overlap_hours > 0 && before.len() >= MAX_LIVE_SECRETS {
                return Ok(Rotation::TooMany);
            }
            let (owner, made) = (Some(account), secret_id.to_string());
            let bounds = database.bounds();
            making
                .keep(connection, owner, Kind::Secret, &made, &bounds)
                .await?;
            diesel::sql_query(
                "update subscription_secret set expires_at = \
                     least(coalesce(expires_at, 'infinity'), now() + make_interval(hours => $2)) \
                 where subscription_id = $1",
            )
            .bind::<SqlUuid, _>(id.uuid())
            .bind::<Integer, _>(overlap_hours)
            .execute(connection)
            .await?;
            diesel::sql_query(
                "delete from subscription_secret where subscription_id = $1 and expires_at <= now()",
            )
            .bind::<SqlUuid, _>(id.uuid())
            .execute(connection)
            .await?;
            let (plain, sealed) = Sealer::of(database, connection)
                .await?
                .secret(id.uuid(), secret_id, secret)?;
            diesel::insert_into(subscription_secret::table)
                .values((
                    subscription_secret::subscription_id.eq(id.uuid()),
                    subscription_secret::id.eq(secret_id),
                    subscription_secret::key.eq(plain),
                    subscription_secret::sealed.eq(sealed),
                ))
                .execute(connection)
                .await?;
            diesel::sql_query(
                "update subscription set version = $2, updated_at = now() where id = $1",
            )
            .bind::<SqlUuid, _>(id.uuid())
            .bind::<BigInt, _>(version)
            .execute(connection)
            .await?;
            let live = live_in(connection, account, id).await?;
            let live = open(&database.keys(), id, live)?;
            let payload = serde_json::json!({ "overlap_hours": overlap_hours });
            let (what, subject) = (OwnActivity::SecretRotated, id.to_string());
            note(connection, owner, making.by, what, subject, Some(payload)).await?;
            Ok(live.map_or(Rotation::Unknown, Rotation::Rotated))
        })
        .await
}
