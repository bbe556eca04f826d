//! The reference under `docs/reference`, made from what the code says of itself: a page each for
//! the settings, the commands, the HTTP API, the errors, the limits and the metrics.

mod command_line;
mod errors;
mod fields;
mod http;
mod limits;
mod markdown;
mod metrics;
mod settings;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};

use super::{Cli, files};

/// The pages by the names of their files.
fn pages(command: Command) -> [(&'static str, String); 6] {
    [
        ("command-line.md", command_line::page(command)),
        ("errors.md", errors::page()),
        ("http.md", http::page()),
        ("limits.md", limits::page()),
        ("metrics.md", metrics::page()),
        ("settings.md", settings::page()),
    ]
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference")
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "a test's own switch, no setting of Herald"
)]
fn the_reference_is_what_the_code_says() {
    let folder = folder();
    if std::env::var_os("HERALD_TEST_BLESS").is_some() {
        files::write(&folder, pages(Cli::command())).unwrap();
    }
    let pages = pages(Cli::command());
    for (name, page) in &pages {
        let known = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(
            known == *page,
            "docs/reference/{name} is not what the code says: HERALD_TEST_BLESS=1 cargo test \
             --lib the_reference_is_what_the_code_says writes it"
        );
    }
    let made: BTreeSet<_> = pages.map(|(name, _)| name.to_owned()).into();
    let found = fs::read_dir(&folder).unwrap();
    let found: BTreeSet<String> = found
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, made, "docs/reference holds what nothing makes");
}

#[test]
fn every_row_has_as_many_cells_as_its_table() {
    for (name, page) in pages(Cli::command()) {
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        let mut expected = 0;
        for line in page.lines() {
            if !line.starts_with('|') {
                expected = 0;
            } else if expected == 0 {
                expected = cells(line);
            } else {
                assert_eq!(cells(line), expected, "{name}: {line}");
            }
        }
    }
}

#[test]
fn every_link_within_the_reference_leads_to_a_heading() {
    let pages = pages(Cli::command());
    for (name, page) in &pages {
        let headings = page.lines().filter(|line| line.starts_with('#'));
        let headings = headings.map(|line| line.trim_start_matches('#').trim());
        let anchors: BTreeSet<String> = headings.map(markdown::anchor).collect();
        for part in page.split("](#").skip(1) {
            let link = part.split(')').next().unwrap_or_default();
            assert!(anchors.contains(link), "{name}: #{link}");
        }
    }
}
