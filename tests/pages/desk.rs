//! Runs a script that drives Chromium, and fails with what it says. `scripts/test` installs the
//! browser and its driver and tells where they are: HERALD_TEST_CHROMIUM (a program) and
//! HERALD_TEST_NODE_MODULES (a folder).

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::Herald;
use crate::support::browser::{self, PASSWORD};

/// Who is signed in on the pages unless a test says otherwise: an admin of `main`.
pub(crate) const ANN: &str = "ann@example.com";

/// A daemon with its first admin.
pub(crate) fn herald() -> Herald {
    // It sends mails as its own domain.
    let herald = Herald::launch_with(&[("HERALD_MAIL_FROM", "herald@nordlicht.example")]);
    browser::user(&herald, ANN, "admin", "main");
    herald
}

/// What every script is told of a daemon.
pub(crate) fn given(herald: &Herald) -> Value {
    json!({
        "url": herald.url,
        "token": herald.admin_token,
        "email": ANN,
        "password": PASSWORD,
        "plugins": herald.plugins(),
    })
}

/// Runs `tests/pages/SCRIPT.mjs` with what it is given, to its end.
#[track_caller]
pub(crate) fn run(script: &str, given: &Value) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{script}-{}.json", std::process::id()));
    fs::write(&file, given.to_string()).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages");
    let mut command = Command::new("node");
    command
        .arg(path.join(format!("{script}.mjs")))
        .env("HERALD_TEST_GIVEN", &file)
        .env("HERALD_TEST_NODE_MODULES", tool("HERALD_TEST_NODE_MODULES"))
        .env("HERALD_TEST_CHROMIUM", tool("HERALD_TEST_CHROMIUM"))
        .env("HERALD_TEST_PICTURES", folder.join(script))
        // It closes with this process, which ends the script and its browser.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let held = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(held);
    fs::remove_file(&file).unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    println!("{told}");
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {wrong}");
}

#[track_caller]
fn tool(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run this test by scripts/test, which installs the browser")
    })
}
