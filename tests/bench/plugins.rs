//! What a script costs on the event of `scripts/bench`: compiling it, and reading the event,
//! filtering and transforming it for one delivery; and what the record of its health costs.

use std::hint::black_box;
use std::time::Duration;

use chrono::DateTime;
use criterion::{Criterion, criterion_group, criterion_main};
use herald::domain::id::MAIN_ACCOUNT;
use herald::plugin::{
    Health, HealthRule, Limits, Ran, Runtime, Script, ScriptEvent, ScriptSubscription, Source,
    run_chain,
};

/// The event of `scripts/bench`.
const EXAMPLE: &str = include_str!("../seeds/payloads/STORE_ORDER_CREATED.json");

const FILTER: &str =
    "fn filter(event) { event.type == \"STORE_ORDER_CREATED\" && event.payload.data != () }";
const TRANSFORM: &str = "fn transform(event) { #{ id: event.id, kind: event.type, order: event.payload.data, \
                         at: event.payload.event_timestamp } }";

const IDENTITY: &str = "fn transform(event) { event.payload }";

criterion_group!(benches, scripts);
criterion_main!(benches);

fn scripts(criterion: &mut Criterion) {
    // Laid out as scripts/bench lays it out.
    let payload = EXAMPLE.trim_end().replace("  ", " ").replace("\": ", "\":");
    let event = ScriptEvent {
        id: "evt_01jz0000000000000000000001",
        event_type: "STORE_ORDER_CREATED",
        received_at: DateTime::UNIX_EPOCH,
        attempt: 1,
        payload: payload.as_bytes(),
        subscription: ScriptSubscription {
            id: "sub_01jz0000000000000000000001",
            title: "Shop",
            target: "https://hooks.example.com/in",
        },
        now: DateTime::UNIX_EPOCH,
    };
    eprintln!("the event has {} bytes", payload.len());
    let runtime = Runtime::new(Limits::default());
    let both = format!("{FILTER}\n{TRANSFORM}");
    criterion.bench_function("plugin/compile", |bencher| {
        let Some(source) = source(&both) else { return };
        bencher.iter(|| runtime.compile(black_box(&source)).is_ok());
    });
    for (name, text) in [
        ("plugin/filter", FILTER),
        ("plugin/transform", TRANSFORM),
        ("plugin/filter and transform", &both),
        ("plugin/identity", IDENTITY),
    ] {
        let Some(script) = compile(&runtime, text) else {
            return;
        };
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| run_chain(&runtime, &[&script], black_box(&event)));
        });
    }
    let health = Health::new(HealthRule::default(), Limits::default().deadline);
    let mut now = Duration::ZERO;
    criterion.bench_function("plugin/health of a success", |bencher| {
        bencher.iter(|| {
            now += Duration::from_micros(20);
            health.record(Ran {
                account: MAIN_ACCOUNT,
                now,
                cpu: black_box(Duration::from_micros(12)),
                failed: None,
                isolated: false,
            })
        });
    });
}

fn source(text: &str) -> Option<Source> {
    Some(Source::new("named/bench.rhai".parse().ok()?, text))
}

fn compile(runtime: &Runtime, text: &str) -> Option<Script> {
    runtime.compile(&source(text)?).ok()
}
