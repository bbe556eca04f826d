//! The webhook log: the list and its filters, one delivery, sending again, the live tail.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::page_http::desk::led;
use crate::support::api::order;
use crate::support::browser::{self, Browser, signed_in};
use crate::support::receiver::Receiver;
use crate::support::scripted::{Scripted, answer};
use crate::support::{Herald, PATIENCE, wait_for, wait_until};

/// The page's HTML.
#[track_caller]
pub(crate) fn page(browser: &Browser, path: &str) -> String {
    String::from_utf8(browser.page(path).expect(200).body).unwrap()
}

/// The rows of the list.
pub(crate) fn rows(html: &str) -> Vec<&str> {
    let list = html.split("<tbody>").nth(1).unwrap_or_default();
    let list = list.split("</tbody>").next().unwrap();
    list.split("<tr").skip(1).collect()
}

/// Submits a form of one of Herald's pages.
#[track_caller]
pub(crate) fn submit(
    browser: &Browser,
    path: &str,
    fields: &[(&str, &str)],
) -> crate::support::client::Answer {
    let csrf = browser.csrf.clone().unwrap();
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .copied()
        .chain([("csrf_token", csrf.as_str())])
        .collect();
    browser.submit(path, &fields)
}

#[test]
fn the_list_is_filtered_by_topic_webhook_state_and_date() {
    let herald = Herald::launch();
    let good = Receiver::start(&[]);
    let bad = Receiver::start(&["--fail", "503"]);
    let works = herald.subscribe_with(&good.url, &["*"], &json!({"title": "Works"}));
    let fails = herald.subscribe_with(&bad.url, &["ORDER_CREATED"], &json!({"title": "Fails"}));
    let event = herald.publish_event(&order(1));
    herald.publish_event(&json!({"event_type": "PUBLISH"}));
    herald.delivery_in("retrying", &event, &fails);
    herald.delivery_in("sent", &event, &works);
    let ann = signed_in(&herald, "ann@example.com", "viewer", "main");
    wait_until("three deliveries", || {
        rows(&page(&ann, "/deliveries")).len() == 3
    });
    let count = |query: &str| rows(&page(&ann, &format!("/deliveries?{query}"))).len();
    assert_eq!(count("topic=PUBLISH"), 1);
    assert_eq!(count(&format!("webhook={works}")), 2);
    assert_eq!(count("webhook=wor"), 2, "a part of a title");
    assert_eq!(count("state=error"), 1);
    assert_eq!(count("state=failed"), 0);
    assert_eq!(count("state=sent"), 2);
    assert_eq!(count("from=2020-01-01"), 3);
    assert_eq!(count("to=2020-01-01"), 0);
    assert_eq!(
        count(&format!("state=sent&webhook={works}&topic=PUBLISH")),
        1
    );
    let error = page(&ann, "/deliveries?state=error");
    assert!(
        error.contains("The target answered 503 (Service Unavailable)."),
        "{error}"
    );
    assert!(error.contains("Next attempt"), "{error}");
    assert!(page(&ann, "/deliveries?webhook=zzz").contains("No webhook has this in its title"));
    assert!(page(&ann, "/deliveries?webhook=s").contains("Which one?"));
    assert!(page(&ann, "/deliveries?to=2020-01-01").contains("No delivery matches these filters"));
    ann.page("/deliveries?state=broken").expect(400);
    ann.page("/deliveries?colour=red").expect(400);
}

#[test]
fn a_long_list_goes_on_by_cursor_and_shows_each_delivery_once() {
    let herald = Herald::launch();
    let bad = Receiver::start(&["--fail", "500"]);
    let once = json!({"retry_schedule": [], "title": "Once"});
    let fails = herald.subscribe_with(&bad.url, &["*"], &once);
    herald.subscribe_with(&bad.url, &["*"], &json!({"title": "Often"}));
    herald.publish_batch((0..40).map(order));
    wait_until("80 errors", || {
        let failed = herald.list(&format!(
            "/v1/deliveries?state=failed&subscription={fails}&limit=200"
        ));
        let retrying = herald.list("/v1/deliveries?state=retrying&limit=200");
        failed.len() == 40 && retrying.len() == 40
    });
    let ann = signed_in(&herald, "ann@example.com", "viewer", "main");
    for filter in ["", "state=error"] {
        let first = page(&ann, &format!("/deliveries?{filter}"));
        let next = first.split("rel=\"next\" href=\"").nth(1).unwrap();
        let next = next.split('"').next().unwrap().replace("&amp;", "&");
        assert!(next.contains(filter), "{next}");
        let second = page(&ann, &next);
        let id = |row: &&str| row.split('"').nth(1).unwrap().to_owned();
        let mut ids: Vec<String> = rows(&first).iter().chain(&rows(&second)).map(id).collect();
        assert_eq!((rows(&first).len(), rows(&second).len()), (50, 30));
        assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
        ids.dedup();
        assert_eq!(ids.len(), 80);
        assert!(second.contains("First page") && !second.contains("rel=\"next\""));
    }
}

