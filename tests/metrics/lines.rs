//! The lines of the log, in the sources: fixed words that can be searched for, and what changes in
//! fields of its own.

use std::fs;

use crate::metrics::desk::file;

/// What begins a line of the log.
const MACROS: [&str; 6] = [
    "error!(", "warn!(", "info!(", "debug!(", "trace!(", "event!(",
];

/// Every call with the file and line where it stands.
fn calls() -> Vec<(String, String)> {
    let mut folders = vec![file("src")];
    let mut calls = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            if !text.contains("tracing") {
                continue;
            }
            for begin in MACROS {
                for (place, _) in text.match_indices(begin) {
                    let before = text[..place].chars().next_back();
                    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                        continue;
                    }
                    let line = text[..place].matches('\n').count() + 1;
                    let inside = inside(&text[place + begin.len()..]);
                    calls.push((format!("{}:{line}", path.display()), inside.to_owned()));
                }
            }
        }
    }
    calls
}

/// Up to the bracket that closes the call.
fn inside(text: &str) -> &str {
    let (mut depth, mut quoted, mut escaped) = (1, false, false);
    for (place, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return &text[..place];
                }
            }
            _ => {}
        }
    }
    text
}

#[test]
fn every_line_has_fixed_words_and_what_changes_in_fields() {
    let calls = calls();
    assert!(calls.len() > 60, "{}", calls.len());
    let mut faults = Vec::new();
    for (place, call) in &calls {
        let Some(end) = call.rfind('"') else {
            faults.push(format!("{place}: has no words"));
            continue;
        };
        let begin = call[..end].rfind('"').unwrap();
        let words = &call[begin + 1..end];
        if words.contains('{') {
            faults.push(format!("{place}: has a value in its words: {words}"));
        }
        // Words behind the fields, and no arguments behind the words.
        if !call[end + 1..].trim().trim_end_matches(',').is_empty() {
            faults.push(format!("{place}: has something behind its words"));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn no_two_lines_have_the_same_words() {
    let calls = calls();
    let mut seen = std::collections::BTreeMap::<&str, Vec<&str>>::new();
    for (place, call) in &calls {
        let words = call.rsplit('"').nth(1).unwrap_or_default();
        seen.entry(words).or_default().push(place);
    }
    let twice: Vec<_> = seen.iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:#?}");
}
