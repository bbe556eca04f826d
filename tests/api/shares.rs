//! What one account may have under way at one time of what all share: dry runs, audits, reads.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::client::{Answer, Client};
use crate::support::{Herald, wait_until};

/// The admin of `main`, and that of another account.
fn two(herald: &Herald) -> (Client, Client) {
    let operator = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    let operator = Client {
        token: Some(operator.trim().to_owned()),
        ..herald.client.clone()
    };
    let made = operator.post("/v1/accounts", &json!({"name": "other"}));
    made.expect(201);
    let token = herald.run(&["token", "create", "--account", "other", "--role", "admin"]);
    let other = Client {
        token: Some(token.trim().to_owned()),
        ..herald.client.clone()
    };
    (herald.client.clone(), other)
}

/// Asks so many times at once.
fn at_once(number: usize, ask: impl Fn() -> Answer + Sync) -> Vec<Answer> {
    thread::scope(|scope| {
        let asked: Vec<_> = (0..number).map(|_| scope.spawn(&ask)).collect();
        asked.into_iter().map(|it| it.join().unwrap()).collect()
    })
}

fn with(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|it| it.status == status).count()
}

#[test]
fn an_account_has_two_dry_runs_at_one_time_and_another_has_its_turn() {
    let herald = Herald::launch_with(&[
        ("HERALD_PLUGIN_DEADLINE_MS", "300"),
        ("HERALD_PLUGIN_OPERATIONS", "1000000000"),
    ]);
    let (main, other) = two(&herald);
    let folder = herald.plugins().join("named");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("long.rhai"), "fn filter(event) { loop { } }").unwrap();
    wait_until("it to be loaded", || herald.list("/v1/plugins").len() == 1);
    let path = "/v1/plugins/named/long.rhai/dry-run";
    let given = json!({"event": {"event_type": "X"}});
    let (mine, theirs) = thread::scope(|scope| {
        let mine = scope.spawn(|| at_once(6, || main.post(path, &given)));
        let theirs = scope.spawn(|| other.post(path, &given));
        (mine.join().unwrap(), theirs.join().unwrap())
    });
    theirs.expect(200);
    let (ran, refused) = (with(&mine, 200), with(&mine, 429));
    assert!(ran >= 2 && refused >= 1 && ran + refused == 6, "{mine:?}");
    let refused = mine.iter().find(|it| it.status == 429).unwrap();
    assert!(refused.header("retry-after").is_some());
    assert!(
        refused.detail().starts_with("2 dry runs"),
        "{}",
        refused.detail()
    );
    main.post(path, &given).expect(200);
}

#[test]
fn audits_run_one_at_a_time_and_an_account_waits_for_two_at_most() {
    let herald = Herald::launch();
    let (main, other) = two(&herald);
    // The audit reads it, and nothing else here does.
    let held = "begin; lock table retired in access exclusive mode; select pg_sleep(4); commit";
    let running = "select count(*) from pg_stat_activity where query like '%with target as%' \
                   and wait_event_type = 'Lock' and pid <> pg_backend_pid()";
    thread::scope(|scope| {
        scope.spawn(|| herald.sql(held));
        wait_until("the table to be held", || {
            herald.count(
                "select count(*) from pg_locks where mode = 'AccessExclusiveLock' \
                          and relation = 'retired'::regclass and granted",
            ) == 1
        });
        let asked = scope.spawn(|| at_once(6, || main.get("/v1/audit")));
        let theirs = scope.spawn(|| other.get("/v1/audit"));
        wait_until("one to run", || herald.count(running) == 1);
        thread::sleep(Duration::from_millis(500));
        assert_eq!(herald.count(running), 1, "the others wait for their turn");
        let asked = asked.join().unwrap();
        assert_eq!((with(&asked, 200), with(&asked, 503)), (2, 4), "{asked:?}");
        let refused = asked.iter().find(|it| it.status == 503).unwrap();
        assert!(
            refused.detail().contains("one at a time"),
            "{}",
            refused.detail()
        );
        theirs.join().unwrap().expect(200);
    });
}

#[test]
fn an_account_reads_with_half_of_the_connections_and_no_read_takes_for_ever() {
    let herald = Herald::launch_with(&[("HERALD_DATABASE_CONNECTIONS", "4")]);
    let (main, other) = two(&herald);
    let held =
        "begin; lock table activity_type in access exclusive mode; select pg_sleep(19); commit";
    thread::scope(|scope| {
        scope.spawn(|| herald.sql(held));
        wait_until("the table to be held", || {
            herald.count(
                "select count(*) from pg_locks where mode = 'AccessExclusiveLock' \
                          and relation = 'activity_type'::regclass and granted",
            ) == 1
        });
        let begin = Instant::now();
        let reads = scope.spawn(|| at_once(6, || main.get("/v1/activity-types")));
        wait_until("two of them to wait in the database", || {
            herald.count("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
                == 2
        });
        // Others read, and the account writes, as if nothing were.
        for _ in 0..20 {
            let at = Instant::now();
            other.get("/v1/subscriptions").expect(200);
            main.subscribe("https://example.com/", &["X"]);
            main.publish_event(&json!({"event_type": "ORDER_CREATED"}));
            assert!(at.elapsed() < Duration::from_secs(3), "{:?}", at.elapsed());
        }
        let reads = reads.join().unwrap();
        println!("the reads ended after {:?}", begin.elapsed());
        assert_eq!(with(&reads, 503), 6, "{reads:?}");
        let saying = |words: &str| {
            let told = reads.iter().filter(|it| it.detail().contains(words));
            told.count()
        };
        assert_eq!(saying("half of them"), 4, "{reads:?}");
        assert_eq!(saying("more than 15 s"), 2, "{reads:?}");
    });
    // Whoever has the connections next has no such bound.
    let bound = at_once(8, || main.get("/v1/activity-types"));
    assert_eq!(with(&bound, 200), 8);
}
