//! Sealing: what must not be readable in the database is encrypted by XChaCha20-Poly1305 with a
//! key that the database does not have. A sealed value is
//! `[number of the key: 1 byte][nonce: 24 bytes][ciphertext and tag]`; what it is and whose it is
//! are associated data, so that it opens in its own place alone. `seal_file` and the layers above
//! know where keys come from; chance is an argument.

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of a nonce; random ones never meet.
pub const NONCE_BYTES: usize = 24;

/// The number of a key: the first byte of what it sealed; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SealKeyId(u8);

impl SealKeyId {
    /// The number of a database's first key.
    pub const FIRST: Self = Self(1);

    /// The number, unless it is 0.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number == 0 {
            None
        } else {
            Some(Self(number))
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for SealKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What distinguishes keys with the same number, without revealing anything of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Its beginning, for people.
    #[must_use]
    pub fn short(&self) -> String {
        let beginning = self.0.iter().take(4);
        beginning.map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A key. Its `Debug` says nothing.
#[derive(Clone)]
pub struct SealKey {
    id: SealKeyId,
    bytes: [u8; KEY_BYTES],
}

impl SealKey {
    /// A key of random bytes, which the caller draws.
    #[must_use]
    pub const fn new(id: SealKeyId, bytes: [u8; KEY_BYTES]) -> Self {
        Self { id, bytes }
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> SealKeyId {
        self.id
    }

    /// Its bytes, for the key file alone.
    pub(super) const fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// Its fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update(b"herald key\0");
        hash.update([self.id.0]);
        hash.update(self.bytes);
        Fingerprint(hash.finalize().into())
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({}, hidden)", self.id)
    }
}

/// What is sealed, and whose it is: it opens there alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealed {
    /// A signing secret: of this subscription, with this id.
    Secret(Uuid, Uuid),
    /// The own headers of this subscription.
    Headers(Uuid),
    /// The URL of this subscription.
    Url(Uuid),
}

impl Sealed {
    fn associated(self) -> Vec<u8> {
        let mut data = Vec::with_capacity(64);
        match self {
            Self::Secret(subscription, id) => {
                data.extend_from_slice(b"herald subscription secret\0");
                data.extend_from_slice(subscription.as_bytes());
                data.extend_from_slice(id.as_bytes());
            }
            Self::Headers(subscription) => {
                data.extend_from_slice(b"herald subscription headers\0");
                data.extend_from_slice(subscription.as_bytes());
            }
            Self::Url(subscription) => {
                data.extend_from_slice(b"herald subscription url\0");
                data.extend_from_slice(subscription.as_bytes());
            }
        }
        data
    }
}

/// Why a value does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OpenError {
    /// It was sealed with a key that is not there.
    #[error("it is sealed with key {0}, which the key file does not hold")]
    NoKey(SealKeyId),
    /// It was changed, it belongs elsewhere, or another key has its number.
    #[error("it was damaged after it was sealed")]
    Damaged,
}

/// There is no key by this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no key {0} to seal with")]
pub struct NoSuchKey(pub SealKeyId);

/// The keys of a daemon, in the order of their making: the last one is the newest.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    keys: Vec<SealKey>,
}

impl KeyRing {
    /// A ring of these; of two with one number the later counts.
    #[must_use]
    pub fn new(keys: Vec<SealKey>) -> Self {
        let mut ring = Self::default();
        for key in keys {
            ring.keys.retain(|known| known.id != key.id);
            ring.keys.push(key);
        }
        ring
    }

    /// All keys, the newest last.
    #[must_use]
    pub fn keys(&self) -> &[SealKey] {
        &self.keys
    }

    /// The newest.
    #[must_use]
    pub fn newest(&self) -> Option<&SealKey> {
        self.keys.last()
    }

    /// The key with this number.
    #[must_use]
    pub fn key(&self, id: SealKeyId) -> Option<&SealKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// Whether it holds this very key.
    #[must_use]
    pub fn holds(&self, id: SealKeyId, fingerprint: Fingerprint) -> bool {
        self.key(id)
            .is_some_and(|key| key.fingerprint() == fingerprint)
    }

