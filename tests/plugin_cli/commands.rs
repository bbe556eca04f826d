//! `herald plugin check` and `herald plugin run`: what they say and how they exit.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const GOOD: &str = "fn filter(event) { log(`attempt ${event.attempt}`); event.type == \"PUBLISH\" }\n\
                    fn transform(event) { event.payload.source = #{ a: 1 }; event.payload }\n\
                    fn headers(event) { #{ \"X-Kind\": event.type } }\n\
                    fn test_it() { assert(filter(example(\"PUBLISH\"))); }\n";

struct Said {
    code: i32,
    out: String,
    err: String,
}

fn herald(folder: &Path, arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_herald"))
        .arg("plugin")
        .args(arguments)
        .current_dir(folder)
        .env("HERALD_PLUGINS_DIR", folder)
        .env("HERALD_CONFIG", "")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn folder(scripts: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in scripts {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins")
}

#[test]
fn the_shipped_scripts_are_good_and_their_tests_pass() {
    let said = herald(&shipped(), &["check", "--json"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let scripts = report["scripts"].as_array().unwrap();
    assert_eq!(scripts.len(), 6, "{report}");
    for script in scripts {
        let tests = script["tests"].as_array().unwrap();
        assert!(tests.len() >= 2, "{script}");
        assert!(tests.iter().all(|test| test["passed"] == true), "{script}");
        assert_eq!(script["warnings"], Value::Array(vec![]), "{script}");
    }
    // None acts until somebody names it.
    let triggers = fs::read_dir(shipped().join("triggers")).unwrap();
    let ending = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().path();
    assert!(triggers.map(ending).all(|path| path.extension().is_none()));
}

#[test]
fn a_good_folder_passes_in_silence_on_standard_output() {
    let folder = folder(&[("named/a.rhai", GOOD), ("triggers/PUBLISH.rhai", GOOD)]);
    let said = herald(folder.path(), &["check"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    assert_eq!(said.err, "2 scripts, 2 tests, 0 faults\n");
}

#[test]
fn each_fault_is_told_with_file_line_and_column() {
    let folder = folder(&[
        ("named/a.rhai", "fn filter(event) {\n  let x = ;\n}\n"),
        ("named/b.rhai", "fn filter(event) { true }\nlet x = 1;\n"),
        ("named/c.rhai", "fn filter(a, b) { true }\n"),
        (
            "named/d.rhai",
            "fn filter(event) { true }\n\nfn test_no() {\n  throw \"oh\";\n}\nfn test_yes() { }\n",
        ),
        ("named/Bad Name.rhai", GOOD),
        ("named/good.rhai", GOOD),
    ]);
    let said = herald(folder.path(), &["check"]);
    assert_eq!(said.code, 1);
    let places: Vec<&str> = said
        .out
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split_once("named/").unwrap().1)
        .collect();
    for (place, begin) in places.iter().zip([
        "Bad Name.rhai:1:1: the name of a script in named/",
        "a.rhai:2:11: ",
        "b.rhai:2:1: only functions",
        "c.rhai:1:",
        "d.rhai:4:3: test_no: oh",
    ]) {
        assert!(
            place.starts_with(begin),
            "{place} should begin with {begin}"
        );
    }
    assert_eq!(places.len(), 5, "{}", said.out);
    assert!(said.out.contains("\n  2 |   let x = ;\n"), "{}", said.out);
    assert_eq!(said.err, "6 scripts, 3 tests, 5 faults\n");
}

#[test]
fn single_files_can_be_checked_wherever_they_stand() {
    let folder = folder(&[("x.rhai", GOOD), ("named/broken.rhai", "fn (")]);
    let said = herald(folder.path(), &["check", "x.rhai"]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(
        said.err
            .contains("x.rhai: warning: it acts once it is in triggers/ or named/")
    );
    let said = herald(folder.path(), &["check", "x.rhai", "named/broken.rhai"]);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("named/broken.rhai:1:"), "{}", said.out);
    let said = herald(folder.path(), &["check", "nowhere.rhai"]);
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("nowhere.rhai:1:1: it cannot be read"),
        "{}",
        said.out
    );
}

#[test]
fn a_folder_that_is_missing_is_a_failure_and_not_a_pass() {
    let folder = folder(&[]);
    let said = herald(&folder.path().join("."), &["check", "nowhere"]);
    assert_eq!(said.code, 1);
    let missing = Command::new(env!("CARGO_BIN_EXE_herald"))
        .args(["plugin", "check"])
        .env("HERALD_PLUGINS_DIR", folder.path().join("nowhere"))
        .env("HERALD_CONFIG", "")
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(1));
    let err = String::from_utf8(missing.stderr).unwrap();
    assert!(err.contains("cannot read the plugins folder"), "{err}");
}

#[test]
fn what_the_daemon_would_refuse_does_not_pass_the_check() {
    let folder = folder(&[("named/a.rhai", GOOD)]);
    let path = folder.path().join("named/a.rhai");
    fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap();
    let said = herald(folder.path(), &["check"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("anybody may write to it"), "{}", said.out);
}

#[test]
fn a_misspelt_event_type_is_warned_of() {
    let folder = folder(&[("triggers/ORDER_CREATD.rhai", GOOD)]);
    let said = herald(folder.path(), &["check"]);
    assert_eq!(said.code, 0);
    assert!(
        said.err.contains("did you mean ORDER_CREATED?"),
        "{}",
        said.err
    );
}

#[test]
fn a_run_shows_decision_diff_headers_log_and_cost() {
    let folder = folder(&[("named/a.rhai", GOOD)]);
    let said = herald(folder.path(), &["run", "named/a.rhai", "--type", "PUBLISH"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for line in [
        "decision: deliver, the body changed",
        "header: X-Kind: PUBLISH",
        "--- published",
        "+++ delivered",
        "+    \"a\": 1",
        "log: attempt 1",
    ] {
        assert!(
            said.out.lines().any(|said| said == line),
            "{line}: {}",
            said.out
        );
    }
    assert!(
        said.out.lines().last().unwrap().contains(" operations in "),
        "{}",
        said.out
    );
}

#[test]
fn a_run_on_an_event_of_ones_own_can_be_filtered() {
    let folder = folder(&[
        ("named/a.rhai", GOOD),
        ("event.json", "{\"event_type\":\"MINE\",\"data\":1}"),
    ]);
    let said = herald(
        folder.path(),
        &[
            "run",
            "named/a.rhai",
            "--event",
            "event.json",
            "--attempt",
            "3",
        ],
    );
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.starts_with("decision: filtered"), "{}", said.out);
    assert!(said.out.contains("log: attempt 3"), "{}", said.out);
}

#[test]
fn a_run_can_be_read_by_machines() {
    let folder = folder(&[("named/a.rhai", GOOD)]);
    let said = herald(
        folder.path(),
        &["run", "named/a.rhai", "--type", "PUBLISH", "--json"],
    );
    let answer: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(answer["decision"], "deliver");
    assert_eq!(answer["changed"], true);
    assert_eq!(answer["headers"]["X-Kind"], "PUBLISH");
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["source"]["a"], 1);
    assert!(answer["operations"].as_u64().unwrap() > 0);
}

#[test]
fn a_run_that_fails_tells_where_and_exits_with_1() {
    let folder = folder(&[
        (
            "named/a.rhai",
            "fn filter(event) {\n  event.nothing.more\n}\n",
        ),
        ("named/b.rhai", "fn filter(event) {\n  loop { }\n}\n"),
        ("named/c.rhai", "fn filter(event {\n}\n"),
    ]);
    let run = |script: &str| herald(folder.path(), &["run", script, "--type", "PUBLISH"]);
    let said = run("named/a.rhai");
    assert_eq!(said.code, 1);
    assert!(
        said.out
            .starts_with("decision: failed (error)\nnamed/a.rhai:2:"),
        "{}",
        said.out
    );
    let said = run("named/b.rhai");
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("decision: failed ("), "{}", said.out);
    let said = run("named/c.rhai");
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert!(said.err.contains("named/c.rhai:1:"), "{}", said.err);
    let said = herald(folder.path(), &["run", "named/a.rhai", "--type", "PUBLIS"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("did you mean PUBLISH?"), "{}", said.err);
}

#[test]
fn a_mail_is_shown_as_it_would_be_written() {
    let said = herald(
        &shipped(),
        &[
            "run",
            "named/contact-form-mail.rhai",
            "--type",
            "CONTACT_FORM_SENT_V2",
            "--target",
            "mailto:me@example.com",
        ],
    );
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.out
            .starts_with("decision: mail\nto: the subscription's target\n")
    );
    assert!(
        said.out.contains("\nsubject: Subject set in form widget\n"),
        "{}",
        said.out
    );
}

#[test]
fn every_example_of_the_manual_holds() {
    let manual = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/plugin-language.md"),
    )
    .unwrap();
    let blocks: Vec<&str> = manual
        .split("```rhai\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let hook = if block.contains("fn filter(") {
            ""
        } else {
            "fn filter(event) { true }"
        };
        // On the last line, so that faults keep their lines.
        let script = format!("{block}{hook}");
        let folder = folder(&[("named/manual.rhai", &script)]);
        let said = herald(folder.path(), &["check"]);
        assert_eq!(said.code, 0, "{}", said.out);
        assert!(!said.err.contains(" 0 tests"), "{}", said.err);
    }
}

#[test]
fn the_manual_tells_the_limits_in_force_by_default() {
    let manual = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/plugin-language.md"),
    )
    .unwrap();
    for setting in herald::config::describe() {
        let told = setting.key.strip_prefix("plugin_").is_none()
            || manual.contains(&format!("`{}`", setting.key));
        assert!(told, "{}", setting.key);
    }
}
