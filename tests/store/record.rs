//! Recording what attempts came to, and moving deliveries out of memory.

use std::time::Duration;

use herald::domain::activity::Actor;
use herald::domain::delivery::Outcome;
use herald::domain::delivery::Outcome::{Failed, Retry, Sent};
use herald::domain::id::EventId;
use herald::store::claim::ClaimedDelivery;
use herald::store::held;
use herald::store::lane::{self, Owner};
use herald::store::made_key::Making;
use herald::store::record::{
    Fence, ReleasedClaim, SpilledDelivery, record_claimed, record_first, release, spill,
};
use herald::store::recorded::Counted;
use herald::store::resend::resend;
use proptest::prelude::*;

use crate::store::bench::Bench;

const HOLD: Duration = Duration::from_secs(20);

#[actix_rt::test]
async fn recording_first_attempts_twice_is_harmless() {
    let mut bench = Bench::new().await;
    let events = bench.store(3, false).await;
    let attempts = [
        bench.attempt(events[0], 1, Sent),
        bench.attempt(events[1], 1, Retry),
        bench.attempt(events[2], 1, Failed),
    ];
    for first in [true, false] {
        let counted = record_first(&mut bench.connection, bench.lane, &attempts).await;
        match counted.unwrap().unwrap() {
            Counted::All { lane, .. } => assert_eq!((first, lane), (true, bench.lane)),
            Counted::These(these) => {
                let places: Vec<_> = these.iter().map(|it| (it.place, it.lane)).collect();
                let lane = bench.lane;
                assert_eq!(
                    (first, places),
                    (false, vec![(0, lane), (1, lane), (2, lane)])
                );
            }
        }
    }
    assert_eq!(bench.row(events[1]), "1|0|1|60");
    assert_eq!(bench.sql("select count(*) from delivery"), "1");
    assert_eq!(bench.sql("select count(*) from attempt"), "3");
    assert_eq!(
        bench.sql("select sent, failed, retried from subscription_count"),
        "1|1|1"
    );
    // The retry ends; what is told late of the first attempt brings no row back.
    let claimed = [bench.attempt(events[1], 2, Sent)];
    record_claimed(&mut bench.connection, bench.lane, &claimed)
        .await
        .unwrap();
    record_first(&mut bench.connection, bench.lane, &attempts)
        .await
        .unwrap();
    assert_eq!(bench.row(events[1]), "");
    let audit = bench.audit().await;
    assert_eq!((audit.sent, audit.failed, audit.difference()), (2, 1, 0));
}

#[actix_rt::test]
async fn nothing_is_recorded_in_or_spilled_from_a_closed_lane() {
    let mut bench = Bench::new().await;
    let events = bench.store(2, false).await;
    lane::close(&bench.database, bench.lane, Owner::Gone, false)
        .await
        .unwrap();
    let attempt = [bench.attempt(events[0], 1, Sent)];
    let counted = record_first(&mut bench.connection, bench.lane, &attempt).await;
    assert_eq!(counted.unwrap(), None);
    let leaving = [SpilledDelivery {
        key: bench.key(events[1]),
        running_for: None,
        wait: Duration::ZERO,
        held_by: None,
    }];
    let fence = spill(&mut bench.connection, bench.lane, &leaving).await;
    assert_eq!(fence.unwrap(), Fence::Closed);
    assert_eq!(bench.sql("select count(*) from attempt"), "0");
    for event in events {
        assert_eq!(bench.row(event), "1|0|0|0", "as the closing wrote it");
    }
}

#[actix_rt::test]
async fn spilling_writes_due_and_claimed_rows_and_none_beside_an_attempt() {
    let mut bench = Bench::new().await;
    let events = bench.store(3, false).await;
    let done = [bench.attempt(events[2], 1, Sent)];
    record_first(&mut bench.connection, bench.lane, &done)
        .await
        .unwrap();
    let running = Some(Duration::from_secs(18));
    let leaving =
        [(events[0], None), (events[1], running), (events[2], None)].map(|(event, running_for)| {
            SpilledDelivery {
                key: bench.key(event),
                running_for,
                wait: Duration::ZERO,
                held_by: None,
            }
        });
    for _ in 0..2 {
        let fence = spill(&mut bench.connection, bench.lane, &leaving).await;
        assert_eq!(fence.unwrap(), Fence::Passed);
    }
    assert_eq!(bench.row(events[0]), "0|0|0|0");
    assert_eq!(bench.row(events[1]), "1|0|0|20");
    assert_eq!(bench.row(events[2]), "");
    assert_eq!(bench.audit().await.difference(), 0);
}

