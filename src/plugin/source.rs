//! A script as text: its name, its bytes' hash, what is wrong with it, and the set of all of
//! them. Everything here may cross threads; nothing here runs a script or reads a file.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::domain::event_type::check_name;

/// The most characters of a script's line or of an error's text that a [`SourceFault`] keeps.
const MAX_SHOWN: usize = 500;
/// Lines of a script before and behind the one at fault that a [`SourceFault`] keeps.
const AROUND: usize = 3;

/// Whom a script acts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScriptKind {
    /// Every delivery of the event type that it is named after.
    Trigger,
    /// The subscriptions that name it.
    Named,
}

impl ScriptKind {
    /// The folder of such scripts inside the plugins folder.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Trigger => "triggers",
            Self::Named => "named",
        }
    }
}

/// A script's name: its path inside the plugins folder, such as `triggers/STORE_ORDER_PAID.rhai`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScriptName {
    kind: ScriptKind,
    name: Arc<str>,
}

/// Why a text names no script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} names no plugin: it should be triggers/<EVENT_TYPE>.rhai or named/<name>.rhai, with \
     letters, digits, `_`, `.` and `-`"
)]
pub struct ScriptNameError(pub String);

impl ScriptName {
    /// The script of that kind and name (an event type, or what subscriptions call it).
    ///
    /// # Errors
    /// A name that is no legal name of an event type: the rule is the same for both kinds.
    pub fn new(kind: ScriptKind, name: &str) -> Result<Self, ScriptNameError> {
        match check_name(name) {
            Ok(()) => Ok(Self {
                kind,
                name: name.into(),
            }),
            Err(_) => Err(ScriptNameError(name.chars().take(MAX_SHOWN).collect())),
        }
    }

    /// The name of a file that is refused for its name: no [`Source`] ever has it.
    pub(super) fn of_refused(kind: ScriptKind, name: &str) -> Self {
        let name = name.into();
        Self { kind, name }
    }

    /// For where no script can be named: no file ever has it.
    pub(super) fn of_nobody() -> Self {
        Self::of_refused(ScriptKind::Named, "?")
    }

    /// Whom it acts for.
    #[must_use]
    pub fn kind(&self) -> ScriptKind {
        self.kind
    }

    /// The event type, or the name that subscriptions use.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for ScriptName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.rhai", self.kind.folder(), self.name)
    }
}

impl FromStr for ScriptName {
    type Err = ScriptNameError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let refused = || ScriptNameError(path.chars().take(MAX_SHOWN).collect());
        let (folder, file) = path.split_once('/').ok_or_else(refused)?;
        let kind = match folder {
            "triggers" => ScriptKind::Trigger,
            "named" => ScriptKind::Named,
            _ => return Err(refused()),
        };
        Self::new(kind, file.strip_suffix(".rhai").ok_or_else(refused)?)
    }
}

/// The SHA-256 of a script's bytes; `Display` shows the first 12 digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScriptHash([u8; 32]);

impl ScriptHash {
    /// The hash of that text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// All 64 digits.
    #[must_use]
    pub fn hex(&self) -> String {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
        ];
        let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or('0');
        // Each attempt records it, so it is not left to `format!`.
        let mut hex = String::with_capacity(64);
        for byte in self.0 {
            hex.push(digit(byte >> 4));
            hex.push(digit(byte & 15));
        }
        hex
    }
}

impl fmt::Display for ScriptHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(6)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ScriptHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One version of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its place in the folder.
    pub name: ScriptName,
    /// The whole file.
    pub text: Arc<str>,
    /// The hash of `text`.
    pub hash: ScriptHash,
}

impl Source {
    /// That text under that name.
    #[must_use]
    pub fn new(name: ScriptName, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let hash = ScriptHash::of(&text);
        Self { name, text, hash }
    }
}

/// What is wrong with a script, and where. `Display` writes the message after its place, then
/// the line of the script, if it is known, on a line of its own. Neither text holds a control
/// character other than a tab: a payload's text may be thrown, and PostgreSQL takes no NUL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SourceFault {
    /// The message, without the place.
    pub message: String,
    /// From 1.
    pub line: Option<usize>,
    /// From 1, in characters.
    pub column: Option<usize>,
    /// That line of the script.
    pub source_line: Option<String>,
    /// That line and those around it.
    pub excerpt: Option<Box<Excerpt>>,
}

/// Lines of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Each with its number, from 1.
    pub lines: Vec<(usize, String)>,
}

impl SourceFault {
    /// A fault that belongs to no line.
    #[must_use]
    pub fn whole(message: impl Into<String>) -> Self {
        Self {
            message: clip(message.into()),
            line: None,
            column: None,
            source_line: None,
            excerpt: None,
        }
    }

