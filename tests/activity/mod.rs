//! The activity log as an application, a team and an operator meet it: recorded, found, counted,
//! never lost once acknowledged, never changed; and what Herald records of itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test ends at the first surprise, and prints its figures"
)]

mod catalogue;
mod faults;
mod finding;
mod own;
mod recording;

use serde_json::{Value, json};

use crate::support::client::Client;

/// An activity that the catalogue has.
fn submit(user: &str) -> Value {
    json!({"user": user, "group": "Order", "activity": "Submit", "payload": {"order": 7}})
}

/// Records one; its id.
#[track_caller]
fn record(client: &Client, activity: &Value) -> String {
    let answer = client.post("/v1/activities", activity);
    crate::support::api::text(&answer.expect(201).json()["id"])
}

/// The entries that a query finds, on all pages.
#[track_caller]
fn find(client: &Client, query: &str) -> Vec<Value> {
    client.list(&format!("/v1/activities?{query}"))
}
