//! The Markdown that the pages are made of: a page's beginning, tables, and sentences of the code
//! whose characters keep their meaning in them.

/// The beginning of a page. `intro` is Markdown.
pub(super) fn begin(title: &str, intro: &str) -> String {
    format!(
        "# {title}\n\n<!-- Made from the code: HERALD_TEST_BLESS=1 cargo test --lib \
         the_reference_is_what_the_code_says -->\n\n{intro}\n"
    )
}

/// A table under these headings. The cells are Markdown; what would break a row is escaped.
pub(super) fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut text = row(&headings.map(str::to_owned));
    text.push_str(&format!("|{}\n", "---|".repeat(N)));
    for cells in rows {
        text.push_str(&row(&cells));
    }
    text
}

fn row(cells: &[String]) -> String {
    let cells = cells.iter().map(|cell| {
        let words: Vec<&str> = cell.split_whitespace().collect();
        words.join(" ").replace('|', "\\|")
    });
    let cells: Vec<String> = cells.collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A sentence of the code: what Markdown would take for markup is escaped, but for code between
/// backticks.
pub(super) fn sentence(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut in_code = false;
    for c in text.chars() {
        in_code ^= c == '`';
        if !in_code && matches!(c, '<' | '*') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The same with a full stop, should it have no end.
pub(super) fn ended(text: &str) -> String {
    let text = sentence(text.trim_end());
    if text.is_empty() || text.ends_with(['.', ':', '!', '?']) {
        text
    } else {
        format!("{text}.")
    }
}

/// A text as code.
pub(super) fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Where GitHub and mdBook put the anchor of a heading.
pub(super) fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_code_says_breaks_no_table() {
        let rows = [["`a|b`".to_owned(), "one\ntwo".to_owned()]];
        let expected = "| x | y |\n|---|---|\n| `a\\|b` | one two |\n";
        assert_eq!(table(["x", "y"], rows), expected);
    }

    #[test]
    fn a_sentence_keeps_its_characters() {
        let text = "Herald <a@b.example>, `<key>` and *";
        assert_eq!(sentence(text), "Herald \\<a@b.example>, `<key>` and \\*");
        assert_eq!(ended("Its id"), "Its id.");
        assert_eq!(ended("Done."), "Done.");
    }

    #[test]
    fn a_heading_has_its_anchor() {
        assert_eq!(anchor("herald token create"), "herald-token-create");
        assert_eq!(anchor("GET /v1/events/{id}"), "get-v1eventsid");
    }
}
