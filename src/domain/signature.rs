//! Signatures of Standard Webhooks 1.0: HMAC-SHA-256 over `id.timestamp.body`, as `v1,` and
//! base64, one for each secret, separated by a space. The receiver's side is here too, for
//! `herald receive`. It reads no clock and draws no secret.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::{CtOutput, Output};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::secret::Secret;

/// The version and the comma before each signature.
const VERSION: &str = "v1,";
/// `v1,`, base64 of 32 bytes, and a space.
const ONE: usize = 48;

/// Why a request is not what a holder of the secret sent just now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The timestamp is no whole number of seconds.
    #[error("webhook-timestamp is not a number of seconds since 1970")]
    Timestamp,
    /// The timestamp is too far away: somebody repeats an old request, or a clock is wrong.
    #[error(
        "webhook-timestamp is {seconds} s away from this clock: at most {tolerance} s are allowed"
    )]
    Stale {
        /// The distance, in either direction.
        seconds: u64,
        /// The distance that is allowed.
        tolerance: i64,
    },
    /// There is no signature of the version that this code knows.
    #[error("webhook-signature holds no signature of version v1")]
    Missing,
    /// No signature fits any of the secrets.
    #[error(
        "no signature of webhook-signature fits: the secret is another one, or the request \
         was changed"
    )]
    Mismatch,
}

/// Signs one attempt. `timestamp` is in seconds since 1970, `body` the bytes as sent; the result
/// is the value of `webhook-signature`. It allocates that value alone.
pub fn sign<'a>(
    secrets: impl IntoIterator<Item = &'a Secret>,
    id: &str,
    timestamp: i64,
    body: &[u8],
) -> String {
    let secrets = secrets.into_iter();
    let mut value = String::with_capacity(secrets.size_hint().0.max(1) * ONE);
    for secret in secrets {
        let mut hmac = Feed(secret.hmac());
        // Writing into an HMAC cannot fail.
        let _ = write!(hmac, "{id}.{timestamp}.");
        hmac.0.update(body);
        if !value.is_empty() {
            value.push(' ');
        }
        value.push_str(VERSION);
        STANDARD.encode_string(hmac.0.finalize().into_bytes(), &mut value);
    }
    value
}

/// Lets numbers be written into an HMAC without a string between.
struct Feed(Hmac<Sha256>);

impl Write for Feed {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// Checks a received request against every secret that may have signed it. `timestamp` and
/// `signatures` are the headers as received; `tolerance_seconds` bounds the distance of the
/// timestamp from `now_seconds` in both directions. Signatures are compared in constant time.
///
/// # Errors
/// Says what does not fit. Signatures of other versions are passed over, as the standard asks.
pub fn verify(
    secrets: &[Secret],
    id: &str,
    timestamp: &str,
    signatures: &str,
    body: &[u8],
    now_seconds: i64,
    tolerance_seconds: i64,
) -> Result<(), SignatureError> {
    let Ok(at) = timestamp.parse::<i64>() else {
        return Err(SignatureError::Timestamp);
    };
    let seconds = at.abs_diff(now_seconds);
    if seconds > tolerance_seconds.max(0).unsigned_abs() {
        return Err(SignatureError::Stale {
            seconds,
            tolerance: tolerance_seconds,
        });
    }
    if !signatures.split(' ').any(|one| one.starts_with(VERSION)) {
        return Err(SignatureError::Missing);
    }
    for secret in secrets {
        let mut hmac = secret.hmac();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            hmac.update(part);
        }
        // The comparison of `CtOutput` takes the same time wherever the first difference is.
        let wanted = hmac.finalize();
        if signatures
            .split(' ')
            .filter_map(read)
            .any(|given| given == wanted)
        {
            return Ok(());
        }
    }
    Err(SignatureError::Mismatch)
}

