//! `herald receive` as a process of its own: what it verifies, how it fails, what it writes down.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use herald::domain::secret::Secret;
use herald::domain::signature;
use herald::store::clock::DatabaseClock;
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const BODY: &[u8] = "{\"event_type\":\"PUBLISH\",\"data\":\"Zoë 注文\"}".as_bytes();
/// How long a test waits for a receiver that has gone wrong.
const PATIENCE: Duration = Duration::from_secs(20);

/// A receiver that is killed with its test.
struct Receiver {
    child: Child,
    address: SocketAddr,
    /// Kept open, so that the receiver can go on telling.
    _stderr: BufReader<ChildStderr>,
}

impl Receiver {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_herald"))
            .args(["receive", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("receiving on http://")
            .and_then(|it| it.split(' ').next());
        let address = address.unwrap_or_else(|| panic!("the receiver said: {line}"));
        Self {
            address: address.parse().unwrap(),
            child,
            _stderr: stderr,
        }
    }

    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection(BufReader::new(stream))
    }

    /// Sends one delivery on a connection of its own.
    fn deliver(&self, request: &[u8]) -> io::Result<Answer> {
        self.connect().send(request)
    }

    fn counts(&self) -> serde_json::Value {
        let answer = self
            .deliver(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            .unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Ends it as Ctrl-C does; answers what it printed.
    fn interrupt(mut self) -> Output {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let mut stdout = Vec::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_end(&mut stdout)
            .unwrap();
        let status = self.child.wait().unwrap();
        Output {
            status,
            stdout,
            stderr: Vec::new(),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Connection(BufReader<TcpStream>);

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Connection {
    fn send(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.0.get_mut().write_all(request)?;
        let mut head = String::new();
        loop {
            let before = head.len();
            if self.0.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if head.get(before..) == Some("\r\n") {
                break;
            }
        }
        let head = head.to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |it| it.parse().unwrap())];
        self.0.read_exact(&mut body)?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Ok(Answer { status, head, body })
    }
}

fn delivery(id: &str, at: i64, signature: Option<&str>, body: &[u8]) -> Vec<u8> {
    let mut head = format!(
        "POST /hook HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\nwebhook-id: {id}\r\n\
         webhook-timestamp: {at}\r\n",
        body.len()
    );
    if let Some(signature) = signature {
        write!(head, "webhook-signature: {signature}\r\n").unwrap();
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

fn signed(secrets: &[&str], id: &str, body: &[u8]) -> Vec<u8> {
    let at = now();
    let secrets: Vec<Secret> = secrets
        .iter()
        .map(|text| Secret::parse(text).unwrap())
        .collect();
    delivery(id, at, Some(&signature::sign(&secrets, id, at, body)), body)
}

fn now() -> i64 {
    DatabaseClock::new().now().timestamp()
}

#[test]
fn a_signature_of_any_given_secret_is_accepted_and_all_else_refused() {
    let receiver = Receiver::start(&["--secret", SECRET, "--secret", OTHER]);
    let stranger = "whsec_////////////////////////////////";
    let stale = now() - 301;
    let old = signature::sign([&Secret::parse(SECRET).unwrap()], "m", stale, BODY);
    for (request, status) in [
        (signed(&[SECRET], "m1", BODY), 200),
        (signed(&[OTHER], "m2", BODY), 200),
        (signed(&[stranger, OTHER], "m3", BODY), 200),
        (signed(&[stranger], "m4", BODY), 401),
        (delivery("m5", now(), None, BODY), 401),
        (delivery("m", stale, Some(&old), BODY), 401),
        (delivery("m", now(), Some(&old), BODY), 401),
    ] {
        assert_eq!(receiver.deliver(&request).unwrap().status, status);
    }
    let counts = receiver.counts();
    assert_eq!(
        counts,
        serde_json::json!({
            "received": 7, "verified": 3, "bad_signature": 3, "unsigned": 1, "accepted": 3,
            "failed_on_purpose": 0, "bytes": 7 * BODY.len(),
        })
    );
    let output = receiver.interrupt();
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 8, "{printed}");
    assert!(
        lines[0].ends_with(" m1 PUBLISH 45 bytes, signature ok, answered 200"),
        "{printed}"
    );
    assert!(
        lines[3].ends_with(" m4 PUBLISH 45 bytes, signature bad, answered 401"),
        "{printed}"
    );
    assert!(
        lines[4].ends_with(" m5 PUBLISH 45 bytes, signature none, answered 401"),
        "{printed}"
    );
    assert!(lines[7].starts_with("received 7 ("), "{printed}");
}

#[test]
fn without_a_secret_everything_is_accepted() {
    let receiver = Receiver::start(&["--json"]);
    assert_eq!(
        receiver
            .deliver(&signed(&[SECRET], "m1", BODY))
            .unwrap()
            .status,
        200
    );
    assert_eq!(
        receiver
            .deliver(&delivery("m2", 0, None, b"\xff"))
            .unwrap()
            .status,
        200
    );
    let output = receiver.interrupt();
    let lines: Vec<serde_json::Value> = output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    assert_eq!(lines[0]["event_type"], "PUBLISH");
    assert_eq!(lines[0]["webhook_id"], "m1");
    assert_eq!(lines[0]["signature"], "none");
    assert_eq!(lines[1]["event_type"], serde_json::Value::Null);
    assert_eq!(lines[2]["accepted"], 2);
}

#[test]
fn every_good_request_stands_in_the_ledger_when_its_answer_comes() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger");
    std::fs::write(&ledger, "earlier\n").unwrap();
    let path = ledger.to_str().unwrap();
    let receiver = Receiver::start(&["--secret", SECRET, "--quiet", "--ledger", path]);
    let mut connection = receiver.connect();
    let mut lines = 1;
    for number in 0..200 {
        let id = format!("evt_{number}");
        assert_eq!(
            connection
                .send(&signed(&[SECRET], &id, BODY))
                .unwrap()
                .status,
            200
        );
        lines += 1;
        let written = std::fs::read_to_string(&ledger).unwrap();
        assert_eq!(
            written.lines().count(),
            lines,
            "the answer came before the line"
        );
        let fields: Vec<&str> = written.lines().last().unwrap().split(' ').collect();
        let hash = format!("{:x}", Sha256::digest(BODY));
        assert_eq!(
            (fields[0], fields[1], fields[3], fields[4]),
            (&*id, "/hook", &*hash, "200")
        );
    }
    assert_eq!(
        connection
            .send(&signed(&[OTHER], "bad", BODY))
            .unwrap()
            .status,
        401
    );
    // The ledger is the witness of the tests that kill Herald: it outlives the receiver.
    drop(receiver);
    let written = std::fs::read_to_string(&ledger).unwrap();
    assert_eq!(written.lines().count(), lines);
    assert!(written.starts_with("earlier\n"));
}

#[test]
fn the_same_seed_fails_the_same_requests() {
    let statuses = |seed: &str| {
        let arguments = [
            "--quiet",
            "--fail",
            "429",
            "--rate",
            "0.3",
            "--retry-after",
            "7",
        ];
        let receiver = Receiver::start(&[&arguments[..], &["--seed", seed]].concat());
        let mut connection = receiver.connect();
        let mut send = || connection.send(&delivery("m", 0, None, BODY)).unwrap();
        let answers: Vec<Answer> = (0..100).map(|_| send()).collect();
        for answer in &answers {
            let told = answer.head.contains("retry-after: 7\r\n");
            assert_eq!(told, answer.status == 429, "{}", answer.head);
        }
        answers
            .into_iter()
            .map(|answer| answer.status)
            .collect::<Vec<u16>>()
    };
    let first = statuses("1");
    let failed = first.iter().filter(|status| **status == 429).count();
    assert!((10..=50).contains(&failed), "{failed} of 100 failed");
    assert_eq!(first, statuses("1"));
    assert_ne!(first, statuses("2"));
}

#[test]
fn a_reset_breaks_the_connection_before_any_answer() {
    let receiver = Receiver::start(&["--fail", "reset"]);
    let error = receiver.deliver(&delivery("m", 0, None, BODY)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let printed = String::from_utf8(receiver.interrupt().stdout).unwrap();
    assert!(printed.contains("answered reset"), "{printed}");
}

#[test]
fn a_hanging_request_ends_with_its_connection_and_stops_no_other() {
    let receiver = Receiver::start(&["--quiet", "--fail", "hang", "--rate", "0.5"]);
    let (mut hung, mut answered) = (Vec::new(), 0);
    for _ in 0..20 {
        let mut connection = receiver.connect();
        connection
            .0
            .get_mut()
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        match connection.send(&delivery("m", 0, None, BODY)) {
            Ok(answer) => answered += u16::from(answer.status == 200),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
                hung.push(connection);
            }
        }
    }
    assert!(answered > 0 && hung.len() > 1);
    for connection in hung {
        let mut stream = connection.0.into_inner();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // The sender gives up; the receiver closes its side without a word.
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    assert!(receiver.interrupt().status.success());
}

#[test]
fn the_receiver_ends_at_once_though_requests_hang() {
    let receiver = Receiver::start(&["--quiet", "--fail", "hang"]);
    let mut connection = receiver.connect();
    connection
        .0
        .get_mut()
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    assert!(connection.send(&delivery("m", 0, None, BODY)).is_err());
    let begun = herald::store::clock::uptime();
    let output = receiver.interrupt();
    assert!(output.status.success());
    assert!(herald::store::clock::uptime() - begun < Duration::from_secs(5));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("failed on purpose 1"), "{printed}");
}

#[test]
fn a_body_of_over_two_mebibytes_is_refused_and_a_large_one_is_not() {
    let receiver = Receiver::start(&["--quiet"]);
    let large = vec![b' '; 2 * 1024 * 1024];
    assert_eq!(
        receiver
            .deliver(&delivery("m", 0, None, &large))
            .unwrap()
            .status,
        200
    );
    let head = b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 2097153\r\n\r\n";
    assert_eq!(receiver.deliver(head).unwrap().status, 413);
}

#[test]
fn a_port_in_use_is_told_in_one_plain_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_herald"))
        .args(["receive", "--listen", &address])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.starts_with(&format!("herald: cannot listen on {address}\n  cause: ")),
        "{told}"
    );
}
