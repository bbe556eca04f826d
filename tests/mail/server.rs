//! The mail servers of the tests: aiosmtpd, told what to do by a file, and OpenSMTPD.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::wait_until;

fn python() -> String {
    std::env::var("HERALD_TEST_PYTHON")
        .unwrap_or_else(|_| panic!("HERALD_TEST_PYTHON is not set: run scripts/test mail"))
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail/mailbox.py")
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// aiosmtpd.
pub struct MailServer {
    child: Option<Child>,
    folder: TempDir,
    options: Vec<String>,
    /// Where it listens.
    pub port: u16,
}

impl MailServer {
    /// Takes every mail, in plain.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// With more options of `mailbox.py serve`.
    pub fn with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mode"), "ok").unwrap();
        fs::write(folder.path().join("ledger"), "").unwrap();
        let mut server = Self {
            child: None,
            folder,
            options: options.iter().map(|it| (*it).to_owned()).collect(),
            port: 0,
        };
        server.begin();
        server
    }

    /// Starts it again where it was.
    pub fn begin(&mut self) {
        let mut child = Command::new(python())
            .arg(script())
            .arg("serve")
            .args([self.ledger(), self.folder.path().join("mode")])
            .args(["--port", &self.port.to_string()])
            .args(&self.options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        self.port = line.trim().parse().expect("the server's port");
        self.child = Some(child);
    }

    /// Ends it at once.
    pub fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What it does from now on.
    pub fn mode(&self, mode: &str) {
        fs::write(self.folder.path().join("mode"), mode).unwrap();
    }

    fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    /// What it took, in order.
    pub fn taken(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.ledger()).unwrap();
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        lines(whole)
    }

    /// The setting of the way there, in plain.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.end();
    }
}

/// A certificate for 127.0.0.1 and localhost that signs itself, with its key.
pub fn certificate(folder: &Path) -> (String, String) {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:false"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    (text(cert), text(key))
}

/// OpenSMTPD, which delivers to a Maildir for each receiver.
pub struct OpenSmtpd {
    child: Child,
    folder: TempDir,
    /// Where it listens.
    pub port: u16,
}

impl OpenSmtpd {
    /// None, and said so, where it cannot run: it changes users, so that it must be root's.
    pub fn start() -> Option<Self> {
        let root = fs::metadata("/proc/self").is_ok_and(|it| {
            use std::os::unix::fs::MetadataExt;
            it.uid() == 0
        });
        let program = "/usr/sbin/smtpd";
        if !root || !Path::new(program).exists() {
            println!(
                "NOT RUN against OpenSMTPD: it must be installed and run as root. The tests \
                 against aiosmtpd stand in for it."
            );
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let boxes = folder.path().join("boxes");
        fs::create_dir(&boxes).unwrap();
        // The mails are delivered as `nobody`.
        for path in [folder.path(), boxes.as_path()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = folder.path().join("smtpd.conf");
        let text = format!(
            "table all {{ \"@\" = \"nobody\" }}\n\
             listen on 127.0.0.1 port {port}\n\
             action \"box\" maildir \"{}/%{{rcpt.user}}\" virtual <all>\n\
             match from any for any action \"box\"\n",
            boxes.display()
        );
        fs::write(&config, text).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(program)
            .args(["-d", "-f"])
            .arg(&config)
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .unwrap();
        wait_until("OpenSMTPD to listen", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(Self {
            child,
            folder,
            port,
        })
    }

    /// What is in the mailboxes.
    pub fn delivered(&self) -> Vec<Value> {
        let read = Command::new(python())
            .arg(script())
            .arg("read")
            .arg(self.folder.path().join("boxes"))
            .output()
            .unwrap();
        assert!(
            read.status.success(),
            "{}",
            String::from_utf8_lossy(&read.stderr)
        );
        lines(&String::from_utf8(read.stdout).unwrap())
    }
}

impl Drop for OpenSmtpd {
    fn drop(&mut self) {
        // It must end its own children.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").arg(&pid).status();
        let _ = self.child.wait();
    }
}
