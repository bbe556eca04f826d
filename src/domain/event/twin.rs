//! JSON is wider than what readers hold: a number may have any size, and a text half of a
//! surrogate pair (RFC 8259, 6 and 8.2). The twin of such a text says in the same places what
//! readers can hold. Published bytes are never replaced by it; it knows no events.

use serde::de::IgnoredAny;

/// Stands for a number beyond the 64-bit floats. None of those is shorter.
const LARGE: &[u8] = b"1e308";
/// Bytes of `\u` and four digits.
const ESCAPE: usize = 6;

/// The twin of a text, byte for byte as long, if something in it has to be replaced. Broken JSON
/// stays broken: only whole numbers and whole escapes are replaced, by others of the same length.
pub(super) fn of(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut twin = None;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at = match byte {
            b'"' => string(bytes, at + 1, &mut twin),
            b'-' | b'0'..=b'9' => number(text, at, &mut twin),
            _ => at + 1,
        };
    }
    String::from_utf8(twin?).ok()
}

/// Walks through a string from behind its first quote; where it ends.
fn string(bytes: &[u8], mut at: usize, twin: &mut Option<Vec<u8>>) -> usize {
    loop {
        at = match bytes.get(at) {
            None => return at,
            Some(b'"') => return at + 1,
            Some(b'\\') => match unit(bytes, at) {
                Some(0xd800..0xdc00)
                    if matches!(unit(bytes, at + ESCAPE), Some(0xdc00..0xe000)) =>
                {
                    at + 2 * ESCAPE
                }
                Some(0xd800..0xe000) => {
                    replace(bytes, twin, at, b"\\ufffd");
                    at + ESCAPE
                }
                _ => at + 2,
            },
            Some(_) => at + 1,
        };
    }
}

/// The UTF-16 unit of an escape `\uHHHH` that begins here.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + ESCAPE)?;
    let digits = escape.strip_prefix(b"\\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Walks over what looks like a number; where it ends.
fn number(text: &str, begin: usize, twin: &mut Option<Vec<u8>>) -> usize {
    let rest = text.as_bytes().get(begin..).unwrap_or_default();
    let part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let end = begin
        + rest
            .iter()
            .position(|byte| !part(byte))
            .unwrap_or(rest.len());
    let token = text.get(begin..end).unwrap_or_default();
    let may_be_large = token.len() > 300 || token.contains(['e', 'E']);
    if may_be_large
        && serde_json::from_str::<f64>(token).is_err()
        && serde_json::from_str::<IgnoredAny>(token).is_ok()
    {
        // White space may follow a number.
        let mut other = vec![b' '; token.len()];
        let sign = usize::from(token.starts_with('-'));
        if let Some(place) = other.get_mut(sign..sign + LARGE.len()) {
            place.copy_from_slice(LARGE);
        }
        if let Some(place) = other.get_mut(..sign) {
            place.fill(b'-');
        }
        replace(text.as_bytes(), twin, begin, &other);
    }
    end
}

fn replace(bytes: &[u8], twin: &mut Option<Vec<u8>>, at: usize, by: &[u8]) {
    let twin = twin.get_or_insert_with(|| bytes.to_vec());
    if let Some(place) = twin.get_mut(at..at + by.len()) {
        place.copy_from_slice(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readers_can_hold_has_no_twin() {
        for text in [
            "",
            "{}",
            r#"{"a":[1e308,-1e308,1e-999,0.1e1,"\ud83d\ude00","\\ud800","1e999"]}"#,
            "1e",
            "01e999",
            "1.e999",
            "--1e999",
            r#""\ud83"#,
            r#""\ud8zz""#,
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn a_twin_is_as_long_and_says_the_same_in_the_same_places() {
        let digits = "7".repeat(400);
        for (text, twin) in [
            ("[1e309,-1E+999]", "[1e308,-1e308 ]".to_owned()),
            (r#"["\ud800",1]"#, r#"["\ufffd",1]"#.to_owned()),
            (
                r#""\udc00\ud800\ud800\udc00""#,
                r#""\ufffd\ufffd\ud800\udc00""#.to_owned(),
            ),
            (r#"{"\uDBFF\n":2}"#, r#"{"\ufffd\n":2}"#.to_owned()),
            (&digits, format!("1e308{}", " ".repeat(395))),
        ] {
            assert_eq!(of(text).as_deref(), Some(twin.as_str()), "{text}");
            assert_eq!(text.len(), twin.len());
        }
    }
}
