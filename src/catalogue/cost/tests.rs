//! What schemas cost, by example.

use serde_json::{Value, json};

use super::*;
use crate::catalogue::{self, Load, Validator};

fn refused(schema: &Value) -> (String, String) {
    let error = measure(schema, Judge::New).expect_err("a refusal");
    (error.pointer, error.detail)
}

fn per_value(schema: &Value) -> u64 {
    measure(schema, Judge::Stored).unwrap().most.value
}

/// Levels of `{key: inner}` around a plain schema.
fn levels(number: usize, level: impl Fn(Value) -> Value) -> Value {
    (0..number).fold(json!({"type": "string"}), |inner, _| level(inner))
}

#[test]
fn unevaluated_beside_other_schemas_doubles_with_each_level_and_is_refused() {
    for beside in ["allOf", "anyOf", "oneOf"] {
        for key in ["unevaluatedProperties", "unevaluatedItems"] {
            let nested = |number| levels(number, |inner| json!({key: false, beside: [inner]}));
            assert!(per_value(&nested(6)) >= 2 * per_value(&nested(5)));
            let (place, detail) = refused(&nested(30));
            assert!(place.ends_with(key), "{place}");
            assert!(detail.contains("doubles"), "{detail}");
        }
    }
    let once = levels(10, |inner| json!({"allOf": [inner]}));
    let outermost = json!({"unevaluatedProperties": false, "allOf": [once]});
    let measured = measure(&outermost, Judge::New);
    assert!(measured.is_ok(), "{:?}", measured.err());
}

#[test]
fn a_condition_and_a_reference_beside_unevaluated_count_as_often() {
    let condition = |number| {
        levels(
            number,
            |inner| json!({"unevaluatedProperties": false, "if": inner}),
        )
    };
    assert!(per_value(&condition(6)) >= 2 * per_value(&condition(5)));
    let mut places = serde_json::Map::new();
    for n in 0..30 {
        let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
        let one = json!({"unevaluatedProperties": false, "allOf": [next]});
        places.insert(format!("d{n}"), one);
    }
    places.insert("d30".to_owned(), json!({}));
    let (place, _) = refused(&json!({"$ref": "#/$defs/d0", "$defs": places}));
    assert!(place.starts_with("/$defs/d"), "{place}");
}

#[test]
fn long_lists_of_values_cost_what_comparing_takes_and_texts_alone_do_not() {
    let numbers: Vec<Value> = (0..5_000).map(|n| json!(f64::from(n) + 0.5)).collect();
    let (place, detail) = refused(&json!({"items": {"enum": numbers}}));
    assert_eq!(place, "/items/enum");
    assert!(detail.contains("list less"), "{detail}");
    assert_eq!(refused(&json!({"const": numbers})).0, "/const");
    let texts: Vec<String> = (0..5_000).map(|n| format!("t{n}")).collect();
    assert!(per_value(&json!({"enum": texts})) < 200);
}

#[test]
fn two_fields_never_cost_one_value_twice_and_two_schemas_of_one_field_do() {
    let dear = json!({"enum": (0..300).map(|n| json!([n])).collect::<Vec<_>>()});
    let one = per_value(&json!({"properties": {"a": dear}}));
    let two = per_value(&json!({"properties": {"a": dear, "b": dear}}));
    assert!(two < one + 100, "{one} {two}");
    let both = per_value(&json!({"properties": {"a": dear}, "additionalProperties": dear}));
    assert!(both > one + one / 2, "{one} {both}");
    let all = per_value(&json!({"properties": {"a": {"allOf": [dear, dear]}}}));
    assert!(all > one + one / 2, "{one} {all}");
}

#[test]
fn patterns_have_a_bound_together_and_each_byte_counts() {
    let all: Vec<Value> = (0..200)
        .map(|n| json!({"pattern": format!("^[a-z]{{3}}-{n}$")}))
        .collect();
    let (place, detail) = refused(&json!({"allOf": all}));
    assert!(place.starts_with("/allOf/"), "{place}");
    assert!(
        detail.contains("patterns of the schema too large"),
        "{detail}"
    );
    // The same pattern is compiled once.
    let same = vec![json!({"pattern": "^[a-z]{3}$"}); 200];
    assert!(measure(&json!({"prefixItems": same}), Judge::New).is_ok());
    let slow = json!({"allOf": (0..100).map(|n| json!({"pattern": format!("(a|b)*a(a|b){{{}}}$", 20 + n % 17)})).collect::<Vec<_>>()});
    assert!(measure(&slow, Judge::Stored).unwrap().most.text > 2_000);
}

#[test]
fn bytes_and_height_have_bounds() {
    let (place, detail) = refused(&json!({"description": "x".repeat(MAX_SCHEMA_BYTES)}));
    assert_eq!(place, "");
    assert!(detail.contains("65536"), "{detail}");
    assert!(measure(&json!({"description": "x".repeat(60_000)}), Judge::New).is_ok());
    // The depth that counts is that by every way, also to what was met before by a shorter one.
    let low = levels(40, |inner| json!({"not": inner}));
    let high = levels(40, |inner| json!({"not": inner}));
    let mut high = high;
    let mut place = &mut high;
    for _ in 0..40 {
        place = &mut place["not"];
    }
    *place = json!({"$ref": "#/$defs/a"});
    let (_, detail) = refused(&json!({"$defs": {"a": low}, "$ref": "#/$defs/a", "not": high}));
    assert!(detail.contains("nested deeper than 64"), "{detail}");
}

#[test]
fn what_was_taken_before_is_measured_by_what_is_not_safe_alone() {
    let numbers: Vec<Value> = (0..5_000).map(|n| json!(f64::from(n) + 0.5)).collect();
    let dear = json!({"items": {"enum": numbers}, "description": "x".repeat(70_000)});
    let validator = Validator::compile_stored(&dear).unwrap();
    assert_eq!(validator.refuses(&Load::of(b"[0.5]")), None);
    assert!(
        validator
            .refuses(&Load::of("[0,0]".repeat(2_000).as_bytes()))
            .is_some()
    );
    let multiplied = levels(14, |inner| json!({"anyOf": [inner, inner]}));
    assert!(Validator::compile_stored(&multiplied).is_err());
}

#[test]
fn an_event_of_1_mib_of_a_usual_schema_is_checked() {
    for known in catalogue::builtin() {
        let cost = measure(known.schema.as_ref().unwrap(), Judge::New).unwrap();
        let (value, text) = (cost.most.value, cost.most.text);
        println!("{}: {value} a value, {text} a byte", known.name);
        let example = known.example.as_ref().unwrap().get();
        let inner = vec![example; (1 << 20) / (example.len() + 1) - 1].join(",");
        let body = format!("{{\"event_type\":\"{}\",\"data\":[{inner}]}}", known.name);
        let validator = catalogue::builtin_validator(&known.name).unwrap();
        let load = Load::of(body.as_bytes());
        assert_eq!(validator.refuses(&load), None, "{}", known.name);
    }
}

#[test]
fn a_body_of_many_small_objects_is_not_made_a_tree() {
    let validator = Validator::compile(&json!(true)).unwrap();
    let body = format!("[{}]", vec!["{\"\":0}"; 120_000].join(","));
    let reason = validator.refuses(&Load::of(body.as_bytes())).unwrap();
    assert!(reason.contains("too many values"), "{reason}");
}
