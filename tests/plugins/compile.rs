//! What is refused when a script is loaded, with the place of the fault.

use herald::plugin::{Hook, Limits, check};

use crate::support::{body_of, compile, refusal, runtime};

#[test]
fn a_syntax_error_names_line_column_and_the_line_itself() {
    let fault = refusal("fn filter(event) {\n  let x = ;\n  true\n}");
    assert_eq!(fault.line, Some(2));
    assert_eq!(fault.column, Some(11));
    assert_eq!(fault.source_line.as_deref(), Some("  let x = ;"));
}

#[test]
fn a_file_full_of_nuls_is_refused_in_words_without_one() {
    let fault = refusal(&"\0".repeat(10_000));
    let shown = fault.to_string();
    assert!(!shown.contains('\0'), "{shown:?}");
    let line = fault.source_line.unwrap_or_default();
    assert!(line.starts_with("␀␀") && line.chars().count() < 600);
}

#[test]
fn statements_outside_functions_are_refused_at_their_line() {
    for (text, line) in [
        ("fn filter(e) { true }\nlet x = 1;", 2),
        ("print(1);\nfn filter(e) { true }", 1),
        ("const A = 1;\nif A > 0 { }\nfn filter(e) { true }", 2),
        ("fn filter(e) { true }\n\n\nwhile true { }", 4),
        ("fn filter(e) { true }\n{ let y = 2; }", 2),
        ("fn filter(e) { true }\n42", 2),
        ("fn filter(e) { true }\nreturn;", 2),
        ("fn filter(e) { true }\nloop { }", 2),
    ] {
        let fault = refusal(text);
        assert_eq!(fault.line, Some(line), "{fault}\n{text}");
    }
}

