//! How versions are judged, with the numbers.

use proptest::prelude::*;

use super::*;

const DEADLINE: Duration = Duration::from_millis(50);

const ACCOUNT: AccountId = AccountId::from_uuid(uuid::Uuid::from_u128(1));
const OTHER: AccountId = AccountId::from_uuid(uuid::Uuid::from_u128(2));

/// A version that one account uses.
struct Used(Health);

impl Used {
    fn record(
        &self,
        now: Duration,
        cpu: Duration,
        failed: Option<(FailureKind, &SourceFault)>,
    ) -> HealthJudgement {
        self.ran(ACCOUNT, now, cpu, failed, false)
    }

    fn ran(
        &self,
        account: AccountId,
        now: Duration,
        cpu: Duration,
        failed: Option<(FailureKind, &SourceFault)>,
        isolated: bool,
    ) -> HealthJudgement {
        self.0.record(Ran {
            account,
            now,
            cpu,
            failed,
            isolated,
        })
    }

    fn metrics(&self) -> ScriptMetrics {
        self.0.metrics(Some(ACCOUNT))
    }
}

fn health() -> Used {
    let health = Health::new(HealthRule::default(), DEADLINE);
    health.remember(2);
    Used(health)
}

fn fault() -> SourceFault {
    SourceFault::at(
        "no such field",
        Some(2),
        Some(3),
        "fn filter(e) {\n  e.x.y\n}",
    )
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn error(fault: &SourceFault) -> Option<(FailureKind, &SourceFault)> {
    Some((FailureKind::Error, fault))
}

#[test]
fn the_defaults_are_those_of_the_settings() {
    let config = Config::load(None, std::iter::empty()).unwrap();
    assert_eq!(HealthRule::from_config(&config), HealthRule::default());
}

#[test]
fn a_script_that_does_well_is_left_alone() {
    let health = health();
    for n in 0..10_000 {
        let judged = health.record(ms(n), Duration::from_micros(12), None);
        assert_eq!(judged, HealthJudgement::Fine);
    }
    assert_eq!(
        (health.metrics().calls, health.metrics().failures),
        (10_000, 0)
    );
    assert_eq!(health.metrics().p99, Some(Duration::from_micros(12)));
    assert_eq!(health.metrics().total, ms(120));
}

#[test]
fn too_large_a_share_of_failures_suspends_with_the_numbers() {
    let (health, fault) = (health(), fault());
    for n in 0..20 {
        assert_eq!(health.record(ms(n), ms(0), None), HealthJudgement::Fine);
    }
    for n in 0..19 {
        assert_eq!(
            health.record(ms(n), ms(0), error(&fault)),
            HealthJudgement::Fine
        );
    }
    let reason = "20 of its last 40 runs failed within a minute, the last one at line 2, \
                  column 3";
    let reason = reason.to_owned();
    assert_eq!(
        health.record(ms(30), ms(0), error(&fault)),
        HealthJudgement::Suspend { reason }
    );
}

#[test]
fn failures_of_more_than_a_minute_ago_are_forgiven() {
    let (health, fault) = (health(), fault());
    for n in 0..19 {
        health.record(ms(n), ms(0), error(&fault));
    }
    let later = Duration::from_secs(60);
    assert_eq!(
        health.record(later, ms(0), error(&fault)),
        HealthJudgement::Fine
    );
    assert_eq!(health.metrics().failures, 20);
}

#[test]
fn failures_that_take_too_much_time_suspend() {
    let (health, fault) = (health(), fault());
    for n in 0..9 {
        let judged = health.record(ms(n * 1_000), ms(50), error(&fault));
        assert_eq!(judged, HealthJudgement::Fine);
    }
    match health.record(ms(9_000), ms(50), error(&fault)) {
        HealthJudgement::Suspend { reason } => {
            let expected = "its failed runs took 500 ms of processor time within 10 s, \
                            the last one at line 2, column 3";
            assert_eq!(reason, expected);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_limit_that_is_met_makes_a_script_run_apart() {
    let fault = SourceFault::at("text of a payload", Some(1), Some(4), "fn f");
    for (kind, met) in [
        (FailureKind::Deadline, "its limit of processor time"),
        (FailureKind::Operations, "its limit of operations"),
        (FailureKind::Memory, "a limit of size"),
    ] {
        let health = health();
        let reason = format!("a run met {met} at line 1, column 4");
        let judged = health.record(ms(1), ms(51), Some((kind, &fault)));
        assert_eq!(judged, HealthJudgement::Isolate { reason });
        assert_eq!(health.metrics().last_failure.as_ref(), Some(&fault));
    }
    assert_eq!(health().metrics().last_failure, None);
}

#[test]
fn a_stop_of_the_process_counts_as_one_failure_and_as_no_time() {
    let (health, fault) = (
        health(),
        SourceFault::whole("it did not end within 1000 ms"),
    );
    for n in 1..20 {
        // Nor is the time held against the script that it did use.
        let judged = health.record(ms(n), ms(45), Some((FailureKind::Wall, &fault)));
        assert_eq!(judged, HealthJudgement::Fine);
    }
    assert_eq!(health.metrics().failures, 19);
    let reason = "20 of its last 20 runs failed within a minute".to_owned();
    assert_eq!(
        health.record(ms(20), ms(0), Some((FailureKind::Wall, &fault))),
        HealthJudgement::Suspend { reason }
    );
}

#[test]
fn many_slow_runs_make_a_script_run_apart() {
    let health = health();
    for n in 0..99 {
        assert_eq!(
            health.record(ms(n * 90), ms(10), None),
            HealthJudgement::Fine
        );
    }
    let reason = "its runs of more than 5ms took 1000 ms of processor time within 10 s";
    let reason = reason.to_owned();
    assert_eq!(
        health.record(ms(9_990), ms(10), None),
        HealthJudgement::Isolate { reason }
    );
}

#[test]
fn a_quarter_of_a_thread_makes_a_script_run_apart_unless_its_runs_are_cheap() {
    let health_of = |each: Duration, runs: u64| {
        let health = health();
        let mut judged = (0..runs).map(|n| health.record(ms(n * 10_000 / runs), each, None));
        judged.find(|judged| *judged != HealthJudgement::Fine)
    };
    assert_eq!(health_of(Duration::from_micros(12), 200_000), None);
    assert_eq!(health_of(ms(1), 9_999), None);
    assert_eq!(health_of(ms(4), 624), None);
    let reason = "its 625 runs took 2500 ms of processor time within 10 s".to_owned();
    assert_eq!(
        health_of(ms(4), 625),
        Some(HealthJudgement::Isolate { reason })
    );
}

#[derive(Debug, Clone)]
struct One {
    after_ms: u64,
    micros: u64,
    failed: bool,
}

fn runs() -> impl Strategy<Value = Vec<One>> {
    let one = (
        prop_oneof![0_u64..20, 0_u64..3_000, Just(61_000)],
        prop_oneof![0_u64..100, 0_u64..60_000, 0_u64..10_000_000_000],
        prop::bool::weighted(0.4),
    );
    let one = one.prop_map(|(after_ms, micros, failed)| One {
        after_ms,
        micros,
        failed,
    });
    proptest::collection::vec(one, 1..150)
}

proptest! {
    #[test]
    fn the_judgement_follows_from_the_runs_of_the_window(runs in runs()) {
        let (health, fault) = (health(), fault());
        let (mut now, mut past) = (0, Vec::new());
        for One { after_ms, micros, failed } in runs {
            now += after_ms;
            let judged = health.record(
                ms(now),
                Duration::from_micros(micros),
                failed.then_some((FailureKind::Error, &fault)),
            );
            past.push((now / 1_000, micros, failed));
            let window = |seconds: u64| {
                past.iter().filter(move |(at, ..)| at + seconds > now / 1_000)
            };
            let failures = window(60).filter(|(.., failed)| *failed).count();
            let time = |failed: bool| -> u64 {
                let those = window(10).filter(|(_, micros, f)| *f == failed && (failed || *micros > 5_000));
                those.map(|(_, micros, _)| micros).sum()
            };
            let all: u64 = window(10).map(|(_, micros, _)| micros).sum();
            let suspended = failed
                && ((failures >= 20 && failures * 2 >= window(60).count()) || time(true) >= 500_000);
            let large = time(false) >= 1_000_000
                || all >= 2_500_000 && all > 1_000 * window(10).count() as u64;
            let isolated = !suspended && (failed || micros > 1_000) && large;
            prop_assert_eq!(matches!(judged, HealthJudgement::Suspend { .. }), suspended);
            prop_assert_eq!(matches!(judged, HealthJudgement::Isolate { .. }), isolated);
        }
        prop_assert_eq!(health.metrics().calls, past.len() as u64);
    }
}

#[test]
fn an_ordinary_record_is_cheap() {
    let health = health();
    let begun = std::time::Instant::now();
    const TIMES: u64 = 200_000;
    for n in 0..TIMES {
        health.record(ms(n), Duration::from_micros(12), None);
    }
    let each = begun.elapsed() / TIMES as u32;
    println!("one record: {each:?}");
    assert!(each < Duration::from_micros(5), "{each:?}");
}

#[test]
fn a_version_that_never_worked_is_suspended_at_its_fourth_limit() {
    let fault = SourceFault::whole("it ran longer than 50 ms");
    let met = Some((FailureKind::Deadline, &fault));
    let (never, once) = (health(), health());
    assert_eq!(once.record(ms(0), ms(1), None), HealthJudgement::Fine);
    for run in 1..=3 {
        for health in [&never, &once] {
            let judged = health.record(ms(run), ms(50), met);
            assert!(
                matches!(judged, HealthJudgement::Isolate { .. }),
                "{judged:?}"
            );
        }
    }
    let judged = never.record(ms(4), ms(50), met);
    assert!(
        matches!(judged, HealthJudgement::Suspend { .. }),
        "{judged:?}"
    );
    let judged = once.record(ms(4), ms(50), met);
    assert!(
        matches!(judged, HealthJudgement::Isolate { .. }),
        "{judged:?}"
    );
}

#[test]
fn one_account_s_failures_say_nothing_of_another_s() {
    let (health, fault) = (health(), fault());
    let mut judged = Vec::new();
    for n in 0..40 {
        judged.push(health.ran(ACCOUNT, ms(n), ms(50), error(&fault), false));
        let other = health.ran(OTHER, ms(n), Duration::from_micros(12), None, false);
        assert_eq!(other, HealthJudgement::Fine);
    }
    assert!(
        matches!(judged[9], HealthJudgement::Suspend { .. }),
        "{judged:?}"
    );
    // The other's first failure is its first, whatever there was.
    let met = Some((FailureKind::Deadline, &fault));
    let judged = health.ran(OTHER, ms(40), ms(50), met, false);
    assert!(
        matches!(judged, HealthJudgement::Isolate { .. }),
        "{judged:?}"
    );
    let of = |account| health.0.metrics(account);
    assert_eq!(
        (of(Some(ACCOUNT)).calls, of(Some(ACCOUNT)).failures),
        (40, 40)
    );
    assert_eq!((of(Some(OTHER)).calls, of(Some(OTHER)).failures), (41, 1));
    assert_eq!((of(None).calls, of(None).failures), (81, 41));
}

#[test]
fn a_hundred_quick_runs_one_after_the_other_bring_a_script_back() {
    let health = health();
    let quick = Duration::from_micros(900);
    let isolated = |n: u64, cpu: Duration| health.ran(ACCOUNT, ms(n), cpu, None, true);
    for round in 0..2 {
        for n in 0..99 {
            assert_eq!(isolated(round * 1_000 + n, quick), HealthJudgement::Fine);
        }
        // Not quick, and neither slow by itself: many like it would isolate it.
        assert_eq!(isolated(round * 1_000 + 99, ms(2)), HealthJudgement::Fine);
    }
    for n in 0..99 {
        assert_eq!(isolated(2_000 + n, quick), HealthJudgement::Fine);
    }
    assert_eq!(isolated(2_099, quick), HealthJudgement::ComeBack);
    // What it took in the isolated runner is not held against it where the others run.
    for n in 0..50 {
        isolated(3_000 + n, ms(40));
    }
    assert_eq!(health.record(ms(3_100), ms(6), None), HealthJudgement::Fine);
}

#[test]
fn those_that_ran_last_are_remembered_and_no_more() {
    let (health, fault) = (health(), fault());
    health.0.remember(3);
    let account = |n: u128| AccountId::from_uuid(uuid::Uuid::from_u128(n));
    for n in 0..1_000 {
        let now = Duration::from_secs(n as u64);
        health.ran(account(n), now, ms(1), error(&fault), false);
        // It fails all the time, and is not forgotten for others.
        health.ran(account(5_000), now, ms(1), error(&fault), false);
        assert!(health.0.locked().accounts.len() <= 3);
    }
    assert_eq!(health.0.metrics(Some(account(5_000))).calls, 1_000);
    assert_eq!(health.0.metrics(Some(account(1))).calls, 0);
    assert_eq!(health.0.metrics(None).calls, 2_000);
    let each = size_of::<Record>();
    assert!(each < 1_600, "an account takes {each} bytes");
}
