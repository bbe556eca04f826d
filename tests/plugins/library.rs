//! The functions that Herald binds, one example each and their edges.

use herald::plugin::FailureKind;

use crate::functions::HERALD;
use crate::support::{failure, value};

#[test]
fn the_manual_names_every_function_of_herald() {
    let manual = include_str!("../../docs/guides/plugin-language.md");
    for line in HERALD.lines().filter(|line| !line.is_empty()) {
        let (name, _) = line.split_once(": ").unwrap();
        assert!(manual.contains(&format!("{name}(")), "{name}");
    }
}

#[test]
fn json_goes_in_and_out() {
    assert_eq!(
        value(r#"parse_json("{\"a\":[1,2.5,null,\"\\u00e9\"]}").a"#),
        r#"[1,2.5,null,"é"]"#
    );
    assert_eq!(
        value(r#"to_json(#{b: 1, a: [(), 'c', 1.0]})"#),
        r#""{\"a\":[null,\"c\",1.0],\"b\":1}""#
    );
    assert_eq!(value("to_json(1.5)"), r#""1.5""#);
    assert!(
        failure("parse_json(\"{\")")
            .1
            .contains("not JSON at byte 1")
    );
    assert!(failure("to_json(|x| x)").1.contains("function"));
}

#[test]
fn bytes_have_other_spellings() {
    assert_eq!(value(r#"base64_encode("hé")"#), r#""aMOp""#);
    assert_eq!(value(r#"base64_decode("aMOp")"#), r#""hé""#);
    assert_eq!(value(r#"base64_decode("_-8").len()"#), "2");
    assert_eq!(
        value(r#"base64_encode(base64_decode("/+8="))"#),
        r#""/+8=""#
    );
    assert_eq!(value(r#"hex_encode("hé")"#), r#""68c3a9""#);
    assert_eq!(value(r#"hex_decode("68C3a9")"#), r#""hé""#);
    assert_eq!(value(r#"url_encode("a b/é~")"#), r#""a%20b%2F%C3%A9~""#);
    assert_eq!(value(r#"url_decode("a%20b+%C3%a9")"#), r#""a b+é""#);
    for broken in [
        "base64_decode(\"a\")",
        "hex_decode(\"abc\")",
        "hex_decode(\"zz\")",
        "url_decode(\"%4\")",
        "url_decode(\"%ff\")",
    ] {
        assert_eq!(failure(broken).0, FailureKind::Error);
    }
}

#[test]
fn hashes_are_those_of_the_standards() {
    assert_eq!(
        value(r#"sha256("abc")"#),
        r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#
    );
    assert_eq!(
        value(r#"sha256(hex_decode("ff"))"#),
        r#""a8100ae6aa1940d0b663bb31cd466142ebbdbd5187131b92d93818987832eb89""#
    );
    // RFC 4231, test case 2.
    assert_eq!(
        value(r#"hmac_sha256("Jefe", "what do ya want for nothing?")"#),
        r#""5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843""#
    );
    assert_eq!(value("uuid().len()"), "36");
    assert_eq!(value("uuid() == uuid()"), "false");
}

#[test]
fn times_are_milliseconds_in_utc() {
    assert_eq!(value("now()"), "1795309400000");
    assert_eq!(
        value(r#"parse_time("2026-11-22T02:02:03.456+01:00")"#),
        "1795309323456"
    );
    assert_eq!(value(r#"parse_time("2026-11-22")"#), "1795305600000");
    assert_eq!(
        value(r#"format_time(1795309323456, "rfc3339")"#),
        r#""2026-11-22T01:02:03.456Z""#
    );
    assert_eq!(
        value(r#"format_time(0, "%d.%m.%Y %H:%M")"#),
        r#""01.01.1970 00:00""#
    );
    for broken in [
        "parse_time(\"tomorrow\")",
        "format_time(9223372036854775807, \"rfc3339\")",
        "format_time(0, \"%Q\")",
        "format_time(0, \"%\")",
    ] {
        assert_eq!(failure(broken).0, FailureKind::Error);
    }
}

#[test]
fn regular_expressions_match_find_and_replace() {
    assert_eq!(value(r#"regex_is_match("a1", "^[a-z]\\d$")"#), "true");
    assert_eq!(value(r#""é2".regex_is_match("^\\w+$")"#), "true");
    assert_eq!(
        value(r#"regex_find("to: ada@example.com", "(\\w+)@(\\w+)(x)?")"#),
        r#"["ada@example","ada","example",null]"#
    );
    assert_eq!(value(r#"regex_find("a", "b")"#), "null");
    assert_eq!(
        value(r#"regex_replace("a1b22", "(\\d+)", "<$1>")"#),
        r#""a<1>b<22>""#
    );
    assert!(
        failure("regex_is_match(\"\", \"(\")")
            .1
            .contains("not a regular expression")
    );
}

#[test]
fn fields_are_found_by_path() {
    assert_eq!(
        value(r#"get(event.payload, "data.items[1].sku", "none")"#),
        r#""b""#
    );
    assert_eq!(value(r#"get(event, "payload.data.items.0.count")"#), "2");
    assert_eq!(value(r#"#{"a.b": 1, a: #{b: 2}}.get("a.b")"#), "1");
    assert_eq!(value(r#"event.payload.get("data.none.at.all", 5)"#), "5");
    assert_eq!(value(r#"get(event.payload, "data.items[9]")"#), "null");
}

#[test]
fn fields_are_redacted_in_a_copy() {
    assert_eq!(
        value(r#"redact(#{email: 1, a: [#{email: 2, b: 3}]}, ["email"])"#),
        r#"{"a":[{"b":3,"email":"[redacted]"}],"email":"[redacted]"}"#
    );
    assert_eq!(
        value(r#"redact(#{a: [#{x: 1, y: 2}, #{x: 3}], x: 4}, ["a.*.x", "none.at.all"], ())"#),
        r#"{"a":[{"x":null,"y":2},{"x":null}],"x":4}"#
    );
    assert_eq!(
        value(r#"{ let a = #{x: 1}; redact(a, ["x"]); a }"#),
        r#"{"x":1}"#
    );
}

#[test]
fn what_rhai_brings_still_works() {
    assert_eq!(value(r#""a,b".split(",")"#), r#"["a","b"]"#);
    assert_eq!(value(r#""a b  c".split()"#), r#"["a","b","c"]"#);
    assert_eq!(value(r#""a,b,c".split(",", 2)"#), r#"["a","b,c"]"#);
    assert_eq!(
        value(r#"{ let s = "aXbX"; s.replace("X", "--"); s }"#),
        r#""a--b--""#
    );
    assert_eq!(value(r#"{ let s = "é"; s.pad(4, "ab"); s }"#), r#""éaba""#);
    assert_eq!(value(r#"{ let a = [1]; a.pad(3, 0); a }"#), "[1,0,0]");
    assert_eq!(value("[3,1,2].map(|x| x * 2).filter(|x| x > 2).len()"), "2");
    assert_eq!(
        value("event.payload.data.items.map(|item| item.sku)"),
        r#"["a","b"]"#
    );
    assert_eq!(value("event.payload.nothing ?? 3"), "3");
    assert_eq!(value("event.payload.nothing?.at?.all"), "null");
    assert_eq!(value(r#""x" in event.payload"#), "false");
    assert_eq!(value("`${1 + 1} ${[1]}`"), r#""2 [1]""#);
    assert_eq!(
        value(r#"switch 3 { 1 => "a", 2..5 => "b", _ => "c" }"#),
        r#""b""#
    );
}

#[test]
fn herald_functions_in_the_place_of_rhais_do_the_same() {
    for (code, result) in [
        // Texts, by characters.
        (r#"{ let s = "häuser"; s.crop(1, 3); s }"#, r#""äus""#),
        (r#"{ let s = "häuser"; s.crop(-2); s }"#, r#""er""#),
        (r#"{ let s = "häuser"; s.crop(-9, 2); s }"#, r#""hä""#),
        (r#"{ let s = "häuser"; s.crop(9, 2); s }"#, r#""""#),
        (r#"{ let s = "häuser"; s.crop(1, 0); s }"#, r#""""#),
        (r#"{ let s = "häuser"; s.crop(1..3); s }"#, r#""äu""#),
        (r#"{ let s = "häuser"; s.crop(1..=3); s }"#, r#""äus""#),
        (r#"{ let s = "häuser"; s.crop(-9..2); s }"#, r#""hä""#),
        (
            r#"{ let s = "häuser"; s.crop(2, 9223372036854775807); s }"#,
            r#""user""#,
        ),
        (
            r#"{ let s = "häuser"; s.crop(-9223372036854775807, 1); s }"#,
            r#""h""#,
        ),
        (r#"{ let s = "häuser"; s.set(1, 'a'); s }"#, r#""hauser""#),
        (r#"{ let s = "hauser"; s.set(-5, 'ä'); s }"#, r#""häuser""#),
        (
            r#"{ let s = "häuser"; s.set(6, 'x'); s.set(-7, 'x'); s }"#,
            r#""häuser""#,
        ),
        (
            r#"{ let s = "häuser"; let t = s.pop(5); [s, t] }"#,
            r#"["h","äuser"]"#,
        ),
        (
            r#"{ let s = "häuser"; let t = s.pop(6); [s, t] }"#,
            r#"["","häuser"]"#,
        ),
        (
            r#"{ let s = "häuser"; let t = s.pop(0); [s, t] }"#,
            r#"["häuser",""]"#,
        ),
        (r#"{ let s = "häuser"; [s.pop(), s] }"#, r#"["r","häuse"]"#),
        (r#""hä".to_chars()"#, r#"["h","ä"]"#),
        (
            r#"{ let s = "aab"; s.replace('a', "xy"); s }"#,
            r#""xyxyb""#,
        ),
        (r#"{ let s = "ab"; s.replace("", "-"); s }"#, r#""-a-b-""#),
        (r#"{ let s = "ab"; s.replace("ab", ""); s }"#, r#""""#),
        (r#"{ let s = "ab"; s.replace('c', 'd'); s }"#, r#""ab""#),
        // Arrays and maps as text.
        (r#""" + #{}"#, r##""#{}""##),
        (r#"[].to_string() + [[]].to_debug()"#, r#""[][[]]""#),
        // Sorting.
        ("{ let a = [3, 1, 2]; a.sort(|x, y| y - x); a }", "[3,2,1]"),
        ("{ let a = [3, 1, 2]; a.sort(|x, y| x < y); a }", "[1,2,3]"),
        (
            r#"{ let a = ["b1", "a1", "b2", "a2"]; a.sort_by(|x, y| if x[0] < y[0] { -1 } else if x[0] > y[0] { 1 } else { 0 }); a }"#,
            r#"["a1","a2","b1","b2"]"#,
        ),
        (
            "{ let a = [2, 1]; let b = a.order(|x, y| x - y); [a, b] }",
            "[[2,1],[1,2]]",
        ),
        ("{ let a = [1, 1, 2, 1.0, 1]; a.dedup(); a }", "[1,2,1.0]"),
        (
            "{ let a = [1, 2, 2, 3, 1]; a.dedup(|x, y| x >= y); a }",
            "[1,2,3]",
        ),
        ("{ let a = []; a.dedup(); a.sort(|x, y| 0); a }", "[]"),
        (
            "{ let a = [1]; a += [2]; a.append([3]); a + [4] }",
            "[1,2,3,4]",
        ),
        ("#{ b: 1, a: 2 }.values()", "[2,1]"),
    ] {
        assert_eq!(value(code), result, "{code}");
    }
    let shown = r#"`${[1, 2.5, 1e300, "a\"b", 'c', (), true, 1..3, [], #{ "k k": [1], b: #{} }]}`"#;
    let theirs: String = rhai::Engine::new().eval(shown).unwrap();
    assert_eq!(value(shown), serde_json::to_string(&theirs).unwrap());
    // What goes wrong while it compares is not passed over, and leaves the array as it was.
    assert!(
        failure("{ let a = [1, 2]; a.sort(|x, y| throw \"no\"); a }")
            .1
            .contains("no")
    );
    assert!(
        failure("{ let a = [1, 2]; a.sort(|x, y| \"\"); a }")
            .1
            .contains("whole number")
    );
    assert_eq!(
        value("{ let a = [2, 1]; try { a.sort(|x, y| throw 1) } catch { } a }"),
        "[2,1]"
    );
}
