//! What is in `backticks` exists: paths of the repository in all documents, and names of the
//! code in those that describe it.

use std::collections::{BTreeSet, HashSet};
use std::fs;

use super::excepted::EXCEPTED;
use super::{HISTORY, documents};
use crate::{files_below, report, root};

/// The folders of the repository. What begins with one of them is a path.
const FOLDERS: &[&str] = &[
    ".ci",
    "docs",
    "migrations",
    "plugins",
    "scripts",
    "src",
    "systemd",
    "tests",
];

/// Folders that hold code. A name must occur in one of their files, or in one of `CODE_BESIDE`.
const CODE: &[&str] = &["migrations", "scripts", "src", "systemd", "tests"];

/// Settings of tools, which name lints and libraries.
const CODE_BESIDE: &[&str] = &["Cargo.toml", "clippy.toml", "deny.toml", ".ci/run"];

/// Not code: results of the past, and the exceptions from these rules.
const NO_CODE: &[&str] = &[
    "tests/bench/RESULTS.md",
    "tests/house/documents/excepted.rs",
];

/// Endings by which a word is a file of the repository.
const ENDINGS: &[&str] = &[".rs", ".sql", ".mjs", ".js", ".css", ".py", ".md"];

fn is_excepted(code: &str) -> bool {
    EXCEPTED.iter().any(|(it, _)| *it == code)
}

/// All files and folders of the repository, a folder without `/` at its end.
fn all_paths() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for folder in FOLDERS {
        for file in files_below(folder) {
            let ends = file.match_indices('/').map(|(place, _)| &file[..place]);
            all.extend(ends.map(str::to_owned));
            all.insert(file);
        }
    }
    all
}

