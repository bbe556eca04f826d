//! Asking the API, and judging that every refusal is a problem document.

use std::time::Duration;

use serde_json::{Value, json};

use super::Herald;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; null if it is empty.
    pub body: Value,
}

impl Answer {
    /// A header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }
}

/// One request; `token` empty: without one.
pub fn ask(
    url: &str,
    token: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> Result<Answer, ureq::Error> {
    thread_local! {
        static AGENT: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
    }
    let mut request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{url}{path}"));
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = AGENT.with(|agent| match body {
        Some(body) => agent.run(request.body(body).unwrap()),
        None => agent.run(request.body(()).unwrap()),
    })?;
    let status = response.status().as_u16();
    let headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned()))
        .collect();
    let text = response
        .body_mut()
        .with_config()
        .limit(64 << 20)
        .read_to_string()?;
    let answer = Answer {
        status,
        headers,
        body: serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.clone())),
    };
    if status >= 400 {
        let kind = answer.header("content-type").unwrap_or_default();
        assert!(
            kind.starts_with("application/problem+json"),
            "{status} as {kind}: {text}"
        );
        for field in ["type", "title", "status", "detail"] {
            assert!(answer.body.get(field).is_some(), "no {field} in {text}");
        }
    }
    Ok(answer)
}

impl Herald {
    /// A request as the admin.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(ToString::to_string);
        let headers: &[(&str, &str)] = if body.is_some() {
            &[("content-type", "application/json")]
        } else {
            &[]
        };
        let body = body.as_deref().map(str::as_bytes);
        ask(&self.url, &self.admin_token, method, path, headers, body).unwrap()
    }

    /// GET that succeeds.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.ask("GET", path, None).expect(200)
    }

    /// POST, whatever it answers.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, Some(body))
    }

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
        let created = self.post("/v1/subscriptions", &body).expect(201);
        created["id"].as_str().unwrap().to_owned()
    }

    /// Publishes one event; answers its id.
    #[track_caller]
    pub fn publish(&self, body: &Value) -> String {
        self.post("/v1/events", body).expect(202)["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Publishes many events at once; answers their ids.
    #[track_caller]
    pub fn publish_batch(&self, events: impl Iterator<Item = Value>) -> Vec<String> {
        let body: String = events.map(|event| format!("{event}\n")).collect();
        let answer = ask(
            &self.url,
            &self.admin_token,
            "POST",
            "/v1/events/batch",
            &[("content-type", "application/x-ndjson")],
            Some(body.as_bytes()),
        );
        let body = answer.unwrap().expect(202);
        let ids = body["ids"].as_array().unwrap();
        ids.iter()
            .map(|id| id.as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits until a delivery is in a state; answers it with its attempts.
    #[track_caller]
    pub fn delivery_in(&self, state: &str, event: &str, subscription: &str) -> Value {
        super::wait_for(&format!("{event} to be {state}"), || {
            let delivery = self.get(&format!("/v1/deliveries/{event}/{subscription}"));
            (delivery["state"] == state).then_some(delivery)
        })
    }

    /// Waits until nothing is open or in flight; answers the audit, which must be clean.
    #[track_caller]
    pub fn settled(&self) -> Value {
        let audit = super::wait_for("nothing to be open or in flight", || {
            let audit = self.get("/v1/audit");
            (audit["open"] == 0 && audit["in_flight"] == 0).then_some(audit)
        });
        assert_eq!(
            (&audit["lost"], &audit["double"]),
            (&json!(0), &json!(0)),
            "{audit:#}"
        );
        audit
    }
}

/// A small event that fits its schema.
pub fn order(number: u64) -> Value {
    json!({"event_type": "ORDER_CREATED", "data": {"id": number.to_string()}})
}
