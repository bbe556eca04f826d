//! Log lines as systemd's journal reads them.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use crate::support::Herald;

/// Starts and ends a daemon with standard error in a file; answers what it wrote. The stream
/// that leads to the journal is that file, or another one.
fn written(herald: &mut Herald, is_journal: bool, settings: &[(&str, &str)]) -> String {
    let path = herald.folder.join("journal");
    let file = File::create(&path).unwrap();
    let found = file.metadata().unwrap();
    let inode = found.ino() + u64::from(!is_journal);
    let mut command = herald.command();
    command
        .arg("serve")
        .env("JOURNAL_STREAM", format!("{}:{inode}", found.dev()))
        .envs(settings.iter().copied())
        .stderr(file);
    let mut child = command.spawn().unwrap();
    crate::support::wait_until("the daemon to be open, or its end", || {
        let open = fs::read_to_string(&path)
            .unwrap()
            .contains("Herald is open");
        open || child.try_wait().unwrap().is_some()
    });
    crate::support::signal(child.id(), "TERM");
    child.wait().unwrap();
    fs::read_to_string(&path).unwrap()
}

fn has_level(line: &str) -> bool {
    ["<3>", "<4>", "<6>", "<7>"]
        .iter()
        .any(|level| line.starts_with(level))
}

#[test]
fn lines_for_the_journal_have_their_level_and_no_time() {
    let mut herald = Herald::launch();
    herald.terminate();
    let year = |line: &str| line.contains("T") && line.contains("Z ") && line.contains("20");
    for (is_journal, settings) in [
        (true, &[][..]),
        (false, &[("HERALD_LOG_FORMAT", "journal")][..]),
    ] {
        let text = written(&mut herald, is_journal, settings);
        assert!(text.lines().count() > 3, "{text}");
        for line in text.lines() {
            assert!(has_level(line), "{line}");
            assert!(!year(line), "{line}");
            assert!(!line.contains("INFO"), "{line}");
        }
        assert!(
            text.contains("<6>Herald is open address=127.0.0.1:"),
            "{text}"
        );
    }
}

#[test]
fn elsewhere_lines_have_their_time_and_their_level_in_words() {
    let mut herald = Herald::launch();
    herald.terminate();
    let text = written(&mut herald, false, &[]);
    let open = text
        .lines()
        .find(|line| line.contains("Herald is open"))
        .unwrap();
    assert!(open.starts_with("20") && open.contains(" INFO "), "{open}");
}

#[test]
fn json_for_the_journal_has_the_level_before_it_and_is_json_otherwise() {
    let mut herald = Herald::launch();
    herald.terminate();
    for is_journal in [true, false] {
        let text = written(&mut herald, is_journal, &[("HERALD_LOG_FORMAT", "json")]);
        for line in text.lines() {
            assert_eq!(has_level(line), is_journal, "{line}");
            let json = line.split_at(if is_journal { 3 } else { 0 }).1;
            let json: serde_json::Value = serde_json::from_str(json).unwrap();
            assert!(
                json["level"].is_string() && json["timestamp"].is_string(),
                "{line}"
            );
        }
    }
}

#[test]
fn what_keeps_a_daemon_from_starting_is_an_error_in_the_journal() {
    let mut herald = Herald::launch();
    let address = herald.client.address.to_string();
    let other = crate::support::folder();
    let folder = other.to_str().unwrap();
    let settings = [("HERALD_LISTEN", &*address), ("HERALD_DATA_DIR", folder)];
    let text = written(&mut herald, true, &settings);
    assert!(text.contains("<3>herald: cannot listen on"), "{text}");
    assert!(text.lines().all(has_level), "{text}");
    fs::remove_dir_all(other).unwrap();
}
