//! The event types and activities that come with Herald, and how a payload is held to its
//! type's schema.
//!
//! The data is in one JSON file for each group. What an account adds or changes (its own
//! types, another validation mode) is not known here: the store keeps that.

pub mod activities;
mod cost;
mod group;
mod patterns;
mod references;
mod unique;
mod validator;
mod weight;
mod words;

#[cfg(test)]
mod tests;

pub use cost::MAX_SCHEMA_BYTES;
pub use validator::{Load, MAX_STEPS, MAX_VIOLATIONS, SchemaError, Validator, Violation};

use std::sync::{Arc, LazyLock, OnceLock};

use crate::domain::event_type::EventType;

/// The groups, in the order in which people see them.
const GROUPS: [&str; 7] = [
    include_str!("site.json"),
    include_str!("blog.json"),
    include_str!("comments.json"),
    include_str!("third_party_store.json"),
    include_str!("native_store.json"),
    include_str!("membership.json"),
    include_str!("back_office.json"),
];

static TYPES: LazyLock<Vec<EventType>> = LazyLock::new(|| {
    // A group that cannot be read would be missing; `every_group_can_be_read` proves none is.
    let groups = GROUPS.iter().map(|text| group::read(text));
    groups.flat_map(Result::unwrap_or_default).collect()
});

/// The validators of `TYPES`, in the same order, each compiled when it is first asked for: most
/// installations use a few of the types, and a compiled schema is many times its text.
static VALIDATORS: LazyLock<Vec<OnceLock<Option<Arc<Validator>>>>> =
    LazyLock::new(|| TYPES.iter().map(|_| OnceLock::new()).collect());

/// Every built-in event type, group by group; read once.
#[must_use]
pub fn builtin() -> &'static [EventType] {
    &TYPES
}

/// The built-in event type of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static EventType> {
    TYPES.iter().find(|known| known.name == name)
}

/// The validator of the built-in event type of that name, compiled once for the whole process.
#[must_use]
pub fn builtin_validator(name: &str) -> Option<Arc<Validator>> {
    let (known, slot) =
        (TYPES.iter().zip(VALIDATORS.iter())).find(|(known, _)| known.name == name)?;
    // All of them compile: `every_built_in_schema_compiles`.
    slot.get_or_init(|| Some(Arc::new(Validator::compile(known.schema.as_ref()?).ok()?)))
        .clone()
}
