//! TLS to targets: what a delivery, and the doctor, say of each way in which it fails, at real
//! servers.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::support::{self, Herald, wait_until};
use crate::tls::server::{Ca, openssl};

/// A server of openssl's on a port of 127.0.0.1.
struct TlsServer {
    child: Child,
    url: String,
}

impl TlsServer {
    fn start(certificate: &Certificate, more: &[&str]) -> Self {
        // The listener must be gone before the server binds its port.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let port = address.unwrap().port();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-accept"])
            .arg(format!("127.0.0.1:{port}"))
            .arg("-cert")
            .arg(&certificate.file)
            .arg("-key")
            .arg(&certificate.key)
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            url: format!("https://localhost:{port}/"),
        };
        wait_until("the server listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        server
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A certificate and its key.
struct Certificate {
    file: PathBuf,
    key: PathBuf,
}

impl Certificate {
    /// One for `host` that counts between two times, as `date` reads them.
    fn new(folder: &Path, ca: &Ca, name: &str, host: &str, times: (&str, &str)) -> Self {
        let path = |ending: &str| folder.join(format!("{name}.{ending}"));
        let (key, request, file) = (path("key"), path("csr"), path("crt"));
        let shown = |path: &Path| path.to_str().unwrap().to_owned();
        openssl(&[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=a server",
            "-keyout",
            &shown(&key),
            "-out",
            &shown(&request),
        ]);
        let (index, config) = (path("index"), path("cnf"));
        fs::write(&index, "").unwrap();
        let settings = format!(
            "[ca]\ndefault_ca=own\n[own]\ndatabase={}\nnew_certs_dir={}\nrand_serial=yes\n\
             default_md=sha256\npolicy=any\nx509_extensions=more\n[any]\ncommonName=supplied\n\
             [more]\nsubjectAltName=DNS:{host}\nbasicConstraints=critical,CA:FALSE\n",
            shown(&index),
            shown(folder),
        );
        fs::write(&config, settings).unwrap();
        openssl(&[
            "ca",
            "-batch",
            "-notext",
            "-config",
            &shown(&config),
            "-cert",
            &ca.file(),
            "-keyfile",
            &ca.key(),
            "-startdate",
            &date(times.0),
            "-enddate",
            &date(times.1),
            "-in",
            &shown(&request),
            "-out",
            &shown(&file),
        ]);
        Self { file, key }
    }
}

fn date(when: &str) -> String {
    let told = Command::new("date")
        .args(["-u", "-d", when, "+%y%m%d%H%M%SZ"])
        .output()
        .unwrap();
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}

/// The daemon, which trusts one authority.
struct Stage {
    folder: PathBuf,
    ca: Ca,
    herald: Herald,
}

impl Stage {
    fn new() -> Self {
        let folder = support::folder();
        let ca = Ca::new(&folder, "trusted");
        let herald = Herald::launch_with(&[("SSL_CERT_FILE", &ca.file())]);
        Self { folder, ca, herald }
    }

    fn certificate(&self, name: &str, host: &str, times: (&str, &str)) -> Certificate {
        Certificate::new(&self.folder, &self.ca, name, host, times)
    }

    fn valid(&self) -> Certificate {
        self.certificate("valid", "localhost", ("yesterday", "tomorrow"))
    }

    /// The error of a delivery, and what the doctor finds, each of which must say these words.
    #[track_caller]
    fn expect(&self, url: &str, words: &[&str]) {
        let error = self.delivered(url);
        for word in words {
            assert!(error.contains(word), "a delivery says: {error}");
        }
        let found = self.examined(url);
        for word in words {
            assert!(found.contains(word), "the doctor says: {found}");
        }
        println!("{error}");
    }

    fn delivered(&self, url: &str) -> String {
        let more = json!({ "retry_schedule": [], "timeout_seconds": 5 });
        let id = self.herald.subscribe_with(url, &["*"], &more);
        let event = self
            .herald
            .publish_event(&json!({ "event_type": "ORDER_CREATED" }));
        let mut ended = Value::Null;
        wait_until("the delivery to fail", || {
            ended = self.herald.delivery(&event, &id);
            ended["state"] == "failed" || ended["state"] == "sent"
        });
        let path = format!("/v1/subscriptions/{id}");
        self.herald.delete(&path).expect(204);
        ended["last_error"].as_str().unwrap_or("none").to_owned()
    }

    fn examined(&self, url: &str) -> String {
        let mut command = self.herald.command();
        let output = command.args(["doctor", "--json", "--url", url]).output();
        let report: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        let tls = findings.iter().find(|it| it["check"] == "outbound TLS");
        let text = |key: &str| tls.unwrap()[key].as_str().unwrap_or("none").to_owned();
        format!("{} {}", text("found"), text("remedy"))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A port that says this to whoever said something, and closes.
fn speaking(speech: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4_096]);
            let _ = stream.write_all(speech);
        }
    });
    port
}

