//! Running the real daemon: one database for each test, a port of its own, killed with the test.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "each test program uses a part of this, and a test ends at the first surprise"
)]

pub mod api;
pub mod browser;
pub mod client;
pub mod cluster;
pub mod receiver;
pub mod rollups;
pub mod scripted;
pub mod tenant;

use std::fs::{self, File};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use client::Client;
use cluster::Cluster;

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running daemon. As a client, it is the admin of the account `main`.
pub struct Herald {
    /// `http://127.0.0.1:…`
    pub url: String,
    /// A token of the account `main` with the role `admin`.
    pub admin_token: String,
    /// That admin.
    pub client: Client,
    /// Its database.
    pub database_url: String,
    /// Its data folder.
    pub folder: PathBuf,
    child: Option<Child>,
    listen: String,
    private: bool,
    settings: Vec<(String, String)>,
}

impl Herald {
    /// Starts one on a new database.
    #[allow(
        clippy::unused_async,
        reason = "async tests call it as they call all else"
    )]
    pub async fn start() -> Self {
        Self::launch()
    }

    /// Starts one on a new database.
    pub fn launch() -> Self {
        Self::launch_with(&[])
    }

    /// Starts one with more settings, as environment variables.
    pub fn launch_with(settings: &[(&str, &str)]) -> Self {
        Self::on(Some(Cluster::shared().database()), settings)
    }

    /// Starts one on a database that the test made.
    pub fn launch_at(database_url: &str, settings: &[(&str, &str)]) -> Self {
        Self::on(Some(database_url.to_owned()), settings)
    }

    /// Starts one with a private PostgreSQL of its own.
    pub fn launch_private() -> Self {
        Self::on(None, &[])
    }

    /// Starts another daemon, with a data folder of its own, on the database of this one.
    pub fn launch_beside(&self) -> Self {
        let key = self.folder.join("key");
        let key = key.to_str().expect("a path in UTF-8");
        Self::on(Some(self.database_url.clone()), &[("HERALD_KEY_FILE", key)])
    }

    fn on(database_url: Option<String>, settings: &[(&str, &str)]) -> Self {
        let folder = folder();
        let mut herald = Self {
            url: String::new(),
            admin_token: String::new(),
            client: Client {
                address: ([127, 0, 0, 1], 0).into(),
                token: None,
                account: None,
            },
            private: database_url.is_none(),
            database_url: database_url.unwrap_or_default(),
            folder,
            child: None,
            listen: "127.0.0.1:0".to_owned(),
            settings: settings
                .iter()
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect(),
        };
        herald.spawn();
        if herald.private {
            herald.database_url = herald::postgres::PrivatePostgres::running(&herald.folder)
                .expect("the private PostgreSQL runs");
        }
        herald.admin_token = herald.token("admin");
        herald.client.token = Some(herald.admin_token.clone());
        herald
    }

    /// Changes a setting for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Starts the process again, on the same port and folder, and waits until it is ready.
    pub fn spawn(&mut self) {
        self.spawn_only();
        self.wait_ready();
    }

    /// Starts the process again without waiting.
    pub fn spawn_only(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = File::create(self.log_path()).unwrap();
        let child = self.command().arg("serve").stderr(log).spawn().unwrap();
        self.child = Some(child);
    }

    /// Waits until it accepts events.
    pub fn wait_ready(&mut self) {
        if self.listen.ends_with(":0") {
            let address = wait_for("the daemon's address", || {
                let log = self.log();
                let (_, after) = log.split_once("Herald is open")?;
                let (_, after) = after.split_once("127.0.0.1:")?;
                let port: String = after.chars().take_while(char::is_ascii_digit).collect();
                Some(format!("127.0.0.1:{port}"))
            });
            self.url = format!("http://{address}");
            self.client.address = address.parse().unwrap();
            self.listen = address;
        }
        wait_until("the daemon is ready", || {
            let ready = self.client.try_send("GET", "/readyz", &[], b"");
            ready.is_ok_and(|answer| answer.status == 200)
        });
    }

    /// Its resident memory, in KiB.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let size = line.and_then(|line| line.split_whitespace().nth(1));
        size.unwrap().parse().unwrap()
    }

    /// The daemon's command line, for any of its commands.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_herald"));
        command
            .env("HERALD_DATA_DIR", &self.folder)
            .env("HERALD_LISTEN", &self.listen)
            .env("HERALD_PLUGINS_DIR", self.plugins())
            .env("HERALD_ALLOW_NETWORKS", "127.0.0.0/8,::1/128")
            // Where nobody listens.
            .env("HERALD_ALLOW_PORTS", "9")
            .env("HERALD_DATABASE_CONNECTIONS", "4")
            .env("HERALD_URL", &self.url)
            .env("HERALD_TOKEN", &self.admin_token)
            // Not even the file of an installed Herald.
            .env("HERALD_CONFIG", "")
            .env("CREDENTIALS_DIRECTORY", "")
            .stdin(Stdio::null());
        if !self.private {
            command.env("HERALD_DATABASE_URL", &self.database_url);
        }
        for (name, value) in &self.settings {
            command.env(name, value);
            if name == "HERALD_CONFIG" {
                // What the file says of it must count.
                command.env_remove("HERALD_ALLOW_NETWORKS");
            }
        }
        command
    }

    /// The folder of its scripts.
    pub fn plugins(&self) -> PathBuf {
        self.folder.join("plugins")
    }

    /// Runs a command that must succeed; answers its standard output.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command().args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "herald {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// A token of the account `main`.
    pub fn token(&self, role: &str) -> String {
        self.run(&["token", "create", "--account", "main", "--role", role])
            .trim()
            .to_owned()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// kill -9, and the end awaited.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM, and the end awaited. Answers how long it took.
    pub fn terminate(&mut self) -> Duration {
        let begin = Instant::now();
        self.signal("TERM");
        self.ended();
        begin.elapsed()
    }

    /// Waits for the end of one that was sent SIGTERM before.
    pub fn ended(&mut self) {
        let mut child = self.child.take().unwrap();
        let status = wait_for("the end", || child.try_wait().unwrap());
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// What it wrote to standard error since its last start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("stderr.log")
    }

    /// The process of the private PostgreSQL.
    pub fn postmaster(&self) -> u32 {
        let file = self.folder.join("postgresql/data/postmaster.pid");
        fs::read_to_string(file)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Asks its database, by psql. Columns are parted by `|`.
    pub fn sql(&self, statement: &str) -> String {
        psql(&self.database_url, statement)
    }

    /// A number from its database.
    pub fn count(&self, statement: &str) -> i64 {
        self.sql(statement).trim().parse().unwrap()
    }
}

impl Deref for Herald {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Herald {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("--- the daemon's log ---\n{}", self.log());
        }
        self.kill();
        if self.private {
            let file = self.folder.join("postgresql/data/postmaster.pid");
            if let Ok(text) = fs::read_to_string(&file) {
                signal(text.lines().next().unwrap().parse().unwrap(), "INT");
                let begin = Instant::now();
                while file.exists() && begin.elapsed() < Duration::from_secs(10) {
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A folder of a test's own that PostgreSQL's account can reach.
pub fn folder() -> PathBuf {
    let folder = tempfile::Builder::new()
        .prefix("herald-test-")
        .tempdir()
        .unwrap()
        .keep();
    cluster::open_to_all(&folder);
    folder
}

/// Sends a signal to a process.
pub fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status()
        .unwrap();
}

/// Opens a lane of a daemon of older code, which states no feature level.
pub const OLDER_LANE: &str = "insert into lane (folder, lease_until, low_water) \
     values (gen_random_uuid(), now() + interval '1 hour', '00000000-0000-0000-0000-000000000000')";

/// Runs SQL by psql.
pub fn psql(url: &str, statement: &str) -> String {
    let output = Command::new("psql")
        .args([
            "-X",
            "-A",
            "-t",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            url,
            "-c",
            statement,
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{statement}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Asks until there is an answer, a bounded time.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begin.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Asks until nothing is left, as long as it gets less: how fast is not judged.
pub fn wait_out<T>(what: &str, mut ask: impl FnMut() -> (u64, T)) -> T {
    let mut least = u64::MAX;
    let mut since = Instant::now();
    loop {
        let (left, answer) = ask();
        if left == 0 {
            return answer;
        }
        if left < least {
            least = left;
            since = Instant::now();
        }
        let waited = since.elapsed();
        assert!(
            waited < PATIENCE,
            "{what}: {left} left, no fewer for {waited:?}"
        );
        thread::sleep(Duration::from_millis(100));
    }
}

/// Asks until it is so, a bounded time.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}

/// Reads a whole file as lines, the last one only if it is complete.
pub fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(ToOwned::to_owned).collect()
}
