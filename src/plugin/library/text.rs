//! Rhai's own functions on texts that go character by character, each of which costs some tens of
//! nanoseconds there. Here they copy slices, so that the longest text takes a millisecond.

use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

use rhai::{Array, Engine, ImmutableString};

use super::{Budget, Fallible, bounded};

pub(super) fn register(engine: &mut Engine, budget: &Rc<Budget>) {
    engine
        .register_fn("crop", crop)
        .register_fn("crop", |text: &mut ImmutableString, start: i64| {
            crop(text, start, i64::MAX);
        })
        .register_fn("crop", |text: &mut ImmutableString, range: Range<i64>| {
            let start = range.start.max(0);
            crop(text, start, range.end.max(start) - start);
        })
        .register_fn(
            "crop",
            |text: &mut ImmutableString, range: RangeInclusive<i64>| {
                let start = (*range.start()).max(0);
                let end = (*range.end()).max(start).min(i64::MAX - 1);
                crop(text, start, end - start + 1);
            },
        )
        .register_fn("set", set)
        .register_fn("pop", pop);
    let account = Rc::clone(budget);
    engine.register_fn(
        "to_chars",
        move |text: ImmutableString| -> Fallible<Array> {
            bounded::collect(text.chars(), &account)
        },
    );
}

/// Where the character of that number begins, or where the text ends.
fn place(text: &str, characters: i64) -> usize {
    let mut rest = text.chars();
    if let Some(before) = usize::try_from(characters)
        .ok()
        .and_then(|it| it.checked_sub(1))
    {
        rest.nth(before);
    }
    text.len() - rest.as_str().len()
}

fn length(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// Keeps `count` characters from `start`, which counts from the end if it is negative.
fn crop(text: &mut ImmutableString, start: i64, count: i64) {
    let start = if start < 0 {
        (length(text) + start.max(-i64::MAX)).max(0)
    } else {
        start
    };
    let kept = text.get(place(text, start)..).unwrap_or_default();
    *text = kept
        .get(..place(kept, count.max(0)))
        .unwrap_or_default()
        .into();
}

/// Puts a character in the place of another; one that is not there is left alone.
fn set(text: &mut ImmutableString, index: i64, by: char) {
    let index = if index < 0 {
        length(text).saturating_add(index)
    } else {
        index
    };
    if index < 0 {
        return;
    }
    let at = place(text, index);
    let (before, rest) = text.split_at_checked(at).unwrap_or((text, ""));
    let mut behind = rest.chars();
    if behind.next().is_none() {
        return;
    }
    let mut changed = String::with_capacity(text.len() + by.len_utf8());
    changed.push_str(before);
    changed.push(by);
    changed.push_str(behind.as_str());
    *text = changed.into();
}

/// Cuts the last characters off and gives them back.
fn pop(text: &mut ImmutableString, count: i64) -> ImmutableString {
    if count <= 0 {
        return ImmutableString::new();
    }
    let at = place(text, length(text).saturating_sub(count).max(0));
    let (kept, cut) = text.split_at_checked(at).unwrap_or(("", text));
    let (kept, cut) = (kept.into(), cut.into());
    *text = kept;
    cut
}
