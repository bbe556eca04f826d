//! One PostgreSQL for each test program, and one database for each test, cloned from a migrated
//! template. A watcher process ends it when the test program ends, however that ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};

use herald::postgres::PrivatePostgres;

/// The shared server.
pub struct Cluster {
    url: String,
    cloning: Mutex<()>,
    databases: AtomicUsize,
}

impl Cluster {
    /// The test program's own server, started at the first call.
    pub fn shared() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(|| {
            let url = start();
            let cluster = Self {
                url,
                cloning: Mutex::new(()),
                databases: AtomicUsize::new(0),
            };
            cluster.sql_at("postgres", "create database template_herald");
            let migrated = Command::new(env!("CARGO_BIN_EXE_herald"))
                .arg("migrate")
                .env("HERALD_DATABASE_URL", cluster.url_of("template_herald"))
                .stdout(Stdio::null())
                .status()
                .unwrap();
            assert!(migrated.success(), "the template could not be migrated");
            cluster
        })
    }

    /// A new database, migrated and empty.
    pub fn database(&self) -> String {
        self.create("template_herald")
    }

    /// A new database without anything.
    pub fn empty_database(&self) -> String {
        self.create("template0")
    }

    fn create(&self, template: &str) -> String {
        let _one_at_a_time = self.cloning.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql_at(
            "postgres",
            &format!("create database {name} template {template}"),
        );
        self.url_of(&name)
    }

    fn url_of(&self, database: &str) -> String {
        self.url.replace("/herald?", &format!("/{database}?"))
    }

    fn sql_at(&self, database: &str, statement: &str) {
        super::psql(&self.url_of(database), statement);
    }
}

/// Starts the server on a thread of its own that watches it as long as the program runs.
fn start() -> String {
    let folder = super::folder();
    let (tell, told) = mpsc::channel();
    let path = folder.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let server = PrivatePostgres::start(&path).await.unwrap();
            tell.send(server.url()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let url = told.recv().unwrap();
    watch(&folder);
    url
}

/// A process that waits for the end of this one, then ends the server and removes its folder.
fn watch(folder: &Path) {
    let pid_file = folder.join("postgresql/data/postmaster.pid");
    let script = "cat >/dev/null; kill -INT \"$(head -n 1 \"$1\")\"; \
        for i in 1 2 3 4 5 6 7 8 9 10; do [ -e \"$1\" ] || break; sleep 0.5; done; rm -rf \"$2\"";
    let mut watcher = Command::new("sh")
        .args(["-c", script, "watch"])
        .args([&pid_file, folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The pipe closes with this process.
    std::mem::forget(watcher.stdin.take());
    std::mem::forget(watcher);
}

/// Opens a folder to the account that PostgreSQL runs under.
pub fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}
