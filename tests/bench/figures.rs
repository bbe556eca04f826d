//! What a delivery pays for the metrics, and for the lines of `herald::event` while nobody asked
//! for them. `cargo bench --bench figures` prints the times, beside that of a signature, which is
//! a small part of a delivery; nothing here judges them.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tracing::{Level, debug, enabled};
use tracing_subscriber::EnvFilter;

#[path = "../../src/actors/observe/metrics/meter.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "included as it is, so that the actors' meters stay their own"
)]
mod meter;

use meter::{Counter, Gauge, MetricHistogram};

/// As many parts as the scales of attempts and of queues have.
const TIMES: &[u64] = &[
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    60_000_000,
    600_000_000,
    3_600_000_000,
    86_400_000_000,
];

criterion_group!(benches, delivery, request, lines);
criterion_main!(benches);

/// Each delivery adds its time and its wait; what it came to is counted by the rollups anyway.
fn delivery(criterion: &mut Criterion) {
    let (took, queued) = (MetricHistogram::new(TIMES), MetricHistogram::new(TIMES));
    criterion.bench_function("figures/a delivery", |bencher| {
        bencher.iter(|| {
            took.took(black_box(Duration::from_micros(1_700)));
            queued.took(black_box(Duration::from_micros(900)));
        });
    });
}

/// Each publish request is counted while it waits.
fn request(criterion: &mut Criterion) {
    let (waiting, refused) = (Gauge::default(), Counter::default());
    criterion.bench_function("figures/a publish request", |bencher| {
        bencher.iter(|| {
            waiting.add(black_box(1));
            refused.add(black_box(0));
            waiting.add(black_box(-1));
        });
    });
}

/// The steps of a delivery, with the filter that Herald has unless somebody sets another.
fn lines(criterion: &mut Criterion) {
    let filter = EnvFilter::new("info,actix_server=warn");
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter);
    // Another bench of the same program may have set it.
    let _ = subscriber.try_init();
    let event = black_box(7_u128);
    criterion.bench_function("figures/the lines of a delivery, off", |bencher| {
        bencher.iter(|| {
            for _ in 0..3 {
                black_box(enabled!(target: "herald::event", Level::DEBUG));
            }
            debug!(target: "herald::event", event = %event, "queued");
            debug!(target: "herald::event", event = %event, attempt = 1, "begun");
            debug!(target: "herald::event", event = %event, attempt = 1, "ended");
            debug!(target: "herald::event", event = %event, attempt = 1, "recorded");
        });
    });
}
