//! What a body must be, shown by examples and by random bytes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Both readers must agree; the error, or the type.
fn read(body: impl AsRef<[u8]>) -> Result<String, EnvelopeError> {
    let body = body.as_ref();
    let envelope = parse_envelope(body);
    assert_eq!(envelope, parse_document(body).map(|(envelope, _)| envelope));
    envelope.map(|envelope| envelope.event_type)
}

fn refused(body: impl AsRef<[u8]>) -> (EnvelopeErrorKind, usize, usize) {
    let error = read(body).unwrap_err();
    (error.kind, error.line, error.column)
}

fn broken_at(body: impl AsRef<[u8]>) -> (usize, usize) {
    match refused(body) {
        (EnvelopeErrorKind::Broken { .. }, line, column) => (line, column),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_event_is_an_object_with_an_event_type() {
    assert_eq!(
        read(r#"{"event_type":"ORDER_CREATED"}"#).unwrap(),
        "ORDER_CREATED"
    );
    assert_eq!(
        read(" {\"data\": [1, {}], \"event_type\" : \"a.b-c\"}\r\n").unwrap(),
        "a.b-c"
    );
    assert_eq!(
        read(r#"{"data":{"event_type":7},"event_type":"A"}"#).unwrap(),
        "A"
    );
    assert_eq!(read(r#"{"event\u005ftype":"\u0041"}"#).unwrap(), "A");
}

#[test]
fn the_document_is_the_whole_body() {
    let body = r#"{"data":{"a":[1,2.5,"é"]},"event_type":"A","x":null}"#;
    let (_, value) = parse_document(body.as_bytes()).unwrap();
    assert_eq!(value, serde_json::from_str::<Value>(body).unwrap());
}

#[test]
fn no_field_name_is_a_command_to_the_parser() {
    for name in [
        "$serde_json::private::RawValue",
        "$serde_json::private::Number",
    ] {
        let body = format!(r#"{{"data":{{"{name}":"[["}},"{name}":"{{","event_type":"A"}}"#);
        assert_eq!(read(&body).unwrap(), "A");
        let (_, value) = parse_document(body.as_bytes()).unwrap();
        assert_eq!(value["data"][name], "[[");
    }
}

#[test]
fn an_empty_body_is_told_apart_from_a_broken_one() {
    assert_eq!(refused(""), (EnvelopeErrorKind::Empty, 0, 0));
    assert_eq!(refused(" \r\n\t"), (EnvelopeErrorKind::Empty, 0, 0));
}

#[test]
fn a_byte_that_is_not_utf8_is_named_with_its_place() {
    let (kind, line, column) = refused(b"{\n\"\xc3\xa9\":\"\xff\"}");
    assert_eq!(
        (kind, line, column),
        (EnvelopeErrorKind::NotUtf8 { offset: 8 }, 2, 6)
    );
    assert!(matches!(
        refused(b"{\"a\":\"\xed\xa0\x80\"}").0,
        EnvelopeErrorKind::NotUtf8 { .. }
    ));
    assert!(matches!(
        refused(b"\xef\xbb\xbf{}").0,
        EnvelopeErrorKind::Broken { .. }
    ));
}

#[test]
fn broken_json_is_named_with_line_and_column_in_characters() {
    assert_eq!(broken_at("{\"a\":1,}"), (1, 8));
    assert_eq!(broken_at("{\n  \"a\": 1\n  \"b\": 2\n}"), (3, 3));
    assert_eq!(broken_at("{\"é\": x}"), (1, 7));
    assert_eq!(broken_at("{\"é\" \"ü\"}"), (1, 6));
    assert_eq!(broken_at("{\"a\": 1"), (1, 7));
    assert_eq!(broken_at("{\"a\": 1\n"), (2, 1));
    assert_eq!(broken_at("{\"event_type\":\"A\"} x"), (1, 20));
    assert_eq!(broken_at("{\"event_type\":\"A\"}{}"), (1, 19));
    assert_eq!(broken_at("{\"event_type\":\"A\"}\0"), (1, 19));
    assert_eq!(broken_at("\u{1}"), (1, 1));
    assert_eq!(broken_at("{\"a\":\"é\tb\"}"), (1, 8));
    assert_eq!(broken_at("{'a':1}"), (1, 2));
    assert_eq!(broken_at("{\"a\":01}"), (1, 7));
    assert_eq!(broken_at("{\"a\":NaN}"), (1, 6));
    let error = read("{\"a\":1,}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "broken JSON at line 1, column 8: trailing comma"
    );
}

#[test]
fn numbers_of_any_size_and_halves_of_surrogate_pairs_are_json() {
    let long = "7".repeat(400);
    for (part, seen) in [
        (r#""\ud800""#, "\"\u{fffd}\""),
        (r#""\ud800x""#, "\"\u{fffd}x\""),
        (r#""\udc00\u0041""#, "\"\u{fffd}A\""),
        ("1e999", "1e308"),
        ("-1e400", "-1e308"),
        ("[1E+999]", "[1e308]"),
        (&long, "1e308"),
        (r#"{"\ud800":1e400}"#, "{\"\u{fffd}\":1e308}"),
    ] {
        let seen: Value = serde_json::from_str(seen).unwrap();
        let body = format!(r#"{{"event_type":"A","data":{part}}}"#);
        assert_eq!(read(&body).unwrap(), "A");
        let (_, document) = parse_document(body.as_bytes()).unwrap();
        assert_eq!(document["data"], seen, "{part}");
        assert!(read(format!(r#"{{"data":{{"x":[{part}]}},"event_type":"A"}}"#)).is_ok());
        broken_at(format!(r#"{{"event_type":"A","data":{part},}}"#));
        broken_at(format!(r#"{{"event_type":"A","data":{part}"#));
    }
    for part in [
        r#""\ud80""#,
        r#""\ud800\u""#,
        "01e999",
        "1.e400",
        "1e400.",
        "+1e400",
        "1e400e",
    ] {
        broken_at(format!(r#"{{"event_type":"A","data":{part}}}"#));
    }
    let twice = r#"{"event_type":"A","data":1e400,"event\u005ftype":"A"}"#;
    assert_eq!(refused(twice).0, EnvelopeErrorKind::TypeTwice);
    assert_eq!(broken_at("{\"a\":1e400,\n\"b\":\"\\ud800\" x}"), (2, 14));
}

#[test]
fn nesting_without_end_is_refused_and_a_hundred_levels_pass() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!("{{\"event_type\":\"A\",\"data\":{open}{close}}}")
    };
    assert!(read(nested(MAX_NESTING - 1)).is_ok());
    let (kind, line, column) = refused(nested(MAX_NESTING));
    assert_eq!((kind, line), (EnvelopeErrorKind::TooDeep, 1));
    assert_eq!(column, 25 + MAX_NESTING);
    assert_eq!(
        refused("[".repeat(MAX_EVENT_BYTES)).0,
        EnvelopeErrorKind::TooDeep
    );
    assert_eq!(
        refused("{\"a\":".repeat(100_000)).0,
        EnvelopeErrorKind::TooDeep
    );
    let open = format!("{{\"event_type\":{}", "[".repeat(100_000));
    assert_eq!(refused(open).0, EnvelopeErrorKind::TooDeep);
}

#[test]
fn other_json_than_an_object_is_told_what_it_is() {
    let cases = [
        ("[]", "an array"),
        ("[{\"event_type\":\"A\"}]", "an array"),
        ("null", "null"),
        ("true", "a boolean"),
        ("-1", "a number"),
        ("7", "a number"),
        ("1.5", "a number"),
        ("\"A\"", "a string"),
        ("\"\\n\"", "a string"),
    ];
    for (body, found) in cases {
        assert_eq!(
            refused(body),
            (EnvelopeErrorKind::NotAnObject { found }, 0, 0),
            "{body}"
        );
    }
}

#[test]
fn a_missing_doubled_or_odd_event_type_is_told_apart() {
    assert_eq!(refused("{}").0, EnvelopeErrorKind::TypeMissing);
    assert_eq!(
        refused(r#"{"Event_Type":"A"}"#).0,
        EnvelopeErrorKind::TypeMissing
    );
    let twice = r#"{"event_type":"A","event\u005ftype":"A"}"#;
    assert_eq!(refused(twice).0, EnvelopeErrorKind::TypeTwice);
    let number = refused(r#"{"event_type":7}"#).0;
    assert_eq!(number, EnvelopeErrorKind::TypeNotText { found: "a number" });
    let object = refused(r#"{"event_type":{"a":[1]}}"#).0;
    assert_eq!(
        object,
        EnvelopeErrorKind::TypeNotText { found: "an object" }
    );
    for name in ["", "_A", "-a", ".a", "A B", "É", "A\\n", "A*", "A/B"] {
        let kind = refused(format!(r#"{{"event_type":"{name}"}}"#)).0;
        assert!(
            matches!(kind, EnvelopeErrorKind::TypeIllegal { .. }),
            "{name}: {kind:?}"
        );
    }
    let long = |length: usize| format!(r#"{{"event_type":"{}"}}"#, "A".repeat(length));
    assert!(read(long(128)).is_ok());
    let error = read(long(129)).unwrap_err();
    let (name, reason) = ("A".repeat(64), NameError::TooLong { length: 129 });
    assert_eq!(error.kind, EnvelopeErrorKind::TypeIllegal { name, reason });
    assert_eq!(error.pointer(), Some("/event_type"));
}

/// After the kinds of JSONTestSuite: what every parser must take, must refuse, and what parsers
/// disagree about though RFC 8259 leaves no doubt.
#[test]
fn what_is_json_and_what_is_not_is_as_rfc_8259_says() {
    let long = "1".repeat(1_000);
    for text in [
        "[]",
        "[[]   ]",
        "{}",
        "[\"\"]",
        " [1]",
        "[1\n,1\n,2]",
        "[4 ]",
        "[123e65]",
        "[0e+1]",
        "[0e1]",
        "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]",
        "[20e1]",
        "[-0]",
        "[-123]",
        "[-1]",
        "[1E22]",
        "[1E-2]",
        "[1E+2]",
        "[123.456e78]",
        "[1.7976931348623157e309]",
        "[-1e+9999]",
        "[1e-10000]",
        "[0.4e00669999999999999999]",
        "[-123123123123123123123123123123]",
        "{\"a\":\"b\",\"a\":\"c\"}",
        "{\"\":0}",
        "{\"foo\\u0000bar\":42}",
        r#"["\u0060\u012a\u12AB"]"#,
        r#"["\uD801\udc37"]"#,
        r#"["\ud83d\ude39\ud83d\udc8d"]"#,
        r#"["\"\\\/\b\f\n\r\t"]"#,
        r#"["\\u0000"]"#,
        r#"["\uDBFF\uDFFE"]"#,
        "[\"\u{2028}\u{ffff}\u{10ffff}\u{7f}\"]",
        r#"["\uD800\n"]"#,
        r#"["\uDFAA"]"#,
        r#"["\uDADA"]"#,
        r#"["\uD888\u1234"]"#,
        r#"["\uDd1e\uD834"]"#,
        r#"["\ud800abc"]"#,
        r#"["\uD800\uD800"]"#,
        r#"{"\uDFAA":0}"#,
        "true",
        "\"\"",
        "-0.1",
        &long,
    ] {
        assert!(oracle::depth(text).is_some(), "the oracle: {text}");
        assert_eq!(check_value(text), Ok(()), "{text}");
    }
    for text in [
        "",
        " ",
        "[1 true]",
        "[\"\":1]",
        "[,1]",
        "[1,,2]",
        "[\"x\"]]",
        "[\"\",]",
        "[\"x\"",
        "[x",
        "[3[4]]",
        "[1:2]",
        "[-]",
        "[\u{b}a]",
        "[*]",
        "[nul]",
        "[-01]",
        "[-1.0.]",
        "[-2.]",
        "[.-1]",
        "[.2e-3]",
        "[0.1.2]",
        "[0.3e+]",
        "[0.3e]",
        "[0.e1]",
        "[0e+]",
        "[1.0e-]",
        "[1eE2]",
        "[1 000.0]",
        "[2.e+3]",
        "[+1]",
        "[++1234]",
        "[Inf]",
        "[NaN]",
        "[Infinity]",
        "[-Infinity]",
        "[0x42]",
        "[1+2]",
        "[１]",
        "[-1x]",
        "[012]",
        "[1e1.5]",
        "{[: \"x\"}",
        "{\"x\", null}",
        "{\"x\"::\"b\"}",
        "{\"a\":\"a\" 123}",
        "{key: 1}",
        "{\"a\" b}",
        "{:\"b\"}",
        "{1:1}",
        "{\"id\":0,}",
        "{'a':0}",
        "{\"a\":\"b\"}/**/",
        "{\"a\":\"b\"}#",
        r#"["\uD800\"]"#,
        r#"["\uD800\u"]"#,
        r#"["\uD800\u1"]"#,
        r#"["\u00A"]"#,
        r#"["\x00"]"#,
        r#"["\a"]"#,
        r#"["\u{12}"]"#,
        "[\"new\nline\"]",
        "[\"\t\"]",
        "[\"a\0a\"]",
        "['single']",
        "\"",
        "[1]]",
        "[1]x",
        "2@",
        "[\u{a0}]",
        "[\u{feff}1]",
        "<.>",
        "{]",
        "[1e400e]",
        "[01e400]",
        "[1e400 1e400]",
        "[1.e400]",
        "[-1e400-]",
        "{1e400:1}",
    ] {
        assert!(oracle::depth(text).is_none(), "the oracle: {text}");
        assert!(check_value(text).is_err(), "{text}");
    }
}

/// Random JSON, with odd strings and numbers.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_is_json_is_taken_and_means_an_event(value in oracle::value(), last: bool) {
        let (before, after) = if last { (format!("\"data\":{value},"), String::new()) }
            else { (String::new(), format!(",\"data\":{value}")) };
        prop_assert!(oracle::depth(&value).is_some_and(|depth| depth < MAX_NESTING));
        prop_assert_eq!(check_value(&value), Ok(()));
        let body = format!("{{{before}\"event_type\":\"A\"{after}}}");
        prop_assert_eq!(read(&body).unwrap(), "A");
    }

    #[test]
    fn what_is_nearly_json_is_taken_exactly_if_it_is_json(text in oracle::nearly()) {
        let expected = oracle::depth(&text).is_some_and(|depth| depth <= MAX_NESTING);
        prop_assert_eq!(check_value(&text).is_ok(), expected, "{}", text);
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(body);
    }

    #[test]
    fn no_text_that_looks_like_json_panics_and_each_place_lies_within(
        body in r#"[{}\[\]",:0-9eE.\\u\n aé-]{0,60}"#,
    ) {
        if let Err(error) = read(&body) {
            let lines: Vec<&str> = body.split('\n').collect();
            prop_assert!(error.line <= lines.len());
            if error.line > 0 {
                let length = lines[error.line - 1].chars().count();
                prop_assert!((1..=length.max(1)).contains(&error.column), "{:?}", error);
            }
        }
    }

    #[test]
    fn every_object_with_a_legal_type_passes_unchanged(
        fields in proptest::collection::btree_map(any::<String>(), json(), 0..6),
        name in "[A-Za-z0-9][A-Za-z0-9_.-]{0,127}",
        pretty: bool,
    ) {
        let mut fields: BTreeMap<String, Value> = fields;
        fields.insert(EVENT_TYPE.to_owned(), Value::from(name.clone()));
        let value = serde_json::to_value(fields).unwrap();
        let body = if pretty { format!("{value:#}") } else { value.to_string() };
        prop_assert_eq!(read(&body).unwrap(), name);
        let (_, document) = parse_document(body.as_bytes()).unwrap();
        prop_assert_eq!(document, serde_json::from_str::<Value>(&body).unwrap());
    }

    #[test]
    fn a_cut_body_never_passes(
        fields in proptest::collection::btree_map("[a-z]{1,5}", json(), 0..4),
        cut: proptest::sample::Index,
    ) {
        let mut fields: BTreeMap<String, Value> = fields;
        fields.insert(EVENT_TYPE.to_owned(), Value::from("A"));
        let body = serde_json::to_vec(&fields).unwrap();
        prop_assert!(read(&body[..cut.index(body.len())]).is_err());
    }
}
