//! JSON that goes through a script is the same JSON value afterwards, its numbers digit by digit.

use std::collections::BTreeMap;

use herald::plugin::{Runtime, Script, run_chain};
use proptest::prelude::*;
use serde_json::value::RawValue;

use crate::support::{body, body_of, compile, event, runtime};

/// A JSON value in one notation: names sorted, numbers as digits and exponent.
fn canonical(text: &str) -> String {
    match text.trim_start().as_bytes()[0] {
        b'{' => {
            let map: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap();
            let inner: Vec<String> = map
                .iter()
                .map(|(k, v)| format!("{k:?}:{}", canonical(v.get())))
                .collect();
            format!("{{{}}}", inner.join(","))
        }
        b'[' => {
            let array: Vec<Box<RawValue>> = serde_json::from_str(text).unwrap();
            let inner: Vec<String> = array.iter().map(|v| canonical(v.get())).collect();
            format!("[{}]", inner.join(","))
        }
        b'"' => format!("{:?}", serde_json::from_str::<String>(text).unwrap()),
        b'-' | b'0'..=b'9' => number(text.trim()),
        _ => text.trim().to_owned(),
    }
}

fn number(text: &str) -> String {
    let (sign, text) = text
        .strip_prefix('-')
        .map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let kept = digits.trim_end_matches('0');
    let exponent: i128 = exponent.trim_start_matches('+').parse().unwrap();
    let exponent = exponent - fraction.len() as i128 + (digits.len() - kept.len()) as i128;
    let kept = kept.trim_start_matches('0');
    if kept.is_empty() {
        format!("{sign}0")
    } else {
        format!("{sign}{kept}e{exponent}")
    }
}

fn number_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        any::<i128>().prop_map(|n| n.to_string()),
        (-(1_i64 << 55)..1 << 55).prop_map(|n| n.to_string()),
        any::<f64>()
            .prop_filter("JSON has it", |n| n.is_finite())
            .prop_map(|n| format!("{n:e}")),
        (any::<f32>().prop_filter("JSON has it", |n| n.is_finite())).prop_map(|n| format!("{n:?}")),
        // Floats halfway between two shortest texts.
        (
            1_u64 << 46..1 << 47,
            prop_oneof![Just("12"), Just("13"), Just("37"), Just("38")]
        )
            .prop_map(|(whole, part)| format!("{whole}.{part}")),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?",
        Just("-0".to_owned()),
        Just("-0.0".to_owned()),
        Just("1e999999999999".to_owned()),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z.\\[\\]*]{0,6}",
        Just("__proto__".to_owned())
    ]
}

fn json() -> impl Strategy<Value = String> {
    let quoted = |text: String| serde_json::to_string(&text).unwrap();
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        number_text(),
        text().prop_map(quoted),
        // As other writers escape.
        "[a-zé€😀]{0,8}".prop_map(|text| {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
            format!("\"{}\"", units.collect::<String>())
        }),
    ];
    leaf.prop_recursive(8, 64, 6, move |inner| {
        let names = text().prop_map(quoted);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6)
                .prop_map(|v| format!("[ {} ]", v.join(" ,\n"))),
            proptest::collection::btree_map(names, inner, 0..6).prop_map(|m| {
                let fields: Vec<String> = m.iter().map(|(k, v)| format!("{k} : {v}")).collect();
                format!("{{{}}}", fields.join(" , "))
            }),
        ]
    })
}

/// Three ways for a value to go through a script without being changed.
const WAYS: [&str; 3] = [
    "fn transform(event) { event.payload }",
    "fn transform(event) { parse_json(to_json(event.payload)) }",
    "fn copy(v) { if type_of(v) == \"map\" { let m = #{}; for k in v.keys() { m[k] = copy(v[k]); } m } \
     else if type_of(v) == \"array\" { let a = []; for x in v { a.push(copy(x)); } a } else { v } } \
     fn transform(event) { copy(event.payload) }",
];

thread_local! {
    static SCRIPTS: (Runtime, Vec<Script>) = {
        let runtime = runtime();
        let scripts = WAYS.iter().map(|text| compile(&runtime, text)).collect();
        (runtime, scripts)
    };
}

fn same_through_all(payload: &str) {
    SCRIPTS.with(|(runtime, scripts)| {
        for script in scripts {
            let body = body_of(runtime, script, payload)
                .unwrap_or_else(|failure| panic!("{failure}: {payload}"));
            assert_eq!(canonical(&body), canonical(payload));
        }
    });
}

