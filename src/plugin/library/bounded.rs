//! Rhai's own functions that can make much of little in one step, where no limit is asked. Each
//! is here again under the same name and checks first; Herald's win over the packages'.

use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, ImmutableString, Map};

use super::{Budget, Fallible, over, too_large};

/// Values or matches between two looks at the budget.
const STEPS_BETWEEN_LOOKS: usize = 1_024;
/// The most bytes that one step may copy. Rhai's own limits count what values hold, but not the
/// names in maps, which may be long.
const MAX_COPIED: usize = 16 << 20;

pub(super) fn register(engine: &mut Engine, budget: &Rc<Budget>) {
    replace(engine, budget);
    split(engine, budget);
    pad(engine, budget);
    // `+=` is the engine's own and asks nobody: the look at the memory bounds what it copies.
    engine.register_fn("append", |array: &mut Array, more: Array| {
        copied_once(more.iter())?;
        array.extend(more);
        Ok::<_, Box<rhai::EvalAltResult>>(())
    });
    engine.register_fn("+", |mut array: Array, more: Array| {
        copied_once(more.iter())?;
        array.extend(more);
        Ok::<_, Box<rhai::EvalAltResult>>(array)
    });
    engine.register_fn("values", |map: Map| {
        copied_once(map.values())?;
        Ok::<_, Box<rhai::EvalAltResult>>(map.into_values().collect::<Array>())
    });
}

fn replace(engine: &mut Engine, budget: &Rc<Budget>) {
    type Text = ImmutableString;
    let account = Rc::clone(budget);
    engine.register_fn("replace", move |text: &mut Text, find: &str, by: &str| {
        replaced(text, find, by, &account)
    });
    let account = Rc::clone(budget);
    engine.register_fn("replace", move |text: &mut Text, find: char, by: &str| {
        replaced(text, find.encode_utf8(&mut [0; 4]), by, &account)
    });
    let account = Rc::clone(budget);
    engine.register_fn("replace", move |text: &mut Text, find: &str, by: char| {
        replaced(text, find, by.encode_utf8(&mut [0; 4]), &account)
    });
    let account = Rc::clone(budget);
    engine.register_fn("replace", move |text: &mut Text, find: char, by: char| {
        let (find, by) = (String::from(find), String::from(by));
        replaced(text, &find, &by, &account)
    });
}

fn split(engine: &mut Engine, budget: &Rc<Budget>) {
    let account = Rc::clone(budget);
    engine.register_fn("split", move |text: &str| {
        collect(text.split_whitespace(), &account)
    });
    let account = Rc::clone(budget);
    engine.register_fn("split", move |text: &str, by: &str| {
        collect(text.split(by), &account)
    });
    let account = Rc::clone(budget);
    engine.register_fn("split", move |text: &str, by: char| {
        collect(text.split(by), &account)
    });
    let account = Rc::clone(budget);
    engine.register_fn("split", move |text: &str, by: &str, most: i64| {
        collect(text.splitn(count(most), by), &account)
    });
    let account = Rc::clone(budget);
    engine.register_fn("split", move |text: &str, by: char, most: i64| {
        collect(text.splitn(count(most), by), &account)
    });
    let account = Rc::clone(budget);
    engine.register_fn("split_rev", move |text: &str, by: &str| {
        collect(text.rsplit(by), &account)
    });
    let account = Rc::clone(budget);
    engine.register_fn("split_rev", move |text: &str, by: char| {
        collect(text.rsplit(by), &account)
    });
    let account = Rc::clone(budget);
    engine.register_fn("split_rev", move |text: &str, by: &str, most: i64| {
        collect(text.rsplitn(count(most), by), &account)
    });
    let account = Rc::clone(budget);
    engine.register_fn("split_rev", move |text: &str, by: char, most: i64| {
        collect(text.rsplitn(count(most), by), &account)
    });
}

fn count(most: i64) -> usize {
    usize::try_from(most).unwrap_or(0)
}

fn replaced(text: &mut ImmutableString, find: &str, by: &str, budget: &Budget) -> Fallible<()> {
    let most = budget.limits().string_bytes;
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (number, (at, found)) in text.match_indices(find).enumerate() {
        if number.is_multiple_of(STEPS_BETWEEN_LOOKS) {
            budget.check().or_else(over)?;
        }
        out.push_str(text.get(copied..at).unwrap_or_default());
        out.push_str(by);
        copied = at + found.len();
        if out.len() > most {
            return too_large("Length of string");
        }
    }
    if copied > 0 || !out.is_empty() {
        out.push_str(text.get(copied..).unwrap_or_default());
        *text = out.into();
    }
    Ok(())
}

/// As many values as an array may have, unless the time is up before.
pub(super) fn collect<T: Into<Dynamic>>(
    values: impl Iterator<Item = T>,
    budget: &Budget,
) -> Fallible<Array> {
    let most = budget.limits().array_items;
    let mut array = Array::new();
    for value in values {
        if array.len() >= most {
            return too_large("Size of array/BLOB");
        }
        if array.len().is_multiple_of(STEPS_BETWEEN_LOOKS) {
            budget.check().or_else(over)?;
        }
        array.push(value.into());
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

fn pad(engine: &mut Engine, budget: &Rc<Budget>) {
    let (bytes, items) = (budget.limits().string_bytes, budget.limits().array_items);
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
        )
        .register_fn(
            "pad",
            move |array: &mut Array, length: i64, item: Dynamic| {
                pad_array(array, length, item, items)
            },
        );
}

fn pad_array(array: &mut Array, length: i64, item: Dynamic, most: usize) -> Fallible<()> {
    let Ok(length) = usize::try_from(length) else {
        return Ok(());
    };
    let copies = length.saturating_sub(array.len());
    let weight = weight_of(&item, MAX_COPIED).saturating_mul(copies);
    if length > most || weight > MAX_COPIED {
        return too_large("Size of array/BLOB");
    }
    if copies > 0 {
        array.resize(length, item);
    }
    Ok(())
}

fn copied_once<'a>(values: impl Iterator<Item = &'a Dynamic>) -> Fallible<()> {
    let mut weight = 0;
    for value in values {
        weight += weight_of(value, MAX_COPIED - weight);
        if weight >= MAX_COPIED {
            return too_large("Size of array/BLOB");
        }
    }
    Ok(())
}

/// About how many bytes a copy takes, counted no further than `most`: texts are shared, names in
/// maps are not.
fn weight_of(value: &Dynamic, most: usize) -> usize {
    const ITEM: usize = 16;
    let mut weight = ITEM;
    if let Ok(map) = value.as_map_ref() {
        for (name, inner) in map.iter() {
            if weight >= most {
                break;
            }
            weight += ITEM + name.len() + weight_of(inner, most - weight);
        }
    } else if let Ok(array) = value.as_array_ref() {
        for inner in array.iter() {
            if weight >= most {
                break;
            }
            weight += weight_of(inner, most - weight);
        }
    } else if let Ok(blob) = value.as_blob_ref() {
        weight += blob.len();
    }
    weight.min(most)
}
