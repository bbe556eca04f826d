//! JSON text to Rhai's values and back, without a silent change. It knows neither events nor hooks.
//!
//! If a name occurs twice in one object, the last one counts, as for nearly every reader, and the
//! reader says so. Names come out in the order of their characters.

mod read;
mod write;

pub(super) use read::{JsonError, read};
pub(super) use write::{WriteError, kind_of, text_of, write};

/// Objects and arrays inside each other, as everywhere in Herald.
pub(super) const MAX_DEPTH: usize = 128;
