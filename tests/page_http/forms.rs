//! What every form does: it leads to a page that can be loaded again without doing anything, and
//! what somebody typed outlives their session.

use herald::http::routes::TABLE;
use serde_json::{Value, json};

use crate::page_http::desk::{html, led, page, submit};
use crate::support::Herald;
use crate::support::api::{order, text};
use crate::support::browser::{Browser, PASSWORD, path_of, signed_in};
use crate::support::client::Answer;
use crate::support::scripted::Scripted;

const ANN: &str = "ann@example.com";
const LONG: &str = "another long password";

/// What stands in an attribute of the field with this name.
fn field(html: &str, name: &str) -> String {
    let begin = format!("name=\"{name}\" value=\"");
    let (_, rest) = html
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{name} in {html}"));
    rest.split('"').next().unwrap().to_owned()
}

/// Everything that a request can change, but for what a page is known by.
fn everything(herald: &Herald) -> String {
    let tables = [
        "account",
        "activity",
        "activity_type",
        "attempt",
        "delivery",
        "event",
        "event_type",
        "herald_user",
        "mail",
        "subscription",
        "subscription_secret",
        "token",
        "user_link",
    ];
    let of = |table: &&str| {
        format!(
            "select '{table}' || count(*) || coalesce(md5(string_agg(t::text, '' order by t::text)), '') from {table} t"
        )
    };
    let each: Vec<String> = tables.iter().map(of).collect();
    herald.sql(&each.join(" union all "))
}

/// Walks through all forms, and notes which.
struct Walk {
    herald: Herald,
    browser: Browser,
    done: Vec<&'static str>,
}

impl Walk {
    /// Sends a form; it leads to a page. Loading that page once more shows it and changes nothing.
    fn form(&mut self, pattern: &'static str, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = if self.browser.csrf.is_some() {
            submit(&self.browser, path, fields)
        } else {
            self.browser.submit(path, fields)
        };
        assert_eq!(
            answer.status,
            303,
            "{pattern}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        self.done.push(pattern);
        let to = led(answer);
        let shown = html(self.settled_page(&to));
        let before = everything(&self.herald);
        for _ in 0..2 {
            self.browser.page(&to);
        }
        assert_eq!(everything(&self.herald), before, "{pattern} leads to {to}");
        assert!(!shown.is_empty(), "{pattern} leads to {to}");
        shown
    }

    /// The page that somebody gets in the end, with what goes on in the background done.
    fn settled_page(&self, path: &str) -> Answer {
        let mut answer = self.browser.page(path);
        for _ in 0..3 {
            if answer.status != 303 {
                break;
            }
            answer = self.browser.page(&led(answer));
        }
        let answer = answer.expect(200);
        self.herald.settled();
        answer
    }

    fn id(&self, list: &str, name: &str, value: &str) -> String {
        let all = self.herald.list(list);
        let found = all.iter().find(|it| it[name] == value);
        text(&found.unwrap_or_else(|| panic!("{value} in {all:#?}"))["id"])
    }
}

