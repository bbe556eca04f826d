//! The folder of the private PostgreSQL: its layout, its first filling by `initdb`, its
//! settings and the place of its socket. Processes are the business of `postmaster`.
//!
//! ```text
//! <data_dir>/postgresql/               0700, of the account that runs PostgreSQL
//!     data/                            PostgreSQL's own
//!     data/herald.conf                 Herald's settings, rewritten at each start
//!     postgresql.log                   its log; the one before is postgresql.log.old
//!     socket/                          the socket, unless its path would be too long
//!     socket-folder                    says where the socket is
//! ```

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sha2::{Digest, Sha256};

use super::account::SystemAccount;
use super::binaries::{self, Binaries};
use super::error::PostgresError;

const INCLUDE: &str = "include_if_exists = 'herald.conf'";
const SOCKET_FILE: &str = ".s.PGSQL.5432";
/// `sun_path` holds 108 bytes, the closing zero among them.
const SOCKET_PATH_BYTES: usize = 107;
/// A log above this is put aside at the next start.
const LOG_BYTES: u64 = 10 << 20;

/// A prepared folder: from here on only processes are missing.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    home: PathBuf,
    pub(super) account: SystemAccount,
    pub(super) binaries: Binaries,
    pub(super) socket: PathBuf,
}

/// The folder of the private PostgreSQL in a data folder.
pub(super) fn home_in(data_dir: &Path) -> PathBuf {
    data_dir.join("postgresql")
}

/// PostgreSQL's own folder in a data folder.
pub(super) fn data_in(data_dir: &Path) -> PathBuf {
    home_in(data_dir).join("data")
}

impl Cluster {
    /// Makes whatever is missing. Blocks: `initdb` takes a second or two.
    pub(super) fn prepare(data_dir: &Path) -> Result<Self, PostgresError> {
        std::fs::create_dir_all(data_dir).map_err(PostgresError::file("created", data_dir))?;
        let data_dir = data_dir
            .canonicalize()
            .map_err(PostgresError::file("resolved", data_dir))?;
        let home = home_in(&data_dir);
        let account = SystemAccount::for_folder(&home)?;
        let binaries = binaries::choose(&data_in(&data_dir))?;
        account.check_reach(&data_dir)?;
        private_folder(&home, &account)?;
        let socket = socket_folder(&home);
        private_folder(&socket, &account)?;
        let cluster = Self {
            home,
            account,
            binaries,
            socket,
        };
        cluster.write("socket-folder", &format!("{}\n", cluster.socket.display()))?;
        if !cluster.data().join("PG_VERSION").exists() {
            cluster.initialise()?;
        }
        Ok(cluster)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.home.join("postgresql.log")
    }

    /// Where clients connect, as libpq and tokio-postgres read it.
    pub(super) fn url(&self) -> String {
        url_of(&self.socket)
    }

