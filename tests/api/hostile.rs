//! Whatever a client sends, it is the client's fault: every route of the table is given texts,
//! numbers and times that no database takes, in each part of its path, each parameter of its
//! query and each field of its body. None is ever answered as trouble of Herald's own.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use herald::domain::cursor;
use herald::http::access::RouteEntry;
use herald::http::routes::TABLE;
use serde_json::{Value, json};

use crate::support::Herald;
use crate::support::api::text;
use crate::support::browser::{self, Browser};
use crate::support::client::{Answer, Client};

/// As they stand in a path or a query.
fn texts() -> Vec<String> {
    let long = "a".repeat(4_000);
    [
        "A%00",
        "%00",
        "%ff%fe",
        "%ED%A0%80",
        "%F0%9F%98%80%E2%80%AE",
        "..%2F..%2Fetc",
        "%27%22%5C%25_",
        "-1",
        "1e400",
        "99999999999999999999999999",
        "-9223372036854775809",
        "%2B262142-12-31T23:59:59Z",
        "-262143-01-01T00:00:00Z",
        "0000-01-01",
        "9999-12-31T23:59:59.999999999Z",
        "1970-01-01T00:00:00%2B23:59",
        "evt_7zzzzzzzzzzzzzzzzzzzzzzzzz",
        &long,
    ]
    .map(str::to_owned)
    .into()
}

/// As they stand in JSON.
fn values() -> Vec<String> {
    let (digits, long) = ("9".repeat(400), "a".repeat(70_000));
    [
        r#""a\u0000b""#,
        r#""\ud800""#,
        r#""\u202e\ufffe\udbff\udfff""#,
        "1e400",
        "-1e308",
        "9223372036854775808",
        "-9223372036854775808",
        r#""+262142-12-31T23:59:59Z""#,
        r#""-262143-01-01T00:00:00Z""#,
        r#""9999-12-31T23:59:59Z""#,
        r#"["a\u0000b"]"#,
        r#"{"a\u0000b":"a\u0000b"}"#,
        r#"{"event_type":"STORE_ORDER_CREATED","a\u0000":"\u0000"}"#,
        &digits,
        &format!("\"{long}\""),
        &format!("{}{}", "[".repeat(100), "]".repeat(100)),
    ]
    .map(str::to_owned)
    .into()
}

/// The daemon with something of each kind, and who may do everything there.
struct Stage {
    herald: Herald,
    operator: Client,
    browser: Browser,
    email: String,
    document: Value,
    event: String,
    subscription: String,
    user: String,
    token: String,
    mail: String,
}

impl Stage {
    fn new() -> Self {
        let herald = Herald::launch();
        let operator = Client {
            token: Some(
                herald
                    .run(&["token", "create", "--operator", "--role", "admin"])
                    .trim()
                    .to_owned(),
            ),
            account: Some("main".to_owned()),
            ..herald.client.clone()
        };
        let email = "boss@example.com".to_owned();
        browser::user(&herald, &email, "admin", "main");
        let mut browser = Browser::new(&herald.client);
        browser.sign_in(&email);
        let made = |path: &str, body: Value| text(&operator.post(path, &body).json()["id"]);
        let of_type = json!({"name": "OWN", "schema": {"type": "object"}});
        operator.post("/v1/event-types", &of_type).expect(201);
        let (mut event, mut subscription, mut mail) = Default::default();
        for n in 0..3 {
            subscription = operator.subscribe("http://127.0.0.1:9/", &["OWN"]);
            event = operator.publish_event(&json!({"event_type": "OWN"}));
            let letter = json!({
                "topic": "T", "to": ["a@example.com"], "subject": "s", "text": "t",
                "record_only": true,
            });
            mail = made("/v1/mails", letter);
            let done = json!({"user": "ann", "group": "Order", "activity": "Submit"});
            operator.post("/v1/activities", &done).expect(201);
            let kind = json!({"group": "G", "activity": format!("A{n}")});
            operator.post("/v1/activity-types", &kind).expect(201);
            operator
                .post("/v1/accounts", &json!({"name": format!("other{n}")}))
                .expect(201);
        }
        let user = made(
            "/v1/users",
            json!({"email": "u@example.com", "role": "viewer"}),
        );
        let token = made("/v1/tokens", json!({"title": "t", "role": "viewer"}));
        let document = operator.get("/openapi.json").expect(200).json();
        Self {
            herald,
            operator,
            browser,
            email,
            document,
            event,
            subscription,
            user,
            token,
            mail,
        }
    }

    /// What stands in a part of a path, so that the others can be reached.
    fn part(&self, pattern: &str, name: &str) -> &str {
        let of_id = match pattern.split('/').find(|it| !it.is_empty() && *it != "v1") {
            Some("subscriptions" | "webhooks") => &self.subscription,
            Some("mails") => &self.mail,
            Some("users") => &self.user,
            Some("tokens") => &self.token,
            Some("settings") if pattern.contains("users") => &self.user,
            Some("settings") if pattern.contains("tokens") => &self.token,
            _ => &self.event,
        };
        match name {
            "subscription_id" => &self.subscription,
            "event_id" => &self.event,
            "name" => "OWN",
            "kind" => "named",
            "file" => "nobody-has-this.rhai",
            "token" => "nobody-has-this",
            _ => of_id,
        }
    }

