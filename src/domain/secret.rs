//! The secret that signs a subscription's deliveries (Standard Webhooks 1.0: `whsec_` and base64).
//! It knows how to hide and to reveal itself; what is signed is in `signature`.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::digest::Key;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What a secret's text begins with.
pub const SECRET_PREFIX: &str = "whsec_";
/// The fewest bytes that a secret may have. New ones have 24, as Standard Webhooks advises.
pub const MIN_SECRET: usize = 16;
/// The most bytes that a secret may have: one block of SHA-256.
pub const MAX_SECRET: usize = 64;

/// Other implementations hand out secrets with and without `=` at the end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A signing secret. Neither printed nor compared by accident: it has no `Display`, no `==`, and
/// its `Debug` says nothing; [`Secret::reveal`] is the one way to its text.
#[derive(Clone)]
pub struct Secret {
    bytes: Box<[u8]>,
    /// The key is mixed in once here, so that each signature starts from a copy.
    keyed: Hmac<Sha256>,
}

/// Why a text or some bytes are not a secret. It never repeats what was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The prefix is missing.
    #[error("a secret begins with `{SECRET_PREFIX}`")]
    Prefix,
    /// What follows the prefix is not base64. The cause is left out: it quotes the secret.
    #[error("what follows `{SECRET_PREFIX}` in a secret must be base64 (A-Z a-z 0-9 + / =)")]
    Base64,
    /// Too short or too long.
    #[error("a secret of {length} bytes: {MIN_SECRET} to {MAX_SECRET} are allowed, 24 is usual")]
    Length {
        /// What was given, in bytes.
        length: usize,
    },
}

impl Secret {
    /// A new secret of random bytes, which the caller draws.
    #[must_use]
    pub fn from_random(bytes: [u8; 24]) -> Self {
        Self::keyed(Box::new(bytes))
    }

    /// Takes a secret's bytes as the database holds them.
    ///
    /// # Errors
    /// Fewer than [`MIN_SECRET`] bytes or more than [`MAX_SECRET`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, SecretError> {
        if (MIN_SECRET..=MAX_SECRET).contains(&bytes.len()) {
            Ok(Self::keyed(bytes.into()))
        } else {
            Err(SecretError::Length {
                length: bytes.len(),
            })
        }
    }

    /// Reads `whsec_…`.
    ///
    /// # Errors
    /// No prefix, no base64, or fewer than [`MIN_SECRET`] or more than [`MAX_SECRET`] bytes.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text
            .strip_prefix(SECRET_PREFIX)
            .ok_or(SecretError::Prefix)?;
        match LENIENT.decode(encoded) {
            Ok(bytes) => Self::from_bytes(bytes),
            Err(_) => Err(SecretError::Base64),
        }
    }

    fn keyed(bytes: Box<[u8]>) -> Self {
        // HMAC pads a key with zeros to a block of 64 bytes (RFC 2104), and no secret is longer.
        let mut block = Key::<Hmac<Sha256>>::default();
        for (place, byte) in block.iter_mut().zip(bytes.iter()) {
            *place = *byte;
        }
        let keyed = Hmac::new(&block);
        Self { bytes, keyed }
    }

    /// The bytes, for the database.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text that its owner configures: `whsec_` and padded base64.
    #[must_use]
    pub fn reveal(&self) -> String {
        let mut text = String::with_capacity(SECRET_PREFIX.len() + MAX_SECRET.div_ceil(3) * 4);
        text.push_str(SECRET_PREFIX);
        STANDARD.encode_string(&self.bytes, &mut text);
        text
    }

    /// An HMAC-SHA-256 under this secret that has read nothing yet.
    pub(super) fn hmac(&self) -> Hmac<Sha256> {
        self.keyed.clone()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_is_whsec_and_base64() {
        let secret = Secret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        assert_eq!(secret.as_bytes().len(), 24);
        assert_eq!(secret.reveal(), "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    }

    #[test]
    fn base64_is_taken_with_and_without_padding() {
        let text = Secret::from_bytes(vec![7; 16]).unwrap().reveal();
        assert!(text.ends_with("=="));
        assert_eq!(Secret::parse(&text).unwrap().as_bytes(), [7; 16]);
        assert_eq!(
            Secret::parse(text.trim_end_matches('='))
                .unwrap()
                .as_bytes(),
            [7; 16]
        );
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_repeated() {
        let refused = |text: &str| {
            let error = Secret::parse(text).unwrap_err();
            assert!(!error.to_string().contains("MfKQ"), "{error}");
            error
        };
        assert_eq!(
            refused("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            SecretError::Prefix
        );
        assert_eq!(refused("whsec_MfKQ!"), SecretError::Base64);
        assert_eq!(refused("whsec_MfKQ"), SecretError::Length { length: 3 });
        assert_eq!(refused("whsec_"), SecretError::Length { length: 0 });
        assert!(Secret::from_bytes(vec![0; 64]).is_ok());
        assert!(Secret::from_bytes(vec![0; 65]).is_err());
    }

    #[test]
    fn debugging_a_secret_shows_nothing_of_it() {
        let secret = Secret::from_random([65; 24]);
        assert_eq!(format!("{secret:?}"), "Secret(hidden)");
    }

    proptest! {
        #[test]
        fn every_secret_survives_its_text(
            bytes in proptest::collection::vec(any::<u8>(), 16..=64),
        ) {
            let secret = Secret::from_bytes(bytes.clone()).unwrap();
            let read = Secret::parse(&secret.reveal()).unwrap();
            prop_assert_eq!(read.as_bytes(), bytes);
        }

        #[test]
        fn no_text_panics(text in "(whsec_)?\\PC{0,100}") {
            let _ = Secret::parse(&text);
        }
    }
}
