//! What Herald computes for each event and each delivery, apart from all I/O: reading and
//! checking a body, matching triggers, signing, ids and cursors. `cargo bench` prints the times;
//! nothing here judges them, because a shared machine would make the judgement a guess.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use herald::catalogue;
use herald::domain::event::{parse_document, parse_envelope};
use herald::domain::id::EventId;
use herald::domain::secret::Secret;
use herald::domain::trigger::Trigger;
use herald::domain::{cursor, signature};
use uuid::Uuid;

/// The event of `scripts/bench`.
const EXAMPLE: &str = include_str!("../seeds/payloads/STORE_ORDER_CREATED.json");
const EVENT_TYPE: &str = "STORE_ORDER_CREATED";
/// The size of the large body, in bytes.
const LARGE: usize = 256 << 10;
/// Any UUIDv7.
const ID: Uuid = Uuid::from_u128(0x0199_9c89_df6b_7f1c_a388_9139_6ec3_14bc);

criterion_group!(
    benches,
    bodies,
    validation,
    triggers,
    signatures,
    identifiers,
    cursors
);
criterion_main!(benches);

/// The two bodies: one as `scripts/bench` publishes it, and one of 256 KiB that holds the
/// example's `data` many times, so that it is made of the same stuff.
fn payloads() -> [(&'static str, Vec<u8>); 2] {
    let event: serde_json::Value = serde_json::from_str(EXAMPLE).unwrap_or_default();
    // Laid out as scripts/bench lays it out.
    let small = EXAMPLE.trim_end().replace("  ", " ").replace("\": ", "\":");
    let item = event
        .get("data")
        .map(ToString::to_string)
        .unwrap_or_default();
    let items = vec![item.as_str(); LARGE / (item.len() + 1)].join(",");
    let large = format!(r#"{{"data":[{items}],"event_type":"{EVENT_TYPE}"}}"#);
    [
        ("450 B", small.into_bytes()),
        ("256 KiB", large.into_bytes()),
    ]
}

fn bodies(criterion: &mut Criterion) {
    for (size, body) in payloads() {
        let mut group = criterion.benchmark_group("body");
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::new("parse_envelope", size), |bencher| {
            bencher.iter(|| parse_envelope(black_box(&body)));
        });
        group.bench_function(BenchmarkId::new("parse_document", size), |bencher| {
            bencher.iter(|| parse_document(black_box(&body)));
        });
        group.finish();
    }
}

fn validation(criterion: &mut Criterion) {
    let validator = catalogue::builtin_validator(EVENT_TYPE);
    let event: serde_json::Value = serde_json::from_str(EXAMPLE).unwrap_or_default();
    criterion.bench_function("schema/STORE_ORDER_CREATED", |bencher| {
        bencher.iter(|| {
            validator
                .as_ref()
                .map(|known| known.validate(black_box(&event)))
        });
    });
}

/// A thousand subscriptions' triggers against one event: a third name a type, a third begin
/// with a prefix, a third have wildcards in the middle.
fn triggers(criterion: &mut Criterion) {
    let patterns = (0..1_000).map(|number| match number % 3 {
        0 => format!("STORE_ORDER_{number}"),
        1 => format!("STORE_{number}*"),
        _ => format!("*ORDER*{number}*"),
    });
    let triggers: Vec<Trigger> = patterns
        .filter_map(|pattern| Trigger::parse(&pattern).ok())
        .collect();
    criterion.bench_function("trigger/1,000 triggers", |bencher| {
        bencher.iter(|| {
            let name = black_box(EVENT_TYPE);
            triggers
                .iter()
                .filter(|trigger| trigger.matches(name))
                .count()
        });
    });
}

fn signatures(criterion: &mut Criterion) {
    let secrets = [Secret::from_random([7; 24]), Secret::from_random([8; 24])];
    let id = EventId::from_uuid(ID).to_string();
    for (size, body) in payloads() {
        let mut group = criterion.benchmark_group("sign");
        group.throughput(Throughput::Bytes(body.len() as u64));
        for count in 1..=secrets.len() {
            let name = if count == 1 {
                "one secret"
            } else {
                "two secrets"
            };
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| {
                    let secrets = secrets.iter().take(count);
                    signature::sign(secrets, &id, 1_700_000_000, black_box(&body))
                });
            });
        }
        group.finish();
    }
}

fn identifiers(criterion: &mut Criterion) {
    let id = EventId::from_uuid(ID);
    let text = id.to_string();
    criterion.bench_function("id/encode", |bencher| {
        bencher.iter(|| black_box(id).to_string());
    });
    criterion.bench_function("id/parse", |bencher| {
        bencher.iter(|| black_box(&text).parse::<EventId>());
    });
}

fn cursors(criterion: &mut Criterion) {
    let key = ("2026-11-22T01:02:03.456789Z", EventId::from_uuid(ID));
    criterion.bench_function("cursor/round trip", |bencher| {
        bencher.iter(|| {
            let text = cursor::encode("deliveries", black_box(&key));
            cursor::decode::<(String, EventId)>("deliveries", &text)
        });
    });
}
