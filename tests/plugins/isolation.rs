//! What one script does is seen by no other, and what it logs has an end.

use herald::plugin::{Limits, Runtime, run_chain};

use crate::support::{PAYLOAD, body, compile, event};

#[test]
fn what_a_script_redefines_is_redefined_for_itself_alone() {
    let runtime = Runtime::new(Limits::default());
    let thief = "fn sha256(x) { \"stolen\" } fn len(x) { 9 } fn log(x) { } fn parse_json(x) { 1 } \
                 fn to_json(x) { \"\" } fn `+`(a, b) { 0 } fn now() { 0 } \
                 fn transform(event) { [sha256(\"\"), len(\"\")] }";
    let thief = thief.replace("fn `+`(a, b) { 0 } ", "");
    let thief = compile(&runtime, &thief);
    let honest = compile(
        &runtime,
        "fn transform(event) { log(1); [sha256(\"\").len(), len(\"ab\"), parse_json(\"2\"), to_json(3), now() > 0] }",
    );
    let run = run_chain(&runtime, &[&thief], &event(PAYLOAD));
    assert_eq!(body(&run), r#"["stolen",9]"#);
    let run = run_chain(&runtime, &[&thief, &honest], &event(PAYLOAD));
    assert_eq!(body(&run), r#"[64,2,2,"3",true]"#);
    assert_eq!(run.log, ["1"]);
}

#[test]
fn what_a_hook_does_to_its_event_stays_with_that_hook() {
    let runtime = Runtime::new(Limits::default());
    let text = "fn filter(event) { event.payload.data.id = 99; event.payload.data.items.clear(); \
                event.id = 1; event.clear(); true } \
                fn headers(event) { #{ \"x-id\": `${event.payload.data.id} ${event.payload.data.items.len()}` } }";
    let script = compile(&runtime, text);
    let run = run_chain(&runtime, &[&script, &script], &event(PAYLOAD));
    let herald::plugin::ScriptVerdict::Deliver(delivered) = run.verdict.unwrap() else {
        panic!()
    };
    assert_eq!(delivered.headers, [("x-id".to_owned(), "7 2".to_owned())]);
    assert_eq!(delivered.body, PAYLOAD);
    assert!(!delivered.changed);
}

#[test]
fn a_flood_of_log_lines_is_cut_and_counted() {
    let runtime = Runtime::new(Limits::default());
    let script = compile(
        &runtime,
        "fn filter(event) { let s = \"x\"; s.pad(100, 'x'); \
        for i in 0..1000 { log(`${i} ${s}`); print(s); debug(s); } true }",
    );
    let run = run_chain(&runtime, &[&script], &event(PAYLOAD));
    assert!(run.verdict.is_ok());
    assert_eq!(run.log.len(), 101);
    assert_eq!(run.log[100], "(2900 more lines were not kept)");
    let script = compile(
        &runtime,
        "fn filter(event) { let s = \"é\"; s.pad(1000000, 'é'); log(s); log(s); true }",
    );
    let run = run_chain(&runtime, &[&script], &event(PAYLOAD));
    let bytes: usize = run.log.iter().map(String::len).sum();
    assert!(bytes < (16 << 10) + 64, "{bytes}");
    // And the next script's log is its own.
    let script = compile(&runtime, "fn filter(event) { log(\"a\"); true }");
    assert_eq!(run_chain(&runtime, &[&script], &event(PAYLOAD)).log, ["a"]);
}
