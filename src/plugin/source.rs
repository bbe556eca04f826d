//! A script's text as it stands in the plugins folder, and what is wrong with one. Nothing here
//! knows Rhai, the file system or a thread: all of it can be sent and shared.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use sha2::{Digest, Sha256};

use crate::domain::event_type;

/// Whom a script acts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScriptKind {
    /// Every delivery of the event type it is named after: `triggers/<EVENT_TYPE>.rhai`.
    Trigger,
    /// The subscriptions that name it: `named/<name>.rhai`.
    Named,
}

/// Where a script stands in the plugins folder; `Display` is the path, `named/x.rhai`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScriptName {
    /// Whom it acts for.
    pub kind: ScriptKind,
    /// The file's name without `.rhai`.
    pub name: String,
}

/// SHA-256 of a script's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScriptHash([u8; 32]);

/// One version of a script.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where it stands.
    pub name: ScriptName,
    /// What it says.
    pub text: Arc<str>,
    /// The SHA-256 of what it says.
    pub hash: ScriptHash,
}

/// What is wrong with a script, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, in words.
    pub message: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// The line of the script.
    pub source_line: Option<String>,
}

/// A script of the set.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The newest version that passed its check, if any did.
    pub source: Option<Arc<Source>>,
    /// What is wrong with the file as it stands; the last good version stays at work.
    pub broken: Option<Fault>,
    /// When this became so.
    pub loaded_at: Instant,
}

/// All scripts of the folder, at one moment.
#[derive(Debug, Clone, Default)]
pub struct SourceSet {
    /// Counts the changes; a later set has a higher one.
    pub generation: u64,
    /// The scripts.
    pub scripts: HashMap<ScriptName, Arc<Entry>>,
}

impl ScriptKind {
    /// The folder that such scripts stand in.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Trigger => "triggers",
            Self::Named => "named",
        }
    }
}

impl fmt::Display for ScriptName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.rhai", self.kind.folder(), self.name)
    }
}

impl ScriptName {
    /// Checks the name by its kind.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        match self.kind {
            ScriptKind::Trigger => event_type::check_name(&self.name).map_err(|e| e.to_string()),
            ScriptKind::Named => Ok(()),
        }
    }
}

impl Source {
    /// A version of a script.
    #[must_use]
    pub fn new(name: ScriptName, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let hash = ScriptHash(Sha256::digest(text.as_bytes()).into());
        Self { name, text, hash }
    }
}

impl fmt::Debug for ScriptHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x?}", self.0)
    }
}

impl Fault {
    /// A fault of the whole file.
    #[must_use]
    pub fn whole(message: String) -> Self {
        Self {
            message,
            line: None,
            column: None,
            source_line: None,
        }
    }
}
