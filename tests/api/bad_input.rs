//! Bad input gets a clear problem and loses nothing. That each of them is a problem document is
//! checked by the client itself.

use serde_json::json;

use crate::support::tenant::Tenant;

#[test]
fn a_body_that_is_no_event_is_refused_with_its_place() {
    let tenant = Tenant::new();
    let deep = format!("{{\"event_type\":\"A\",\"data\":{}", "[".repeat(100_000));
    let cases: &[(&[u8], u16, &str)] = &[
        (b"", 400, "empty"),
        (b"{\n \"event_type\": }", 400, "line 2, column 16"),
        (b"\"\xff\"", 400, "not UTF-8 at byte 1"),
        (deep.as_bytes(), 400, "nested too deep"),
        (b"[1]", 400, "an array"),
        (b"{}", 422, "`event_type` is missing"),
        (b"{\"event_type\":1}", 422, "a number"),
        (b"{\"event_type\":\"A B\"}", 422, "letters"),
        (
            b"{\"event_type\":\"STORE_ORDER_CREATE\"}",
            422,
            "STORE_ORDER_CREATED",
        ),
    ];
    for (body, status, words) in cases {
        let answer = tenant.publisher.publish(body).expect(*status);
        assert!(answer.detail().contains(words), "{}", answer.detail());
    }
    assert_eq!(tenant.viewer.get("/v1/events").json()["data"], json!([]));
}

#[test]
fn a_body_that_is_too_large_is_refused_with_and_without_its_length() {
    let tenant = Tenant::new();
    let large = vec![b' '; (1 << 20) + 1];
    tenant.publisher.publish(&large).expect(413);
    let mut largest = br#"{"event_type":"STORE_ORDER_CREATED","data":null}"#.to_vec();
    largest.resize(1 << 20, b' ');
    tenant.publisher.publish(&largest).expect(202);
    let encoding = [("content-encoding", "gzip")];
    tenant
        .publisher
        .send("POST", "/v1/events", &encoding, b"{}")
        .expect(415);
}

#[test]
fn all_faults_of_a_subscription_are_told_at_once() {
    let tenant = Tenant::new();
    let body = json!({
        "title": "", "url": "https://10.0.0.1/", "triggers": ["A", "a b"], "state": "on",
        "headers": {"host": "a", "X": "a\r\nb"}, "max_in_flight": 257, "timeout_seconds": 0,
        "retry_schedule": [0], "plugin": "x", "rate_per_second": 5, "ordered": true,
        "order_key": "/data/id", "colour": "red",
    });
    let answer = tenant.admin.post("/v1/subscriptions", &body).expect(422);
    let mut pointers = answer.pointers();
    pointers.sort();
    let mut wanted = [
        "/title",
        "/url",
        "/triggers/1",
        "/state",
        "/headers/host",
        "/headers/X",
        "/max_in_flight",
        "/timeout_seconds",
        "/retry_schedule",
        "/plugin",
        "/rate_per_second",
        "/ordered",
        "/order_key",
        "/colour",
    ];
    wanted.sort_unstable();
    assert_eq!(pointers, wanted);
    let all = answer.json().to_string();
    for words in [
        "10.0.0.0/8",
        "not supported yet",
        "1 to 256",
        "reserved",
        "is not known",
    ] {
        assert!(all.contains(words), "{words}: {all}");
    }
    let missing = tenant
        .admin
        .post("/v1/subscriptions", &json!({}))
        .expect(422);
    assert_eq!(missing.pointers(), ["/url", "/triggers"]);
}

#[test]
fn a_forbidden_target_is_refused_with_the_rule_that_forbids_it() {
    let tenant = Tenant::new();
    for (url, words) in [
        ("https://169.254.169.254/", "169.254.0.0/16"),
        ("https://[::ffff:10.0.0.1]/", "10.0.0.0/8"),
        ("https://0x7f.1:9/", ""),
        ("http://93.184.215.14/", "HERALD_ALLOW_NETWORKS"),
        ("http://nowhere.invalid/", "HERALD_ALLOW_NETWORKS"),
        ("https://user:word@example.com/", "user name"),
        ("https://example.com/#a", "fragment"),
        ("ftp://example.com/", "https://"),
        ("mailto:a@example.com?bcc=b@example.com", "addresses alone"),
        ("mailto:a", "must be an address"),
    ] {
        let body = json!({ "url": url, "triggers": ["*"] });
        let answer = tenant.admin.post("/v1/subscriptions", &body);
        if words.is_empty() {
            // The loopback network is allowed here, in whatever notation.
            answer.expect(201);
            continue;
        }
        let answer = answer.expect(422);
        assert_eq!(answer.pointers(), ["/url"], "{url}");
        assert!(
            answer.detail().contains(words),
            "{url}: {}",
            answer.detail()
        );
    }
}

#[test]
fn a_wrong_query_is_refused_by_its_parameters() {
    let tenant = Tenant::new();
    let query = "?limit=201&cursor=abc&state=x&subscription=1&from=1969-01-01&to=soon&colour=red";
    let answer = tenant
        .viewer
        .get(&format!("/v1/deliveries{query}"))
        .expect(400);
    let mut pointers = answer.pointers();
    pointers.sort();
    let wanted = [
        "?colour",
        "?cursor",
        "?from",
        "?limit",
        "?state",
        "?subscription",
        "?to",
    ];
    assert_eq!(pointers, wanted);
    for query in [
        "?limit=0",
        "?limit=-1",
        "?limit=1&limit=2",
        "?sort=title",
        "?order=up",
        "?q",
        "?q=",
    ] {
        let answer = tenant.viewer.get(&format!("/v1/subscriptions{query}"));
        assert_eq!(answer.status, 400, "{query}");
    }
    tenant.viewer.get("/v1/subscriptions/x?a=1").expect(400);
}

#[test]
fn a_cursor_of_another_list_or_order_is_refused() {
    let tenant = Tenant::new();
    for _ in 0..3 {
        tenant.subscribe("https://example.com/", &["*"]);
    }
    let page = tenant
        .viewer
        .get("/v1/subscriptions?limit=1")
        .expect(200)
        .json();
    let cursor = page["next_cursor"].as_str().unwrap();
    tenant
        .viewer
        .get(&format!("/v1/subscriptions?limit=1&cursor={cursor}"))
        .expect(200);
    tenant
        .viewer
        .get(&format!("/v1/subscriptions?order=asc&cursor={cursor}"))
        .expect(400);
    tenant
        .viewer
        .get(&format!("/v1/events?cursor={cursor}"))
        .expect(400);
}

#[test]
fn unknown_paths_methods_and_ids_are_problems_too() {
    let tenant = Tenant::new();
    tenant.admin.get("/v1/nothing").expect(404);
    tenant.admin.get("/v1/events/").expect(404);
    tenant.admin.get("/v1/events/junk").expect(404);
    tenant.admin.get("/v1/events/%ff").expect(404);
    tenant.admin.get("/v1/replays").expect(404);
    let answer = tenant.admin.send("PUT", "/v1/events", &[], b"").expect(405);
    assert_eq!(answer.header("allow"), Some("POST, GET, HEAD"));
    let head = tenant
        .viewer
        .send("HEAD", "/v1/events", &[], b"")
        .expect(200);
    assert!(head.body.is_empty());
    for token in ["", "x", "hrld_", &"h".repeat(48)] {
        tenant
            .daemon
            .client(Some(token.to_owned()))
            .get("/v1/events")
            .expect(401);
    }
}