    fn path(&self, pattern: &str, other: Option<(&str, &str)>) -> String {
        let mut path = pattern.to_owned();
        for name in parts(pattern) {
            let value = match other {
                Some((at, value)) if at == name => value,
                _ => self.part(pattern, name),
            };
            path = path.replace(&format!("{{{name}}}"), value);
        }
        path
    }

    /// The parameters and the fields that the document knows.
    fn documented(&self, entry: &RouteEntry) -> (BTreeSet<String>, Vec<String>) {
        let method = entry.method.as_str().to_lowercase();
        let operation = &self.document["paths"][entry.pattern][&method];
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let of_query = parameters.filter(|it| it["in"] == "query");
        let of_query = of_query.map(|it| text(&it["name"])).collect();
        let content = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let name = content.as_str().and_then(|it| it.rsplit('/').next());
        let shape = &self.document["components"]["schemas"][name.unwrap_or_default()];
        let fields = shape["properties"].as_object();
        let fields = fields.map(|it| it.keys().cloned().collect());
        (of_query, fields.unwrap_or_default())
    }

    fn ask(&self, entry: &RouteEntry, path: &str, body: &str) -> Answer {
        let method = entry.method.as_str();
        if !entry.access.is_page() && !entry.pattern.starts_with("/sign-out") {
            return self.operator.send(method, path, &[], body.as_bytes());
        }
        let csrf = self.browser.csrf.as_deref().unwrap_or_default();
        let mut more = vec![
            ("origin", self.browser.origin.as_str()),
            ("accept", "text/html"),
        ];
        more.push(("x-csrf-token", csrf));
        if method != "GET" {
            more.push(("content-type", "application/x-www-form-urlencoded"));
        }
        self.browser.bare(method, path, &more, body.as_bytes())
    }

    #[track_caller]
    fn judge(&self, entry: &RouteEntry, what: &str, answer: &Answer) {
        let shown: String = what.chars().take(200).collect();
        assert!(
            answer.status < 500,
            "{} {}: {} for {shown}: {}",
            entry.method,
            entry.pattern,
            answer.status,
            String::from_utf8_lossy(&answer.body)
                .chars()
                .take(400)
                .collect::<String>(),
        );
    }
}

/// The names of the variable parts.
fn parts(pattern: &str) -> Vec<&str> {
    let begun = pattern.split('{').skip(1);
    begun.filter_map(|it| it.split('}').next()).collect()
}

/// A body that would be taken, for the fields whose neighbours must be right.
fn body(entry: &RouteEntry, number: usize) -> Value {
    let name = format!("N{number}");
    match (entry.method.as_str(), entry.pattern) {
        ("POST", "/v1/event-types") => json!({"name": name}),
        ("POST", "/v1/subscriptions") => {
            json!({"title": "t", "url": "http://127.0.0.1:9/", "triggers": ["A"]})
        }
        ("POST", "/v1/tokens") => json!({"title": "t", "role": "viewer"}),
        ("POST", "/v1/users") => json!({"email": format!("{name}@example.com"), "role": "viewer"}),
        ("POST", "/v1/accounts") => json!({"name": format!("n{number}")}),
        ("POST", "/v1/activities") => json!({"user": "u", "group": "Order", "activity": "Submit"}),
        ("POST", "/v1/activity-types") => json!({"group": "G", "activity": name}),
        ("POST", "/v1/mails") => {
            json!({"topic": "T", "to": ["a@example.com"], "subject": "s", "text": "t"})
        }
        ("POST", "/v1/events") => json!({"event_type": "OWN"}),
        _ => json!({}),
    }
}

/// The names of the fields in a page.
fn named(html: &str) -> BTreeSet<String> {
    let begun = html.split(" name=\"").skip(1);
    let names = begun.filter_map(|it| it.split('"').next());
    names.map(str::to_owned).collect()
}

/// Cursors of a list that go on at times and texts that no row has.
fn forged(list: &str, key: &Value) -> Vec<String> {
    let strings = [
        "a\0b",
        "-262143-01-01T00:00:00Z",
        "+262142-12-31T23:59:59Z",
        "\u{202e}",
    ];
    let mut cursors = Vec::new();
    for string in strings {
        let other = match key {
            Value::Array(parts) => {
                for place in 0..parts.len() {
                    let mut parts = parts.clone();
                    parts[place] = json!(string);
                    cursors.push(cursor::encode(list, &parts));
                }
                continue;
            }
            _ => json!(string),
        };
        cursors.push(cursor::encode(list, &other));
    }
    cursors
}

