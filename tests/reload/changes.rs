//! What can change is in force after the signal, and what cannot is named.

use std::fs;

use herald::store::partition;
use serde_json::{Value, json};

use super::{Desk, USUAL};
use crate::support::api::{order, text};
use crate::support::client::Client;
use crate::support::scripted::Scripted;
use crate::support::{wait_for, wait_until};

/// The keys that a record names.
fn keys(record: &Value, which: &str) -> Vec<String> {
    let payload = match &record["payload"] {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.clone(),
    };
    let keys = payload[which]
        .as_array()
        .unwrap_or_else(|| panic!("{record}"))
        .clone();
    keys.iter()
        .map(|key| key.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn networks_are_permitted_and_forbidden_without_a_restart() {
    let desk = Desk::new(USUAL);
    let target = Scripted::answering(200, "");
    let more = json!({ "retry_schedule": [] });
    let subscription = desk.subscribe_with(&target.url, &["*"], &more);
    let event = desk.publish_event(&order(1));
    desk.delivery_in("sent", &event, &subscription);
    let record = desk.reload("");
    assert_eq!(record["activity"], "Settings Reloaded");
    assert_eq!(keys(&record, "changed"), ["allow_networks"]);
    assert_eq!(keys(&record, "at_next_start"), [""; 0]);
    // The connection is kept, and leads nowhere any more.
    let event = desk.publish_event(&order(2));
    let failed = desk.delivery_in("failed", &event, &subscription);
    let words = text(&failed["last_error"]);
    assert!(words.contains("not permitted"), "{words}");
    let body = json!({ "url": target.url, "triggers": ["*"] });
    desk.post("/v1/subscriptions", &body).expect(422);
    desk.reload(USUAL);
    let event = desk.publish_event(&order(3));
    desk.delivery_in("sent", &event, &subscription);
    assert_eq!(target.requests().len(), 2);
}

#[test]
fn hosts_rates_and_the_log_s_filter_change_without_a_restart() {
    let desk = Desk::new(USUAL);
    let foreign = || {
        let host = [("host", "herald.internal")];
        desk.send("GET", "/sign-in", &host, b"").status
    };
    assert_eq!(foreign(), 421);
    assert!(!desk.log().contains("DEBUG"));
    let record = desk.reload(&format!(
        "{USUAL}allowed_hosts = [\"herald.internal\"]\nlog = \"info,herald=debug\"\n\
         max_body_bytes = 1048576\n"
    ));
    assert_eq!(
        keys(&record, "changed"),
        ["allowed_hosts", "max_body_bytes", "log"]
    );
    assert_eq!(foreign(), 200);
    desk.publish_event(&order(1));
    let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(500_000)).repeat(3);
    desk.send("POST", "/v1/events/batch", &[], line.as_bytes())
        .expect(413);
    desk.reload(&format!(
        "{USUAL}rate_limit_per_second = 1\nlog = \"info,herald=debug\"\n"
    ));
    wait_until("the limit to be in force", || {
        desk.get("/v1/event-types?limit=1").status == 429
    });
    desk.write(USUAL);
    desk.signal("HUP");
    wait_until("the limit to be gone", || {
        (0..20).all(|_| desk.get("/v1/event-types?limit=1").status == 200)
    });
    assert!(desk.log().contains("DEBUG"), "{}", desk.log());
}

#[test]
fn the_way_of_mails_changes_without_a_restart() {
    let desk = Desk::new(&format!("{USUAL}mail_from = \"one@example.com\"\n"));
    let mail = json!({ "topic": "T", "to": ["ann@example.com"], "subject": "S", "text": "t" });
    let sender = || {
        let sent = desk.post("/v1/mails", &mail).expect(202).json();
        let id = sent["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{sent}"))
            .to_owned();
        let path = format!("/v1/mails/{id}");
        let shown = wait_for("the mail to be sent", || {
            let shown = desk.get(&path).expect(200).json();
            (shown["state"] == "sent").then_some(shown)
        });
        shown["from"].to_string()
    };
    let one = sender();
    assert!(one.contains("one@example.com"), "{one}");
    let record = desk.reload(&format!(
        "{USUAL}mail_from = \"two@example.com\"\nsmtp_timeout_seconds = 9\n"
    ));
    assert_eq!(
        keys(&record, "changed"),
        ["mail_from", "smtp_timeout_seconds"]
    );
    let two = sender();
    assert!(two.contains("two@example.com"), "{two}");
}

