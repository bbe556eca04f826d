//! The plugins folder as a set of scripts: what changed since the last look, and what of it may
//! be taken. It knows neither when to look (`watcher`) nor how a script is checked.
//!
//! Nothing is taken at first sight, since a look may fall between two writes of an editor: the
//! same text must be seen twice, and what is missing must stay missing for a while. Until then,
//! and as long as the newest text is broken, the last good version stays at work: a script that
//! redacts must not step aside because its file was being saved.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::script_file;
use super::source::{ScriptEntry, ScriptHash, ScriptName, Source, SourceFault, SourceSet};

/// How long a new text must be seen before it is taken.
const SETTLE_TEXT: Duration = Duration::from_millis(25);
/// How long a file must be missing or refused before that is believed: longer than the gap in a
/// save by rename, or in a change of the whole folder.
const SETTLE_LOSS: Duration = Duration::from_millis(500);

/// Judges a script; what does not pass never comes to work.
pub type Validate<'a> = dyn Fn(&Source) -> Result<(), SourceFault> + 'a;

/// Returns the time at which an entry came to be as it is.
pub type FolderClock<'a> = dyn Fn() -> DateTime<Utc> + 'a;

/// A plugins folder and what is known of it from earlier looks.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// What the set was made of.
    taken: HashMap<ScriptName, Seen>,
    /// What differs from that, and since when.
    settling: HashMap<ScriptName, (Seen, Instant)>,
}

/// What one look found in a script's place.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Text(ScriptHash),
    Refused(String),
    Nothing,
}

/// What one look at the folder came to.
#[derive(Debug)]
pub(super) struct FolderLook {
    /// The new set, if anything changed; its generation is the next one.
    pub(super) set: Option<SourceSet>,
    /// Something differs that may not be taken yet: look again after this time.
    pub(super) again: Option<Duration>,
}

/// Reads the whole folder as it is, for a start: no older version can step in. A folder that is
/// missing or cannot be read gives no script; the second value says why.
pub fn load(
    root: &Path,
    validate: &Validate<'_>,
    clock: &FolderClock<'_>,
) -> (SourceSet, Option<String>) {
    let mut folder = Folder::new(root, &SourceSet::default());
    let look = folder.look_for(&SourceSet::default(), None, &|_| false, validate, clock);
    let fault = script_file::find(root).err();
    (look.set.unwrap_or_default(), fault)
}

impl Folder {
    /// The folder at `root`, of which `known` has been taken already.
    pub(super) fn new(root: &Path, known: &SourceSet) -> Self {
        let seen = |(name, entry): (&ScriptName, &Arc<ScriptEntry>)| {
            // What is wrong with a broken one is found out again, also that it is gone.
            let seen = match (&entry.source, &entry.broken) {
                (Some(source), None) => Seen::Text(source.hash),
                (None, Some(_)) => Seen::Refused(String::new()),
                _ => return None,
            };
            Some((name.clone(), seen))
        };
        Self {
            root: root.to_path_buf(),
            taken: known.scripts.iter().filter_map(seen).collect(),
            settling: HashMap::new(),
        }
    }

    /// Looks for what differs from `last`. Files of which `held` says so are left as they are.
    pub(super) fn look(
        &mut self,
        last: &SourceSet,
        now: Instant,
        held: &dyn Fn(&Path) -> bool,
        validate: &Validate<'_>,
        clock: &FolderClock<'_>,
    ) -> FolderLook {
        self.look_for(last, Some(now), held, validate, clock)
    }

