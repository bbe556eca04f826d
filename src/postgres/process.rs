//! What the system and `postmaster.pid` say about PostgreSQL's processes. Read-only but for
//! signals; decides nothing.

use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::error::PostgresError;

/// What `postmaster.pid` says (PostgreSQL's `pidfile.h`).
#[derive(Debug)]
pub(super) struct PidFile {
    pub(super) pid: Pid,
    /// Empty until the socket is open.
    pub(super) socket: PathBuf,
    /// `starting`, `stopping`, `ready` or `standby`; empty early in a start.
    status: String,
}

impl PidFile {
    pub(super) fn read(data: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
        let line = |number: usize| text.lines().nth(number - 1).unwrap_or_default().trim();
        let pid = line(1).parse().ok().and_then(Pid::from_raw)?;
        Some(Self {
            pid,
            socket: line(5).into(),
            status: line(8).to_owned(),
        })
    }

    pub(super) fn is_ready(&self) -> bool {
        self.status == "ready"
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.status == "stopping"
    }
}

/// Whether any process has this number, a zombie too.
pub(super) fn exists(pid: Pid) -> bool {
    test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

/// Whether this number is a living PostgreSQL process that works on `data`: numbers are used
/// again, so a pid file alone proves nothing.
pub(super) fn is_postgres_of(pid: Pid, data: &Path) -> bool {
    let place = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    let Ok(stat) = std::fs::read_to_string(place.join("stat")) else {
        return false;
    };
    // `42 (postgres) S 1 …`
    let Some((head, rest)) = stat.rsplit_once(") ") else {
        return false;
    };
    if !head.ends_with("(postgres") || rest.starts_with(['Z', 'X']) {
        return false;
    }
    match std::fs::read_link(place.join("cwd")) {
        Ok(folder) => folder == data,
        // Another account's process: the name has to do.
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// The PostgreSQL processes that work on `data`.
pub(super) fn all_of(data: &Path) -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let own = |pid: Pid| {
        let link = format!("/proc/{}/cwd", pid.as_raw_nonzero());
        std::fs::read_link(link).is_ok_and(|folder| folder == data)
    };
    entries
        .filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .parse()
                .ok()
                .and_then(Pid::from_raw)
        })
        .filter(|pid| own(*pid) && is_postgres_of(*pid, data))
        .collect()
}

/// Sends a signal; a process that is gone already is no error.
pub(super) fn signal(pid: Pid, signal: Signal) -> Result<(), PostgresError> {
    match kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(PostgresError::Signal {
            pid: pid.as_raw_nonzero().get(),
            source: error.into(),
        }),
    }
}
