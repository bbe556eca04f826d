//! Another key for what is sealed: the new one is made known, becomes the one that values are
//! sealed with, every value is sealed again, and the old ones are forgotten. Each step may be taken
//! again after an interruption.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::feature_level::lock_lanes;
use super::lane::LaneId;
use super::schema::{lane, seal, seal_key, subscription, subscription_secret};
use super::seal::{insert_key, known_in, number};
use super::statement::One;
use super::{Connection, Database, StoreError};
use crate::domain::seal::{KeyRing, SealKey, SealKeyId, Sealed};

/// Rows that are sealed again in one transaction.
const BATCH: i64 = 200;

/// What a rotation holds, so that there is one at a time. It goes with the connection.
const LOCK: i64 = 0x4845_5241_4c4b;

/// Held while a rotation runs.
pub struct OneAtATime {
    _connection: Connection,
}

/// Keeps other rotations out; none: one runs.
///
/// # Errors
/// When the database is away.
pub async fn one_at_a_time(database: &Database) -> Result<Option<OneAtATime>, StoreError> {
    let mut connection = database.dedicated().await?;
    let held = diesel::select(
        sql::<Bool>("pg_try_advisory_lock(")
            .bind::<BigInt, _>(LOCK)
            .sql(")"),
    )
    .one::<bool>(&mut connection)
    .await?;
    Ok(held.then_some(OneAtATime {
        _connection: connection,
    }))
}

/// The key that values are sealed with; none: no daemon was ever started on this database.
///
/// # Errors
/// When the database is away.
pub async fn current(database: &Database) -> Result<Option<SealKeyId>, StoreError> {
    let current: Option<i16> = seal::table
        .select(seal::current)
        .first(&mut database.get().await?)
        .await?;
    current.map(number).transpose()
}

/// Makes a key known: no daemon gets a lane without it from now on.
///
/// # Errors
/// When the database is away, or another key has its number.
pub async fn register(database: &Database, key: &SealKey, place: &str) -> Result<(), StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            let _one_at_a_time: bool = seal::table
                .select(seal::one)
                .for_update()
                .first(connection)
                .await?;
            let known = known_in(connection).await?;
            match known.iter().find(|it| it.id == key.id()) {
                Some(known) if known.fingerprint == key.fingerprint() => Ok(()),
                Some(known) => Err(StoreError::Unfit(known.other_key())),
                None => insert_key(connection, key.id(), key.fingerprint(), place).await,
            }
        })
        .await
}

/// A daemon that does not have a key.
#[derive(Debug, Clone)]
pub struct Uninformed {
    /// Its lane.
    pub lane: LaneId,
    /// Since when.
    pub since: DateTime<Utc>,
    /// It is of a version that knows nothing of sealing.
    pub older: bool,
}

/// The living daemons that do not have this key.
///
/// # Errors
/// When the database is away.
pub async fn uninformed(database: &Database, key: &SealKey) -> Result<Vec<Uninformed>, StoreError> {
    uninformed_in(&mut *database.get().await?, key).await
}

async fn uninformed_in(
    connection: &mut Connection,
    key: &SealKey,
) -> Result<Vec<Uninformed>, StoreError> {
    type KeysOfLane = Option<Vec<Option<Vec<u8>>>>;
    let lanes: Vec<(i32, DateTime<Utc>, KeysOfLane)> = lane::table
        .filter(lane::closed_at.is_null())
        .filter(lane::lease_until.gt(diesel::dsl::now))
        .select((lane::id, lane::opened_at, lane::seal_keys))
        .order(lane::id)
        .load(connection)
        .await?;
    let fingerprint = key.fingerprint().0;
    let knows = |keys: &KeysOfLane| {
        let mut keys = keys.iter().flatten().flatten();
        keys.any(|known| known.as_slice() == fingerprint)
    };
    Ok(lanes
        .into_iter()
        .filter(|(_, _, keys)| !knows(keys))
        .map(|(id, since, keys)| Uninformed {
            lane: LaneId(id),
            since,
            older: keys.is_none(),
        })
        .collect())
}

