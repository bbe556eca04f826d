//! What is new: identifiers for rows that people make (events have their own source in a lane),
//! and random bytes for what nobody may guess.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore;
use sha2::{Digest, Sha256};
use uuid::{NoContext, Timestamp, Uuid};

use super::StoreError;
use super::clock::DatabaseClock;

/// SHA-256 of a text that only its owner holds.
pub type SecretHash = [u8; 32];

/// Random bytes of the system.
///
/// # Errors
/// When the system gives none.
pub fn fresh_bytes<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut random = [0; N];
    rand::rngs::OsRng
        .try_fill_bytes(&mut random)
        .map_err(|error| StoreError::Unfit(format!("no random bytes: {error}")))?;
    Ok(random)
}

/// A text of 256 random bits in base64url (43 characters) and the hash by which the database
/// knows it.
///
/// # Errors
/// When the system gives no random bytes.
pub fn fresh_secret() -> Result<(String, SecretHash), StoreError> {
    let text = URL_SAFE_NO_PAD.encode(fresh_bytes::<32>()?);
    let hash = secret_hash(&text);
    Ok((text, hash))
}

/// The hash by which the database knows a text.
#[must_use]
pub fn secret_hash(text: &str) -> SecretHash {
    Sha256::digest(text.as_bytes()).into()
}

/// A UUIDv7 of the database's time, so that ids sort as their rows were made.
#[must_use]
pub fn fresh_uuid(clock: &DatabaseClock) -> Uuid {
    let micros = u64::try_from(clock.micros()).unwrap_or_default();
    let nanos = u32::try_from(micros % 1_000_000).unwrap_or_default() * 1_000;
    Uuid::new_v7(Timestamp::from_unix(NoContext, micros / 1_000_000, nanos))
}
