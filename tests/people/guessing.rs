//! Guessing: bounded by address, by e-mail and network, and by e-mail, across restarts, without
//! learning who exists, and without shutting out those who belong here.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{herald, noted};
use crate::support::Herald;
use crate::support::browser::{self, Browser, PASSWORD};
use crate::support::client::Answer;
use crate::support::wait_until;

const WRONG: &str = "wrong horse battery";

/// A browser without cookies, in one of many networks, at another address each time.
fn at(herald: &Herald, network: u32) -> Browser {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut browser = Browser::new(&herald.client);
    let place = NEXT.fetch_add(1, Ordering::Relaxed) % 250;
    browser.address = format!("203.0.{network}.{}", place + 1);
    browser
}

/// An answer without its own id and without what differs from second to second.
fn shape(answer: &Answer) -> (u16, String, Option<String>) {
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    let body = match answer.header("request-id") {
        Some(id) => body.replace(id, ""),
        None => body,
    };
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
            let answer = at(&herald, 1).try_sign_in(email, WRONG);
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
        let answer = at(&herald, 1).try_sign_in(email, PASSWORD).expect(429);
        let wait: i64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((800..=900).contains(&wait), "{wait}");
        bounded.push(answer.json()["type"].clone());
    }
    assert_eq!(bounded[0], bounded[1]);
    // The team learns of it, in the same words for all that is known of the e-mail.
    let refused = noted(&herald, "Sign-In Refused");
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
fn five_failures_for_an_email_lock_it_for_a_while_in_their_network() {
    let mut herald = herald();
    browser::user(&herald, "ann@example.com", "admin", "main");
    browser::user(&herald, "bob@example.com", "admin", "main");
    let ask = |herald: &Herald, network: u32, email: &str, password: &str| {
        at(herald, network).try_sign_in(email, password).status
    };
    for number in 0..5 {
        let email = if number % 2 == 0 {
            "ann@example.com"
        } else {
            "ANN@example.com"
        };
        assert_eq!(ask(&herald, 1, email, WRONG), 401);
    }
    assert_eq!(ask(&herald, 1, "ann@example.com", PASSWORD), 429);
    assert_eq!(ask(&herald, 1, "bob@example.com", PASSWORD), 200);
    assert_eq!(ask(&herald, 2, "ann@example.com", PASSWORD), 200);
    // A restart forgets nothing.
    herald.terminate();
    herald.spawn();
    assert_eq!(ask(&herald, 1, "ann@example.com", PASSWORD), 429);
    herald.sql("update sign_in_attempt set since = since - interval '15 minutes'");
    assert_eq!(ask(&herald, 1, "ann@example.com", PASSWORD), 200);
}

#[test]
fn what_is_refused_uses_up_nothing_of_what_others_have() {
    let herald = herald();
    browser::user(&herald, "ann@example.com", "admin", "main");
    let mut attacker = at(&herald, 1);
    for number in 0..20 {
        let email = format!("user{number}@example.com");
        attacker.try_sign_in(&email, WRONG).expect(401);
    }
    for _ in 0..60 {
        attacker.try_sign_in("ann@example.com", WRONG).expect(429);
    }
    // The address is refused, and the e-mail was not tried at all.
    at(&herald, 1).sign_in("ann@example.com");
    // A network that is refused does not use up what the others have.
    for number in 0..60 {
        let expected = if number < 5 { 401 } else { 429 };
        let tried = at(&herald, 2).try_sign_in("ann@example.com", WRONG);
        tried.expect(expected);
    }
    at(&herald, 3).sign_in("ann@example.com");
    // The same holds for mails to set another password.
    for number in 0..20 {
        let asked = at(&herald, 2).json("/reset", &json!({ "email": "ann@example.com" }));
        asked.expect(if number < 5 { 202 } else { 429 });
    }
    let asked = at(&herald, 3).json("/reset", &json!({ "email": "ann@example.com" }));
    asked.expect(202);
}

#[test]
fn a_browser_that_signed_in_before_is_not_shut_out_by_any_number_of_others() {
    let herald = herald();
    browser::user(&herald, "ann@example.com", "admin", "main");
    browser::user(&herald, "bob@example.com", "admin", "main");
    let mut ann = at(&herald, 99);
    ann.sign_in("ann@example.com");
    let mut bob = at(&herald, 98);
    bob.sign_in("bob@example.com");
    for network in 1..=10 {
        for _ in 0..5 {
            let tried = at(&herald, network).try_sign_in("ann@example.com", WRONG);
            tried.expect(401);
        }
    }
    // From wherever: fifty in all.
    for stranger in [&mut at(&herald, 11), &mut bob] {
        stranger
            .try_sign_in("ann@example.com", PASSWORD)
            .expect(429);
    }
    ann.address = at(&herald, 1).address;
    let first = ann.known.clone();
    ann.cookie = None;
    ann.sign_in("ann@example.com");
    assert_ne!(ann.known, first, "it is known by another text from now on");
    bob.sign_in("bob@example.com");
    // Two people with one browser: it knows both.
    let mut shared = ann.clone();
    shared.sign_in("bob@example.com");
    shared.sign_in("ann@example.com");
    // It has tries of its own, and no more than others.
    for _ in 0..5 {
        shared.try_sign_in("ann@example.com", WRONG).expect(401);
    }
    shared.try_sign_in("ann@example.com", PASSWORD).expect(429);
    // The text that it was known by before is worth nothing.
    ann.known = first;
    ann.try_sign_in("ann@example.com", PASSWORD).expect(429);
}

