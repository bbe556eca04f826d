//! What Herald sends is what was published, and the public Standard Webhooks libraries (from
//! crates.io, PyPI and npm) verify it. So does what the guide on verifying shows in seven languages.
//! `scripts/test` installs the libraries from PyPI and npm, and says where they are by
//! HERALD_TEST_PYTHON (an interpreter) and HERALD_TEST_NODE_MODULES (a folder).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test ends at the first surprise, and takes its paths from scripts/test"
)]

mod capture;
mod guide;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use herald::catalogue;
use herald::transport::api_client::{ApiClient, Method};
use serde_json::{Value, json};

use self::capture::{Capture, Captured};
use crate::support::Herald;

/// How often the warm-up asks whether a rotated secret signs.
const WARM_UPS: usize = 200;

/// A delivery as the verifiers get it.
struct Case {
    secret: String,
    request: Captured,
    valid: bool,
}

#[actix_rt::test]
async fn the_bytes_received_are_those_published_and_three_libraries_verify_them() {
    let (python, node_modules) = (tool("HERALD_TEST_PYTHON"), tool("HERALD_TEST_NODE_MODULES"));
    let herald = Herald::start().await;
    let api = ApiClient::new(&herald.url, &herald.admin_token, None).unwrap();
    let capture = Capture::start().await;
    let (_, first) = subscribe(&api, &format!("{}/one", capture.url)).await;
    let (id, old) = subscribe(&api, &format!("{}/two", capture.url)).await;
    let path = format!("/v1/subscriptions/{id}");
    let rotate = json!({ "overlap_hours": 24 });
    let _: Value = api
        .call_json(Method::POST, &format!("{path}/secret/rotate"), &rotate)
        .await
        .unwrap();
    let told: Value = api.get(&format!("{path}/secret"), &[]).await.unwrap();
    let new = told["secret"].as_str().unwrap().to_owned();
    assert_ne!(old, new);
    both_secrets_sign(&api, &capture).await;

    let mut published = BTreeMap::new();
    for body in bodies() {
        published.insert(publish(&api, &body).await, body);
    }
    let of_these = |request: &Captured| published.contains_key(&request.headers["webhook-id"]);
    let received = capture.wait_for(2 * published.len(), of_these).await;

    let mut seen = BTreeSet::new();
    for request in &received {
        let id = &request.headers["webhook-id"];
        assert!(
            seen.insert((request.path.clone(), id.clone())),
            "{id} came twice"
        );
        assert!(request.body == published[id], "{id} was changed on its way");
        let signatures = request.headers["webhook-signature"].split(' ').count();
        assert_eq!(signatures, if request.path == "/one" { 1 } else { 2 });
        assert_eq!(request.headers["content-type"], "application/json");
    }
    assert_eq!(seen.len(), 2 * published.len());

    let cases = cases(&received, &first, &[&old, &new]);
    verify_in_rust(&cases);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("received.jsonl");
    std::fs::write(&file, jsonl(&cases)).unwrap();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/standard_webhooks");
    let mut in_python = Command::new(python);
    in_python.arg(scripts.join("verify.py"));
    let mut in_node = Command::new("node");
    in_node
        .arg(scripts.join("verify.mjs"))
        .env("HERALD_TEST_NODE_MODULES", node_modules);
    for mut verifier in [in_python, in_node] {
        let output = verifier.arg(&file).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{verifier:?}: {told}");
        let checked = String::from_utf8_lossy(&output.stdout);
        assert_eq!(checked.trim(), cases.len().to_string(), "{verifier:?}");
    }
}

fn tool(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run this test by scripts/test, which installs the verifiers")
    })
}

