//! docs/guides/verify.md as programs: each block that verifies a delivery runs as it is in the
//! document. Herald's own signing says what is genuine; a driver in the language of the block hands
//! it one delivery after the other and prints what it returns. `scripts/test` installs the languages.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use herald::domain::secret::Secret;
use herald::domain::signature::{sign, verify};

use crate::standard_webhooks::capture::Capture;
use crate::standard_webhooks::tool;

const DOCUMENT: &str = include_str!("../../docs/guides/verify.md");
/// Where the drivers find the deliveries, in their own folder.
const DELIVERIES: &str = "deliveries.tsv";
const ID: &str = "evt_01h455vb4pex5vsknk084sn02q";
const BODY: &str =
    "{\"event_type\":\"STORE_ORDER_CREATED\", \"data\":{\"name\":\"Zoë 注文\",\"total\":1.50}}\n";
/// Farther from now than receivers allow, in seconds.
const TOO_FAR: i64 = 600;

/// A delivery as a receiver gets it. A header that is empty is not sent.
#[derive(Clone)]
struct Delivery {
    what: &'static str,
    secret: String,
    id: String,
    timestamp: String,
    signatures: String,
    body: Vec<u8>,
    genuine: bool,
}

/// The guide's function, word by word.
fn is_genuine(secret: &str, headers: &http::HeaderMap, body: &[u8]) -> bool {
    standardwebhooks::Webhook::new(secret)
        .is_ok_and(|webhook| webhook.verify(body, headers).is_ok())
}

#[test]
fn every_block_of_the_guide_is_one_that_runs_or_says_that_it_does_not() {
    let languages: BTreeSet<&str> = blocks().into_iter().map(|(language, _)| language).collect();
    let known = [
        "go", "java", "js", "php", "python", "ruby", "rust", "sh", "sh,norun",
    ];
    assert_eq!(languages, BTreeSet::from(known));
}

#[test]
fn the_guide_s_rust_takes_what_herald_signed_and_nothing_else() {
    let block = only_block("rust");
    assert!(
        include_str!("guide.rs").contains(block),
        "the guide has another function than this file:\n{block}"
    );
    let deliveries = deliveries();
    let verdicts = deliveries.iter().map(|it| {
        let mut headers = http::HeaderMap::new();
        for (name, value) in [
            ("webhook-id", &it.id),
            ("webhook-timestamp", &it.timestamp),
            ("webhook-signature", &it.signatures),
        ] {
            if !value.is_empty() {
                headers.insert(name, value.parse().unwrap());
            }
        }
        is_genuine(&it.secret, &headers, &it.body)
    });
    judge("rust", &deliveries, &verdicts.collect::<Vec<bool>>());
}

#[test]
fn the_guide_s_python_takes_what_herald_signed_and_nothing_else() {
    let blocks = blocks_in("python");
    assert_eq!(blocks.len(), 2, "with the library and without");
    for block in blocks {
        run(block, "webhook.py", "driver.py", |_| {
            let mut command = Command::new(tool("HERALD_TEST_PYTHON"));
            command.arg("driver.py");
            command
        });
    }
}

#[test]
fn the_guide_s_javascript_takes_what_herald_signed_and_nothing_else() {
    let blocks = blocks_in("js");
    assert_eq!(blocks.len(), 2, "with the library and without");
    for block in blocks {
        run(block, "webhook.mjs", "driver.mjs", |folder| {
            let modules = fs::canonicalize(tool("HERALD_TEST_NODE_MODULES")).unwrap();
            symlink(modules, folder.join("node_modules")).unwrap();
            let mut command = Command::new("node");
            command.arg("driver.mjs");
            command
        });
    }
}

#[test]
fn the_guide_s_go_takes_what_herald_signed_and_nothing_else() {
    run(only_block("go"), "webhook.go", "driver.go", |folder| {
        // What is built once is kept, and nothing is fetched.
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let mut build = Command::new("go");
        build
            .args(["build", "-o", "receiver", "webhook.go", "driver.go"])
            .env("GOCACHE", kept.join("go-build"))
            .env("GOPATH", kept.join("go"))
            .env("GO111MODULE", "off")
            .env("GOTOOLCHAIN", "local")
            .env("CGO_ENABLED", "0");
        output_of(build.current_dir(folder));
        Command::new(folder.join("receiver"))
    });
}

#[test]
fn the_guide_s_php_takes_what_herald_signed_and_nothing_else() {
    run(only_block("php"), "webhook.php", "driver.php", |_| {
        let mut command = Command::new("php");
        command.args(["-d", "display_errors=stderr", "driver.php"]);
        command
    });
}

