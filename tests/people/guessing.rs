//! Guessing: bounded by e-mail and by address, across restarts, and without learning who exists.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::Herald;
use crate::support::browser::{self, Browser, PASSWORD};
use crate::support::client::Answer;
use crate::support::wait_until;
use crate::{herald, told};

const WRONG: &str = "wrong horse battery";

/// What an answer tells, without what differs from second to second.
fn shape(answer: &Answer) -> (u16, String, Option<String>) {
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    let kind = answer.header("content-type").map(str::to_owned);
    (answer.status, body, kind)
}

#[test]
fn a_sign_in_does_not_tell_whether_a_user_exists() {
    let herald = herald();
    browser::user(&herald, "known@example.com", "admin", "main");
    browser::user(&herald, "gone@example.com", "admin", "main");
    herald.run(&["user", "edit", "gone@example.com", "--disable"]);
    herald.run(&["user", "add", "invited@example.com", "--role", "viewer"]);
    let mut times = Vec::new();
    let mut shapes = Vec::new();
    for email in [
        "known@example.com",
        "gone@example.com",
        "invited@example.com",
        "no@example.com",
    ] {
        let begun = Instant::now();
        for _ in 0..5 {
            let answer = Browser::new(&herald.client).try_sign_in(email, WRONG);
            assert_eq!(answer.header("set-cookie"), None);
            shapes.push(shape(&answer.expect(401)));
        }
        times.push((email, begun.elapsed() / 5));
    }
    shapes.dedup();
    assert_eq!(shapes.len(), 1, "{shapes:#?}");
    println!("a refused sign-in takes, on average of five: {times:?}");
    // Nor does the bound.
    let mut bounded = Vec::new();
    for email in ["known@example.com", "no@example.com"] {
        let answer = Browser::new(&herald.client)
            .try_sign_in(email, PASSWORD)
            .expect(429);
        let wait: i64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((800..=900).contains(&wait), "{wait}");
        bounded.push(answer.json()["type"].clone());
    }
    assert_eq!(bounded[0], bounded[1]);
    // The team learns of it, in the same words for all that is known of the e-mail.
    let refused = told(&herald, "Sign-In Refused");
    assert_eq!(refused.len(), 20);
    let whys = |email: &str| {
        let mut of = refused.iter().filter(|it| it["payload"]["email"] == email);
        of.next().unwrap()["payload"]["why"].clone()
    };
    assert_eq!(whys("known@example.com"), "wrong password");
    assert_eq!(whys("gone@example.com"), "the user is disabled");
    assert_eq!(whys("invited@example.com"), "no password was set yet");
    assert_eq!(whys("no@example.com"), "no such user");
    assert!(!json!(refused).to_string().contains(WRONG));
}

#[test]
fn five_failures_for_an_email_lock_it_for_a_while_wherever_they_come_from() {
    let mut herald = herald();
    browser::user(&herald, "ann@example.com", "admin", "main");
    browser::user(&herald, "bob@example.com", "admin", "main");
    let ask = |herald: &Herald, email: &str, password: &str| {
        Browser::new(&herald.client)
            .try_sign_in(email, password)
            .status
    };
    for number in 0..5 {
        let email = if number % 2 == 0 {
            "ann@example.com"
        } else {
            "ANN@example.com"
        };
        assert_eq!(ask(&herald, email, WRONG), 401);
    }
    assert_eq!(ask(&herald, "ann@example.com", PASSWORD), 429);
    assert_eq!(ask(&herald, "bob@example.com", PASSWORD), 200);
    // A restart forgets nothing.
    herald.terminate();
    herald.spawn();
    assert_eq!(ask(&herald, "ann@example.com", PASSWORD), 429);
    herald.sql("update sign_in_attempt set since = since - interval '15 minutes'");
    assert_eq!(ask(&herald, "ann@example.com", PASSWORD), 200);
}

