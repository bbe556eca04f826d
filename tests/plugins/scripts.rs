//! The scripts that mean harm: data alone.

use herald::plugin::FailureKind::{self, BadResult, Deadline, Error, Memory, Operations};

/// A name, the body of `transform(event)`, and how it may end: small scripts race two limits.
pub(crate) const SCRIPTS: &[(&str, &str, &[FailureKind])] = &[
    ("endless loop", "loop { }", &[Deadline, Operations]),
    (
        "endless while",
        "let x = 0; while true { x += 1; }",
        &[Deadline, Operations],
    ),
    (
        "long for",
        "let n = 0; for i in 0..1000000000000 { n = i; } event",
        &[Deadline, Operations],
    ),
    (
        "loop that catches",
        "loop { try { loop { } } catch { } }",
        &[Deadline, Operations],
    ),
    ("deep recursion", "fn_deep(1)", &[Error]),
    ("mutual recursion", "fn_a(1)", &[Error]),
    (
        "recursion that catches",
        "fn_catch(1)",
        &[Error, Deadline, Operations],
    ),
    ("sleep(1e300)", "sleep(1e300); event", &[Error]),
    ("sleep for seconds", "sleep(10); event", &[Error]),
    (
        "sleep that catches",
        "loop { try { sleep(100) } catch { } }",
        &[Deadline, Operations],
    ),
    ("text doubled", "let s = \"x\"; loop { s += s; }", &[Memory]),
    (
        "text doubled by +",
        "let s = \"x\"; loop { s = s + s; }",
        &[Memory],
    ),
    (
        "text interpolated",
        "let s = \"xx\"; loop { s = `${s}${s}${s}`; }",
        &[Memory],
    ),
    (
        "text padded",
        "let s = \"x\"; s.pad(1000000000000, 'y'); s",
        &[Memory],
    ),
    (
        "text padded by text",
        "let s = \"x\"; s.pad(100000000, \"yyyyyyyy\"); s",
        &[Memory],
    ),
    (
        "text replaced",
        "let s = \"x\"; s.pad(1000000, 'x'); s.replace(\"x\", s); s",
        &[Memory],
    ),
    (
        "text replaced at nothing",
        "let s = \"x\"; s.pad(1000000, 'x'); s.replace(\"\", s); s",
        &[Memory],
    ),
    (
        "text by expression",
        "let s = \"x\"; s.pad(200000, 'x'); regex_replace(s, \"x\", s)",
        &[Memory, Error, Deadline],
    ),
    (
        "text split",
        "let s = \"x\"; s.pad(2000000, 'x'); s.split(\"\")",
        &[Memory, Deadline],
    ),
    (
        "text to characters",
        "let s = \"x\"; s.pad(2000000, 'x'); s.to_chars()",
        &[Memory, Deadline],
    ),
    (
        "text in an array",
        "let s = \"x\"; s.pad(1000000, 'x'); let a = []; loop { a.push(s + a.len()); }",
        &[Memory, Deadline],
    ),
    (
        "array pushed",
        "let a = []; loop { a.push(1); }",
        &[Memory, Deadline, Operations],
    ),
    (
        "array doubled",
        "let a = [1]; loop { a += a; }",
        &[Memory, Deadline],
    ),
    (
        "array of itself",
        "let a = [1]; loop { a.push(a); }",
        &[Memory, Deadline],
    ),
    (
        "array padded",
        "let a = []; a.pad(1000000000000, 1); a",
        &[Memory],
    ),
    (
        "array padded by maps",
        "let k = \"k\"; k.pad(1000000, 'k'); let m = #{}; m[k] = 1; let a = []; a.pad(100000, m); a",
        &[Memory],
    ),
    (
        "array of blobs",
        "let a = []; loop { a.push(blob(100000)); }",
        &[Memory, Deadline],
    ),
    (
        "array appended to map",
        "let m = #{a: [1]}; loop { m.a += m.a; }",
        &[Memory, Deadline],
    ),
    (
        "map grown",
        "let m = #{}; let i = 0; loop { m[\"k\" + i] = i; i += 1; }",
        &[Memory, Deadline, Operations],
    ),
    (
        "map of itself",
        "let m = #{a: 1}; loop { m.b = m; m.c = m; }",
        &[Memory, Deadline],
    ),
    (
        "map with long names",
        "let k = \"k\"; k.pad(1000000, 'k'); let m = #{}; let i = 0; loop { m[k + i] = 1; i += 1; }",
        &[Memory, Deadline],
    ),
    (
        "copies of long names",
        "let k = \"k\"; k.pad(1000000, 'k'); let m = #{}; m[k] = 1; let a = [m]; loop { a += a; }",
        &[Memory, Deadline],
    ),
    (
        "map filled",
        "let m = #{}; for i in 0..100000 { m[\"k\" + i] = i; } let a = []; loop { a.push(m); }",
        &[Memory, Deadline, Operations],
    ),
    ("blob grown", "let b = blob(1); loop { b += b; }", &[Memory]),
    ("blob at once", "blob(1000000000000)", &[Memory]),
    (
        "blob padded",
        "let b = blob(); b.pad(1000000000000, 1); b",
        &[Memory],
    ),
    (
        "nested deeply",
        "let a = 1; loop { a = [a]; }",
        &[Memory, Deadline, Operations],
    ),
    (
        "nested deeply without copies",
        "let a = 1; loop { let b = [take(a)]; a = take(b); }",
        &[Memory, Deadline, Operations],
    ),
    (
        "nested maps",
        "let a = 1; loop { a = #{a: a}; }",
        &[Memory, Deadline, Operations],
    ),
    (
        "nested then compared",
        "let a = 1; let b = 1; for i in 0..3000 { a = [a]; b = [b]; } [a == b, a.to_string()]",
        &[Deadline, Error, Operations],
    ),
    ("many variables", "fn_vars()", &[Memory]),
    ("many large variables", "fn_large(20)", &[Memory, Deadline]),
    (
        "nested json",
        "let s = \"\"; s.pad(1000000, '['); parse_json(s)",
        &[Error],
    ),
    (
        "json of json",
        "let s = \"\\\\\"; loop { s = to_json([s]); }",
        &[Memory, Deadline],
    ),
    (
        "base64 of base64",
        "let s = \"x\"; loop { s = base64_encode(s); }",
        &[Memory, Deadline],
    ),
    (
        "hex of hex",
        "let s = \"x\"; loop { s = hex_encode(s); }",
        &[Memory, Deadline],
    ),
    (
        "hash in a loop",
        "let s = \"x\"; s.pad(1000000, 'x'); loop { sha256(s); }",
        &[Deadline],
    ),
    (
        "backtracking expression",
        "let s = \"a\"; s.pad(30000, 'a'); s += \"!\"; loop { regex_is_match(s, \"^(a+)+$\"); }",
        &[Deadline],
    ),
    (
        "large expression",
        "loop { regex_is_match(\"a\", \"(((a{100}){100}){100})\"); }",
        &[Error],
    ),
    (
        "wide expression",
        "let s = \"a\"; s.pad(16000, 'a'); loop { regex_is_match(s, \"(a|aa|aaa)*.{1,150}b\"); }",
        &[Deadline],
    ),
    (
        "quadratic expression",
        "let s = \"A\"; s.pad(60000, 'A'); regex_replace(s, \".*[^A-Z]|[A-Z]\", \"x\")",
        &[Deadline, Error],
    ),
    (
        "new expressions",
        "let i = 0; loop { regex_is_match(\"a\", \"\\\\w{5}\" + i); i += 1; }",
        &[Deadline],
    ),
    (
        "sort",
        "let a = []; for i in 0..50000 { a.push((i * 7919) % 50021); } loop { a.sort(|x, y| y - x); }",
        &[Deadline, Operations],
    ),
    (
        "sort that lies",
        "let a = []; for i in 0..5000 { a.push(i); } loop { a.sort(|x, y| 1); }",
        &[Deadline, Operations],
    ),
    (
        "array compared",
        "let a = []; a.pad(500000, 1); let b = a; loop { a == b; }",
        &[Deadline],
    ),
    (
        "text searched",
        "let s = \"a\"; s.pad(1000000, 'a'); let t = \"a\"; t.pad(500000, 'a'); t += \"b\"; loop { s.contains(t); }",
        &[Deadline],
    ),
    (
        "text shown",
        "let a = []; a.pad(200000, \"x\"); loop { a.to_string(); }",
        &[Memory, Deadline],
    ),
    (
        "power",
        "let x = 2; loop { x = 3 ** 1000000000; }",
        &[Error],
    ),
    ("division", "1 / 0", &[Error]),
    (
        "least number",
        "let x = -9223372036854775807 - 1; [-x, abs(x), x / -1, x % -1]",
        &[Error],
    ),
    (
        "throw a large text",
        "let s = \"x\"; s.pad(2000000, 'x'); throw s",
        &[Error],
    ),
    (
        "throw a large array",
        "let a = []; a.pad(500000, 1); throw a",
        &[Error],
    ),
    ("throw itself", "throw event", &[Error]),
    ("throw a function", "throw Fn(\"transform\")", &[Error]),
    ("exit", "exit(event)", &[Error]),
    ("a function", "Fn(\"transform\")", &[BadResult]),
    ("a function inside", "[1, #{a: |x| x}]", &[BadResult]),
    ("nothing", "()", &[BadResult]),
    ("a number", "1", &[BadResult]),
    ("a blob", "blob(10)", &[BadResult]),
    ("a range", "0..10", &[BadResult]),
    ("not a number", "[0.0 / 0.0]", &[BadResult]),
    (
        "a large array",
        "let a = []; a.pad(300000, \"123456\"); a",
        &[BadResult],
    ),
    (
        "a text that escapes",
        "let s = \"\\x01\"; s.pad(1000000, '\\x01'); [s]",
        &[BadResult],
    ),
    (
        "100 MB",
        "let s = \"x\"; s.pad(1000000, 'x'); let a = []; a.pad(100, s); a",
        &[Memory],
    ),
    (
        "deeper than JSON",
        "let a = 1; for i in 0..200 { a = [a]; } a",
        &[BadResult],
    ),
    (
        "function pointer to itself",
        "let f = Fn(\"transform\"); f.call(event)",
        &[Error],
    ),
    ("call by name", "call(\"fn_deep\", 1)", &[Error]),
    ("this", "this", &[Error]),
    (
        "method on this",
        "let x = 1; x.fn_this()",
        &[Deadline, Operations],
    ),
    (
        "panic",
        "let a = [1]; a.splice(-9223372036854775807, 9223372036854775807, [1]); let s = \"é\"; s.crop(1, 1); s.sub_string(-1, 9223372036854775807); (\"é\").get(0); loop { }",
        &[Deadline, Operations, Error],
    ),
    (
        "callback that grows",
        "let a = [1]; a.map(|x| { let b = [x]; loop { b += b; } })",
        &[Memory, Deadline],
    ),
    (
        "reduce",
        "let a = []; a.pad(1000, 1); a.reduce(|sum, x| { if sum == () { [x] } else { sum + sum } })",
        &[Memory, Deadline],
    ),
    (
        "endless iterator",
        "for c in \"x\".chars() { loop { } }",
        &[Deadline, Operations],
    ),
    (
        "range by small steps",
        "for x in range(0.0, 1.0, 1e-300) { }",
        &[Deadline, Operations, Error],
    ),
    (
        "step of nothing",
        "for x in range(0, 10, 0) { }",
        &[Deadline, Operations, Error, BadResult],
    ),
    ("type names", "type_of(Fn(\"x\").call())", &[Error]),
    (
        "bits",
        "loop { for b in bits(-1) { } }",
        &[Deadline, Operations],
    ),
    (
        "redact",
        "let a = event; let p = []; p.pad(100, \"*.*\"); let b = []; b.pad(500000, 1); loop { redact([b], p); }",
        &[Deadline, Memory],
    ),
    (
        "redact by much",
        "let b = []; b.pad(500000, 1); redact(event, [\"*.*\"], b)",
        &[Error],
    ),
    (
        "time formats",
        "loop { format_time(now(), \"%Y%Y%Y%Y%Y%Y%Y%Y%Y%Y%Y%Y%Y%Y%Y%Y%Y%Y%Y%Y\"); }",
        &[Deadline, Operations],
    ),
];

