//! Plugins.

pub mod folder;
mod script_file;
mod source;
mod watched;
pub mod watcher;

pub use script_file::{MAX_SCRIPT_BYTES, MAX_SCRIPTS, check_name, read_script};
pub use source::{Entry, Fault, ScriptHash, ScriptKind, ScriptName, Source, SourceSet};