    /// A fault at a line (and column) of `text`, each from 1.
    #[must_use]
    pub fn at(
        message: impl Into<String>,
        line: Option<usize>,
        column: Option<usize>,
        text: &str,
    ) -> Self {
        let shown = |line: &str| clip(line.trim_end().to_owned());
        let first = line.unwrap_or(0).saturating_sub(AROUND + 1);
        let last = line.map_or(0, |line| line.saturating_add(AROUND));
        let near = (1..).zip(text.lines()).take(last).skip(first);
        let lines: Vec<_> = near.map(|(number, text)| (number, shown(text))).collect();
        let own = lines.iter().find(|(number, _)| Some(*number) == line);
        let source_line = own.map(|(_, text)| text.clone());
        Self {
            message: clip(message.into()),
            line,
            column,
            excerpt: source_line.is_some().then(|| Box::new(Excerpt { lines })),
            source_line,
        }
    }
}

impl SourceFault {
    /// The place and the message, without the script's line: for those who may not see scripts.
    #[must_use]
    pub fn without_source(&self) -> String {
        let message = &self.message;
        match (self.line, self.column) {
            (Some(line), Some(column)) => format!("line {line}, column {column}: {message}"),
            (Some(line), None) => format!("line {line}: {message}"),
            _ => message.clone(),
        }
    }
}

impl fmt::Display for SourceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_source())?;
        match (self.line, &self.source_line) {
            (Some(line), Some(shown)) => write!(f, "\n  {line} | {shown}"),
            _ => Ok(()),
        }
    }
}

fn clip(text: String) -> String {
    let text = match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "…",
        None => text,
    };
    without_control(text, &['\t'])
}

/// The text with a sign in the place of each control character that is none of `kept`: `␀` for
/// a NUL, `␊` for a line feed. One for one, so that columns stay true.
pub(super) fn without_control(text: String, kept: &[char]) -> String {
    let is_wrong = |c: char| c.is_control() && !kept.contains(&c);
    if !text.contains(is_wrong) {
        return text;
    }
    let sign = |c: char| match u32::from(c) {
        _ if !is_wrong(c) => c,
        code @ ..0x20 => char::from_u32(0x2400 + code).unwrap_or(char::REPLACEMENT_CHARACTER),
        0x7f => '␡',
        _ => char::REPLACEMENT_CHARACTER,
    };
    text.chars().map(sign).collect()
}

/// What is known of one script's file.
#[derive(Debug, Clone)]
pub struct ScriptEntry {
    /// The newest version that compiles, which is the one at work.
    pub source: Option<Source>,
    /// What is wrong with the file as it is now; `None` when `source` is that file.
    pub broken: Option<SourceFault>,
    /// When this state was read.
    pub loaded_at: DateTime<Utc>,
}

/// Every script of the plugins folder at one moment. A new state is a new set, swapped whole.
#[derive(Debug, Clone, Default)]
pub struct SourceSet {
    /// Grows with every set that differs.
    pub generation: u64,
    /// Each script's state, by its name.
    pub scripts: HashMap<ScriptName, Arc<ScriptEntry>>,
}

impl SourceSet {
    /// The version at work under that name.
    #[must_use]
    pub fn source(&self, name: &ScriptName) -> Option<&Source> {
        self.scripts.get(name)?.source.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_as_the_path_that_it_shows() {
        for path in ["triggers/STORE_ORDER_PAID.rhai", "named/slack.rhai"] {
            assert_eq!(path.parse::<ScriptName>().unwrap().to_string(), path);
        }
    }

    #[test]
    fn a_path_out_of_the_folder_is_no_name() {
        for path in [
            "../x.rhai",
            "named/../x.rhai",
            "named/a/b.rhai",
            "named/.rhai",
            "named/.x.rhai",
            "named/x",
            "other/x.rhai",
            "/named/x.rhai",
            "named/x\0.rhai",
        ] {
            assert!(path.parse::<ScriptName>().is_err(), "{path}");
        }
    }

    #[test]
    fn a_fault_holds_no_control_character_and_its_columns_stay() {
        let fault = SourceFault::at(
            "a\0b\nc\u{1b}[31m\u{7f}\u{85}\td",
            Some(1),
            Some(4),
            "\0\0\t\0x",
        );
        assert_eq!(fault.message, "a␀b␊c␛[31m␡\u{fffd}\td");
        assert_eq!(fault.source_line.as_deref(), Some("␀␀\t␀x"));
        assert_eq!(SourceFault::whole("\0".repeat(2)).message, "␀␀");
        assert_eq!(SourceFault::whole("Zoë: 7\t€").message, "Zoë: 7\t€");
    }

    #[test]
    fn a_fault_shows_its_line() {
        let fault = SourceFault::at(
            "unexpected end",
            Some(2),
            Some(9),
            "fn f() {\n  let x = \n}",
        );
        let shown = "line 2, column 9: unexpected end\n  2 |   let x =";
        assert_eq!(fault.to_string(), shown);
    }
}