    /// Opens the log to append to; one that grew large is put aside first.
    pub(super) fn open_log(&self) -> Result<File, PostgresError> {
        let path = self.log();
        if std::fs::metadata(&path).is_ok_and(|found| found.len() > LOG_BYTES) {
            std::fs::rename(&path, self.home.join("postgresql.log.old"))
                .map_err(PostgresError::file("put aside", &path))?;
        }
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path);
        let log = log.map_err(PostgresError::file("opened", &path))?;
        self.account.own(&path)?;
        Ok(log)
    }

    /// Rewrites Herald's settings and makes sure that PostgreSQL reads them, and takes out of its
    /// access rules what would let somebody in over the network.
    pub(super) fn write_settings(&self) -> Result<(), PostgresError> {
        let text = settings(&self.socket, self.wal_compression());
        self.write("data/herald.conf", &text)?;
        let path = self.data().join("postgresql.conf");
        let main = std::fs::read_to_string(&path).map_err(PostgresError::file("read", &path))?;
        if !main.lines().any(|line| line.trim() == INCLUDE) {
            self.write(
                "data/postgresql.conf",
                &format!("{main}\n# Herald's settings\n{INCLUDE}\n"),
            )?;
        }
        let path = self.data().join("pg_hba.conf");
        let rules = std::fs::read_to_string(&path).map_err(PostgresError::file("read", &path))?;
        match without_network(&rules) {
            Some(local) => self.write("data/pg_hba.conf", &local),
            None => Ok(()),
        }
    }

    /// The best compression that this build of PostgreSQL knows: it is asked, since packages
    /// are built with and without lz4.
    fn wal_compression(&self) -> &'static str {
        let mut probe = self.account.command(&self.binaries.program("postgres"));
        probe.arg("-D").arg(self.data());
        probe.args(["-C", "wal_compression", "-c", "wal_compression=lz4"]);
        probe.stdout(Stdio::null()).stderr(Stdio::null());
        if probe.status().is_ok_and(|status| status.success()) {
            "lz4"
        } else {
            "on"
        }
    }

    /// Fills a folder aside and moves it in place when it is whole, so that a start that was
    /// killed half-way leaves nothing that looks like a database.
    fn initialise(&self) -> Result<(), PostgresError> {
        let data = self.data();
        tracing::info!(folder = %data.display(), version = self.binaries.major,
            "filling a new private PostgreSQL");
        let aside = self.home.join("data.new");
        match std::fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(PostgresError::file("removed", aside)(error));
            }
            _ => {}
        }
        let mut initdb = self.account.command(&self.binaries.program("initdb"));
        initdb.arg("-D").arg(&aside);
        initdb.args([
            "-U",
            "herald",
            "--encoding=UTF8",
            "--locale=C",
            "--auth-local=trust",
            "--auth-host=reject",
        ]);
        run("initdb", initdb, "", |_| true)?;

        // Single-user mode needs no client program and no running server. It ends well even
        // after an error, so what it prints is judged.
        let mut single = self.account.command(&self.binaries.program("postgres"));
        single.arg("--single").arg("-D").arg(&aside).arg("postgres");
        run(
            "CREATE DATABASE",
            single,
            "CREATE DATABASE herald;\n",
            |printed| !printed.contains("ERROR:") && !printed.contains("FATAL:"),
        )?;
        std::fs::rename(&aside, &data).map_err(PostgresError::file("moved in place", aside))
    }

    /// Writes a small file whole: aside, then renamed over the old one.
    fn write(&self, name: &str, text: &str) -> Result<(), PostgresError> {
        let path = self.home.join(name);
        let aside = self.home.join(format!("{name}.new"));
        let written = || {
            let mut file = OpenOptions::new()
                .create(true)
                .write(true)
                .truncate(true)
                .mode(0o600)
                .open(&aside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        written().map_err(PostgresError::file("written", &aside))?;
        self.account.own(&aside)?;
        std::fs::rename(&aside, &path).map_err(PostgresError::file("moved in place", aside))
    }
}

/// The URL of a server whose socket is in `socket`. The folder's path holds only letters
/// that need no escape but the slash: [`socket_folder`] sees to that.
pub(super) fn url_of(socket: &Path) -> String {
    let host = socket.to_string_lossy().replace('/', "%2F");
    format!("postgresql://herald@{host}/herald?sslmode=disable")
}

/// Beside the data; where that path is too long for a socket or holds letters that settings
/// and URLs would need to escape, a short folder under /tmp that the data's path determines.
fn socket_folder(home: &Path) -> PathBuf {
    let beside = home.join("socket");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let usable = |path: &str| {
        path.len() + 1 + SOCKET_FILE.len() <= SOCKET_PATH_BYTES && path.chars().all(plain)
    };
    if beside.to_str().is_some_and(usable) {
        return beside;
    }
    let hash = Sha256::digest(home.as_os_str().as_encoded_bytes());
    let mut name = String::from("/tmp/herald-");
    for byte in hash.iter().take(8) {
        // Writing to a String does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    PathBuf::from(name)
}

/// A folder that only `account` can enter. One that exists must be the account's already: a
/// stranger's folder under /tmp is not trusted with the socket.
fn private_folder(path: &Path, account: &SystemAccount) -> Result<(), PostgresError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return account.own(path),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(PostgresError::file("created", path)(error)),
    }
    let found = std::fs::symlink_metadata(path).map_err(PostgresError::file("examined", path))?;
    let own = rustix::process::geteuid().as_raw();
    // Herald's own: made by a start that was killed before it gave the folder away.
    if !found.is_dir() || (found.uid() != account.uid && found.uid() != own) {
        return Err(PostgresError::SocketFolderTaken {
            folder: path.to_owned(),
        });
    }
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
        .map_err(PostgresError::file("closed to others", path))?;
    account.own(path)
}