#[test]
fn nothing_that_a_client_sends_is_answered_as_trouble_of_heralds_own() {
    let mut stage = Stage::new();
    let (texts, values) = (texts(), values());
    let mut fields_of_pages = BTreeSet::new();
    let mut sent = 0;
    for entry in TABLE {
        if entry.pattern.contains("/live") {
            continue;
        }
        let (mut query, fields) = stage.documented(entry);
        for part in parts(entry.pattern) {
            for value in &texts {
                let path = stage.path(entry.pattern, Some((part, value)));
                let answer = stage.ask(entry, &path, "");
                stage.judge(entry, &path, &answer);
                if value.contains("%00") {
                    assert_eq!(answer.status, 404, "{} {path}", entry.method);
                }
                sent += 1;
            }
        }
        let plain = stage.path(entry.pattern, None);
        if entry.method.as_str() == "GET" {
            if entry.access.is_page() {
                let page = stage.ask(entry, &plain, "");
                let names = named(&String::from_utf8_lossy(&page.body));
                query.extend(names.iter().cloned());
                query.extend(["cursor", "from", "to", "q"].map(str::to_owned));
                fields_of_pages.extend(names);
            }
            for name in &query {
                for value in &texts {
                    let path = format!("{plain}?{name}={value}");
                    let answer = stage.ask(entry, &path, "");
                    stage.judge(entry, &path, &answer);
                    sent += 1;
                }
            }
            if let Some(cursor) = next_cursor(&stage, entry, &plain) {
                let whole = URL_SAFE_NO_PAD.decode(cursor).unwrap();
                let mut halves = whole[8..].splitn(2, |byte| *byte == 0);
                let list = String::from_utf8(halves.next().unwrap().to_vec()).unwrap();
                let key: Value = serde_json::from_slice(halves.next().unwrap()).unwrap();
                for cursor in forged(&list, &key) {
                    let path = format!("{plain}?cursor={cursor}");
                    let answer = stage.ask(entry, &path, "");
                    stage.judge(entry, &path, &answer);
                    sent += 1;
                }
            }
        }
        for field in &fields {
            for value in &values {
                sent += 1;
                let mut whole = body(entry, sent);
                whole.as_object_mut().unwrap().remove(field);
                let rest = whole.to_string();
                let comma = if rest == "{}" { "" } else { "," };
                let whole = format!("{{\"{field}\":{value}{comma}{}", &rest[1..]);
                let answer = stage.ask(entry, &plain, &whole);
                stage.judge(entry, &whole, &answer);
            }
        }
        if entry.access.is_page() && entry.method.as_str() == "POST" {
            for name in &fields_of_pages {
                for value in texts.iter().step_by(3) {
                    let form = format!("{name}={value}");
                    let answer = stage.ask(entry, &plain, &form);
                    stage.judge(entry, &format!("{plain} with {form}"), &answer);
                    sent += 1;
                }
            }
        }
        stage.operator.get("/readyz").expect(200);
        if stage.browser.page("/settings").status != 200 {
            let email = stage.email.clone();
            stage.browser.sign_in(&email);
        }
    }
    println!("{sent} requests");
    assert!(sent > 3_000, "{sent}");
    let log = stage.herald.log();
    assert!(!log.contains(" ERROR "), "{log}");
}

/// Of a list that has more than one page.
fn next_cursor(stage: &Stage, entry: &RouteEntry, path: &str) -> Option<String> {
    if entry.access.is_page() || !entry.pattern.starts_with("/v1/") {
        return None;
    }
    let answer = stage.ask(entry, &format!("{path}?limit=1"), "");
    if answer.status != 200 {
        return None;
    }
    Some(answer.json()["next_cursor"].as_str()?.to_owned())
}

#[test]
fn a_name_with_a_nul_is_nowhere_and_a_time_far_outside_is_a_wrong_value() {
    let tenant = crate::support::tenant::Tenant::new();
    for method in ["GET", "PATCH", "DELETE"] {
        let answer = tenant
            .admin
            .send(method, "/v1/event-types/A%00", &[], b"{}");
        answer.expect(404);
    }
    tenant.admin.get("/readyz").expect(200);
    for list in ["events", "deliveries", "activities", "mails"] {
        for time in [
            "-262143-01-01T00:00:00Z",
            "%2B262142-01-01T00:00:00Z",
            "0001-01-01",
        ] {
            let answer = tenant
                .admin
                .get(&format!("/v1/{list}?from={time}"))
                .expect(422);
            assert_eq!(answer.pointers(), ["?from"], "{list} {time}");
        }
        tenant
            .admin
            .get(&format!("/v1/{list}?from=yesterday"))
            .expect(400);
    }
    let late = json!({
        "user": "ann", "group": "Order", "activity": "Submit", "at": "+262142-01-01T00:00:00Z",
    });
    tenant.admin.post("/v1/activities", &late).expect(422);
}
