//! Fields by their path: `data.items[0].sku` (or `data.items.0.sku`).

use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, ImmutableString, Map};

use super::{Budget, Fallible, fail, over};
use crate::plugin::json;

/// What replaces a redacted field.
const REDACTED: &str = "[redacted]";
/// The most paths of one call, and steps of one path.
const MAX_PATHS: usize = 100;
const MAX_STEPS: usize = 128;
/// The longest path, in bytes.
const MAX_PATH: usize = 16 << 10;

pub(super) fn register(engine: &mut Engine, budget: &Rc<Budget>) {
    // Rhai has its own for maps, which knows no paths. A field of just that name comes first.
    engine.register_fn("get", |map: &mut Map, path: ImmutableString| {
        if let Some(field) = map.get(path.as_str()) {
            return Ok(field.clone());
        }
        let steps = steps(&path)?;
        let inner = steps
            .split_first()
            .and_then(|(step, rest)| descend(map.get(*step)?, rest));
        Ok::<_, Box<rhai::EvalAltResult>>(inner.unwrap_or(Dynamic::UNIT))
    });
    engine.register_fn("get", |value: &mut Dynamic, path: ImmutableString| {
        Ok::<_, Box<rhai::EvalAltResult>>(find(value, &path)?.unwrap_or(Dynamic::UNIT))
    });
    engine.register_fn(
        "get",
        |value: &mut Dynamic, path: ImmutableString, default: Dynamic| {
            Ok::<_, Box<rhai::EvalAltResult>>(find(value, &path)?.unwrap_or(default))
        },
    );
    let account = Rc::clone(budget);
    engine.register_fn("redact", move |value: Dynamic, paths: Array| {
        redact(value, &paths, &REDACTED.into(), &account)
    });
    let account = Rc::clone(budget);
    engine.register_fn(
        "redact",
        move |value: Dynamic, paths: Array, by: Dynamic| redact(value, &paths, &by, &account),
    );
}

fn steps(path: &str) -> Fallible<Vec<&str>> {
    if path.len() > MAX_PATH {
        return fail(format!("a path has more than {MAX_PATH} bytes"));
    }
    let steps: Vec<&str> = path
        .split(['.', '['])
        .map(|step| step.strip_suffix(']').unwrap_or(step))
        .collect();
    if steps.len() > MAX_STEPS {
        return fail(format!("a path has more than {MAX_STEPS} steps"));
    }
    Ok(steps)
}

/// The field, unless it is missing or null.
fn find(value: &Dynamic, path: &str) -> Fallible<Option<Dynamic>> {
    Ok(descend(value, &steps(path)?))
}

fn descend(value: &Dynamic, steps: &[&str]) -> Option<Dynamic> {
    let Some((step, rest)) = steps.split_first() else {
        return (!value.is_unit()).then(|| value.clone());
    };
    if let Ok(map) = value.as_map_ref() {
        return descend(map.get(*step)?, rest);
    }
    let array = value.as_array_ref().ok()?;
    descend(array.get(step.parse::<usize>().ok()?)?, rest)
}

/// A copy in which those fields hold `by`. A path of one step means that field wherever it
/// is; a longer one starts at the value itself, and its `*` is every field or entry.
fn redact(
    mut value: Dynamic,
    paths: &[Dynamic],
    by: &Dynamic,
    budget: &Budget,
) -> Fallible<Dynamic> {
    if paths.len() > MAX_PATHS {
        return fail(format!("redact: more than {MAX_PATHS} paths"));
    }
    // It is put in many places, so it must be small.
    if by.is_map() || by.is_array() || by.is_blob() {
        return fail("redact: what replaces a field should be a plain value");
    }
    for path in paths {
        let Some(path) = json::text_of(path) else {
            return fail("redact: the paths should be texts");
        };
        // One path is one walk through the value.
        budget.check().or_else(over)?;
        match steps(&path)?.as_slice() {
            [name] => everywhere(&mut value, name, by),
            steps => along(&mut value, steps, by),
        }
    }
    Ok(value)
}

fn everywhere(value: &mut Dynamic, name: &str, by: &Dynamic) {
    if let Ok(mut map) = value.as_map_mut() {
        for (field, inner) in map.iter_mut() {
            if field == name {
                *inner = by.clone();
            } else {
                everywhere(inner, name, by);
            }
        }
        return;
    }
    if let Ok(mut array) = value.as_array_mut() {
        array
            .iter_mut()
            .for_each(|inner| everywhere(inner, name, by));
    }
}

fn along(value: &mut Dynamic, steps: &[&str], by: &Dynamic) {
    let Some((step, rest)) = steps.split_first() else {
        *value = by.clone();
        return;
    };
    if let Ok(mut map) = value.as_map_mut() {
        if *step == "*" {
            map.values_mut().for_each(|inner| along(inner, rest, by));
        } else if let Some(inner) = map.get_mut(*step) {
            along(inner, rest, by);
        }
        return;
    }
    if let Ok(mut array) = value.as_array_mut() {
        if *step == "*" {
            array.iter_mut().for_each(|inner| along(inner, rest, by));
        } else if let Some(inner) = step.parse().ok().and_then(|at: usize| array.get_mut(at)) {
            along(inner, rest, by);
        }
    }
}
