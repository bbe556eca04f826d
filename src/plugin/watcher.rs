//! Follows the plugins folder: learns of changes, waits until a save is complete, checks what
//! changed and publishes the new set. It runs on a thread of its own and knows neither who gets
//! the set nor how a script is checked.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher};

use super::folder::{Folder, FolderClock, Validate};
use super::source::{Source, SourceFault, SourceSet};
use super::watched::Watched;

/// After a change it is quiet for this long before the folder is looked at.
const QUIET: Duration = Duration::from_millis(25);
/// It is looked at after this long even if it never gets quiet.
const MOST_QUIET: Duration = Duration::from_millis(250);
/// It is looked at this often without any report of a change: networked file systems report none.
const RESCAN: Duration = Duration::from_secs(5);
/// A file that is being written is left alone, but not longer than this: its writer may hang.
const MOST_HELD: Duration = Duration::from_secs(5);
/// How many reports may wait. More than these say the same: look.
const MOST_WAITING: usize = 4_096;

/// Follows a plugins folder until it is dropped.
///
/// Dropping it waits for the thread, and so for a `publish` under way.
#[derive(Debug)]
pub struct Watcher {
    reports: SyncSender<WatchReport>,
    thread: Option<JoinHandle<()>>,
}

/// What is reported to the thread.
#[derive(Debug)]
enum WatchReport {
    Changed(Event),
    /// Something changed and nobody knows what.
    Unsure,
    Stop,
}

impl Watcher {
    /// Follows the folder at `root`, of which `first` was loaded. Each change that `validate`
    /// lets pass, or that breaks a script, makes a new set of a higher generation, which is
    /// handed to `publish` on the watcher's own thread. `clock` gives the time for `loaded_at`.
    ///
    /// Where the system reports no changes (its watches are used up), a rescan every 5 s does.
    ///
    /// # Errors
    /// When the current folder, to which a relative `root` is relative, is unknown, or no thread
    /// can be started.
    pub fn start(
        root: &Path,
        first: Arc<SourceSet>,
        validate: impl Fn(&Source) -> Result<(), SourceFault> + Send + 'static,
        publish: impl Fn(Arc<SourceSet>) + Send + 'static,
        clock: impl Fn() -> DateTime<Utc> + Send + 'static,
    ) -> io::Result<Self> {
        let root = std::path::absolute(root)?;
        let (reports, received) = mpsc::sync_channel(MOST_WAITING);
        let for_system = reports.clone();
        let thread = thread::Builder::new()
            .name("plugin-watcher".to_owned())
            .spawn(move || {
                let mut follower = Follower {
                    folder: Folder::new(&root, &first),
                    watcher: system_watcher(for_system),
                    watched: Watched::default(),
                    writing: HashMap::new(),
                    set: first,
                    root,
                };
                follower.run(&received, &validate, &publish, &clock);
            })?;
        Ok(Self {
            reports,
            thread: Some(thread),
        })
    }

    /// Looks at the folder soon, though no change was reported.
    pub fn rescan(&self) {
        // Full: then a look is due already. Gone: the thread was stopped.
        let _ = self.reports.try_send(WatchReport::Unsure);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It fails only if the thread is gone already.
        let _ = self.reports.send(WatchReport::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Passes the system's reports of changes on; none where it has no watches left.
fn system_watcher(reports: SyncSender<WatchReport>) -> Option<RecommendedWatcher> {
    let watcher = notify::recommended_watcher(move |seen: notify::Result<Event>| {
        let report = match seen {
            Ok(event) if event.need_rescan() => WatchReport::Unsure,
            // Looking at the folder opens and closes files: that is no change.
            Ok(event) if is_reading(event.kind) => return,
            Ok(event) => WatchReport::Changed(event),
            Err(_) => WatchReport::Unsure,
        };
        // Full or gone: then a look is due already, or never again.
        let _ = reports.try_send(report);
    });
    match watcher {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "the plugins folder is not watched: it is rescanned only");
            None
        }
    }
}

fn is_reading(kind: EventKind) -> bool {
    let closed_after_writing = EventKind::Access(AccessKind::Close(AccessMode::Write));
    kind.is_access() && kind != closed_after_writing
}

struct Follower {
    root: PathBuf,
    folder: Folder,
    watcher: Option<RecommendedWatcher>,
    watched: Watched,
    /// Files written to and not closed yet, with the time of the first write.
    writing: HashMap<PathBuf, Instant>,
    set: Arc<SourceSet>,
}

impl Follower {
    fn run(
        &mut self,
        received: &Receiver<WatchReport>,
        validate: &Validate<'_>,
        publish: &dyn Fn(Arc<SourceSet>),
        clock: &FolderClock<'_>,
    ) {
        // What changed since the first set was loaded was not reported: look at once.
        let mut next = Instant::now();
        let mut latest = None;
        loop {
            let wait = next.saturating_duration_since(Instant::now());
            let concerned = match received.recv_timeout(wait) {
                Ok(WatchReport::Changed(event)) => self.note(&event),
                Ok(WatchReport::Unsure) => true,
                Ok(WatchReport::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    latest = None;
                    next = Instant::now() + self.look(validate, publish, clock);
                    continue;
                }
            };
            if concerned {
                let now = Instant::now();
                let latest = *latest.get_or_insert(now + MOST_QUIET);
                next = (now + QUIET).min(latest);
            }
        }
    }

    /// Notes a change; returns whether it concerns the plugins.
    fn note(&mut self, event: &Event) -> bool {
        let mut concerned = false;
        for path in &event.paths {
            if !self.watched.concerns(path) {
                continue;
            }
            concerned = true;
            match event.kind {
                EventKind::Modify(ModifyKind::Data(_)) => {
                    let now = Instant::now();
                    self.writing.entry(path.clone()).or_insert(now);
                }
                EventKind::Access(_) => drop(self.writing.remove(path)),
                EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => {
                    self.writing.remove(path);
                    self.watched.forget(path);
                }
                _ => {}
            }
        }
        concerned
    }

    /// Looks at the folder, publishes what changed, and returns how long to wait before the next
    /// look.
    fn look(
        &mut self,
        validate: &Validate<'_>,
        publish: &dyn Fn(Arc<SourceSet>),
        clock: &FolderClock<'_>,
    ) -> Duration {
        let grown = match &mut self.watcher {
            Some(watcher) => self.watched.follow(&self.root, watcher),
            None => false,
        };
        let now = Instant::now();
        self.writing
            .retain(|_, since| now.saturating_duration_since(*since) < MOST_HELD);
        let writing = &self.writing;
        let held = |path: &Path| writing.contains_key(path);
        let look = self.folder.look(&self.set, now, &held, validate, clock);
        if let Some(set) = look.set {
            self.set = Arc::new(set);
            publish(Arc::clone(&self.set));
        }
        let released = writing
            .values()
            .map(|since| MOST_HELD.saturating_sub(now.saturating_duration_since(*since)))
            .min();
        let grown = grown.then_some(QUIET);
        [look.again, released, grown]
            .into_iter()
            .flatten()
            .fold(RESCAN, Duration::min)
    }
}