#[test]
fn every_form_leads_to_a_page_that_can_be_loaded_again() {
    let herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let browser = signed_in(&herald, ANN, "admin", "main");
    let mut walk = Walk {
        herald,
        browser,
        done: Vec::new(),
    };

    let webhook = [
        ("title", "Shop"),
        ("url", target.url.as_str()),
        ("patterns", "ORDER_*"),
        ("state", "enabled"),
        ("max_in_flight", "8"),
        ("timeout_seconds", "15"),
    ];
    walk.form("/webhooks/new", "/webhooks/new", &webhook);
    let id = walk.id("/v1/subscriptions", "title", "Shop");
    let of = |rest: &str| format!("/webhooks/{id}/{rest}");
    let event = walk.herald.publish_event(&order(1));
    walk.herald.delivery_in("sent", &event, &id);
    walk.form(
        "/webhooks/{id}/edit",
        &of("edit"),
        &[("was_title", "Shop"), ("title", "Shop 2")],
    );
    walk.form("/webhooks/{id}/pause", &of("pause"), &[]);
    walk.form(
        "/webhooks/{id}/resume",
        &of("resume"),
        &[("held", "deliver")],
    );
    walk.form("/webhooks/{id}/disable", &of("disable"), &[]);
    walk.form("/webhooks/{id}/enable", &of("enable"), &[]);
    walk.form(
        "/webhooks/{id}/test",
        &of("test"),
        &[("event_type", "ORDER_CREATED")],
    );
    let shown = walk.form("/webhooks/{id}/secret", &of("secret"), &[]);
    assert!(shown.contains("whsec_"), "{shown}");
    walk.form(
        "/webhooks/{id}/secret/rotate",
        &of("secret/rotate"),
        &[("overlap_hours", "1")],
    );
    let delivery = format!("/deliveries/{event}/{id}/resend");
    walk.form(
        "/deliveries/{event_id}/{subscription_id}/resend",
        &delivery,
        &[],
    );
    let until = field(
        &page(&walk.browser, "/deliveries/resend?state=sent"),
        "until",
    );
    let resent = walk.form(
        "/deliveries/resend",
        "/deliveries/resend",
        &[("state", "sent"), ("until", &until)],
    );
    assert!(resent.contains("2 deliveries were resent."), "{resent}");
    walk.form("/webhooks/{id}/delete", &of("delete"), &[]);

    let kind = [
        ("name", "TEA_MADE"),
        ("validation", "reject"),
        ("schema", "{\"type\":\"object\"}"),
    ];
    walk.form("/events/new", "/events/new", &kind);
    let of = |rest: &str| format!("/events/types/TEA_MADE/{rest}");
    walk.form(
        "/events/types/{name}/publish",
        &of("publish"),
        &[("body", "{\"event_type\":\"TEA_MADE\"}")],
    );
    walk.form("/events/types/{name}/edit", &of("edit"), &kind);
    walk.form("/events/types/{name}/delete", &of("delete"), &[]);

    let person = [("email", "bob@example.com"), ("role", "viewer")];
    let shown = walk.form("/settings/users", "/settings/users", &person);
    assert!(shown.contains("/invitation/"), "{shown}");
    let bob = format!(
        "/settings/users/{}",
        walk.id("/v1/users", "email", "bob@example.com")
    );
    walk.form(
        "/settings/users/{id}",
        &bob,
        &[("name", "Bob"), ("role", "viewer")],
    );
    walk.form(
        "/settings/users/{id}/disable",
        &format!("{bob}/disable"),
        &[],
    );
    walk.form("/settings/users/{id}/enable", &format!("{bob}/enable"), &[]);
    walk.form("/settings/users/{id}/remove", &format!("{bob}/remove"), &[]);
    let token = [("title", "CI"), ("role", "viewer")];
    let shown = walk.form("/settings/tokens", "/settings/tokens", &token);
    assert!(shown.contains("hrld_"), "{shown}");
    let token = format!("/settings/tokens/{}", walk.id("/v1/tokens", "title", "CI"));
    walk.form(
        "/settings/tokens/{id}",
        &token,
        &[("title", "CD"), ("role", "viewer")],
    );
    walk.form(
        "/settings/tokens/{id}/revoke",
        &format!("{token}/revoke"),
        &[],
    );
    let account = [("name", "second"), ("email", "eve@example.com")];
    let shown = walk.form("/settings/accounts", "/settings/accounts", &account);
    assert!(shown.contains("/invitation/"), "{shown}");
    let all = page(&walk.browser, "/settings/accounts");
    let account = crate::page_http::desk::link(&all, "/settings/accounts/acc_");
    walk.form("/settings/accounts/{id}", &account, &[("name", "third")]);
    walk.form(
        "/settings/accounts/{id}/remove",
        &format!("{account}/remove"),
        &[],
    );
    walk.form("/settings/profile", "/settings/profile", &[("name", "Ann")]);
    walk.form(
        "/settings/profile/sessions",
        "/settings/profile/sessions",
        &[],
    );
    let password = [("present", PASSWORD), ("password", LONG), ("again", LONG)];
    walk.form(
        "/settings/profile/password",
        "/settings/profile/password",
        &password,
    );
    walk.form("/audit", "/audit", &[]);
    walk.form("/sign-out", "/sign-out", &[]);

    walk.browser = Browser::new(&walk.herald.client);
    walk.form("/reset", "/reset", &[("email", "nobody@example.com")]);
    let given = [("password", LONG), ("again", LONG)];
    let link = walk.herald.run(&["user", "link", ANN]);
    walk.form("/reset/{token}", path_of(link.trim()), &given);
    let link = walk
        .herald
        .run(&["user", "add", "new@example.com", "--role", "viewer"]);
    walk.form("/invitation/{token}", path_of(link.trim()), &given);
    let answer = walk
        .browser
        .submit("/sign-in", &[("email", ANN), ("password", LONG)]);
    assert_eq!(led(answer), "/");
    walk.done.push("/sign-in");

    let missing: Vec<_> = TABLE
        .iter()
        .filter(|it| it.method.as_str() == "POST" && !it.pattern.starts_with("/v1/"))
        .map(|it| it.pattern)
        .filter(|pattern| !walk.done.contains(pattern))
        .collect();
    assert_eq!(missing, [] as [&str; 0], "forms that nobody sent");
}