#[test]
fn limits_of_plugins_change_without_a_restart_and_the_folder_is_looked_at() {
    let desk = Desk::new(USUAL);
    fs::create_dir_all(desk.plugins().join("named")).unwrap();
    let script = "fn transform(event) { let n = 0; for i in 0..20000 { n += i; } #{ n: n } }";
    fs::write(desk.plugins().join("named/sum.rhai"), script).unwrap();
    wait_until("the script to be at work", || {
        let list = desk.get("/v1/plugins").expect(200).json();
        list["data"][0]["name"] == "named/sum.rhai" && list["data"][0]["error"].is_null()
    });
    let target = Scripted::answering(200, "");
    let more = json!({ "retry_schedule": [], "plugin": "sum" });
    let subscription = desk.subscribe_with(&target.url, &["*"], &more);
    let event = desk.publish_event(&order(1));
    desk.delivery_in("sent", &event, &subscription);
    let record = desk.reload(&format!("{USUAL}plugin_operations = 10000\n"));
    assert_eq!(keys(&record, "changed"), ["plugin_operations"]);
    let event = desk.publish_event(&order(2));
    let failed = desk.delivery_in("failed", &event, &subscription);
    let words = failed.to_string();
    assert!(words.contains("more than 10000 operations"), "{words}");
    desk.reload(USUAL);
    let event = desk.publish_event(&order(3));
    desk.delivery_in("sent", &event, &subscription);
}

#[test]
fn what_is_kept_changes_without_a_restart() {
    let desk = Desk::new(USUAL);
    // A day of the logs, nine days ago.
    let day = chrono::Utc::now().date_naive() - chrono::Days::new(9);
    let (from, to) = (
        partition::lowest_id(day),
        partition::lowest_id(day + chrono::Days::new(1)),
    );
    let tables = ["event", "attempt"].map(|table| format!("{table}_{}", day.format("%Y%m%d")));
    for (table, parent) in tables.iter().zip(["event", "attempt"]) {
        desk.sql(&format!(
            "create table {table} partition of {parent} for values from ('{from}') to ('{to}')"
        ));
    }
    let record = desk.reload(&format!("{USUAL}retention_days = 5\ndrain_seconds = 7\n"));
    assert_eq!(
        keys(&record, "changed"),
        ["retention_days", "drain_seconds"]
    );
    wait_until("the old day to be removed", || {
        let left = format!(
            "select count(*) from pg_class where relname in ('{}', '{}')",
            tables[0], tables[1]
        );
        desk.count(&left) == 0
    });
}

#[test]
fn what_needs_a_restart_is_named_in_a_warning() {
    let desk = Desk::new(USUAL);
    let changed = format!("{USUAL}delivery_workers = 3\nretention_days = 31\nhttp_workers = 2\n");
    let record = desk.reload(&changed);
    assert_eq!(keys(&record, "changed"), ["retention_days"]);
    assert_eq!(
        keys(&record, "at_next_start"),
        ["http_workers", "delivery_workers"]
    );
    let log = desk.log();
    let line = log
        .lines()
        .find(|line| line.contains("restart Herald"))
        .unwrap();
    assert!(
        line.contains("WARN") && line.contains("http_workers,delivery_workers"),
        "{line}"
    );
    // It is named again as long as it waits.
    let record = desk.reload(&changed);
    assert_eq!(keys(&record, "changed"), [""; 0]);
    assert_eq!(
        keys(&record, "at_next_start"),
        ["http_workers", "delivery_workers"]
    );
}

#[test]
fn no_request_is_lost_while_settings_are_read_anew() {
    let desk = Desk::new(USUAL);
    let target = Scripted::answering(200, "");
    desk.subscribe(&target.url, &["*"]);
    for number in 0..60 {
        if number % 6 == 0 {
            let days = 30 + number / 6;
            desk.write(&format!("{USUAL}retention_days = {days}\n"));
            desk.signal("HUP");
        }
        desk.publish(order(number).to_string().as_bytes())
            .expect(202);
    }
    wait_until("every event to arrive", || target.requests().len() == 60);
}

#[test]
fn the_metrics_take_a_token_that_is_shown_nowhere() {
    let desk = Desk::new(USUAL);
    let read = |token: &str| {
        let given = format!("Bearer {token}");
        let nobody = Client {
            token: None,
            ..desk.client.clone()
        };
        let headers = [("authorization", given.as_str())];
        let headers = if token.is_empty() {
            &[][..]
        } else {
            &headers[..]
        };
        nobody.send("GET", "/metrics", headers, b"").status
    };
    assert_eq!(read(""), 200);
    let (one, other) = ("one-token-of-herald", "the-other-of-herald");
    for (token, gone) in [(one, other), (other, one)] {
        let text = format!("{USUAL}metrics_token = \"{token}\"\n");
        let record = desk.reload(&text);
        assert_eq!(keys(&record, "changed"), ["metrics_token"]);
        assert_eq!([read(""), read(gone), read(token)], [401, 401, 200]);
        // A token of the API is no token for the metrics.
        assert_eq!(read(&desk.admin_token), 401);
        let shown = desk.run(&["check-config"]);
        assert!(shown.contains("(hidden)"), "{shown}");
        assert!(!format!("{shown}{record}{}", desk.log()).contains(token));
    }
    let record = desk.reload(&format!("{USUAL}metrics_token = \"short-one\"\n"));
    assert_eq!(record["activity"], "Settings Refused");
    assert!(!format!("{record}{}", desk.log()).contains("short-one"));
    assert_eq!(read(other), 200);
}