#[test]
fn the_guide_s_ruby_takes_what_herald_signed_and_nothing_else() {
    run(only_block("ruby"), "webhook.rb", "driver.rb", |_| {
        let mut command = Command::new("ruby");
        command.args(["-W", "driver.rb"]);
        command
    });
}

#[test]
fn the_guide_s_java_takes_what_herald_signed_and_nothing_else() {
    run(
        only_block("java"),
        "Webhook.java",
        "Driver.java",
        |folder| {
            let mut build = Command::new("javac");
            build.args(["-encoding", "UTF-8", "Webhook.java", "Driver.java"]);
            output_of(build.current_dir(folder));
            let mut command = Command::new("java");
            command.args(["-cp", ".", "Driver"]);
            command
        },
    );
}

#[actix_rt::test]
async fn the_request_that_the_guide_signs_by_openssl_is_as_one_of_herald_s() {
    let capture = Capture::start().await;
    let secret = Secret::from_random([7; 24]);
    let mut shell = Command::new("sh");
    shell
        .args(["-euc", only_block("sh")])
        .env("WEBHOOK_SECRET", secret.reveal())
        .env("URL", format!("{}/hooks", capture.url))
        .env("no_proxy", "*");
    // It waits for an answer from this thread.
    let printed = actix_rt::task::spawn_blocking(move || output_of(&mut shell));
    assert_eq!(printed.await.unwrap().trim(), "200");
    let request = capture.wait_for(1, |_| true).await.remove(0);
    let header = |name: &str| request.headers[name].as_str();
    let verified = verify(
        &[secret],
        header("webhook-id"),
        header("webhook-timestamp"),
        header("webhook-signature"),
        &request.body,
        now(),
        300,
    );
    assert_eq!(verified, Ok(()));
    assert_eq!(header("content-type"), "application/json");
}

#[test]
fn the_example_for_implementations_of_one_s_own_is_right() {
    let secret = "whsec_aGVyYWxkLW5ldy1zZWNyZXQtMDEyMzQ1Njc4OWFiY2RlZg==";
    let (id, timestamp) = ("evt_0001", 1_767_225_600);
    let body = r#"{"event_type":"ORDER_PAID","data":{"id":1001,"total":149.90}}"#;
    let key = Secret::parse(secret).unwrap();
    let signature = sign([&key], id, timestamp, body.as_bytes());
    let timestamp = timestamp.to_string();
    let rows = [
        ("secret", secret),
        ("`webhook-id`", id),
        ("`webhook-timestamp`", timestamp.as_str()),
        ("body, 61 bytes", body),
        ("`webhook-signature`", signature.as_str()),
    ];
    assert_eq!(body.len(), 61);
    for (part, value) in rows {
        let row = format!("| {part} | `{value}` |");
        assert!(DOCUMENT.contains(&row), "the guide lacks: {row}");
    }
}

