//! Which folders must be watched to hear of every change of a plugins folder: its `triggers` and
//! `named`, and each place on the way to them where a link or a folder can be swapped.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::source::ScriptKind;

/// More links than this in a row lead nowhere; the kernel has the same bound.
const MOST_LINKS: usize = 40;

/// The folders under watch, by real path.
#[derive(Debug, Default)]
pub(super) struct Watched {
    folders: HashMap<PathBuf, Watch>,
}

#[derive(Debug)]
struct Watch {
    interest: Interest,
    /// Device and inode of what is watched: another folder may take its path.
    identity: Option<(u64, u64)>,
    warned: bool,
}

/// What counts in a watched folder.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Interest {
    All,
    Names(HashSet<OsString>),
}

impl Watched {
    /// Whether something that happened at `path` can matter.
    pub(super) fn concerns(&self, path: &Path) -> bool {
        if self.folders.contains_key(path) {
            return true;
        }
        let folder = path.parent().and_then(|parent| self.folders.get(parent));
        match folder.map(|watch| &watch.interest) {
            Some(Interest::All) => true,
            Some(Interest::Names(names)) => path.file_name().is_some_and(|it| names.contains(it)),
            None => false,
        }
    }

    /// Forgets that the folder at `path` is watched, as it was removed or renamed.
    pub(super) fn forget(&mut self, path: &Path) {
        if let Some(watch) = self.folders.get_mut(path) {
            watch.identity = None;
        }
    }

    /// Watches what the path of the plugins folder leads to now. Returns whether anything new is
    /// watched: what happened there before is not reported, so it must be looked at.
    pub(super) fn follow(&mut self, root: &Path, watcher: &mut RecommendedWatcher) -> bool {
        let wanted = wanted(root);
        self.folders.retain(|folder, _| {
            let keep = wanted.contains_key(folder);
            if !keep {
                // It may be gone, and its watch with it.
                let _ = watcher.unwatch(folder);
            }
            keep
        });
        let mut grown = false;
        for (folder, interest) in wanted {
            let identity = fs::metadata(&folder).ok().map(|it| (it.dev(), it.ino()));
            let watch = self.folders.entry(folder.clone()).or_insert(Watch {
                interest: interest.clone(),
                identity: None,
                warned: false,
            });
            watch.interest = interest;
            if watch.identity.is_some() && watch.identity == identity {
                continue;
            }
            let _ = watcher.unwatch(&folder);
            watch.identity = None;
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    watch.identity = identity;
                    grown = true;
                }
                Err(error) if !watch.warned => {
                    watch.warned = true;
                    tracing::warn!(
                        folder = %folder.display(), %error,
                        "a folder of the plugins is not watched: changes are seen by the rescan only"
                    );
                }
                Err(_) => {}
            }
        }
        grown
    }
}

/// The folders to watch, and what counts in them.
fn wanted(root: &Path) -> HashMap<PathBuf, Interest> {
    let mut wanted = HashMap::new();
    walk(root, &mut wanted);
    for kind in [ScriptKind::Trigger, ScriptKind::Named] {
        if let Some(real) = walk(&root.join(kind.folder()), &mut wanted) {
            wanted.insert(real, Interest::All);
        }
    }
    wanted
}

/// Resolves a path as the kernel does, and notes each folder in which another entry would make
/// the path lead elsewhere: where links are, where the path ends, and where it breaks off.
fn walk(path: &Path, wanted: &mut HashMap<PathBuf, Interest>) -> Option<PathBuf> {
    let mut note = |folder: &Path, name: &OsStr| {
        let interest = wanted
            .entry(folder.to_path_buf())
            .or_insert_with(|| Interest::Names(HashSet::new()));
        if let Interest::Names(names) = interest {
            names.insert(name.to_owned());
        }
    };
    let mut real = PathBuf::from("/");
    let mut rest: VecDeque<OsString> = parts(path).collect();
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        if part == "/" {
            real = PathBuf::from("/");
            continue;
        }
        if part == ".." {
            real.pop();
            continue;
        }
        let next = real.join(&part);
        match fs::read_link(&next) {
            Ok(target) => {
                note(&real, &part);
                links += 1;
                if links > MOST_LINKS {
                    return None;
                }
                for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                    rest.push_front(part);
                }
            }
            // It is no link; whether it is there at all is another question.
            Err(_) => {
                let is_folder = next.is_dir();
                if !is_folder || rest.is_empty() {
                    note(&real, &part);
                }
                if !is_folder {
                    return None;
                }
                real = next;
            }
        }
    }
    Some(real)
}

fn parts(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Prefix(_) | Component::CurDir => None,
        Component::RootDir => Some(OsString::from("/")),
        Component::ParentDir => Some(OsString::from("..")),
        Component::Normal(name) => Some(name.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn each_place_where_the_way_can_be_changed_is_watched() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        fs::create_dir_all(base.join("releases/7/plugins/named")).unwrap();
        symlink("releases/7", base.join("current")).unwrap();
        symlink(base.join("current/plugins"), base.join("plugins")).unwrap();
        let wanted = wanted(&base.join("plugins"));
        let names = |folder: &str| match &wanted[&base.join(folder)] {
            Interest::All => vec!["*".to_owned()],
            Interest::Names(names) => {
                let mut names: Vec<_> = names
                    .iter()
                    .map(|name| name.to_string_lossy().into_owned())
                    .collect();
                names.sort();
                names
            }
        };
        assert_eq!(names(""), ["current", "plugins"]);
        assert_eq!(names("releases/7"), ["plugins"]);
        assert_eq!(names("releases/7/plugins"), ["named", "triggers"]);
        assert_eq!(names("releases/7/plugins/named"), ["*"]);
        assert_eq!(wanted.len(), 4, "{wanted:?}");
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_awaited_where_the_way_breaks_off() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        let wanted = wanted(&base.join("etc/herald/plugins"));
        let names = HashSet::from([OsString::from("etc")]);
        assert_eq!(wanted, HashMap::from([(base, Interest::Names(names))]));
    }

    #[test]
    fn links_in_a_circle_end() {
        let base = tempfile::tempdir().unwrap();
        symlink("b", base.path().join("a")).unwrap();
        symlink("a", base.path().join("b")).unwrap();
        assert!(!wanted(&base.path().join("a")).is_empty());
    }
}