/// Runs a program to its end; a failure carries the end of what it printed.
fn run(
    step: &'static str,
    mut command: Command,
    input: &str,
    went_well: impl FnOnce(&str) -> bool,
) -> Result<(), PostgresError> {
    let program = PathBuf::from(command.get_program());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let result = command.spawn().and_then(|mut child| {
        if let Some(mut stdin) = child.stdin.take() {
            // The status shows that a program ended early.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output()
    });
    let Output {
        status,
        stdout,
        stderr,
    } = result.map_err(|source| PostgresError::Run { program, source })?;
    let printed = [stdout, stderr]
        .map(|part| String::from_utf8_lossy(&part).into_owned())
        .concat();
    if status.success() && went_well(&printed) {
        return Ok(());
    }
    Err(PostgresError::Initialise {
        step,
        output: last_lines(&printed),
    })
}

/// The access rules of a server without those for connections over the network; none: there are
/// none of these. The server does not listen there, so that they only await a mistake.
fn without_network(rules: &str) -> Option<String> {
    let is_network = |line: &&str| line.trim_start().starts_with("host");
    rules.lines().find(is_network)?;
    let mut local = String::new();
    for line in rules.lines().filter(|line| !is_network(line)) {
        local.push_str(line);
        local.push('\n');
    }
    Some(local)
}

/// The last 20 lines.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(20);
    lines.get(from..).unwrap_or_default().join("\n")
}

fn settings(socket: &Path, wal_compression: &str) -> String {
    format!(
        "\
# Written by Herald at each start: change nothing here. ALTER SYSTEM wins over this file.
# Only this folder's socket is open, and only to the account that owns it.
listen_addresses = ''
port = 5432
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
max_connections = 60

# A 202 promises that the event outlives a power cut.
fsync = on
synchronous_commit = on
full_page_writes = on

# Sized for a small machine that mostly appends.
shared_buffers = 128MB
wal_buffers = 16MB
wal_compression = {wal_compression}
max_wal_size = 2GB
checkpoint_timeout = 15min
autovacuum_naptime = 15s
jit = off

# The log is for people: what happened, not what is usual.
logging_collector = off
log_destination = 'stderr'
log_line_prefix = '%m [%p] '
log_timezone = 'UTC'
timezone = 'UTC'
lc_messages = 'C'
log_checkpoints = off
log_autovacuum_min_duration = -1
",
        socket = socket.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_stands_beside_the_data_unless_the_path_is_too_long_or_odd() {
        let near = socket_folder(Path::new("/var/lib/herald/postgresql"));
        assert_eq!(near, Path::new("/var/lib/herald/postgresql/socket"));
        for odd in [
            format!("/{}/postgresql", "d".repeat(90)),
            "/home/Ann's/h".to_owned(),
        ] {
            let far = socket_folder(Path::new(&odd));
            assert!(
                far.starts_with("/tmp") && far.as_os_str().len() < 40,
                "{far:?}"
            );
            assert_eq!(far, socket_folder(Path::new(&odd)));
        }
    }

    #[test]
    fn access_over_the_network_is_taken_out_and_nothing_else() {
        let local = "# TYPE  DATABASE\n\nlocal   all  all  trust\n# host is commented\n";
        assert_eq!(without_network(local), None);
        let network = format!(
            "{local}host all all 127.0.0.1/32 trust\n  hostssl all all ::1/128 trust\n\
             hostnossl all all 0.0.0.0/0 trust\nhost\treplication all ::1/128 trust"
        );
        assert_eq!(without_network(&network).as_deref(), Some(local));
    }

    #[test]
    fn a_strangers_folder_is_not_trusted_with_the_socket() {
        let place = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let link = place.path().join("herald-1");
        std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
        let account = SystemAccount::for_folder(&place.path().join("none")).unwrap();
        assert!(matches!(
            private_folder(&link, &account),
            Err(PostgresError::SocketFolderTaken { .. })
        ));
    }

    #[test]
    fn the_url_names_the_socket_and_no_password() {
        assert_eq!(
            url_of(Path::new("/a/b")),
            "postgresql://herald@%2Fa%2Fb/herald?sslmode=disable"
        );
    }
}
