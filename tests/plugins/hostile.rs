//! Scripts that mean harm. Each is stopped for the right reason and soon, the process grows by
//! a bounded amount, and the script after it runs as if nothing had been.
//!
//! One test runs them all, one after the other, in a process of its own: its memory and the times
//! are measured. So the largest events, which no honest script may fail for, are here too.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test fails by panicking, and prints what it measured"
)]

mod functions;
mod scripts;
mod support;

use std::time::Duration;

use herald::plugin::{FailureKind, Limits, Runtime, run_chain};

use crate::functions::{HERALD, LANGUAGE, RHAI};
use crate::scripts::{HELPERS, REDEFINED, REFUSED, SCRIPTS};
use crate::support::{PAYLOAD, body, body_of, compile, event};

/// The processor time that a script may take beyond its deadline: the longest single operations,
/// and Herald's own code without optimisation.
const SLACK: Duration = Duration::from_millis(50);
/// The most that the process may grow by, in KiB: the limit, and one step beyond it.
const MOST_GROWTH: u64 = 160 << 10;

/// How long `yardstick` takes on the machine on which the bounds were set.
const YARDSTICK: Duration = Duration::from_millis(5);

/// The tests measure, so they take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn hostile_scripts_are_stopped_and_harm_nobody_after_them() {
    let _turn = TURN.lock();
    let runtime = Runtime::new(Limits::default());
    let slack = slack();
    let honest = compile(
        &runtime,
        "fn transform(event) { [event.payload.data.id + 1, \"x\".len(), sha256(\"\").len(), \
         `${[1, \"a\"]}`] }",
    );
    let mut wrong = Vec::new();
    let (first, mut highest) = (memory::now(), 0);
    for (name, text, kinds) in all_scripts() {
        let script = compile(&runtime, &text);
        let before = memory::now();
        memory::forget_peak();
        let most = Limits::default().deadline + slack;
        let (used, run) = least(most, || run_chain(&runtime, &[&script], &event(PAYLOAD)));
        let growth = memory::peak().saturating_sub(before);
        highest = highest.max(memory::peak());
        let kind = run.verdict.as_ref().err().map(|failure| failure.kind);
        println!(
            "hostile {name}: aborted after {:.1} ms CPU, RSS +{:.1} MiB ({})",
            used.as_secs_f64() * 1e3,
            growth as f64 / 1024.0,
            kind.map_or("none", FailureKind::as_str),
        );
        // A busy machine may let the time on the wall run out before the processor's.
        let charged = match kind {
            Some(FailureKind::Wall) => Some(FailureKind::Deadline),
            other => other,
        };
        if !charged.is_some_and(|kind| kinds.contains(&kind)) {
            let verdict: String = format!("{:?}", run.verdict).chars().take(300).collect();
            wrong.push(format!("{name}: {verdict}"));
        }
        if used > most {
            wrong.push(format!("{name}: took {used:?}"));
        }
        if growth > MOST_GROWTH {
            wrong.push(format!("{name}: grew by {growth} KiB"));
        }
        let after = run_chain(&runtime, &[&honest], &event(PAYLOAD));
        let expected = r#"[8,1,64,"[1, \"a\"]"]"#;
        assert_eq!(body(&after), expected, "after {name}");
    }
    println!(
        "hostile all of them: RSS from {} MiB to {} MiB at the highest",
        first >> 10,
        highest >> 10
    );
    assert!(highest - first < 2 * MOST_GROWTH, "{highest} KiB");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn all_scripts() -> impl Iterator<Item = (&'static str, String, &'static [FailureKind])> {
    let variables: String = (0..300).map(|n| format!("let v{n} = 1; ")).collect();
    let bodies = SCRIPTS.iter().map(move |(name, code, kinds)| {
        let text = format!(
            "{HELPERS}\nfn fn_vars() {{ {variables} loop {{}} }}\nfn transform(event) {{ {code} }}"
        );
        (*name, text, *kinds)
    });
    let whole = REDEFINED
        .iter()
        .map(|(name, text, kinds)| (*name, (*text).to_owned(), *kinds));
    bodies.chain(whole)
}