#[test]
fn what_is_shown_once_is_shown_by_either_daemon_to_its_session_alone_and_never_again() {
    let herald = Herald::launch();
    let other = herald.launch_beside();
    let ann = signed_in(&herald, ANN, "admin", "main");
    let bob = signed_in(&herald, "bob@example.com", "admin", "main");
    let at_other = |browser: &Browser| {
        let mut same = Browser::new(&other.client);
        same.cookie.clone_from(&browser.cookie);
        same.csrf.clone_from(&browser.csrf);
        same
    };
    let made = submit(
        &ann,
        "/settings/tokens",
        &[("title", "CI"), ("role", "viewer")],
    );
    assert!(!String::from_utf8_lossy(&made.body).contains("hrld_"));
    let to = led(made);
    assert!(!to.contains("hrld_"), "{to}");
    // What waits in the database does not open without the browser's cookie.
    let kept = herald.sql("select encode(sealed, 'escape') from session_note");
    assert!(!kept.is_empty() && !kept.contains("hrld_"), "{kept}");
    assert!(!page(&bob, &to).contains("hrld_"), "another session");
    let shown = page(&at_other(&ann), &to);
    assert!(shown.contains("hrld_"), "{shown}");
    for again in [&ann, &at_other(&ann)] {
        let again = page(again, &to);
        assert!(!again.contains("hrld_") && again.contains("CI"), "{again}");
    }
    assert_eq!(herald.sql("select count(*) from session_note").trim(), "0");
    // What nobody comes for is gone soon.
    let to = led(submit(
        &ann,
        "/settings/tokens",
        &[("title", "CD"), ("role", "viewer")],
    ));
    herald.sql("update session_note set at = at - interval '10 minutes'");
    assert!(!page(&ann, &to).contains("hrld_"));
}

#[test]
fn resending_many_is_one_activity_with_its_number() {
    let herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let id = herald.subscribe(&target.url, &["*"]);
    let events: Vec<_> = (0..7).map(|n| herald.publish_event(&order(n))).collect();
    for event in &events {
        herald.delivery_in("sent", event, &id);
    }
    let ann = signed_in(&herald, ANN, "admin", "main");
    let until = field(&page(&ann, "/deliveries/resend?state=sent"), "until");
    let fields = [
        ("state", "sent"),
        ("webhook", id.as_str()),
        ("until", &until),
    ];
    let to = led(submit(&ann, "/deliveries/resend", &fields));
    assert!(page(&ann, &to).contains("7 deliveries were resent."));
    // Loaded again it leads back to the list.
    let back = led(ann.page(&to));
    assert!(
        back.starts_with("/deliveries?") && back.contains("state=sent"),
        "{back}"
    );
    let resent: Vec<Value> = herald
        .list("/v1/activities?group=Herald")
        .into_iter()
        .filter(|it| text(&it["activity"]).contains("Resent"))
        .collect();
    assert_eq!(resent.len(), 1, "{resent:#?}");
    assert_eq!(resent[0]["activity"], "Deliveries Resent");
    assert_eq!(resent[0]["user"], ANN);
    let payload = &resent[0]["payload"];
    assert_eq!(payload["deliveries"], 7, "{payload}");
    assert_eq!(
        payload["filters"],
        json!({ "state": "sent", "webhook": id })
    );
}

/// Ends all sessions.
fn end_sessions(herald: &Herald) {
    herald.sql("delete from session");
}

/// Signs in by the form of a page, as a browser sends it. Where that leads.
fn sign_in_by(browser: &mut Browser, shown: &str) -> String {
    let [next, typed] = ["next", "typed"].map(|name| field(shown, name));
    let wrong = browser.submit(
        "/sign-in",
        &[
            ("email", ANN),
            ("password", "no"),
            ("next", &next),
            ("typed", &typed),
        ],
    );
    assert_eq!(
        field(&html(wrong.expect(401)), "typed"),
        typed,
        "it outlives a wrong password"
    );
    let fields = [
        ("email", ANN),
        ("password", PASSWORD),
        ("next", &next),
        ("typed", &typed),
    ];
    let answer = browser.submit("/sign-in", &fields).expect(303);
    browser.cookie = answer
        .header("set-cookie")
        .map(|it| it.split(';').next().unwrap().to_owned());
    led(answer)
}

