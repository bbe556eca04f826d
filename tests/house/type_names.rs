//! A type's name means one thing in the whole crate, so that a search finds it and a reader need
//! not look at the imports.

use std::collections::BTreeMap;

use crate::report;
use crate::sources::{code_of, own_path, sources, without_tests};

/// Names that may be defined more than once in one folder: name, folder, why.
const TWICE: &[(&str, &str, &str)] = &[(
    "Row",
    "src/store/",
    "a row as one query of its file reads it",
)];

/// Written by diesel's print-schema.
const GENERATED: &str = "src/store/schema.rs";

const KEYWORDS: &[&str] = &["struct", "enum", "trait", "type"];

/// Macros whose bodies name the types that they define, without a keyword before the name.
const DEFINING: &[&str] = &[
    "views",
    "inputs",
    "made_and_changed",
    "lists",
    "text_enum",
    "typed_id",
];

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every word of the code and where it begins.
fn words(code: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut begun = None;
    for (place, c) in code.char_indices() {
        match begun {
            None if in_word(c) => begun = Some(place),
            Some(from) if !in_word(c) => {
                words.push((from, &code[from..place]));
                begun = None;
            }
            _ => {}
        }
    }
    words.extend(begun.map(|from| (from, &code[from..])));
    words
}

/// The types that the code defines, each with its line.
fn defined(code: &str) -> Vec<(usize, &str)> {
    let line = |place: usize| code[..place].matches('\n').count() + 1;
    let words = words(code);
    let mut found = Vec::new();
    for pair in words.windows(2) {
        let [(place, keyword), (next, name)] = [pair[0], pair[1]];
        let between = &code[place + keyword.len()..next];
        let begins_line = !code[..place].rsplit('\n').next().unwrap().starts_with(' ');
        if KEYWORDS.contains(&keyword)
            && !code[..place].ends_with(['#', '$', '.', ':', '\''])
            && !between.is_empty()
            && between.chars().all(char::is_whitespace)
            // One that is indented belongs to a trait, an `impl` or a function.
            && (keyword != "type" || begins_line)
        {
            found.push((line(next), name));
        }
    }
    for (place, name) in &words {
        let behind = place + name.len();
        if DEFINING.contains(name)
            && let Some(body) = code[behind..].strip_prefix('!')
            && let Some(bracket) = body.find(['{', '('])
            && body[..bracket].trim().is_empty()
        {
            let from = behind + 1 + bracket + 1;
            let named = named_in(&code[from..]).into_iter();
            found.extend(named.map(|(inside, name)| (line(from + inside), name)));
        }
    }
    found
}

/// The types that the body of a macro names outside of all brackets, other than those of values.
fn named_in(body: &str) -> Vec<(usize, &str)> {
    let mut depth = 0_i32;
    let mut outside = Vec::new();
    for (place, c) in body.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            _ if depth == 0 => outside.push(place),
            _ => {}
        }
    }
    words(body)
        .into_iter()
        .filter(|(place, word)| {
            let before = body[..*place].trim_end();
            outside.binary_search(place).is_ok()
                && word.starts_with(char::is_uppercase)
                && !before.ends_with([':', '<', '&'])
        })
        .collect()
}

#[test]
fn a_type_name_occurs_once() {
    let read = sources().into_iter().map(|source| {
        let (code, tests) = without_tests(&code_of(&source.text));
        (source, code, tests)
    });
    let read: Vec<_> = read.collect();
    let mut test_modules = Vec::new();
    for (source, _, tests) in &read {
        for name in tests {
            let mut path = own_path(source);
            path.push(name.clone());
            test_modules.push(path);
        }
    }
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (source, code, _) in &read {
        let own = own_path(source);
        let for_tests = test_modules.iter().any(|it| own.starts_with(it));
        if for_tests || source.path == GENERATED {
            continue;
        }
        for (line, name) in defined(code) {
            let place = format!("{}:{line}", source.path);
            places.entry(name).or_default().push(place);
        }
    }
    assert!(places.len() > 500, "{} types were seen", places.len());
    let mut faults = Vec::new();
    for (name, places) in &places {
        let excepted = TWICE.iter().any(|(it, folder, _)| {
            it == name && places.iter().all(|place| place.starts_with(folder))
        });
        if places.len() > 1 && !excepted {
            faults.push(format!("{name}: {}", places.join(", ")));
        }
    }
    let several = faults.len();
    for (name, folder, _) in TWICE {
        if places.get(name).is_none_or(|places| places.len() < 2) {
            faults.push(format!(
                "{name} occurs once in {folder}: take its row out of TWICE (tests/house/type_names.rs)"
            ));
        }
    }
    if several > 0 {
        faults.push(format!(
            "{several} of {} names mean several types: name each for what it is to its readers",
            places.len()
        ));
    }
    report(&faults);
}

#[test]
fn definitions_are_distinguished_from_uses() {
    let code = r"pub struct A<T>(T);
pub(crate) enum B {
    C,
}
impl D for A {
    type E = F;
}
pub type G = H;
views! {
    #[derive(I)]
    pub(crate) J of row: K {
        l: M,
    }
}
typed_id!(O, p::Q);
macro_rules! n {
    () => { struct $name; };
}
";
    let found: Vec<&str> = defined(code).into_iter().map(|(_, name)| name).collect();
    assert_eq!(found, ["A", "B", "G", "J", "O"]);
    assert_eq!(defined(code).last(), Some(&(15, "O")));
}
