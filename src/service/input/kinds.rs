//! The types that fields of inputs have: each says what it takes, and refuses the rest with the
//! same message everywhere.

use std::ops::Deref;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::moment::{TimeError, read_time};
use super::{Faults, Given, InputField, MOST_OF_A_LIST};
use crate::domain::activity::ActorKind;
use crate::domain::cursor::Cursor;
use crate::domain::delivery::{DeliveryState, Origin, Outcome};
use crate::domain::email::Email;
use crate::domain::event_type::Validation;
use crate::domain::id::{AccountId, ActivityId, EventId, MailId, SubscriptionId, TokenId, UserId};
use crate::domain::mail::{MailState, Mailbox, TryOutcome};
use crate::domain::role::{Role, UserRole};
use crate::domain::subscription::{HeldChoice, Order, SubscriptionSort, SubscriptionState};

/// The pattern of a line without control characters, which may be empty.
pub const PLAIN: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";
/// Characters that no name holds, as a pattern has them in brackets.
pub const CONTROL: &str = r"\x00-\x1f\x7f-\x9f";
/// Those, and what would end a line, or change its direction.
pub const BREAKS: &str = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069";

/// The schema of a line of `least` (at most 3) to `most` characters without white space around it,
/// and without the characters in `not`.
#[must_use]
pub fn line_schema(least: usize, most: usize, not: &str) -> Value {
    let (any, seen) = (format!("[^{not}]"), format!(r"[^\s{not}]"));
    let pattern = match least {
        0..=1 => format!("^{any}*{seen}{any}*$"),
        least => format!("^{any}*{seen}{any}{{{},}}{seen}{any}*$", least - 2),
    };
    json!({ "type": "string", "minLength": least, "maxLength": most, "pattern": pattern })
}

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

impl<const LEAST: usize, const MOST: usize> InputField for Text<LEAST, MOST> {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        given.read(faults, |text| {
            let text = text.trim();
            match text.chars().count() {
                length if (LEAST..=MOST).contains(&length) => Ok(Self(text.to_owned())),
                length => Err(format!(
                    "must have {LEAST} to {MOST} characters, not {length}"
                )),
            }
        })
    }

    fn schema() -> Value {
        let pattern = match LEAST {
            0 => r"^[^\x00]*$",
            // White space alone is nothing.
            _ => r"^[^\x00]*[^\s\x00][^\x00]*$",
        };
        json!({ "type": "string", "minLength": LEAST, "maxLength": MOST, "pattern": pattern })
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

impl<const LEAST: i32, const MOST: i32> InputField for Whole<LEAST, MOST> {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let number = given.whole().and_then(|it| i32::try_from(it).ok());
        match number {
            Some(number) if (LEAST..=MOST).contains(&number) => Some(Self(number)),
            _ => faults.refuse(format!("must be a whole number from {LEAST} to {MOST}")),
        }
    }

    fn schema() -> Value {
        json!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}

/// What may be left out, but is never null.
impl<T: InputField> InputField for Option<T> {
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

impl<T: InputField> InputField for OrNull<T> {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        match given {
            Given::Json(Value::Null) | Given::Raw("null") => Some(Self(None)),
            given => T::read(given, faults).map(|it| Self(Some(it))),
        }
    }

    fn schema() -> Value {
        let mut schema = T::schema();
        nullable(&mut schema);
        schema
    }
}

/// A list of `LEAST` to `MOST` entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOf<T, const LEAST: usize, const MOST: usize>(pub Vec<T>);

impl<T: InputField, const LEAST: usize, const MOST: usize> InputField for ListOf<T, LEAST, MOST> {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let Given::Json(Value::Array(items)) = given else {
            return faults.refuse("must be an array");
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
        faults.refuse(match LEAST {
            0 => format!("must hold at most {MOST} entries, not {length}"),
            _ => format!("must hold {LEAST} to {MOST} entries, not {length}"),
        })
    }

    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema(), "minItems": LEAST, "maxItems": MOST })
    }
}

impl InputField for bool {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let read = match given {
            Given::Json(Value::Bool(read)) => Some(read),
            Given::Typed(text) => text.parse().ok(),
            Given::Json(_) | Given::Raw(_) => None,
        };
        read.or_else(|| faults.refuse("must be true or false"))
    }

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

/// A time: RFC 3339, or a date, which means its first moment in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub DateTime<Utc>);

impl InputField for Moment {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let read = read_time(&faults.note(given.text())?);
        if read == Err(TimeError::Outside) {
            faults.outside += 1;
        }
        faults.note(read.map(Self))
    }

    fn schema() -> Value {
        json!({ "type": "string", "anyOf": [{ "format": "date-time" }, { "format": "date" }] })
    }
}

/// Makes fields of types that are read from their text.
macro_rules! of_text {
    ($($kind:ty: $schema:expr,)+) => {
        $(
            impl InputField for $kind {
                fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
                    given.read(faults, str::parse)
                }

                fn schema() -> Value {
                    $schema
                }
            }
        )+
    };
}

/// Makes fields of types that have a name of their own in the API's document: ids and the values of
/// enums.
macro_rules! named {
    ($($kind:ident: $schema:expr,)+) => {
        of_text! { $($kind: $schema,)+ }
        $(
            impl PartialSchema for $kind {
                fn schema() -> RefOr<Schema> {
                    RefOr::T(serde_json::from_value($schema).unwrap_or_default())
                }
            }

            impl ToSchema for $kind {}
        )+
    };
}

/// The values of an enum.
macro_rules! values {
    ($kind:ty) => {{
        let values: Vec<&str> = <$kind>::ALL.iter().map(|it| it.as_str()).collect();
        json!({ "type": "string", "enum": values })
    }};
}

of_text! {
    String: json!({ "type": "string" }),
    Email: json!({ "type": "string", "format": "email" }),
    Cursor: json!({ "type": "string" }),
    Mailbox: json!({ "type": "string" }),
}

named! {
    AccountId: id_schema(Self::PREFIX),
    ActivityId: id_schema(Self::PREFIX),
    EventId: id_schema(Self::PREFIX),
    MailId: id_schema(Self::PREFIX),
    SubscriptionId: id_schema(Self::PREFIX),
    TokenId: id_schema(Self::PREFIX),
    UserId: id_schema(Self::PREFIX),
    ActorKind: values!(Self),
    DeliveryState: values!(Self),
    HeldChoice: values!(Self),
    MailState: values!(Self),
    Order: values!(Self),
    Origin: values!(Self),
    Outcome: values!(Self),
    Role: values!(Self),
    SubscriptionSort: values!(Self),
    SubscriptionState: values!(Self),
    TryOutcome: values!(Self),
    UserRole: values!(Self),
    Validation: values!(Self),
}

/// The schema of a text that is one of these values, or null where it `may_be_null`.
#[must_use]
pub fn one_of(values: &[&str], may_be_null: bool) -> Schema {
    let mut schema = json!({ "type": "string", "enum": values });
    if may_be_null {
        nullable(&mut schema);
    }
    serde_json::from_value(schema).unwrap_or_default()
}

fn nullable(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    match schema.get_mut("type") {
        Some(Value::Array(kinds)) => kinds.push("null".into()),
        Some(kind) => *kind = json!([kind, "null"]),
        None => {}
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.push(Value::Null);
    }
}

/// The form of an id. The first of its characters holds three bits.
fn id_schema(prefix: &str) -> Value {
    json!({
        "type": "string",
        "pattern": format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"),
        "example": format!("{prefix}_01h455vb4pex5vsknk084sn02q"),
    })
}
