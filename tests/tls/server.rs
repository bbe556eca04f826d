//! A PostgreSQL that listens on a port of 127.0.0.1, with TLS or without, and certificates made
//! by openssl.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{self, psql};

/// A certificate authority, and the certificates that it signed.
pub(crate) struct Ca {
    folder: PathBuf,
    name: &'static str,
}

impl Ca {
    pub(crate) fn new(folder: &Path, name: &'static str) -> Self {
        let ca = Self {
            folder: folder.to_owned(),
            name,
        };
        let (key, file) = (ca.path("key"), ca.file());
        let subject = format!("/CN={name}");
        openssl(&[
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", &subject,
            "-keyout", &key, "-out", &file,
        ]);
        ca
    }

    /// Its own certificate.
    pub(crate) fn file(&self) -> String {
        self.path("crt")
    }

    /// Its key.
    pub(crate) fn key(&self) -> String {
        self.path("key")
    }

    /// Signs a certificate for a host; answers key and certificate.
    fn sign(&self, host: &str) -> (String, String) {
        let (key, request) = (self.path("server.key"), self.path("server.csr"));
        let (file, names) = (self.path("server.crt"), self.path("server.ext"));
        let subject = format!("/CN={host}");
        openssl(&[
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject, "-keyout", &key, "-out",
            &request,
        ]);
        fs::write(&names, format!("subjectAltName=DNS:{host}\n")).unwrap();
        openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &self.file(),
            "-CAkey",
            &self.path("key"),
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            &names,
            "-out",
            &file,
        ]);
        (key, file)
    }

    fn path(&self, ending: &str) -> String {
        let file = format!("{}.{ending}", self.name);
        self.folder.join(file).to_str().unwrap().to_owned()
    }
}

pub(crate) fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {told}");
}

/// The server. Its user `herald` needs no password, `ann` has the password `secret`, and
/// `plain` may come without TLS only.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    pub(crate) port: u16,
    databases: AtomicUsize,
}

impl Server {
    /// Starts one; with a CA, its certificate is for `host`.
    pub(crate) fn start(tls: Option<(&Ca, &str)>) -> Self {
        let folder = support::folder();
        let (data, bin) = (folder.join("data"), programs());
        let account = own_account(&folder);
        let path = data.to_str().unwrap();
        let run = |program: &str| {
            let mut command = Command::new(bin.join(program));
            if let Some((uid, gid)) = account {
                command.uid(uid).gid(gid);
            }
            command.current_dir(&folder).stdin(Stdio::null());
            command
        };
        let made = run("initdb")
            .args(["-D", path, "-U", "postgres", "-A", "trust", "-N"])
            // Whatever the locale of who runs the tests.
            .args(["--encoding=UTF8", "--no-locale"])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "initdb: {told}");
        let mut settings = String::from("max_connections = 50\n");
        if let Some((ca, host)) = tls {
            let (key, certificate) = ca.sign(host);
            let own_key = data.join("server.key");
            fs::copy(key, &own_key).unwrap();
            fs::copy(certificate, data.join("server.crt")).unwrap();
            fs::set_permissions(&own_key, fs::Permissions::from_mode(0o600)).unwrap();
            if let Some((uid, gid)) = account {
                chown(&own_key, Some(uid), Some(gid)).unwrap();
            }
            settings.push_str("ssl = on\n");
        }
        fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
        fs::write(
            data.join("pg_hba.conf"),
            "local all all trust\nhostnossl all plain all trust\nhost all ann all scram-sha-256\n\
             host all herald all trust\n",
        )
        .unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .unwrap()
            .port();
        let server = Self {
            child: serve(&folder, port),
            folder,
            port,
            databases: AtomicUsize::new(0),
        };
        server.wait_ready();
        let made = "create role herald superuser login; create role plain superuser login; \
             create role ann superuser login password 'secret'";
        psql(&server.on_socket("postgres"), made);
        server
    }

    /// Stops it and starts it again as a standby, which takes no writes.
    #[allow(dead_code, reason = "the tests of the doctor share this file")]
    pub(crate) fn become_standby(&mut self) {
        support::signal(self.child.id(), "INT");
        self.child.wait().unwrap();
        fs::write(self.folder.join("data/standby.signal"), "").unwrap();
        self.child = serve(&self.folder, self.port);
        self.wait_ready();
    }

    fn wait_ready(&self) {
        support::wait_until("the server accepts connections", || {
            let asked = Command::new(programs().join("pg_isready"))
                .args(["-q", "-p", &self.port.to_string(), "-h"])
                .arg(&self.folder)
                .status();
            asked.is_ok_and(|status| status.success())
        });
    }

    /// A new database; answers its name.
    pub(crate) fn database(&self) -> String {
        let name = format!("d{}", self.databases.fetch_add(1, Ordering::Relaxed));
        psql(
            &self.on_socket("postgres"),
            &format!("create database {name}"),
        );
        name
    }

    /// The way for the test itself.
    pub(crate) fn on_socket(&self, database: &str) -> String {
        let folder = self.folder.display();
        format!(
            "postgresql://postgres@/{database}?host={folder}&port={}",
            self.port
        )
    }

    /// How many connections of Herald's there are on a database, with TLS and without.
    pub(crate) fn connections(&self, database: &str) -> (usize, usize) {
        let counts = psql(
            &self.on_socket(database),
            "select count(*) filter (where ssl), count(*) filter (where not ssl) \
             from pg_stat_activity join pg_stat_ssl using (pid) \
             where application_name = 'herald' and datname = current_database()",
        );
        let (with, without) = counts.trim().split_once('|').unwrap();
        (with.parse().unwrap(), without.parse().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        support::signal(self.child.id(), "INT");
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn serve(folder: &Path, port: u16) -> Child {
    let mut command = Command::new(programs().join("postgres"));
    if let Some((uid, gid)) = own_account(folder) {
        command.uid(uid).gid(gid);
    }
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"])
        .arg(folder)
        .stderr(fs::File::create(folder.join("log")).unwrap())
        .spawn()
        .unwrap()
}

/// Where the newest installed server's programs are.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").unwrap();
    let newest = versions
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .expect("PostgreSQL is installed");
    PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"))
}

/// PostgreSQL does not run as root: the account of its package, to which the folder is given.
pub(crate) fn own_account(folder: &Path) -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let line = accounts
        .lines()
        .find(|line| line.starts_with("postgres:"))
        .expect("the account postgres");
    let mut ids = line.split(':').skip(2).map(|id| id.parse().unwrap());
    let account = (ids.next().unwrap(), ids.next().unwrap());
    chown(folder, Some(account.0), Some(account.1)).unwrap();
    Some(account)
}
