//! How a payload is shown: as folded JSON, and raw to be copied. The bytes are never written
//! again: names keep their order and numbers their digits.

mod folded;

use maud::{Markup, html};

use super::ui;

/// The most bytes of a text that a page shows: some 4,000 lines can be read and searched there.
pub(in crate::http) const MOST_RAW: usize = 256 << 10;
/// The most lines that it is laid out in.
#[cfg(test)]
pub(in crate::http) const MOST_LINES: usize = MOST_RAW / folded::BYTES_A_LINE;

/// A payload under a heading: folded, raw, with a button that copies it. What is not JSON is
/// shown as text.
pub(super) fn view(title: &str, id: &str, bytes: &[u8]) -> Markup {
    part(title, id, bytes, None, MOST_RAW)
}

/// As [`view`], of at most `most` bytes. `id`: of the raw text's element, once on a page; `whole`:
/// where all of the bytes can be had.
pub(super) fn part(
    title: &str,
    id: &str,
    bytes: &[u8],
    whole: Option<&str>,
    most: usize,
) -> Markup {
    let text = std::str::from_utf8(bytes).ok();
    let folded = text.and_then(|text| folded::folded(text, most));
    let raw = RawText::of(bytes, most);
    let as_text = html! {
        // The parser of HTML takes one line break at the beginning away.
        pre id=(id) { "\n" (raw.text) }
        @if raw.cut {
            p class="muted" {
                "The first " (size(raw.bytes)) " of " (size(bytes.len())) "."
                @if let Some(whole) = whole { " " a href=(whole) download { "All bytes" } "." }
            }
        }
    };
    html! {
        div class="payload" {
            div class="payload-head" {
                p class="title" { (title) }
                span class="muted" { (size(bytes.len())) }
                @if folded.as_ref().is_some_and(|it| it.closed) {
                    button class="quiet with-script" type="button" data-unfold { "Unfold all" }
                }
                @match whole {
                    _ if bytes.is_empty() => {}
                    _ if !raw.cut && raw.exact => { (ui::copy(id)) }
                    // What the page shows is not what the bytes are.
                    Some(whole) => { (ui::copy_from(id, whole)) }
                    None => {}
                }
                @if let Some(whole) = whole { a href=(whole) download { "All bytes" } }
            }
            @match &folded {
                _ if bytes.is_empty() => { p class="muted" { "It is empty." } }
                Some(folded) => {
                    (folded.markup)
                    details class="raw" { summary { "Raw" } (as_text) }
                }
                None => {
                    @if text.is_none() {
                        p class="muted" { "These bytes are not text: what cannot be read is shown as �." }
                    }
                    (as_text)
                }
            }
        }
    }
}

/// The beginning of some bytes as text that can be seen.
struct RawText {
    text: String,
    /// How many bytes it shows.
    bytes: usize,
    /// There is more.
    cut: bool,
    /// It says what the bytes say.
    exact: bool,
}

impl RawText {
    fn of(bytes: &[u8], most: usize) -> Self {
        let mut end = most.min(bytes.len());
        // Not within a character: at most three bytes belong to one that began before.
        for _ in 0..3 {
            let within = |byte: &u8| (0x80..0xc0).contains(byte);
            if end < bytes.len() && bytes.get(end).is_some_and(within) {
                end = end.saturating_sub(1);
            }
        }
        let begin = bytes.get(..end).unwrap_or_default();
        let lossy = String::from_utf8_lossy(begin);
        let text = visible(&lossy);
        Self {
            exact: text == lossy && matches!(lossy, std::borrow::Cow::Borrowed(_)),
            text,
            bytes: end,
            cut: end < bytes.len(),
        }
    }
}

/// A text in which control characters and those that turn the direction of writing can be seen.
pub(super) fn visible(text: &str) -> String {
    text.chars().map(|c| visible_char(c).unwrap_or(c)).collect()
}

