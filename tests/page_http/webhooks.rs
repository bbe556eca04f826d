//! Webhooks: the list, the form with its errors, what is switched, tried out, shown and refused.

use serde_json::{Value, json};

use crate::support::api::{order, text};
use crate::support::browser::{Browser, signed_in, user};
use crate::support::client::Answer;
use crate::support::scripted::{Scripted, answer};
use crate::support::{Herald, wait_until};

/// The page's HTML.
#[track_caller]
fn page(browser: &Browser, path: &str) -> String {
    String::from_utf8(browser.page(path).expect(200).body).unwrap()
}

/// Submits a form of one of Herald's pages.
#[track_caller]
fn submit(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut all = vec![("csrf_token", browser.csrf.as_deref().unwrap())];
    all.extend(fields);
    browser.submit(path, &all)
}

/// Where a form leads to, without what the page says then.
#[track_caller]
fn led(answer: Answer) -> String {
    let answer = answer.expect(303);
    let to = answer.header("location").unwrap();
    to.split(['?', '#']).next().unwrap().to_owned()
}

pub(crate) fn html(answer: Answer) -> String {
    String::from_utf8(answer.body).unwrap()
}

/// The fields of a form as a browser would send them, by reading the page.
pub(crate) fn fields(html: &str) -> Vec<(String, String)> {
    let form = html.split("<form class=\"form\"").nth(1).unwrap();
    let form = form.split("</form>").next().unwrap();
    let attribute = |tag: &str, name: &str| {
        let value = tag.split(&format!("{name}=\"")).nth(1)?;
        Some(unescaped(value.split('"').next()?))
    };
    let mut all = Vec::new();
    for piece in form.split('<').skip(1) {
        let (tag, after) = piece.split_once('>').unwrap();
        let name = attribute(tag, " name");
        match (tag.split_whitespace().next().unwrap(), name) {
            ("input", Some(name)) => {
                let kind = attribute(tag, "type").unwrap_or_default();
                if !matches!(&*kind, "checkbox" | "radio") || tag.ends_with(" checked") {
                    all.push((name, attribute(tag, "value").unwrap_or_default()));
                }
            }
            ("textarea", Some(name)) => all.push((name, unescaped(after))),
            ("select", Some(name)) => all.push((name, String::new())),
            ("option", _) if tag.ends_with(" selected") => {
                all.last_mut().unwrap().1 = attribute(tag, "value").unwrap();
            }
            _ => {}
        }
    }
    all
}

fn unescaped(text: &str) -> String {
    let pairs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&amp;", "&"),
    ];
    pairs
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Puts a value into a field; without one the field is left out.
fn put(fields: &mut Vec<(String, String)>, name: &str, value: Option<&str>) {
    fields.retain(|(known, _)| known != name);
    fields.extend(value.map(|value| (name.to_owned(), value.to_owned())));
}