#[test]
fn a_form_whose_session_ended_comes_back_filled_after_the_sign_in() {
    let herald = Herald::launch();
    let id = herald.subscribe("https://example.com/", &["*"]);
    let mut ann = signed_in(&herald, ANN, "admin", "main");
    let made = |path: &str, body| text(&herald.post(path, &body).expect(201).json()["id"]);
    let bob = made(
        "/v1/users",
        json!({"email": "bob@example.com", "role": "viewer"}),
    );
    let token = made("/v1/tokens", json!({"title": "t", "role": "viewer"}));
    let own = json!({"name": "TEA_MADE", "group": "Kitchen"});
    herald.post("/v1/event-types", &own).expect(201);
    let ids: Vec<String> = vec![
        "/webhooks/new".into(),
        format!("/webhooks/{id}/edit"),
        "/events/new".into(),
        "/events/types/TEA_MADE/edit".into(),
        "/events/types/TEA_MADE/publish".into(),
        "/settings/users".into(),
        format!("/settings/users/{bob}"),
        "/settings/tokens".into(),
        format!("/settings/tokens/{token}"),
        "/settings/accounts".into(),
        "/settings/profile".into(),
    ];
    let before = |herald: &Herald| {
        herald.sql("select md5(string_agg(t::text, '' order by t::text)) from (select title, url from subscription \
            union all select name, title from event_type union all select email, name from herald_user \
            union all select id::text, title from token) t")
    };
    let was = before(&herald);
    for path in ids {
        end_sessions(&herald);
        let typed = [
            ("title", "Täglich <b> & more"),
            ("name", "Täglich <b> & more"),
            ("body", "Täglich <b> & more"),
            ("header_name_0", "x-key"),
            ("header_value_0", "geh31m"),
            ("password", "geh31m"),
            ("role", "viewer"),
        ];
        // Another site's page can neither send it nor have it kept.
        let foreign = ann.bare(
            "POST",
            &path,
            &[
                ("origin", "https://evil.example"),
                ("accept", "text/html"),
                ("content-type", "application/x-www-form-urlencoded"),
            ],
            b"title=x",
        );
        assert_eq!(foreign.status, 403, "{path}");
        let shown = html(submit(&ann, &path, &typed).expect(401));
        assert!(
            shown.contains("Your session has ended.") && shown.contains("name=\"password\""),
            "{shown}"
        );
        let to = sign_in_by(&mut ann, &shown);
        let kept = herald.sql("select encode(sealed, 'escape') from session_note");
        assert!(!kept.is_empty() && !kept.contains("glich"), "{kept}");
        let back = html(ann.page(&to).expect(200));
        let words = "Täglich &lt;b&gt; &amp; more";
        assert!(back.contains(words), "{path} leads to {to}: {back}");
        assert!(
            back.contains("This is what you typed before; nothing was saved yet."),
            "{back}"
        );
        assert!(!back.contains("geh31m"), "{back}");
        // Once.
        let again = html(ann.page(&to).expect(200));
        assert!(!again.contains(words), "{again}");
    }
    assert_eq!(before(&herald), was, "nothing was saved");
}

#[test]
fn what_is_too_long_to_be_kept_is_said_and_a_button_leads_back_to_its_page() {
    let herald = Herald::launch();
    let id = herald.subscribe("https://example.com/", &["*"]);
    let mut ann = signed_in(&herald, ANN, "admin", "main");
    end_sessions(&herald);
    for length in [12 << 10, 40 << 10] {
        let long = "x".repeat(length);
        let shown = html(submit(&ann, "/webhooks/new", &[("title", &long)]).expect(401));
        assert!(
            shown.contains("too long to be kept") && !shown.contains("xxxx"),
            "{}",
            shown.len()
        );
    }
    let to = led(submit(&ann, &format!("/webhooks/{id}/pause"), &[]));
    assert_eq!(to, format!("/sign-in?next=%2Fwebhooks%2F{id}"));
    let to = led(submit(&ann, &format!("/webhooks/{id}/resume"), &[]));
    assert_eq!(to, format!("/sign-in?next=%2Fwebhooks%2F{id}%2Fresume"));
    // Who signed in meanwhile in another window has another proof: nothing is done, nothing is lost.
    let old = ann.csrf.clone();
    ann.sign_in(ANN);
    ann.csrf = old;
    let refused = html(submit(&ann, "/webhooks/new", &[("title", "Täglich")]).expect(403));
    let to = crate::page_http::desk::link(&refused, "/webhooks/new?");
    assert!(page(&ann, &to).contains("value=\"Täglich\""));
    assert_eq!(herald.list("/v1/subscriptions").len(), 1);
    // Forged, it is nothing.
    for typed in ["x", "W10", "W1siYSIsMV1d"] {
        let fields = [
            ("email", ANN),
            ("password", PASSWORD),
            ("next", "/webhooks/new"),
            ("typed", typed),
        ];
        assert_eq!(
            led(Browser::new(&herald.client).submit("/sign-in", &fields)),
            "/webhooks/new"
        );
    }
}