    /// Without a time, everything is taken at once.
    fn look_for(
        &mut self,
        last: &SourceSet,
        now: Option<Instant>,
        held: &dyn Fn(&Path) -> bool,
        validate: &Validate<'_>,
        clock: &FolderClock<'_>,
    ) -> FolderLook {
        let found = self.read_all(last, held);
        let mut scripts: Option<HashMap<ScriptName, Arc<ScriptEntry>>> = None;
        let mut again: Option<Duration> = None;
        for (name, seen, source) in found {
            if self.taken.get(&name).unwrap_or(&Seen::Nothing) == &seen {
                self.settling.remove(&name);
                continue;
            }
            if let Some(wait) = now.and_then(|now| self.time_to_settle(&name, &seen, now)) {
                again = Some(again.map_or(wait, |other| other.min(wait)));
                continue;
            }
            self.settling.remove(&name);
            let old = last.scripts.get(&name);
            let new = judge(&seen, source, old.map(Arc::as_ref), validate, clock);
            if seen == Seen::Nothing {
                self.taken.remove(&name);
            } else {
                self.taken.insert(name.clone(), seen);
            }
            let unchanged = match (old, &new) {
                (Some(old), Some(new)) => is_same(old, new),
                (old, new) => old.is_none() && new.is_none(),
            };
            if unchanged {
                continue;
            }
            let scripts = scripts.get_or_insert_with(|| last.scripts.clone());
            match new {
                Some(new) => drop(scripts.insert(name, Arc::new(new))),
                None => drop(scripts.remove(&name)),
            }
        }
        let generation = last.generation + 1;
        FolderLook {
            set: scripts.map(|scripts| SourceSet {
                generation,
                scripts,
            }),
            again,
        }
    }

    /// How long this must be seen yet before it is taken; none if it was seen long enough.
    fn time_to_settle(&mut self, name: &ScriptName, seen: &Seen, now: Instant) -> Option<Duration> {
        let settle = match seen {
            Seen::Text(_) => SETTLE_TEXT,
            Seen::Refused(_) | Seen::Nothing => SETTLE_LOSS,
        };
        let since = match self.settling.get(name) {
            Some((before, since)) if before == seen => *since,
            _ => {
                self.settling.insert(name.clone(), (seen.clone(), now));
                now
            }
        };
        let left = settle.saturating_sub(now.saturating_duration_since(since));
        (!left.is_zero()).then_some(left)
    }

    /// What is in the place of each script that is there or that is known, but for the held.
    fn read_all(
        &self,
        last: &SourceSet,
        held: &dyn Fn(&Path) -> bool,
    ) -> Vec<(ScriptName, Seen, Option<Source>)> {
        let known = || {
            let names = last.scripts.keys().chain(self.settling.keys());
            names.cloned().collect::<HashSet<_>>()
        };
        let files = match script_file::find(&self.root) {
            Ok(files) => files,
            Err(fault) => {
                // The folder itself went away, which is more often a fault than a wish.
                let refused = |name| (name, Seen::Refused(fault.clone()), None);
                return known().into_iter().map(refused).collect();
            }
        };
        let mut gone = known();
        let mut all = Vec::new();
        for file in files {
            gone.remove(&file.name);
            if held(&file.path) {
                continue;
            }
            let read = match file.refused {
                Some(refused) => Err(refused),
                None => script_file::read_within(&self.root, &file.path),
            };
            all.push(match read {
                Ok(text) => {
                    let source = Source::new(file.name.clone(), text);
                    (file.name, Seen::Text(source.hash), Some(source))
                }
                Err(refused) => (file.name, Seen::Refused(refused), None),
            });
        }
        all.extend(gone.into_iter().map(|name| (name, Seen::Nothing, None)));
        all
    }
}

/// The entry that takes the place of `old`; none where there is nothing.
fn judge(
    seen: &Seen,
    source: Option<Source>,
    old: Option<&ScriptEntry>,
    validate: &Validate<'_>,
    clock: &FolderClock<'_>,
) -> Option<ScriptEntry> {
    let good = old.and_then(|old| old.source.clone());
    let loaded_at = clock();
    let (source, broken) = match (seen, source) {
        (Seen::Nothing, _) => return None,
        (Seen::Refused(message), _) => (good, Some(SourceFault::whole(message.clone()))),
        (Seen::Text(_), source) => {
            let source = source?;
            match (validate(&source), good) {
                // What was at work before is the same: it need not be compiled again.
                (Ok(()), Some(good)) if good.hash == source.hash => (Some(good), None),
                (Ok(()), _) => (Some(source), None),
                (Err(fault), good) => (good, Some(fault)),
            }
        }
    };
    Some(ScriptEntry {
        source,
        broken,
        loaded_at,
    })
}

fn is_same(old: &ScriptEntry, new: &ScriptEntry) -> bool {
    let hash = |entry: &ScriptEntry| entry.source.as_ref().map(|source| source.hash);
    hash(old) == hash(new) && old.broken == new.broken
}
