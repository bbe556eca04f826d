//! Trying a subscription out: one attempt, marked, whatever the state, apart from the audit.

use serde_json::json;

use crate::support::Herald;
use crate::support::api::text;
use crate::support::scripted::Scripted;

#[test]
fn a_test_goes_to_a_paused_and_a_disabled_subscription_once_marked_and_uncounted() {
    let herald = Herald::launch();
    for (state, status, outcome) in [
        ("enable", 200, "sent"),
        ("pause", 200, "sent"),
        ("pause", 500, "failed"),
        ("disable", 200, "sent"),
        ("disable", 503, "failed"),
    ] {
        let target = Scripted::answering(status, "retry-after: 1\r\n");
        let id = herald.subscribe(&target.url, &["STORE_ORDER_*"]);
        herald.switch(&id, state);
        let path = format!("/v1/subscriptions/{id}/test");
        let begun = herald.poke(&path).expect(202).json();
        let ended = herald.delivery_in(outcome, &text(&begun["event_id"]), &id);
        assert_eq!(ended["test"], true);
        let attempts = ended["attempts"].as_array().unwrap();
        assert_eq!(
            (attempts.len(), &attempts[0]["origin"]),
            (1, &json!("test"))
        );
        let requests = target.requests();
        assert_eq!(requests.len(), 1, "{state} {status}");
        assert_eq!(requests[0].headers["webhook-test"], "true");
        assert_eq!(requests[0].id(), begun["event_id"]);
    }
    let audit = herald.settled();
    for counted in ["accepted", "targets", "sent", "failed"] {
        assert_eq!(audit[counted], 0, "{audit:#}");
    }
    assert_eq!(herald.count("select count(*) from delivery"), 0);
}

#[test]
fn a_test_that_is_sent_again_is_still_marked_as_one() {
    let herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let id = herald.subscribe(&target.url, &["*"]);
    let begun = herald
        .poke(&format!("/v1/subscriptions/{id}/test"))
        .expect(202)
        .json();
    let event = text(&begun["event_id"]);
    herald.delivery_in("sent", &event, &id);
    herald.resend(&event, &id).expect(202);
    crate::support::wait_until("it to come again", || target.requests().len() == 2);
    assert_eq!(
        target.requests()[1]
            .headers
            .get("webhook-test")
            .map(String::as_str),
        Some("true")
    );
    assert_eq!(herald.settled()["targets"], 0);
}
