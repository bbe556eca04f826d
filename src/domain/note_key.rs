//! The key that seals what a page keeps for its browser: made from the text that the browser alone
//! has, so that the database, which has that text's hash, cannot open it.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

/// Bytes of a nonce; random ones never meet.
pub const NOTE_NONCE_BYTES: usize = 24;

/// A key. Its `Debug` says nothing.
#[derive(Clone)]
pub struct NoteKey([u8; 32]);

impl std::fmt::Debug for NoteKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NoteKey(hidden)")
    }
}

impl NoteKey {
    /// The key of a browser's text. The text's plain hash is in the database, so a prefix is
    /// hashed with it here.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let hash = Sha256::new_with_prefix(b"herald note key\0").chain_update(text);
        Self(hash.finalize().into())
    }

    /// Seals a text, with a nonce that the caller draws. None: it is beyond 256 GiB.
    #[must_use]
    pub fn seal(&self, nonce: [u8; NOTE_NONCE_BYTES], text: &str) -> Option<Vec<u8>> {
        let cipher = XChaCha20Poly1305::new((&self.0).into());
        let sealed = cipher.encrypt(XNonce::from_slice(&nonce), text.as_bytes());
        Some([&nonce[..], &sealed.ok()?].concat())
    }

    /// Opens what it sealed. None: it was sealed with another key, or damaged.
    #[must_use]
    pub fn open(&self, sealed: &[u8]) -> Option<String> {
        let (nonce, sealed) = sealed.split_at_checked(NOTE_NONCE_BYTES)?;
        let cipher = XChaCha20Poly1305::new((&self.0).into());
        let plain = cipher.decrypt(XNonce::from_slice(nonce), sealed).ok()?;
        String::from_utf8(plain).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_with_the_same_text_alone_and_unchanged() {
        let key = NoteKey::of("cookie");
        let sealed = key.seal([7; NOTE_NONCE_BYTES], "hrld_x").unwrap();
        assert!(!sealed.windows(6).any(|it| it == b"hrld_x"));
        assert_eq!(NoteKey::of("cookie").open(&sealed).unwrap(), "hrld_x");
        assert_eq!(NoteKey::of("cookies").open(&sealed), None);
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(key.open(&changed), None, "{place}");
        }
        assert_eq!(key.open(&sealed[..10]), None);
        assert_eq!(format!("{key:?}"), "NoteKey(hidden)");
    }
}
