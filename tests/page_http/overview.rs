//! The first page: what needs attention, the figures, the audit, and what somebody new is shown;
//! and what a webhook's page says about why it fails.

use serde_json::json;

use crate::page_http::deliveries::{page, submit};
use crate::support::api::order;
use crate::support::browser::signed_in;
use crate::support::receiver::Receiver;
use crate::support::scripted::Scripted;
use crate::support::{Herald, wait_for, wait_until};

/// A page's words: its HTML without tags.
fn words(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in html.chars() {
        match letter {
            '<' => inside = true,
            '>' => inside = false,
            _ if !inside => text.push(letter),
            _ => {}
        }
    }
    text
}

#[test]
fn somebody_new_is_told_three_steps_and_each_is_done_when_it_is() {
    let herald = Herald::launch();
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    let first = page(&ann, "/");
    assert!(first.contains("Three steps to the first delivery"));
    assert_eq!(first.matches(">Done<").count(), 0);
    let target = Scripted::answering(200, "");
    herald.subscribe(&target.url, &["*"]);
    assert_eq!(page(&ann, "/").matches(">Done<").count(), 1);
    herald.publish_event(&order(1));
    let calm = page(&ann, "/");
    assert!(calm.contains("All is well") && !calm.contains("Three steps"));
    // Others than browsers are told what answers here, and strangers are sent to sign in.
    let told = herald.get("/").expect(200).json();
    assert_eq!(told["name"], "Herald");
}

#[test]
fn events_that_go_in_a_circle_are_shown_for_a_day_and_where_an_event_came_through() {
    let herald = Herald::launch();
    // Without a webhook the page has the first steps instead.
    herald.subscribe("https://example.com/", &["*"]);
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    let publish = |hops: &str| {
        let body = order(1).to_string();
        herald.send(
            "POST",
            "/v1/events",
            &[("herald-hops", hops)],
            body.as_bytes(),
        )
    };
    assert!(!words(&page(&ann, "/")).contains("circle"));
    publish(&vec!["x"; 16].join(",")).expect(508);
    let text = words(&page(&ann, "/"));
    assert!(
        text.contains("Events that go in a circle were refused"),
        "{text}"
    );
    let log = words(&page(&ann, "/activity?activity=Herald.Event+Loop+Refused"));
    assert!(log.contains("Event Loop Refused"), "{log}");
    herald.sql("update notice set at = at - interval '25 hours'");
    assert!(!words(&page(&ann, "/")).contains("circle"));

    let event = publish("one, two").expect(202).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let text = words(&page(&ann, &format!("/events/{event}")));
    assert!(text.contains("one, two (databases of Herald)"), "{text}");
}

#[test]
fn what_fails_comes_first_with_since_when_why_and_what_waits() {
    let herald = Herald::launch();
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    let (good, bad) = (Receiver::start(&[]), Receiver::start(&["--fail", "503"]));
    let gone = Receiver::start(&["--fail", "410"]);
    let name = |title: &str| json!({ "title": title });
    herald.subscribe_with(&good.url, &["*"], &name("Works"));
    let failing = herald.subscribe_with(&bad.url, &["*"], &name("Fails <i>"));
    let disabled = herald.subscribe_with(&gone.url, &["*"], &name("Gone"));
    let paused = herald.subscribe_with(&good.url, &["*"], &name("Waits"));
    herald.switch(&paused, "pause");
    let event = herald.publish_event(&order(1));
    herald.delivery_in("retrying", &event, &failing);
    wait_until("Herald to disable the other", || {
        herald.subscription(&disabled)["state"] == "disabled"
    });
    let text = wait_for("the failing one to be told", || {
        let text = words(&page(&ann, "/"));
        text.contains("Fails &lt;i&gt; began to fail")
            .then_some(text)
    });
    for said in [
        "The target answered 503 (Service Unavailable).",
        "1 delivery is waiting, next attempt in",
        "Gone was disabled by Herald",
        "Waits is paused and holds 1 delivery.",
    ] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
    assert!(!text.contains("All is well") && !text.contains("Works began"));
    let (attention, figures) = (text.find("Needs attention"), text.find("The last 24 hours"));
    assert!(attention < figures, "{text}");
    // The webhook's own page says the same, and what to do.
    let own = words(&page(&ann, &format!("/webhooks/{failing}")));
    for said in ["Deliveries began to fail", "answered 503", "see its log"] {
        assert!(own.contains(said), "{said} is not in {own}");
    }
    // It is mended: the next delivery arrives, and nothing is said of it any more.
    let _mended = bad.restart(&[]);
    herald.poke(&format!("/v1/deliveries/{event}/{failing}/resend"));
    herald.delivery_in("sent", &event, &failing);
    wait_until("the failing one to be forgotten", || {
        !words(&page(&ann, "/")).contains("began to fail")
    });
}

#[test]
fn the_figures_and_charts_hold_what_happened_in_each_range() {
    let herald = Herald::launch();
    let ann = signed_in(&herald, "ann@example.com", "viewer", "main");
    let target = Receiver::start(&[]);
    herald.subscribe(&target.url, &["*"]);
    herald.publish_batch((0..1_000).map(order));
    herald.publish_batch((0..234).map(order));
    herald.settled();
    for range in ["1h", "24h", "7d", "30d"] {
        let html = wait_for("the counts to be written", || {
            let html = page(&ann, &format!("/?range={range}"));
            (html.matches("1,234").count() >= 6).then_some(html)
        });
        assert!(html.len() < 40 << 10, "{range}: {} bytes", html.len());
        assert_eq!(html.matches("<figure").count(), 3);
        assert!(html.contains("100 %"), "{range}");
        assert!(!html.contains("style="), "{range}");
    }
    // A range that there is not is refused in words.
    let refused = ann.page("/?range=1y");
    assert_eq!(refused.status, 400);
    assert!(String::from_utf8_lossy(&refused.body).contains("1h, 24h, 7d or 30d"));
}

#[test]
fn an_audit_is_begun_by_a_button_and_what_it_found_is_kept() {
    let herald = Herald::launch();
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    let target = Receiver::start(&[]);
    let id = herald.subscribe(&target.url, &["*"]);
    let event = herald.publish_event(&order(1));
    herald.delivery_in("sent", &event, &id);
    wait_until("the one of the day", || {
        herald.count("select count(*) from audit_result") == 1
    });
    herald.sql("delete from audit_result");
    assert!(words(&page(&ann, "/")).contains("not checked yet"));
    let begun = submit(&ann, "/audit", &[]);
    assert_eq!(begun.status, 303);
    let sent = "select coalesce(max(sent), 0) from audit_result where account_id = \
        '00000000-0000-0000-0000-000000000000'";
    wait_until("the audit", || herald.count(sent) == 1);
    assert!(words(&page(&ann, "/")).contains("whole server, checked"));
    // A delivery that is in no place at all is told first of all.
    herald.sql("delete from attempt");
    // Until the lane's mark has passed it, it counts as in flight.
    wait_until("the loss", || herald.audit()["lost"] == 1);
    let text = words(&page(&ann, "/"));
    assert!(
        text.contains("The delivery check found 1 missing and 0 duplicated"),
        "{text}"
    );
    // Who may only look has no button, and cannot begin one.
    let bob = signed_in(&herald, "bob@example.com", "viewer", "main");
    assert!(!page(&bob, "/").contains("Check now"));
    assert_eq!(submit(&bob, "/audit", &[]).status, 403);
}