#[test]
fn a_delivery_tells_its_story_and_shows_no_secret() {
    let herald = Herald::launch();
    let target = Scripted::start(|_, stream| {
        let head = "set-cookie: session=topsecret\r\nx-why: <b>busy</b>\r\n";
        answer(
            stream,
            503,
            head,
            b"{\"error\":\"<script>alert(1)</script>\"}",
        )
    });
    let more = json!({"title": "<i>Shop</i>", "headers": {"authorization": "Bearer topsecret"}});
    let webhook = herald.subscribe_with(&target.url, &["*"], &more);
    let body =
        json!({"event_type": "ORDER_CREATED", "data": {"note": "<script>alert(2)</script>'"}});
    let event = herald.publish_event(&body);
    herald.delivery_in("retrying", &event, &webhook);
    let ann = signed_in(&herald, "ann@example.com", "viewer", "main");
    let html = page(&ann, &format!("/deliveries/{event}/{webhook}"));
    assert!(!html.contains("topsecret"), "{html}");
    assert!(
        !html.contains("<script>alert") && !html.contains("<i>Shop") && !html.contains("<b>busy")
    );
    assert!(html.contains("&lt;script&gt;alert(2)"), "{html}");
    assert!(
        html.contains("The target answered 503 (Service Unavailable). The receiver is"),
        "{html}"
    );
    assert!(html.contains("The next attempt is due"), "{html}");
    assert!(
        html.contains("&lt;webhook-signature&gt;") && html.contains("&lt;authorization&gt;"),
        "{html}"
    );
    assert!(html.contains("curl --globoff --request POST"), "{html}");
    assert!(!html.contains("/resend\""), "a viewer cannot resend");
    let missing = format!("/deliveries/{event}/sub_01h455vb4pex5vsknk084sn02q");
    ann.page(&missing).expect(404);
}

#[test]
fn what_a_plugin_changed_is_shown_with_its_version() {
    let herald = Herald::launch_with(&[]);
    let receiver = Receiver::start(&[]);
    std::fs::create_dir_all(herald.plugins().join("named")).unwrap();
    let script = "fn transform(event) { let it = event.payload; it.extra = 7; it }";
    std::fs::write(herald.plugins().join("named/extra.rhai"), script).unwrap();
    wait_until("the plugin is at work", || {
        let plugins = herald.list("/v1/plugins");
        plugins.iter().any(|plugin| plugin["hash"].is_string())
    });
    let webhook = herald.subscribe_with(&receiver.url, &["*"], &json!({"plugin": "extra"}));
    let event = herald.publish_event(&order(1));
    herald.delivery_in("sent", &event, &webhook);
    let ann = signed_in(&herald, "ann@example.com", "viewer", "main");
    let html = page(&ann, &format!("/deliveries/{event}/{webhook}"));
    assert!(
        html.contains("named/extra.rhai") && html.contains("changed the body"),
        "{html}"
    );
    assert!(html.contains("<ins>+   &quot;extra&quot;: 7"), "{html}");
    assert!(
        html.contains("Payload as published") && html.contains("Body as sent"),
        "{html}"
    );
}

