//! A token that the operator sets and that readers must name. It keeps a hash alone, and compares
//! in constant time.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Sets these hashes apart from others of the same text.
const CONTEXT: &[u8] = b"herald bearer token";

/// The hash of a token. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct BearerToken([u8; 32]);

impl BearerToken {
    /// Takes over a token.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let hash = hash(text).map(|hash| hash.finalize().into_bytes().into());
        Self(hash.unwrap_or_default())
    }

    /// Whether the value of an `Authorization` header names this token.
    #[must_use]
    pub fn is_named_by(&self, authorization: &str) -> bool {
        let (scheme, given) = authorization.split_once(' ').unwrap_or_default();
        scheme.eq_ignore_ascii_case("bearer")
            && hash(given.trim()).is_some_and(|hash| hash.verify_slice(&self.0).is_ok())
    }
}

/// A key of any length is taken, so that there always is one.
fn hash(text: &str) -> Option<Hmac<Sha256>> {
    let mut hash = Hmac::<Sha256>::new_from_slice(CONTEXT).ok()?;
    hash.update(text.as_bytes());
    Some(hash)
}

impl std::fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_named_whole_and_as_a_bearer_alone() {
        let token = BearerToken::new("0123456789abcdef");
        assert!(token.is_named_by("Bearer 0123456789abcdef"));
        assert!(token.is_named_by("bearer  0123456789abcdef"));
        for other in [
            "",
            "Bearer",
            "Bearer ",
            "0123456789abcdef",
            "Basic 0123456789abcdef",
            "Bearer 0123456789abcdeF",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
        ] {
            assert!(!token.is_named_by(other), "{other}");
        }
        assert_eq!(format!("{token:?}"), "BearerToken(…)");
    }
}
