//! What the pages refuse: forms without the proof, other sites' pages, foreign hosts, and people
//! who are not in the table. Every page is tried, with things that exist.

use herald::http::access::{Access, RouteEntry};
use herald::http::routes::TABLE;
use serde_json::json;

use crate::desk::herald;
use crate::support::Herald;
use crate::support::api::{order, text};
use crate::support::browser::{Browser, signed_in};
use crate::support::client::Answer;
use crate::support::scripted::Scripted;

/// Everything that a form could change, as one text.
const EVERYTHING: &[&str] = &[
    "account",
    "activity_type",
    "attempt",
    "delivery",
    "event",
    "event_type",
    "herald_user",
    "mail",
    "plugin_state",
    "subscription",
    "subscription_secret",
    "token",
];

/// The stream of deliveries.
const LIVE: &str = "/deliveries/live";

/// An account with one thing of each kind, under names that the patterns of the pages ask for.
struct Things {
    herald: Herald,
    subscription: String,
    event: String,
    mail: String,
    activity: String,
    user: String,
    token: String,
    account: String,
}

impl Things {
    fn new() -> Self {
        let herald = herald();
        let folder = herald.plugins().join("named");
        std::fs::create_dir_all(&folder).unwrap();
        let script = "fn filter(event) { true }";
        std::fs::write(folder.join("all.rhai"), script).unwrap();
        let target = Scripted::answering(500, "");
        let subscription = herald.subscribe(&target.url, &["ORDER_CREATED"]);
        let event = herald.publish_event(&order(1));
        herald.delivery_in("retrying", &event, &subscription);
        herald.poke(&format!("/v1/subscriptions/{subscription}/pause"));
        let made = |path: &str, body| text(&herald.post(path, &body).json()["id"]);
        let user = json!({"email": "cleo@example.com", "role": "viewer"});
        let mail = json!({"topic": "T", "to": ["a@example.com"], "subject": "S", "text": "x", "html": "<p>x</p>"});
        let activity = json!({"user": "u", "group": "Order", "activity": "Review"});
        Self {
            user: made("/v1/users", user),
            token: made("/v1/tokens", json!({"title": "t", "role": "viewer"})),
            mail: made("/v1/mails", mail),
            activity: made("/v1/activities", activity),
            account: text(&herald.get("/v1/users").json()["data"][0]["account_id"]),
            subscription,
            event,
            herald,
        }
    }

    /// The path of a page about these things.
    fn path(&self, entry: &RouteEntry) -> String {
        let id = match entry
            .pattern
            .trim_start_matches("/settings")
            .split('/')
            .nth(1)
        {
            Some("webhooks") => &self.subscription,
            Some("mail") => &self.mail,
            Some("activity") => &self.activity,
            Some("users") => &self.user,
            Some("tokens") => &self.token,
            Some("accounts") => &self.account,
            _ => &self.event,
        };
        let path = entry
            .pattern
            .replace("{id}", id)
            .replace("{event_id}", &self.event)
            .replace("{subscription_id}", &self.subscription)
            .replace("{name}", "ORDER_CREATED")
            .replace("{kind}", "named")
            .replace("{file}", "all.rhai");
        assert!(!path.contains('{'), "{path}: say what stands there");
        path
    }

    /// What stands in the database.
    fn everything(&self) -> String {
        let of = |table: &&str| {
            format!(
                "select '{table}', md5(coalesce(string_agg(t::text, '' order by t::text), '')) from {table} t"
            )
        };
        let each: Vec<String> = EVERYTHING.iter().map(of).collect();
        self.herald.sql(&each.join(" union all "))
    }
}

/// The pages of a method.
fn pages(method: &'static str) -> impl Iterator<Item = &'static RouteEntry> {
    let wanted =
        move |entry: &&RouteEntry| entry.access.is_page() && entry.method.as_str() == method;
    TABLE.iter().filter(wanted)
}

/// Sends a form with such headers and fields.
fn send(browser: &Browser, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut all = vec![
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "text/html"),
    ];
    all.extend(headers);
    browser.bare("POST", path, &all, body.as_bytes())
}