#[test]
fn one_delivery_is_resent_by_an_admin_alone() {
    let herald = Herald::launch();
    let receiver = Receiver::start(&[]);
    let webhook = herald.subscribe(&receiver.url, &["*"]);
    let event = herald.publish_event(&order(1));
    herald.delivery_in("sent", &event, &webhook);
    let path = format!("/deliveries/{event}/{webhook}");
    let bob = signed_in(&herald, "bob@example.com", "viewer", "main");
    submit(&bob, &format!("{path}/resend"), &[]).expect(403);
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    ann.submit(&format!("{path}/resend"), &[("csrf_token", "wrong")])
        .expect(403);
    let answer = submit(&ann, &format!("{path}/resend"), &[]).expect(303);
    assert_eq!(
        answer.header("location"),
        Some(format!("{path}?done=resent").as_str())
    );
    assert!(page(&ann, &format!("{path}?done=resent")).contains("The delivery will be resent."));
    wait_until("it is sent again", || {
        receiver.answered().get(&event) == Some(&2)
    });
    wait_until("the page tells it", || {
        page(&ann, &path).contains("Attempt 2, resent by hand")
    });
    let told = herald.list("/v1/activities?group=Herald&activity=Delivery%20Resent");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["user"], "ann@example.com", "{}", told[0]);
}

