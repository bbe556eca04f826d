//! Load on a machine: wrk publishes over 64 connections that it keeps, `herald receive` takes what
//! is delivered and writes it down. Both run here, in the network of the machine.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Stdio};

use tempfile::TempDir;

use crate::installed::{Installed, URL};
use crate::machine::Machine;

const SCRIPT: &str = r#"
wrk.method = "POST"
wrk.body = '{"event_type":"ORDER_CREATED","data":{"id":1}}'
wrk.headers["Content-Type"] = "application/json"
function init(arguments) wrk.headers["Authorization"] = "Bearer " .. arguments[1] end
"#;

/// wrk at work.
pub(crate) struct Load {
    child: Child,
    _folder: TempDir,
}

/// What wrk counted.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Answers that it got.
    pub(crate) requests: u64,
    /// Errors of sockets (connect, read, write, time-outs) and answers that were not 2xx.
    pub(crate) failed: u64,
    /// All that it printed.
    pub(crate) printed: String,
}

impl Load {
    /// Publishes for so many seconds, from now on.
    pub(crate) fn start(herald: &Installed, seconds: u32) -> Self {
        Self::at(herald, URL, seconds)
    }

    /// Publishes to another address.
    pub(crate) fn at(herald: &Installed, url: &str, seconds: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("publish.lua");
        fs::write(&script, SCRIPT).unwrap();
        let child = herald
            .machine
            .outside("wrk")
            .args(["-t1", "-c64", &format!("-d{seconds}s"), "-s"])
            .arg(&script)
            .args([&format!("{url}/v1/events"), "--", &herald.token])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            child,
            _folder: folder,
        }
    }

    /// Whether it still publishes.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Counted {
        let mut printed = String::new();
        for pipe in [
            self.child
                .stdout
                .take()
                .map(|it| Box::new(it) as Box<dyn Read>),
            self.child
                .stderr
                .take()
                .map(|it| Box::new(it) as Box<dyn Read>),
        ] {
            pipe.unwrap().read_to_string(&mut printed).unwrap();
        }
        assert!(self.child.wait().unwrap().success(), "{printed}");
        counted(printed)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads `N requests in …`, `Socket errors: connect N, …` and `Non-2xx or 3xx responses: N`.
fn counted(printed: String) -> Counted {
    let numbers = |line: &str| -> Vec<u64> {
        line.split(|c: char| !c.is_ascii_digit())
            .filter_map(|it| it.parse().ok())
            .collect()
    };
    let mut requests = None;
    let mut failed = 0;
    for line in printed.lines().map(str::trim) {
        if line.contains(" requests in ") {
            requests = numbers(line).first().copied();
        } else if let Some(counts) = line.strip_prefix("Socket errors:") {
            failed += numbers(counts).iter().sum::<u64>();
        } else if let Some(count) = line.strip_prefix("Non-2xx or 3xx responses:") {
            failed += numbers(count).iter().sum::<u64>();
        }
    }
    let requests = requests.unwrap_or_else(|| panic!("wrk said: {printed}"));
    Counted {
        requests,
        failed,
        printed,
    }
}

/// `herald receive` in the network of a machine.
pub(crate) struct Receiver {
    child: Child,
    ledger: PathBuf,
    _stderr: BufReader<ChildStderr>,
    _folder: TempDir,
}

impl Receiver {
    /// Starts one on port 9000.
    pub(crate) fn start(machine: &Machine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger");
        let mut child = machine
            .outside(env!("CARGO_BIN_EXE_herald"))
            .args([
                "receive",
                "--quiet",
                "--listen",
                "127.0.0.1:9000",
                "--ledger",
            ])
            .arg(&ledger)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        assert!(
            line.starts_with("receiving on "),
            "the receiver said: {line}"
        );
        Self {
            child,
            ledger,
            _stderr: stderr,
            _folder: folder,
        }
    }

    /// Lets Herald deliver everything to it.
    pub(crate) fn subscribe(&self, herald: &Installed) {
        herald
            .herald("subscription add --title Receiver --url http://127.0.0.1:9000/ --trigger '*'");
    }

    /// How often each event came.
    pub(crate) fn received(&self) -> HashMap<String, u64> {
        let mut counts = HashMap::new();
        for line in fs::read_to_string(&self.ledger).unwrap().lines() {
            let id = line.split(' ').next().unwrap_or_default();
            *counts.entry(id.to_owned()).or_default() += 1;
        }
        counts
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nothing was refused, nothing was lost, nothing ended twice, and what was accepted since `before`
/// came. The receiver must have been there since then.
pub(crate) fn assert_unharmed(
    counted: &[Counted],
    herald: &Installed,
    receiver: &Receiver,
    before: u64,
) {
    let mut requests = 0;
    for counted in counted {
        print!("{}", counted.printed);
        assert_eq!(counted.failed, 0, "{}", counted.printed);
        requests += counted.requests;
    }
    let audit = herald.settled_audit();
    assert_eq!(
        (&audit["lost"], &audit["double"]),
        (&0.into(), &0.into()),
        "{audit}"
    );
    let accepted = audit["accepted"].as_u64().unwrap() - before;
    // wrk leaves with up to one request on each of its 64 connections.
    let open = 64 * counted.len() as u64;
    assert!(
        (requests..=requests + open).contains(&accepted),
        "{accepted} accepted, {requests} answered"
    );
    let received = receiver.received();
    assert_eq!(
        received.len() as u64,
        accepted,
        "what came, each event once"
    );
    let twice = received.values().filter(|it| **it > 1).count();
    println!("{accepted} events accepted, all received, {twice} more than once");
}
