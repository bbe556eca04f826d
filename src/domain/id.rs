//! Identifiers: a TypeID prefix and a UUIDv7, each kind a type of its own so that two of
//! them cannot be swapped. Text form: TypeID 0.3 (`evt_01h455vb4pex5vsknk084sn02q`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Crockford's base 32 in lower case, as TypeID prescribes.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Length of the encoded 128 bits.
const SUFFIX: usize = 26;

/// Why a text is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not {article} id: it should be `{prefix}_` and 26 characters of 0-9 and a-z (without i, l, o, u)"
)]
pub struct IdError {
    text: String,
    article: &'static str,
    prefix: &'static str,
}

fn encode(prefix: &str, id: Uuid) -> String {
    let bits = id.as_u128();
    let mut text = String::with_capacity(prefix.len() + 1 + SUFFIX);
    text.push_str(prefix);
    text.push('_');
    for place in (0..SUFFIX).rev() {
        let digit = ((bits >> (place * 5)) & 31) as usize;
        text.push(ALPHABET.get(digit).copied().map_or('0', char::from));
    }
    text
}

fn decode(prefix: &str, text: &str) -> Option<Uuid> {
    let suffix = text.strip_prefix(prefix)?.strip_prefix('_')?;
    if suffix.len() != SUFFIX {
        return None;
    }
    let mut bits: u128 = 0;
    for (place, byte) in suffix.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|symbol| *symbol == byte)?;
        // 26 digits hold 130 bits: the first may not be above 7.
        if place == 0 && digit > 7 {
            return None;
        }
        bits = (bits << 5) | digit as u128;
    }
    Some(Uuid::from_u128(bits))
}

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $article:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The part before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps a UUID that is known to be of this kind.
            #[must_use]
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The bare UUID, as the database holds it.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&encode(Self::PREFIX, self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                decode(Self::PREFIX, text).map(Self).ok_or_else(|| IdError {
                    text: text.chars().take(64).collect(),
                    article: $article,
                    prefix: Self::PREFIX,
                })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

typed_id!(/// A tenant.
    AccountId, "acc", "an account");
typed_id!(/// One accepted message.
    EventId, "evt", "an event");
typed_id!(/// A webhook.
    SubscriptionId, "sub", "a subscription");
typed_id!(/// An API token.
    TokenId, "tok", "a token");
typed_id!(/// A user of Herald.
    UserId, "usr", "a user");
typed_id!(/// Something that a user did.
    ActivityId, "act", "an activity");
typed_id!(/// One e-mail.
    MailId, "mail", "a mail");
typed_id!(/// One answer over HTTP, by which the log can be searched for it.
    RequestId, "req", "a request");

impl RequestId {
    /// One that no other answer has.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::new_v4())
    }
}

impl EventId {
    /// When it was made, by the database's clock, in milliseconds since 1970: that is when the
    /// event was accepted, but for the time of its commit.
    #[must_use]
    pub const fn millis(self) -> i64 {
        (self.0.as_u128() >> 80) as i64
    }
}

/// The account that exists from the start.
pub const MAIN_ACCOUNT: AccountId =
    AccountId::from_uuid(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001));

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_typeid_specification_hold() {
        let id = EventId::from_uuid(Uuid::from_u128(0x0188_9c89_df6b_7f1c_a388_9139_6ec3_14bc));
        assert_eq!(id.to_string(), "evt_01h2e8kqvbfwea724h75qc655w");
        assert_eq!(
            EventId::from_uuid(Uuid::nil()).to_string(),
            "evt_00000000000000000000000000"
        );
        assert!("evt_8zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<EventId>().is_err());
        assert!("evt_7zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<EventId>().is_ok());
        assert!("sub_01h2e8kqvbfwea724h75qc655w".parse::<EventId>().is_err());
    }

    proptest! {
        #[test]
        fn every_id_survives_its_text_and_sorts_as_its_text(a: u128, b: u128) {
            let (a, b) = (EventId::from_uuid(Uuid::from_u128(a)), EventId::from_uuid(Uuid::from_u128(b)));
            prop_assert_eq!(a.to_string().parse::<EventId>().unwrap(), a);
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<EventId>();
        }
    }
}
