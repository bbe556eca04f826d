//! The queue of mails: claims are fenced, records may be repeated, and a delivery ends with its
//! mail or not at all.

use std::time::Duration;

use diesel_async::AsyncConnection;
use herald::domain::activity::Actor;
use herald::domain::id::{AccountId, EventId};
use herald::domain::mail::{NewMail, TryOutcome};
use herald::store::made_key::Making;
use herald::store::mail::{
    Again, ClaimedMail, MailTry, claim, enqueue, enqueue_batch, hand_over, record,
};
use herald::store::{Connection, StoreError, lane};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use uuid::Uuid;

use crate::store::bench::Bench;

const HOLD: Duration = Duration::from_secs(60);

fn letter(to: &[&str]) -> NewMail {
    let to = to.iter().map(|it| it.parse().unwrap()).collect();
    NewMail::new(
        "A Test",
        "a@example.com".parse().unwrap(),
        to,
        "Subject",
        "Text",
    )
    .unwrap()
}

fn ended(mail: &ClaimedMail, outcome: TryOutcome, again: Option<Again>) -> MailTry {
    MailTry {
        account: mail.account(),
        mail: mail.id(),
        n: mail.n,
        duration_ms: 5,
        outcome,
        reply: "said".to_owned(),
        receivers: None,
        again,
        tried: true,
    }
}

fn later(mail: &ClaimedMail) -> MailTry {
    let again = Again {
        due_in: Duration::from_secs(300),
        pending: mail.pending.clone(),
        refused: false,
    };
    ended(mail, TryOutcome::Retry, Some(again))
}

async fn claimed(bench: &mut Bench, room: usize) -> Vec<ClaimedMail> {
    claim(&mut bench.connection, bench.lane, room, HOLD)
        .await
        .unwrap()
}

fn state(bench: &Bench) -> String {
    bench.sql("select string_agg(state || ' ' || attempts, ',' order by id) from mail")
}