/// One signature of the header, if it is of version 1 and has the right length.
fn read(text: &str) -> Option<CtOutput<Hmac<Sha256>>> {
    let bytes = STANDARD.decode(text.strip_prefix(VERSION)?).ok()?;
    Some(Output::<Hmac<Sha256>>::from(<[u8; 32]>::try_from(bytes).ok()?).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;

    fn secret() -> Secret {
        Secret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap()
    }

    #[test]
    fn the_test_vector_of_the_standard_holds() {
        assert_eq!(
            sign([&secret()], ID, 1_649_367_553, BODY),
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
        );
    }

    #[test]
    fn each_secret_of_a_rotation_signs_and_each_one_verifies() {
        let (new, old) = (Secret::from_random([1; 24]), Secret::from_random([2; 24]));
        let value = sign([&new, &old], ID, 100, BODY);
        assert_eq!(value.split(' ').count(), 2);
        assert_eq!(value.len(), 2 * ONE - 1);
        for secret in [new, old] {
            assert_eq!(verify(&[secret], ID, "100", &value, BODY, 100, 300), Ok(()));
        }
        let stranger = Secret::from_random([3; 24]);
        assert_eq!(
            verify(&[stranger], ID, "100", &value, BODY, 100, 300),
            Err(SignatureError::Mismatch)
        );
    }

    #[test]
    fn a_timestamp_is_a_number_near_the_clock() {
        let value = sign([&secret()], ID, 1_000, BODY);
        let at = |timestamp: &str, now| verify(&[secret()], ID, timestamp, &value, BODY, now, 300);
        assert_eq!(at("1000", 1_300), Ok(()));
        assert_eq!(at("1000", 700), Ok(()));
        let stale = Err(SignatureError::Stale {
            seconds: 301,
            tolerance: 300,
        });
        assert_eq!(at("1000", 1_301), stale);
        assert_eq!(at("1000", 699), stale);
        assert_eq!(at("soon", 1_000), Err(SignatureError::Timestamp));
        assert_eq!(at("+1000", 1_000), Err(SignatureError::Mismatch));
        assert!(at(&i64::MIN.to_string(), i64::MAX).is_err());
    }

    #[test]
    fn unknown_versions_and_broken_signatures_are_passed_over() {
        let value = sign([&secret()], ID, 100, BODY);
        let check = |value: &str| verify(&[secret()], ID, "100", value, BODY, 100, 300);
        assert_eq!(check(&format!("v1a,xx v1,!! v1,AAAA  {value}")), Ok(()));
        assert_eq!(
            check(&value.replace("v1,", "v2,")),
            Err(SignatureError::Missing)
        );
        assert_eq!(check(""), Err(SignatureError::Missing));
        assert_eq!(check("v1,"), Err(SignatureError::Mismatch));
        assert_eq!(sign(std::iter::empty(), ID, 100, BODY), "");
    }

    #[test]
    fn the_public_library_verifies_what_herald_signs() {
        // Its own clock decides, so the version with a tolerance is not used here.
        let library = standardwebhooks::Webhook::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let theirs = library.unwrap().sign(ID, 1_649_367_553, BODY).unwrap();
        assert_eq!(theirs, sign([&secret()], ID, 1_649_367_553, BODY));
    }

    proptest! {
        #[test]
        fn what_was_signed_verifies_and_any_change_of_it_does_not(
            keys in proptest::collection::vec(any::<[u8; 24]>(), 1..4),
            which: proptest::sample::Index,
            id in "[a-z0-9_]{1,40}",
            at in 0i64..=4_000_000_000,
            body in proptest::collection::vec(any::<u8>(), 1..200),
            flip: proptest::sample::Index,
            bit in 0u32..8,
        ) {
            let secrets: Vec<Secret> = keys.iter().copied().map(Secret::from_random).collect();
            let value = sign(&secrets, &id, at, &body);
            let check = |id: &str, at: &str, value: &str, body: &[u8], now| {
                verify(std::slice::from_ref(which.get(&secrets)), id, at, value, body, now, 300)
            };
            let text = at.to_string();
            prop_assert_eq!(check(&id, &text, &value, &body, at), Ok(()));

            let mut other = body.clone();
            other[flip.index(body.len())] ^= 1 << bit;
            prop_assert_eq!(
                check(&id, &text, &value, &other, at),
                Err(SignatureError::Mismatch)
            );
            let other_id = id.clone() + "x";
            prop_assert!(check(&other_id, &text, &value, &body, at).is_err());
            prop_assert!(check(&id, &(at + 1).to_string(), &value, &body, at).is_err());

            let mut tampered = value.clone().into_bytes();
            let place = flip.index(tampered.len());
            tampered[place] = if tampered[place] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(tampered).unwrap();
            let all = verify(&secrets[..1], &id, &text, &tampered, &body, at, 300);
            // Only a change of the first signature is a change for the first secret.
            prop_assert_eq!(all.is_err(), place < ONE);
        }

        #[test]
        fn no_header_panics(at in "\\PC{0,30}", value in "(v1,)?\\PC{0,60}", now: i64) {
            let _ = verify(&[secret()], ID, &at, &value, BODY, now, 300);
        }
    }
}
