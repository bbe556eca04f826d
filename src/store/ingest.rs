//! Storing a batch of events: the statement whose commit lets Herald answer 202.

use std::marker::PhantomData;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::lane::LaneId;
use super::made_key;
use super::schema::{event, idempotency};
use super::statement::One;
use super::{Connection, StoreError};
use crate::domain::id::{AccountId, EventId};

/// A batch as parallel arrays, borrowed from the events that the caller holds.
#[derive(Default)]
pub struct IngestBatch<'a> {
    /// Whose each event is.
    pub accounts: Vec<Uuid>,
    /// The ids, rising.
    pub ids: Vec<Uuid>,
    /// The names of the event types.
    pub types: Vec<&'a str>,
    /// The targets of each, as an array literal of UUIDs.
    pub targets: Vec<&'a str>,
    /// The bytes as published.
    pub payloads: Vec<&'a [u8]>,
    /// Where a payload does not fit its schema.
    pub warnings: Vec<Option<&'a str>>,
    /// Idempotency keys, each at most once in a batch.
    pub keys: Vec<Option<&'a str>>,
    /// The SHA-256 of the body beside each key.
    pub body_hashes: Vec<Option<&'a [u8]>>,
    /// The databases that each came through.
    pub hops: Vec<Option<&'a str>>,
    /// Targets to be written to `delivery` at once: accounts,
    pub spill_accounts: Vec<Uuid>,
    /// subscriptions,
    pub spill_subscriptions: Vec<Uuid>,
    /// and events.
    pub spill_events: Vec<Uuid>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ingested {
    /// Stored, but for the events whose keys were taken: they carry a key and are not in
    /// `new_keys`.
    Stored {
        /// The events with keys that were stored.
        new_keys: Vec<EventId>,
        /// The accounts that may use no further key today: events of theirs with new keys were
        /// not stored.
        out_of_keys: Vec<AccountId>,
    },
    /// Nothing stored: the lane is closed.
    Fenced,
    /// Nothing stored: subscriptions or event types changed since the match.
    Stale,
}

statement! {
    /// Without keys and hops.
    Ingest<'a>(
        lane: Integer = i32,
        version: BigInt = i64,
        event_lane: Integer = i32,
        accounts: Array<SqlUuid> = &'a [Uuid],
        ids: Array<SqlUuid> = &'a [Uuid],
        types: Array<Text> = &'a [&'a str],
        targets: Array<Text> = &'a [&'a str],
        payloads: Array<Binary> = &'a [&'a [u8]],
        warnings: Array<Nullable<Text>> = &'a [Option<&'a str>],
        spill_accounts: Array<SqlUuid> = &'a [Uuid],
        spill_subscriptions: Array<SqlUuid> = &'a [Uuid],
        spill_events: Array<SqlUuid> = &'a [Uuid],
    ) -> (BigInt, BigInt) from "ingest.sql"
}

statement! {
    /// With keys or hops.
    IngestKeyed<'a>(
        lane: Integer = i32,
        version: BigInt = i64,
        accounts: Array<SqlUuid> = &'a [Uuid],
        ids: Array<SqlUuid> = &'a [Uuid],
        types: Array<Text> = &'a [&'a str],
        targets: Array<Text> = &'a [&'a str],
        payloads: Array<Binary> = &'a [&'a [u8]],
        warnings: Array<Nullable<Text>> = &'a [Option<&'a str>],
        keys: Array<Nullable<Text>> = &'a [Option<&'a str>],
        body_hashes: Array<Nullable<Binary>> = &'a [Option<&'a [u8]>],
        hops: Array<Nullable<Text>> = &'a [Option<&'a str>],
        most_keys: BigInt = i64,
        event_lane: Integer = i32,
        spill_accounts: Array<SqlUuid> = &'a [Uuid],
        spill_subscriptions: Array<SqlUuid> = &'a [Uuid],
        spill_events: Array<SqlUuid> = &'a [Uuid],
    ) -> (BigInt, BigInt, Array<SqlUuid>, Array<SqlUuid>) from "ingest_keyed.sql"
}

