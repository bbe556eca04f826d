//! What stands in the database, and that deliveries are the same.

use serde_json::json;

use super::{PATH, assert_signed, deliver, keys_of_values, secret_of, wait_sealed};
use crate::support::Herald;
use crate::support::api::text;
use crate::support::scripted::Scripted;

#[test]
fn nothing_readable_stands_in_the_database_and_deliveries_are_signed_as_before() {
    let mut herald = Herald::launch();
    let target = Scripted::answering(200, "");
    wait_sealed(&herald);
    let more = json!({ "headers": { "x-api-key": "open sesame" } });
    let url = format!("{}{PATH}", target.url);
    let id = herald.subscribe_with(&url, &["*"], &more);
    let secret = secret_of(&herald, &id);
    let request = deliver(&herald, &target, &id);
    assert_signed(&request, &secret);
    assert_eq!(request.headers["x-api-key"], "open sesame");
    assert_eq!(request.path, format!("/{PATH}"));

    wait_sealed(&herald);
    let rows = [
        herald.sql("select k::text from subscription_secret k"),
        herald.sql("select s::text from subscription s"),
        herald.sql("select a::text from activity a"),
        herald.sql("select a::text from attempt a"),
    ]
    .concat();
    let hex: String = secret
        .as_bytes()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let hidden: String = b"open sesame".iter().map(|b| format!("{b:02x}")).collect();
    // The names of headers are in the activity log, for people.
    let values = herald.sql("select s::text from subscription s");
    assert!(!values.contains("x-api-key"), "{values}");
    for readable in [&*hex, &*hidden, "open sesame", "XyZ123", "services"] {
        assert!(!rows.contains(readable), "{readable} in {rows}");
    }
    assert_eq!(keys_of_values(&herald), "1");

    // After a restart, after a change, after a rotation of the secret.
    herald.terminate();
    herald.spawn();
    let request = deliver(&herald, &target, &id);
    assert_signed(&request, &secret);
    assert_eq!(request.path, format!("/{PATH}"));
    let path = format!("/v1/subscriptions/{id}");
    let change = json!({ "headers": { "x-api-key": "another", "x-two": "2" } });
    let changed = herald.patch(&path, &change).expect(200).json();
    assert_eq!(changed["headers"], change["headers"]);
    let rotate = json!({ "overlap_hours": 0 });
    let rotated = herald.post(&format!("{path}/secret/rotate"), &rotate);
    let new = text(&rotated.expect(200).json()["secret"]);
    let new = herald::domain::secret::Secret::parse(&new).unwrap();
    let request = crate::support::wait_for("the new headers", || {
        let request = deliver(&herald, &target, &id);
        (request.headers["x-api-key"] == "another").then_some(request)
    });
    assert_eq!(request.headers["x-two"], "2");
    assert_signed(&request, &new);
    wait_sealed(&herald);
    herald.patch(&path, &json!({ "headers": {} })).expect(200);
    crate::support::wait_until("no own headers", || {
        let request = deliver(&herald, &target, &id);
        !request.headers.contains_key("x-api-key")
    });
    herald.settled();
}
