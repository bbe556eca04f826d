//! One daemon for all tests that run at the same time, with its private PostgreSQL. The last
//! test that uses it stops it. Each test works in an account of its own.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::client::Client;

static RUNNING: Mutex<Weak<Daemon>> = Mutex::new(Weak::new());
static ACCOUNTS: AtomicU32 = AtomicU32::new(1);

/// A running daemon.
pub(crate) struct Daemon {
    process: Child,
    address: SocketAddr,
    operator: String,
    _folder: tempfile::TempDir,
}

/// An account of one test alone.
pub(crate) struct Tenant {
    pub(crate) daemon: Arc<Daemon>,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) admin: Client,
    pub(crate) viewer: Client,
    pub(crate) publisher: Client,
}

impl Tenant {
    pub(crate) fn new() -> Self {
        let daemon = Daemon::shared();
        let name = format!("t{}", ACCOUNTS.fetch_add(1, Ordering::Relaxed));
        let operator = daemon.operator(None);
        let made = operator
            .post("/v1/accounts", &json!({ "name": name }))
            .expect(201)
            .json();
        let of = |role| daemon.client(Some(daemon.token(&name, role)));
        Self {
            id: made["id"].as_str().unwrap().to_owned(),
            admin: of("admin"),
            viewer: of("viewer"),
            publisher: of("publisher"),
            name,
            daemon,
        }
    }

    /// Makes a subscription; its id.
    pub(crate) fn subscribe(&self, url: &str, triggers: &[&str]) -> String {
        let body = json!({ "url": url, "triggers": triggers });
        let made = self
            .admin
            .post("/v1/subscriptions", &body)
            .expect(201)
            .json();
        made["id"].as_str().unwrap().to_owned()
    }

    /// Publishes an event; its id.
    pub(crate) fn publish(&self, event_type: &str) -> String {
        let body = json!({ "event_type": event_type }).to_string();
        let answer = self.publisher.publish(body.as_bytes()).expect(202).json();
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Asks until the delivery has the state.
    pub(crate) fn wait_for_state(&self, event: &str, subscription: &str, state: &str) {
        let path = format!("/v1/deliveries/{event}/{subscription}");
        wait_until(&format!("{path} is {state}"), || {
            self.viewer.get(&path).expect(200).json()["state"] == state
        });
    }
}

pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "not within 20 s: {what}"
        );
        std::thread::park_timeout(Duration::from_millis(30));
    }
}

/// A port on which nobody listens any more.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

impl Daemon {
    pub(crate) fn shared() -> Arc<Self> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.upgrade().unwrap_or_else(|| {
            let daemon = Arc::new(Self::start());
            *running = Arc::downgrade(&daemon);
            daemon
        })
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL's account must be able to enter it.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let address = free_address();
        let herald = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_herald"));
            command
                .env("HERALD_DATA_DIR", folder.path())
                .env("HERALD_LISTEN", address.to_string())
                .env("HERALD_ALLOW_NETWORKS", "127.0.0.0/8")
                .env_remove("HERALD_DATABASE_URL")
                .env_remove("HERALD_CONFIG");
            command
        };
        let process = herald().arg("serve").stdout(Stdio::null()).spawn().unwrap();
        let mut daemon = Self {
            process,
            address,
            operator: String::new(),
            _folder: tempfile::tempdir().unwrap(),
        };
        wait_until("the daemon listens", || TcpStream::connect(address).is_ok());
        wait_until("the daemon is ready", || {
            daemon.client(None).get("/readyz").status == 200
        });
        let made = herald()
            .args(["token", "create", "--operator", "--role", "admin"])
            .output();
        daemon.operator = String::from_utf8(made.unwrap().stdout)
            .unwrap()
            .trim()
            .to_owned();
        daemon._folder = folder;
        daemon
    }

    pub(crate) fn client(&self, token: Option<String>) -> Client {
        Client {
            address: self.address,
            token,
            account: None,
        }
    }

    /// The operator, perhaps in an account.
    pub(crate) fn operator(&self, account: Option<&str>) -> Client {
        let account = account.map(str::to_owned);
        Client {
            account,
            ..self.client(Some(self.operator.clone()))
        }
    }

    /// Makes a token.
    pub(crate) fn token(&self, account: &str, role: &str) -> String {
        let body = json!({ "title": "of a test", "role": role });
        let made = self
            .operator(Some(account))
            .post("/v1/tokens", &body)
            .expect(201)
            .json();
        made["token"].as_str().unwrap().to_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let id = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw);
        let _ = id.map(|id| kill_process(id, Signal::TERM));
        let _ = self.process.wait();
    }
}
