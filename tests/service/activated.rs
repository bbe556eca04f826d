//! A daemon under `systemd-socket-activate`, started anew whenever it ends: what systemd does by
//! `herald.socket` and `herald.service`.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::support::client::Client;
use crate::support::{Herald, signal, wait_for, wait_until};

/// Started anew until the folder has the file `enough`. `LISTEN_PID` names who the sockets are
/// for: each daemon by its own number.
const SUPERVISOR: &str = r#"
    while [ ! -e "$1/enough" ]; do
        sh -c 'LISTEN_PID=$$; export LISTEN_PID; exec "$0" serve' "$2" 2>>"$1/activated.log" &
        echo $! >"$1/pid.new" && mv "$1/pid.new" "$1/pid"
        wait $!
    done
"#;

/// The supervisor. It and its daemon end with the test.
pub(crate) struct Activated {
    /// A client of the first socket.
    pub(crate) client: Client,
    /// The addresses of the sockets.
    pub(crate) addresses: Vec<SocketAddr>,
    folder: PathBuf,
    child: Child,
}

impl Activated {
    /// Puts the settings of a daemon that does not run under supervision, with sockets of these
    /// names. The first connection starts it; this waits until it is open.
    pub(crate) fn start(herald: &Herald, names: &[&str]) -> Self {
        let addresses = free_addresses(names.len());
        let mut command = Command::new("systemd-socket-activate");
        for address in &addresses {
            command.args(["-l", &address.to_string()]);
        }
        command.arg(format!("--fdname={}", names.join(":")));
        let daemon = herald.command();
        for (name, value) in daemon.get_envs() {
            if let Some(value) = value {
                let (name, value) = (name.to_str().unwrap(), value.to_str().unwrap());
                command.arg(format!("--setenv={name}={value}"));
            }
        }
        command
            .args(["sh", "-c", SUPERVISOR, "supervisor"])
            .arg(&herald.folder)
            .arg(daemon.get_program())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let client = Client {
            address: addresses[0],
            ..herald.client.clone()
        };
        let activated = Self {
            client,
            addresses,
            folder: herald.folder.clone(),
            child: command.spawn().unwrap(),
        };
        wait_until("the first daemon to be open", || {
            let ready = activated.client.try_send("GET", "/readyz", &[], b"");
            ready.is_ok_and(|answer| answer.status == 200)
        });
        activated
    }

    /// What all daemons wrote to standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("activated.log")).unwrap_or_default()
    }

    /// How often one was open.
    pub(crate) fn starts(&self) -> usize {
        self.log().matches("Herald is open").count()
    }

    /// The milliseconds that each start took.
    pub(crate) fn ready_ms(&self) -> Vec<u64> {
        ready_ms(&self.log())
    }

    fn pid(&self) -> u32 {
        let file = self.folder.join("pid");
        wait_for("the daemon's number", || {
            fs::read_to_string(&file).ok()?.trim().parse().ok()
        })
    }

    /// SIGTERM; waits until the next one is open.
    pub(crate) fn restart(&self) {
        let before = self.starts();
        signal(self.pid(), "TERM");
        wait_until("the next daemon to be open", || self.starts() > before);
    }

    /// SIGTERM, for good; waits for the end.
    pub(crate) fn finish(mut self) {
        fs::write(self.folder.join("enough"), "").unwrap();
        signal(self.pid(), "TERM");
        wait_until("the supervisor's end", || {
            self.child.try_wait().unwrap().is_some()
        });
    }
}

impl Drop for Activated {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("--- the daemons' log ---\n{}", self.log());
        }
        let _ = fs::write(self.folder.join("enough"), "");
        if self.child.try_wait().unwrap().is_none() {
            signal(self.pid(), "KILL");
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What `ready_ms` says in a log.
pub(crate) fn ready_ms(log: &str) -> Vec<u64> {
    log.split("ready_ms=")
        .skip(1)
        .map(|after| {
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().unwrap()
        })
        .collect()
}

/// Different from one another: all are held until the last is known.
fn free_addresses(number: usize) -> Vec<SocketAddr> {
    let held: Vec<_> = (0..number)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    held.iter().map(|it| it.local_addr().unwrap()).collect()
}
