//! The Rust sources as the rules see them: code without comments, texts and tests.

use std::fs;

use crate::{files_below, root};

pub(crate) struct Source {
    /// Relative to the repository, for messages.
    pub(crate) path: String,
    /// The first folder or file under src: `store`, `main`.
    pub(crate) module: String,
    pub(crate) text: String,
}

pub(crate) fn sources() -> Vec<Source> {
    let files = files_below("src").into_iter();
    let source = |path: String| {
        let inside = path.strip_prefix("src/").unwrap();
        let first = inside.split('/').next().unwrap();
        Source {
            module: first.trim_end_matches(".rs").to_owned(),
            text: fs::read_to_string(root().join(&path)).unwrap(),
            path,
        }
    };
    files.filter(|it| it.ends_with(".rs")).map(source).collect()
}

/// The module that a file is, from the crate's root.
pub(crate) fn own_path(source: &Source) -> Vec<String> {
    let path = source
        .path
        .trim_start_matches("src/")
        .trim_end_matches(".rs");
    let path = path.trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// The text without comments and texts in quotes: only code can use a module. Lines stay.
pub(crate) fn code_of(text: &str) -> String {
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

/// Code without the items that exist in tests only, and the names of the modules among these that
/// are files of their own. Lines stay.
pub(crate) fn without_tests(code: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::with_capacity(code.len());
    let mut modules = Vec::new();
    let mut rest = code;
    while let Some((before, after)) = rest.split_once(MARK) {
        kept.push_str(before);
        let (item, onward) = after.split_at(end_of_item(after));
        kept.extend(item.chars().filter(|c| *c == '\n'));
        let name = item.strip_suffix(';').and_then(|it| it.split_once("mod "));
        modules.extend(name.map(|(_, name)| name.trim().to_owned()));
        rest = onward;
    }
    kept.push_str(rest);
    (kept, modules)
}

/// The length of the item that begins here: to its `;`, or to the end of its braces.
fn end_of_item(code: &str) -> usize {
    let mut depth = 0_usize;
    for (place, c) in code.char_indices() {
        match c {
            ';' if depth == 0 => return place + 1,
            '{' => depth += 1,
            '}' if depth <= 1 => return place + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

#[test]
fn what_exists_in_tests_only_is_left_out() {
    let code =
        "fn a() {}\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\nfn b() {\n    if c {}\n}\nfn d() {}\n";
    let (kept, modules) = without_tests(code);
    assert_eq!(kept, "fn a() {}\n\n\n\n\n\n\nfn d() {}\n");
    assert_eq!(modules, ["tests"]);
}
