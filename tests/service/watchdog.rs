//! The watchdog of a service manager: fed while Herald makes progress, also in vain, and not when
//! it is stuck. Which part is stuck, and by which rule, is decided in `domain/watchdog.rs` and
//! `actors/observe/heartbeat.rs`.

use std::io::{PipeReader, PipeWriter, Write, pipe};
use std::os::unix::net::UnixDatagram;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Herald, PATIENCE, psql, signal};

/// What the service manager allows between two feedings.
const WATCHDOG: Duration = Duration::from_secs(6);

/// A daemon, and the socket by which it tells the service manager.
struct Managed {
    socket: UnixDatagram,
    child: Child,
    /// Its standard error. Nobody reads it: it has room for more than a healthy daemon writes.
    stderr: (PipeReader, PipeWriter),
}

impl Managed {
    fn start(herald: &Herald) -> Self {
        let path = herald.folder.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let (reader, writer) = pipe().unwrap();
        let child = herald
            .command()
            .arg("serve")
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string())
            .stderr(writer.try_clone().unwrap())
            .spawn()
            .unwrap();
        Self {
            socket,
            child,
            stderr: (reader, writer),
        }
    }

    /// The next message; none within the bound.
    fn next(&self) -> Option<String> {
        let mut message = [0; 1_024];
        let length = self.socket.recv(&mut message).ok()?;
        Some(String::from_utf8(message[..length].to_vec()).unwrap())
    }

    /// Waits for a message that says this.
    fn says(&self, what: &str) -> String {
        let begin = Instant::now();
        loop {
            let message = self.next().unwrap_or_else(|| panic!("no {what}"));
            if message.lines().any(|line| line.starts_with(what)) {
                return message;
            }
            assert!(begin.elapsed() < PATIENCE, "no {what}, but {message}");
        }
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cuts a daemon's database off, or makes it reachable again.
fn reachable(herald: &Herald, yes: bool) {
    let (server, options) = herald.database_url.split_once("/test_").unwrap();
    let (number, options) = options.split_once('?').unwrap();
    let elsewhere = format!("{server}/postgres?{options}");
    let name = format!("test_{number}");
    let allow = format!("alter database {name} allow_connections {yes}");
    psql(&elsewhere, &allow);
    if !yes {
        let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname";
        psql(&elsewhere, &format!("{cut} = '{name}'"));
    }
}

#[test]
fn it_is_fed_while_herald_works_and_while_the_database_is_away() {
    let mut herald = Herald::launch();
    herald.terminate();
    let managed = Managed::start(&herald);
    managed.says("READY=1");
    for _ in 0..3 {
        managed.says("WATCHDOG=1");
    }
    reachable(&herald, false);
    let begin = Instant::now();
    // Longer than a part may be silent.
    while begin.elapsed() < WATCHDOG {
        managed.says("WATCHDOG=1");
    }
    reachable(&herald, true);
    signal(managed.child.id(), "TERM");
    let stopping = managed.says("STOPPING=1");
    assert!(stopping.contains("EXTEND_TIMEOUT_USEC="), "{stopping}");
}

#[test]
fn it_is_not_fed_by_a_daemon_whose_main_thread_is_stuck() {
    let mut herald = Herald::launch();
    herald.terminate();
    let managed = Managed::start(&herald);
    managed.says("READY=1");
    managed.says("WATCHDOG=1");
    // The pipe fills up and stays full, so that who writes a line waits for ever; and the main
    // thread has something to tell.
    let mut writer = managed.stderr.1.try_clone().unwrap();
    thread::spawn(move || while writer.write_all(b"full").is_ok() {});
    reachable(&herald, false);
    // A healthy daemon feeds all the time.
    managed.socket.set_read_timeout(Some(WATCHDOG)).unwrap();
    let begin = Instant::now();
    while managed.next().is_some() {
        assert!(begin.elapsed() < PATIENCE, "it is fed though it is stuck");
    }
}
