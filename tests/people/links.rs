//! Single-use links: invitations and resets.

use serde_json::json;

use super::{herald, noted};
use crate::support::browser::{self, Browser, PASSWORD, path_of};

const NEW: &str = "another horse battery";

#[test]
fn a_link_works_once() {
    let herald = herald();
    let link = herald.run(&["user", "add", "ann@example.com", "--role", "admin"]);
    let link = link.trim();
    assert!(
        link.starts_with(&format!("{}/invitation/", herald.url)),
        "{link}"
    );
    let mut browser = Browser::new(&herald.client);
    // Looking at it does not use it.
    for _ in 0..3 {
        browser.page(path_of(link)).expect(200);
    }
    browser.set_password(link, PASSWORD).expect(204);
    browser.set_password(link, NEW).expect(404);
    browser.page(path_of(link)).expect(404);
    browser
        .submit(path_of(link), &[("password", NEW), ("again", NEW)])
        .expect(404);
    browser.try_sign_in("ann@example.com", NEW).expect(401);
    browser.sign_in("ann@example.com");
}

#[test]
fn of_two_that_use_a_link_at_once_one_sets_the_password() {
    let herald = herald();
    let link = herald.run(&["user", "add", "ann@example.com", "--role", "admin"]);
    let client = herald.client.clone();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let one = |number: usize| {
            let password = format!("{PASSWORD} {number}");
            Browser::new(&client)
                .set_password(link.trim(), &password)
                .status
        };
        let all: Vec<_> = (0..6)
            .map(|number| scope.spawn(move || one(number)))
            .collect();
        all.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let set = statuses.iter().filter(|it| **it == 204).count();
    assert_eq!((set, statuses.len()), (1, 6), "{statuses:?}");
    assert_eq!(noted(&herald, "Password Changed").len(), 1);
}

#[test]
fn a_link_out_of_its_time_is_refused() {
    let herald = herald();
    let link = herald.run(&["user", "add", "ann@example.com", "--role", "admin"]);
    let browser = Browser::new(&herald.client);
    herald.sql("update user_link set expires_at = expires_at - interval '7 days'");
    browser.set_password(link.trim(), PASSWORD).expect(404);
    browser.page(path_of(link.trim())).expect(404);
    let link = herald.run(&["user", "link", "ann@example.com"]);
    herald.sql("update user_link set expires_at = expires_at - interval '6 days 23 hours'");
    browser.set_password(link.trim(), PASSWORD).expect(204);
    let link = herald.run(&["user", "link", "ann@example.com"]);
    assert!(link.contains("/reset/"), "{link}");
    herald.sql("update user_link set expires_at = expires_at - interval '1 hour'");
    browser.set_password(link.trim(), NEW).expect(404);
}

#[test]
fn a_newer_link_takes_the_place_of_earlier_ones_and_none_stands_for_another_purpose() {
    let herald = herald();
    let first = herald.run(&["user", "add", "ann@example.com", "--role", "admin"]);
    let second = herald.run(&["user", "link", "ann@example.com"]);
    let browser = Browser::new(&herald.client);
    browser.set_password(first.trim(), PASSWORD).expect(404);
    let turned = second.replace("/invitation/", "/reset/");
    browser.set_password(turned.trim(), PASSWORD).expect(404);
    browser.set_password(second.trim(), PASSWORD).expect(204);
    for wrong in [
        "/reset/x",
        "/invitation/x",
        "/reset/%00",
        "/invitation/%F0%9F",
    ] {
        browser.page(wrong).expect(404);
    }
}

#[test]
fn whoever_asks_for_a_mail_to_somebody_else_does_not_end_their_link() {
    let herald = herald();
    let link = herald.run(&["user", "add", "ann@example.com", "--role", "admin"]);
    for _ in 0..5 {
        let browser = Browser::new(&herald.client);
        browser
            .json("/reset", &json!({ "email": "ann@example.com" }))
            .expect(202);
    }
    let browser = Browser::new(&herald.client);
    browser.set_password(link.trim(), PASSWORD).expect(204);
    // Once a password is set, no link of before sets another.
    assert_eq!(
        herald.count("select count(*) from user_link where used_at is null"),
        0
    );
}

#[test]
fn a_password_is_long_enough_and_not_the_email() {
    let herald = herald();
    let link = herald.run(&["user", "add", "ann.smith@example.com", "--role", "admin"]);
    let browser = Browser::new(&herald.client);
    let long = "x".repeat(201);
    for bad in ["", "eleven char", "Ann.Smith@example.com", long.as_str()] {
        let answer = browser.set_password(link.trim(), bad).expect(422);
        assert_eq!(answer.pointers(), ["/password"], "{bad}");
    }
    // None of that used the link.
    browser
        .set_password(link.trim(), &"ä".repeat(12))
        .expect(204);
    let stored = herald.sql("select password_hash from herald_user");
    assert!(
        stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{stored}"
    );
}

#[test]
fn another_password_ends_every_session() {
    let herald = herald();
    let browser = browser::signed_in(&herald, "ann@example.com", "admin", "main");
    let mut second = Browser::new(&herald.client);
    second.sign_in("ann@example.com");
    let other = browser::signed_in(&herald, "bob@example.com", "admin", "main");
    let link = herald.run(&["user", "link", "ann@example.com"]);
    browser.api("GET", "/v1/events", b"").expect(200);
    Browser::new(&herald.client)
        .set_password(link.trim(), NEW)
        .expect(204);
    browser.api("GET", "/v1/events", b"").expect(401);
    second.api("GET", "/v1/events", b"").expect(401);
    other.api("GET", "/v1/events", b"").expect(200);
    second.try_sign_in("ann@example.com", PASSWORD).expect(401);
    second.try_sign_in("ann@example.com", NEW).expect(200);
    let changed = &noted(&herald, "Password Changed")[0];
    assert_eq!(changed["user"], "ann@example.com");
    assert_eq!(
        changed["payload"],
        json!({ "by": "reset", "sessions_ended": 2 })
    );
}

#[test]
fn a_disabled_user_gets_no_link_and_can_use_none() {
    let herald = herald();
    let link = herald.run(&["user", "add", "ann@example.com", "--role", "admin"]);
    herald.run(&["user", "edit", "ann@example.com", "--disable"]);
    let browser = Browser::new(&herald.client);
    browser.set_password(link.trim(), PASSWORD).expect(404);
    let mut renew = herald.command();
    let renew = renew
        .args(["user", "link", "ann@example.com"])
        .output()
        .unwrap();
    assert_eq!(renew.status.code(), Some(1));
}

#[test]
fn nothing_that_opens_a_door_stands_in_the_database_or_the_log() {
    let herald = herald();
    let link = herald.run(&["user", "add", "ann@example.com", "--role", "admin"]);
    let token = link.trim().rsplit('/').next().unwrap().to_owned();
    let mut browser = Browser::new(&herald.client);
    browser.set_password(link.trim(), PASSWORD).expect(204);
    browser.sign_in("ann@example.com");
    let cookie = browser.cookie.clone().unwrap();
    let cookie = cookie.split_once('=').unwrap().1;
    let mut all = herald.log();
    for table in [
        "herald_user",
        "session",
        "user_link",
        "sign_in_attempt",
        "activity",
    ] {
        all.push_str(&herald.sql(&format!("select t::text from {table} t")));
    }
    assert!(all.contains("ann@example.com"));
    for secret in [token.as_str(), cookie, PASSWORD] {
        assert!(!all.contains(secret), "{secret}");
    }
}