/// Stores a batch, if the lane is live and the routing version is still `version`. An account may
/// use `most_keys` idempotency keys on one day (UTC).
///
/// # Errors
/// [`StoreError::Away`]: it is not known, and must not be looked up, whether the batch is
/// stored; close the lane. Any other error: nothing was stored.
pub async fn ingest(
    connection: &mut Connection,
    lane: LaneId,
    version: i64,
    batch: &IngestBatch<'_>,
    most_keys: u32,
) -> Result<Ingested, StoreError> {
    let plain = batch.keys.iter().chain(&batch.hops).all(Option::is_none);
    let (live, fresh, taken, full) = if plain {
        let statement = Ingest {
            lane: lane.0,
            version,
            event_lane: lane.0,
            accounts: &batch.accounts,
            ids: &batch.ids,
            types: &batch.types,
            targets: &batch.targets,
            payloads: &batch.payloads,
            warnings: &batch.warnings,
            spill_accounts: &batch.spill_accounts,
            spill_subscriptions: &batch.spill_subscriptions,
            spill_events: &batch.spill_events,
            life: PhantomData,
        };
        let (live, fresh): (i64, i64) = statement.one(connection).await?;
        (live, fresh, Vec::new(), Vec::new())
    } else {
        let statement = IngestKeyed {
            lane: lane.0,
            version,
            accounts: &batch.accounts,
            ids: &batch.ids,
            types: &batch.types,
            targets: &batch.targets,
            payloads: &batch.payloads,
            warnings: &batch.warnings,
            keys: &batch.keys,
            body_hashes: &batch.body_hashes,
            hops: &batch.hops,
            most_keys: most_keys.into(),
            event_lane: lane.0,
            spill_accounts: &batch.spill_accounts,
            spill_subscriptions: &batch.spill_subscriptions,
            spill_events: &batch.spill_events,
            life: PhantomData,
        };
        statement
            .one::<(i64, i64, Vec<Uuid>, Vec<Uuid>)>(connection)
            .await?
    };
    Ok(match (live, fresh) {
        (1, 1) => Ingested::Stored {
            new_keys: taken.into_iter().map(EventId::from_uuid).collect(),
            out_of_keys: full.into_iter().map(AccountId::from_uuid).collect(),
        },
        (1, _) => Ingested::Stale,
        _ => Ingested::Fenced,
    })
}

/// What an idempotency key was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The key.
    pub key: String,
    /// Whose it is.
    pub account: AccountId,
    /// SHA-256 of the body that came with it.
    pub body_hash: Vec<u8>,
    /// The event that was stored.
    pub event: EventId,
    /// How many targets it has.
    pub deliveries: usize,
}

/// Body hash, event, targets.
type KeyRow = (Vec<u8>, Uuid, Option<Vec<Option<Uuid>>>);

/// Looks up what keys were used for. A key that was just forgotten (after 24 h) is not among them.
///
/// # Errors
/// When the database is away.
pub async fn known_keys(
    connection: &mut Connection,
    keys: &[(AccountId, &str)],
) -> Result<Vec<KnownKey>, StoreError> {
    let mut known = Vec::with_capacity(keys.len());
    for (account, key) in keys {
        let row: Option<KeyRow> = idempotency::table
            .left_join(
                event::table.on(event::account_id
                    .eq(idempotency::account_id)
                    .and(event::id.eq(idempotency::event_id))),
            )
            .filter(
                idempotency::account_id
                    .eq(account.uuid())
                    .and(idempotency::key.eq(*key)),
            )
            .select((
                idempotency::body_hash,
                idempotency::event_id,
                event::targets.nullable(),
            ))
            .first(connection)
            .await
            .optional()?;
        if let Some((body_hash, event, targets)) = row {
            known.push(KnownKey {
                key: (*key).to_owned(),
                account: *account,
                body_hash,
                event: EventId::from_uuid(event),
                deliveries: targets.map_or(0, |targets| targets.len()),
            });
        }
    }
    Ok(known)
}

/// Begins the counts of keys of today for accounts, so that batches of several daemons count one
/// after the other from the first key on.
///
/// # Errors
/// When the database is away.
pub async fn begin_counts(
    connection: &mut Connection,
    accounts: &[Uuid],
) -> Result<(), StoreError> {
    diesel::sql_query(
        "insert into idempotency_count (account_id, day, keys) \
         select a, (now() at time zone 'utc')::date, 0 from unnest($1::uuid[]) a order by a \
         on conflict do nothing",
    )
    .bind::<Array<SqlUuid>, _>(accounts)
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets keys that are older than 24 h. Returns how many.
///
/// # Errors
/// When the database is away.
pub async fn forget_old_keys(connection: &mut Connection) -> Result<usize, StoreError> {
    made_key::forget_old(connection).await?;
    diesel::sql_query(
        "delete from idempotency_count where day < (now() at time zone 'utc')::date - 1",
    )
    .execute(connection)
    .await?;
    Ok(
        diesel::sql_query("delete from idempotency where at < now() - interval '24 hours'")
            .execute(connection)
            .await?,
    )
}