#[test]
fn a_success_forgets_the_failures_of_its_email() {
    let herald = herald();
    browser::user(&herald, "ann@example.com", "admin", "main");
    for _ in 0..3 {
        let mut browser = Browser::new(&herald.client);
        for _ in 0..4 {
            browser.try_sign_in("ann@example.com", WRONG).expect(401);
        }
        browser.sign_in("ann@example.com");
    }
    assert_eq!(
        herald.count("select count(*) from sign_in_attempt where tries <> 4"),
        0
    );
}

#[test]
fn twenty_failures_from_an_address_lock_it_whoever_is_tried() {
    let herald = herald();
    browser::user(&herald, "ann@example.com", "admin", "main");
    let mut browser = Browser::new(&herald.client);
    for number in 0..20 {
        let email = format!("user{number}@example.com");
        browser.try_sign_in(&email, WRONG).expect(401);
        // Who knows one password gets no new tries at others by it.
        if number < 19 {
            let mut own = browser.clone();
            own.sign_in("ann@example.com");
        }
    }
    browser.try_sign_in("ann@example.com", PASSWORD).expect(429);
    // A form is told the same.
    let given = [("email", "ann@example.com"), ("password", PASSWORD)];
    let page = browser.submit("/sign-in", &given).expect(429);
    assert!(page.header("retry-after").is_some());
    Browser::new(&herald.client).sign_in("ann@example.com");
}

#[test]
fn tries_at_the_same_time_do_not_pass_the_bound_together() {
    let herald = herald();
    browser::user(&herald, "ann@example.com", "admin", "main");
    let client = herald.client.clone();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let one = || {
            Browser::new(&client)
                .try_sign_in("ann@example.com", WRONG)
                .status
        };
        let all: Vec<_> = (0..24).map(|_| scope.spawn(one)).collect();
        all.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let count = |status: u16| statuses.iter().filter(|it| **it == status).count();
    assert_eq!((count(401), count(429)), (5, 19), "{statuses:?}");
}

#[test]
fn asking_for_another_password_does_not_tell_whether_a_user_exists() {
    let herald = herald();
    browser::user(&herald, "known@example.com", "admin", "main");
    let ask = |email: &str| {
        let browser = Browser::new(&herald.client);
        let begun = Instant::now();
        let json = shape(
            &browser
                .json("/reset", &json!({ "email": email }))
                .expect(202),
        );
        let page = browser.submit("/reset", &[("email", email)]).expect(200);
        let page = String::from_utf8(page.body).unwrap().replace(email, "…");
        (json, page, begun.elapsed())
    };
    let (known, unknown) = (ask("known@example.com"), ask("no@example.com"));
    println!("known {:?}, unknown {:?}", known.2, unknown.2);
    assert_eq!((&known.0, &known.1), (&unknown.0, &unknown.1));
    // Nobody's mailbox is flooded.
    for expected in [202, 202, 202, 429] {
        let browser = Browser::new(&herald.client);
        let asked = browser.json("/reset", &json!({ "email": "known@example.com" }));
        asked.expect(expected);
    }
    for expected in [202, 202, 202, 429] {
        let browser = Browser::new(&herald.client);
        browser
            .json("/reset", &json!({ "email": "no@example.com" }))
            .expect(expected);
    }
    // Who cannot set another password can still sign in.
    Browser::new(&herald.client).sign_in("known@example.com");
}

#[test]
fn counts_out_of_their_time_are_removed_at_the_next_start_at_the_latest() {
    let mut herald = herald();
    Browser::new(&herald.client)
        .try_sign_in("no@example.com", WRONG)
        .expect(401);
    herald.sql("update sign_in_attempt set since = since - interval '1 hour'");
    herald.terminate();
    herald.spawn();
    let begun = Instant::now();
    wait_until("they are gone", || {
        herald.count("select count(*) from sign_in_attempt") == 0
    });
    assert!(begun.elapsed() < Duration::from_secs(30));
}
