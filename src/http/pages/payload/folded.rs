//! JSON as folded lines of HTML. It copies each name and value from the text, but for escaped
//! letters, which are shown as letters; what is deep or long is folded, and what is too much for a
//! page is cut.

use std::borrow::Cow;

use maud::{Markup, PreEscaped, html};
use serde::de::IgnoredAny;

use super::{is_letter, visible};

/// Objects and arrays inside each other that are laid out; below, they are in one line.
const MOST_DEPTH: usize = 24;
/// Down to here objects and arrays are open at first.
const OPEN_DEPTH: usize = 2;
/// With more entries they are folded at first.
const OPEN_ENTRIES: usize = 20;
/// Bytes of the text for each line: of two short lines for each there are too many.
pub(super) const BYTES_A_LINE: usize = 32;
/// Bytes of one value.
const MOST_VALUE: usize = 2_000;

/// A text laid out.
pub(super) struct Folded {
    /// The lines.
    pub markup: Markup,
    /// Some are folded.
    pub closed: bool,
}

/// The text laid out, at most `most` bytes of it, and as many lines as such a text usually has.
/// None: it is not JSON.
pub(super) fn folded(text: &str, most: usize) -> Option<Folded> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut reader = JsonFolder {
        text,
        at: 0,
        room: most,
        lines: (most / BYTES_A_LINE).max(200),
        cut: false,
    };
    let mut out = String::new();
    reader.value(&mut out, "", 0);
    let closed = out.contains("<details>");
    let markup = html! {
        div class="json" {
            (PreEscaped(out))
            @if reader.cut { p class="muted" { "The rest is not shown here." } }
        }
    };
    Some(Folded { markup, closed })
}

/// Reads a text that is known to be JSON, from its beginning to its end or until the page is full.
struct JsonFolder<'a> {
    text: &'a str,
    at: usize,
    room: usize,
    lines: usize,
    cut: bool,
}

impl<'a> JsonFolder<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next character that is not white space.
    fn next(&mut self) -> Option<u8> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.peek()
    }

    /// Writes one value as lines. `before` is what comes before it: its name.
    fn value(&mut self, out: &mut String, before: &str, depth: usize) {
        match self.next() {
            Some(open @ (b'{' | b'[')) if depth < MOST_DEPTH => {
                self.container(out, before, open == b'{', depth);
            }
            Some(first) => {
                let (class, token) = match first {
                    b'{' | b'[' => ("", self.whole_container()),
                    b'"' => ("s", self.string()),
                    b't' | b'f' | b'n' => ("w", self.word()),
                    _ => ("n", self.word()),
                };
                let (shown, comma) = (escaped(token), self.comma());
                let value = format!("<span class=\"{class}\">{shown}</span>{comma}");
                self.line(out, before, &value);
                self.room = self.room.saturating_sub(token.len());
            }
            None => self.cut = true,
        }
    }

    fn container(&mut self, out: &mut String, before: &str, object: bool, depth: usize) {
        self.at += 1;
        let (open, close) = if object { ("{", "}") } else { ("[", "]") };
        let mut inner = String::new();
        let mut entries = 0_usize;
        self.lines = self.lines.saturating_sub(1);
        loop {
            match self.next() {
                Some(b'}' | b']') => {
                    self.at += 1;
                    break;
                }
                // The commas are at the ends of the lines.
                Some(b',') => self.at += 1,
                Some(_) if !self.cut && self.lines > 0 && self.room > 0 => {
                    let name = if object { self.name() } else { String::new() };
                    entries += 1;
                    self.value(&mut inner, &name, depth + 1);
                }
                _ => {
                    self.cut = true;
                    break;
                }
            }
        }
        let comma = if self.cut { "" } else { self.comma() };
        if entries == 0 && !self.cut {
            self.line(out, before, &format!("{open}{close}{comma}"));
            return;
        }
        let rest = if self.cut { " and more" } else { "" };
        let end = if self.cut { "…" } else { close };
        let said = match entries {
            1 => format!("1 entry{rest}"),
            _ => format!("{entries} entries{rest}"),
        };
        let body = format!("<div class=\"in\">{inner}</div><div>{end}{comma}</div>");
        let summary = format!("<summary>{before}{open} <small>{said}</small></summary>");
        let is_folded = depth > OPEN_DEPTH || entries > OPEN_ENTRIES && depth > 0;
        out.push_str(&match is_folded {
            true => format!("<details>{summary}{body}</details>"),
            false => format!("<div>{before}{open}</div>{body}"),
        });
    }

    fn line(&mut self, out: &mut String, before: &str, value: &str) {
        self.lines = self.lines.saturating_sub(1);
        out.push_str(&format!("<div>{before}{value}</div>"));
    }

    /// A name with its colon.
    fn name(&mut self) -> String {
        let name = self.string();
        self.room = self.room.saturating_sub(name.len());
        if self.next() == Some(b':') {
            self.at += 1;
        }
        format!("<span class=\"k\">{}</span>: ", escaped(name))
    }

    /// `,` if one comes next.
    fn comma(&mut self) -> &'static str {
        if self.next() == Some(b',') { "," } else { "" }
    }

    fn string(&mut self) -> &'a str {
        let begin = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
        self.text.get(begin..self.at).unwrap_or_default()
    }

    fn word(&mut self) -> &'a str {
        let begin = self.at;
        let part = |byte: &u8| !matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
        while self.peek().as_ref().is_some_and(part) {
            self.at += 1;
        }
        self.text.get(begin..self.at).unwrap_or_default()
    }

    /// An object or array with all that is in it.
    fn whole_container(&mut self) -> &'a str {
        let begin = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                break;
            }
        }
        self.text.get(begin..self.at).unwrap_or_default()
    }
}