/// Whole scripts that define functions of Herald's and Rhai's names. They act on nobody else and
/// end as any other.
pub(crate) const REDEFINED: &[(&str, &str, &[FailureKind])] = &[
    (
        "filter calls itself",
        "fn filter(event) { filter(event) }",
        &[Error],
    ),
    (
        "to_string runs on",
        "fn to_string(x) { loop { } } fn transform(event) { [to_string(1), `${event}`] }",
        &[Deadline, Operations],
    ),
    (
        "to_debug calls itself",
        "fn to_debug(x) { `${[x]}` + to_debug(x) } fn transform(event) { `${[event]}` + to_debug(1) }",
        &[Error],
    ),
    (
        "log runs on",
        "fn log(x) { loop { log(x + 1, x) } } fn log(x, y) { x } fn filter(event) { log(1) }",
        &[Deadline, Operations],
    ),
    (
        "all of Herald's names",
        "fn get(a, b) { a } fn redact(a, b) { a } fn parse_json(a) { a } fn to_json(a) { a } \
         fn sha256(a) { a } fn now() { 0 } fn uuid() { 0 } \
         fn len(a) { -1 } fn push(a, b) { loop { a += b; } } fn sort(a, b) { sort(b, a) } \
         fn transform(event) { let a = [get(1, 2), redact(3, 4), now(), len([])]; sort(a, a) }",
        &[Error],
    ),
];

