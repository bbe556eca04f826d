//! Scripts and events for the tests of these crates.
#![allow(dead_code, reason = "each of the crates uses its part")]

use chrono::DateTime;
use herald::plugin::{
    FailureKind, Limits, Run, Runtime, Script, ScriptEvent, ScriptFailure, ScriptName,
    ScriptSubscription, ScriptVerdict, Source, SourceFault, run_chain,
};

/// A short payload with the parts that scripts look at.
pub(crate) const PAYLOAD: &str = r#"{"event_type":"STORE_ORDER_PAID","data":{"id":7,"email":"ada@example.com","total":12.5,"items":[{"sku":"a","count":2},{"sku":"b","count":1}]}}"#;

pub(crate) fn runtime() -> Runtime {
    Runtime::new(Limits::default())
}

pub(crate) fn name(path: &str) -> ScriptName {
    path.parse().unwrap()
}

pub(crate) fn source(text: &str) -> Source {
    Source::new(name("named/tested.rhai"), text)
}

pub(crate) fn compile(runtime: &Runtime, text: &str) -> Script {
    match runtime.compile(&source(text)) {
        Ok(script) => script,
        Err(fault) => panic!("{fault}"),
    }
}

pub(crate) fn refusal(text: &str) -> SourceFault {
    runtime().compile(&source(text)).unwrap_err()
}

pub(crate) fn event(payload: &str) -> ScriptEvent<'_> {
    ScriptEvent {
        id: "evt_01jz0000000000000000000001",
        event_type: "STORE_ORDER_PAID",
        received_at: DateTime::from_timestamp_millis(1_795_309_323_456).unwrap(),
        attempt: 2,
        payload: payload.as_bytes(),
        subscription: ScriptSubscription {
            id: "sub_01jz0000000000000000000001",
            title: "Shop",
            target: "https://user-hooks.example.com:8443/secret/path?token=abc",
        },
        now: DateTime::from_timestamp_millis(1_795_309_400_000).unwrap(),
    }
}

pub(crate) fn run(runtime: &Runtime, script: &Script) -> Run {
    run_chain(runtime, &[script], &event(PAYLOAD))
}

/// The body that a script makes of `payload`.
pub(crate) fn body_of(
    runtime: &Runtime,
    script: &Script,
    payload: &str,
) -> Result<String, ScriptFailure> {
    match run_chain(runtime, &[script], &event(payload)).verdict? {
        ScriptVerdict::Deliver(delivered) => {
            Ok(String::from_utf8(delivered.body.to_vec()).unwrap())
        }
        other => panic!("{other:?}"),
    }
}

/// What an expression of the script language is, as JSON text.
pub(crate) fn value(expression: &str) -> String {
    let runtime = runtime();
    let text = format!("fn transform(event) {{ [{expression}] }}");
    let body = body_of(&runtime, &compile(&runtime, &text), PAYLOAD);
    let body = body.unwrap_or_else(|failure| panic!("{failure}: {expression}"));
    body[1..body.len() - 1].to_owned()
}

/// How an expression fails.
pub(crate) fn failure(expression: &str) -> (FailureKind, String) {
    let runtime = runtime();
    let text = format!("fn transform(event) {{ [{expression}] }}");
    let failure = body_of(&runtime, &compile(&runtime, &text), PAYLOAD).unwrap_err();
    (failure.kind, failure.fault.to_string())
}

/// The body, or what came instead of it.
pub(crate) fn body(run: &Run) -> String {
    match &run.verdict {
        Ok(ScriptVerdict::Deliver(delivered)) => {
            String::from_utf8_lossy(&delivered.body).into_owned()
        }
        other => format!("{other:?}"),
    }
}