/// A token with the escapes of letters as letters. All others stay: what cannot be seen, what
/// turns the direction of writing, halves of pairs, and what has a meaning in JSON.
fn letters(token: &str) -> Cow<'_, str> {
    if !token.contains("\\u") {
        return Cow::Borrowed(token);
    }
    let mut out = String::with_capacity(token.len());
    let mut rest = token;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let (character, length) = match half(escape) {
            Some(high @ 0xd800..=0xdbff) => match escape.get(6..).and_then(half) {
                Some(low @ 0xdc00..=0xdfff) => {
                    let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    (char::from_u32(code), 12)
                }
                _ => (None, 6),
            },
            Some(code) => (char::from_u32(code), 6),
            // One character is escaped: it may be another backslash.
            None => (None, 2),
        };
        match character.filter(|it| is_letter(*it)) {
            Some(letter) => out.push(letter),
            None => out.push_str(escape.get(..length).unwrap_or(escape)),
        }
        rest = escape.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The number of an escape `\uHHHH` at the beginning of a text.
fn half(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let hex = digits.bytes().all(|it| it.is_ascii_hexdigit());
    hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// A token of the text as HTML, its beginning if it is long.
fn escaped(token: &str) -> String {
    let token = letters(token);
    let (shown, rest) = token.split_at(token.floor_char_boundary(MOST_VALUE));
    let markup = html! {
        (visible(shown))
        @if !rest.is_empty() { small { "… and " (super::size(rest.len())) " more" } }
    };
    markup.into_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::tests::text_of;
    use super::*;

    fn markup(text: &str) -> String {
        folded(text, usize::MAX).unwrap().markup.into_string()
    }

    /// What is shown, without what is said about folded parts.
    fn shown(text: &str) -> String {
        let mut markup = markup(text);
        while let Some((begin, end)) = markup.find("<small>").zip(markup.find("</small>")) {
            markup.replace_range(begin..end + 8, "");
        }
        text_of(&markup)
    }

    #[test]
    fn names_keep_their_order_and_numbers_their_digits() {
        let text = r#"{"z":1.10,"a":12345678901234567890123,"z":-0e+5,"é":"\u00e9\ud83d\ude00"}"#;
        let expected = r#"{"z": 1.10,"a": 12345678901234567890123,"z": -0e+5,"é": "é😀"}"#;
        assert_eq!(shown(text), expected);
    }

    #[test]
    fn escaped_letters_are_shown_as_letters_and_nothing_else_is() {
        let shown = [
            (r"\u00e4\u4e2d\uD83D\uDE00\u0041", "ä中😀A"),
            (r"caf\u00e9 \n \u2192 \/", r"café \n → \/"),
            // An escaped backslash before a `u`.
            (r"\\u00e9", r"\\u00e9"),
            (r"\\\u00e9", r"\\é"),
        ];
        for (text, expected) in shown {
            let text = format!("{{\"{text}\":\"{text}\"}}");
            let expected = format!("{{\"{expected}\": \"{expected}\"}}");
            assert_eq!(self::shown(&text), expected);
        }
        let stays = r"\u0000 \u001b \u007f \u0085 \u0022 \u005c \u000a \u00a0 \u200b \u200f \u202e \u2028
            \u2066 \u061c \ufeff \ufffe \ud800 \udc00 \ud800x \udb40\udc41";
        for text in stays.split_whitespace() {
            let text = format!("[\"{text}\"]");
            assert_eq!(self::shown(&text), text);
        }
        assert_eq!(self::shown(r#"["\ud800\u0041"]"#), r#"["\ud800A"]"#);
        let markup = markup(r#"["\u003cscript\u003e\u0026"]"#);
        assert!(markup.contains("&lt;script&gt;&amp;"), "{markup}");
    }

    #[test]
    fn four_thousand_lines_are_laid_out_whole_and_a_page_stays_bounded() {
        let line =
            |n: usize| format!("{{\"sku\":\"A-{n}\",\"name\":\"Trail Jacket {n}\",\"n\":{n}}}");
        let lines: Vec<String> = (0..1_000).map(line).collect();
        let text = format!("{{\"items\":[{}]}}", lines.join(","));
        let whole = folded(&text, super::super::MOST_RAW).unwrap();
        let markup = whole.markup.into_string();
        assert!(!markup.contains("The rest") && markup.contains("A-999"));
        assert!(whole.closed && markup.len() < 1 << 20, "{}", markup.len());
        let most = format!("[{}0]", "0,".repeat(500_000));
        let markup = folded(&most, super::super::MOST_RAW).unwrap().markup;
        let length = markup.into_string().len();
        assert!(length < 1 << 20, "{length}");
    }

    #[test]
    fn empty_ones_and_scalars_stand_in_one_line() {
        for text in ["{}", "[]", "1", "\"\"", "null", "[{},[]]"] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn what_is_deep_or_long_is_folded_and_the_first_levels_are_open() {
        let markup = markup(r#"{"a":{"b":{"c":{"d":1}}}}"#);
        assert_eq!(markup.matches("<details>").count(), 1, "{markup}");
        let long = format!("{{\"a\":[{}0]}}", "0,".repeat(20));
        assert!(self::markup(&long).contains("21 entries"), "{long}");
        let open = format!("{{\"a\":[{}0]}}", "0,".repeat(19));
        assert!(!self::markup(&open).contains("<details>"));
    }

    #[test]
    fn what_is_not_json_is_not_laid_out() {
        for text in ["", "{", "{} x", "{'a':1}", "nul"] {
            assert!(folded(text, 100).is_none(), "{text}");
        }
    }

    #[test]
    fn a_page_stays_small_whatever_the_payload() {
        let deep = format!("{}{}", "[".repeat(120), "]".repeat(120));
        let wide = format!("[{}0]", "0,".repeat(200_000));
        let quotes = format!("{{\"a\":\"{}\"}}", "\\\"<&".repeat(100_000));
        let many = format!("{{\"a\":1{}}}", ",\"a\":{\"b\":[1]}".repeat(50_000));
        for text in [deep, wide, quotes, many] {
            let markup = folded(&text, 8 << 10).unwrap().markup.into_string();
            assert!(markup.len() < 40 << 10, "{} bytes", markup.len());
        }
    }

    #[test]
    fn what_is_cut_says_so() {
        let text = format!("[{}0]", "0,".repeat(5_000));
        let markup = folded(&text, 8 << 10).unwrap().markup.into_string();
        assert!(markup.contains("The rest is not shown here."));
        assert!(!self::markup("[1,2]").contains("The rest"));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec(("\\PC{0,6}", inner), 0..6)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_shown_says_what_the_text_says(value in any_json(), pretty: bool) {
            let text = if pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            // What cannot be seen is shown as something else on purpose.
            prop_assume!(visible(&text) == text || pretty);
            let shown = shown(&text);
            prop_assume!(visible(&text) == text);
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
        }

        #[test]
        fn every_tag_is_closed(value in any_json(), most in 0_usize..200) {
            let markup = folded(&value.to_string(), most).unwrap().markup.into_string();
            for tag in ["div", "details", "summary", "span", "small", "p"] {
                let opened = markup.matches(&format!("<{tag}>")).count()
                    + markup.matches(&format!("<{tag} ")).count();
                prop_assert_eq!(opened, markup.matches(&format!("</{tag}>")).count(), "{}", tag);
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,80}", most in 0_usize..50) {
            let _ = folded(&text, most);
        }

        /// Escapes of any kind, whole or cut, mean the same before and after.
        #[test]
        fn escapes_keep_their_meaning(parts in prop::collection::vec(
            prop_oneof!["\\\\u[0-9a-fA-F]{4}", "\\\\u[dD][89a-fA-F][0-9a-fA-F]{2}", "\\\\[nrt\"\\\\/]", "[a-zé中]"], 0..12))
        {
            let text = format!("\"{}\"", parts.concat());
            let shown = letters(&text);
            match serde_json::from_str::<Value>(&text) {
                Ok(value) => prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value),
                // Lone halves have no meaning for serde_json, before and after.
                Err(_) => prop_assert!(serde_json::from_str::<Value>(&shown).is_err()),
            }
        }
    }
}