/// Refused before they run, whatever the function that holds them.
pub(crate) const REFUSED: &[(&str, &str)] = &[
    ("eval", "fn filter(event) { eval(\"loop { }\") }"),
    ("eval renamed", "fn eval(x) { x } fn filter(event) { true }"),
    (
        "import",
        "import \"/etc/passwd\" as p; fn filter(event) { true }",
    ),
    (
        "import inside",
        "fn filter(event) { import \"x\" as p; true }",
    ),
    (
        "print redefined",
        "fn print(x) { x } fn filter(event) { true }",
    ),
    ("operator +", "fn +(a, b) { 0 } fn filter(event) { true }"),
    (
        "operator ==",
        "fn `==`(a, b) { true } fn filter(event) { true }",
    ),
    (
        "loop outside functions",
        "loop { } fn filter(event) { true }",
    ),
    (
        "constant that runs on",
        "const A = { loop { } }; fn filter(event) { true }",
    ),
];

pub(crate) const HELPERS: &str = "
fn fn_deep(x) { fn_deep(x + 1) }
fn fn_a(x) { fn_b(x) }
fn fn_b(x) { fn_a(x) }
fn fn_catch(x) { try { fn_catch(x + 1) } catch { fn_catch(x) } }
fn fn_this() { loop { this += 0; } }
fn fn_large(n) { let a = \"x\"; a.pad(1900000, 'x'); let b = a + \"b\"; let c = a + \"c\"; let d = a + \"d\"; \
  let e = a + \"e\"; let f = a + \"f\"; let g = a + \"g\"; if n > 0 { fn_large(n - 1) } else { loop {} } }
";
