//! What was found to be too expensive, before there was a bound for it: each with its payload. The
//! search tries these first, so that it finds a bound that is missing whatever its dice say.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

/// What it is, the schema, and the event's field `a`.
pub(crate) fn known() -> Vec<(&'static str, Value, String)> {
    let many = |count: usize, one: &dyn Fn(usize) -> String| {
        let mut text = String::from("[");
        for n in 0..count {
            let _ = write!(text, "{}{}", if n > 0 { "," } else { "" }, one(n));
        }
        text + "]"
    };
    let of_a = |schema: Value| json!({ "properties": { "a": schema } });
    // Arrays are compared one by one, and only the last one fits.
    let arrays = |count: usize| (1..=count).rev().map(|n| json!([n])).collect::<Value>();
    let last = many(140_000, &|_| "[1]".to_owned());
    let unique = json!({ "uniqueItems": true });
    let large = many(45_000, &|n| (u64::MAX - n as u64).to_string());
    let objects = |count: usize| many(count, &|_| "{\"a\":1}".to_owned());
    vec![
        (
            "unevaluated… in one another",
            unevaluated(17),
            "1".to_owned(),
        ),
        ("patterns", of_a(patterns(150)), "\"x\"".to_owned()),
        (
            "an enum",
            of_a(json!({ "items": { "enum": arrays(7_000) } })),
            last.clone(),
        ),
        ("height", references(1_200), "1".to_owned()),
        (
            "a schema for many values",
            of_a(json!({ "items": { "enum": arrays(1_100) } })),
            last,
        ),
        (
            "many objects",
            json!({ "type": "object" }),
            objects(160_000),
        ),
        (
            "uniqueItems of what looks alike",
            of_a(json!({ "allOf": [unique, unique] })),
            large,
        ),
    ]
}

fn unevaluated(levels: usize) -> Value {
    let fits = json!({ "properties": { "event_type": true, "a": true } });
    (0..levels).fold(
        fits,
        |inner, _| json!({ "unevaluatedProperties": false, "allOf": [inner] }),
    )
}

fn patterns(count: usize) -> Value {
    let one = |n: usize| json!({ "pattern": format!("^[a-z0-9]{{1,300}}-{n}$") });
    json!({ "allOf": (0..count).map(one).collect::<Value>() })
}

/// A chain of references.
fn references(levels: usize) -> Value {
    let next = |n: usize| json!({ "$ref": format!("#/$defs/d{}", n + 1) });
    let mut places: Map<String, Value> = (0..levels)
        .map(|n| (format!("d{n}"), json!({ "not": next(n) })))
        .collect();
    places.insert(format!("d{levels}"), json!({ "type": "string" }));
    json!({ "$defs": places, "$ref": "#/$defs/d0" })
}
