//! Files that import one another in a circle: none of them can be read, or changed, without the
//! others.

use std::collections::BTreeSet;

use crate::report;
use crate::sources::{Source, code_of, own_path, sources, without_tests};

/// Each folder of src, and how many of its files a circle may join.
const LARGEST_CIRCLE: &[(&str, usize)] = &[
    ("domain", 3),
    ("catalogue", 2),
    ("config", 2),
    ("postgres", 2),
    ("plugin", 4),
    ("store", 2),
    ("transport", 2),
    ("mail", 4),
    ("actors", 3),
    ("service", 4),
    ("http", 5),
    ("app", 2),
    ("cli", 2),
];

/// The modules that the `use` lines of a file name, as paths from the crate's root.
fn imports(source: &Source) -> Vec<Vec<String>> {
    let (code, _) = without_tests(&code_of(&source.text));
    let mut found = Vec::new();
    for part in code.split("use ").skip(1) {
        let tree: String = part.split(';').next().unwrap().split_whitespace().collect();
        spread(&own_path(source), &tree, &mut found);
    }
    found
}

/// Writes out the paths of a `use` tree.
fn spread(base: &[String], tree: &str, found: &mut Vec<Vec<String>>) {
    if let Some((head, group)) = tree.split_once('{') {
        let group = group.strip_suffix('}').unwrap_or(group);
        let base = resolve(base, head.trim_end_matches("::"));
        let (mut depth, mut begun) = (0_i32, 0);
        for (place, c) in group.char_indices() {
            depth += i32::from(c == '{') - i32::from(c == '}');
            if c == ',' && depth == 0 {
                spread(&base, &format!("self::{}", &group[begun..place]), found);
                begun = place + 1;
            }
        }
        spread(&base, &format!("self::{}", &group[begun..]), found);
    } else {
        found.push(resolve(base, tree));
    }
}

fn resolve(base: &[String], path: &str) -> Vec<String> {
    let mut from = base.to_vec();
    for step in path.split("::").filter(|step| !step.is_empty()) {
        match step {
            "crate" => from.clear(),
            "self" => {}
            "super" => drop(from.pop()),
            name => from.push(name.to_owned()),
        }
    }
    from
}

/// For each file of a folder, which of these files it imports.
fn imported(files: &[&Source]) -> Vec<Vec<bool>> {
    let paths: Vec<Vec<String>> = files.iter().map(|it| own_path(it)).collect();
    let file_of = |path: &[String]| {
        let longest = (1..=path.len()).rev();
        let mut known = longest
            .filter_map(|length| paths.iter().position(|it| it.as_slice() == &path[..length]));
        known.next()
    };
    let row = |(place, source): (usize, &&Source)| {
        // A file's own folder says what is in it, and nothing more.
        let inside = |file: usize| paths[place].starts_with(&paths[file]);
        let mut row = vec![false; files.len()];
        for import in imports(source) {
            if let Some(file) = file_of(&import).filter(|file| !inside(*file)) {
                row[file] = true;
            }
        }
        row
    };
    files.iter().enumerate().map(row).collect()
}

/// The files that each file reaches by imports, itself among them if it is in a circle.
fn reached(mut reaches: Vec<Vec<bool>>) -> Vec<Vec<bool>> {
    for middle in 0..reaches.len() {
        let onward = reaches[middle].clone();
        for row in reaches.iter_mut().filter(|row| row[middle]) {
            row.iter_mut()
                .zip(&onward)
                .for_each(|(it, more)| *it |= more);
        }
    }
    reaches
}

/// The files of the largest circle.
fn largest<'a>(files: &[&'a Source], reaches: &[Vec<bool>]) -> Vec<&'a str> {
    let circle = |place: usize| -> Vec<&str> {
        let both = (0..files.len()).filter(|it| reaches[place][*it] && reaches[*it][place]);
        both.map(|it| files[it].path.as_str()).collect()
    };
    let circles = (0..files.len()).map(circle);
    circles.max_by_key(Vec::len).unwrap_or_default()
}

#[test]
fn no_large_circle_of_imports() {
    let all = sources();
    let folders: BTreeSet<&str> = all
        .iter()
        .filter(|it| it.path.matches('/').count() > 1)
        .map(|it| it.module.as_str())
        .collect();
    let bounded: BTreeSet<&str> = LARGEST_CIRCLE.iter().map(|(folder, _)| *folder).collect();
    assert_eq!(folders, bounded, "each folder of src has one bound");
    let mut faults = Vec::new();
    for (folder, bound) in LARGEST_CIRCLE {
        let files: Vec<&Source> = all.iter().filter(|it| it.module == *folder).collect();
        let imported = imported(&files);
        assert!(
            imported.iter().flatten().any(|it| *it),
            "no import was seen in src/{folder}"
        );
        let largest = largest(&files, &reached(imported));
        if largest.len() > *bound {
            faults.push(format!(
                "src/{folder}: {} files import one another in a circle, more than {bound}: move \
                 what they share into a file of its own:\n    {}",
                largest.len(),
                largest.join("\n    ")
            ));
        }
    }
    report(&faults);
}
