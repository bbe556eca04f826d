//! What fails is tried again on its schedule, as long as the target asks, and told in words.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::api::order;
use crate::support::receiver::Receiver;
use crate::support::scripted::{Scripted, answer};
use crate::support::tenant::Tenant;
use crate::support::{wait_for, wait_until};

/// Milliseconds since 1970 of a time in JSON.
fn millis(at: &Value) -> i64 {
    let at: chrono::DateTime<chrono::Utc> = at.as_str().unwrap().parse().unwrap();
    at.timestamp_millis()
}

#[test]
fn a_failing_delivery_is_tried_on_its_schedule_and_then_failed() {
    let tenant = Tenant::new();
    let receiver = Receiver::start(&["--fail", "500"]);
    let id = tenant.admin.subscribe_with(
        &receiver.url,
        &["STORE_*"],
        &json!({ "retry_schedule": [1, 1] }),
    );
    tenant.admin.switch(&id, "pause");
    let event = tenant.publish("STORE_ORDER_CREATED");
    let held = tenant.viewer.delivery_in("held", &event, &id);
    assert_eq!(held["attempts"], json!([]));
    assert_eq!(held["next_attempt_at"], Value::Null);
    tenant.admin.switch(&id, "resume");
    let mut seen = Vec::new();
    let failed = wait_for("the schedule to be used up", || {
        let delivery = tenant.viewer.delivery(&event, &id);
        let state = delivery["state"].as_str().unwrap().to_owned();
        if seen.last() != Some(&state) {
            seen.push(state.clone());
        }
        (state == "failed").then_some(delivery)
    });
    let order = ["queued", "retrying", "failed"];
    let places: Vec<_> = seen
        .iter()
        .map(|it| order.iter().position(|o| o == it))
        .collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{seen:?}"
    );
    assert!(seen.contains(&"retrying".to_owned()), "{seen:?}");

    let attempts = failed["attempts"].as_array().unwrap();
    let outcomes: Vec<_> = attempts.iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["retry", "retry", "failed"]);
    for (place, attempt) in attempts.iter().enumerate() {
        assert_eq!(attempt["n"], place + 1);
        assert_eq!(
            attempt["error"],
            "The target answered 500 (Internal Server Error). See the receiver's log for its fault."
        );
        assert_eq!(attempt["response"]["status"], 500);
    }
    for pair in attempts.windows(2) {
        let waited = millis(&pair[1]["at"]) - millis(&pair[0]["at"]);
        assert!(
            (1_000..3_000).contains(&waited),
            "{waited} ms between two attempts"
        );
    }
    assert_eq!(failed["next_attempt_at"], Value::Null);
    assert_eq!(failed["last_status_code"], 500);
    assert_eq!(receiver.received().len(), 3);
    let shown = tenant.viewer.subscription(&id);
    assert_eq!(shown["last_status"], "error", "{shown:#}");
    assert_eq!(shown["counts"]["failed"], 1, "{shown:#}");
    assert_eq!(shown["counts"]["retried"], 2, "{shown:#}");
}

#[test]
fn a_delivery_that_fails_once_is_sent_by_its_retry() {
    let tenant = Tenant::new();
    let calls = AtomicUsize::new(0);
    let target = Scripted::start(move |_, stream| {
        let status = if calls.fetch_add(1, Ordering::Relaxed) == 0 {
            502
        } else {
            204
        };
        answer(stream, status, "", b"")
    });
    let more = json!({ "retry_schedule": [1] });
    let id = tenant.admin.subscribe_with(&target.url, &["*"], &more);
    let event = tenant.publish("STORE_ORDER_CREATED");
    let retrying = tenant.viewer.delivery_in("retrying", &event, &id);
    let waits = millis(&retrying["next_attempt_at"]) - millis(&retrying["last_attempt_at"]);
    assert!((900..=1_200).contains(&waits), "{waits} ms to wait");
    let sent = tenant.viewer.delivery_in("sent", &event, &id);
    assert_eq!(sent["attempts"].as_array().unwrap().len(), 2);
    let requests = target.requests();
    assert_eq!(requests[0].id(), requests[1].id());
    assert_eq!(requests[0].body, requests[1].body);
    let stamps: Vec<i64> = requests
        .iter()
        .map(|it| it.headers["webhook-timestamp"].parse().unwrap())
        .collect();
    assert!(
        stamps[1] > stamps[0],
        "the timestamp is of the attempt: {stamps:?}"
    );
}

