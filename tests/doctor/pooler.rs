//! A pooler or a standby where Herald needs PostgreSQL itself: real ones, refused at the start and
//! by the doctor with what works instead, and a pooler in session mode works.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::doctor::Report;
use crate::support::{self, Herald, psql, wait_until};
use crate::tls::server::{Server, own_account};

/// PgBouncer before a server.
struct Pooler {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Pooler {
    fn start(server: &Server, mode: &str, more: &str) -> Self {
        let folder = support::folder();
        // Like PostgreSQL it does not run as root.
        let account = own_account(&folder);
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=herald\n[pgbouncer]\nlisten_addr=127.0.0.1\n\
             listen_port={port}\nauth_type=any\npool_mode={mode}\nunix_socket_dir=\n{more}\n",
            server.port
        );
        let file = folder.join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        let mut command = Command::new("/usr/sbin/pgbouncer");
        if let Some((uid, gid)) = account {
            command.uid(uid).gid(gid);
        }
        let log = fs::File::create(folder.join("log")).unwrap();
        let child = command
            .arg(&file)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let pooler = Self {
            child,
            folder,
            port,
        };
        wait_until("the pooler accepts connections", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        pooler
    }

    fn url(&self, database: &str) -> String {
        format!("postgresql://herald@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn command(url: &str, folder: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_herald"));
    command
        .env("HERALD_CONFIG", "")
        .env("HERALD_DATABASE_URL", url)
        .env("HERALD_DATA_DIR", folder)
        .env("HERALD_LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null());
    command
}

/// What `serve` says when it refuses to start.
fn refusal(url: &str) -> String {
    let folder = support::folder();
    let output = command(url, &folder).arg("serve").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    fs::remove_dir_all(folder).unwrap();
    told
}

fn doctor(url: &str) -> Report {
    let folder = support::folder();
    let report = Report::of(command(url, &folder), &[]);
    fs::remove_dir_all(folder).unwrap();
    report
}

#[test]
fn a_pooler_that_lends_sessions_for_less_than_a_connection_is_refused() {
    let server = Server::start(None);
    for (mode, more) in [
        ("transaction", ""),
        ("transaction", "server_round_robin=1"),
        ("transaction", "default_pool_size=1"),
        ("statement", ""),
    ] {
        let pooler = Pooler::start(&server, mode, more);
        let url = pooler.url(&server.database());
        // Somebody else's work keeps several sessions open.
        let mut others = Vec::new();
        if !more.contains("size") {
            for _ in 0..3 {
                let mut other = Command::new("psql");
                other.args(["-X", "-q", "-d", &url, "-c", "select pg_sleep(0.3)"]);
                others.push(other.stdout(Stdio::null()).spawn().unwrap());
            }
        }
        for mut other in others {
            other.wait().unwrap();
        }
        let told = refusal(&url);
        for words in [
            mode,
            "pooler",
            "the address of PostgreSQL itself",
            "session mode",
        ] {
            assert!(told.contains(words), "{mode} {more}: no {words} in {told}");
        }
        let remedy = doctor(&url).expect("database", "failed", &[mode, "pooler"]);
        assert!(remedy.contains("pool_mode = session"), "{remedy}");
    }
}

#[test]
fn a_pooler_in_session_mode_works() {
    let server = Server::start(None);
    let pooler = Pooler::start(&server, "session", "");
    let url = pooler.url(&server.database());
    let herald = Herald::launch_at(&url, &[]);
    for _ in 0..100 {
        let event = json!({"event_type": "STORE_ORDER_CREATED"});
        herald.post("/v1/events", &event).expect(202);
    }
    Report::of(herald.command(), &[]).expect("database", "ok", &["PostgreSQL"]);
    herald.get("/readyz").expect(200);
    assert_eq!(herald.count("select count(*) from event"), 100);
}

#[test]
fn a_server_in_recovery_and_a_database_that_takes_no_writes_are_refused() {
    let mut server = Server::start(None);
    let database = server.database();
    let url = format!("postgresql://herald@127.0.0.1:{}/{database}", server.port);
    let set = |value: &str| {
        let statement =
            format!("alter database {database} set default_transaction_read_only = {value}");
        psql(&server.on_socket("postgres"), &statement);
    };
    set("on");
    let told = refusal(&url);
    assert!(
        told.contains("default_transaction_read_only = off"),
        "{told}"
    );
    doctor(&url).expect("database", "failed", &["takes no writes"]);
    set("off");

    server.become_standby();
    for words in [refusal(&url), doctor(&url).value.to_string()] {
        assert!(words.contains("is in recovery"), "{words}");
        assert!(words.contains("give the address of its primary"), "{words}");
    }
}
