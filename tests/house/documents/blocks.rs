//! Each block of code says its language, and whoever copies a shell command copies one that a test
//! runs, or one that is marked: `sh,norun`.

use std::fs;

use super::documents;
use crate::{report, root};

/// The documents, or folders of documents, whose `sh` blocks a test runs, and the file that reads
/// them there. It names them as they are named here.
const RUN_BY: &[(&str, &str)] = &[
    ("docs/operating", "tests/machine/guide.rs"),
    ("docs/guides/verify.md", "tests/standard_webhooks/guide.rs"),
];

/// Other names of a shell: to a test, such a block would be no `sh`.
const OTHER_SHELLS: &[&str] = &["bash", "console", "shell", "shell-session", "zsh"];

fn is_run_by(row: &str, document: &str) -> bool {
    document
        .strip_prefix(row)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[test]
fn every_block_says_its_language_and_a_plain_sh_block_is_run_by_a_test() {
    let mut used = vec![false; RUN_BY.len()];
    let mut faults = Vec::new();
    for document in documents() {
        let row = RUN_BY
            .iter()
            .position(|(it, _)| is_run_by(it, &document.path));
        for (line, language) in &document.blocks {
            let place = format!("{}:{line}", document.path);
            let (name, mark) = language
                .split_once([',', ' '])
                .unwrap_or((language.as_str(), ""));
            match (name, mark) {
                ("", _) => faults.push(format!(
                    "{place}: fence the block and give it a language (`text` if it has none)"
                )),
                ("sh", "norun") => {}
                ("sh", "") => match row {
                    Some(row) => used[row] = true,
                    None => faults.push(format!(
                        "{place}: no test runs this: mark it `sh,norun`, or add its test to RUN_BY \
                         (tests/house/documents/blocks.rs)"
                    )),
                },
                ("sh", _) => faults.push(format!("{place}: `{mark}` is not known behind `sh`")),
                _ if OTHER_SHELLS.contains(&name) => {
                    faults.push(format!("{place}: write `sh` or `sh,norun`, not `{name}`"));
                }
                _ => {}
            }
        }
    }
    for ((documents, test), used) in RUN_BY.iter().zip(used) {
        if !used {
            faults.push(format!(
                "{documents} has no `sh` block: take its row out of RUN_BY"
            ));
        }
        match fs::read_to_string(root().join(test)) {
            Ok(text) if text.contains(documents) => {}
            Ok(_) => faults.push(format!("{test} does not read {documents}")),
            Err(error) => faults.push(format!("{test}: {error}")),
        }
    }
    report(&faults);
}
