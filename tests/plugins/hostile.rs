//! Scripts that mean harm. Each is stopped for the right reason and soon, the process grows by
//! a bounded amount, and the script after it runs as if nothing had been.
//!
//! One test runs them all, one after the other, in a process of its own: its memory and the times
//! are measured.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test fails by panicking, and prints what it measured"
)]

mod scripts;
mod support;

use std::time::{Duration, Instant};

use herald::plugin::{FailureKind, Limits, Runtime, run_chain};

use crate::scripts::{HELPERS, LONG_TEXT, SCRIPTS};
use crate::support::{PAYLOAD, body, compile, event};

/// Beyond what it should take, because a shared machine may stop a test for a while and an
/// engine built without optimisation does single operations slowly.
const SLACK: Duration = Duration::from_millis(if cfg!(debug_assertions) { 150 } else { 15 });
/// The most that the process may grow by, in KiB: the limit, and one step beyond it.
const MOST_GROWTH: u64 = 160 << 10;

/// The tests measure, so they take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn hostile_scripts_are_stopped_and_harm_nobody_after_them() {
    let _turn = TURN.lock();
    let runtime = Runtime::new(Limits::default());
    let honest = compile(
        &runtime,
        "fn transform(event) { [event.payload.data.id + 1, \"x\".len(), sha256(\"\").len()] }",
    );
    let mut wrong = Vec::new();
    let (first, mut highest) = (memory::now(), 0);
    println!(
        "{:<30} {:>11} {:>9} {:>12}",
        "script", "kind", "time", "growth"
    );
    for (name, code, kinds) in SCRIPTS {
        let variables: String = (0..300).map(|n| format!("let v{n} = 1; ")).collect();
        let text = format!(
            "{HELPERS}\nfn fn_vars() {{ {variables} loop {{}} }}\nfn transform(event) {{ {code} }}"
        );
        let script = compile(&runtime, &text);
        let before = memory::now();
        memory::forget_peak();
        let begun = Instant::now();
        let run = run_chain(&runtime, &[&script], &event(PAYLOAD));
        let elapsed = begun.elapsed();
        let growth = memory::peak().saturating_sub(before);
        highest = highest.max(memory::peak());
        let kind = run.verdict.as_ref().err().map(|failure| failure.kind);
        let shown = kind.map_or("none", FailureKind::as_str);
        println!(
            "{name:<30} {shown:>11} {:>6.1} ms {growth:>8} KiB",
            elapsed.as_secs_f64() * 1e3
        );
        if !kind.is_some_and(|kind| kinds.contains(&kind)) {
            let verdict: String = format!("{:?}", run.verdict).chars().take(300).collect();
            wrong.push(format!("{name}: {verdict}"));
        }
        if elapsed > Limits::default().deadline + SLACK {
            wrong.push(format!("{name}: took {elapsed:?}"));
        }
        if growth > MOST_GROWTH {
            wrong.push(format!("{name}: grew by {growth} KiB"));
        }
        let after = run_chain(&runtime, &[&honest], &event(PAYLOAD));
        assert_eq!(body(&after), "[8,1,64]", "after {name}");
    }
    println!("all of them: from {first} KiB to {highest} KiB at the highest");
    assert!(highest - first < 2 * MOST_GROWTH, "{highest} KiB");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn single_operations_on_the_longest_texts_end_soon() {
    let _turn = TURN.lock();
    let runtime = Runtime::new(Limits {
        deadline: Duration::from_secs(5),
        ..Limits::default()
    });
    let time = |code: &str| {
        let text = format!("fn filter(e) {{ let s = \"x\"; s.pad(1950000, 'x'); {code}; true }}");
        let Ok(script) = runtime.compile(&crate::support::source(&text)) else {
            return None;
        };
        let begun = Instant::now();
        let run = run_chain(&runtime, &[&script], &event(PAYLOAD));
        Some((
            begun.elapsed(),
            run.verdict.err().map(|failure| failure.kind),
        ))
    };
    let (nothing, _) = time("").unwrap();
    let mut slow = Vec::new();
    for code in LONG_TEXT {
        let Some((whole, kind)) = time(code) else {
            println!("{code:<28} does not compile");
            continue;
        };
        let elapsed = whole.saturating_sub(nothing);
        println!(
            "{code:<28} {:>6.1} ms {}",
            elapsed.as_secs_f64() * 1e3,
            kind.map_or("", FailureKind::as_str)
        );
        if elapsed > Duration::from_millis(100) + SLACK {
            slow.push(format!("{code}: {elapsed:?}"));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// The process's memory, in KiB.
mod memory {
    use std::fs;

    pub(super) fn now() -> u64 {
        field("VmRSS:")
    }

    pub(super) fn peak() -> u64 {
        field("VmHWM:")
    }

    pub(super) fn forget_peak() {
        // Refused in some containers: then the peak is that of the whole process, and the test
        // says too much rather than too little.
        let _ = fs::write("/proc/self/clear_refs", "5");
    }

    fn field(name: &str) -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}
