//! Sealing in the database: which keys it knows, since when values are sealed, and with which key.
//! Sealed values are stored beside the plain ones; nothing is sealed while a daemon may be alive
//! that could not open it.

use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde_json::{Value, json};
use uuid::Uuid;

use super::feature_level::FeatureLevel;
use super::lane::LaneId;
use super::schema::{feature_level, lane, seal, seal_key, subscription, subscription_secret};
use super::statement::One;
use super::{Connection, Database, StoreError, feature_level as level};
use crate::domain::seal::{Fingerprint, KeyRing, OpenError, SealKeyId, Sealed};
use crate::domain::secret::Secret;
use crate::domain::target_url::{TargetUrl, is_masked, masked};

/// Rows that are sealed in one transaction.
const BATCH: i64 = 200;

/// A key that the database knows of.
#[derive(Debug, Clone)]
pub struct KnownSealKey {
    /// Its number.
    pub id: SealKeyId,
    /// What distinguishes it from others.
    pub fingerprint: Fingerprint,
    /// Where its file was when it was made.
    pub place: String,
}

impl KnownSealKey {
    /// What to do where this key is missing.
    #[must_use]
    pub fn missing_from(&self, path: &std::path::Path) -> String {
        format!(
            "the secrets in this database are sealed with key {} ({}), which the key file {} does \
             not hold: copy the key file of {} there, with mode 600 (after the restore of an older \
             database: its copy of that time)",
            self.id,
            self.fingerprint.short(),
            path.display(),
            self.place
        )
    }
}

impl KnownSealKey {
    /// What to do where another key has this number.
    #[must_use]
    pub(super) fn other_key(&self) -> String {
        format!(
            "key {} of the key file is another one than that of the database ({}): put the copy of \
             the key file back",
            self.id,
            self.fingerprint.short()
        )
    }
}

/// The first of the known keys that the ring lacks.
#[must_use]
pub fn lacking<'a>(ring: &KeyRing, known: &'a [KnownSealKey]) -> Option<&'a KnownSealKey> {
    known
        .iter()
        .find(|key| !ring.holds(key.id, key.fingerprint))
}

/// The keys that the database knows of, by their numbers.
///
/// # Errors
/// When the database is away.
pub async fn known(database: &Database) -> Result<Vec<KnownSealKey>, StoreError> {
    known_in(&mut *database.get().await?).await
}

pub(super) async fn known_in(connection: &mut Connection) -> Result<Vec<KnownSealKey>, StoreError> {
    let rows: Vec<(i16, Vec<u8>, String)> = seal_key::table
        .select((seal_key::id, seal_key::fingerprint, seal_key::place))
        .order(seal_key::id)
        .load(connection)
        .await?;
    rows.into_iter()
        .map(|(id, fingerprint, place)| {
            let id = number(id)?;
            let fingerprint = fingerprint.try_into().map_err(|_bytes| {
                StoreError::Unfit(format!("the fingerprint of key {id} is damaged"))
            })?;
            Ok(KnownSealKey {
                id,
                fingerprint: Fingerprint(fingerprint),
                place,
            })
        })
        .collect()
}

pub(super) fn number(id: i16) -> Result<SealKeyId, StoreError> {
    u8::try_from(id)
        .ok()
        .and_then(SealKeyId::new)
        .ok_or_else(|| StoreError::Unfit(format!("{id} is no number of a key")))
}