#[test]
fn all_that_the_filters_show_is_resent_and_nothing_that_came_later() {
    let herald = Herald::launch();
    let bad = Receiver::start(&["--fail", "500"]);
    let good = Receiver::start(&[]);
    let once = json!({"retry_schedule": [], "title": "Once"});
    let fails = herald.subscribe_with(&bad.url, &["ORDER_CREATED"], &once);
    let works = herald.subscribe(&good.url, &["PUBLISH"]);
    let events = herald.publish_batch((0..12).map(order));
    let sent = herald.publish_event(&json!({"event_type": "PUBLISH"}));
    herald.delivery_in("sent", &sent, &works);
    for event in &events {
        herald.delivery_in("failed", event, &fails);
    }
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    let asked = page(&ann, "/deliveries/resend?state=error");
    assert!(asked.contains("12 deliveries will be resent."), "{asked}");
    let until = asked.split("name=\"until\" value=\"").nth(1).unwrap();
    let until = until.split('"').next().unwrap();
    let later = herald.publish_event(&order(99));
    herald.delivery_in("failed", &later, &fails);
    let done = submit(
        &ann,
        "/deliveries/resend",
        &[("state", "error"), ("until", until)],
    );
    let done = page(&ann, &led(done));
    assert!(done.contains("12 deliveries were resent."), "{done}");
    for event in &events {
        wait_until("its second try", || {
            herald.delivery(event, &fails)["attempts"]
                .as_array()
                .unwrap()
                .len()
                == 2
        });
    }
    assert_eq!(
        herald.delivery(&later, &fails)["attempts"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        herald.delivery(&sent, &works)["attempts"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    herald.settled();
    // A deleted webhook has nowhere to send to.
    herald
        .delete(&format!("/v1/subscriptions/{fails}"))
        .expect(204);
    let asked = page(&ann, "/deliveries/resend?state=error&topic=ORDER_CREATED");
    let until = asked.split("name=\"until\" value=\"").nth(1).unwrap();
    let until = until.split('"').next().unwrap();
    let form = [
        ("state", "error"),
        ("topic", "ORDER_CREATED"),
        ("until", until),
    ];
    let done = page(&ann, &led(submit(&ann, "/deliveries/resend", &form)));
    assert!(
        done.contains("13 were left alone: the webhook was deleted."),
        "{done}"
    );
    let bob = signed_in(&herald, "bob@example.com", "viewer", "main");
    submit(&bob, "/deliveries/resend", &[("until", until)]).expect(403);
}

/// A live tail as `EventSource` reads it.
struct Tail {
    lines: BufReader<TcpStream>,
}

impl Tail {
    fn open(herald: &Herald, browser: &Browser, path: &str) -> Self {
        let mut stream = TcpStream::connect(herald.client.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let cookie = browser.cookie.as_ref().unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {}\r\ncookie: {cookie}\r\naccept: text/event-stream\r\n\
             accept-encoding: gzip\r\nconnection: close\r\n\r\n",
            herald.client.address
        )
        .unwrap();
        Self {
            lines: BufReader::new(stream),
        }
    }

    /// Reads until a line has this text; answers what was read. None: it ended before.
    fn until(&mut self, text: &str) -> Option<String> {
        let mut read = String::new();
        loop {
            let begin = read.len();
            match self.lines.read_line(&mut read) {
                Ok(0) | Err(_) => return None,
                Ok(_) if read[begin..].contains(text) => return Some(read),
                Ok(_) => {}
            }
        }
    }
}

#[test]
fn the_live_tail_sends_what_comes_and_what_changes_and_ends_with_the_session() {
    let herald = Herald::launch();
    let target = Receiver::start(&["--fail", "500"]);
    let once = json!({"retry_schedule": [1], "title": "Shop"});
    let webhook = herald.subscribe_with(&target.url, &["*"], &once);
    let mut ann = signed_in(&herald, "ann@example.com", "viewer", "main");
    let mut tail = Tail::open(&herald, &ann, "/deliveries/live?topic=ORDER_CREATED");
    let head = tail.until(": nothing new").expect("a beginning");
    assert!(
        head.contains("200 OK") && head.contains("text/event-stream"),
        "{head}"
    );
    assert!(!head.contains("gzip"), "{head}");
    herald.publish_event(&json!({"event_type": "PUBLISH"}));
    let event = herald.publish_event(&order(1));
    let row = tail.until(&event).expect("its row");
    assert!(
        row.contains("event: rows") && row.contains("data: <tr id=\"d-evt_"),
        "{row}"
    );
    assert!(!row.contains("PUBLISH"), "another topic: {row}");
    tail.until("data-mark=\"failed 2 500\"")
        .expect("what became of it");
    herald.delivery_in("failed", &event, &webhook);
    let cookie = ann.cookie.clone();
    let csrf = ann.csrf.clone().unwrap();
    ann.submit("/sign-out", &[("csrf_token", &csrf)])
        .expect(303);
    tail.until("event: over").expect("its end");
    assert_eq!(tail.until("data: <tr"), None);
    ann.cookie = cookie;
    assert_ne!(ann.page("/deliveries/live").status, 200);
}

#[test]
fn live_tails_are_bounded_by_user_and_account_and_become_free_again() {
    let herald = Herald::launch();
    let operator = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    let operator = crate::support::client::Client {
        token: Some(operator.trim().into()),
        ..herald.client.clone()
    };
    let mut tails = Vec::new();
    let open = |browser: &Browser| {
        let mut tail = Tail::open(&herald, browser, "/deliveries/live");
        tail.until(": nothing new").expect("a beginning");
        tail
    };
    let mut first = None;
    for account in ["main", "a", "b", "c"] {
        if account != "main" {
            let made = operator.post("/v1/accounts", &json!({ "name": account }));
            made.expect(201);
        }
        for (user, seats) in [("ann", 3), ("bob", 3), ("eve", 2)] {
            let email = format!("{user}@{account}.example.com");
            let browser = signed_in(&herald, &email, "viewer", account);
            tails.extend((0..seats).map(|_| open(&browser)));
            let refused = page_of(browser.page("/deliveries/live").expect(429));
            let whose = if seats == 3 {
                "You watch"
            } else {
                "of this account are watched"
            };
            assert!(refused.contains(whose), "{refused}");
            first.get_or_insert(browser);
        }
    }
    operator
        .post("/v1/accounts", &json!({"name": "d"}))
        .expect(201);
    let late = signed_in(&herald, "ann@d.example.com", "viewer", "d");
    late.page("/deliveries/live").expect(503);
    drop(tails);
    for browser in [&late, &first.unwrap()] {
        wait_for("a free seat", || {
            let mut tail = Tail::open(&herald, browser, "/deliveries/live");
            std::thread::sleep(Duration::from_millis(100));
            tail.until(": ").filter(|head| head.contains("200 OK"))
        });
    }
}

fn page_of(answer: crate::support::client::Answer) -> String {
    String::from_utf8(answer.body).unwrap()
}

#[test]
fn nobody_sees_another_account_s_deliveries() {
    let herald = Herald::launch();
    let target = Receiver::start(&[]);
    let webhook = herald.subscribe(&target.url, &["*"]);
    let event = herald.publish_event(&order(1));
    herald.delivery_in("sent", &event, &webhook);
    let operator = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    let other = herald.client.clone();
    let operator = crate::support::client::Client {
        token: Some(operator.trim().into()),
        ..other
    };
    operator
        .post("/v1/accounts", &json!({"name": "other"}))
        .expect(201);
    browser::user(&herald, "eve@example.com", "admin", "other");
    let mut eve = Browser::new(&herald.client);
    eve.sign_in("eve@example.com");
    assert_eq!(rows(&page(&eve, "/deliveries")).len(), 0);
    eve.page(&format!("/deliveries/{event}/{webhook}"))
        .expect(404);
    submit(&eve, &format!("/deliveries/{event}/{webhook}/resend"), &[]).expect(404);
    assert_eq!(
        rows(&page(&eve, &format!("/deliveries?webhook={webhook}"))).len(),
        0
    );
}