/// Subscribes to everything; answers the id and the secret.
async fn subscribe(api: &ApiClient, target: &str) -> (String, String) {
    let body = json!({ "title": target, "url": target, "triggers": ["*"] });
    let made: Value = api
        .call_json(Method::POST, "/v1/subscriptions", &body)
        .await
        .unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

async fn publish(api: &ApiClient, body: &[u8]) -> String {
    let body = Bytes::copy_from_slice(body);
    let answer: Value = api
        .publish("/v1/events", "application/json", body, None)
        .await
        .unwrap();
    assert_eq!(answer["deliveries"], 2, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

/// Publishes until a delivery carries two signatures: a rotation may take a second to be known
/// wherever deliveries are made.
async fn both_secrets_sign(api: &ApiClient, capture: &Capture) {
    for _ in 0..WARM_UPS {
        let id = publish(api, br#"{"event_type":"PUBLISH"}"#).await;
        let this =
            |request: &Captured| request.path == "/two" && request.headers["webhook-id"] == id;
        let request = capture.wait_for(1, this).await.remove(0);
        if request.headers["webhook-signature"].split(' ').count() == 2 {
            return;
        }
    }
    panic!("{WARM_UPS} deliveries after the rotation only one secret signs");
}

/// Every built-in example, and bodies that a careless sender would change or cut.
fn bodies() -> Vec<Vec<u8>> {
    let examples = catalogue::builtin().iter();
    let examples = examples.map(|it| it.example.as_ref().expect("an example").get());
    let mut bodies: Vec<Vec<u8>> = examples
        .map(|example| example.as_bytes().to_vec())
        .collect();
    assert!(bodies.len() >= 33, "{} examples", bodies.len());
    // Spaces, escapes, number forms, an order of keys and a repeated key that no parser gives back.
    bodies.push(
        "\n{ \"z\": 1.0e5,\t\"event_type\" : \"PUBLISH\", \"a\":\"Zo\\u00eb / Zoë \\/ 注文 🎉 ب\u{2028}\",\r\n \
         \"n\": 123456789012345678901234567890.10, \"z\": -0 } \n"
            .as_bytes()
            .to_vec(),
    );
    let large = |unit: &str| {
        let (head, tail) = ("{\"event_type\":\"PUBLISH\",\"data\":\"", "\"}");
        let room = 256 * 1024 - head.len() - tail.len();
        let fill = unit.repeat(room / unit.len()) + "x".repeat(room % unit.len()).as_str();
        [head, &fill, tail].concat().into_bytes()
    };
    bodies.extend([large("a"), large("注文🎉é")]);
    assert!(
        bodies
            .iter()
            .rev()
            .take(2)
            .all(|body| body.len() == 256 * 1024)
    );
    bodies
}

/// Each delivery with each secret that signed it; and, so that a verifier that says yes to all
/// is found out, with a secret that did not and with a changed body.
fn cases(received: &[Captured], first: &str, both: &[&str]) -> Vec<Case> {
    let mut cases = Vec::new();
    for request in received {
        let (right, wrong) = if request.path == "/one" {
            (vec![first], both[0])
        } else {
            (both.to_vec(), first)
        };
        let case = |secret: &str, request: &Captured, valid| Case {
            secret: secret.to_owned(),
            request: request.clone(),
            valid,
        };
        cases.extend(right.iter().map(|secret| case(secret, request, true)));
        cases.push(case(wrong, request, false));
        let mut changed = request.clone();
        changed.body.push(b' ');
        cases.push(case(right[0], &changed, false));
    }
    cases
}

fn verify_in_rust(cases: &[Case]) {
    for case in cases {
        let mut headers = http::HeaderMap::new();
        for (name, value) in &case.request.headers {
            let name: http::HeaderName = name.parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        let webhook = standardwebhooks::Webhook::new(&case.secret).unwrap();
        let verified = webhook.verify(&case.request.body, &headers);
        assert_eq!(
            verified.is_ok(),
            case.valid,
            "{:?}: {verified:?}",
            case.request.headers
        );
    }
}

fn jsonl(cases: &[Case]) -> String {
    let line = |case: &Case| {
        let line = json!({
            "secret": case.secret,
            "headers": case.request.headers,
            "body_base64": STANDARD.encode(&case.request.body),
            "valid": case.valid,
        });
        format!("{line}\n")
    };
    cases.iter().map(line).collect()
}
