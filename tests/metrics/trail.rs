//! One event followed through Herald by its id in the log, among others.

use serde_json::{Value, json};

use crate::support::api::order;
use crate::support::scripted::{Scripted, answer};
use crate::support::{Herald, wait_until};

/// Something in the payload that no line may show.
const PRIVATE: &str = "ann-lives-in-elm-street";

/// A daemon that tells of events, with a target that refuses the first attempt at each event that
/// is private. Answers the event's lines of the log, another event's, and the subscription.
fn followed(format: &str) -> (Herald, String, String, String) {
    let herald = Herald::launch_with(&[
        ("HERALD_LOG", "info,herald::event=debug"),
        ("HERALD_LOG_FORMAT", format),
    ]);
    let target = Scripted::start(|request, stream| {
        let private = String::from_utf8_lossy(&request.body).contains(PRIVATE);
        let first = request.path == "/first" || !private;
        answer(
            stream,
            if first { 200 } else { 503 },
            "",
            PRIVATE.as_bytes(),
        )
    });
    let bad = format!("{}bad?key={PRIVATE}", target.url);
    let more = json!({ "retry_schedule": [1], "headers": { "x-key": PRIVATE } });
    let subscription = herald.subscribe_with(&bad, &["ORDER_*"], &more);
    let paused = herald.subscribe(&target.url, &["ORDER_CREATED"]);
    herald.switch(&paused, "pause");
    let others = (0..20).map(order);
    let others = herald.publish_batch(others);
    let event = json!({ "event_type": "ORDER_CREATED", "data": { "id": PRIVATE } });
    let event = herald.publish_event(&event);
    herald.publish_batch((20..40).map(order));
    herald.delivery_in("failed", &event, &subscription);
    wait_until("the end is told", || {
        let log = herald.log();
        let mut lines = log.lines().filter(|line| line.contains(&event));
        lines.any(|line| line.contains("delivery ended"))
    });
    (herald, event, others[0].clone(), subscription)
}

/// The words of each step that a delivery of this subscription takes, in their order.
const STEPS: [&str; 13] = [
    "accepted",
    "matched",
    "spilled to a row",
    "queued",
    "attempt begun",
    "attempt ended",
    "recorded",
    "to be tried again",
    "claimed",
    "attempt begun",
    "attempt ended",
    "recorded",
    "delivery ended",
];

#[test]
fn one_event_is_followed_from_publish_through_a_retry_to_its_end_by_its_id() {
    let (herald, event, other, subscription) = followed("json");
    let log = herald.log();
    let lines: Vec<Value> = (log.lines())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let of = |event: &str| -> Vec<&Value> {
        let fits = |line: &&Value| line["fields"]["event"] == event;
        lines.iter().filter(fits).collect()
    };
    let mine = of(&event);
    let words: Vec<&str> = (mine.iter())
        .map(|line| line["fields"]["message"].as_str().unwrap())
        .collect();
    assert_eq!(words, STEPS, "{mine:#?}");
    let field = |step: usize, name: &str| &mine[step]["fields"][name];
    assert_eq!(field(0, "event_type"), "ORDER_CREATED");
    assert!(field(0, "account").as_str().unwrap().starts_with("acc_"));
    assert_eq!(field(1, "subscriptions"), 2);
    let ids = field(1, "ids").as_str().unwrap();
    assert!(ids.contains(&subscription), "{ids}");
    assert_eq!(field(2, "why"), "the subscription holds it");
    for step in 3..STEPS.len() {
        assert_eq!(field(step, "subscription"), &json!(subscription));
        let attempt = match step {
            3 => &Value::Null,
            4..=7 => &json!(1),
            _ => &json!(2),
        };
        assert_eq!(field(step, "attempt"), attempt, "{step}");
    }
    for (step, outcome) in [(5, "retry"), (10, "failed")] {
        assert_eq!(field(step, "outcome"), outcome);
        assert_eq!(field(step, "status"), 503);
        assert!(field(step, "duration_ms").is_i64() || field(step, "duration_ms").is_u64());
    }
    // When it is tried again is a time that the claim keeps to.
    let again = field(7, "at").as_str().unwrap();
    let claimed = mine[8]["timestamp"].as_str().unwrap();
    assert!(again < claimed, "{again} {claimed}");
    assert_eq!(field(12, "outcome"), "failed");
    // An event that is taken at once has an end after its first attempt.
    let others: Vec<&str> = (of(&other).iter())
        .map(|line| line["fields"]["message"].as_str().unwrap())
        .collect();
    let once = [
        "attempt begun",
        "attempt ended",
        "recorded",
        "delivery ended",
    ];
    assert_eq!(others[others.len() - 4..], once);

    // Nothing of the payload, of the answer, of the target's address and headers, no secret.
    let secret = herald.run(&["subscription", "secret", &subscription]);
    for private in [PRIVATE, secret.trim(), "whsec_"] {
        assert!(!log.contains(private), "{private} in the log");
    }
}

#[test]
fn in_text_each_step_is_a_line_with_the_event_as_a_field() {
    let (herald, event, _, subscription) = followed("text");
    let log = herald.log();
    let mine = log.lines().filter(|line| line.contains(&event));
    let mine: Vec<&str> = mine.collect();
    assert_eq!(mine.len(), STEPS.len(), "{mine:#?}");
    for (line, step) in mine.iter().zip(STEPS) {
        assert!(line.contains(&format!("event={event}")), "{line}");
        assert!(line.contains(step), "{step}: {line}");
    }
    let begun = format!("attempt begun event={event} subscription={subscription} attempt=2");
    assert!(mine[9].contains(&begun), "{}", mine[9]);
    assert!(!log.contains(PRIVATE), "the log holds a payload");
}

#[test]
fn without_the_filter_no_event_is_told() {
    let herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let subscription = herald.subscribe(&target.url, &["ORDER_*"]);
    let event = herald.publish_event(&order(1));
    herald.delivery_in("sent", &event, &subscription);
    assert!(!herald.log().contains(&event), "{}", herald.log());
}
