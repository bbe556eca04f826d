//! Sessions: theirs alone, over in time, and never one that somebody else chose.

use serde_json::json;

use super::{herald, noted};
use crate::support::browser::{self, Browser, PASSWORD, signed_in};

#[test]
fn a_user_works_in_the_api_as_their_role_permits() {
    let herald = herald();
    let admin = signed_in(&herald, "ann@example.com", "admin", "main");
    let viewer = signed_in(&herald, "bob@example.com", "viewer", "main");
    let body = json!({ "url": "https://example.com/", "triggers": ["*"] }).to_string();
    viewer
        .api("POST", "/v1/subscriptions", body.as_bytes())
        .expect(403);
    viewer.api("GET", "/v1/subscriptions", b"").expect(200);
    viewer.api("GET", "/v1/users", b"").expect(403);
    let made = admin
        .api("POST", "/v1/subscriptions", body.as_bytes())
        .expect(201)
        .json();
    let activity = json!({ "user": "x", "group": "Order", "activity": "Submit" }).to_string();
    admin
        .api("POST", "/v1/activities", activity.as_bytes())
        .expect(201);
    let created = &noted(&herald, "Subscription Created")[0];
    assert_eq!(created["subject"], made["id"]);
    assert_eq!(
        (&created["user"], &created["actor"]),
        (&json!("ann@example.com"), &json!("user"))
    );
    // A change of role holds from the next request on.
    herald.run(&["user", "edit", "ann@example.com", "--role", "viewer"]);
    admin
        .api("POST", "/v1/subscriptions", body.as_bytes())
        .expect(403);
    admin.api("GET", "/v1/accounts", b"").expect(403);
}

#[test]
fn a_session_that_somebody_planted_is_not_the_one_signed_in() {
    let herald = herald();
    browser::user(&herald, "ann@example.com", "admin", "main");
    let planted = format!("herald_session={}", "A".repeat(43));
    let mut victim = Browser::new(&herald.client);
    victim.cookie = Some(planted.clone());
    victim.sign_in("ann@example.com");
    assert_ne!(victim.cookie, Some(planted.clone()));
    let mut attacker = Browser::new(&herald.client);
    attacker.cookie = Some(planted);
    attacker.api("GET", "/v1/events", b"").expect(401);
    // Nor does the attacker's own session live on with the victim in it.
    let mut attacker = signed_in(&herald, "mallory@example.com", "viewer", "main");
    let own = attacker.cookie.clone();
    let mut victim = Browser::new(&herald.client);
    victim.cookie = own.clone();
    victim.sign_in("ann@example.com");
    assert_ne!(victim.cookie, own);
    attacker.cookie = own;
    attacker.api("GET", "/v1/events", b"").expect(401);
    // Two cookies of one name: somebody else set one.
    let cookie = victim.cookie.clone().unwrap();
    victim.cookie = Some(format!("{cookie}; herald_session=x"));
    victim.api("GET", "/v1/events", b"").expect(401);
}

#[test]
fn signing_out_ends_the_session_for_whoever_has_the_cookie() {
    let herald = herald();
    let browser = signed_in(&herald, "ann@example.com", "admin", "main");
    let mut second = Browser::new(&herald.client);
    second.sign_in("ann@example.com");
    let out = browser.api("POST", "/sign-out", b"").expect(204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    browser.api("GET", "/v1/events", b"").expect(401);
    browser.api("POST", "/sign-out", b"").expect(401);
    second.api("GET", "/v1/events", b"").expect(200);
    let names = |activity: &str| {
        let all = noted(&herald, activity);
        assert!(
            all.iter().all(|it| it["user"] == "ann@example.com"),
            "{all:?}"
        );
        all.len()
    };
    assert_eq!((names("Signed In"), names("Signed Out")), (2, 1));
}

#[test]
fn a_session_ends_after_twelve_idle_hours_and_after_fourteen_days() {
    let herald = herald();
    let browser = signed_in(&herald, "ann@example.com", "admin", "main");
    let seen = |ago: &str| {
        herald.sql(&format!(
            "update session set seen_at = now() - interval '{ago}'"
        ));
        browser.api("GET", "/v1/events", b"").status
    };
    assert_eq!(seen("11 hours 59 minutes"), 200);
    // Its use is noted, to the minute.
    let noted = "select count(*) from session where seen_at > now() - interval '1 minute'";
    assert_eq!(herald.count(noted), 1);
    assert_eq!(seen("12 hours"), 401);
    assert_eq!(seen("0 hours"), 200);
    let lives = "select extract(epoch from expires_at - created_at)::int from session";
    assert_eq!(herald.count(lives), 14 * 86_400);
    herald.sql("update session set expires_at = now()");
    browser.api("GET", "/v1/events", b"").expect(401);
    browser.page("/").expect(303);
}

#[test]
fn a_user_has_at_most_twenty_sessions_and_the_oldest_gives_way() {
    let herald = herald();
    let first = signed_in(&herald, "ann@example.com", "admin", "main");
    let mut later = Vec::new();
    for _ in 0..20 {
        let mut browser = Browser::new(&herald.client);
        browser.sign_in("ann@example.com");
        later.push(browser);
    }
    assert_eq!(herald.count("select count(*) from session"), 20);
    first.api("GET", "/v1/events", b"").expect(401);
    for browser in [&later[0], &later[19]] {
        browser.api("GET", "/v1/events", b"").expect(200);
    }
}

#[test]
fn a_session_outlives_a_restart_and_a_second_daemon_knows_it() {
    let mut herald = herald();
    let browser = signed_in(&herald, "ann@example.com", "admin", "main");
    let beside = herald.launch_beside();
    let mut there = Browser::new(&beside.client);
    (there.cookie, there.csrf) = (browser.cookie.clone(), browser.csrf.clone());
    there.api("GET", "/v1/events", b"").expect(200);
    herald.terminate();
    herald.spawn();
    browser.api("GET", "/v1/events", b"").expect(200);
    there.api("POST", "/sign-out", b"").expect(204);
    browser.api("GET", "/v1/events", b"").expect(401);
}

#[test]
fn who_is_in_several_accounts_names_the_one_to_sign_in_to() {
    let herald = herald();
    let operator = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    let mut operator_client = herald.client.clone();
    operator_client.token = Some(operator.trim().to_owned());
    operator_client
        .post("/v1/accounts", &json!({ "name": "other" }))
        .expect(201);
    browser::user(&herald, "ann@example.com", "viewer", "other");
    let sign_in = |account: &str| {
        let given = json!({ "email": "ann@example.com", "password": PASSWORD, "account": account });
        Browser::new(&herald.client).json("/sign-in", &given)
    };
    let only = sign_in("").expect(200).json();
    browser::user(&herald, "ann@example.com", "admin", "main");
    let main = sign_in("").expect(200).json();
    assert_ne!(only["account_id"], main["account_id"]);
    assert_eq!(main["role"], "admin");
    assert_eq!(
        sign_in("other").expect(200).json()["account_id"],
        only["account_id"]
    );
    let id = only["account_id"].as_str().unwrap();
    assert_eq!(
        sign_in(id).expect(200).json()["account_id"],
        only["account_id"]
    );
    sign_in("nobody").expect(401);
}
