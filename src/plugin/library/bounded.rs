//! Rhai's own functions that can make much of little in one step, where no limit is asked. Each
//! stands here again under the same name and looks first; Herald's win over the packages'.

use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, ImmutableString};

use super::{Budget, Fallible, too_large};

/// The most copies that one `pad` may add of a value that is not a plain one: its real size,
/// with the names in maps, is counted nowhere.
const MAX_COPIES: usize = 1_000;

pub(super) fn register(engine: &mut Engine, budget: &Rc<Budget>) {
    let (bytes, items) = (budget.limits().string_bytes, budget.limits().array_items);
    let replace = move |text: &mut ImmutableString, find: &str, by: &str| {
        *text = replaced(text, find, by, bytes)?.into();
        Ok::<_, Box<rhai::EvalAltResult>>(())
    };
    engine
        .register_fn(
            "replace",
            move |text: &mut ImmutableString, find: &str, by: &str| replace(text, find, by),
        )
        .register_fn(
            "replace",
            move |text: &mut ImmutableString, find: char, by: &str| {
                replace(text, find.encode_utf8(&mut [0; 4]), by)
            },
        )
        .register_fn(
            "replace",
            move |text: &mut ImmutableString, find: &str, by: char| {
                replace(text, find, by.encode_utf8(&mut [0; 4]))
            },
        )
        .register_fn(
            "replace",
            move |text: &mut ImmutableString, find: char, by: char| {
                let mut room = ([0; 4], [0; 4]);
                replace(
                    text,
                    find.encode_utf8(&mut room.0),
                    by.encode_utf8(&mut room.1),
                )
            },
        );
    engine
        .register_fn("split", move |text: &str| {
            pieces(text.split_whitespace(), items)
        })
        .register_fn("split", move |text: &str, by: &str| {
            pieces(text.split(by), items)
        })
        .register_fn("split", move |text: &str, by: char| {
            pieces(text.split(by), items)
        })
        .register_fn("split", move |text: &str, by: &str, most: i64| {
            pieces(text.splitn(count(most), by), items)
        })
        .register_fn("split", move |text: &str, by: char, most: i64| {
            pieces(text.splitn(count(most), by), items)
        })
        .register_fn("split_rev", move |text: &str, by: &str| {
            pieces(text.rsplit(by), items)
        })
        .register_fn("split_rev", move |text: &str, by: char| {
            pieces(text.rsplit(by), items)
        })
        .register_fn("split_rev", move |text: &str, by: &str, most: i64| {
            pieces(text.rsplitn(count(most), by), items)
        })
        .register_fn("split_rev", move |text: &str, by: char, most: i64| {
            pieces(text.rsplitn(count(most), by), items)
        });
    engine
        .register_fn(
            "pad",
            move |text: &mut ImmutableString, length: i64, by: char| {
                pad_text(text, length, by.encode_utf8(&mut [0; 4]), bytes)
            },
        )
        .register_fn(
            "pad",
            move |text: &mut ImmutableString, length: i64, by: &str| {
                pad_text(text, length, by, bytes)
            },
        );
    engine.register_fn(
        "pad",
        move |array: &mut Array, length: i64, item: Dynamic| pad(array, length, item, items),
    );
}

fn count(most: i64) -> usize {
    usize::try_from(most).unwrap_or(0)
}

fn replaced(text: &str, find: &str, by: &str, most: usize) -> Fallible<String> {
    if by.len() > find.len() {
        let growth = text
            .matches(find)
            .count()
            .saturating_mul(by.len() - find.len());
        if text.len().saturating_add(growth) > most {
            return too_large("Length of string");
        }
    }
    Ok(text.replace(find, by))
}

fn pieces<'a>(pieces: impl Iterator<Item = &'a str>, most: usize) -> Fallible<Array> {
    let mut array = Array::new();
    for piece in pieces {
        if array.len() >= most {
            return too_large("Size of array/BLOB");
        }
        array.push(piece.into());
    }
    Ok(array)
}

/// To `length` characters; Rhai's own goes character by character.
fn pad_text(text: &mut ImmutableString, length: i64, by: &str, most: usize) -> Fallible<()> {
    let length = usize::try_from(length).unwrap_or(0);
    let missing = length.saturating_sub(text.chars().count());
    let step = by.chars().count();
    if missing == 0 || step == 0 {
        return Ok(());
    }
    let copies = missing / step;
    if (copies + 1)
        .saturating_mul(by.len())
        .saturating_add(text.len())
        > most
    {
        return too_large("Length of string");
    }
    let mut padded = text.to_string();
    padded.push_str(&by.repeat(copies));
    padded.extend(by.chars().take(missing % step));
    *text = padded.into();
    Ok(())
}

fn pad(array: &mut Array, length: i64, item: Dynamic, most: usize) -> Fallible<()> {
    let Ok(length) = usize::try_from(length) else {
        return Ok(());
    };
    let copies = length.saturating_sub(array.len());
    let nested = item.is_map() || item.is_array() || item.is_blob();
    if length > most || (nested && copies > MAX_COPIES) {
        return too_large("Size of array/BLOB");
    }
    if copies > 0 {
        array.resize(length, item);
    }
    Ok(())
}
