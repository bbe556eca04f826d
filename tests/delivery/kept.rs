//! Kept connections: what a receiver does to them between two deliveries costs no attempt.

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::api::order;
use crate::support::browser;
use crate::support::scripted::{Scripted, answer, close};
use crate::support::tenant::Tenant;
use crate::support::{Herald, wait_until};

fn subscribe(tenant: &Tenant, url: &str) -> String {
    let more = json!({ "retry_schedule": [1, 1, 1], "timeout_seconds": 5 });
    tenant.admin.subscribe_with(url, &["*"], &more)
}

/// Publishes an event. Returns its attempts once it is sent.
fn attempts(tenant: &Tenant, id: &str) -> Vec<Value> {
    let event = tenant.publish("STORE_ORDER_CREATED");
    let delivery = tenant.viewer.delivery_in("sent", &event, id);
    delivery["attempts"].as_array().unwrap().clone()
}

/// A target that answers one request of a connection, and closes it when it sees the next: as if
/// the idle time had ended just then.
fn one_request_each() -> Scripted {
    let served: Mutex<Vec<SocketAddr>> = Mutex::default();
    Scripted::start(move |_, stream| {
        let peer = stream.peer_addr()?;
        let mut served = served.lock().unwrap();
        if served.contains(&peer) {
            return close();
        }
        served.push(peer);
        drop(served);
        answer(stream, 200, "", b"")
    })
}

#[test]
fn a_kept_connection_that_ends_before_the_answer_costs_no_attempt_and_is_recorded() {
    let herald = Herald::launch();
    let target = one_request_each();
    let id = herald.subscribe(&target.url, &["*"]);
    let mut reconnected = Vec::new();
    let mut last = String::new();
    for number in 0..4 {
        let event = herald.publish_event(&order(number));
        let delivery = herald.delivery_in("sent", &event, &id);
        let attempts = delivery["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 1, "{delivery:#}");
        reconnected.push(attempts[0]["reconnected"] == true);
        last = event;
    }
    assert_eq!(reconnected, [false, true, true, true]);
    // The same request came twice: its id tells the receiver so.
    let ids = target.ids();
    assert_eq!(ids.iter().filter(|it| **it == last).count(), 2, "{ids:?}");

    let reader = browser::signed_in(&herald, "reader@shop.example", "viewer", "main");
    let page = reader.page(&format!("/deliveries/{last}/{id}"));
    let page = String::from_utf8_lossy(&page.body).into_owned();
    assert!(page.contains("sent again over a new one"), "{page}");
}

#[test]
fn a_fresh_connection_that_ends_before_the_answer_is_a_failure() {
    let target = Scripted::start(|_, _| close());
    let tenant = Tenant::new();
    let more = json!({ "retry_schedule": [], "timeout_seconds": 5 });
    let id = tenant.admin.subscribe_with(&target.url, &["*"], &more);
    let event = tenant.publish("STORE_ORDER_CREATED");
    let delivery = tenant.viewer.delivery_in("failed", &event, &id);
    assert_eq!(delivery["attempts"][0]["reconnected"], false);
    assert_eq!(target.requests().len(), 1);
}

#[test]
fn a_receiver_that_closes_after_each_answer_unsaid_costs_no_attempt() {
    let tenant = Tenant::new();
    let target = Scripted::start(|_, stream| {
        answer(stream, 200, "", b"")?;
        close()
    });
    let id = subscribe(&tenant, &target.url);
    let mut failed = 0;
    for _ in 0..10 {
        for event in tenant.admin.publish_batch((0..50).map(order)) {
            let delivery = tenant.viewer.delivery_in("sent", &event, &id);
            failed += delivery["attempts"].as_array().unwrap().len() - 1;
        }
    }
    let requests = target.requests().len();
    println!("500 deliveries, {requests} requests: {failed} failed attempts");
    assert_eq!(failed, 0);
}

#[test]
fn deliveries_around_the_receiver_s_idle_time_cost_no_attempt() {
    const IDLE: Duration = Duration::from_millis(400);
    let tenant = Tenant::new();
    let (failed, reconnected) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let deliver = |lane: u64| {
        let target = Scripted::start(|_, stream| {
            answer(stream, 200, "", b"")?;
            stream.set_read_timeout(Some(IDLE))?;
            match stream.peek(&mut [0]) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    close()
                }
                _ => Ok(()),
            }
        });
        let more = json!({ "retry_schedule": [1, 1, 1], "timeout_seconds": 5 });
        let own = format!("IDLE_{lane}");
        tenant
            .admin
            .post("/v1/event-types", &json!({ "name": own }))
            .expect(201);
        let id = tenant.admin.subscribe_with(&target.url, &[&own], &more);
        // How long an event takes to its receiver: it is published so much earlier.
        let mut way = Duration::from_millis(10);
        for step in 0..50_u32 {
            let published = Instant::now();
            let event = tenant
                .publisher
                .publish_event(&json!({ "event_type": own, "data": step }));
            let delivery = tenant.viewer.delivery_in("sent", &event, &id);
            let attempts = delivery["attempts"].as_array().unwrap();
            let again = attempts
                .iter()
                .filter(|it| it["reconnected"] == true)
                .count();
            failed.fetch_add(attempts.len() - 1, Ordering::Relaxed);
            reconnected.fetch_add(again, Ordering::Relaxed);
            let came = target.requests().last().unwrap().at;
            way = (way * 7 + came.saturating_duration_since(published) * 3) / 10;
            // From 3 ms before the receiver closes to 3 ms after.
            let next = came + IDLE + Duration::from_micros(6_000) * step / 49;
            let next = next - Duration::from_millis(3) - way;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    };
    thread::scope(|scope| {
        for lane in 0..10 {
            let deliver = &deliver;
            scope.spawn(move || deliver(lane));
        }
    });
    let (failed, reconnected) = (failed.into_inner(), reconnected.into_inner());
    println!(
        "500 deliveries within 3 ms of the idle time: {failed} failed attempts, {reconnected} \
         went over a second connection"
    );
    assert_eq!(failed, 0);
}

#[test]
fn a_connection_that_the_receiver_closed_is_not_taken() {
    let target = Scripted::start(|_, stream| {
        answer(stream, 200, "", b"")?;
        close()
    });
    let tenant = Tenant::new();
    let id = subscribe(&tenant, &target.url);
    for _ in 0..5 {
        let attempts = attempts(&tenant, &id);
        assert_eq!(attempts.len(), 1);
        assert_eq!(attempts[0]["reconnected"], false, "{attempts:#?}");
        thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(target.requests().len(), 5);
}

#[test]
fn a_connection_is_closed_before_the_receiver_does_it_where_it_says_when() {
    let closed: Arc<Mutex<Option<Duration>>> = Arc::default();
    let seen = Arc::clone(&closed);
    let target = Scripted::start(move |_, stream| {
        answer(stream, 200, "Keep-Alive: timeout=3, max=100\r\n", b"")?;
        let begin = Instant::now();
        stream.set_read_timeout(Some(Duration::from_secs(3)))?;
        let end = stream.read(&mut [0])?;
        assert_eq!(end, 0);
        seen.lock().unwrap().replace(begin.elapsed());
        close()
    });
    let tenant = Tenant::new();
    let id = subscribe(&tenant, &target.url);
    assert_eq!(attempts(&tenant, &id).len(), 1);
    wait_until("Herald to close the connection", || {
        closed.lock().unwrap().is_some()
    });
    let after = closed.lock().unwrap().unwrap();
    println!("closed {after:?} after the answer, which announced 3 s");
    assert!(after >= Duration::from_millis(1_800), "{after:?}");
}