/// Genuine deliveries, and those that a receiver must refuse, each for one reason.
fn deliveries() -> Vec<Delivery> {
    let now = now();
    let (new, old) = (Secret::from_random([7; 24]), Secret::from_random([8; 24]));
    let stranger = Secret::from_random([9; 24]).reveal();
    let signed = |what, at: i64, genuine| Delivery {
        what,
        secret: new.reveal(),
        id: ID.to_owned(),
        timestamp: at.to_string(),
        signatures: sign([&new], ID, at, BODY.as_bytes()),
        body: BODY.as_bytes().to_vec(),
        genuine,
    };
    let sent = signed("as it was sent", now, true);
    let both = sign([&new, &old], ID, now, BODY.as_bytes());
    let large = format!("{{\"data\":\"{}\"}}", "é".repeat(128 * 1024)).into_bytes();
    let forged = |what, change: fn(&mut Delivery)| {
        let mut delivery = Delivery {
            what,
            genuine: false,
            ..sent.clone()
        };
        change(&mut delivery);
        delivery
    };
    vec![
        sent.clone(),
        signed("two minutes late", now - 120, true),
        signed("two minutes early", now + 120, true),
        Delivery {
            what: "a rotation, the new secret",
            signatures: both.clone(),
            ..sent.clone()
        },
        Delivery {
            what: "a rotation, the old secret",
            secret: old.reveal(),
            signatures: both.clone(),
            ..sent.clone()
        },
        Delivery {
            what: "a signature of another version before it",
            signatures: format!("v1a,QUJD {}", sent.signatures),
            ..sent.clone()
        },
        Delivery {
            what: "a large body",
            signatures: sign([&new], ID, now, &large),
            body: large,
            ..sent.clone()
        },
        Delivery {
            what: "another secret",
            secret: stranger.clone(),
            genuine: false,
            ..sent.clone()
        },
        Delivery {
            what: "another secret than both of a rotation",
            secret: stranger,
            signatures: both,
            genuine: false,
            ..sent.clone()
        },
        signed("too old", now - TOO_FAR, false),
        signed("too new", now + TOO_FAR, false),
        forged("a changed body", |it| it.body.insert(0, b' ')),
        forged("a body cut short", |it| it.body.truncate(20)),
        forged("a body that is no text", |it| it.body.push(0xff)),
        forged("another id", |it| it.id.push('x')),
        forged("another timestamp", |it| {
            let at: i64 = it.timestamp.parse().unwrap();
            it.timestamp = (at + 1).to_string();
        }),
        forged("a timestamp that is no number", |it| {
            it.timestamp = "soon".to_owned();
        }),
        forged("another signature", |it| {
            it.signatures = sign([&Secret::from_random([6; 24])], ID, 1, b"");
        }),
        forged("a signature of another version alone", |it| {
            it.signatures = it.signatures.replacen("v1,", "v2,", 1);
        }),
        forged("a signature cut short", |it| it.signatures.truncate(20)),
        forged("an empty signature", |it| it.signatures.truncate(3)),
        forged("a signature without a version", |it| {
            it.signatures = it.signatures.split_off(3);
        }),
        forged("no signature", |it| it.signatures.clear()),
        forged("no id", |it| it.id.clear()),
        forged("no timestamp", |it| it.timestamp.clear()),
    ]
}

/// Runs a block under its driver. `prepare` builds what must be built in the folder of both, and
/// returns the program.
fn run(block: &str, file: &str, driver: &str, prepare: impl Fn(&Path) -> Command) {
    let folder = tempfile::tempdir().unwrap();
    let drivers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/standard_webhooks/drivers");
    fs::write(folder.path().join(file), block).unwrap();
    fs::copy(drivers.join(driver), folder.path().join(driver)).unwrap();
    let mut command = prepare(folder.path());
    // Only now: a build may take minutes, and a delivery grows old.
    let deliveries = deliveries();
    fs::write(folder.path().join(DELIVERIES), lines(&deliveries)).unwrap();
    let printed = output_of(command.arg(DELIVERIES).current_dir(folder.path()));
    let verdicts = printed.lines().map(|line| line.parse().unwrap());
    judge(file, &deliveries, &verdicts.collect::<Vec<bool>>());
}

fn lines(deliveries: &[Delivery]) -> String {
    let line = |it: &Delivery| {
        let body = STANDARD.encode(&it.body);
        let fields = [&it.secret, &it.id, &it.timestamp, &it.signatures, &body];
        fields.map(String::as_str).join("\t") + "\n"
    };
    deliveries.iter().map(line).collect()
}

fn judge(whose: &str, deliveries: &[Delivery], verdicts: &[bool]) {
    assert_eq!(verdicts.len(), deliveries.len(), "{whose}");
    let both = deliveries.iter().zip(verdicts);
    let wrong = both.filter(|(it, verdict)| it.genuine != **verdict);
    let wrong: Vec<&str> = wrong.map(|(it, _)| it.what).collect();
    assert!(wrong.is_empty(), "{whose} misjudges: {wrong:?}");
}

/// What a program prints. It must succeed and complain of nothing.
fn output_of(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}: run this test by scripts/test, which installs what it needs")
    });
    let complaints = String::from_utf8_lossy(&output.stderr);
    let quiet = output.status.success() && complaints.is_empty();
    assert!(quiet, "{command:?}: {}: {complaints}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn only_block(language: &str) -> &'static str {
    let blocks = blocks_in(language);
    assert_eq!(blocks.len(), 1, "blocks in {language}");
    blocks[0]
}

fn blocks_in(language: &str) -> Vec<&'static str> {
    let blocks = blocks().into_iter();
    let these = blocks.filter(|(its, _)| *its == language);
    these.map(|(_, block)| block).collect()
}

/// Each fenced block of the guide, with its language.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    let mut rest = DOCUMENT;
    while let Some((_, fenced)) = rest.split_once("\n```") {
        let (language, text) = fenced.split_once('\n').unwrap();
        let (block, after) = text.split_once("\n```\n").expect("a block has no end");
        found.push((language, &text[..block.len() + 1]));
        rest = after;
    }
    found
}