fn visible_char(character: char) -> Option<char> {
    match character {
        '\n' | '\t' => None,
        '\u{7f}' => Some('\u{2421}'),
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)),
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}' => Some('\u{fffd}'),
        _ => None,
    }
}

/// Whether an escape in JSON is shown as its character: one that can be seen in its place, does not
/// turn the direction of writing, and means nothing in JSON.
fn is_letter(character: char) -> bool {
    let unseen = matches!(
        character,
        '\n' | '\t' | '"' | '\\' | '\u{a0}' | '\u{ad}' | '\u{180e}'
            | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
            | '\u{3000}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    let no_character =
        u32::from(character) & 0xfffe == 0xfffe || ('\u{fdd0}'..='\u{fdef}').contains(&character);
    !unseen && !no_character && visible_char(character).is_none()
}

/// A number of bytes for people.
pub(super) fn size(bytes: usize) -> String {
    let tenths = |unit: usize| {
        let tenths = (bytes.saturating_mul(10) + unit / 2) / unit;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match bytes {
        1 => "1 byte".to_owned(),
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", tenths(1024)),
        _ => format!("{} MiB", tenths(1_048_576)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader of the page sees: the text without tags, with the characters instead of
    /// their entities.
    pub(super) fn text_of(markup: &str) -> String {
        let mut text = String::new();
        let mut inside = false;
        for c in markup.chars() {
            match c {
                '<' => inside = true,
                '>' if inside => inside = false,
                _ if inside => {}
                _ => text.push(c),
            }
        }
        let text = text.replace("&lt;", "<").replace("&gt;", ">");
        text.replace("&quot;", "\"").replace("&amp;", "&")
    }

    #[test]
    fn markup_in_a_payload_is_shown_as_text() {
        let hostile = br#"{"<script>alert(1)</script>":"<img src=x onerror=alert(1)>&amp;"}"#;
        for bytes in [&hostile[..], b"<script>alert(1)</script>", b"\xff<b>"] {
            let shown = view("<i>title", "x", bytes).into_string();
            for tag in ["<script", "<img", "<b>", "<i>"] {
                assert!(!shown.contains(tag), "{shown}");
            }
        }
        let shown = view("Payload", "x", hostile).into_string();
        assert!(text_of(&shown).contains("<img src=x onerror=alert(1)>&amp;"));
    }

    #[test]
    fn what_is_no_text_is_said_to_be_none() {
        let shown = view("Body", "x", b"\xff\xfe\0").into_string();
        assert!(shown.contains("These bytes are not text"), "{shown}");
        assert!(shown.contains('\u{2400}'), "{shown}");
        let shown = view("Body", "x", b"").into_string();
        assert!(shown.contains("It is empty."));
    }

    #[test]
    fn a_large_payload_is_cut_at_a_whole_character_and_says_so() {
        let text = "é".repeat(MOST_RAW);
        for before in 0..3 {
            let bytes = [&b"aaa"[..before], text.as_bytes()].concat();
            let raw = RawText::of(&bytes, MOST_RAW);
            assert!(raw.cut && raw.exact && raw.bytes <= MOST_RAW);
        }
        let shown = part("Payload", "x", text.as_bytes(), Some("/raw"), 100).into_string();
        let cut = "The first 100 bytes of 512.0 KiB.";
        for said in [cut, "data-copy-from=\"/raw\"", "href=\"/raw\""] {
            assert!(shown.contains(said), "{shown}");
        }
        assert!(shown.len() < 1_500, "{shown}");
    }

    #[test]
    fn sizes_are_rounded_as_people_say_them() {
        let said = [0, 1, 1023, 1024, 1536, 1 << 20].map(size);
        let expected = [
            "0 bytes",
            "1 byte",
            "1023 bytes",
            "1.0 KiB",
            "1.5 KiB",
            "1.0 MiB",
        ];
        assert_eq!(said, expected);
    }
}
