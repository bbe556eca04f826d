//! What changed between two payloads, line by line.

use std::time::Duration;

use maud::{Markup, html};
use similar::{ChangeTag, TextDiff};

use super::payload::visible;
use crate::domain::json_lines::laid_out;

/// Unchanged lines around each change.
const CONTEXT: usize = 2;
/// With more lines they are not compared either: the time grows with the square of them.
const MOST_COMPARED: usize = 2_000;
/// After so long the rest counts as changed.
const LONGEST: Duration = Duration::from_millis(50);
/// Lines that a page shows.
const MOST_LINES: usize = 120;
/// Longer payloads are not compared.
const MOST_BYTES: usize = 64 << 10;
/// Characters of a line that a page shows.
const MOST_CHARS: usize = 300;

/// The lines that are not the same, with some around them.
pub(super) fn view(title: &str, before: &[u8], after: &[u8]) -> Markup {
    if before.len().max(after.len()) > MOST_BYTES {
        return html! {};
    }
    let (old, new) = (laid_out(before), laid_out(after));
    if old.lines().count().max(new.lines().count()) > MOST_COMPARED {
        return html! {};
    }
    let mut diff = TextDiff::configure();
    let diff = diff.timeout(LONGEST).diff_lines(&old, &new);
    let mut lines = Vec::new();
    for (place, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if place > 0 {
            lines.push((None, "⋯".to_owned()));
        }
        let changes = group.iter().flat_map(|part| diff.iter_changes(part));
        lines.extend(changes.map(|change| (Some(change.tag()), short(change.value()))));
    }
    let cut = lines.len() > MOST_LINES;
    lines.truncate(MOST_LINES);
    html! {
        div class="payload" {
            div class="payload-head" { p class="title" { (title) } }
            @if lines.is_empty() {
                p class="muted" { "Only the formatting of the JSON." }
            } @else {
                pre class="diff" {
                    @for (tag, line) in &lines {
                        @match tag {
                            Some(ChangeTag::Delete) => { del { "- " (line) } "\n" }
                            Some(ChangeTag::Insert) => { ins { "+ " (line) } "\n" }
                            Some(ChangeTag::Equal) | None => { "  " (line) "\n" }
                        }
                    }
                }
                @if cut { p class="muted" { "There are more changes than fit here." } }
            }
        }
    }
}

fn short(line: &str) -> String {
    let line = line.trim_end_matches('\n');
    let mut text: String = line.chars().take(MOST_CHARS).collect();
    if text.len() < line.len() {
        text.push('…');
    }
    visible(&text)
}

#[cfg(test)]
mod tests {
    use super::view;

    #[test]
    fn what_changed_is_marked_and_is_text() {
        let old = br#"{"b":1,"a":"<b>"}"#;
        let new = br#"{"a":"<i>","b":1}"#;
        let shown = view("Changes", old, new).into_string();
        for changed in [
            "<del>-   &quot;a&quot;: &quot;&lt;b&gt;&quot;,</del>",
            "<ins>+   &quot;a&quot;: &quot;&lt;i&gt;&quot;,</ins>",
        ] {
            assert!(shown.contains(changed), "{shown}");
        }
        assert!(!shown.contains("+   &quot;b&quot;"), "{shown}");
        let same = view("Changes", old, br#"{ "a": "<b>", "b": 1 }"#).into_string();
        assert!(same.contains("Only the formatting"), "{same}");
    }

    #[test]
    fn a_page_stays_small_whatever_changed() {
        let old = format!("[{}0]", "1,".repeat(20_000));
        let new = format!("[{}0]", "2,".repeat(20_000));
        let shown = view("Changes", old.as_bytes(), new.as_bytes()).into_string();
        assert!(shown.len() < 10_000);
    }
}
