//! Activities that stream while the daemon is killed or its database is away, and what nobody may
//! do to the log.

use std::collections::HashSet;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{find, record, submit};
use crate::support::api::text;
use crate::support::client::Client;
use crate::support::{Herald, wait_until};

/// Records singly and in batches until told to stop, noting what was acknowledged.
fn stream(client: &Client, worker: usize, stop: &AtomicBool, acknowledged: &Mutex<Vec<String>>) {
    let mut number = 0_usize;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let user = format!("worker{worker}@example.com");
        let answer = if number.is_multiple_of(3) {
            let batch = format!("{}\n", submit(&user)).repeat(5);
            client.try_send("POST", "/v1/activities/batch", &[], batch.as_bytes())
        } else {
            let one = submit(&user).to_string();
            client.try_send("POST", "/v1/activities", &[], one.as_bytes())
        };
        let Ok(answer) = answer else { continue };
        let ids = match answer.status {
            201 => vec![text(&answer.json()["id"])],
            202 => {
                let ids = answer.json()["ids"].clone();
                ids.as_array().unwrap().iter().map(text).collect()
            }
            503 => continue,
            other => panic!("{other}: {}", String::from_utf8_lossy(&answer.body)),
        };
        acknowledged.lock().unwrap().extend(ids);
    }
}

#[test]
fn every_acknowledged_activity_is_there_once_after_kills_while_they_stream() {
    const KILLS: usize = 5;
    let mut herald = Herald::launch();
    let (stop, acknowledged) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for worker in 0..4 {
            let client = herald.client.clone();
            let (stop, acknowledged) = (&stop, &acknowledged);
            scope.spawn(move || stream(&client, worker, stop, acknowledged));
        }
        for _ in 0..KILLS {
            let before = acknowledged.lock().unwrap().len();
            wait_until("activities to be acknowledged", || {
                acknowledged.lock().unwrap().len() > before + 300
            });
            herald.kill();
            herald.spawn();
        }
        stop.store(true, Ordering::Relaxed);
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    let distinct: HashSet<&String> = acknowledged.iter().collect();
    assert_eq!(distinct.len(), acknowledged.len(), "an id was given twice");
    let stored: Vec<String> = find(&herald, "group=Order&limit=200")
        .iter()
        .map(|it| text(&it["id"]))
        .collect();
    let stored_once: HashSet<&String> = stored.iter().collect();
    assert_eq!(stored_once.len(), stored.len(), "one stands there twice");
    let lost = distinct.difference(&stored_once).count();
    println!(
        "{KILLS} kills: {} acknowledged, {} stored (the rest were in flight), {lost} lost",
        acknowledged.len(),
        stored.len()
    );
    assert_eq!(lost, 0);
    // What was in flight at a kill: one request of each worker.
    assert!(stored.len() - acknowledged.len() <= KILLS * 4 * 5);
}

#[test]
fn while_the_database_refuses_connections_nothing_is_acknowledged_and_then_it_goes_on() {
    let herald = Herald::launch();
    record(&herald, &submit("ann"));
    let name = herald.sql("select current_database()").trim().to_owned();
    let url = herald
        .database_url
        .replace(&format!("/{name}?"), "/postgres?");
    let sql = |statement: &str| crate::support::psql(&url, statement);
    sql(&format!("alter database {name} allow_connections false"));
    sql(&format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
    ));
    // The token is believed for a second; then it cannot be looked up either.
    let status = herald.post("/v1/activities", &submit("bob")).status;
    assert_eq!(status, 503);
    sql(&format!("alter database {name} allow_connections true"));
    wait_until("activities to be recorded again", || {
        herald.post("/v1/activities", &submit("carl")).status == 201
    });
    assert_eq!(find(&herald, "user=bob").len(), 0);
    assert_eq!(find(&herald, "user=carl").len(), 1);
}

#[test]
fn nobody_changes_the_log_by_sql_the_owner_included() {
    let herald = Herald::launch();
    record(&herald, &submit("ann"));
    let part = herald.sql("select tableoid::regclass from activity limit 1");
    for table in ["activity", part.trim()] {
        for statement in [
            format!("update {table} set payload = null"),
            format!("delete from {table}"),
            format!("truncate {table}"),
        ] {
            let output = Command::new("psql")
                .args(["-X", "-v", "ON_ERROR_STOP=1", "-d", &herald.database_url])
                .args(["-c", &statement])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                !output.status.success() && said.contains("append-only"),
                "{statement}: {said}"
            );
        }
    }
    assert_eq!(find(&herald, "user=ann").len(), 1);
}
