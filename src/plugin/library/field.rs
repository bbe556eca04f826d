//! Fields by their path: `data.items[0].sku` (or `data.items.0.sku`).

use rhai::{Array, Dynamic, Engine, ImmutableString, Map};

use super::{Fallible, fail};
use crate::plugin::json;

/// What stands in a redacted field's place.
const REDACTED: &str = "[redacted]";
/// The most paths of one call, and steps of one path.
const MAX_PATHS: usize = 100;
const MAX_STEPS: usize = 128;

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("get", |value: &mut Dynamic, path: ImmutableString| {
        Ok::<_, Box<rhai::EvalAltResult>>(find(value, &path)?.unwrap_or(Dynamic::UNIT))
    });
    // Rhai's own for maps takes the whole path for one name, and being for maps it would win.
    engine.register_fn("get", |map: &mut Map, path: ImmutableString| {
        Ok::<_, Box<rhai::EvalAltResult>>(inside(map, &steps(&path)?).unwrap_or(Dynamic::UNIT))
    });
    engine.register_fn(
        "get",
        |value: &mut Dynamic, path: ImmutableString, default: Dynamic| {
            Ok::<_, Box<rhai::EvalAltResult>>(find(value, &path)?.unwrap_or(default))
        },
    );
    engine.register_fn("redact", |value: Dynamic, paths: Array| {
        redact(value, &paths, &REDACTED.into())
    });
    engine.register_fn("redact", |value: Dynamic, paths: Array, by: Dynamic| {
        redact(value, &paths, &by)
    });
}

fn steps(path: &str) -> Fallible<Vec<&str>> {
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
        return inside(&map, steps);
    }
    let array = value.as_array_ref().ok()?;
    descend(array.get(step.parse::<usize>().ok()?)?, rest)
}

fn inside(map: &Map, steps: &[&str]) -> Option<Dynamic> {
    let (step, rest) = steps.split_first()?;
    descend(map.get(*step)?, rest)
}

/// A copy in which those fields hold `by`. A path of one step means that field wherever it
/// stands; a longer one starts at the value itself, and its `*` is every field or entry.
fn redact(mut value: Dynamic, paths: &[Dynamic], by: &Dynamic) -> Fallible<Dynamic> {
    if paths.len() > MAX_PATHS {
        return fail(format!("redact: more than {MAX_PATHS} paths"));
    }
    for path in paths {
        let Some(path) = json::text_of(path) else {
            return fail("redact: the paths should be texts");
        };
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
