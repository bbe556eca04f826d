//! What each hook is given and what may come back.

use herald::plugin::{
    FailureKind, Limits, MailDraft, Run, ScriptEvent, ScriptVerdict, Source, run_chain, run_tests,
};

use crate::support::{PAYLOAD, body_of, compile, event, name, run, runtime, source};

fn delivered(run: &Run) -> &herald::plugin::Delivered {
    match &run.verdict {
        Ok(ScriptVerdict::Deliver(delivered)) => delivered,
        other => panic!("{other:?}"),
    }
}

#[test]
fn hooks_see_the_event_without_the_targets_secrets() {
    let runtime = runtime();
    let script = compile(
        &runtime,
        "fn transform(event) { event.payload = (); event }",
    );
    let body = body_of(&runtime, &script, PAYLOAD).unwrap();
    assert_eq!(
        body,
        "{\"attempt\":2,\"id\":\"evt_01jz0000000000000000000001\",\"payload\":null,\
         \"received_at\":\"2026-11-22T01:02:03.456Z\",\
         \"subscription\":{\"id\":\"sub_01jz0000000000000000000001\",\
         \"target\":\"https://user-hooks.example.com:8443\",\"title\":\"Shop\"},\
         \"type\":\"STORE_ORDER_PAID\"}"
    );
}

#[test]
fn a_filter_that_says_no_is_named_and_ends_the_chain() {
    let runtime = runtime();
    let no = compile(
        &runtime,
        "fn filter(event) { log(\"no\"); event.payload.data.total > 100 }",
    );
    let other = compile(&runtime, "fn filter(event) { throw 1 }");
    let run = run_chain(&runtime, &[&no, &other], &event(PAYLOAD));
    assert_eq!(
        run.verdict,
        Ok(ScriptVerdict::Filtered {
            script: name("named/tested.rhai")
        })
    );
    assert_eq!(run.log, ["no"]);
    assert_eq!(run.scripts.len(), 1);
    assert_eq!(run.scripts[0].hash, no.source().hash);
    assert!(run.operations > 0);
}

#[test]
fn without_a_transform_the_bytes_stay_as_published() {
    let runtime = runtime();
    let script = compile(&runtime, "fn filter(event) { true }");
    let payload = "{ \"b\" : 1.10, \"a\":\"\\u0041\" }";
    let run = run_chain(&runtime, &[&script], &event(payload));
    assert_eq!(delivered(&run).body, payload);
    assert!(!delivered(&run).changed);
    assert_eq!(delivered(&run).content_type, None);
    let run = run_chain(&runtime, &[], &event("not even JSON"));
    assert_eq!(delivered(&run).body, "not even JSON");
}

#[test]
fn the_second_script_sees_what_the_first_made() {
    let runtime = runtime();
    let first = compile(
        &runtime,
        "fn transform(event) { #{ n: event.payload.data.id } } \
         fn headers(event) { #{ \"X-A\": \"first\", \"x-b\": `${event.payload.n}` } }",
    );
    let second = compile(
        &runtime,
        "fn filter(event) { event.payload.n == 7 } fn transform(event) { [event.payload.n * 2] } \
         fn headers(event) { #{ \"x-a\": \"second\" } }",
    );
    let run = run_chain(&runtime, &[&first, &second], &event(PAYLOAD));
    let delivered = delivered(&run);
    assert_eq!(delivered.body, "[14]");
    assert!(delivered.changed);
    let pairs: Vec<(&str, &str)> = delivered
        .headers
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(pairs, [("x-a", "second"), ("x-b", "7")]);
    assert_eq!(run.scripts.len(), 2);
}

#[test]
fn a_text_goes_out_with_its_content_type() {
    let runtime = runtime();
    let plain = compile(&runtime, "fn transform(event) { \"hello\" }");
    let run_plain = run(&runtime, &plain);
    assert_eq!(
        delivered(&run_plain).content_type.as_deref(),
        Some("text/plain; charset=utf-8")
    );
    let xml = compile(
        &runtime,
        "fn transform(event) { \"<a/>\" } fn headers(event) { #{ \"Content-Type\": \"text/xml\" } }",
    );
    let run_xml = run(&runtime, &xml);
    assert_eq!(
        delivered(&run_xml).content_type.as_deref(),
        Some("text/xml")
    );
    assert!(delivered(&run_xml).headers.is_empty());
    let run_both = run_chain(&runtime, &[&xml, &plain], &event(PAYLOAD));
    assert_eq!(delivered(&run_both).body, "hello");
}

#[test]
fn what_hooks_may_not_give_back_is_told() {
    let runtime = runtime();
    for (text, words) in [
        ("fn filter(event) { 1 }", "filter gave back a whole number"),
        ("fn filter(event) { }", "filter gave back a value `()`"),
        (
            "fn transform(event) { #{ a: [1, Fn(\"x\")] } }",
            "a[1]: JSON has no function",
        ),
        (
            "fn transform(event) { [1.0 / 0.0] }",
            "[0]: JSON has no number inf",
        ),
        (
            "fn transform(event) { true }",
            "transform gave back a true or false",
        ),
        ("fn headers(event) { [] }", "headers gave back a array"),
        (
            "fn headers(event) { #{ \"x-n\": 1 } }",
            "x-n is a whole number",
        ),
        (
            "fn headers(event) { #{ \"Webhook-Id\": \"1\" } }",
            "reserved",
        ),
        ("fn headers(event) { #{ \"host\": \"a\" } }", "reserved"),
        (
            "fn headers(event) { #{ \"x\": \"a\\r\\nb: c\" } }",
            "not allowed",
        ),
        ("fn headers(event) { #{ \"a b\": \"c\" } }", "in its name"),
        (
            "fn headers(event) { let m = #{}; for i in 0..21 { m[`x-${i}`] = \"\"; } m }",
            "more than 20",
        ),
    ] {
        let failure = run(&runtime, &compile(&runtime, text)).verdict.unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadResult, "{failure}");
        assert!(failure.fault.message.contains(words), "{failure}");
    }
}

