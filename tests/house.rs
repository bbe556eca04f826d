//! Holds the sources to the house's rules: which layer may use which, where each outside
//! library has its home, and the shape of a file. The tables come first; to change the house,
//! change them together with DESIGN and ARCHITECTURE.md.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The modules in layers, from the bottom up: each may use those of the layers below its own, and
/// none beside it.
const LAYERS: &[&[&str]] = &[
    &["domain"],
    &["catalogue", "config"],
    &["postgres", "plugin", "store", "transport", "mail"],
    &["actors"],
    &["service"],
    &["http"],
    &["app"],
    &["cli"],
    &["main"],
];

/// Outside libraries that live in some modules only. A name ending in `*` is a prefix.
const HOMES: &[(&str, &[&str])] = &[
    ("diesel*", &["store"]),
    ("tokio_postgres", &["store"]),
    ("deadpool*", &["store"]),
    ("awc", &["transport"]),
    ("lettre", &["mail"]),
    ("actix_http", &["transport", "http"]),
    ("actix_tls", &["transport"]),
    ("httparse", &["transport"]),
    ("rustls*", &["transport", "store", "mail"]),
    ("webpki", &["transport"]),
    ("actix_web", &["http"]),
    ("clap*", &["cli"]),
    ("comfy_table", &["cli"]),
    ("jsonschema*", &["catalogue"]),
    ("regex_automata", &["catalogue"]),
    ("rhai", &["plugin"]),
    ("corosensei", &["plugin"]),
    ("notify*", &["plugin"]),
    ("regex", &["plugin"]),
    ("prometheus", &["http"]),
    ("governor", &["service"]),
    ("utoipa", &["service", "http"]),
    ("listenfd", &["app"]),
    ("chacha20poly1305", &["domain"]),
    ("clap_mangen", &["cli"]),
    ("tokio_postgres_rustls", &["store"]),
    ("tokio_rustls", &["transport", "mail"]),
    ("similar", &["cli", "http"]),
    ("argon2", &["domain"]),
    ("email_address", &["domain"]),
    ("maud", &["http"]),
    ("toml", &["config"]),
    ("anyhow", &["app", "cli", "main"]),
];

/// Libraries and parts of std that the pure rules do without: they do input and output, read
/// a clock or wait.
const NOT_IN_DOMAIN: &[&str] = &[
    "tokio",
    "actix",
    "actix_rt",
    "futures_util",
    "tracing",
    "std::fs",
    "std::net::TcpStream",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "std::process",
    "std::env",
];

/// A file that is longer has more than one job.
const MOST_LINES: usize = 500;

/// Written by diesel's print-schema.
const GENERATED: &[&str] = &["src/store/schema.rs"];

struct Source {
    /// Relative to the repository, for messages.
    path: String,
    /// The first folder or file under src: `store`, `main`.
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src")];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    let source = |path: PathBuf| {
        let inside = path.strip_prefix(root.join("src")).unwrap();
        let first = inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap();
        Source {
            path: format!("src/{}", inside.display()),
            module: first.trim_end_matches(".rs").to_owned(),
            text: fs::read_to_string(&path).unwrap(),
        }
    };
    files.into_iter().map(source).collect()
}

/// The text without comments and texts in quotes: only code can use a module. Lines stay.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    let skip = |code: &mut String, part: &str| {
        code.extend(part.chars().filter(|c| *c == '\n'));
    };
    while let Some(next) = rest.chars().next() {
        let cut = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_text(rest, code.chars().next_back()) {
            length
        } else if next == '"' {
            end_of_quoted(rest)
        } else if rest.starts_with("'\"'") {
            3
        } else if rest.starts_with("'\\\"'") {
            4
        } else {
            0
        };
        if cut == 0 {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            skip(&mut code, &rest[..cut]);
            code.push(' ');
            rest = &rest[cut..];
        }
    }
    code
}

/// The length of the raw text (`r#"…"#`) that begins here, if one does.
fn raw_text(text: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|c| c != 'b' && (c.is_alphanumeric() || c == '_')) {
        return None;
    }
    let inner = text.strip_prefix('r')?.trim_start_matches('#');
    let hashes = text.len() - inner.len() - 1;
    let body = inner.strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body
        .find(&close)
        .map_or(body.len(), |end| end + close.len());
    Some(hashes + 2 + end)
}