/// Agrees with the database on the keys, one daemon at a time: `load` reads the key file, and may
/// make it if its argument says that the database knows no key yet. Then the newest key of the file
/// becomes that of the database; else the file must hold all that the database knows. `place`
/// says where the file is, `path` is its path.
///
/// # Errors
/// When the database is away, `load` fails, or a key is missing, with a text for the operator.
pub async fn agree(
    database: &Database,
    place: &str,
    path: &std::path::Path,
    load: impl FnOnce(bool) -> Result<Option<KeyRing>, String> + Send,
) -> Result<(), StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    let ring = connection
        .transaction(async |connection: &mut Connection| {
            let _one_at_a_time: bool = seal::table
                .select(seal::one)
                .for_update()
                .first(connection)
                .await?;
            let known = known_in(connection).await?;
            let ring = load(known.is_empty()).map_err(StoreError::Unfit)?;
            let ring = ring.unwrap_or_default();
            if let Some(key) = lacking(&ring, &known) {
                return Err(StoreError::Unfit(key.missing_from(path)));
            }
            if let (true, Some(newest)) = (known.is_empty(), ring.newest()) {
                insert_key(connection, newest.id(), newest.fingerprint(), place).await?;
                diesel::update(seal::table)
                    .set(seal::current.eq(i16::from(newest.id().number())))
                    .execute(connection)
                    .await?;
            }
            Ok(ring)
        })
        .await?;
    database.set_keys(ring);
    Ok(())
}

