//! The shape of a file.

use crate::report;
use crate::sources::sources;

/// A file that is longer has more than one job.
const MOST_LINES: usize = 500;

/// Written by diesel's print-schema.
const GENERATED: &[&str] = &["src/store/schema.rs"];

#[test]
fn every_file_says_what_it_owns_and_has_one_job() {
    let mut faults = Vec::new();
    for source in sources() {
        if GENERATED.contains(&source.path.as_str()) {
            continue;
        }
        if !source.text.starts_with("//!") {
            faults.push(format!(
                "{}: should open with `//!` and a sentence on what it owns",
                source.path
            ));
        }
        let lines = source.text.lines().count();
        if lines > MOST_LINES {
            faults.push(format!(
                "{}: {lines} lines, more than {MOST_LINES}: split it where its opening sentence \
                 needs `and`",
                source.path
            ));
        }
    }
    report(&faults);
}

/// A text that goes on in the next line without `\` takes the indentation with it.
#[test]
fn no_sentence_has_a_gap() {
    let mut faults = Vec::new();
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            let parts = line.trim().split("    ");
            let parts: Vec<&str> = parts.filter(|it| !it.trim().is_empty()).collect();
            let word = |it: Option<char>| it.is_some_and(char::is_alphanumeric);
            let gap = |two: &[&str]| {
                let begun = !two[0].ends_with("\\n") && word(two[0].chars().last());
                begun && word(two[1].trim_start().chars().next())
            };
            if !line.trim().starts_with("//") && parts.windows(2).any(gap) {
                faults.push(format!("{}:{}: a gap in a text", source.path, number + 1));
            }
        }
    }
    report(&faults);
}
