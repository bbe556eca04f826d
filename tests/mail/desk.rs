//! What the tests of mail ask most often.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::client::Client;
use crate::support::{Herald, psql, wait_for};

/// A daemon that sends by this server.
pub fn herald(url: &str) -> Herald {
    herald_with(url, &[])
}

/// The same with more settings.
pub fn herald_with(url: &str, more: &[(&str, &str)]) -> Herald {
    let mut settings = vec![
        ("HERALD_SMTP_URL", url),
        ("HERALD_MAIL_FROM", "Hérald <herald@example.com>"),
    ];
    settings.extend_from_slice(more);
    Herald::launch_with(&settings)
}

/// A mail of a text.
pub fn letter(to: &[&str], subject: &str) -> Value {
    json!({"topic": "A Test", "to": to, "subject": subject, "text": "Hello,\n\nworld.\n"})
}

/// Sends a mail; its id.
#[track_caller]
pub fn send(client: &Client, mail: &Value) -> String {
    text(&client.post("/v1/mails", mail).expect(202).json()["id"])
}

/// A mail of the log.
#[track_caller]
pub fn mail(client: &Client, id: &str) -> Value {
    client.get(&format!("/v1/mails/{id}")).expect(200).json()
}

/// Waits until a mail is in a state.
#[track_caller]
pub fn mail_in(client: &Client, state: &str, id: &str) -> Value {
    wait_for(&format!("{id} to be {state}"), || {
        let mail = mail(client, id);
        (mail["state"] == state).then_some(mail)
    })
}

/// Waits until a mail was tried so often, and that is recorded.
#[track_caller]
pub fn tried(client: &Client, id: &str, times: usize) -> Value {
    wait_for(&format!("{id} to be tried {times} times"), || {
        let mail = mail(client, id);
        (mail["tries"].as_array().unwrap().len() >= times).then_some(mail)
    })
}

/// Makes all that waits due now.
pub fn hurry(herald: &Herald) {
    psql(
        &herald.database_url,
        "update mail_due set due_at = now() where claim_lane is null",
    );
}