fn end_of_quoted(text: &str) -> usize {
    let mut escaped = false;
    for (place, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return place + 1,
            _ => {}
        }
    }
    text.len()
}

/// Every path that begins with `root::` in the code, with its line: the next name, or all the
/// names of a group (`crate::{store, http}`).
fn names_after(code: &str, root: &str) -> Vec<(usize, String)> {
    let mark = format!("{root}::");
    let mut found = Vec::new();
    for (place, _) in code.match_indices(&mark) {
        let before = code[..place].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let line = code[..place].matches('\n').count() + 1;
        let rest = code[place + mark.len()..].trim_start();
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0_usize;
            let mut name = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => found.push((line, std::mem::take(&mut name))),
                    _ if depth == 0 => name.push(c),
                    _ => {}
                }
            }
            found.push((line, name));
        } else {
            found.push((line, rest.to_owned()));
        }
    }
    let first_name = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    found
        .into_iter()
        .map(|(line, text)| (line, first_name(&text)))
        .collect()
}

/// The lines on which the code uses an outside crate or a path of std.
fn uses_of(code: &str, name: &str) -> Vec<(usize, String)> {
    let (stem, prefix) = name
        .strip_suffix('*')
        .map_or((name, false), |stem| (stem, true));
    let mut found = Vec::new();
    for (place, _) in code.match_indices(stem) {
        let before = code[..place].trim_end_matches(' ');
        let joined = code[..place].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        // `crate::config::toml` is Herald's own, `::toml` and `use toml` are the library.
        let own = before.ends_with("::")
            && before
                .trim_end_matches("::")
                .ends_with(char::is_alphanumeric);
        if joined || own {
            continue;
        }
        let rest = &code[place + stem.len()..];
        let tail: String = rest
            .chars()
            .take_while(|c| prefix && (c.is_alphanumeric() || *c == '_'))
            .collect();
        let after = &rest[tail.len()..];
        let imported = before.ends_with("use") && after.trim_start().starts_with([';', ' ']);
        if after.starts_with("::") || imported {
            found.push((
                code[..place].matches('\n').count() + 1,
                format!("{stem}{tail}"),
            ));
        }
    }
    found
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n\n{}\n", faults.join("\n"));
}

#[test]
fn no_module_uses_one_above_or_beside_it() {
    let known = LAYERS.concat();
    let mut faults = Vec::new();
    for source in sources() {
        if source.module == "lib" {
            continue;
        }
        let layer = LAYERS
            .iter()
            .position(|modules| modules.contains(&source.module.as_str()));
        let Some(layer) = layer else {
            faults.push(format!(
                "{}: the module `{}` has no row in LAYERS (tests/house.rs): give it its layer there",
                source.path, source.module
            ));
            continue;
        };
        let allowed = LAYERS[..layer].concat();
        let code = code_of(&source.text);
        // `super::` as often as the file is deep stands for `crate::`.
        let depth =
            source.path.matches('/').count() - usize::from(source.path.ends_with("/mod.rs"));
        let up = vec!["super"; depth].join("::");
        for root in ["crate", "herald", &up] {
            for (line, name) in names_after(&code, root) {
                let own = name == source.module && source.module != "main";
                if known.contains(&name.as_str()) && !own && !allowed.contains(&name.as_str()) {
                    faults.push(format!(
                        "{}:{line}: `{}` may not use `{name}`, which stands above or beside it: \
                         move the type down, or hand a recipient in",
                        source.path, source.module
                    ));
                }
            }
        }
    }
    report(&faults);
}

#[test]
fn handlers_and_pages_know_the_operations_and_not_each_other() {
    let mut faults = Vec::new();
    for (folder, other) in [("src/http/pages", "api"), ("src/http/api", "pages")] {
        let of_folder = |path: &str| path.starts_with(folder);
        for source in sources().iter().filter(|it| of_folder(&it.path)) {
            let code = code_of(&source.text);
            let depth =
                source.path.matches('/').count() - usize::from(source.path.ends_with("/mod.rs"));
            // As often as the file is deep beneath `http`.
            let up = vec!["super"; depth - 1].join("::");
            for root in ["crate::http", &up] {
                for (line, name) in names_after(&code, root) {
                    if name == other {
                        faults.push(format!(
                            "{}:{line}: uses `http::{other}`: what both do belongs into `service`",
                            source.path
                        ));
                    }
                }
            }
        }
    }
    report(&faults);
}