#[test]
fn a_browser_is_known_by_a_cookie_that_scripts_cannot_read_and_the_database_has_its_hash() {
    let herald = herald();
    browser::user(&herald, "ann@example.com", "admin", "main");
    let mut ann = at(&herald, 1);
    let answer = ann.try_sign_in("ann@example.com", PASSWORD).expect(200);
    let cookie = answer.fields("set-cookie")[1].to_owned();
    for part in [
        "herald_known=",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Max-Age=34560000",
    ] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    let text = ann.known.clone().unwrap().replace("herald_known=", "");
    let known = |hash: &str| {
        herald.count(&format!(
            "select count(*) from known_browser where hash = {hash}"
        ))
    };
    assert_eq!(known(&format!("sha256('{text}')")), 1);
    // It is no session.
    ann.cookie = None;
    ann.api("GET", "/v1/events", b"").expect(401);
    // It stays when the session ends, and not for ever.
    herald.sql("update known_browser set seen_at = now() - interval '401 days'");
    for _ in 0..5 {
        at(&herald, 1)
            .try_sign_in("ann@example.com", WRONG)
            .expect(401);
    }
    ann.try_sign_in("ann@example.com", PASSWORD).expect(429);
    // Twenty of a user are known, those that were used last.
    herald.sql("delete from sign_in_attempt");
    for _ in 0..22 {
        at(&herald, 1).sign_in("ann@example.com");
    }
    assert_eq!(herald.count("select count(*) from known_browser"), 20);
}

#[test]
fn a_success_forgets_the_failures_of_its_email() {
    let herald = herald();
    browser::user(&herald, "ann@example.com", "admin", "main");
    for _ in 0..3 {
        let mut browser = at(&herald, 1);
        for _ in 0..4 {
            browser.try_sign_in("ann@example.com", WRONG).expect(401);
        }
        browser.sign_in("ann@example.com");
    }
    assert_eq!(
        herald.count("select count(*) from sign_in_attempt where tries not in (4, 12)"),
        0
    );
}

#[test]
fn twenty_failures_from_an_address_lock_it_whoever_is_tried() {
    let herald = herald();
    browser::user(&herald, "ann@example.com", "admin", "main");
    let mut browser = at(&herald, 1);
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
    // A form gets the same answer.
    let given = [("email", "ann@example.com"), ("password", PASSWORD)];
    let page = browser.submit("/sign-in", &given).expect(429);
    assert!(page.header("retry-after").is_some());
    at(&herald, 1).sign_in("ann@example.com");
}

#[test]
fn tries_at_the_same_time_do_not_pass_the_bound_together() {
    let herald = herald();
    browser::user(&herald, "ann@example.com", "admin", "main");
    let herald = &herald;
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let one = || at(herald, 1).try_sign_in("ann@example.com", WRONG).status;
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
        let browser = at(&herald, 1);
        let begun = Instant::now();
        let json = shape(
            &browser
                .json("/reset", &json!({ "email": email }))
                .expect(202),
        );
        let page = browser.submit("/reset", &[("email", email)]).expect(303);
        let page = page.header("location").unwrap().to_owned();
        (json, page, begun.elapsed())
    };
    let (known, unknown) = (ask("known@example.com"), ask("no@example.com"));
    println!("known {:?}, unknown {:?}", known.2, unknown.2);
    assert_eq!((&known.0, &known.1), (&unknown.0, &unknown.1));
    // Nobody's mailbox is flooded.
    for expected in [202, 202, 202, 429] {
        let browser = at(&herald, 1);
        let asked = browser.json("/reset", &json!({ "email": "known@example.com" }));
        asked.expect(expected);
    }
    for expected in [202, 202, 202, 429] {
        let browser = at(&herald, 1);
        browser
            .json("/reset", &json!({ "email": "no@example.com" }))
            .expect(expected);
    }
    // Who cannot set another password can still sign in.
    at(&herald, 1).sign_in("known@example.com");
}

#[test]
fn counts_out_of_their_time_are_removed_at_the_next_start_at_the_latest() {
    let mut herald = herald();
    at(&herald, 1)
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
