//! JSON text to Rhai's values and back, without a change that nobody is told of. It knows
//! neither events nor hooks.
//!
//! Of a name that stands twice in one object the last one counts, and names come out in the
//! order of their characters: both are the same JSON value to nearly every reader.

mod read;
mod write;

pub(super) use read::{JsonError, read};
pub(super) use write::{WriteError, kind_of, text_of, write};

/// Objects and arrays inside each other, as everywhere in Herald.
pub(super) const MAX_DEPTH: usize = 128;