/// Files of one folder that import one another in a circle: none of them can be read, or changed,
/// without the others.
const LARGEST_CIRCLE: usize = 5;

/// The modules that the `use` lines of a file name, as paths from the crate's root.
fn imports(source: &Source) -> Vec<Vec<String>> {
    let code = code_of(&source.text);
    let code = code.split("#[cfg(test)]").next().unwrap();
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

/// The module that a file is, from the crate's root.
fn own_path(source: &Source) -> Vec<String> {
    let path = source
        .path
        .trim_start_matches("src/")
        .trim_end_matches(".rs");
    let path = path.trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

#[test]
fn no_large_circle_of_imports_is_in_the_web_layer() {
    let all = sources();
    let web: Vec<&Source> = all.iter().filter(|it| it.module == "http").collect();
    let paths: Vec<Vec<String>> = web.iter().map(|it| own_path(it)).collect();
    let file_of = |path: &[String]| {
        let longest = (1..=path.len()).rev();
        let mut known = longest
            .filter_map(|length| paths.iter().position(|it| it.as_slice() == &path[..length]));
        known.next()
    };
    let mut reaches: Vec<Vec<bool>> = Vec::new();
    for (place, source) in web.iter().enumerate() {
        let mut row = vec![false; web.len()];
        for import in imports(source) {
            // A file's own folder says what is in it, and nothing more.
            let inside = |file: usize| paths[place].starts_with(&paths[file]);
            if let Some(file) = file_of(&import).filter(|file| !inside(*file)) {
                row[file] = true;
            }
        }
        reaches.push(row);
    }
    for middle in 0..web.len() {
        for from in 0..web.len() {
            if reaches[from][middle] {
                let onward = reaches[middle].clone();
                let row = reaches[from].iter_mut();
                row.zip(onward).for_each(|(it, more)| *it |= more);
            }
        }
    }
    let circle = |place: usize| -> Vec<&str> {
        let both = (0..web.len()).filter(|it| reaches[place][*it] && reaches[*it][place]);
        both.map(|it| web[it].path.as_str()).collect()
    };
    let largest = (0..web.len()).map(circle).max_by_key(Vec::len).unwrap();
    assert!(
        largest.len() <= LARGEST_CIRCLE,
        "{} files import one another in a circle: {largest:?}",
        largest.len()
    );
    assert!(reaches.iter().flatten().any(|it| *it), "no import was seen");
}

#[test]
fn every_outside_library_stays_in_its_home() {
    let mut faults = Vec::new();
    for source in sources() {
        let code = code_of(&source.text);
        for (library, homes) in HOMES {
            if homes.contains(&source.module.as_str()) {
                continue;
            }
            for (line, name) in uses_of(&code, library) {
                faults.push(format!(
                    "{}:{line}: `{name}` lives in {} only: put what needs it there and offer \
                     its service by an own type",
                    source.path,
                    homes.join(", ")
                ));
            }
        }
        if source.module == "domain" {
            for library in NOT_IN_DOMAIN {
                for (line, name) in uses_of(&code, library) {
                    faults.push(format!(
                        "{}:{line}: `{name}` in the pure rules: take its result as an argument",
                        source.path
                    ));
                }
            }
        }
    }
    report(&faults);
}

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

#[test]
fn the_reader_of_sources_sees_code_only() {
    let code = code_of(
        "// crate::http\nuse crate::{store::{Row, http}, config};\nlet x = \"crate::app \\\" \";\n\
         let y = r#\"crate::cli\"#; let q = '\"'; crate::actors::go();\n",
    );
    let names: Vec<_> = names_after(&code, "crate");
    let expected = [(2, "store"), (2, "config"), (4, "actors")];
    assert_eq!(names, expected.map(|(line, name)| (line, name.to_owned())));

    let code =
        "use diesel_async::X;\nuse awc;\nmy::awc::y();\nlet awc_z = 1;\nfn f(t: awc::T) {}\n";
    assert_eq!(uses_of(code, "diesel*"), [(1, "diesel_async".to_owned())]);
    let lines: Vec<_> = uses_of(code, "awc")
        .into_iter()
        .map(|(line, _)| line)
        .collect();
    assert_eq!(lines, [2, 5]);
}