proptest! {
    #[test]
    fn any_json_is_the_same_value_after_a_script(value in json()) {
        same_through_all(&format!("{{\"value\": {value}}}"));
    }

    #[test]
    fn a_name_that_stands_twice_is_told_and_its_last_value_counts(
        name in text(), before in json(), last in json(), behind in json()
    ) {
        let name = serde_json::to_string(&name).unwrap();
        let payload = format!(
            "{{\"a\":[{{{name}:{before},\"z z\":{behind},{name}:{last}}}]}}"
        );
        let kept = format!("{{\"a\":[{{\"z z\":{behind},{name}:{last}}}]}}");
        SCRIPTS.with(|(runtime, scripts)| {
            let run = run_chain(runtime, &[&scripts[0]], &event(&payload));
            assert_eq!(canonical(&body(&run)), canonical(&kept));
            assert_eq!(run.log.len(), 1, "{:?}", run.log);
            assert!(run.log[0].contains("twice in one object"), "{:?}", run.log);
            // Without a transform nothing is lost, and it is told all the same.
            let filter = compile(runtime, "fn filter(event) { true }");
            let run = run_chain(runtime, &[&filter], &event(&payload));
            assert_eq!(body(&run), payload);
            assert_eq!(run.log.len(), 1);
        });
    }

    #[test]
    fn nesting_passes_whatever_it_is_made_of(
        levels in proptest::collection::vec((any::<bool>(), text()), 0..126), leaf in number_text()
    ) {
        let mut value = leaf;
        for (is_map, name) in levels {
            value = if is_map {
                format!("{{{}:{value}}}", serde_json::to_string(&name).unwrap())
            } else {
                format!("[{value},null]")
            };
        }
        SCRIPTS.with(|(runtime, scripts)| {
            for script in &scripts[..2] {
                let body = body_of(runtime, script, &format!("[{value}]")).unwrap();
                assert_eq!(canonical(&body), canonical(&format!("[{value}]")));
            }
        });
    }

    #[test]
    fn no_text_makes_the_json_reader_panic(text in ".{0,40}|[\\[\\]{}\",:0-9eE.+\\-\\\\utrfalsn ]{0,40}") {
        let payload = format!("[{text}]");
        let ours = SCRIPTS.with(|(runtime, scripts)| body_of(runtime, &scripts[0], &payload));
        let theirs = serde_json::from_str::<Box<RawValue>>(&payload);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?} {}", ours, theirs, payload);
    }
}

#[test]
fn numbers_are_never_changed_in_silence() {
    let runtime = runtime();
    // What a script may do with each, and what comes of it.
    for (number, code, result) in [
        ("9007199254740993", "n + 1", "9007199254740994"),
        ("9223372036854775807", "n", "9223372036854775807"),
        ("9223372036854775807", "n + 1", "overflow"),
        ("-9223372036854775808", "n", "-9223372036854775808"),
        ("9223372036854775808", "n", "9223372036854775808"),
        ("9223372036854775808", "n + 1", "beyond Rhai's own"),
        ("18446744073709551615", "n", "18446744073709551615"),
        ("18446744073709551616", "[n][0]", "18446744073709551616"),
        ("1e400", "n", "1e400"),
        ("1e400", "n * 2", "beyond Rhai's own"),
        ("1e400", "n > 1.7e308", "true"),
        ("-1e-400", "n", "-1e-400"),
        ("-1e-400", "n < 0", "true"),
        ("-0.0", "n", "-0.0"),
        ("0.1", "n", "0.1"),
        ("0.1", "n + 0.2", "0.30000000000000004"),
        ("0.1000000000000000055511151231257827", "n == 0.1", "false"),
        ("1e308", "n * 10.0", "JSON has no number inf"),
    ] {
        let text = format!("fn transform(event) {{ let n = event.payload.n; [{code}] }}");
        let body = body_of(
            &runtime,
            &compile(&runtime, &text),
            &format!("{{\"n\":{number}}}"),
        );
        match body {
            Ok(body) => assert_eq!(body, format!("[{result}]"), "{number}: {code}"),
            Err(failure) => {
                let words = failure.to_string();
                assert!(words.contains(result), "{number}: {code}: {words}");
            }
        }
    }
}

#[test]
fn numbers_beyond_rhais_own_pass_untouched() {
    same_through_all(
        r#"[9007199254740993,9223372036854775807,9223372036854775808,-9223372036854775809,
           12345678901234567890123,0.1,0.30000000000000004,0.1000000000000000055511151231257827,
           1e400,-1e-400,1E5,100,1.0,-0,-0.0,0e0,123456789012345678e-3]"#,
    );
}

#[test]
fn calculating_with_a_number_beyond_rhais_own_is_refused_in_words() {
    let runtime = runtime();
    for code in [
        "event.payload.n + 1",
        "-event.payload.n",
        "event.payload.n.to_int()",
        "abs(event.payload.n)",
    ] {
        let script = compile(&runtime, &format!("fn transform(event) {{ [{code}] }}"));
        let failure = body_of(&runtime, &script, r#"{"n":18446744073709551616}"#);
        let words = failure.map_err(|failure| failure.fault.message);
        assert!(
            matches!(&words, Err(words) if words.contains("beyond Rhai's own")),
            "{code}: {words:?}"
        );
    }
    let script = compile(
        &runtime,
        "fn transform(event) { let n = event.payload.n; [n.to_string(), `${n}`, n == n, \"\" + n, n > 5, 5 >= n, n != 1.5] }",
    );
    let body = body_of(&runtime, &script, r#"{"n":18446744073709551616}"#).unwrap();
    assert_eq!(
        body,
        r#"["18446744073709551616","18446744073709551616",true,"18446744073709551616",true,false,true]"#
    );
}

#[test]
fn the_deepest_event_passes_and_a_deeper_one_is_told() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    same_through_all_but_copy(&nested(128));
    let runtime = runtime();
    let script = compile(&runtime, WAYS[0]);
    let failure = body_of(&runtime, &script, &nested(129)).unwrap_err();
    assert!(failure.fault.message.contains("128"), "{failure}");
}

fn same_through_all_but_copy(payload: &str) {
    let runtime = runtime();
    for way in &WAYS[..2] {
        let body = body_of(&runtime, &compile(&runtime, way), payload).unwrap();
        assert_eq!(body, payload);
    }
}
