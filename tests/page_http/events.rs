//! The reference of event types, an event with who got it and who did not, and publishing one.

use serde_json::json;

use crate::page_http::deliveries::{page, rows, submit};
use crate::support::Herald;
use crate::support::api::order;
use crate::support::browser::signed_in;
use crate::support::receiver::Receiver;

#[test]
fn the_catalogue_is_shown_by_groups_and_searched() {
    let herald = Herald::launch();
    let ann = signed_in(&herald, "ann@example.com", "viewer", "main");
    let all = page(&ann, "/events");
    for text in [
        "STORE_ORDER_CREATED",
        "CONTACT_FORM_SENT_V2",
        "Back office",
        "Blog",
    ] {
        assert!(all.contains(text), "{text}: {all}");
    }
    assert!(!all.contains("/events/new"), "a viewer adds nothing");
    let found = page(&ann, "/events?q=blog");
    assert!(found.contains("BLOG_POST_PUBLISH") && !found.contains("STORE_ORDER_CREATED"));
    assert!(page(&ann, "/events?q=zzzz").contains("No event type matches this search"));
}

#[test]
fn a_type_tells_its_fields_its_example_and_where_it_goes() {
    let herald = Herald::launch();
    let target = Receiver::start(&[]);
    let here = herald.subscribe_with(
        &target.url,
        &["BLOG_*"],
        &json!({"title": "<b>Readers</b>"}),
    );
    herald.subscribe_with(&target.url, &["ORDER_*"], &json!({"title": "Shop"}));
    let ann = signed_in(&herald, "ann@example.com", "viewer", "main");
    let html = page(&ann, "/events/types/BLOG_POST_PUBLISH");
    for text in [
        "A blog post went live.",
        "data.republish",
        "True if the post was live already and is published anew.",
        "One of &quot;EDITOR&quot;.",
        "<strong>required</strong>",
        "The Art of Playing Baseball",
        "1 webhook gets it today.",
        "&lt;b&gt;Readers&lt;/b&gt;",
        &here,
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(!html.contains("Shop") && !html.contains("Publish this example"));
    ann.page("/events/types/NOT_THERE").expect(404);
}

#[test]
fn an_example_is_published_and_its_faults_stand_beside_the_box() {
    let herald = Herald::launch();
    let target = Receiver::start(&[]);
    let webhook = herald.subscribe(&target.url, &["PUBLISH"]);
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    let html = page(&ann, "/events/types/PUBLISH");
    assert!(
        html.contains("Publish this example") && html.contains("<textarea"),
        "{html}"
    );
    let path = "/events/types/PUBLISH/publish";
    let body = "{\r\n  \"event_type\": \"PUBLISH\",\r\n  \"n\": 1.50\r\n}";
    let answer = submit(&ann, path, &[("body", body)]).expect(303);
    let at = answer.header("location").unwrap();
    let event = at
        .strip_prefix("/events/")
        .unwrap()
        .split('?')
        .next()
        .unwrap();
    let shown = page(&ann, at);
    assert!(
        shown.contains("The event was published.") && shown.contains("1.50"),
        "{shown}"
    );
    herald.delivery_in("sent", event, &webhook);
    let raw = ann.page(&format!("/events/{event}/raw")).expect(200);
    assert_eq!(
        raw.body,
        b"{\n  \"event_type\": \"PUBLISH\",\n  \"n\": 1.50\n}"
    );
    let name = format!("attachment; filename=\"{event}.json\"");
    assert_eq!(raw.header("content-disposition"), Some(name.as_str()));
    for (body, words) in [
        ("{\"event_type\": ", "broken JSON at line 1"),
        ("{\"event_type\": \"PUBLISHED\"}", "did you mean PUBLISH"),
        (
            "</textarea><script>x</script>",
            "&lt;/textarea&gt;&lt;script&gt;",
        ),
    ] {
        let answer = submit(&ann, path, &[("body", body)]);
        assert!(
            answer.status == 400 || answer.status == 422,
            "{}",
            answer.status
        );
        let html = String::from_utf8(answer.body).unwrap();
        assert!(
            html.contains(words) && html.contains("aria-invalid"),
            "{words}: {html}"
        );
        assert!(!html.contains("<script>x"), "{html}");
    }
    let bob = signed_in(&herald, "bob@example.com", "viewer", "main");
    submit(&bob, path, &[("body", body)]).expect(403);
}

#[test]
fn an_event_says_who_got_it_and_for_each_webhook_that_did_not_why_not() {
    let herald = Herald::launch();
    let target = Receiver::start(&[]);
    let titled = |title: &str, triggers: &[&str]| {
        herald.subscribe_with(&target.url, triggers, &json!({"title": title}))
    };
    let got = titled("Gets it", &["ORDER_*"]);
    titled("Blog alone", &["BLOG_*", "PUBLISH"]);
    let off = titled("Switched off", &["*"]);
    herald.switch(&off, "disable");
    let gone = titled("Gone before", &["*"]);
    herald
        .delete(&format!("/v1/subscriptions/{gone}"))
        .expect(204);
    let changed = titled("Changed later", &["PUBLISH"]);
    let event = herald.publish_event(&order(1));
    herald
        .patch(
            &format!("/v1/subscriptions/{changed}"),
            &json!({"triggers": ["*"]}),
        )
        .expect(200);
    titled("Came later", &["*"]);
    herald.delivery_in("sent", &event, &got);
    let ann = signed_in(&herald, "ann@example.com", "viewer", "main");
    let html = page(&ann, &format!("/events/{event}"));
    let (who, not) = html.split_once("Webhooks that did not get it").unwrap();
    assert!(
        who.contains("1 webhook got it") && who.contains("Gets it"),
        "{who}"
    );
    let reason = |title: &str| {
        let rest = not
            .split_once(title)
            .unwrap_or_else(|| panic!("{title}: {not}"))
            .1;
        let rest = rest.split("</li>").next().unwrap();
        // The text without its tags.
        let parts = rest.split('<').filter_map(|part| part.split_once('>'));
        parts.map(|(_, text)| text).collect::<String>()
    };
    assert_eq!(
        reason("Blog alone"),
        "None of its triggers matches ORDER_CREATED: it has BLOG_*, PUBLISH."
    );
    assert_eq!(reason("Switched off"), "It was disabled.");
    assert!(reason("Changed later").contains("before, it was disabled or had other triggers"));
    assert!(
        reason("Came later").starts_with("It was added "),
        "{}",
        reason("Came later")
    );
    assert!(
        !not.contains("Gone before") && !not.contains("Gets it"),
        "{not}"
    );
    ann.page("/events/evt_01h455vb4pex5vsknk084sn02q")
        .expect(404);
}

#[test]
fn recent_events_are_filtered_by_topic_and_date() {
    let herald = Herald::launch();
    herald.publish_batch((0..60).map(order));
    let other = herald.publish_event(&json!({"event_type": "PUBLISH"}));
    let ann = signed_in(&herald, "ann@example.com", "viewer", "main");
    let first = page(&ann, "/events/log");
    assert_eq!(rows(&first).len(), 50);
    let next = first.split("rel=\"next\" href=\"").nth(1).unwrap();
    let next = next.split('"').next().unwrap().replace("&amp;", "&");
    assert_eq!(rows(&page(&ann, &next)).len(), 11);
    let only = page(&ann, "/events/log?topic=PUBLISH");
    assert!(rows(&only).len() == 1 && only.contains(&other), "{only}");
    assert!(page(&ann, "/events/log?to=2020-01-01").contains("No event matches these filters"));
}

#[test]
fn own_types_are_added_changed_and_deleted_by_an_admin() {
    let herald = Herald::launch();
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    let schema = r#"{"type":"object","required":["x"],"properties":{"x":{"type":"integer","minimum":1,"description":"<i>How many</i>"}}}"#;
    let fields = |name: &'static str, example: &'static str| {
        [
            ("name", name),
            ("title", "Tea made"),
            ("group", "Kitchen"),
            ("description", "Somebody made tea."),
            ("schema", schema),
            ("example", example),
            ("validation", "reject"),
        ]
    };
    let wrong = submit(&ann, "/events/new", &fields("TEA MADE", "{\"x\": 0}")).expect(422);
    let html = String::from_utf8(wrong.body).unwrap();
    assert!(
        html.contains("id=\"name-error\"") && html.contains("id=\"example-error\""),
        "{html}"
    );
    assert!(
        html.contains("Somebody made tea."),
        "what was written stays: {html}"
    );
    let broken = submit(&ann, "/events/new", &fields("TEA_MADE", "{")).expect(422);
    assert!(
        String::from_utf8(broken.body)
            .unwrap()
            .contains("is not valid JSON")
    );
    let good = r#"{"event_type":"TEA_MADE","x":1}"#;
    let made = submit(&ann, "/events/new", &fields("TEA_MADE", good)).expect(303);
    let html = page(&ann, made.header("location").unwrap());
    for text in [
        "Kitchen",
        "At least 1.",
        "&lt;i&gt;How many&lt;/i&gt;",
        "is refused",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    let path = "/events/types/TEA_MADE";
    let edit = page(&ann, &format!("{path}/edit"));
    assert!(edit.contains("value=\"Tea made\""), "{edit}");
    let mut changed = fields("TEA_MADE", good);
    changed[1].1 = "Tea was made";
    submit(&ann, &format!("{path}/edit"), &changed).expect(303);
    assert!(page(&ann, path).contains("Tea was made"));
    let off = [("validation", "off")];
    submit(&ann, "/events/types/PUBLISH/edit", &off).expect(303);
    assert!(page(&ann, "/events/types/PUBLISH").contains("not checked against the schema"));
    submit(&ann, &format!("{path}/delete"), &[]).expect(303);
    ann.page(path).expect(404);
    submit(&ann, "/events/types/PUBLISH/delete", &[]).expect(409);
    let bob = signed_in(&herald, "bob@example.com", "viewer", "main");
    submit(&bob, "/events/new", &fields("TEA_MADE", good)).expect(403);
}
