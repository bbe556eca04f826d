//! The folder of scripts, followed while it is changed in all the ways that editors and
//! deployments have.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use herald::plugin::watcher::Watcher;
use herald::plugin::{ScriptEntry, Source, SourceFault, SourceSet, folder};
use tempfile::TempDir;

/// How long a test waits for something that should come.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a test watches for something that must not come: longer than any settling.
const QUIET: Duration = Duration::from_millis(1_200);

/// A script is good if it is whole: its first line says how it ends.
fn whole(source: &Source) -> Result<(), SourceFault> {
    let text = source.text.trim_end();
    let marked = text
        .lines()
        .next()
        .is_some_and(|first| text.ends_with(first));
    if marked && !text.contains("broken") {
        return Ok(());
    }
    Err(SourceFault::at("half a script", Some(1), Some(1), ""))
}

fn script(version: impl std::fmt::Display) -> String {
    let filling = "fn filter(event) { true }\n".repeat(200);
    format!("// version {version};\n{filling}// version {version};\n")
}

/// A followed folder, and the sets that came of it.
struct Followed {
    base: TempDir,
    root: PathBuf,
    sets: Receiver<Arc<SourceSet>>,
    last: Mutex<Arc<SourceSet>>,
    watcher: Option<Watcher>,
}

impl Followed {
    fn new() -> Self {
        Self::with(|base| {
            let root = base.join("plugins");
            fs::create_dir_all(root.join("triggers")).unwrap();
            fs::create_dir_all(root.join("named")).unwrap();
            root
        })
    }