#[actix_rt::test]
async fn a_mail_is_queued_with_what_sends_it_or_not_at_all() {
    let mut bench = Bench::new().await;
    let account = bench.account;
    let failed: Result<(), StoreError> = bench
        .connection
        .transaction(async |connection: &mut Connection| {
            enqueue(connection, account, &letter(&["b@example.com"]), false).await?;
            Err(StoreError::Unfit("no".to_owned()))
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(bench.sql("select count(*) from mail"), "0");
    let mail = letter(&["b@example.com", "b@example.com", "C <c@example.com>"]);
    enqueue(&mut bench.connection, account, &mail, false)
        .await
        .unwrap();
    let found = claimed(&mut bench, 10).await;
    assert_eq!(found[0].pending, ["b@example.com", "c@example.com"]);
    assert_eq!(found[0].receivers, ["b@example.com", "C <c@example.com>"]);
    assert!(found[0].message_id.ends_with("@example.com"));
}

#[actix_rt::test]
async fn a_claim_fences_and_a_record_may_be_repeated() {
    let mut bench = Bench::new().await;
    let account = bench.account;
    enqueue(
        &mut bench.connection,
        account,
        &letter(&["b@example.com"]),
        false,
    )
    .await
    .unwrap();
    let first = claimed(&mut bench, 10).await.remove(0);
    assert!(claimed(&mut bench, 10).await.is_empty());
    bench.sql("update mail_due set due_at = now()");
    let second = claimed(&mut bench, 10).await.remove(0);
    assert_eq!((first.n, second.n), (1, 2));
    // Who comes too late with "later" moves nothing; the log keeps the try.
    let lane = Some(bench.lane);
    record(&mut bench.connection, lane, &[later(&first)])
        .await
        .unwrap();
    assert_eq!(
        bench.sql("select n || ' ' || failures from mail_due"),
        "2 0"
    );
    for _ in 0..2 {
        record(&mut bench.connection, lane, &[later(&second)])
            .await
            .unwrap();
        assert_eq!(
            bench.sql("select n || ' ' || failures from mail_due"),
            "2 1"
        );
    }
    // Who comes too late with an end ends it: the server took the mail.
    bench.sql("update mail_due set due_at = now()");
    let third = claimed(&mut bench, 10).await.remove(0);
    let sent = ended(&second, TryOutcome::Sent, None);
    for _ in 0..2 {
        record(&mut bench.connection, lane, std::slice::from_ref(&sent))
            .await
            .unwrap();
        assert_eq!(state(&bench), "sent 2");
    }
    record(&mut bench.connection, lane, &[later(&third)])
        .await
        .unwrap();
    assert_eq!(state(&bench), "sent 2");
    assert_eq!(bench.sql("select count(*) from mail_due"), "0");
    assert_eq!(bench.sql("select count(*) from mail_try"), "3");
}

#[actix_rt::test]
async fn accounts_take_turns_and_a_dead_daemons_claims_are_due_at_once() {
    let mut bench = Bench::new().await;
    let other = AccountId::from_uuid(Uuid::now_v7());
    let mail = letter(&["b@example.com"]);
    let many: Vec<_> = (0..50).map(|_| (bench.account, &mail)).collect();
    enqueue_batch(&mut bench.connection, &many, false)
        .await
        .unwrap();
    enqueue(&mut bench.connection, other, &mail, false)
        .await
        .unwrap();
    let first = claimed(&mut bench, 4).await;
    assert_eq!(first.len(), 4);
    assert_eq!(
        first.iter().filter(|mail| mail.account() == other).count(),
        1
    );
    let database = bench.database.clone();
    lane::close(&database, bench.lane, lane::Owner::Gone, false)
        .await
        .unwrap();
    let due = "select count(*) from mail_due where due_at <= now() and claim_lane is null";
    assert_eq!(bench.sql(due), "51");
}

/// What may happen to a delivery by mail.
#[derive(Debug, Clone, Copy)]
enum Step {
    HandOver,
    HandOverLate,
    Claim,
    Later,
    LaterOld,
    Sent,
    Failed,
    SentOld,
    Again,
    Crash,
    Cancel,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    use Step::{
        Again, Cancel, Claim, Crash, Failed, HandOver, HandOverLate, Later, LaterOld, Sent, SentOld,
    };
    let one = proptest::sample::select(vec![
        HandOver,
        HandOver,
        HandOverLate,
        Claim,
        Claim,
        Claim,
        Later,
        LaterOld,
        Sent,
        Failed,
        SentOld,
        Again,
        Crash,
        Cancel,
    ]);
    proptest::collection::vec(one, 1..24)
}

async fn run(bench: &mut Bench, event: EventId, steps: &[Step]) {
    use herald::store::cancel::cancel_open;
    use herald::store::resend::resend;
    let key = bench.key(event);
    let mut mails: Vec<ClaimedMail> = Vec::new();
    for step in steps {
        let lane = Some(bench.lane);
        match step {
            Step::HandOver | Step::HandOverLate => {
                for row in bench.claim(10, HOLD).await {
                    let n = row.n - i32::from(matches!(step, Step::HandOverLate));
                    let mail = letter(&["b@example.com"]);
                    hand_over(&bench.database, key, n, &mail, None)
                        .await
                        .unwrap();
                }
            }
            Step::Claim => mails.extend(claimed(bench, 10).await),
            Step::Later | Step::Sent | Step::Failed => {
                let Some(mail) = mails.last() else { continue };
                let tried = match step {
                    Step::Later => later(mail),
                    Step::Sent => ended(mail, TryOutcome::Sent, None),
                    _ => ended(mail, TryOutcome::Failed, None),
                };
                record(&mut bench.connection, lane, &[tried]).await.unwrap();
            }
            Step::LaterOld | Step::SentOld => {
                let Some(mail) = mails.first() else { continue };
                let tried = match step {
                    Step::LaterOld => later(mail),
                    _ => ended(mail, TryOutcome::Sent, None),
                };
                record(&mut bench.connection, lane, &[tried]).await.unwrap();
            }
            Step::Again => {
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
            Step::Crash => {
                bench.sql("update delivery set due_at = now() where held_by is null");
                bench.sql("update mail_due set due_at = now(), claim_lane = null");
            }
            Step::Cancel => {
                let (account, subscription) = (bench.account, bench.subscription);
                cancel_open(&mut bench.connection, account, subscription, false)
                    .await
                    .unwrap();
            }
        }
        let audit = bench.audit().await;
        assert_eq!(
            (audit.lost, audit.double, audit.in_flight),
            (0, 0, 0),
            "after {step:?} of {steps:?}: {audit:?}"
        );
        // A row that waits for a mail has one that will end it, and a mail carries one delivery.
        let stuck = bench.sql(
            "select count(*) from delivery d where held_by = 'mail' and 1 <> (
                 select count(*) from mail_due m where m.subscription_id = d.subscription_id
                     and m.event_id = d.event_id and m.delivery_n = d.n)",
        );
        assert_eq!(stuck, "0", "after {step:?} of {steps:?}");
        let open = bench.sql(
            "select count(*) from mail m where (state = 'queued') <> exists (
                 select from mail_due d where d.mail_id = m.id)",
        );
        assert_eq!(open, "0", "after {step:?} of {steps:?}");
    }
}

#[test]
fn whatever_happens_to_a_delivery_by_mail_none_is_lost_doubled_or_stuck() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    actix_rt::System::new().block_on(async {
        let mut bench = Bench::new().await;
        for _ in 0..60 {
            let steps = steps().new_tree(&mut runner).unwrap().current();
            let event = bench.store(1, true).await.remove(0);
            run(&mut bench, event, &steps).await;
            bench.sql("delete from delivery; delete from mail_due; update mail set state = 'failed' where state = 'queued'; delete from attempt; delete from event");
        }
    });
}
