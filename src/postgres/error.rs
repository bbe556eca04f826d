//! What can go wrong with the private PostgreSQL; each text says what to do.

use std::io;
use std::path::PathBuf;

/// Why the private PostgreSQL could not be prepared, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No server package is installed.
    #[error(
        "no PostgreSQL server is installed (looked in /usr/lib/postgresql/*/bin and in PATH): \
         install it with `apt install postgresql`, or set HERALD_DATABASE_URL to use another one"
    )]
    NotInstalled,
    /// The data were written by a major version that is not installed.
    #[error(
        "the data in {folder} were written by PostgreSQL {wanted}, but only {installed} is \
         installed: install it with `apt install postgresql-{wanted}`, or bring the data over \
         with pg_upgrade"
    )]
    VersionMissing {
        /// The folder of the data.
        folder: PathBuf,
        /// The major version that wrote them.
        wanted: u32,
        /// The installed major versions, comma-separated.
        installed: String,
    },
    /// The file `PG_VERSION` is not what PostgreSQL writes.
    #[error(
        "{path} should hold PostgreSQL's major version but holds `{text}`: restore the folder from a backup"
    )]
    VersionUnreadable {
        /// The file.
        path: PathBuf,
        /// What it holds.
        text: String,
    },
    /// Herald runs as root and the account that should run PostgreSQL does not exist.
    #[error(
        "PostgreSQL refuses to run as root, and the account `postgres` that should run it is \
         not in /etc/passwd: install the package with `apt install postgresql`, or run Herald \
         as an ordinary user"
    )]
    NoAccount,
    /// Somebody else's folder.
    #[error(
        "{folder} belongs to the account with uid {owner}, and Herald runs with uid {own}: \
         run Herald as root or as that account, or choose another folder with HERALD_DATA_DIR"
    )]
    WrongOwner {
        /// The folder of the private PostgreSQL.
        folder: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who Herald runs as.
        own: u32,
    },
    /// The account can not reach the folder.
    #[error(
        "PostgreSQL refuses to run as root, so Herald runs it as the account `{account}`, which \
         may not enter {folder}: allow it with `chmod o+x {folder}`, or choose another data \
         folder with HERALD_DATA_DIR, such as /var/lib/herald"
    )]
    CannotEnter {
        /// The first folder on the way that stops the account.
        folder: PathBuf,
        /// The account.
        account: String,
    },
    /// The folder for the socket exists and is not ours.
    #[error(
        "the folder {folder} for PostgreSQL's socket exists and belongs to somebody else: \
         remove it, or choose a data folder with a shorter path (HERALD_DATA_DIR)"
    )]
    SocketFolderTaken {
        /// The folder.
        folder: PathBuf,
    },
    /// A file or folder could not be read or written.
    #[error("{path} cannot be {what}: {source}")]
    File {
        /// The attempted act, such as `created`.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A program of the package could not be run.
    #[error("{program} cannot be run: {source}")]
    Run {
        /// The program.
        program: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// `initdb`, or the creation of the database after it, failed.
    #[error("{step} failed{}:\n{output}", hint(.output))]
    Initialise {
        /// What was being done.
        step: &'static str,
        /// What the program printed, its last lines.
        output: String,
    },
    /// The server ended while it was starting.
    #[error("PostgreSQL ended while it was starting{}; the end of {log}:\n{excerpt}", hint(.excerpt))]
    Crashed {
        /// Its log file.
        log: PathBuf,
        /// The last lines of this start.
        excerpt: String,
    },
    /// The server did not become ready in time. It is left running, so that the next start does
    /// not begin a long recovery again.
    #[error(
        "PostgreSQL (process {pid}) was not ready {seconds} s after its last sign of progress; \
         the end of {log}:\n{excerpt}"
    )]
    NotReady {
        /// The process.
        pid: i32,
        /// The bound.
        seconds: u64,
        /// Its log file.
        log: PathBuf,
        /// The last lines of this start.
        excerpt: String,
    },
    /// The server survived both kinds of shutdown.
    #[error("PostgreSQL (process {pid}) did not stop within {seconds} s")]
    NotStopped {
        /// The process.
        pid: i32,
        /// How long Herald waited.
        seconds: u64,
    },
    /// A signal could not be sent.
    #[error("PostgreSQL (process {pid}) cannot be signalled: {source}")]
    Signal {
        /// The process.
        pid: i32,
        /// The cause.
        source: io::Error,
    },
    /// The start was called off because Herald is stopping.
    #[error("the start of PostgreSQL was called off")]
    CalledOff,
    /// The supervising task ended by a panic or with its runtime.
    #[error("the task that watches PostgreSQL ended early: {source}")]
    SupervisorLost {
        /// The cause.
        source: tokio::task::JoinError,
    },
}

impl PostgresError {
    /// For `map_err` on file operations.
    pub(super) fn file(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}

/// The usual causes, put before PostgreSQL's own text.
fn hint(output: &str) -> &'static str {
    const CAUSES: [(&str, &str); 5] = [
        ("No space left on device", " (the disk is full)"),
        ("Disk quota exceeded", " (the disk quota is used up)"),
        ("Read-only file system", " (the file system is read-only)"),
        ("Permission denied", " (a permission is missing)"),
        (
            "could not locate a valid checkpoint record",
            " (the data are damaged: restore a backup)",
        ),
    ];
    CAUSES
        .iter()
        .find(|(mark, _)| output.contains(mark))
        .map_or("", |(_, cause)| cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_causes_are_named_in_plain_words() {
        let error = PostgresError::Crashed {
            log: "/x/postgresql.log".into(),
            excerpt: "PANIC:  could not write: No space left on device".to_owned(),
        };
        assert!(error.to_string().starts_with(
            "PostgreSQL ended while it was starting (the disk is full); the end of /x/postgresql.log:"
        ));
    }
}