    fn with(make: impl FnOnce(&Path) -> PathBuf) -> Self {
        let base = TempDir::new().unwrap();
        let root = make(base.path());
        let (first, _) = folder::load(&root, &whole, &Default::default);
        let first = Arc::new(first);
        let (publish, sets) = mpsc::channel();
        let send = move |set| drop(publish.send(set));
        let watcher =
            Watcher::start(&root, Arc::clone(&first), whole, send, Default::default).unwrap();
        Self {
            base,
            root,
            sets,
            last: Mutex::new(first),
            watcher: Some(watcher),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn save(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn set(&self) -> Arc<SourceSet> {
        Arc::clone(&self.last.lock().unwrap())
    }

    /// The next set within the time; each must be of a higher generation than the last.
    fn next(&self, within: Duration) -> Option<Arc<SourceSet>> {
        let set = self.sets.recv_timeout(within).ok()?;
        let mut last = self.last.lock().unwrap();
        assert!(set.generation > last.generation);
        *last = Arc::clone(&set);
        Some(set)
    }

    /// Waits for a set that is as wanted.
    fn wait(&self, what: &str, wanted: impl Fn(&SourceSet) -> bool) -> Arc<SourceSet> {
        let begun = Instant::now();
        while !wanted(&self.set()) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let next = self.next(left);
            assert!(next.is_some(), "waited for {what}");
        }
        self.set()
    }

    fn wait_version(&self, name: &str, version: impl std::fmt::Display) {
        let text = script(&version);
        self.wait(&format!("{name} {version}"), |set| {
            entry(set, name).is_some_and(|entry| at_work(&entry) == Some(text.clone()))
        });
    }

    fn wait_broken(&self, name: &str, words: &str) -> Arc<ScriptEntry> {
        let set = self.wait(&format!("{name}: {words}"), |set| {
            entry(set, name).is_some_and(|entry| {
                entry
                    .broken
                    .as_ref()
                    .is_some_and(|fault| fault.message.contains(words))
            })
        });
        entry(&set, name).unwrap()
    }

    fn assert_nothing_comes(&self) {
        let next = self.next(QUIET);
        assert!(next.is_none(), "{next:?}");
    }
}

fn entry(set: &SourceSet, name: &str) -> Option<Arc<ScriptEntry>> {
    let mut scripts = set.scripts.iter();
    let (_, entry) = scripts.find(|(known, _)| known.to_string() == name)?;
    Some(Arc::clone(entry))
}

fn at_work(entry: &ScriptEntry) -> Option<String> {
    entry.source.as_ref().map(|source| source.text.to_string())
}

const NAME: &str = "named/a.rhai";

#[test]
fn a_saved_script_is_taken_within_half_a_second() {
    let followed = Followed::new();
    let mut times = Vec::new();
    for version in 0..200 {
        let begun = Instant::now();
        followed.save(NAME, &script(version));
        followed.wait_version(NAME, version);
        times.push(begun.elapsed());
    }
    times.sort();
    let (half, most) = (times[100], times[198]);
    println!("from the save to the new set: p50 {half:?}, p99 {most:?}");
    assert!(most < Duration::from_millis(500), "{times:?}");
}

#[test]
fn scripts_of_both_kinds_are_taken() {
    let followed = Followed::new();
    for name in [NAME, "triggers/ORDER_CREATED.rhai"] {
        followed.save(name, &script(1));
        followed.wait_version(name, 1);
    }
}

#[test]
fn a_save_that_changes_nothing_makes_no_new_generation() {
    let followed = Followed::new();
    followed.save(NAME, &script(1));
    followed.wait_version(NAME, 1);
    followed.save(NAME, &script(1));
    fs::read(followed.path(NAME)).unwrap();
    followed.save("named/.a.rhai.swp", "x");
    followed.save("named/a.rhai~", "x");
    followed.save("notes.txt", "x");
    followed.assert_nothing_comes();
}

#[test]
fn a_script_saved_by_rename_is_taken() {
    let followed = Followed::new();
    for version in 0..5 {
        let draft = followed.path("named/.a.rhai.draft");
        fs::write(&draft, script(version)).unwrap();
        fs::rename(&draft, followed.path(NAME)).unwrap();
        followed.wait_version(NAME, version);
    }
}

#[test]
fn an_editor_that_moves_the_old_file_away_first_never_takes_the_script_from_work() {
    let followed = Followed::new();
    followed.save(NAME, &script(0));
    followed.wait_version(NAME, 0);
    for version in 1..6 {
        fs::rename(followed.path(NAME), followed.path("named/a.rhai~")).unwrap();
        thread::sleep(Duration::from_millis(100));
        followed.save(NAME, &script(version));
        followed.wait_version(NAME, version);
        let set = followed.set();
        assert_eq!(set.generation, version + 1);
    }
}

#[test]
fn a_script_that_is_cut_and_then_written_slowly_is_taken_when_it_is_whole() {
    let followed = Followed::new();
    followed.save(NAME, &script(0));
    followed.wait_version(NAME, 0);
    let generation = followed.set().generation;
    let text = script(1);
    let mut file = File::create(followed.path(NAME)).unwrap();
    for part in text.as_bytes().chunks(text.len() / 6 + 1) {
        thread::sleep(Duration::from_millis(150));
        file.write_all(part).unwrap();
    }
    drop(file);
    followed.wait_version(NAME, 1);
    assert_eq!(followed.set().generation, generation + 1);
}

#[test]
fn a_deleted_script_leaves_work() {
    let followed = Followed::new();
    followed.save(NAME, &script(0));
    followed.wait_version(NAME, 0);
    fs::remove_file(followed.path(NAME)).unwrap();
    followed.wait("its end", |set| entry(set, NAME).is_none());
}

#[test]
fn a_broken_script_keeps_its_last_good_version_at_work() {
    let followed = Followed::new();
    followed.save(NAME, &script(0));
    followed.wait_version(NAME, 0);
    followed.save(NAME, "broken");
    let entry_ = followed.wait_broken(NAME, "half a script");
    assert_eq!(at_work(&entry_), Some(script(0)));
    assert_eq!(entry_.broken.as_ref().unwrap().line, Some(1));
    followed.save(NAME, "");
    let entry_ = followed.wait_broken(NAME, "empty");
    assert_eq!(at_work(&entry_), Some(script(0)));
    followed.save(NAME, &script(0));
    followed.wait("its mending", |set| {
        entry(set, NAME).unwrap().broken.is_none()
    });
    // One that never was good has nothing to fall back on.
    followed.save("named/b.rhai", "broken");
    assert_eq!(at_work(&followed.wait_broken("named/b.rhai", "half")), None);
}

#[test]
fn a_whole_folder_swapped_by_a_link_is_taken_and_followed() {
    let followed = Followed::with(|base| {
        for release in 0..3 {
            let folder = base.join(format!("release-{release}/plugins/named"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("a.rhai"), script(release)).unwrap();
        }
        symlink("release-0", base.join("current")).unwrap();
        base.join("current/plugins")
    });
    assert_eq!(
        at_work(&entry(&followed.set(), NAME).unwrap()),
        Some(script(0))
    );
    let base = followed.base.path().to_path_buf();
    for release in 1..3 {
        symlink(format!("release-{release}"), base.join("next")).unwrap();
        let begun = Instant::now();
        fs::rename(base.join("next"), base.join("current")).unwrap();
        followed.wait_version(NAME, release);
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
        // The new folder is the one that is followed from now on.
        let saved = format!("{release}, mended");
        followed.save(NAME, &script(&saved));
        followed.wait_version(NAME, saved);
    }
}

#[test]
fn a_whole_folder_swapped_by_renames_is_taken_and_followed() {
    let followed = Followed::new();
    followed.save(NAME, &script(0));
    followed.wait_version(NAME, 0);
    let base = followed.base.path().to_path_buf();
    let next = base.join("next/named");
    fs::create_dir_all(&next).unwrap();
    fs::write(next.join("a.rhai"), script(1)).unwrap();
    fs::rename(base.join("plugins"), base.join("old")).unwrap();
    thread::sleep(Duration::from_millis(100));
    fs::rename(base.join("next"), base.join("plugins")).unwrap();
    followed.wait_version(NAME, 1);
    followed.save(NAME, &script(2));
    followed.wait_version(NAME, 2);
}

#[test]
fn a_folder_that_comes_later_is_found() {
    let followed = Followed::with(|base| base.join("etc/plugins"));
    assert!(followed.set().scripts.is_empty());
    fs::create_dir_all(followed.path("named")).unwrap();
    followed.save(NAME, &script(0));
    followed.wait_version(NAME, 0);
}

#[test]
fn a_folder_that_vanishes_leaves_its_scripts_at_work_and_says_so() {
    let followed = Followed::new();
    followed.save(NAME, &script(0));
    followed.wait_version(NAME, 0);
    fs::rename(&followed.root, followed.base.path().join("elsewhere")).unwrap();
    let entry_ = followed.wait_broken(NAME, "is missing");
    assert_eq!(at_work(&entry_), Some(script(0)));
}

#[test]
fn what_strangers_may_write_to_is_refused() {
    let followed = Followed::new();
    followed.save(NAME, &script(0));
    followed.wait_version(NAME, 0);
    fs::set_permissions(followed.path(NAME), Permissions::from_mode(0o666)).unwrap();
    followed.save(NAME, &script(1));
    let entry_ = followed.wait_broken(NAME, "anybody may write to it");
    assert_eq!(at_work(&entry_), Some(script(0)));
    fs::set_permissions(followed.path(NAME), Permissions::from_mode(0o644)).unwrap();
    followed.wait_version(NAME, 1);

    for folder in ["named", "."] {
        fs::set_permissions(followed.path(folder), Permissions::from_mode(0o777)).unwrap();
        followed.wait_broken(NAME, "anybody may write to the folder");
        fs::set_permissions(followed.path(folder), Permissions::from_mode(0o755)).unwrap();
        followed.wait("trust", |set| entry(set, NAME).unwrap().broken.is_none());
    }
}

#[test]
fn what_cannot_be_a_script_is_refused_with_its_reason() {
    let followed = Followed::new();
    let outside = followed.base.path().join("outside.rhai");
    fs::write(&outside, script(0)).unwrap();
    fs::create_dir(followed.path("lib")).unwrap();
    followed.save("lib/inside.rhai", &script(0));
    symlink(&outside, followed.path("named/outside.rhai")).unwrap();
    symlink("../lib/inside.rhai", followed.path("named/inside.rhai")).unwrap();
    symlink("nowhere", followed.path("named/nowhere.rhai")).unwrap();
    fs::write(followed.path("named/latin.rhai"), b"// \xe9t\xe9").unwrap();
    followed.save("named/long.rhai", &"//////\n".repeat(10_000));
    followed.save("named/Large-Name.rhai", &script(0));
    followed.save("triggers/ORDER CREATED.rhai", &script(0));
    fs::create_dir(followed.path("named/folder.rhai")).unwrap();
    for (name, words) in [
        ("named/outside.rhai", "leads outside of the plugins folder"),
        ("named/nowhere.rhai", "cannot be read"),
        ("named/latin.rhai", "not UTF-8: byte 4"),
        ("named/long.rhai", "longer than 64 KiB"),
        ("named/Large-Name.rhai", "a-z, 0-9"),
        ("triggers/ORDER CREATED.rhai", "character 6"),
        ("named/folder.rhai", "not a regular file"),
    ] {
        let entry_ = followed.wait_broken(name, words);
        assert_eq!(at_work(&entry_), None, "{name}");
    }
    followed.wait_version("named/inside.rhai", 0);
}

#[test]
fn two_hundred_saves_in_every_manner_never_yield_half_a_script() {
    let followed = Followed::new();
    followed.save(NAME, &script("first"));
    followed.wait_version(NAME, "first");
    let path = followed.path(NAME);
    let writer = thread::spawn(move || {
        for number in 0..200_u64 {
            let text = script(number);
            match number % 4 {
                0 => fs::write(&path, text).unwrap(),
                1 => {
                    let draft = path.with_extension("draft");
                    fs::write(&draft, text).unwrap();
                    fs::rename(&draft, &path).unwrap();
                }
                2 => {
                    let mut file = File::create(&path).unwrap();
                    for part in text.as_bytes().chunks(text.len() / 3 + 1) {
                        file.write_all(part).unwrap();
                        thread::sleep(Duration::from_millis(40));
                    }
                }
                _ => {
                    fs::rename(&path, path.with_extension("rhai~")).unwrap();
                    thread::sleep(Duration::from_millis(number % 60));
                    fs::write(&path, text).unwrap();
                }
            }
            thread::sleep(Duration::from_millis(number * 7 % 90));
        }
    });
    let mut versions = 0;
    let last = script(199);
    loop {
        let set = followed.next(PATIENCE).expect("the last version comes");
        let entry = entry(&set, NAME).expect("the script is always there");
        assert_eq!(entry.broken, None);
        versions += 1;
        if at_work(&entry) == Some(last.clone()) {
            break;
        }
    }
    writer.join().unwrap();
    assert!(versions > 50, "{versions}");
}

#[test]
fn a_watcher_that_is_dropped_stops_at_once() {
    let mut followed = Followed::new();
    let begun = Instant::now();
    drop(followed.watcher.take());
    assert!(begun.elapsed() < Duration::from_secs(1));
    followed.save(NAME, &script(0));
    assert!(followed.sets.recv_timeout(QUIET).is_err());
}
