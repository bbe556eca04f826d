//! One daemon for all tests of a program that run at the same time, and an account of its own
//! for each of them. The last test that uses the daemon ends it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::json;

use super::Herald;
use super::api::text;
use super::client::Client;

static RUNNING: Mutex<Weak<Daemon>> = Mutex::new(Weak::new());
static ACCOUNTS: AtomicU32 = AtomicU32::new(1);

/// The shared daemon, with a token for every account of it.
pub struct Daemon {
    herald: Herald,
    operator: String,
}

/// An account of one test alone.
pub struct Tenant {
    /// The daemon, shared with other tests: not to be broken.
    pub daemon: Arc<Daemon>,
    /// The account's name.
    pub name: String,
    /// The account's id.
    pub id: String,
    /// A client with the role `admin`.
    pub admin: Client,
    /// A client with the role `viewer`.
    pub viewer: Client,
    /// A client with the role `publisher`.
    pub publisher: Client,
}

impl Daemon {
    fn shared() -> Arc<Self> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.upgrade().unwrap_or_else(|| {
            let herald = Herald::launch();
            let made = herald.run(&["token", "create", "--operator", "--role", "admin"]);
            let daemon = Arc::new(Self {
                operator: made.trim().to_owned(),
                herald,
            });
            *running = Arc::downgrade(&daemon);
            daemon
        })
    }

    /// The daemon itself, for its command line.
    pub fn herald(&self) -> &Herald {
        &self.herald
    }

    /// A client with this token.
    pub fn client(&self, token: Option<String>) -> Client {
        Client {
            token,
            ..self.herald.client.clone()
        }
    }

    /// The operator, perhaps in an account.
    pub fn operator(&self, account: Option<&str>) -> Client {
        let account = account.map(str::to_owned);
        Client {
            account,
            ..self.client(Some(self.operator.clone()))
        }
    }
}

impl Tenant {
    /// Makes an account.
    pub fn new() -> Self {
        let daemon = Daemon::shared();
        let name = format!("t{}", ACCOUNTS.fetch_add(1, Ordering::Relaxed));
        let operator = daemon.operator(None);
        let made = operator.post("/v1/accounts", &json!({ "name": name }));
        let own = daemon.operator(Some(&name));
        let of = |role: &str| {
            let token = json!({ "title": "of a test", "role": role });
            let made = own.post("/v1/tokens", &token).expect(201).json();
            daemon.client(Some(text(&made["token"])))
        };
        Self {
            id: text(&made.expect(201).json()["id"]),
            admin: of("admin"),
            viewer: of("viewer"),
            publisher: of("publisher"),
            name,
            daemon,
        }
    }

    /// Makes a subscription; its id.
    #[track_caller]
    pub fn subscribe(&self, url: &str, triggers: &[&str]) -> String {
        self.admin.subscribe(url, triggers)
    }

    /// Publishes an event of a type without data; its id.
    #[track_caller]
    pub fn publish(&self, event_type: &str) -> String {
        self.publisher
            .publish_event(&json!({ "event_type": event_type }))
    }
}