#[actix_rt::test]
async fn a_try_that_another_claim_overtook_is_superseded_unless_it_ended_the_round() {
    let mut bench = Bench::new().await;
    let events = bench.store(2, true).await;
    for n in 1..=2 {
        let claimed = bench.claim(10, Duration::ZERO).await;
        assert!(claimed.iter().all(|row| row.n == n));
    }
    let late = [
        bench.attempt(events[0], 1, Retry),
        bench.attempt(events[1], 1, Sent),
    ];
    record_claimed(&mut bench.connection, bench.lane, &late)
        .await
        .unwrap();
    assert_eq!(bench.outcomes(events[0]), ["superseded"]);
    assert!(
        bench.row(events[0]).starts_with("2|0|0|"),
        "{}",
        bench.row(events[0])
    );
    assert_eq!(bench.outcomes(events[1]), ["sent"]);
    assert_eq!(bench.row(events[1]), "", "sent is sent, whoever was told");
    let current = [
        bench.attempt(events[0], 2, Retry),
        bench.attempt(events[1], 2, Retry),
    ];
    record_claimed(&mut bench.connection, bench.lane, &current)
        .await
        .unwrap();
    assert_eq!(bench.outcomes(events[0]), ["superseded", "retry"]);
    assert_eq!(bench.row(events[0]), "2|0|2|60");
    assert_eq!(bench.outcomes(events[1]), ["sent", "superseded"]);
    let audit = bench.audit().await;
    assert_eq!((audit.sent, audit.open, audit.difference()), (1, 1, 0));
}

#[actix_rt::test]
async fn the_end_of_a_round_leaves_a_later_round_alone() {
    let mut bench = Bench::new().await;
    let event = bench.store(1, true).await[0];
    bench.claim(10, HOLD).await;
    let end = [bench.attempt(event, 1, Sent)];
    record_claimed(&mut bench.connection, bench.lane, &end)
        .await
        .unwrap();
    resend(
        &bench.database,
        bench.account,
        event,
        bench.subscription,
        Making::by(&Actor::Herald),
    )
    .await
    .unwrap();
    assert!(bench.row(event).starts_with("1|1|0|"));
    // The first round's end, told once more.
    record_claimed(&mut bench.connection, bench.lane, &end)
        .await
        .unwrap();
    assert!(
        bench.row(event).starts_with("1|1|0|"),
        "{}",
        bench.row(event)
    );
    assert_eq!(bench.sql("select sent from subscription_count"), "1");
}

#[actix_rt::test]
async fn a_released_claim_is_due_again_unless_somebody_else_holds_it() {
    let mut bench = Bench::new().await;
    let events = bench.store(2, true).await;
    bench.claim(10, HOLD).await;
    let claims = [
        released(&bench, events[0], 1, None),
        released(&bench, events[1], 7, None),
    ];
    release(&mut bench.connection, &claims).await.unwrap();
    assert_eq!(bench.row(events[0]), "1|0|0|0");
    assert_eq!(bench.row(events[1]), "1|0|0|20");
}

fn released(bench: &Bench, event: EventId, n: i32, held_by: Option<&str>) -> ReleasedClaim {
    ReleasedClaim {
        key: bench.key(event),
        n,
        wait: Duration::ZERO,
        held_by: held_by.map(Into::into),
    }
}

#[actix_rt::test]
async fn what_a_script_holds_up_is_due_when_it_is_let_go_in_the_order_of_the_events() {
    let mut bench = Bench::new().await;
    let events = bench.store(3, true).await;
    bench.claim(2, HOLD).await;
    let by = Some("named/x.rhai");
    // The second claim does not hold any more, and its row is left as it is.
    let claims = [
        released(&bench, events[0], 1, by),
        released(&bench, events[1], 7, by),
    ];
    release(&mut bench.connection, &claims).await.unwrap();
    let in_memory = bench.store(1, false).await[0];
    let leaving = [SpilledDelivery {
        key: bench.key(in_memory),
        running_for: None,
        wait: Duration::ZERO,
        held_by: by.map(Into::into),
    }];
    let lane = bench.lane;
    spill(&mut bench.connection, lane, &leaving).await.unwrap();
    let hold = held::Hold {
        script: "named/x.rhai".to_owned(),
        subscription: bench.subscription,
    };
    assert_eq!(
        held::holds(&bench.database).await.unwrap(),
        std::slice::from_ref(&hold)
    );
    let due =
        |claimed: Vec<ClaimedDelivery>| -> Vec<_> { claimed.iter().map(|row| row.event).collect() };
    assert_eq!(due(bench.claim(10, HOLD).await), [events[2]]);
    assert_eq!(held::let_go(&bench.database, &hold).await.unwrap(), 2);
    assert_eq!(held::let_go(&bench.database, &hold).await.unwrap(), 0);
    assert_eq!(held::holds(&bench.database).await.unwrap(), []);
    assert_eq!(due(bench.claim(1, HOLD).await), [events[0]]);
    assert_eq!(due(bench.claim(10, HOLD).await), [in_memory]);
    assert_eq!(bench.audit().await.difference(), 0);
}