/// Has new values sealed with a key, unless a living daemon does not have it: then false.
///
/// # Errors
/// When the database is away.
pub async fn switch_to(database: &Database, key: &SealKey) -> Result<bool, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    connection
        .transaction(async |connection: &mut Connection| {
            lock_lanes(connection).await?;
            if !uninformed_in(connection, key).await?.is_empty() {
                return Ok(false);
            }
            // Waits for whoever writes with the one before.
            diesel::update(seal::table)
                .set(seal::current.eq(i16::from(key.id().number())))
                .execute(connection)
                .await?;
            Ok(true)
        })
        .await
}

/// What is sealed again, one after the other.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Secrets,
    Headers,
    Urls,
}

/// How far sealing again has come.
#[derive(Debug, Default, Clone)]
pub struct Progress {
    /// Values that were sealed again.
    pub values: u64,
    /// Those that do not open.
    pub locked: Vec<Sealed>,
    secrets_after: (Uuid, Uuid),
    after: Uuid,
    stage: Stage,
}

/// Seals some values again with the key. False: none is left behind those that were looked at.
///
/// # Errors
/// When the database is away.
pub async fn reseal_some(
    database: &Database,
    ring: &KeyRing,
    key: &SealKey,
    progress: &mut Progress,
) -> Result<bool, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    let before = progress.clone();
    let done = connection
        .transaction(async |connection: &mut Connection| {
            let mut next = before;
            let some = match next.stage {
                Stage::Secrets => reseal_secrets(connection, ring, key, &mut next).await?,
                Stage::Headers => {
                    reseal_column(connection, ring, key, &mut next, Column::Headers).await?
                }
                Stage::Urls => reseal_column(connection, ring, key, &mut next, Column::Url).await?,
            };
            let more = some || next.stage != Stage::Urls;
            if !some {
                next.after = Uuid::nil();
                next.stage = match next.stage {
                    Stage::Secrets => Stage::Headers,
                    Stage::Headers | Stage::Urls => Stage::Urls,
                };
            }
            Ok::<_, StoreError>((next, more))
        })
        .await;
    let (next, more) = done?;
    *progress = next;
    Ok(more)
}

async fn reseal_secrets(
    connection: &mut Connection,
    ring: &KeyRing,
    key: &SealKey,
    progress: &mut Progress,
) -> Result<bool, StoreError> {
    use subscription_secret::{id, sealed, subscription_id};
    let (owner, last) = progress.secrets_after;
    let rows: Vec<(Uuid, Uuid, Option<Vec<u8>>)> = subscription_secret::table
        .filter(sealed.is_not_null())
        .filter(
            sql::<Bool>("get_byte(sealed, 0) <> ").bind::<Integer, _>(i32::from(key.id().number())),
        )
        .filter(
            subscription_id
                .gt(owner)
                .or(subscription_id.eq(owner).and(id.gt(last))),
        )
        .select((subscription_id, id, sealed))
        .order((subscription_id, id))
        .limit(BATCH)
        .for_update()
        .load(connection)
        .await?;
    for (owner, secret, value) in &rows {
        progress.secrets_after = (*owner, *secret);
        let what = Sealed::Secret(*owner, *secret);
        let resealed = progress.reseal(ring, key, what, value.as_deref());
        if resealed.is_none() && forget_of_removed(connection, what).await? {
            progress.locked.pop();
        }
        if let Some(resealed) = resealed {
            diesel::update(subscription_secret::table.find((*owner, *secret)))
                .set(sealed.eq(resealed))
                .execute(connection)
                .await?;
        }
    }
    Ok(!rows.is_empty())
}

/// A sealed column of subscriptions.
#[derive(Debug, Clone, Copy)]
enum Column {
    Headers,
    Url,
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Headers => "sealed_headers",
            Self::Url => "sealed_url",
        }
    }

    const fn of(self, owner: Uuid) -> Sealed {
        match self {
            Self::Headers => Sealed::Headers(owner),
            Self::Url => Sealed::Url(owner),
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Value {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Binary)]
    value: Vec<u8>,
}

