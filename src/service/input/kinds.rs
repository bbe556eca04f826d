//! The types that fields of inputs have: each says what it takes, and refuses the rest in the
//! same words everywhere.

use std::ops::Deref;

use serde_json::{Value, json};

use super::{Faults, Field, Given, MOST_OF_A_LIST};
use crate::domain::email::Email;
use crate::domain::event_type::Validation;
use crate::domain::id::{EventId, SubscriptionId};
use crate::domain::role::{Role, UserRole};
use crate::domain::subscription::{HeldChoice, SubscriptionState};

/// A text of `LEAST` to `MOST` characters, not counting white space around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<const LEAST: usize, const MOST: usize>(String);

impl<const LEAST: usize, const MOST: usize> Text<LEAST, MOST> {
    /// The text without white space around it.
    #[must_use]
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl<const LEAST: usize, const MOST: usize> Deref for Text<LEAST, MOST> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const LEAST: usize, const MOST: usize> Field for Text<LEAST, MOST> {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let text = or_fault(given.text(), faults)?;
        let text = text.trim();
        let length = text.chars().count();
        if (LEAST..=MOST).contains(&length) {
            return Some(Self(text.to_owned()));
        }
        faults.add(format!(
            "must have {LEAST} to {MOST} characters, not {length}"
        ));
        None
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": LEAST, "maxLength": MOST })
    }
}

/// A whole number from `LEAST` to `MOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole<const LEAST: i32, const MOST: i32>(i32);

impl<const LEAST: i32, const MOST: i32> Whole<LEAST, MOST> {
    /// The number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl<const LEAST: i32, const MOST: i32> Field for Whole<LEAST, MOST> {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let number = given.whole().and_then(|it| i32::try_from(it).ok());
        match number {
            Some(number) if (LEAST..=MOST).contains(&number) => Some(Self(number)),
            _ => {
                faults.add(format!("must be a whole number from {LEAST} to {MOST}"));
                None
            }
        }
    }

    fn schema() -> Value {
        json!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}

/// What may be left out, but is never null.
impl<T: Field> Field for Option<T> {
    fn absent() -> Option<Self> {
        Some(None)
    }

    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        T::read(given, faults).map(Some)
    }

    fn schema() -> Value {
        T::schema()
    }
}

/// What may be null, which is not the same as left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrNull<T>(pub Option<T>);

impl<T: Field> Field for OrNull<T> {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        match given {
            Given::Json(Value::Null) | Given::Raw("null") => Some(Self(None)),
            given => T::read(given, faults).map(|it| Self(Some(it))),
        }
    }

    fn schema() -> Value {
        let mut schema = T::schema();
        if let Some(schema) = schema.as_object_mut() {
            match schema.get_mut("type") {
                Some(Value::Array(kinds)) => kinds.push("null".into()),
                Some(kind) => *kind = json!([kind, "null"]),
                None => {}
            }
            if let Some(Value::Array(words)) = schema.get_mut("enum") {
                words.push(Value::Null);
            }
        }
        schema
    }
}

/// A list of `LEAST` to `MOST` entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOf<T, const LEAST: usize, const MOST: usize>(pub Vec<T>);

impl<T: Field, const LEAST: usize, const MOST: usize> Field for ListOf<T, LEAST, MOST> {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let Given::Json(Value::Array(items)) = given else {
            faults.add("must be an array");
            return None;
        };
        let (length, before) = (items.len(), faults.count());
        let mut read = Vec::with_capacity(length.min(MOST));
        for (place, item) in items.into_iter().enumerate() {
            if faults.count() - before >= MOST_OF_A_LIST {
                return None;
            }
            let item = |faults: &mut Faults| T::read(Given::Json(item), faults);
            read.extend(faults.beneath(&place.to_string(), item));
        }
        if (LEAST..=MOST).contains(&length) {
            return (read.len() == length).then_some(Self(read));
        }
        faults.add(match LEAST {
            0 => format!("must hold at most {MOST} entries, not {length}"),
            _ => format!("must hold {LEAST} to {MOST} entries, not {length}"),
        });
        None
    }

    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema(), "minItems": LEAST, "maxItems": MOST })
    }
}

impl Field for bool {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let read = match given {
            Given::Json(Value::Bool(read)) => Some(read),
            Given::Typed(text) => text.parse().ok(),
            Given::Json(_) | Given::Raw(_) => None,
        };
        if read.is_none() {
            faults.add("must be true or false");
        }
        read
    }

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

/// Makes fields of types that are read from their text.
macro_rules! of_text {
    ($($kind:ty: $schema:expr,)+) => {
        $(
            impl Field for $kind {
                fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
                    let text = or_fault(given.text(), faults)?;
                    or_fault(text.parse().map_err(|error: <$kind as std::str::FromStr>::Err| error.to_string()), faults)
                }

                fn schema() -> Value {
                    $schema
                }
            }
        )+
    };
}

/// The words of an enum.
macro_rules! words {
    ($kind:ty) => {{
        let words: Vec<&str> = <$kind>::ALL.iter().map(|it| it.as_str()).collect();
        json!({ "type": "string", "enum": words })
    }};
}

of_text! {
    EventId: id_schema("evt"),
    SubscriptionId: id_schema("sub"),
    Role: words!(Role),
    UserRole: words!(UserRole),
    Validation: words!(Validation),
    SubscriptionState: words!(SubscriptionState),
    HeldChoice: words!(HeldChoice),
    String: json!({ "type": "string" }),
    Email: json!({ "type": "string", "format": "email" }),
}

/// The form of an id.
fn id_schema(prefix: &str) -> Value {
    json!({ "type": "string", "pattern": format!("^{prefix}_[0-9a-z]{{26}}$") })
}

/// The value, or its fault is noted.
fn or_fault<T>(read: Result<T, String>, faults: &mut Faults) -> Option<T> {
    read.map_err(|detail| faults.add(detail)).ok()
}