#[test]
fn an_error_names_its_line_and_what_was_thrown() {
    let runtime = runtime();
    let script = compile(
        &runtime,
        "fn helper(x) {\n  x.nothing.there\n}\nfn filter(event) {\n  helper(event)\n}",
    );
    let failure = run(&runtime, &script).verdict.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Error);
    assert_eq!(failure.fault.line, Some(2), "{failure}");
    assert_eq!(
        failure.fault.source_line.as_deref(),
        Some("  x.nothing.there")
    );
    let script = compile(&runtime, "fn filter(event) {\n  throw #{ code: 7 };\n}");
    let failure = run(&runtime, &script).verdict.unwrap_err();
    assert_eq!(failure.fault.message, "{\"code\":7}");
    assert_eq!(
        failure.to_string(),
        "named/tested.rhai: line 2, column 3: {\"code\":7}\n  2 |   throw #{ code: 7 };"
    );
}

#[test]
fn what_is_thrown_or_logged_of_a_payload_keeps_no_nul() {
    let runtime = runtime();
    let text = "fn filter(event) { log(event.payload.x); throw event.payload.x }";
    let script = compile(&runtime, text);
    let run = run_chain(&runtime, &[&script], &event(r#"{"x":"a\u0000b\nc\td"}"#));
    assert_eq!(run.log, ["a␀b\nc\td"]);
    assert_eq!(run.verdict.unwrap_err().fault.message, "a␀b␊c\td");
}

fn mail_event() -> ScriptEvent<'static> {
    let mut event = event(PAYLOAD);
    event.subscription.target = "mailto:shop@example.com";
    event
}

#[test]
fn mail_is_asked_only_for_a_subscription_that_mails() {
    let runtime = runtime();
    let text = "fn filter(event) { true } fn transform(event) { event.payload.data } \
                fn mail(event) { #{ subject: `Order ${event.payload.id}`, text: \"paid\", to: [\"a@example.com\"] } }";
    let script = compile(&runtime, text);
    assert!(matches!(
        run(&runtime, &script).verdict,
        Ok(ScriptVerdict::Deliver(_))
    ));
    let verdict = run_chain(&runtime, &[&script], &mail_event())
        .verdict
        .unwrap();
    let draft = MailDraft {
        subject: "Order 7".to_owned(),
        text: "paid".to_owned(),
        html: None,
        to: vec!["a@example.com".to_owned()],
    };
    assert_eq!(verdict, ScriptVerdict::Mail(draft));
    for bad in [
        "#{ subject: \"a\\nBcc: x\", text: \"\" }",
        "#{ text: \"\" }",
        "#{ subject: \"\", text: 1 }",
        "#{ subject: \"\", text: \"\", bcc: \"x\" }",
        "#{ subject: \"\", text: \"\", to: [\"a\\nb\"] }",
        "\"text\"",
    ] {
        let script = compile(&runtime, &format!("fn mail(event) {{ {bad} }}"));
        let failure = run_chain(&runtime, &[&script], &mail_event())
            .verdict
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadResult, "{bad}");
    }
}

#[test]
fn a_scripts_own_tests_are_run_each_with_its_outcome() {
    let text = "fn filter(event) { event.payload.data.id > 0 }\n\
                fn transform(event) { #{ type: event.type } }\n\
                fn test_ok() { let e = example(\"STORE_ORDER_CREATED\"); assert_eq(transform(e), #{ type: \"STORE_ORDER_CREATED\" }); log(\"seen\"); }\n\
                fn test_says_no() {\n  assert(1 > 2, \"one is not more than two\");\n}\n\
                fn test_throws() { throw \"oops\" }\n\
                fn test_unknown() { example(\"STORE_ORDER_CREATD\") }\n\
                fn test_runs_on() { loop { } }";
    let results = run_tests(&source(text), &Limits::default()).unwrap();
    let names: Vec<&str> = results.iter().map(|result| result.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "test_ok",
            "test_runs_on",
            "test_says_no",
            "test_throws",
            "test_unknown"
        ]
    );
    assert_eq!(results[0].result, Ok(()));
    assert_eq!(results[0].log, ["seen"]);
    let faults: Vec<String> = results[1..]
        .iter()
        .map(|result| result.result.clone().unwrap_err().to_string())
        .collect();
    assert!(faults[0].contains("it used more than"), "{}", faults[0]);
    assert!(
        faults[1].starts_with("line 5, column 3: one is not more than two"),
        "{}",
        faults[1]
    );
    assert!(faults[2].contains("oops"));
    assert!(faults[3].contains("STORE_ORDER_CREATED"), "{}", faults[3]);
    let broken = Source::new(name("named/x.rhai"), "fn");
    assert!(run_tests(&broken, &Limits::default()).is_err());
}

#[test]
fn a_broken_payload_is_a_failure_and_no_panic() {
    let runtime = runtime();
    let script = compile(&runtime, "fn filter(event) { true }");
    let mut broken = event(PAYLOAD);
    broken.payload = b"{\"a\": \xff}";
    let run = run_chain(&runtime, &[&script, &script], &broken);
    assert!(run.verdict.is_err());
    // The script is judged by its part.
    assert_eq!(run.scripts.len(), 1);
    assert_eq!(run.scripts[0].hash, script.source().hash);
}
