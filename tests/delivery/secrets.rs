//! Rotating the secret of a subscription.

use herald::domain::secret::Secret;
use herald::domain::signature::verify;
use serde_json::json;

use crate::support::Herald;
use crate::support::api::{order, text};
use crate::support::scripted::{Request, Scripted};
use crate::support::wait_for;

fn verifies(request: &Request, secret: &Secret) -> bool {
    let stamp = &request.headers["webhook-timestamp"];
    let now = stamp.parse().unwrap();
    let signatures = &request.headers["webhook-signature"];
    let secrets = std::slice::from_ref(secret);
    verify(
        secrets,
        request.id(),
        stamp,
        signatures,
        &request.body,
        now,
        300,
    )
    .is_ok()
}

/// Publishes until a delivery has so many signatures: a change is known within a second.
fn signed_by(herald: &Herald, target: &Scripted, id: &str, number: usize) -> Request {
    wait_for("another number of signatures", || {
        let event = herald.publish_event(&order(1));
        herald.delivery_in("sent", &event, id);
        let request = target.requests().pop().unwrap();
        let signatures = request.headers["webhook-signature"].split(' ').count();
        (signatures == number).then_some(request)
    })
}

#[test]
fn both_secrets_sign_while_they_overlap_and_the_new_one_alone_after() {
    let herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let id = herald.subscribe(&target.url, &["*"]);
    let path = format!("/v1/subscriptions/{id}/secret");
    let secret = || Secret::parse(&text(&herald.get(&path).expect(200).json()["secret"])).unwrap();
    let old = secret();
    assert!(verifies(&signed_by(&herald, &target, &id, 1), &old));
    let rotate = json!({ "overlap_hours": 24 });
    herald.post(&format!("{path}/rotate"), &rotate).expect(200);
    let new = secret();
    let both = signed_by(&herald, &target, &id, 2);
    assert!(verifies(&both, &old) && verifies(&both, &new));
    // As if a day had passed.
    // In one transaction: who reads between two would not see the second.
    herald.sql(
        "update subscription_secret set expires_at = now() + interval '1 second' \
             where expires_at is not null; \
         update routing set version = version + 1; \
         update subscription set version = (select version from routing)",
    );
    let alone = signed_by(&herald, &target, &id, 1);
    assert!(verifies(&alone, &new) && !verifies(&alone, &old));
    let shown = herald.get(&path).expect(200).json();
    assert_eq!(shown["previous"], json!([]));
}
