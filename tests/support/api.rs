//! What tests ask most often, as the admin of an account: subscribing, publishing, waiting for a
//! delivery, reading the audit.

use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::wait_for;

impl Client {
    /// Creates a subscription; answers its id.
    #[track_caller]
    pub fn subscribe(&self, url: &str, triggers: &[&str]) -> String {
        self.subscribe_with(url, triggers, &json!({}))
    }

    /// Creates a subscription with more settings; answers its id.
    #[track_caller]
    pub fn subscribe_with(&self, url: &str, triggers: &[&str], more: &Value) -> String {
        let mut body = json!({"title": "A test", "url": url, "triggers": triggers});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        text(&self.post("/v1/subscriptions", &body).expect(201).json()["id"])
    }

    /// Switches a subscription: pause, resume, enable, disable.
    #[track_caller]
    pub fn switch(&self, subscription: &str, to: &str) -> Value {
        let path = format!("/v1/subscriptions/{subscription}/{to}");
        self.poke(&path).expect(200).json()
    }

    /// Resumes a subscription with a choice for what it held.
    #[track_caller]
    pub fn resume(&self, subscription: &str, held: &str) -> Value {
        let path = format!("/v1/subscriptions/{subscription}/resume");
        self.post(&path, &json!({ "held": held }))
            .expect(200)
            .json()
    }

    /// A subscription as it is now.
    #[track_caller]
    pub fn subscription(&self, id: &str) -> Value {
        self.get(&format!("/v1/subscriptions/{id}"))
            .expect(200)
            .json()
    }

    /// Publishes an event; answers its id.
    #[track_caller]
    pub fn publish_event(&self, body: &Value) -> String {
        let answer = self.publish(body.to_string().as_bytes());
        text(&answer.expect(202).json()["id"])
    }

    /// Publishes many events at once; answers their ids.
    #[track_caller]
    pub fn publish_batch(&self, events: impl Iterator<Item = Value>) -> Vec<String> {
        let body: String = events.map(|event| format!("{event}\n")).collect();
        let answer = self.send("POST", "/v1/events/batch", &[], body.as_bytes());
        let body = answer.expect(202).json();
        let ids = body["ids"].as_array().unwrap();
        ids.iter().map(text).collect()
    }

    /// One delivery with its attempts.
    #[track_caller]
    pub fn delivery(&self, event: &str, subscription: &str) -> Value {
        let path = format!("/v1/deliveries/{event}/{subscription}");
        self.get(&path).expect(200).json()
    }

    /// Sends one delivery again.
    pub fn resend(&self, event: &str, subscription: &str) -> Answer {
        self.poke(&format!("/v1/deliveries/{event}/{subscription}/resend"))
    }

    /// Waits until a delivery is in a state; answers it with its attempts.
    #[track_caller]
    pub fn delivery_in(&self, state: &str, event: &str, subscription: &str) -> Value {
        wait_for(&format!("{event} to be {state}"), || {
            let delivery = self.delivery(event, subscription);
            (delivery["state"] == state).then_some(delivery)
        })
    }

    /// Waits until nothing is open or in flight; answers the audit, which must be clean. The
    /// audit counts all accounts.
    #[track_caller]
    pub fn settled(&self) -> Value {
        let audit = wait_for("nothing to be open or in flight", || {
            let audit = self.audit();
            (audit["open"] == 0 && audit["in_flight"] == 0).then_some(audit)
        });
        assert_eq!(audit["difference"], 0, "{audit:#}");
        audit
    }

    /// The audit.
    #[track_caller]
    pub fn audit(&self) -> Value {
        self.get("/v1/audit").expect(200).json()
    }
}

/// A text within JSON.
#[track_caller]
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value}"))
        .to_owned()
}

/// A small event that fits its schema.
pub fn order(number: u64) -> Value {
    json!({"event_type": "ORDER_CREATED", "data": {"id": number.to_string()}})
}