#[test]
fn what_is_wrong_with_a_certificate_is_reported_with_what_to_do() {
    let stage = Stage::new();
    let other = Ca::new(&stage.folder, "other");
    let of = |certificate: Certificate| TlsServer::start(&certificate, &[]);
    let times = ("yesterday", "tomorrow");

    let unknown = Certificate::new(&stage.folder, &other, "unknown", "localhost", times);
    let unknown = of(unknown);
    stage.expect(
        &unknown.url,
        &["does not trust", "update-ca-certificates", "restart Herald"],
    );

    let own = of(Certificate {
        file: other.file().into(),
        key: other.key().into(),
    });
    stage.expect(&own.url, &["self-signed", "an authority has signed"]);

    let expired = stage.certificate("expired", "localhost", ("30 days ago", "12 days ago"));
    let expired = of(expired);
    stage.expect(&expired.url, &["expired 12 days ago", "Renew it"]);

    let early = stage.certificate("early", "localhost", ("2 days", "9 days"));
    let early = of(early);
    stage.expect(&early.url, &["becomes valid only in 2 days", "clocks"]);

    let wrong = stage.certificate("wrong", "shop.example", times);
    let wrong = of(wrong);
    stage.expect(
        &wrong.url,
        &["for another host: shop.example.", "Use a name from"],
    );

    let odd = stage.certificate("odd", "localhost\nextendedKeyUsage=clientAuth", times);
    let odd = of(odd);
    stage.expect(&odd.url, &["cannot be used (", "a new certificate"]);
}

#[test]
fn what_is_wrong_with_a_handshake_is_reported_with_what_to_do() {
    let stage = Stage::new();
    let valid = stage.valid();
    let with = |more: &[&str]| TlsServer::start(&valid, more);

    let old = with(&["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    stage.expect(&old.url, &["neither TLS 1.2 nor TLS 1.3", "Update"]);

    let foreign = with(&["-tls1_2", "-cipher", "AES128-SHA"]);
    stage.expect(&foreign.url, &["in common", "Allow the usual ciphers"]);

    let file = valid.file.to_str().unwrap();
    let key = valid.key.to_str().unwrap();
    let named = with(&[
        "-servername",
        "shop.example",
        "-servername_fatal",
        "-cert2",
        file,
        "-key2",
        key,
    ]);
    stage.expect(&named.url, &["no site of the name", "Check the host"]);

    let newer = with(&["-alpn", "h2"]);
    stage.expect(&newer.url, &["does not offer HTTP/1.1", "Enable"]);

    for version in ["-tls1_2", "-tls1_3"] {
        let strict = with(&[version, "-Verify", "1", "-verify_return_error"]);
        let found = stage.examined(&strict.url);
        assert!(found.contains("demands a client certificate"), "{found}");
    }
}

#[test]
fn plain_at_a_port_for_tls_and_tls_at_a_port_in_plain_are_reported_with_what_to_do() {
    let stage = Stage::new();
    let at = |port: u16| format!("https://localhost:{port}/");
    for (speech, words) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            &["does not speak TLS", "Check the port"][..],
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", &["does not speak TLS"]),
        // As a balancer without a server behind it does.
        (b"", &["closed the connection within the TLS handshake"]),
    ] {
        stage.expect(&at(speaking(speech)), words);
    }

    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let https = at(mute.local_addr().unwrap().port());
    let found = stage.examined(&https);
    assert!(
        found.contains("did not complete the TLS handshake"),
        "{found}"
    );

    let plain = |port: u16| stage.delivered(&format!("http://127.0.0.1:{port}/"));
    // As nginx says it.
    let error = plain(speaking(
        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 50\r\n\r\n\
          The plain HTTP request was sent to HTTPS port ....",
    ));
    assert!(error.contains("Begin the URL with https://"), "{error}");
}
