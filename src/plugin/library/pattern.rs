//! Regular expressions. The crate `regex` does not backtrack: one search takes time in proportion
//! to the text's length times the compiled pattern's size. So both are bounded together, and
//! between two matches of one text the budget is asked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use regex::{Regex, RegexBuilder};
use rhai::{Dynamic, Engine, ImmutableString};

use super::{Budget, Fallible, fail, over, too_large};

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 1_000;
/// Patterns kept compiled for a thread; when there are more, all are dropped.
const KEPT: usize = 64;
/// Sizes of a compiled pattern in bytes, the smallest first: with the longest text, in bytes,
/// that it may be used on.
const CLASSES: [(usize, usize); 3] = [
    (16 << 10, 256 << 10),
    (64 << 10, 64 << 10),
    (256 << 10, 16 << 10),
];

#[derive(Clone)]
struct Pattern {
    regex: Regex,
    longest: usize,
}

struct Patterns {
    budget: Rc<Budget>,
    kept: RefCell<HashMap<ImmutableString, Pattern>>,
}

pub(super) fn register(engine: &mut Engine, budget: &Rc<Budget>) {
    let patterns = Rc::new(Patterns {
        budget: Rc::clone(budget),
        kept: RefCell::default(),
    });
    let shared = Rc::clone(&patterns);
    engine.register_fn(
        "regex_is_match",
        move |text: ImmutableString, pattern: ImmutableString| {
            Ok::<_, Box<rhai::EvalAltResult>>(shared.for_text(&pattern, &text)?.is_match(&text))
        },
    );
    let shared = Rc::clone(&patterns);
    engine.register_fn(
        "regex_find",
        move |text: ImmutableString, pattern: ImmutableString| shared.find(&text, &pattern),
    );
    engine.register_fn(
        "regex_replace",
        move |text: ImmutableString, pattern: ImmutableString, by: ImmutableString| {
            patterns.replace(&text, &pattern, &by)
        },
    );
}

impl Patterns {
    fn for_text(&self, pattern: &ImmutableString, text: &str) -> Fallible<Regex> {
        // Compiling can be the greater part of the cost.
        self.budget.check().or_else(over)?;
        let found = self.kept.borrow().get(pattern).cloned();
        let found = match found {
            Some(found) => found,
            None => {
                let made = compile(pattern)?;
                let mut kept = self.kept.borrow_mut();
                if kept.len() >= KEPT {
                    kept.clear();
                }
                kept.insert(pattern.clone(), made.clone());
                made
            }
        };
        if text.len() > found.longest {
            return fail(format!(
                "a pattern of this size can be used on texts of at most {} bytes",
                found.longest
            ));
        }
        Ok(found.regex)
    }

    /// The first match: an array of the whole and the groups, `()` for a group that has none;
    /// or `()`.
    fn find(&self, text: &str, pattern: &ImmutableString) -> Fallible<Dynamic> {
        let regex = self.for_text(pattern, text)?;
        let group = |found: Option<regex::Match<'_>>| match found {
            Some(found) => Dynamic::from(ImmutableString::from(found.as_str())),
            None => Dynamic::UNIT,
        };
        Ok(regex.captures(text).map_or(Dynamic::UNIT, |captures| {
            Dynamic::from_array(captures.iter().map(group).collect())
        }))
    }

    /// Every match replaced; `$1` and `${name}` stand for groups.
    fn replace(&self, text: &str, pattern: &ImmutableString, by: &str) -> Fallible<String> {
        let regex = self.for_text(pattern, text)?;
        let most = self.budget.limits().string_bytes;
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        // Each search may read to the end of the text, so that all of them together are not
        // linear in it.
        for captures in regex.captures_iter(text) {
            self.budget.check().or_else(over)?;
            let Some(whole) = captures.get(0) else {
                continue;
            };
            out.push_str(text.get(copied..whole.start()).unwrap_or_default());
            captures.expand(by, &mut out);
            copied = whole.end();
            if out.len() > most {
                return too_large("Length of string");
            }
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Ok(out)
    }
}

fn compile(pattern: &str) -> Fallible<Pattern> {
    if pattern.len() > MAX_PATTERN {
        return fail(format!("a pattern may have {MAX_PATTERN} bytes"));
    }
    for (size, longest) in CLASSES {
        let built = RegexBuilder::new(pattern)
            .size_limit(size)
            .dfa_size_limit(1 << 20)
            .nest_limit(50)
            .build();
        match built {
            Ok(regex) => return Ok(Pattern { regex, longest }),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(error) => return fail(format!("not a regular expression: {error}")),
        }
    }
    fail("the regular expression is too large: use fewer or smaller repetitions and classes")
}