#[track_caller]
fn send(browser: &Browser, path: &str, fields: &[(String, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (&**a, &**b)).collect();
    browser.submit(path, &fields)
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    &fields.iter().find(|(known, _)| known == name).unwrap().1
}

#[test]
fn a_webhook_is_added_by_its_form_and_the_actor_is_the_user() {
    let herald = Herald::launch();
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    let empty = page(&ann, "/webhooks");
    assert!(empty.contains("Add the first webhook"), "{empty}");
    let mut form = fields(&page(&ann, "/webhooks/new?trigger=ORDER_CREATED"));
    assert_eq!(value(&form, "trigger"), "ORDER_CREATED");
    put(&mut form, "title", Some("  Orders & more "));
    put(&mut form, "url", Some("https://example.com/hooks"));
    put(
        &mut form,
        "patterns",
        Some("STORE_ORDER_CREATED\r\nOWN.*\r\n"),
    );
    put(&mut form, "group", Some("Comments"));
    put(&mut form, "state", Some("paused"));
    put(&mut form, "header_name_0", Some("x-key"));
    put(&mut form, "header_value_0", Some("geheim"));
    put(&mut form, "retry_schedule", Some("10 s, 5min; 2 hours"));
    let path = led(send(&ann, "/webhooks/new", &form));
    let id = path.trim_start_matches("/webhooks/").to_owned();
    let made = herald.subscription(&id);
    assert_eq!(made["title"], "Orders & more");
    assert_eq!(made["state"], "paused");
    let comments = [
        "COMMENT_DELETED",
        "COMMENT_EDITED",
        "CONVERSATION_UPDATED",
        "NEW_COMMENT",
        "NEW_CONVERSATION",
    ];
    let mut triggers: Vec<&str> = comments.into();
    triggers.extend(["ORDER_CREATED", "OWN.*", "STORE_ORDER_CREATED"]);
    assert_eq!(made["triggers"], json!(triggers));
    assert_eq!(made["headers"], json!({ "x-key": "geheim" }));
    assert_eq!(made["retry_schedule"], json!([10, 300, 7_200]));
    let shown = page(&ann, &format!("{path}?done=webhook-made"));
    assert!(shown.contains("The webhook was added"), "{shown}");
    assert!(shown.contains("Next steps"), "{shown}");
    assert!(shown.contains("Orders &amp; more"), "{shown}");
    let told = herald.list("/v1/activities?group=Herald");
    let created = told.iter().find(|it| it["subject"] == json!(id)).unwrap();
    assert_eq!(
        (&created["actor"], &created["user"]),
        (&json!("user"), &json!("ann@example.com"))
    );
}

#[test]
fn every_error_stands_beside_its_field_and_no_value_is_lost() {
    let herald = Herald::launch();
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    let mut form = fields(&page(&ann, "/webhooks/new"));
    put(&mut form, "title", Some(&"x".repeat(201)));
    put(&mut form, "url", Some("ftp://example.com/<b>"));
    put(&mut form, "patterns", Some("ORDER *\nGOOD_*"));
    put(&mut form, "header_name_0", Some("host"));
    put(&mut form, "header_value_0", Some("example.org"));
    put(&mut form, "header_name_1", Some("x-a"));
    put(&mut form, "header_value_1", Some("<i>"));
    put(&mut form, "max_in_flight", Some("many"));
    put(&mut form, "timeout_seconds", Some("61"));
    put(&mut form, "retry_schedule", Some("5 s, soon"));
    let again = html(send(&ann, "/webhooks/new", &form).expect(422));
    for words in [
        "Nothing was saved: 7 values need a change",
        "Must have 1 to 200 characters, not 201.",
        "“ORDER *”: ' ' at character 6",
        "“soon” is not a time",
        "Must be a whole number from 1 to 256.",
        "Must be a whole number from 1 to 60.",
        "is reserved",
        "value=\"ftp://example.com/&lt;b&gt;\"",
        "<details class=\"more\" open>",
    ] {
        assert!(again.contains(words), "{words}: {again}");
    }
    let kept = fields(&again);
    for name in [
        "url",
        "title",
        "header_name_1",
        "header_value_1",
        "max_in_flight",
    ] {
        assert_eq!(value(&kept, name), value(&form, name), "{name}");
    }
    assert_eq!(value(&kept, "patterns"), "GOOD_*\nORDER *");
    assert_eq!(herald.list("/v1/subscriptions"), [] as [Value; 0]);
    put(&mut form, "patterns", Some(""));
    let again = html(send(&ann, "/webhooks/new", &form).expect(422));
    assert!(again.contains("Choose at least one."), "{again}");
}

#[test]
fn a_form_changes_what_it_changed_and_never_stores_a_mask() {
    let herald = Herald::launch();
    let headers = json!({ "x-key": "geheim", "x-other": "2" });
    let more = json!({ "title": "Before", "headers": headers, "retry_schedule": [7] });
    let id = herald.subscribe_with("https://example.com/", &["B", "A"], &more);
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    let edit = format!("/webhooks/{id}/edit");
    let shown = page(&ann, &edit);
    assert!(!shown.contains("geheim"), "{shown}");
    let form = fields(&shown);
    // Saved as it is, nothing changes.
    let before = herald.subscription(&id);
    assert_eq!(led(send(&ann, &edit, &form)), format!("/webhooks/{id}"));
    assert_eq!(herald.subscription(&id), before);
    let mut changed = form.clone();
    put(&mut changed, "header_value_0", Some("•••"));
    put(&mut changed, "header_name_1", Some("x-renamed"));
    put(&mut changed, "header_name_2", Some("x-new"));
    put(&mut changed, "header_value_2", Some("3"));
    led(send(&ann, &edit, &changed));
    let after = herald.subscription(&id);
    let headers = json!({ "x-key": "geheim", "x-renamed": "2", "x-new": "3" });
    assert_eq!(after["headers"], headers);
    for field in ["title", "url", "triggers", "state", "retry_schedule"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    // Somebody else changes the URL meanwhile: the old form changes the title alone.
    let change = json!({ "url": "https://example.org/" });
    herald
        .patch(&format!("/v1/subscriptions/{id}"), &change)
        .expect(200);
    let mut stale = form.clone();
    put(&mut stale, "title", Some("Mine"));
    led(send(&ann, &edit, &stale));
    let merged = herald.subscription(&id);
    assert_eq!(
        (&merged["title"], &merged["url"]),
        (&json!("Mine"), &json!("https://example.org/"))
    );
    assert_eq!(merged["headers"], headers);
    // Both change the same: it is told, and done once it was seen.
    put(&mut stale, "title", Some("Mine again"));
    let told = send(&ann, &edit, &stale).expect(409);
    let told = html(told);
    assert!(
        told.contains("Somebody changed this meanwhile to “Mine”"),
        "{told}"
    );
    assert_eq!(herald.subscription(&id)["title"], "Mine");
    led(send(&ann, &edit, &fields(&told)));
    assert_eq!(herald.subscription(&id)["title"], "Mine again");
}

#[test]
fn cards_or_list_is_kept_and_each_filter_and_order_does_its_work() {
    let herald = Herald::launch();
    let add = |title: &str, more: Value| {
        let mut all = json!({ "title": title });
        for (name, value) in more.as_object().unwrap() {
            all[name] = value.clone();
        }
        herald.subscribe_with("https://example.com/hooks", &["*"], &all)
    };
    let first = add("Alpha 100%", json!({}));
    let second = add("<b>Beta</b>", json!({ "state": "paused" }));
    let third = add("Gamma", json!({ "state": "disabled" }));
    let day =
        "update subscription set created_at = created_at - interval '3 days' where title = 'Gamma'";
    herald.sql(day);
    herald
        .patch(
            &format!("/v1/subscriptions/{first}"),
            &json!({ "max_in_flight": 9 }),
        )
        .expect(200);
    let mut vic = signed_in(&herald, "vic@example.com", "viewer", "main");
    let found = |browser: &Browser, query: &str| {
        let html = page(browser, &format!("/webhooks?{query}"));
        let mut names = Vec::new();
        for piece in html.split("class=\"row\" href=\"/webhooks/").skip(1) {
            names.push(piece.split('"').next().unwrap().to_owned());
        }
        names
    };
    let (a, b, c) = (first, second, third);
    assert_eq!(found(&vic, ""), [b.clone(), a.clone(), c.clone()]);
    assert_eq!(found(&vic, "order=asc"), [c.clone(), a.clone(), b.clone()]);
    assert_eq!(
        found(&vic, "sort=updated_at"),
        [a.clone(), c.clone(), b.clone()]
    );
    assert_eq!(found(&vic, "sort=id"), [c.clone(), b.clone(), a.clone()]);
    assert_eq!(
        found(&vic, "sort=id&order=asc"),
        [a.clone(), b.clone(), c.clone()]
    );
    assert_eq!(found(&vic, "state=paused").join(" "), b);
    assert_eq!(found(&vic, "q=100%25").join(" "), a);
    let days = "to_char(now() at time zone 'utc' - interval '1 day', 'YYYY-MM-DD')";
    let yesterday = herald.sql(&format!("select {days}")).trim().to_owned();
    assert_eq!(
        found(&vic, &format!("from={yesterday}")),
        [b.clone(), a.clone()]
    );
    assert_eq!(found(&vic, &format!("to={yesterday}")).join(" "), c);
    assert_eq!(found(&vic, "q=nowhere"), [] as [String; 0]);
    assert!(page(&vic, "/webhooks?q=nowhere").contains("Clear the filters"));
    let cards = page(&vic, "/webhooks");
    assert!(cards.contains("<ul class=\"cards\">"), "{cards}");
    assert!(cards.contains("&lt;b&gt;Beta&lt;/b&gt;"), "{cards}");
    let answer = vic.page("/webhooks?view=list&state=paused").expect(200);
    let cookie = answer.header("set-cookie").unwrap();
    for part in [
        "herald_view=list;",
        "HttpOnly",
        "SameSite=Lax",
        "Max-Age=31536000",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let kept = cookie.split(';').next().unwrap();
    vic.cookie = Some(format!("{}; {kept}", vic.cookie.unwrap()));
    assert!(page(&vic, "/webhooks").contains("<table class=\"list webhooks\">"));
    assert!(page(&vic, "/webhooks?view=cards").contains("<ul class=\"cards\">"));
    vic.page("/webhooks?colour=red").expect(400);
    vic.page("/webhooks?sort=size").expect(400);
}

#[test]
fn the_list_says_of_each_webhook_whether_it_arrives_and_what_fails() {
    let herald = Herald::launch();
    let good = Scripted::answering(200, "");
    let bad = Scripted::answering(503, "");
    let gone = Scripted::answering(410, "");
    let sent = herald.subscribe(&good.url, &["*"]);
    let fails = herald.subscribe(&bad.url, &["*"]);
    let ended = herald.subscribe(&gone.url, &["*"]);
    let vic = signed_in(&herald, "vic@example.com", "viewer", "main");
    let before = page(&vic, "/webhooks");
    assert_eq!(before.matches("Nothing sent yet").count(), 3, "{before}");
    let event = herald.publish_event(&order(1));
    herald.delivery_in("sent", &event, &sent);
    herald.delivery_in("retrying", &event, &fails);
    wait_until("the end of what is gone", || {
        herald.subscription(&ended)["state"] == "disabled"
    });
    for view in ["cards", "list"] {
        let html = page(&vic, &format!("/webhooks?view={view}&sort=id&order=asc"));
        let entries: Vec<&str> = html.split("class=\"row\"").skip(1).collect();
        assert!(entries[0].contains("</svg>Sent</span>"), "{}", entries[0]);
        assert!(entries[1].contains("</svg>Error</span>"), "{}", entries[1]);
        assert!(entries[1].contains("The target answered 503 (Service Unavailable)."));
        assert!(entries[2].contains("The target answered 410 (Gone)."));
        assert!(!entries[0].contains("class=\"trouble\""), "{}", entries[0]);
    }
}

#[test]
fn a_long_list_goes_on_by_cursor_in_its_order() {
    let herald = Herald::launch();
    let all: Vec<String> = (0..53)
        .map(|n| {
            herald.subscribe_with(
                "https://example.com/",
                &["*"],
                &json!({ "title": format!("W{n}") }),
            )
        })
        .collect();
    let vic = signed_in(&herald, "vic@example.com", "viewer", "main");
    let html = page(&vic, "/webhooks?order=asc&view=list&q=W");
    assert!(html.len() < 60 << 10, "{} bytes", html.len());
    assert!(html.contains(&all[49]) && !html.contains(&all[50]));
    let next = html
        .split("rel=\"next\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let html = page(&vic, &unescaped(next));
    let shown = all.iter().filter(|id| html.contains(*id)).count();
    assert!(shown == 3 && html.contains(&all[52]), "{shown}");
}

#[test]
fn what_is_held_is_told_and_goes_the_way_that_was_chosen() {
    let herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    for (choice, come) in [("deliver", 3), ("newest", 1), ("drop", 0)] {
        let id = herald.subscribe(&target.url, &["*"]);
        let path = format!("/webhooks/{id}");
        assert_eq!(led(submit(&ann, &format!("{path}/pause"), &[])), path);
        assert_eq!(herald.subscription(&id)["state"], "paused");
        let events: Vec<String> = (0..3).map(|n| herald.publish_event(&order(n))).collect();
        for event in &events {
            herald.delivery_in("held", event, &id);
        }
        assert!(page(&ann, &path).contains("3 deliveries"));
        assert!(page(&ann, &format!("{path}/resume")).contains("holds 3 deliveries"));
        let before = target.requests().len();
        let resume = format!("{path}/resume");
        submit(&ann, &resume, &[("held", "all")]).expect(422);
        assert_eq!(led(submit(&ann, &resume, &[("held", choice)])), path);
        wait_until("what was kept to come", || {
            target.requests().len() == before + come
        });
        let last = events.last().unwrap();
        herald.delivery_in(
            if choice == "drop" {
                "cancelled"
            } else {
                "sent"
            },
            last,
            &id,
        );
        assert_eq!(led(submit(&ann, &format!("{path}/disable"), &[])), path);
        // What is disabled is not paused.
        submit(&ann, &format!("{path}/pause"), &[]).expect(409);
        assert_eq!(led(submit(&ann, &format!("{path}/enable"), &[])), path);
        herald
            .delete(&format!("/v1/subscriptions/{id}"))
            .expect(204);
    }
    let told = herald.list("/v1/activities?group=Herald");
    let by_ann = told
        .iter()
        .filter(|it| it["user"] == "ann@example.com" && it["actor"] == "user");
    assert!(by_ann.count() >= 12, "{told:#?}");
}

#[test]
fn deleting_asks_with_the_name_and_the_number_and_then_cancels_what_is_open() {
    let herald = Herald::launch();
    let more = json!({ "title": "Old & gone", "state": "paused" });
    let id = herald.subscribe_with("https://example.com/", &["*"], &more);
    let events: Vec<String> = (0..2).map(|n| herald.publish_event(&order(n))).collect();
    for event in &events {
        herald.delivery_in("held", event, &id);
    }
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    let path = format!("/webhooks/{id}/delete");
    let question = page(&ann, &path);
    assert!(question.contains("Delete “Old &amp; gone”?"), "{question}");
    assert!(
        question.contains("2 deliveries are open and will be cancelled."),
        "{question}"
    );
    // A look does nothing.
    herald.subscription(&id);
    assert_eq!(led(submit(&ann, &path, &[])), "/webhooks");
    herald.get(&format!("/v1/subscriptions/{id}")).expect(404);
    herald.delivery_in("cancelled", &events[0], &id);
    ann.page(&path).expect(404);
    submit(&ann, &path, &[]).expect(404);
}

#[test]
fn a_test_shows_its_answer_in_place() {
    let herald = Herald::launch();
    let target = Scripted::start(|request, stream| match request.path.as_str() {
        "/fail" => answer(stream, 503, "", b"<script>alert(1)</script>"),
        _ => answer(stream, 200, "", b"thanks"),
    });
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    for (path, status, words) in [
        ("", "The target answered 200 (OK).", "thanks"),
        (
            "fail",
            "The target answered 503 (Service Unavailable).",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
        ),
    ] {
        let id = herald.subscribe(&format!("{}{path}", target.url), &["MEMBER_*"]);
        let test = format!("/webhooks/{id}/test");
        assert!(page(&ann, &test).contains("MEMBER_CREATED"));
        let sent = submit(&ann, &test, &[("event_type", "MEMBER_UPDATED")]).expect(303);
        let answer = page(&ann, sent.header("location").unwrap());
        assert!(answer.contains(status), "{answer}");
        assert!(answer.contains(words), "{answer}");
        assert!(answer.contains("MEMBER_UPDATED"), "{answer}");
        let last = target.requests().pop().unwrap();
        assert_eq!(last.headers["webhook-test"], "true");
        submit(&ann, &test, &[("event_type", "NO_SUCH")]).expect(422);
        ann.page(&format!(
            "{test}?event={}",
            last.id().replace("evt_", "sub_")
        ))
        .expect(400);
    }
    // What is no test is not shown as one.
    let id = herald.subscribe(&target.url, &["*"]);
    let event = herald.publish_event(&order(1));
    herald.delivery_in("sent", &event, &id);
    ann.page(&format!("/webhooks/{id}/test?event={event}"))
        .expect(404);
}

#[test]
fn the_secret_is_shown_when_asked_for_and_noted_and_replaced_with_an_overlap() {
    let herald = Herald::launch();
    let id = herald.subscribe("https://example.com/", &["*"]);
    let api = format!("/v1/subscriptions/{id}/secret");
    let secret = text(&herald.get(&api).expect(200).json()["secret"]);
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    let path = format!("/webhooks/{id}");
    for looked in [
        path.clone(),
        format!("{path}/secret"),
        format!("{path}/edit"),
    ] {
        assert!(!page(&ann, &looked).contains("whsec_"), "{looked}");
    }
    let asked = submit(&ann, &format!("{path}/secret"), &[]).expect(303);
    let to = asked.header("location").unwrap();
    let shown = ann.page(to).expect(200);
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    assert!(html(shown).contains(&secret));
    assert!(!page(&ann, to).contains("whsec_"), "loaded again");
    let seen = herald.list("/v1/activities?group=Herald");
    let by_ann = |name: &str| {
        let fits =
            |it: &&Value| it["user"] == "ann@example.com" && text(&it["activity"]).contains(name);
        seen.iter().filter(fits).count()
    };
    assert_eq!(by_ann("Secret"), 1, "{seen:#?}");
    let rotate = format!("{path}/secret/rotate");
    for wrong in ["", "x", "-1", "169"] {
        let told = html(submit(&ann, &rotate, &[("overlap_hours", wrong)]).expect(422));
        assert!(
            told.contains("Must be a whole number from 0 to 168."),
            "{told}"
        );
    }
    assert_eq!(led(submit(&ann, &rotate, &[("overlap_hours", "3")])), path);
    let told = page(&ann, &path);
    assert!(
        told.contains("A replaced secret stays valid until"),
        "{told}"
    );
    assert!(told.contains("in 2 h"), "{told}");
    let now = herald.get(&api).expect(200).json();
    assert_ne!(text(&now["secret"]), secret);
    assert_eq!(text(&now["previous"][0]["secret"]), secret);
}

#[test]
fn a_viewer_sees_no_secret_no_value_and_no_button_and_another_account_sees_nothing() {
    let herald = Herald::launch();
    let more = json!({ "headers": { "x-key": "geheim" } });
    let id = herald.subscribe_with("https://example.com/", &["ORDER_*"], &more);
    let vic = signed_in(&herald, "vic@example.com", "viewer", "main");
    let path = format!("/webhooks/{id}");
    let html = page(&vic, &path);
    let main = html.split("<main").nth(1).unwrap();
    assert!(
        !main.contains("<form") && !main.contains("geheim"),
        "{main}"
    );
    assert!(
        main.contains("x-key: •••") && main.contains("matches 3 today"),
        "{main}"
    );
    assert!(!page(&vic, "/webhooks").contains("/webhooks/new"));
    let forms = [
        "edit",
        "pause",
        "resume",
        "enable",
        "disable",
        "delete",
        "test",
        "secret",
        "secret/rotate",
    ];
    let before = herald.subscription(&id);
    for form in forms {
        submit(&vic, &format!("{path}/{form}"), &[]).expect(403);
    }
    submit(&vic, "/webhooks/new", &[("url", "https://example.com/")]).expect(403);
    for form in ["edit", "resume", "delete", "test", "secret"] {
        vic.page(&format!("{path}/{form}")).expect(403);
    }
    assert_eq!(herald.subscription(&id), before);
    let mut operator = herald.client.clone();
    let made = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    operator.token = Some(made.trim().to_owned());
    let other = json!({ "name": "other" });
    operator.post("/v1/accounts", &other).expect(201);
    user(&herald, "zoe@example.com", "admin", "other");
    let mut zoe = Browser::new(&herald.client);
    zoe.sign_in("zoe@example.com");
    assert!(page(&zoe, "/webhooks").contains("There are no webhooks yet"));
    zoe.page(&path).expect(404);
    for form in forms {
        submit(&zoe, &format!("{path}/{form}"), &[("overlap_hours", "1")]).expect(404);
    }
    assert_eq!(herald.subscription(&id), before);
}