#[test]
fn no_form_is_taken_without_its_proof_or_from_another_site_and_nothing_is_changed() {
    let things = Things::new();
    let browser = signed_in(&things.herald, "bob@example.com", "admin", "main");
    let other = signed_in(&things.herald, "dan@example.com", "admin", "main");
    let own = browser.origin.as_str();
    let right = format!("csrf_token={}", browser.csrf.as_deref().unwrap());
    let others = format!("csrf_token={}", other.csrf.as_deref().unwrap());
    let before = things.everything();
    for entry in pages("POST") {
        let path = things.path(entry);
        let unproved = ["", "csrf_token=", "csrf_token=x", &others];
        for body in unproved {
            let answer = send(&browser, &path, &[("origin", own)], body);
            assert_eq!(answer.status, 403, "{path} with {body:?}");
        }
        let foreign = [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ];
        for header in foreign {
            let answer = send(&browser, &path, &[header], &right);
            assert_eq!(answer.status, 403, "{path} from {header:?}");
        }
        let host = [("host", "evil.example"), ("origin", "http://evil.example")];
        let answer = send(&browser, &path, &host, &right);
        assert_eq!(answer.status, 421, "{path} at another host");
    }
    assert_eq!(things.everything(), before);
    for entry in pages("GET") {
        let path = things.path(entry);
        let host = [("host", "evil.example"), ("accept", "text/html")];
        let answer = browser.bare("GET", &path, &host, b"");
        assert_eq!(answer.status, 421, "{path} at another host");
    }
}

#[test]
fn every_page_is_for_the_people_of_the_table_and_shows_no_other_accounts_things() {
    let things = Things::new();
    let herald = &things.herald;
    let operator = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    let mut asking = herald.client.clone();
    asking.token = Some(operator.trim().to_owned());
    asking
        .post("/v1/accounts", &json!({"name": "other"}))
        .expect(201);
    let people = [
        (
            signed_in(herald, "vera@example.com", "viewer", "main"),
            Access::View,
            true,
        ),
        (
            signed_in(herald, "adam@example.com", "admin", "main"),
            Access::Oversee,
            true,
        ),
        (
            signed_in(herald, "omar@example.com", "admin", "other"),
            Access::Administer,
            false,
        ),
    ];
    let nobody = Browser::new(&herald.client);
    for entry in TABLE.iter().filter(|entry| entry.access.is_page()) {
        let path = things.path(entry);
        let get = entry.method.as_str() == "GET";
        let ask = |browser: &Browser| {
            if get {
                browser.page(&path)
            } else {
                // A form with the proof and nothing else: whoever may send it is told what is missing.
                let csrf = browser.csrf.as_deref().unwrap_or_default();
                browser.submit(
                    &path,
                    &[("csrf_token", csrf), ("nobody_asks_for_this", "1")],
                )
            }
        };
        let sent_away = ask(&nobody);
        match sent_away.header("location") {
            Some(to) => assert!(to.starts_with("/sign-in"), "{path} leads to {to}"),
            // What was typed into a form is kept in the page to sign in.
            None => {
                let shown = String::from_utf8(sent_away.body).unwrap();
                let signs_in =
                    shown.contains("action=\"/sign-in\"") && shown.contains("name=\"typed\"");
                assert!(
                    sent_away.status == 401 && signs_in && !get,
                    "{path}: {shown}"
                );
            }
        }
        for (browser, most, in_main) in &people {
            let permitted = match most {
                Access::View => entry.access == Access::View,
                Access::Administer => entry.access != Access::Oversee,
                _ => true,
            };
            // What changes something is tried by those alone who may not.
            if !get && permitted && *in_main {
                continue;
            }
            // What goes on without an end is read elsewhere.
            if permitted && entry.pattern == LIVE {
                continue;
            }
            let status = ask(browser).status;
            let of_a_thing = entry.pattern.contains("id}");
            let expected: &[u16] = match (permitted, of_a_thing && !in_main) {
                (false, _) => &[403],
                (true, true) => &[404],
                (true, false) => &[200, 303, 400, 409, 422],
            };
            assert!(
                expected.contains(&status),
                "{path} by {most:?} in main: {in_main}: {status}"
            );
        }
    }
}
