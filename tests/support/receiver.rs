//! `herald receive` as a process of its own, with its ledger.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

/// A receiver, killed with the test. Its ledger outlives a restart on the same port.
pub struct Receiver {
    /// `http://127.0.0.1:…/`
    pub url: String,
    address: String,
    ledger: PathBuf,
    child: Child,
    _stderr: BufReader<ChildStderr>,
}

/// One request that it answered.
#[derive(Debug, Clone)]
pub struct Received {
    /// The event's id.
    pub id: String,
    /// The path of the target.
    pub path: String,
    /// What was answered.
    pub answer: String,
}

impl Receiver {
    /// Starts one on a free port.
    pub fn start(arguments: &[&str]) -> Self {
        let ledger = tempfile::NamedTempFile::new()
            .unwrap()
            .into_temp_path()
            .keep()
            .unwrap();
        Self::at("127.0.0.1:0", ledger, arguments)
    }

    /// Ends it and starts it again on the same port and ledger.
    pub fn restart(self, arguments: &[&str]) -> Self {
        let (address, ledger) = (self.address.clone(), self.ledger.clone());
        drop(self);
        Self::at(&address, ledger, arguments)
    }

    fn at(address: &str, ledger: PathBuf, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_herald"))
            .args(["receive", "--quiet", "--listen", address, "--ledger"])
            .arg(&ledger)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("receiving on http://")
            .and_then(|it| it.split(' ').next())
            .unwrap_or_else(|| panic!("the receiver said: {line}"))
            .to_owned();
        Self {
            url: format!("http://{address}/"),
            address,
            ledger,
            child,
            _stderr: stderr,
        }
    }

    /// Everything that it received, in time.
    pub fn received(&self) -> Vec<Received> {
        super::lines(&self.ledger)
            .iter()
            .map(|line| {
                let fields: Vec<&str> = line.split(' ').collect();
                Received {
                    id: fields[0].to_owned(),
                    path: fields[1].to_owned(),
                    answer: fields[4].to_owned(),
                }
            })
            .collect()
    }

    /// How often each event was answered 2xx.
    pub fn answered(&self) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for received in self.received() {
            if received.answer.starts_with('2') {
                *counts.entry(received.id).or_default() += 1;
            }
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
