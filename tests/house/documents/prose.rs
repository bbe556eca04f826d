//! How long a document may be, and what it must not say.

use super::{Found, documents};
use crate::report;

/// The most bytes of the documents that people read first.
const MOST_BYTES: &[(&str, usize)] = &[("README.md", 10 * 1024), ("ARCHITECTURE.md", 20 * 1024)];

/// Words that the house replaces, and by what.
const REPLACED: &[(&str, &str)] = &[
    ("anew", "again"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("mending", "fixing"),
    ("told", "reported"),
    ("in words", "as text"),
    ("from the begin", "once … begins"),
    ("parted by", "separated by"),
];

/// How paths of any one machine begin. A document has none, so it holds on each machine.
const OF_A_MACHINE: &[&str] = &["/home/", "/Users/", "C:\\Users\\", "file:///"];

/// The same of the machine that builds this: its user's folder, and that of these sources.
const OF_THIS_MACHINE: [Option<&str>; 2] = [option_env!("HOME"), option_env!("CARGO_MANIFEST_DIR")];

/// Hosts from which tools fetch packages. Whoever builds Herald chooses them.
const REGISTRIES: &[&str] = &[
    "//crates.io",
    "index.crates.io",
    "static.crates.io",
    "pypi.org",
    "pythonhosted.org",
    "npmjs.org",
    "npmjs.com",
    "rubygems.org",
    "proxy.golang.org",
    "repo.maven.apache.org",
    "deb.debian.org",
    "archive.ubuntu.com",
    "docker.io",
    "ghcr.io",
    "quay.io",
];

/// Where the text has the words, with neither letter nor digit beside them.
fn has(text: &str, words: &str) -> bool {
    let outside = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(words).any(|(place, _)| {
        outside(text[..place].chars().next_back())
            && outside(text[place + words.len()..].chars().next())
    })
}

/// Where the text has a path that begins so, not one that ends so (`docs/home/`) and not the
/// folder alone (`/home`).
fn has_path(text: &str, begin: &str) -> bool {
    text.match_indices(begin).any(|(place, _)| {
        let before = text[..place].chars().next_back();
        let after = text[place + begin.len()..].chars().next();
        before.is_none_or(|c| !(c.is_alphanumeric() || "._-/~".contains(c)))
            && after.is_some_and(|c| c.is_alphanumeric() || c == '.')
    })
}

#[test]
fn the_first_documents_are_short() {
    let mut faults = Vec::new();
    for document in documents() {
        let most = MOST_BYTES.iter().find(|(it, _)| *it == document.path);
        let bytes = document.text.len();
        if let Some((path, most)) = most.filter(|(_, most)| bytes > *most) {
            faults.push(format!("{path}: {bytes} bytes, more than {most}"));
        }
    }
    report(&faults);
}

#[test]
fn no_document_uses_a_word_that_the_house_replaces() {
    let mut faults = Vec::new();
    for document in documents() {
        for (line, text) in &document.prose {
            let text = text.to_lowercase();
            let found = REPLACED.iter().filter(|(words, _)| has(&text, words));
            faults.extend(found.map(|(words, better)| {
                format!("{}:{line}: `{words}`: say `{better}`", document.path)
            }));
        }
    }
    report(&faults);
}

#[test]
fn no_document_names_a_machine_or_a_registry() {
    let mut faults = Vec::new();
    // An account without a folder of its own has `/`, which every address has too.
    let own = |folder: Option<&'static str>| folder.filter(|it| it.len() > 1).unwrap_or("/home");
    let here = OF_THIS_MACHINE.map(|folder| format!("{}/", own(folder)));
    let here = here.each_ref().map(String::as_str);
    for document in documents() {
        let lines = document.text.lines().enumerate();
        let lines: Vec<Found> = lines
            .map(|(place, text)| (place + 1, text.to_owned()))
            .collect();
        for (line, text) in lines {
            let paths = OF_A_MACHINE.iter().chain(&here);
            let paths = paths.filter(|it| has_path(&text, it));
            let hosts = REGISTRIES.iter().filter(|it| text.contains(**it));
            faults.extend(paths.chain(hosts).map(|it| {
                format!(
                    "{}:{line}: {it} is of one machine or registry",
                    document.path
                )
            }));
        }
    }
    report(&faults);
}

#[test]
fn words_and_paths_are_found_whole() {
    assert!(has("say it anew.", "anew"));
    assert!(has("in words, too", "in words"));
    assert!(!has("recommended to mendicants", "mend"));
    assert!(has_path("in /home/ann/herald", "/home/"));
    assert!(!has_path("hides /home/ and /srv/home/x", "/home/"));
}