#[test]
fn constants_are_seen_inside_functions() {
    let text = "const LEAST = 60 * 60;\nconst NAMES = [\"a\", \"b\"];\nconst M = #{x: #{y: 5}};\n\
                fn helper() { LEAST + NAMES.len() + M.x.y }\n\
                fn transform(event) { let f = |x| x + LEAST; [helper(), f.call(1), NAMES] }";
    let runtime = runtime();
    let body = body_of(&runtime, &compile(&runtime, text), "{}").unwrap();
    assert_eq!(body, r#"[3607,3601,["a","b"]]"#);
}

#[test]
fn constants_can_be_asked_but_not_changed() {
    let runtime = runtime();
    let text = "const NAMES = [\"b\", \"a\"];\nconst M = #{x: #{y: 5}};\n\
                fn transform(event) { [`${NAMES} ${M}`, M.get(\"x.y\"), get(M, \"x\", 1).y, \
                NAMES + [1], NAMES.order(|a, b| a < b), M.values().len(), NAMES.contains(\"a\"), NAMES] }";
    let body = body_of(&runtime, &compile(&runtime, text), "{}").unwrap();
    assert_eq!(
        body,
        r##"["[\"b\", \"a\"] #{\"x\": #{\"y\": 5}}",5,5,["b","a",1],["a","b"],1,true,["b","a"]]"##
    );
    let text = "const NAMES = [2, 1];\nfn transform(event) { NAMES.sort(|a, b| a - b); NAMES }";
    let body = body_of(&runtime, &compile(&runtime, text), "{}").unwrap();
    assert_eq!(body, "[2,1]");
}

#[test]
fn a_constant_that_runs_on_or_grows_is_refused_at_its_line() {
    let fault = refusal("fn filter(e) { true }\nconst X = { loop { } };");
    assert_eq!(fault.line, Some(2), "{fault}");
    let big = format!(
        "const X = \"{}\";\nfn filter(e) {{ [{}] }}",
        "x".repeat(20_000),
        "X,".repeat(5_000)
    );
    assert!(
        refusal(&big).message.contains("copies"),
        "{}",
        refusal(&big)
    );
    assert!(
        refusal("const F = Fn(\"filter\");\nfn filter(e) { true }")
            .message
            .contains("function")
    );
}

#[test]
fn variables_that_nobody_defined_are_refused() {
    let fault = refusal("fn filter(event) {\n  evnt.payload.x == 1\n}");
    assert_eq!(fault.line, Some(2));
    assert!(fault.message.contains("evnt"), "{fault}");
}

#[test]
fn eval_import_export_and_curry_are_refused() {
    for code in [
        "eval(\"1\")",
        "import \"x\" as y; 1",
        "export x",
        "let f = |x| x; f.curry(1)",
        "let f = |x| x; curry(f, 1)",
        "global::x",
    ] {
        let fault = refusal(&format!("fn filter(event) {{\n {code}\n}}"));
        assert_eq!(fault.line, Some(2), "{fault}");
    }
}

#[test]
fn a_function_that_captures_is_told_about_it() {
    let fault = refusal("fn filter(event) {\n let limit = 1;\n [1].some(|x| x > limit)\n}");
    assert_eq!(fault.line, Some(3));
    assert!(fault.message.contains("limit"), "{fault}");
}

#[test]
fn hooks_have_one_parameter_and_are_not_private() {
    for text in [
        "\nfn filter() { true }",
        "\nfn transform(a, b) { a }",
        "\nprivate fn filter(event) { true }",
        "fn filter(event) { true }\nfn filter(a, b) { true }",
        "fn filter(event) { true }\nfn test_x(a) { }",
    ] {
        assert_eq!(refusal(text).line, Some(2), "{text}");
    }
    assert!(
        refusal("fn helper(event) { true }")
            .message
            .contains("filter(event)")
    );
    assert!(refusal("").message.contains("filter(event)"));
}

#[test]
fn facts_name_hooks_and_tests() {
    let text = "fn test_b() {} fn mail(e) { #{} } fn filter(e) { true } fn test_a() {}";
    let facts = check(text, &Limits::default()).unwrap();
    assert_eq!(facts.hooks, [Hook::Filter, Hook::Mail]);
    assert_eq!(facts.tests, ["test_a", "test_b"]);
}

#[test]
fn sources_beyond_the_limits_are_refused_soon() {
    let deep = |open: &str, close: &str, n: usize| {
        format!("fn filter(e) {{ {}1{} }}", open.repeat(n), close.repeat(n))
    };
    let functions: String = (0..3_000).map(|n| format!("fn f{n}(){{}}")).collect();
    let switch: String = (0..5_000).map(|n| format!("{n}=>1,")).collect();
    let sources = [
        (
            "64 KiB",
            format!("fn filter(e) {{ true }}//{}", "x".repeat(64 << 10)),
        ),
        ("functions", format!("{functions}fn filter(e){{true}}")),
        ("parentheses", deep("(", ")", 10_000)),
        ("arrays", deep("[", "]", 10_000)),
        ("maps", deep("#{a:", "}", 5_000)),
        ("blocks", deep("{", "}", 10_000)),
        ("not", deep("!", "", 60_000)),
        ("minus", deep("-", "", 60_000)),
        ("ifs", deep("if true {", "}", 5_000)),
        (
            "else ifs",
            format!(
                "fn filter(e) {{ if e {{}} {} }}",
                "else if e {}".repeat(5_000)
            ),
        ),
        ("closures", deep("|x|", "", 10_000)),
        ("interpolation", deep("`${", "}`", 8_000)),
        (
            "dots",
            format!("fn filter(e) {{ e{} }}", ".a".repeat(30_000)),
        ),
        (
            "indexes",
            format!("fn filter(e) {{ e{} }}", "[0]".repeat(20_000)),
        ),
        (
            "calls",
            format!("fn filter(e) {{ e{} }}", ".a()".repeat(15_000)),
        ),
        (
            "comments",
            format!("{}fn filter(e) {{ true }}", "/*".repeat(30_000)),
        ),
        (
            "sums",
            format!("fn filter(e) {{ 1{} }}", "+1".repeat(30_000)),
        ),
        (
            "sums of e",
            format!("fn filter(e) {{ e{} }}", "+e".repeat(30_000)),
        ),
        (
            "assignments",
            format!("fn filter(e) {{ {}1 }}", "e=".repeat(30_000)),
        ),
        (
            "ands",
            format!("fn filter(e) {{ e{} }}", "&&e".repeat(20_000)),
        ),
    ];
    for (what, text) in &sources {
        let begun = std::time::Instant::now();
        let refused = check(text, &Limits::default());
        println!(
            "{what:>14}: {:>6.1} ms {:?}",
            begun.elapsed().as_secs_f64() * 1e3,
            refused.as_ref().err().map(|f| &f.message)
        );
        assert!(begun.elapsed().as_millis() < 2_000, "{what}");
    }
    // As many cases as fit are an ordinary thing.
    let text = format!("fn filter(e) {{ let n = switch e.attempt {{ {switch} _ => 2 }}; n == 1 }}");
    let runtime = runtime();
    let failed = body_of(&runtime, &compile(&runtime, &text), "{}");
    assert_eq!(failed.unwrap(), "{}");
}
