//! Passwords: what may be one, and their hashes (Argon2id, RFC 9106, in PHC form). Hashing takes
//! 19 MiB and some 30 ms by design: who calls bounds how many run at once, and where.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

use super::email::Email;

/// The fewest characters of a password.
pub const MIN_PASSWORD: usize = 12;
/// The most bytes of a password.
pub const MAX_PASSWORD: usize = 200;

/// OWASP's Password Storage Cheat Sheet, first choice for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Why a text may not be a password. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Easily guessed.
    #[error("must have at least {MIN_PASSWORD} characters")]
    Short,
    /// Longer than anybody types.
    #[error("must have at most {MAX_PASSWORD} bytes")]
    Long,
    /// The first that is tried.
    #[error("must not be the e-mail")]
    Email,
}

/// Checks a new password of the user with this e-mail.
///
/// # Errors
/// Fewer than [`MIN_PASSWORD`] characters, more than [`MAX_PASSWORD`] bytes, or the e-mail.
pub fn check(password: &str, email: &Email) -> Result<(), PasswordError> {
    if password.len() > MAX_PASSWORD {
        Err(PasswordError::Long)
    } else if password.chars().count() < MIN_PASSWORD {
        Err(PasswordError::Short)
    } else if password.trim().to_lowercase() == email.key() {
        Err(PasswordError::Email)
    } else {
        Ok(())
    }
}

/// Hashes a password with 16 random bytes, which the caller draws. None: the library refused,
/// which these parameters give no reason for.
#[must_use]
pub fn hash(password: &str, salt: [u8; 16]) -> Option<String> {
    let salt = SaltString::encode_b64(&salt).ok()?;
    let made = hasher()?.hash_password(password.as_bytes(), &salt).ok()?;
    Some(made.to_string())
}

/// Whether this is the password of a hash. It takes as long as [`hash`].
#[must_use]
pub fn verify(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    // The hash itself says with which parameters it was made.
    Argon2::default()
        .verify_password(password.as_bytes(), &hash)
        .is_ok()
}

fn hasher() -> Option<Argon2<'static>> {
    let parameters = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_enough_and_not_the_email() {
        let email: Email = "Ann.Smith@example.com".parse().unwrap();
        assert_eq!(check("correct horse", &email), Ok(()));
        assert_eq!(check("ääääääääääää", &email), Ok(()));
        assert_eq!(check("eleven char", &email), Err(PasswordError::Short));
        assert_eq!(check(&"x".repeat(200), &email), Ok(()));
        assert_eq!(check(&"x".repeat(201), &email), Err(PasswordError::Long));
        assert_eq!(
            check("ann.smith@EXAMPLE.com ", &email),
            Err(PasswordError::Email)
        );
    }

    #[test]
    fn a_hash_is_argon2id_with_owasp_s_parameters_and_fits_its_password_alone() {
        let made = hash("correct horse", [7; 16]).unwrap();
        assert!(
            made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{made}"
        );
        assert!(verify("correct horse", &made));
        assert!(!verify("correct Horse", &made));
        assert!(!verify("correct horse", "no hash"));
        assert_ne!(hash("correct horse", [8; 16]).unwrap(), made);
    }
}