pub(super) async fn insert_key(
    connection: &mut Connection,
    id: SealKeyId,
    fingerprint: Fingerprint,
    place: &str,
) -> Result<(), StoreError> {
    diesel::insert_into(seal_key::table)
        .values((
            seal_key::id.eq(i16::from(id.number())),
            seal_key::fingerprint.eq(fingerprint.0.to_vec()),
            seal_key::place.eq(place),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// The fingerprints of a daemon's keys, as its lane shows them to the others.
pub(super) fn fingerprints(ring: &KeyRing) -> Vec<Vec<u8>> {
    ring.keys()
        .iter()
        .map(|key| key.fingerprint().0.to_vec())
        .collect()
}

/// Shows the others which keys the daemon of a lane has now.
///
/// # Errors
/// When the database is away.
pub async fn show_keys(database: &Database, id: LaneId, ring: &KeyRing) -> Result<(), StoreError> {
    diesel::update(lane::table.filter(lane::id.eq(id.0)))
        .set(lane::seal_keys.eq(fingerprints(ring)))
        .execute(&mut database.get().await?)
        .await?;
    Ok(())
}

/// The URLs that are stored in plain and have something to hide, as the index of them has it.
const PLAIN_URL: &str = "sealed_url is null and url ~ '^https?://[^/]+/.'";

/// Whether values are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealing {
    /// They are (URLs only when no daemon is at work that could not open them); true: since now.
    Since(bool),
    /// A daemon that cannot open them may be alive.
    Waits,
}

/// Begins to seal, if no daemon is at work that could not open sealed values. From then on such a
/// daemon gets no lane.
///
/// # Errors
/// When the database is away.
pub async fn begin(database: &Database) -> Result<Sealing, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    let level = level::raise(connection).await?;
    let (sealing, has_key): (bool, bool) = seal::table
        .select((seal::since.is_not_null(), seal::current.is_not_null()))
        .first(connection)
        .await?;
    if sealing {
        return Ok(Sealing::Since(false));
    }
    if !has_key || level < FeatureLevel::SEALED {
        return Ok(Sealing::Waits);
    }
    let began = diesel::update(seal::table.filter(seal::since.is_null()))
        .set(seal::since.eq(diesel::dsl::now))
        .execute(connection)
        .await?;
    Ok(Sealing::Since(began == 1))
}

/// Seals some of the values that are in plain. Returns how many; 0: none is left, or sealing has
/// not begun.
///
/// # Errors
/// When the database is away, or the key that it seals with is missing here.
pub async fn seal_some(database: &Database) -> Result<usize, StoreError> {
    let mut lent = database.get().await?;
    let connection: &mut Connection = &mut lent;
    // Without a lock: this is asked each second, and hardly ever is there anything.
    let secrets = subscription_secret::table.filter(subscription_secret::key.is_not_null());
    let headers = subscription::table.filter(subscription::headers.ne(json!({})));
    let urls = subscription::table.filter(sql::<Bool>(PLAIN_URL));
    let plain = diesel::select(exists(secrets).or(exists(headers)).or(exists(urls)));
    if !plain.one::<bool>(connection).await? {
        return Ok(0);
    }
    connection
        .transaction(async |connection: &mut Connection| {
            let sealer = Sealer::of(database, connection).await?;
            if sealer.with.is_none() {
                return Ok(0);
            }
            let secrets: Vec<(Uuid, Uuid, Option<Vec<u8>>)> = subscription_secret::table
                .filter(subscription_secret::key.is_not_null())
                .select((
                    subscription_secret::subscription_id,
                    subscription_secret::id,
                    subscription_secret::key,
                ))
                .order((
                    subscription_secret::subscription_id,
                    subscription_secret::id,
                ))
                .limit(BATCH)
                .for_update()
                .skip_locked()
                .load(connection)
                .await?;
            for (owner, id, key) in &secrets {
                let sealed =
                    sealer.seal(Sealed::Secret(*owner, *id), key.as_deref().unwrap_or(&[]))?;
                diesel::update(subscription_secret::table.find((*owner, *id)))
                    .set((
                        subscription_secret::key.eq(None::<Vec<u8>>),
                        subscription_secret::sealed.eq(sealed),
                    ))
                    .execute(connection)
                    .await?;
            }
            let headers: Vec<(Uuid, Value)> = subscription::table
                .filter(subscription::headers.ne(json!({})))
                .select((subscription::id, subscription::headers))
                .order(subscription::id)
                .limit(BATCH)
                .for_update()
                .skip_locked()
                .load(connection)
                .await?;
            for (id, plain) in &headers {
                let sealed = sealer.seal(Sealed::Headers(*id), plain.to_string().as_bytes())?;
                diesel::update(subscription::table.find(*id))
                    .set((
                        subscription::headers.eq(json!({})),
                        subscription::sealed_headers.eq(sealed),
                    ))
                    .execute(connection)
                    .await?;
            }
            let urls = seal_urls(connection, &sealer).await?;
            Ok(secrets.len() + headers.len() + urls)
        })
        .await
}

async fn seal_urls(connection: &mut Connection, sealer: &Sealer) -> Result<usize, StoreError> {
    if !sealer.urls {
        return Ok(0);
    }
    let urls: Vec<(Uuid, String)> = subscription::table
        .filter(sql::<Bool>(PLAIN_URL))
        .select((subscription::id, subscription::url))
        .order(subscription::id)
        .limit(BATCH)
        .for_update()
        .skip_locked()
        .load(connection)
        .await?;
    let (mut ids, mut shown, mut sealed) = (Vec::new(), Vec::new(), Vec::new());
    for (id, plain) in &urls {
        // One that is damaged shows a mask, and hides nothing.
        if let (visible, Some(whole)) = sealer.url(*id, plain)? {
            ids.push(*id);
            shown.push(visible);
            sealed.push(whole);
        }
    }
    let number = ids.len();
    diesel::sql_query(
        "update subscription s set url = i.url, sealed_url = i.sealed \
         from unnest($1, $2, $3) as i (id, url, sealed) where s.id = i.id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(shown)
    .bind::<Array<Binary>, _>(sealed)
    .execute(connection)
    .await?;
    Ok(number)
}

/// A secret's columns: plain, sealed. One of them is there.
type SecretColumns = (Option<Vec<u8>>, Option<Vec<u8>>);

/// How values are written, fixed until the caller's transaction ends.
pub(super) struct Sealer {
    ring: std::sync::Arc<KeyRing>,
    /// None: in plain.
    pub(super) with: Option<SealKeyId>,
    /// URLs are sealed, too: every daemon can open them.
    urls: bool,
}

impl Sealer {
    /// Asks how values are to be written. A change of that waits for the caller's transaction.
    pub(super) async fn of(
        database: &Database,
        connection: &mut Connection,
    ) -> Result<Self, StoreError> {
        let current: Option<i16> = seal::table
            .filter(seal::since.is_not_null())
            .select(seal::current)
            .for_share()
            .first::<Option<i16>>(connection)
            .await
            .optional()?
            .flatten();
        // It never falls, so no lock is needed; what is written in plain meanwhile is sealed later.
        let needed: i16 = feature_level::table
            .select(feature_level::needed)
            .first(connection)
            .await?;
        Ok(Self {
            ring: database.keys(),
            with: current.map(number).transpose()?,
            urls: needed >= FeatureLevel::SEALED_URLS.number(),
        })
    }

    fn seal(&self, what: Sealed, plain: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(with) = self.with else {
            return Ok(None);
        };
        let sealed = self.ring.seal(with, what, rand::random(), plain);
        sealed
            .map(Some)
            .map_err(|error| StoreError::Unfit(format!("nothing can be sealed: {error}")))
    }

    /// The columns of a secret: plain, sealed.
    pub(super) fn secret(
        &self,
        subscription: Uuid,
        id: Uuid,
        secret: &Secret,
    ) -> Result<SecretColumns, StoreError> {
        let bytes = secret.as_bytes();
        let sealed = self.seal(Sealed::Secret(subscription, id), bytes)?;
        let plain = sealed.is_none().then(|| bytes.to_vec());
        Ok((plain, sealed))
    }

    /// The columns of own headers: plain, sealed.
    pub(super) fn headers(
        &self,
        subscription: Uuid,
        headers: Value,
    ) -> Result<(Value, Option<Vec<u8>>), StoreError> {
        if headers.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok((headers, None));
        }
        let text = headers.to_string();
        let sealed = self.seal(Sealed::Headers(subscription), text.as_bytes())?;
        let plain = if sealed.is_some() { json!({}) } else { headers };
        Ok((plain, sealed))
    }

    /// The columns of a URL: what everybody may see of it, and all of it sealed; or in plain.
    pub(super) fn url(
        &self,
        subscription: Uuid,
        url: &str,
    ) -> Result<(String, Option<Vec<u8>>), StoreError> {
        let shown = masked(url);
        if !self.urls || shown == url {
            return Ok((url.to_owned(), None));
        }
        let sealed = self.seal(Sealed::Url(subscription), url.as_bytes())?;
        let kept = if sealed.is_some() {
            shown.as_ref()
        } else {
            url
        };
        Ok((kept.to_owned(), sealed))
    }
}

/// The bytes of a secret, out of its columns.
pub(super) fn open_secret(
    ring: &KeyRing,
    subscription: Uuid,
    id: Uuid,
    plain: Option<Vec<u8>>,
    sealed: Option<&[u8]>,
) -> Result<Secret, OpenError> {
    let bytes = match (plain, sealed) {
        (Some(plain), _) => plain,
        (None, Some(sealed)) => ring.open(Sealed::Secret(subscription, id), sealed)?,
        (None, None) => return Err(OpenError::Damaged),
    };
    Secret::from_bytes(bytes).map_err(|_length| OpenError::Damaged)
}

/// Own headers, out of their columns.
pub(super) fn open_headers(
    ring: &KeyRing,
    subscription: Uuid,
    plain: Value,
    sealed: Option<&[u8]>,
) -> Result<Value, OpenError> {
    match sealed {
        Some(sealed) if plain.as_object().is_none_or(serde_json::Map::is_empty) => {
            let text = ring.open(Sealed::Headers(subscription), sealed)?;
            serde_json::from_slice(&text).map_err(|_json| OpenError::Damaged)
        }
        _ => Ok(plain),
    }
}

/// A URL, out of its columns. One that does not belong to what everybody sees of it is damaged:
/// nobody may lead its credential to another host.
pub(super) fn open_url(
    ring: &KeyRing,
    subscription: Uuid,
    shown: &str,
    sealed: Option<&[u8]>,
) -> Result<TargetUrl, OpenError> {
    let Some(sealed) = sealed else {
        if is_masked(shown) {
            return Err(OpenError::Damaged);
        }
        return Ok(TargetUrl::new(shown.to_owned()));
    };
    let whole = ring.open(Sealed::Url(subscription), sealed)?;
    let whole = String::from_utf8(whole).map_err(|_bytes| OpenError::Damaged)?;
    let whole = TargetUrl::new(whole);
    if whole.masked() == shown {
        Ok(whole)
    } else {
        Err(OpenError::Damaged)
    }
}