    /// Seals a value with one of the keys. The caller draws the nonce: random, new for each value.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn seal(
        &self,
        with: SealKeyId,
        what: Sealed,
        nonce: [u8; NONCE_BYTES],
        plain: &[u8],
    ) -> Result<Vec<u8>, NoSuchKey> {
        let key = self.key(with).ok_or(NoSuchKey(with))?;
        let aad = what.associated();
        let payload = Payload {
            msg: plain,
            aad: &aad,
        };
        // It fails for values of 256 GiB alone.
        let ciphertext = XChaCha20Poly1305::new((&key.bytes).into())
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_too_long| NoSuchKey(with))?;
        let mut sealed = Vec::with_capacity(1 + NONCE_BYTES + ciphertext.len());
        sealed.push(with.0);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// Opens a sealed value in its place.
    ///
    /// # Errors
    /// When its key is missing, or it is not what was sealed there.
    pub fn open(&self, what: Sealed, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (first, rest) = sealed.split_first().ok_or(OpenError::Damaged)?;
        let id = SealKeyId::new(*first).ok_or(OpenError::Damaged)?;
        let (nonce, ciphertext) = rest
            .split_at_checked(NONCE_BYTES)
            .ok_or(OpenError::Damaged)?;
        let key = self.key(id).ok_or(OpenError::NoKey(id))?;
        let aad = what.associated();
        let payload = Payload {
            msg: ciphertext,
            aad: &aad,
        };
        XChaCha20Poly1305::new((&key.bytes).into())
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_tag| OpenError::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: u8) -> SealKeyId {
        SealKeyId::new(number).unwrap()
    }

    fn ring(numbers: &[u8]) -> KeyRing {
        let key = |number: &u8| SealKey::new(id(*number), [*number; KEY_BYTES]);
        KeyRing::new(numbers.iter().map(key).collect())
    }

    const PLACE: Sealed = Sealed::Headers(Uuid::from_u128(7));

    #[test]
    fn a_sealed_value_is_the_key_s_number_the_nonce_and_what_xchacha20_poly1305_makes() {
        let key: [u8; 32] = std::array::from_fn(|at| 0x80 + u8::try_from(at).unwrap());
        let ring = KeyRing::new(vec![SealKey::new(id(3), key)]);
        let sealed = ring.seal(id(3), PLACE, [9; 24], b"secret").unwrap();
        assert_eq!(sealed[0], 3);
        assert_eq!(sealed[1..25], [9; 24]);
        assert_eq!(sealed.len(), 1 + 24 + 6 + 16);
        let aad = PLACE.associated();
        let payload = Payload {
            msg: b"secret",
            aad: &aad,
        };
        let expected = XChaCha20Poly1305::new((&key).into())
            .encrypt(XNonce::from_slice(&[9; 24]), payload)
            .unwrap();
        assert_eq!(sealed[25..], expected);
    }

    #[test]
    fn a_value_opens_in_its_own_place_alone() {
        let (subscription, secret) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let place = Sealed::Secret(subscription, secret);
        let sealed = ring(&[1]).seal(id(1), place, [0; 24], b"s").unwrap();
        assert_eq!(ring(&[1]).open(place, &sealed).unwrap(), b"s");
        for other in [
            Sealed::Secret(secret, subscription),
            Sealed::Secret(subscription, subscription),
            Sealed::Headers(subscription),
            Sealed::Url(subscription),
        ] {
            assert_eq!(ring(&[1]).open(other, &sealed), Err(OpenError::Damaged));
        }
    }

    #[test]
    fn a_missing_key_and_a_wrong_key_are_told_apart() {
        let sealed = ring(&[1, 2]).seal(id(2), PLACE, [0; 24], b"s").unwrap();
        assert_eq!(
            ring(&[1]).open(PLACE, &sealed),
            Err(OpenError::NoKey(id(2)))
        );
        let wrong = KeyRing::new(vec![SealKey::new(id(2), [9; 32])]);
        assert_eq!(wrong.open(PLACE, &sealed), Err(OpenError::Damaged));
        assert_eq!(
            ring(&[1]).seal(id(2), PLACE, [0; 24], b"s"),
            Err(NoSuchKey(id(2)))
        );
    }

    #[test]
    fn a_fingerprint_tells_keys_apart_and_debug_tells_nothing() {
        let (one, two) = (SealKey::new(id(1), [1; 32]), SealKey::new(id(1), [2; 32]));
        assert_ne!(one.fingerprint(), two.fingerprint());
        assert!(ring(&[1]).holds(id(1), one.fingerprint()));
        assert!(!ring(&[1]).holds(id(1), two.fingerprint()));
        assert_eq!(format!("{one:?}"), "SealKey(1, hidden)");
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_and_no_change_of_it_does(
            plain in proptest::collection::vec(any::<u8>(), 0..200),
            nonce in any::<[u8; 24]>(),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let ring = ring(&[1, 2]);
            let mut sealed = ring.seal(id(1), PLACE, nonce, &plain).unwrap();
            prop_assert_eq!(ring.open(PLACE, &sealed).unwrap(), plain);
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(ring.open(PLACE, &sealed).is_err());
            sealed.truncate(at);
            prop_assert!(ring.open(PLACE, &sealed).is_err());
        }
    }
}