/// What one of several daemons may do to a delivery at any time.
#[derive(Debug, Clone, Copy)]
enum Step {
    Claim,
    /// Record this try; whatever came of it, it is told the same way each time.
    Record(i32),
    Release(i32),
    /// A script holds it up after this claim.
    Hold(i32),
    /// The script works again.
    LetGo,
    Resend,
    CloseLane,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Claim),
        4 => (1..5).prop_map(Step::Record),
        1 => (1..5).prop_map(Step::Release),
        1 => (1..5).prop_map(Step::Hold),
        1 => Just(Step::LetGo),
        1 => Just(Step::Resend),
        1 => Just(Step::CloseLane),
    ];
    proptest::collection::vec(step, 1..20)
}

/// What comes of the tries 1 to 4.
fn outcomes() -> impl Strategy<Value = [Outcome; 4]> {
    proptest::array::uniform4(prop_oneof![1 => Just(Sent), 1 => Just(Failed), 2 => Just(Retry)])
}

/// Does the steps with one event in a database of its own; an error tells after which step the
/// audit found something.
async fn history(spilled: bool, outcomes: [Outcome; 4], steps: &[Step]) -> Result<(), String> {
    let mut bench = Bench::new().await;
    let event = bench.store(1, spilled).await[0];
    // The highest try that somebody made: only such a one can be recorded.
    let mut highest = i32::from(!spilled);
    for step in steps {
        match *step {
            Step::Claim => {
                let claimed = bench.claim(10, Duration::ZERO).await;
                highest = claimed.first().map_or(highest, |row| row.n);
            }
            Step::Record(n) if n <= highest => {
                let outcome = outcomes[usize::try_from(n - 1).unwrap()];
                let mut attempt = bench.attempt(event, n, outcome);
                attempt.due_in = attempt.due_in.map(|_| Duration::ZERO);
                let (lane, attempts) = (bench.lane, [attempt]);
                let from_memory = n == 1 && !spilled;
                let passed = from_memory
                    && record_first(&mut bench.connection, lane, &attempts)
                        .await
                        .unwrap()
                        .is_some();
                if !passed {
                    record_claimed(&mut bench.connection, lane, &attempts)
                        .await
                        .unwrap();
                }
            }
            Step::Record(_) => {}
            Step::Release(n) => {
                let claims = [released(&bench, event, n, None)];
                release(&mut bench.connection, &claims).await.unwrap();
            }
            Step::Hold(n) => {
                let claims = [released(&bench, event, n, Some("named/x.rhai"))];
                release(&mut bench.connection, &claims).await.unwrap();
            }
            Step::LetGo => {
                for hold in held::holds(&bench.database).await.unwrap() {
                    held::let_go(&bench.database, &hold).await.unwrap();
                }
            }
            Step::Resend => {
                resend(
                    &bench.database,
                    bench.account,
                    event,
                    bench.subscription,
                    Making::by(&Actor::Herald),
                )
                .await
                .unwrap();
            }
            Step::CloseLane => {
                lane::close(&bench.database, bench.lane, Owner::Gone, false)
                    .await
                    .unwrap();
            }
        }
        let audit = bench.audit().await;
        if audit.difference() != 0 {
            let (row, outcomes) = (bench.row(event), bench.outcomes(event));
            return Err(format!(
                "after {step:?}: {audit:?}; row {row}, attempts {outcomes:?}"
            ));
        }
    }
    Ok(())
}

#[test]
fn whatever_daemons_do_in_whatever_order_nothing_is_lost_and_nothing_double() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = ProptestConfig {
        cases: 24,
        max_shrink_iters: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(spilled: bool, outcomes in outcomes(), steps in steps())| {
        let told = runtime.block_on(history(spilled, outcomes, &steps));
        prop_assert!(told.is_ok(), "{}", told.unwrap_err());
    });
}
