//! What is JSON, read straight off the grammar of RFC 8259, for tests: it shares nothing with
//! serde_json. And texts that are JSON, of every form that the grammar has.

use proptest::prelude::*;

/// How deep the arrays and objects of a text are nested; None: it is not JSON.
pub(super) fn depth(text: &str) -> Option<usize> {
    let mut grammar = Grammar(text.as_bytes());
    let depth = grammar.element()?;
    grammar.0.is_empty().then_some(depth)
}

/// What is left to read.
struct Grammar<'a>(&'a [u8]);

impl Grammar<'_> {
    fn skip(&mut self, fits: impl Fn(u8) -> bool) -> usize {
        let length = self.0.iter().take_while(|byte| fits(**byte)).count();
        self.0 = &self.0[length..];
        length
    }

    fn takes(&mut self, token: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(token)?;
        Some(())
    }

    /// `ws value ws`
    fn element(&mut self) -> Option<usize> {
        let space = |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.skip(space);
        let depth = match *self.0.first()? {
            b'{' => self.members(b"{", b"}", true)?,
            b'[' => self.members(b"[", b"]", false)?,
            b'"' => self.string().map(|()| 0)?,
            b't' => self.takes(b"true").map(|()| 0)?,
            b'f' => self.takes(b"false").map(|()| 0)?,
            b'n' => self.takes(b"null").map(|()| 0)?,
            _ => self.number().map(|()| 0)?,
        };
        self.skip(space);
        Some(depth)
    }

    fn members(&mut self, open: &[u8], close: &[u8], named: bool) -> Option<usize> {
        let space = |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.takes(open)?;
        self.skip(space);
        if self.takes(close).is_some() {
            return Some(1);
        }
        let mut deepest = 0;
        loop {
            if named {
                self.skip(space);
                self.string()?;
                self.skip(space);
                self.takes(b":")?;
            }
            deepest = deepest.max(self.element()?);
            if self.takes(b",").is_none() {
                self.takes(close)?;
                return Some(deepest + 1);
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        self.takes(b"\"")?;
        loop {
            self.skip(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
            if self.takes(b"\"").is_some() {
                return Some(());
            }
            self.takes(b"\\")?;
            if self.takes(b"u").is_some() {
                let digits = self.0.get(..4)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                self.0 = &self.0[4..];
            } else {
                let (escape, rest) = self.0.split_first()?;
                if !b"\"\\/bfnrt".contains(escape) {
                    return None;
                }
                self.0 = rest;
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        let digit = |byte: u8| byte.is_ascii_digit();
        let _ = self.takes(b"-");
        if self.takes(b"0").is_none() && self.skip(digit) == 0 {
            return None;
        }
        if self.takes(b".").is_some() && self.skip(digit) == 0 {
            return None;
        }
        if self.takes(b"e").or_else(|| self.takes(b"E")).is_some() {
            let _ = self.takes(b"+").or_else(|| self.takes(b"-"));
            if self.skip(digit) == 0 {
                return None;
            }
        }
        Some(())
    }
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\n\t"), 1 => Just("\r\n")]
}

fn string() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[^\\x00-\\x1f\"\\\\]{0,6}",
        2 => "\\\\[\"\\\\/bfnrt]",
        2 => "\\\\u[0-9a-fA-F]{4}",
        // Halves of pairs, whole ones among them.
        2 => "(\\\\u[dD][89abAB][0-9a-f]{2}|\\\\u[dD][c-fC-F][0-9a-f]{2}){1,3}",
    ];
    proptest::collection::vec(part, 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn number() -> impl Strategy<Value = String> {
    let whole = prop_oneof![4 => "-?(0|[1-9][0-9]{0,20})", 1 => "-?[1-9][0-9]{300,400}"];
    (whole, "(\\.[0-9]{1,25})?", "([eE][-+]?[0-9]{1,5})?")
        .prop_map(|(whole, fraction, power)| format!("{whole}{fraction}{power}"))
}

/// The text of any value.
pub(super) fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        number(),
        string(),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let item = (space(), inner, space())
            .prop_map(|(a, it, b)| format!("{a}{it}{b}"))
            .boxed();
        let field = (space(), string(), space(), item.clone())
            .prop_map(|(a, name, b, it)| format!("{a}{name}{b}:{it}"));
        prop_oneof![
            proptest::collection::vec(item, 0..5).prop_map(|it| format!("[{}]", it.join(","))),
            (space(), proptest::collection::vec(field, 0..5))
                .prop_map(|(a, it)| format!("{{{a}{}}}", it.join(","))),
        ]
    })
}

/// A text that is JSON but for one or two changes.
pub(super) fn nearly() -> impl Strategy<Value = String> {
    let change = (
        any::<proptest::sample::Index>(),
        0..3_u8,
        "[-+0-9eE.,:{}\\[\\]\"\\\\ud8 \\x00\né]",
    );
    (value(), proptest::collection::vec(change, 1..3)).prop_map(|(text, changes)| {
        let mut letters: Vec<char> = text.chars().collect();
        for (place, kind, other) in changes {
            let place = place.index(letters.len() + 1);
            let other = other.chars().next().unwrap();
            match kind {
                0 => letters.insert(place, other),
                _ if place == letters.len() => {}
                1 => letters[place] = other,
                _ => drop(letters.remove(place)),
            }
        }
        letters.into_iter().collect()
    })
}
