//! The API's document is held against those that read it: validators, a generator of requests good
//! and bad, and clients that are made from it. `scripts/test` installs them and says where they are
//! by HERALD_TEST_PYTHON (an interpreter) and HERALD_TEST_NODE_MODULES (a folder).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test ends at the first surprise, and takes its paths from scripts/test"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Herald;
use crate::support::receiver::Receiver;

fn here(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/document")
        .join(file)
}

/// A program that stands beside Python, and finds others there.
fn python(program: &str) -> Command {
    let python = PathBuf::from(tool("HERALD_TEST_PYTHON"));
    let folder = python.parent().unwrap();
    let mut command = Command::new(folder.join(program));
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", folder.display()));
    command
}

/// A program of npm.
fn node(program: &str) -> Command {
    let modules = PathBuf::from(tool("HERALD_TEST_NODE_MODULES"));
    Command::new(modules.join(".bin").join(program))
}

fn tool(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run scripts/test"))
}

/// Runs a command that must succeed; answers what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(output.status.success(), "{command:?}:\n{printed}");
    printed
}

/// A folder with the document that the daemon serves.
fn document(herald: &Herald) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let served = herald.get("/openapi.json").expect(200);
    fs::write(folder.path().join("openapi.json"), served.body).unwrap();
    folder
}

#[test]
fn two_validators_find_no_error_in_it() {
    let herald = Herald::launch();
    let folder = document(&herald);
    let file = folder.path().join("openapi.json");
    run(python("openapi-spec-validator").arg(&file));
    let printed = run(node("redocly")
        .arg("lint")
        .arg(&file)
        .arg("--config")
        .arg(here("redocly.yaml"))
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true"));
    assert!(!printed.to_lowercase().contains("warning"), "{printed}");
}

/// What the clients do: everything from a subscription to a rotated secret.
fn work() -> (Herald, Receiver) {
    let herald = Herald::launch();
    let receiver = Receiver::start(&[]);
    (herald, receiver)
}

#[test]
fn a_client_made_for_python_does_the_whole_work() {
    let (herald, receiver) = work();
    let folder = document(&herald);
    run(python("openapi-python-client")
        .args([
            "generate",
            "--meta",
            "none",
            "--fail-on-warning",
            "--config",
        ])
        .arg(here("python.yaml"))
        .arg("--path")
        .arg(folder.path().join("openapi.json"))
        .arg("--output-path")
        .arg(folder.path().join("herald_client")));
    let printed = run(Command::new(tool("HERALD_TEST_PYTHON"))
        .arg(here("client.py"))
        .args([&herald.url, &herald.admin_token, &receiver.url])
        .env("PYTHONPATH", folder.path()));
    println!("{printed}");
}

#[test]
fn a_client_made_for_typescript_is_strict_and_does_the_whole_work() {
    let (herald, receiver) = work();
    let folder = document(&herald);
    let modules = tool("HERALD_TEST_NODE_MODULES");
    std::os::unix::fs::symlink(modules, folder.path().join("node_modules")).unwrap();
    run(node("openapi-ts")
        .args([
            "-i",
            "openapi.json",
            "-o",
            "client",
            "-c",
            "@hey-api/client-fetch",
        ])
        .current_dir(folder.path()));
    fs::copy(here("client.ts"), folder.path().join("work.ts")).unwrap();
    run(node("tsc")
        .args(["--strict", "--target", "es2022", "--module", "commonjs"])
        .args([
            "--moduleResolution",
            "node10",
            "--esModuleInterop",
            "--types",
            "node",
        ])
        .args([
            "--lib",
            "es2022,dom,dom.iterable",
            "--outDir",
            "made",
            "work.ts",
        ])
        .current_dir(folder.path()));
    let printed = run(Command::new("node")
        .arg("made/work.js")
        .args([&herald.url, &herald.admin_token, &receiver.url])
        .current_dir(folder.path()));
    println!("{printed}");
}

#[test]
fn requests_good_and_bad_are_answered_as_it_says() {
    let herald = Herald::launch();
    // It keeps what it found beside where it is run.
    let folder = tempfile::tempdir().unwrap();
    let admin = herald.token("admin");
    let operator = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    // Accounts are the operator's; all else is done in an account.
    for (token, chosen) in [
        (admin.trim(), "--exclude-tag"),
        (operator.trim(), "--include-tag"),
    ] {
        let printed = run(python("schemathesis")
            .arg("--config-file")
            .arg(here("schemathesis.toml"))
            .arg("run")
            .arg(format!("{}/openapi.json", herald.url))
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .args([chosen, "accounts", "--checks", "all"])
            .args(["--max-examples", &examples(), "--seed", "17"])
            .arg("--continue-on-failure")
            .current_dir(folder.path())
            .env("SCHEMATHESIS_HOOKS", here("hooks.py")));
        let summary = printed.split("SUMMARY").last().unwrap();
        println!("{summary}");
    }
    let audit = herald.audit();
    assert_eq!(audit["difference"], 0, "{audit}");
}

/// Requests tried for each operation; more by hand.
fn examples() -> String {
    std::env::var("HERALD_TEST_EXAMPLES").unwrap_or_else(|_| "10".to_owned())
}
