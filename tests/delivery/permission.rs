//! Addresses are judged when a subscription is made and again at each attempt.

use serde_json::json;

use crate::support::Herald;
use crate::support::api::{order, text};
use crate::support::scripted::Scripted;

#[test]
fn a_plain_http_target_outside_the_allowed_networks_is_refused() {
    let herald = Herald::launch();
    for url in [
        "http://93.184.215.14/",
        "http://10.0.0.1/",
        "http://[2606:4700::1]/",
    ] {
        let body = json!({ "url": url, "triggers": ["*"] });
        let refused = herald.post("/v1/subscriptions", &body).expect(422);
        assert_eq!(refused.pointers(), ["/url"], "{url}");
    }
}

#[test]
fn an_address_that_is_forbidden_at_the_attempt_fails_it_with_the_rule_in_words() {
    let mut herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let named = target.url.replace("127.0.0.1", "localhost");
    let more = json!({ "retry_schedule": [] });
    let ids = [&target.url, &named].map(|url| herald.subscribe_with(url, &["*"], &more));
    let event = herald.publish_event(&order(1));
    for id in &ids {
        herald.delivery_in("sent", &event, id);
    }
    herald.terminate();
    herald.set("HERALD_ALLOW_NETWORKS", "");
    herald.spawn();
    let event = herald.publish_event(&order(2));
    for id in &ids {
        let failed = herald.delivery_in("failed", &event, id);
        let words = text(&failed["last_error"]);
        println!("{words}");
        assert!(words.contains("not permitted"), "{words}");
        assert!(
            words.contains("127.0.0.0/8") || words.contains("::/8"),
            "{words}"
        );
        assert_eq!(failed["attempts"][0]["response"], json!(null));
    }
    assert_eq!(
        target.requests().len(),
        2,
        "nothing is sent to a forbidden address"
    );
}

#[test]
fn a_port_of_another_service_is_refused_and_a_setting_opens_it() {
    let mut herald = Herald::launch_with(&[("HERALD_ALLOW_PORTS", "1,25")]);
    let make = |herald: &Herald, url: &str| {
        let body = json!({ "url": url, "triggers": ["*"], "retry_schedule": [] });
        herald.post("/v1/subscriptions", &body)
    };
    let made = make(&herald, "http://127.0.0.1:1/").expect(201);
    let id = text(&made.json()["id"]);
    make(&herald, "https://93.184.215.14:25/").expect(201);
    let refused = make(&herald, "https://93.184.215.14:22/").expect(422);
    assert_eq!(refused.pointers(), ["/url"]);
    assert!(
        refused
            .body
            .windows(18)
            .any(|it| it == b"HERALD_ALLOW_PORTS")
    );
    // Plain http's own port is for networks that the operator opened.
    make(&herald, "http://127.0.0.1/").expect(201);
    make(&herald, "https://93.184.215.14:80/").expect(422);
    // What was made before the port was closed is judged again at each attempt.
    herald.terminate();
    herald.set("HERALD_ALLOW_PORTS", "");
    herald.spawn();
    let event = herald.publish_event(&order(1));
    let failed = herald.delivery_in("failed", &event, &id);
    let words = text(&failed["last_error"]);
    assert!(
        words.contains("HERALD_ALLOW_PORTS could permit it"),
        "{words}"
    );
}