#[test]
fn retry_after_of_429_and_503_is_honoured_in_seconds_and_as_a_date_and_of_nothing_else() {
    let tenant = Tenant::new();
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(7_200));
    let dated = format!("retry-after: {date}\r\n");
    let dated: &'static str = Box::leak(dated.into_boxed_str());
    let seconds = "retry-after: 600\r\n";
    let cases = [
        (429, seconds, 600),
        (503, seconds, 600),
        (429, dated, 7_200),
        (503, dated, 7_200),
        (500, seconds, 60),
        (404, dated, 60),
        (503, "retry-after: 5\r\n", 60),
        (503, "retry-after: soon\r\n", 60),
        (429, "retry-after: 999999999999999999999\r\n", 86_400),
    ];
    let more = json!({ "retry_schedule": [60] });
    let subscribe = |(status, head, wanted)| {
        let target = Scripted::answering(status, head);
        let id = tenant.admin.subscribe_with(&target.url, &["*"], &more);
        (id, status, head, wanted)
    };
    let subscribed: Vec<_> = cases.into_iter().map(subscribe).collect();
    let event = tenant.publish("STORE_ORDER_CREATED");
    for (id, status, head, wanted) in subscribed {
        let delivery = tenant.viewer.delivery_in("retrying", &event, &id);
        let waits = millis(&delivery["next_attempt_at"]) - millis(&delivery["last_attempt_at"]);
        let wanted = wanted * 1_000;
        // Jitter adds a tenth of the schedule's step at most; dates count whole seconds.
        let fits = (wanted - 5_000..=wanted + 6_500).contains(&waits);
        assert!(fits, "{status} {head}: {waits} ms instead of {wanted}");
    }
}

#[test]
fn a_target_that_is_gone_disables_its_subscription_which_holds_what_was_open() {
    let tenant = Tenant::new();
    let calls = AtomicUsize::new(0);
    let target = Scripted::start(move |_, stream| {
        let status = match calls.fetch_add(1, Ordering::Relaxed) {
            0 => 500,
            1 => 410,
            _ => 200,
        };
        answer(stream, status, "", b"")
    });
    let more = json!({ "retry_schedule": [600], "max_in_flight": 1 });
    let id = tenant.admin.subscribe_with(&target.url, &["*"], &more);
    let open = tenant.publish("STORE_ORDER_CREATED");
    tenant.viewer.delivery_in("retrying", &open, &id);
    let gone = tenant.publish("STORE_ORDER_UPDATED");
    wait_until("the subscription to be disabled", || {
        tenant.viewer.subscription(&id)["state"] == "disabled"
    });
    let reason = tenant.viewer.subscription(&id)["disabled_reason"].clone();
    assert_eq!(reason, "The target answered 410 (Gone).");
    for event in [&open, &gone] {
        tenant.viewer.delivery_in("held", event, &id);
    }
    let unmatched = tenant.publish("STORE_ORDER_CREATED");
    let path = format!("/v1/deliveries/{unmatched}/{id}");
    tenant.viewer.get(&path).expect(404);
    let enabled = tenant.admin.switch(&id, "enable");
    assert_eq!(enabled["disabled_reason"], Value::Null);
    for event in [&open, &gone] {
        tenant.admin.resend(event, &id).expect(202);
        tenant.viewer.delivery_in("sent", event, &id);
    }
    assert_eq!(target.requests().len(), 4);
}

#[test]
fn what_a_gone_target_left_unattempted_is_delivered_once_it_is_enabled_again() {
    let tenant = Tenant::new();
    let gone = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&gone);
    let target = Scripted::start(move |_, stream| {
        std::thread::sleep(Duration::from_millis(100));
        let status = if still.load(Ordering::Relaxed) {
            410
        } else {
            200
        };
        answer(stream, status, "", b"")
    });
    let more = json!({ "retry_schedule": [1], "max_in_flight": 1 });
    let id = tenant.admin.subscribe_with(&target.url, &["*"], &more);
    let events = tenant.admin.publish_batch((0..40).map(order));
    for event in &events {
        tenant.viewer.delivery_in("held", event, &id);
    }
    let tried = target.requests().len();
    println!("410: {tried} of 40 were tried before the subscription was seen disabled");
    assert!(tried < 20, "{tried} were tried");
    gone.store(false, Ordering::Relaxed);
    tenant.admin.switch(&id, "enable");
    for event in &events {
        tenant.viewer.delivery_in("sent", event, &id);
    }
    assert_eq!(target.requests().len(), 40 + tried);
}

#[test]
fn redirects_are_told_in_words_and_not_followed() {
    let tenant = Tenant::new();
    let elsewhere = Scripted::answering(200, "");
    let head = format!("location: {}\r\n", elsewhere.url);
    let more = json!({ "retry_schedule": [] });
    let targets = [301, 302, 303, 307, 308].map(|status| {
        let head = head.clone();
        let target = Scripted::start(move |_, stream| answer(stream, status, &head, b""));
        let id = tenant.admin.subscribe_with(&target.url, &["*"], &more);
        (status, id)
    });
    let event = tenant.publish("STORE_ORDER_CREATED");
    for (status, id) in targets {
        let failed = tenant.viewer.delivery_in("failed", &event, &id);
        assert_eq!(
            failed["last_error"],
            format!(
                "The target answered {status} (a redirect, which is not followed). Set the \
                 webhook's URL to the address that the target redirects to."
            )
        );
    }
    assert_eq!(elsewhere.ids(), [] as [&str; 0]);
}
