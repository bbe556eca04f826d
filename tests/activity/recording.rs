//! What an application sends and what becomes of it.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::{find, record, submit};
use crate::support::api::text;
use crate::support::tenant::Tenant;

#[test]
fn what_is_recorded_is_there_at_once_with_its_payload_as_it_was_written() {
    let tenant = Tenant::new();
    let at = (Utc::now() - Duration::days(2)).to_rfc3339();
    let body = format!(
        r#"{{"user": " ann@example.com ", "group": "Order", "activity": "Bulk Submit",
             "at": "{at}", "payload": {{"z": 1.50, "a": [12345678901234567890123, "<b>ü\u0000"]}}}}"#
    );
    let answer = tenant
        .publisher
        .send("POST", "/v1/activities", &[], body.as_bytes());
    let id = text(&answer.expect(201).json()["id"]);
    assert!(id.starts_with("act_"), "{id}");
    let page = tenant.viewer.get("/v1/activities?group=Order").expect(200);
    let raw = String::from_utf8(page.body.clone()).unwrap();
    assert!(
        raw.contains(r#"{"z": 1.50, "a": [12345678901234567890123, "<b>ü\u0000"]}"#),
        "{raw}"
    );
    let entry = find(&tenant.viewer, "group=Order")[0].clone();
    assert_eq!(entry["id"], json!(id));
    assert_eq!(entry["user"], "ann@example.com");
    assert_eq!(entry["actor"], "application");
    assert!(text(&entry["actor_id"]).starts_with("tok_"));
    let time = |name: &str| text(&entry[name]).parse::<DateTime<Utc>>().unwrap();
    assert!((time("at") - at.parse::<DateTime<Utc>>().unwrap()).abs() < Duration::milliseconds(1));
    assert!((time("recorded_at") - Utc::now()).abs() < Duration::minutes(1));
}

#[test]
fn a_payload_may_be_anything_or_nothing() {
    let tenant = Tenant::new();
    for payload in [
        json!(null),
        json!("text"),
        json!([1]),
        json!(false),
        json!({}),
    ] {
        let mut activity = submit("ann");
        activity["payload"] = payload.clone();
        let id = record(&tenant.publisher, &activity);
        let entry = find(&tenant.viewer, "group=Order").into_iter();
        let entry = entry.into_iter().find(|it| it["id"] == id.as_str());
        assert_eq!(entry.unwrap()["payload"], payload);
    }
}

#[test]
fn wrong_values_are_told_by_their_place_all_at_once() {
    let tenant = Tenant::new();
    let client = &tenant.publisher;
    let faults = |body: &Value| client.post("/v1/activities", body).expect(422).pointers();
    let wrong = json!({
        "user": "a\nb", "group": "", "activity": "x".repeat(101),
        "at": "soon", "payload": "x".repeat(65_536), "who": 1,
    });
    let mut told = faults(&wrong);
    told.sort();
    assert_eq!(
        told,
        ["/activity", "/at", "/group", "/payload", "/user", "/who"]
    );
    assert_eq!(faults(&json!({})), ["/user", "/group", "/activity"]);
    for (at, ahead) in [(Duration::minutes(6), true), (Duration::days(-31), false)] {
        let mut activity = submit("ann");
        activity["at"] = json!((Utc::now() + at).to_rfc3339());
        let answer = client.post("/v1/activities", &activity).expect(422);
        assert_eq!(answer.pointers(), ["/at"]);
        let said = if ahead {
            "5 minutes ahead"
        } else {
            "30 days back"
        };
        assert!(answer.detail().contains(said), "{}", answer.detail());
    }
    client
        .post("/v1/activities", &json!({ "payload": "x".repeat(140_000) }))
        .expect(413);
    client
        .send("POST", "/v1/activities", &[], b"{\"user\"")
        .expect(400);
    assert_eq!(find(&tenant.viewer, "group=Order"), [] as [Value; 0]);
}

#[test]
fn a_bad_line_of_a_batch_hurts_no_other_and_is_told_by_its_number() {
    let tenant = Tenant::new();
    let lines = [
        submit("ann").to_string(),
        String::new(),
        "{broken".to_owned(),
        json!({"user": "ann", "group": "Order", "activity": "Sumbit"}).to_string(),
        format!("{}\r", submit("bob")),
    ];
    let send = |body: &str| {
        tenant
            .publisher
            .send("POST", "/v1/activities/batch", &[], body.as_bytes())
    };
    let answer = send(&lines.join("\n")).expect(202).json();
    assert_eq!(answer["accepted"], 2);
    assert_eq!(answer["rejected"][0]["line"], 3);
    assert_eq!(answer["rejected"][1]["line"], 4);
    assert_eq!(answer["rejected"][1]["errors"][0]["pointer"], "/activity");
    let ids: Vec<String> = answer["ids"].as_array().unwrap().iter().map(text).collect();
    let found = find(&tenant.viewer, "group=Order");
    let user = |id: &String| {
        let entry = found.iter().find(|it| it["id"] == id.as_str()).unwrap();
        text(&entry["user"])
    };
    assert_eq!(ids.iter().map(user).collect::<Vec<_>>(), ["ann", "bob"]);
    send("\n\n").expect(422);
    send(&format!("{}\n", submit("ann")).repeat(1_001)).expect(422);
    let whole = format!("{}\n", submit("carl")).repeat(1_000);
    assert_eq!(send(&whole).expect(202).json()["accepted"], 1_000);
    assert_eq!(find(&tenant.viewer, "user=carl&limit=200").len(), 1_000);
}

#[test]
fn who_publishes_records_who_reads_reads_and_nobody_sees_another_account_s() {
    let (mine, other) = (Tenant::new(), Tenant::new());
    mine.viewer
        .post("/v1/activities", &submit("ann"))
        .expect(403);
    mine.viewer
        .send("POST", "/v1/activities/batch", &[], b"{}")
        .expect(403);
    record(&mine.publisher, &submit("ann"));
    record(&mine.admin, &submit("ann"));
    mine.publisher.get("/v1/activities").expect(403);
    mine.publisher.get("/v1/activities/summary").expect(403);
    mine.publisher
        .post(
            "/v1/activity-types",
            &json!({"group": "A", "activity": "B"}),
        )
        .expect(403);
    assert_eq!(find(&mine.viewer, "user=ann").len(), 2);
    assert_eq!(find(&other.viewer, "user=ann"), [] as [Value; 0]);
    assert_eq!(find(&other.viewer, "group=Order"), [] as [Value; 0]);
    let counts = other.viewer.get("/v1/activities/summary?group=Order");
    assert_eq!(counts.expect(200).json()["data"], json!([]));
    let mut crossing = other.admin.clone();
    crossing.account = Some(mine.name.clone());
    crossing.get("/v1/activities").expect(404);
}