#[test]
fn what_may_not_be_said_is_refused_when_it_is_loaded() {
    let _turn = TURN.lock();
    let runtime = Runtime::new(Limits::default());
    let slack = slack();
    for (name, text) in REFUSED {
        let begun = cpu_time();
        let refused = runtime.compile(&crate::support::source(text));
        let used = cpu_time() - begun;
        let milliseconds = used.as_secs_f64() * 1e3;
        match refused {
            Err(fault) => println!(
                "hostile {name}: refused after {milliseconds:.1} ms CPU: {}",
                fault.message
            ),
            Ok(_) => panic!("{name} was taken"),
        }
        assert!(
            used < Limits::default().deadline + slack,
            "{name}: {used:?}"
        );
    }
}

/// A deadline that is short, so that there is time for all functions, but long enough to make the
/// large values in.
const SHORT: Duration = Duration::from_millis(25);

#[test]
fn no_function_keeps_the_thread_on_a_large_value() {
    let _turn = TURN.lock();
    let runtime = Runtime::new(Limits {
        deadline: SHORT,
        ..Limits::default()
    });
    let map: Vec<String> = (0..30_000).map(|n| format!("\"k{n:05}\":{n}")).collect();
    let map = format!("{{{}}}", map.join(","));
    let most = SHORT + slack();
    let mut worst: Vec<(Duration, Option<FailureKind>, String)> = Vec::new();
    let mut runs = 0;
    let mut measure = |types: &[&str], code: &str| {
        for large in [false, true] {
            let arguments = types.iter().enumerate();
            let arguments = arguments.map(|(n, kind)| large_value(kind, n, large));
            let made: String = arguments.map(|it| it + "\n").collect();
            let text = format!(
                "fn keep(v) {{ true }}\nfn transform(event) {{\n{made}\
                 loop {{ let x = a0; try {{ {code}; }} catch {{ }} }} }}"
            );
            let Ok(script) = runtime.compile(&crate::support::source(&text)) else {
                panic!("{text}");
            };
            let needs_map = types.contains(&"map");
            let event = event(if needs_map { &map } else { "{}" });
            // Reading the payload is not the script's doing.
            let idle = if needs_map {
                reading(&runtime, &event)
            } else {
                Duration::ZERO
            };
            let (used, run) = least(most + idle, || run_chain(&runtime, &[&script], &event));
            let used = used.saturating_sub(idle);
            runs += 1;
            let kind = run.verdict.err().map(|failure| failure.kind);
            let shown = format!(
                "{code} [{}{}]",
                types.join(" "),
                if large { ", large" } else { "" }
            );
            worst.push((used, kind, shown));
        }
    };
    for line in RHAI.lines().chain(HERALD.lines()) {
        let Some((name, forms)) = line.split_once(": ") else {
            continue;
        };
        for form in forms.split(", ") {
            let types: Vec<&str> = form.split(' ').collect();
            let rest: Vec<String> = (1..types.len()).map(|n| format!("a{n}")).collect();
            let code = if name == "print" || name == "debug" {
                format!("{name}(x)")
            } else if name.starts_with(char::is_alphabetic) {
                format!("x.{name}({})", rest.join(", "))
            } else {
                format!("x {name} {}", rest.join(", "))
            };
            measure(&types, &code);
        }
    }
    for (types, code) in LANGUAGE {
        let types: Vec<&str> = types.split(' ').collect();
        let code = if types.len() > 1 {
            format!("let y = a1; {code}")
        } else {
            (*code).to_owned()
        };
        measure(&types, &code);
    }
    worst.sort_by_key(|(used, ..)| std::cmp::Reverse(*used));
    println!("{runs} loops over one function; deadline {SHORT:?}; the slowest to be stopped:");
    for (used, kind, code) in worst.iter().take(20) {
        let kind = kind.map_or("none", FailureKind::as_str);
        println!("{:>7.1} ms CPU {kind:>10} {code}", used.as_secs_f64() * 1e3);
    }
    let slow: Vec<String> = worst
        .iter()
        .filter(|(used, ..)| *used > most)
        .map(|(used, _, code)| format!("{used:?} {code}"))
        .collect();
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// Sets the variable `a<n>` to a value of that kind: the first is always a large one.
fn large_value(kind: &str, n: usize, large: bool) -> String {
    let value = match (kind, n, large) {
        ("text" | "any", 0, false) => return format!("let a{n} = \"x\"; a{n}.pad(1950000, 'x');"),
        ("text", 0, true) => return format!("let a{n} = \"é\"; a{n}.pad(950000, 'é');"),
        ("text", _, true) => {
            return format!("let a{n} = \"x\"; a{n}.pad(900000, 'x'); a{n} += \"y\";");
        }
        ("array", _, false) => return format!("let a{n} = []; a{n}.pad(400000, 1);"),
        ("array" | "any", _, true) => return format!("let a{n} = []; a{n}.pad(100000, \"item\");"),
        ("map", ..) => "event.payload",
        ("blob", ..) => "blob(590000, 65)",
        ("text" | "any", ..) => "\"x\"",
        ("int", _, false) => "1",
        ("int", _, true) => "500000",
        ("float", ..) => "1.5",
        ("char", ..) => "'x'",
        ("bool", ..) => "true",
        ("range", ..) => "1..500000",
        ("range=", ..) => "1..=500000",
        ("closure", _, false) => "|x, y| true",
        ("closure", _, true) => "|x| x",
        ("paths", _, false) => "[\"x\", \"a.b\"]",
        ("paths", _, true) => return format!("let a{n} = []; a{n}.pad(100, \"*.*\");"),
        other => panic!("{other:?}"),
    };
    format!("let a{n} = {value};")
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

/// What something takes of the processor, and what it gives. What other programs do at the same time
/// can only add to it: beyond the bound it is measured up to twice more, and the least counts.
fn least<T>(most: Duration, work: impl Fn() -> T) -> (Duration, T) {
    let once = || {
        let begun = cpu_time();
        let given = work();
        (cpu_time() - begun, given)
    };
    let mut best = once();
    for _ in 0..2 {
        if best.0 > most {
            let again = once();
            best = if again.0 < best.0 { again } else { best };
        }
    }
    best
}

/// [`SLACK`] on this machine: a slower one, or one whose host is busy, takes longer for the same
/// operation. What is measured with it is a number of operations.
fn slack() -> Duration {
    let took = (0..5).map(|_| yardstick()).min().unwrap();
    let slower = took.as_secs_f64() / YARDSTICK.as_secs_f64();
    println!("the yardstick took {took:?}: {slower:.2} of the time that the bounds were set by");
    SLACK.mul_f64(slower.max(1.0))
}

/// The processor time of work that neither Herald nor Rhai has a part in, which counts, takes
/// memory and gives it back.
fn yardstick() -> Duration {
    let begun = cpu_time();
    let texts: Vec<String> = (0..50_000_u32).map(|n| n.to_string()).collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    assert_eq!(bytes, 238_890);
    drop(texts);
    cpu_time() - begun
}

/// The time that it takes to read an event and drop it.
fn reading(runtime: &Runtime, event: &herald::plugin::ScriptEvent<'_>) -> Duration {
    let script = compile(runtime, "fn filter(event) { true }");
    let begun = cpu_time();
    let _ = run_chain(runtime, &[&script], event);
    cpu_time() - begun
}

#[test]
fn the_largest_events_are_no_large_values() {
    // Here, because what other tests take at the same time would count.
    let _turn = TURN.lock();
    // Without optimisation it takes longer than a script may.
    let runtime = Runtime::new(Limits {
        deadline: Duration::from_millis(if cfg!(debug_assertions) { 5_000 } else { 50 }),
        ..Limits::default()
    });
    let script = compile(
        &runtime,
        "fn filter(event) { event.payload.len() > 0 } fn transform(event) { event.payload }",
    );
    let numbers = format!("[{}0]", "0,".repeat((1 << 19) - 2));
    let maps = format!("[{}{{}}]", "{\"a\":1},".repeat((1 << 17) - 1));
    let text = format!("[\"{}\"]", "x".repeat((1 << 20) - 4));
    for payload in [numbers, maps, text] {
        let begun = std::time::Instant::now();
        let body = body_of(&runtime, &script, &payload).unwrap();
        println!("1 MiB through filter and transform: {:?}", begun.elapsed());
        assert_eq!(body, payload);
    }
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