async fn reseal_column(
    connection: &mut Connection,
    ring: &KeyRing,
    key: &SealKey,
    progress: &mut Progress,
    column: Column,
) -> Result<bool, StoreError> {
    let name = column.name();
    let rows: Vec<Value> = diesel::sql_query(format!(
        "select id, {name} as value from subscription \
         where {name} is not null and get_byte({name}, 0) <> $1 and id > $2 \
         order by id limit {BATCH} for update"
    ))
    .bind::<Integer, _>(i32::from(key.id().number()))
    .bind::<SqlUuid, _>(progress.after)
    .load(connection)
    .await?;
    let (mut ids, mut values) = (Vec::new(), Vec::new());
    for Value { id, value } in &rows {
        progress.after = *id;
        let what = column.of(*id);
        if let Some(resealed) = progress.reseal(ring, key, what, Some(value)) {
            ids.push(*id);
            values.push(resealed);
        } else if forget_of_removed(connection, what).await? {
            progress.locked.pop();
        }
    }
    diesel::sql_query(format!(
        "update subscription s set {name} = i.value from unnest($1, $2) as i (id, value) \
         where s.id = i.id"
    ))
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Binary>, _>(values)
    .execute(connection)
    .await?;
    Ok(!rows.is_empty())
}

/// Removes a value that does not open if its subscription was removed: nobody could fix it.
async fn forget_of_removed(connection: &mut Connection, what: Sealed) -> Result<bool, StoreError> {
    let removed = |owner| {
        subscription::table
            .filter(subscription::id.eq(owner))
            .filter(subscription::deleted_at.is_not_null())
    };
    let forgotten = match what {
        Sealed::Secret(owner, id) => {
            let owners = removed(owner).select(subscription::id);
            diesel::delete(
                subscription_secret::table
                    .filter(subscription_secret::id.eq(id))
                    .filter(subscription_secret::subscription_id.eq_any(owners)),
            )
            .execute(connection)
            .await?
        }
        Sealed::Headers(owner) => {
            diesel::update(removed(owner))
                .set(subscription::sealed_headers.eq(None::<Vec<u8>>))
                .execute(connection)
                .await?
        }
        Sealed::Url(owner) => {
            diesel::update(removed(owner))
                .set(subscription::sealed_url.eq(None::<Vec<u8>>))
                .execute(connection)
                .await?
        }
    };
    Ok(forgotten > 0)
}

impl Progress {
    fn reseal(
        &mut self,
        ring: &KeyRing,
        key: &SealKey,
        what: Sealed,
        value: Option<&[u8]>,
    ) -> Option<Vec<u8>> {
        let plain = ring.open(what, value.unwrap_or_default()).ok();
        let resealed =
            plain.and_then(|plain| ring.seal(key.id(), what, rand::random(), &plain).ok());
        match resealed {
            Some(_) => self.values += 1,
            None => self.locked.push(what),
        }
        resealed
    }
}

/// Forgets all keys but this one, unless it is not the current one or some value is still sealed
/// with another: then false.
///
/// # Errors
/// When the database is away.
pub async fn forget_others(database: &Database, key: &SealKey) -> Result<bool, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    let id = i16::from(key.id().number());
    connection
        .transaction(async |connection: &mut Connection| {
            // Nobody seals meanwhile.
            let current: Option<i16> = seal::table
                .select(seal::current)
                .for_update()
                .first(connection)
                .await?;
            let others = diesel::select(
                sql::<Bool>(
                    "exists (select from subscription_secret where get_byte(sealed, 0) <> ",
                )
                .bind::<Integer, _>(i32::from(id))
                .sql(") or exists (select from subscription where get_byte(sealed_headers, 0) <> ")
                .bind::<Integer, _>(i32::from(id))
                .sql(") or exists (select from subscription where get_byte(sealed_url, 0) <> ")
                .bind::<Integer, _>(i32::from(id))
                .sql(")"),
            )
            .one::<bool>(connection)
            .await?;
            if current != Some(id) || others {
                return Ok(false);
            }
            diesel::delete(seal_key::table.filter(seal_key::id.ne(id)))
                .execute(connection)
                .await?;
            Ok(true)
        })
        .await
}
