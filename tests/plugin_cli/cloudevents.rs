//! The shipped envelope against the package `cloudevents` from PyPI, which `scripts/test`
//! installs.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

#[test]
fn every_event_type_in_its_envelope_is_a_cloudevent_to_the_published_library() {
    #[allow(
        clippy::disallowed_methods,
        reason = "scripts/test tells where it installed it"
    )]
    let python =
        std::env::var("HERALD_TEST_PYTHON").expect("HERALD_TEST_PYTHON: scripts/test sets it");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let mut lines = String::new();
    let types = herald::catalogue::builtin();
    for known in types {
        let output = Command::new(env!("CARGO_BIN_EXE_herald"))
            .args([
                "plugin",
                "run",
                "plugins/named/cloudevents.rhai",
                "--json",
                "--type",
            ])
            .arg(&known.name)
            .current_dir(root)
            .env("HERALD_CONFIG", "")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let payload: Value = serde_json::from_str(known.example.as_ref().unwrap().get()).unwrap();
        let line = json!({
            "content_type": answer["content_type"], "body": answer["body"],
            "type": known.name, "data": payload,
        });
        lines += &format!("{line}\n");
    }
    let file = folder.path().join("events.jsonl");
    fs::write(&file, lines).unwrap();
    let checked = Command::new(python)
        .arg(root.join("tests/plugin_cli/verify.py"))
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    let count: usize = String::from_utf8(checked.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert_eq!(count, types.len());
}
