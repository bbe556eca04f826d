//! Publishing: receipts, idempotency, batches, validation, and reading back what was published.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::scripted::Scripted;
use crate::support::tenant::Tenant;
use crate::support::{Herald, wait_until};

#[test]
fn the_payload_is_kept_byte_for_byte() {
    let tenant = Tenant::new();
    let body = "{ \"event_type\" : \"STORE_ORDER_CREATED\", \"z\":1.0, \"a\":\"é\\u00e9\" }";
    let receipt = tenant.publisher.publish(body.as_bytes()).expect(202).json();
    assert_eq!(receipt["duplicate"], false);
    assert_eq!(receipt["deliveries"], 0);
    let path = format!("/v1/events/{}", receipt["id"].as_str().unwrap());
    let shown = String::from_utf8(tenant.viewer.get(&path).expect(200).body).unwrap();
    assert!(shown.contains(body), "{shown}");
}

#[test]
fn numbers_of_any_size_and_halves_of_pairs_are_kept_byte_for_byte_and_shown() {
    let tenant = Tenant::new();
    let (short, long) = ("7".repeat(300), "7".repeat(400));
    let type_of = json!({"name": "NUMBERS", "validation": "reject", "schema": {
        "properties": {"data": {"type": ["number", "string", "object"], "maximum": 1e300}},
    }});
    tenant.admin.post("/v1/event-types", &type_of).expect(201);
    let target = Scripted::answering(200, "");
    let subscription = json!({"url": target.url, "triggers": ["STORE_ORDER_DELETED"]});
    tenant
        .admin
        .post("/v1/subscriptions", &subscription)
        .expect(201);
    let mut published = Vec::new();
    for (value, fits) in [
        ("1e400", false),
        ("-1e400", true),
        ("0.1e-400", true),
        (long.as_str(), false),
        (short.as_str(), true),
        (r#""\ud83d""#, true),
        (r#""\udc00\ud83d\u0041""#, true),
        (r#"{"\ud83d":[1E+999,"\ud83d\ude00"]}"#, true),
    ] {
        let body = format!("{{\"event_type\":\"STORE_ORDER_DELETED\", \"data\":{value}}}");
        let made = tenant.publisher.publish(body.as_bytes());
        let made = made.expect(202).json();
        let path = format!("/v1/events/{}", text(&made["id"]));
        published.push((text(&made["id"]), body.clone()));
        let shown = String::from_utf8(tenant.viewer.get(&path).expect(200).body).unwrap();
        assert!(shown.contains(&format!("\"payload\":{body}")), "{shown}");
        let batch = body.replace("STORE_ORDER_DELETED", "NUMBERS");
        let answer = tenant
            .publisher
            .send("POST", "/v1/events/batch", &[], batch.as_bytes());
        assert_eq!(answer.status == 202, fits, "{value}");
        if !fits {
            assert_eq!(
                answer.json()["rejected"][0]["errors"][0]["pointer"],
                "/data"
            );
        }
        let done = format!(
            "{{\"user\":\"u\",\"group\":\"Order\",\"activity\":\"Submit\",\"payload\":{value}}}"
        );
        let made = tenant
            .publisher
            .send("POST", "/v1/activities", &[], done.as_bytes());
        made.expect(201);
        let newest = tenant.viewer.get("/v1/activities?user=u&limit=1");
        let shown = String::from_utf8(newest.expect(200).body).unwrap();
        assert!(shown.contains(&format!("\"payload\":{value}")), "{shown}");
    }
    for (id, body) in published {
        wait_until("its delivery", || {
            let came = target.requests();
            let it = came.iter().find(|request| request.id() == id);
            it.is_some_and(|request| request.body == body.as_bytes())
        });
    }
    let deep = format!(
        "{{\"user\":\"u\",\"group\":\"Order\",\"activity\":\"Submit\",\"payload\":{}{}}}",
        "[".repeat(200),
        "]".repeat(200)
    );
    tenant
        .publisher
        .send("POST", "/v1/activities", &[], deep.as_bytes())
        .expect(422);
}

#[test]
fn a_change_of_an_event_type_is_known_to_the_next_request() {
    let tenant = Tenant::new();
    for n in 0..40 {
        let name = format!("NEW_{n}");
        let body = format!("{{\"event_type\":\"{name}\",\"data\":1}}");
        let publish = || tenant.publisher.publish(body.as_bytes());
        publish().expect(422);
        let schema = json!({"properties": {"data": {"type": "string"}}});
        let made = json!({"name": name, "schema": schema, "validation": "off"});
        tenant.admin.post("/v1/event-types", &made).expect(201);
        publish().expect(202);
        let path = format!("/v1/event-types/{name}");
        tenant
            .admin
            .patch(&path, &json!({"validation": "reject"}))
            .expect(200);
        publish().expect(422);
        tenant
            .admin
            .patch(&path, &json!({"schema": null}))
            .expect(200);
        publish().expect(202);
        tenant.admin.delete(&path).expect(204);
        publish().expect(422);
    }
}

#[test]
fn an_event_type_that_another_daemon_made_is_known_when_it_is_used() {
    let one = Herald::launch();
    let other = one.launch_beside();
    for n in 0..30 {
        let name = format!("NEW_{n}");
        one.post("/v1/event-types", &json!({ "name": name }))
            .expect(201);
        let body = format!("{{\"event_type\":\"{name}\"}}");
        let mut refused = 0;
        wait_until("the other daemon knows it", || {
            let status = other.publish(body.as_bytes()).status;
            refused += usize::from(status == 422);
            status == 202
        });
        // It looks ten times a second at most; between two tries are 20 ms.
        assert!(refused <= 6, "{name} was refused {refused} times");
        let path = format!("/v1/event-types/{name}");
        one.delete(&path).expect(204);
        wait_until("the other daemon knows it no more", || {
            other.publish(body.as_bytes()).status == 422
        });
    }
}

#[test]
fn a_batch_of_which_nothing_is_stored_is_refused_and_duplicates_are_named() {
    let tenant = Tenant::new();
    let post = |path: &str, key: &str, body: &str| {
        let key = [("idempotency-key", key)];
        tenant.publisher.send("POST", path, &key, body.as_bytes())
    };
    let refused = post("/v1/events/batch", "k", "{}\n\n{\"event_type\":1}").expect(422);
    let (told, detail) = (refused.json(), refused.detail());
    assert!(
        detail.contains("All 2 lines") && detail.contains("Line 1:"),
        "{detail}"
    );
    assert_eq!(told["rejected"][1]["line"], 3);
    assert_eq!(told["rejected"][1]["errors"][0]["pointer"], "/event_type");
    let refused = post("/v1/activities/batch", "k", "{\"user\":\"a\"}").expect(422);
    assert_eq!(refused.json()["rejected"][0]["line"], 1);

    let good = r#"{"event_type":"STORE_ORDER_CREATED"}"#;
    let first = post("/v1/events/batch", "b", &format!("{good}\n{{}}\n{good}"))
        .expect(202)
        .json();
    assert_eq!(first["duplicates"], json!([]));
    let again = post("/v1/events/batch", "b", &format!("{good}\n{good}\n{good}"))
        .expect(202)
        .json();
    assert_eq!(again["duplicates"], json!([1, 3]));
    assert_eq!(
        (&again["ids"][0], &again["ids"][2]),
        (&first["ids"][0], &first["ids"][1])
    );
    assert_eq!(again["accepted"], 3);
    // With the same keys and other bodies nothing is stored.
    let other = r#"{"event_type":"STORE_ORDER_UPDATED"}"#;
    let refused = post("/v1/events/batch", "b", other).expect(422);
    assert!(
        refused.detail().contains("Idempotency-Key"),
        "{}",
        refused.detail()
    );

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{good}\n{good}\n{{}}\n")).unwrap();
    let publish = |key: &str| {
        let mut command = tenant.daemon.herald().command();
        command
            .args(["publish", "--batch", "--key", key])
            .arg(file.path());
        command.env("HERALD_TOKEN", tenant.publisher.token.as_ref().unwrap());
        let output = command.output().unwrap();
        let told = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
        (output.status.code(), told.concat())
    };
    let (code, told) = publish("c");
    assert!(
        code == Some(1) && told.contains("2 events accepted\n"),
        "{told}"
    );
    let (_, told) = publish("c");
    assert!(
        told.contains("2 events accepted, 2 of them published before"),
        "{told}"
    );
    std::fs::write(file.path(), "{}\n").unwrap();
    let (code, told) = publish("d");
    assert!(
        code == Some(1) && told.contains("0 events accepted"),
        "{told}"
    );
    assert!(told.contains("line 1: `event_type` is missing"), "{told}");
}

#[test]
fn the_same_key_with_the_same_body_gets_the_first_answer_again() {
    let tenant = Tenant::new();
    let publish = |key: &str, body: &[u8]| tenant.publisher.publish_keyed(key, body);
    let body = br#"{"event_type":"STORE_ORDER_CREATED"}"#;
    let first = publish("order-1", body).expect(202).json();
    let again = publish("\"order-1\"", body).expect(202).json();
    assert_eq!(first["id"], again["id"]);
    assert_eq!(again["duplicate"], true);
    let other = publish("order-1", br#"{"event_type":"STORE_ORDER_UPDATED"}"#).expect(422);
    assert_eq!(other.pointers(), ["Idempotency-Key"]);
    for key in ["", "\"\"", "a b", &"k".repeat(256)] {
        publish(key, body).expect(400);
    }
    publish(&"k".repeat(255), body).expect(202);
    assert_eq!(
        tenant.viewer.get("/v1/events").json()["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_batch_commits_its_good_lines_and_tells_the_others_by_number() {
    let tenant = Tenant::new();
    let good = r#"{"event_type":"STORE_ORDER_CREATED"}"#;
    let batch = format!("{good}\r\n\n{{broken\n{{\"event_type\":\"NOBODY\"}}\n{good}");
    let key = [("idempotency-key", "batch-1")];
    let send = || {
        tenant
            .publisher
            .send("POST", "/v1/events/batch", &key, batch.as_bytes())
    };
    let first = send().expect(202).json();
    assert_eq!(first["accepted"], 2);
    let lines: Vec<&Value> = first["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["line"])
        .collect();
    assert_eq!(lines, [3, 4]);
    assert_eq!(
        send().expect(202).json()["ids"],
        first["ids"],
        "repeated, it stores nothing new"
    );
    let post = |body: &[u8]| tenant.publisher.send("POST", "/v1/events/batch", &[], body);
    post(b"\n\n").expect(422);
    post(format!("{good}\n").repeat(1_001).as_bytes()).expect(422);
    assert_eq!(
        post(format!("{good}\n").repeat(1_000).as_bytes()).json()["accepted"],
        1_000
    );
    post(&vec![b'\n'; (16 << 20) + 1]).expect(413);
}

#[test]
fn validation_warns_rejects_or_keeps_quiet_as_the_account_wants() {
    let tenant = Tenant::new();
    let wrong = br#"{"event_type":"STORE_ORDER_CREATED","data":1}"#;
    let warned = tenant.publisher.publish(wrong).expect(202).json();
    assert_eq!(warned["warnings"][0]["pointer"], "/data");
    let path = format!("/v1/events/{}", warned["id"].as_str().unwrap());
    assert_eq!(
        tenant.viewer.get(&path).json()["warnings"],
        warned["warnings"]
    );
    let set = |mode: Value| {
        let path = "/v1/event-types/STORE_ORDER_CREATED";
        tenant
            .admin
            .patch(path, &json!({ "validation": mode }))
            .expect(200);
    };
    set(json!("reject"));
    wait_until("it is rejected", || {
        tenant.publisher.publish(wrong).status == 422
    });
    assert_eq!(
        tenant.publisher.publish(wrong).expect(422).pointers(),
        ["/data"]
    );
    set(json!("off"));
    wait_until("it is not looked at", || {
        let answer = tenant.publisher.publish(wrong);
        answer.status == 202 && answer.json().get("warnings").is_none()
    });
}

#[test]
fn events_are_listed_newest_first_page_by_page() {
    let tenant = Tenant::new();
    let mut ids: Vec<String> = (0..7)
        .map(|_| tenant.publish("STORE_ORDER_CREATED"))
        .collect();
    tenant.publish("STORE_ORDER_UPDATED");
    ids.reverse();
    let page = "/v1/events?event_type=STORE_ORDER_CREATED&limit=3";
    let first = tenant.viewer.get(page).expect(200);
    let cursor = text(&first.json()["next_cursor"]);
    assert!(first.next_page().unwrap().ends_with(&cursor));
    let listed = tenant.viewer.list(page);
    let seen: Vec<String> = listed.iter().map(|event| text(&event["id"])).collect();
    assert_eq!(seen, ids);
}