/// The first word, if it begins with a folder of the repository and has no other characters than
/// paths, `*` for any part and `<a placeholder>`.
fn path_in(code: &str) -> Option<&str> {
    let word = code.split_whitespace().next()?;
    let (first, _) = word.split_once('/')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-./*@<>".contains(c);
    (FOLDERS.contains(&first) && word.chars().all(fits)).then_some(word)
}

/// Whether a step of a path is one that may have `*` in it.
fn step_fits(pattern: &str, step: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else {
        return pattern == step;
    };
    let Some(step) = step.strip_prefix(begin) else {
        return false;
    };
    let mut ends = step.char_indices().map(|(place, _)| &step[place..]);
    ends.any(|end| step_fits(rest, end)) || step_fits(rest, "")
}

fn path_fits(pattern: &str, path: &str) -> bool {
    pattern.split('/').count() == path.split('/').count()
        && pattern
            .split('/')
            .zip(path.split('/'))
            .all(|(pattern, step)| step_fits(pattern, step))
}

/// Whether the path is there. Of one with a placeholder, the part before it must be.
fn is_there(path: &str, all: &BTreeSet<String>) -> bool {
    let before = path.split('<').next().unwrap();
    let path = if before == path {
        path
    } else {
        before.rsplit_once('/').map_or(before, |(folder, _)| folder)
    };
    let path = path.trim_end_matches('/');
    all.contains(path) || (path.contains('*') && all.iter().any(|it| path_fits(path, it)))
}

/// Whether `folder/file.rs`, `file.rs` or `folder/` is the end of a path.
fn is_end_of_one(code: &str, all: &BTreeSet<String>) -> bool {
    let end = format!("/{}", code.trim_end_matches('/'));
    all.iter().any(|it| it.ends_with(&end) || *it == end[1..])
}

/// Whether a document of the code means a file or a folder beneath one that it has named.
fn is_relative_path(code: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let file = ENDINGS.iter().any(|it| code.ends_with(it) && code != *it);
    code.starts_with(|c: char| c.is_ascii_alphanumeric())
        && code.chars().all(fits)
        && (file || code.ends_with('/'))
}

#[test]
fn every_path_in_a_document_exists() {
    let all = all_paths();
    let mut faults = Vec::new();
    for document in documents() {
        if document.is_one_of(HISTORY) {
            continue;
        }
        for (line, code) in &document.codes {
            if let Some(path) = path_in(code)
                && !is_there(path, &all)
                // There, `plugins/` may be a folder of src.
                && !(document.is_of_code() && is_end_of_one(path, &all))
                && !is_excepted(path)
            {
                faults.push(format!("{}:{line}: there is no {path}", document.path));
            }
        }
    }
    for document in documents().iter().filter(|it| it.is_of_code()) {
        for (line, code) in &document.codes {
            if is_relative_path(code) && !is_end_of_one(code, &all) && !is_excepted(code) {
                faults.push(format!(
                    "{}:{line}: no path ends with {code}",
                    document.path
                ));
            }
        }
    }
    report(&faults);
}

/// The words of a file, and those of its path; none of a picture.
fn words_of(path: &str) -> Option<HashSet<String>> {
    let text = fs::read_to_string(root().join(path)).ok()?;
    let words = [path, text.as_str()].into_iter().flat_map(|text| {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .map(str::to_owned)
    });
    Some(words.collect())
}

/// The words of each file of the code.
fn code() -> Vec<HashSet<String>> {
    let below = CODE.iter().flat_map(|it| files_below(it));
    let beside = CODE_BESIDE.iter().map(|it| (*it).to_owned());
    below
        .chain(beside)
        .filter(|path| !NO_CODE.contains(&path.as_str()))
        .filter_map(|path| words_of(&path))
        .collect()
}

/// The parts of a name in `backticks`, and whether all of them must be in one file; none if it does
/// not look like a name of the code.
fn name_in(code: &str) -> Option<(Vec<&str>, bool)> {
    // Of `Text<1, 200>`, `get()` and `views!` the names.
    let name = code
        .strip_suffix('>')
        .and_then(|it| it.split_once('<'))
        .map_or(code, |(name, _)| name);
    let name = name.strip_suffix("()").unwrap_or(name);
    let name = name.strip_suffix('!').unwrap_or(name);
    let name = name.trim_start_matches(['.', '&']);
    let is_word = |word: &&str| {
        !word.is_empty()
            && !word.starts_with(|c: char| c.is_ascii_digit())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if name.contains("::") {
        let parts: Vec<&str> = name.split("::").collect();
        return parts.iter().all(is_word).then_some((parts, true));
    }
    let parts: Vec<&str> = name.split('.').collect();
    if !parts.iter().all(is_word) || ENDINGS.iter().any(|it| name.ends_with(it)) {
        return None;
    }
    let named: Vec<&str> = parts.into_iter().filter(|it| is_identifier(it)).collect();
    (!named.is_empty()).then_some((named, false))
}

/// `CamelCase`, `UPPER_CASE` and `snake_case`; a plain lower word may be anything.
fn is_identifier(word: &str) -> bool {
    let upper = word.contains(|c: char| c.is_ascii_uppercase());
    let lower = word.contains(|c: char| c.is_ascii_lowercase());
    let snake = !upper && word.trim_matches('_').contains('_');
    let constant = upper && !lower && word.len() > 2;
    let camel = lower && word.starts_with(|c: char| c.is_ascii_uppercase());
    snake || constant || camel
}

#[test]
fn every_name_of_the_code_in_a_document_occurs_in_the_code() {
    let files = code();
    let mut faults = Vec::new();
    for document in documents().iter().filter(|it| it.is_of_code()) {
        for (line, code) in &document.codes {
            let Some((parts, together)) = name_in(code) else {
                continue;
            };
            let mut parts = parts.iter();
            let found = if together {
                files
                    .iter()
                    .any(|file| parts.clone().all(|part| file.contains(*part)))
            } else {
                parts.all(|part| files.iter().any(|file| file.contains(*part)))
            };
            if !found && !is_excepted(code) {
                faults.push(format!("{}:{line}: nothing is named {code}", document.path));
            }
        }
    }
    report(&faults);
}

#[test]
fn no_exception_is_left_over() {
    let documents = documents();
    let codes = || documents.iter().flat_map(|it| &it.codes);
    let mut faults = Vec::new();
    for (code, _) in EXCEPTED {
        if !codes().any(|(_, it)| it == code || path_in(it) == Some(*code)) {
            faults.push(format!("no document says {code}: take it out of EXCEPTED"));
        }
    }
    report(&faults);
}

#[test]
fn paths_and_names_are_seen() {
    assert_eq!(path_in("scripts/test house"), Some("scripts/test"));
    assert_eq!(path_in("systemd-analyze"), None);
    assert_eq!(path_in("/var/lib/tests/x"), None);
    let all = ["plugins", "plugins/named", "plugins/named/a.rhai"];
    let all: BTreeSet<String> = all.map(str::to_owned).into();
    for path in [
        "plugins/named/",
        "plugins/*/*.rhai",
        "plugins/named/<name>.rhai",
    ] {
        assert!(is_there(path, &all), "{path}");
    }
    for path in ["plugins/name", "plugins/*.rhai", "plugins/named/b.rhai"] {
        assert!(!is_there(path, &all), "{path}");
    }
    assert!(is_end_of_one("named/a.rhai", &all));
    assert!(!is_end_of_one("med/a.rhai", &all));
    for (code, parts, together) in [
        ("lane::Ids", vec!["lane", "Ids"], true),
        ("Text<1, 200>", vec!["Text"], false),
        ("lane.seal_keys", vec!["seal_keys"], false),
        ("SWEEP", vec!["SWEEP"], false),
        ("a_promise_of_a_test", vec!["a_promise_of_a_test"], false),
        ("made_and_changed!", vec!["made_and_changed"], false),
    ] {
        assert_eq!(name_in(code), Some((parts, together)), "{code}");
    }
    for code in [
        "event",
        "herald serve",
        "store/lane.rs",
        "own_path.rs",
        "n + 1",
    ] {
        assert_eq!(name_in(code), None, "{code}");
    }
}
