//! The event types in force, as one snapshot that is read without a lock.

use std::sync::Arc;

use crate::catalogue::{self, Validator};
use crate::domain::event_type::EventType;
use crate::domain::id::AccountId;

/// An event type and what checks its payloads.
#[derive(Debug)]
pub struct TypeEntry {
    /// The type; its `validation` is the account's.
    pub event_type: EventType,
    /// The compiled schema, if the type has one.
    pub validator: Option<Arc<Validator>>,
}

/// All event types of all accounts.
#[derive(Debug)]
pub struct TypeTable {
    builtin: Vec<TypeEntry>,
}

impl TypeTable {
    /// The built-in types alone.
    #[must_use]
    pub fn builtin() -> Self {
        let entry = |known: &EventType| TypeEntry {
            event_type: known.clone(),
            validator: catalogue::builtin_validator(&known.name),
        };
        Self { builtin: catalogue::builtin().iter().map(entry).collect() }
    }

    /// The type of that name, as the account has it.
    #[must_use]
    pub fn find(&self, _account: AccountId, name: &str) -> Option<&TypeEntry> {
        self.builtin.iter().find(|entry| entry.event_type.name == name)
    }

    /// The names that the account may publish.
    pub fn names(&self, _account: AccountId) -> impl Iterator<Item = &str> {
        self.builtin.iter().map(|entry| entry.event_type.name.as_str())
    }
}
