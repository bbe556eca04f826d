//! Which layer may use which, and where each outside library has its home.

use crate::report;
use crate::sources::{code_of, sources};

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
                "{}: the module `{}` has no row in LAYERS (tests/house/layers.rs): give it its layer there",
                source.path, source.module
            ));
            continue;
        };
        let allowed = LAYERS[..layer].concat();
        let code = code_of(&source.text);
        // `super::` as often as the file is deep means `crate::`.
        let depth =
            source.path.matches('/').count() - usize::from(source.path.ends_with("/mod.rs"));
        let up = vec!["super"; depth].join("::");
        for root in ["crate", "herald", &up] {
            for (line, name) in names_after(&code, root) {
                let own = name == source.module && source.module != "main";
                if known.contains(&name.as_str()) && !own && !allowed.contains(&name.as_str()) {
                    faults.push(format!(
                        "{}:{line}: `{}` may not use `{name}`, which is above or beside it: \
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
