//! Passwords: what may be one, and their hashes (Argon2id, RFC 9106, in PHC form). Hashing takes
//! 19 MiB and some 30 ms by design: callers bound how many run at once, and where, and bring the
//! memory along.

use argon2::password_hash::{Output, ParamsString, PasswordHash, Salt, SaltString};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};

use super::email::Email;

/// The fewest characters of a password.
pub const MIN_PASSWORD: usize = 12;
/// The most bytes of a password.
pub const MAX_PASSWORD: usize = 200;

/// OWASP's Password Storage Cheat Sheet, first choice for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What stands in for the hash of somebody who has none: random bytes under the same parameters,
/// so that to verify by it takes as long, and no password of it is known.
pub const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$Nj06E5ne39sXBP08MCBJWg$Nc6ouPycW9NObiZR5/qCMRS08oVTgmH/bJCWdkaMJwI";

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

/// The memory that one hash works in: kept from one to the next, so that signing in does not
/// make the process grow and shrink.
pub struct HashMemory(Vec<Block>);

impl HashMemory {
    /// Takes 19 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self(vec![Block::new(); MEMORY_KIB as usize])
    }
}

impl Default for HashMemory {
    fn default() -> Self {
        Self::new()
    }
}

/// Hashes a password with 16 random bytes, which the caller draws. None: the library refused,
/// which these parameters give no reason for.
#[must_use]
pub fn hash(password: &str, salt: [u8; 16], room: &mut HashMemory) -> Option<String> {
    let parameters = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    let output = run(password, &salt, parameters.clone(), room)?;
    let text = SaltString::encode_b64(&salt).ok()?;
    let made = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&parameters).ok()?,
        salt: Some(text.as_salt()),
        hash: Some(output),
    };
    Some(made.to_string())
}

/// Whether this is the password of a hash. It takes as long as [`hash`].
#[must_use]
pub fn verify(password: &str, hash: &str, room: &mut HashMemory) -> bool {
    let mut fits = || -> Option<bool> {
        let known = PasswordHash::new(hash).ok()?;
        // The hash itself says with which parameters it was made.
        let parameters = Params::try_from(&known).ok()?;
        let supported =
            known.algorithm == ARGON2ID_IDENT && known.version == Some(Version::V0x13.into());
        let mut salt = [0; Salt::MAX_LENGTH];
        let salt = known.salt?.decode_b64(&mut salt).ok()?;
        let output = run(password, salt, parameters, room).filter(|_| supported)?;
        // `Output` compares in constant time.
        Some(known.hash? == output)
    };
    fits().unwrap_or(false)
}

fn run(password: &str, salt: &[u8], parameters: Params, room: &mut HashMemory) -> Option<Output> {
    let length = parameters
        .output_len()
        .unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    if parameters.block_count() > room.0.len() {
        room.0.resize(parameters.block_count(), Block::new());
    }
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    Output::init_with(length, |out| {
        let done = hasher.hash_password_into_with_memory(
            password.as_bytes(),
            salt,
            out,
            room.0.as_mut_slice(),
        );
        Ok(done?)
    })
    .ok()
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
        let room = &mut HashMemory::new();
        let made = hash("correct horse", [7; 16], room).unwrap();
        assert!(
            made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{made}"
        );
        assert!(verify("correct horse", &made, room));
        assert!(!verify("correct Horse", &made, room));
        assert!(!verify("correct horse", "no hash", room));
        // Up to the salt, nobody's hash is like any other.
        let [of_somebody, of_nobody] = [&made, NOBODYS].map(|it| it.rsplit_once('$').unwrap());
        assert_eq!(of_somebody.1.len(), of_nobody.1.len());
        let head = |it: (&str, &str)| it.0.rsplit_once('$').map(|(head, _)| head.to_owned());
        assert_eq!(head(of_somebody), head(of_nobody));
        assert_ne!(hash("correct horse", [8; 16], room).unwrap(), made);
        // What the library makes with memory of its own is the same.
        let known = "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$";
        let by_library = {
            use argon2::password_hash::PasswordHasher;
            let salt = SaltString::encode_b64(b"somesalt").unwrap();
            let parameters = Params::new(64, 2, 1, None).unwrap();
            let library = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
            let made = library.hash_password(b"password", &salt).unwrap();
            made.to_string()
        };
        assert!(by_library.starts_with(known), "{by_library}");
        assert!(verify("password", &by_library, room));
    }
}
