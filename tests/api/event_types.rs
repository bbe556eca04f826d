//! Event types: the built-in ones and an account's own.

use serde_json::json;

use crate::support::api::text;
use crate::support::tenant::Tenant;
use crate::support::wait_until;

#[test]
fn the_catalogue_is_listed_by_name_with_what_the_account_added() {
    let tenant = Tenant::new();
    tenant
        .admin
        .post("/v1/event-types", &json!({ "name": "AA_FIRST" }))
        .expect(201);
    let types = tenant.publisher.list("/v1/event-types?limit=10");
    let names: Vec<String> = types.iter().map(|one| text(&one["name"])).collect();
    assert!(names.is_sorted());
    assert_eq!(names.first().map(String::as_str), Some("AA_FIRST"));
    assert_eq!(names.len(), 1 + herald::catalogue::builtin().len());
}

#[test]
fn an_own_type_can_be_published_from_its_making_to_its_removal() {
    let tenant = Tenant::new();
    let schema = json!({ "type": "object", "required": ["data"] });
    let body = json!({ "name": "OWN", "schema": schema, "validation": "reject" });
    tenant.admin.post("/v1/event-types", &body).expect(201);
    tenant.admin.post("/v1/event-types", &body).expect(409);
    let publish = |body: &str| tenant.publisher.publish(body.as_bytes()).status;
    let full = r#"{"event_type":"OWN","data":1}"#;
    wait_until("it can be published", || publish(full) == 202);
    assert_eq!(publish(r#"{"event_type":"OWN"}"#), 422);
    let path = "/v1/event-types/OWN";
    tenant
        .admin
        .patch(path, &json!({ "schema": null, "title": "Mine" }))
        .expect(200);
    wait_until("without a schema all of it passes", || {
        publish(r#"{"event_type":"OWN"}"#) == 202
    });
    tenant.admin.delete(path).expect(204);
    tenant.admin.get(path).expect(404);
    wait_until("it is unknown", || publish(full) == 422);
    tenant
        .admin
        .post("/v1/event-types", &json!({ "name": "OWN" }))
        .expect(201);
    wait_until("it can be made again", || publish(full) == 202);
}

#[test]
fn a_schema_that_is_none_and_an_example_that_does_not_fit_are_refused() {
    let tenant = Tenant::new();
    let make = |body| {
        tenant
            .admin
            .post("/v1/event-types", &body)
            .expect(422)
            .pointers()
    };
    let wrong = json!({ "name": "OWN", "schema": {"properties": {"a": {"type": "text"}}} });
    assert_eq!(make(wrong), ["/schema/properties/a/type"]);
    let misfit = json!({
        "name": "OWN", "schema": {"required": ["data"]}, "example": {"event_type": "OWN"},
    });
    assert_eq!(make(misfit), ["/example"]);
    assert_eq!(
        make(json!({ "name": "a b", "validation": "maybe" })),
        ["/name", "/validation"]
    );
}

#[test]
fn a_built_in_type_keeps_all_but_its_validation() {
    let tenant = Tenant::new();
    let path = "/v1/event-types/STORE_ORDER_CREATED";
    tenant
        .admin
        .patch(path, &json!({ "title": "x" }))
        .expect(422);
    tenant.admin.delete(path).expect(409);
    tenant
        .admin
        .post("/v1/event-types", &json!({ "name": "STORE_ORDER_CREATED" }))
        .expect(409);
    let changed = tenant
        .admin
        .patch(path, &json!({ "validation": "off" }))
        .expect(200)
        .json();
    assert_eq!(
        (&changed["validation"], &changed["builtin"]),
        (&json!("off"), &json!(true))
    );
    let back = tenant
        .admin
        .patch(path, &json!({ "validation": null }))
        .expect(200)
        .json();
    assert_eq!(back["validation"], "warn");
}

#[test]
fn a_list_is_packed_for_a_program_that_asks_for_it() {
    let tenant = Tenant::new();
    let plain = tenant.viewer.get("/v1/event-types").expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    let asks = [("accept-encoding", "gzip")];
    let packed = tenant.viewer.send("GET", "/v1/event-types", &asks, b"");
    let packed = packed.expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() * 4 < plain.body.len());
}

#[test]
fn a_list_is_read_page_by_page_in_the_order_of_bytes_and_has_no_schemas() {
    let tenant = Tenant::new();
    let names = ["zz.last", "Own_b", "Own_a", "OWN_C", "0-first"];
    for name in names {
        let body = json!({ "name": name, "group": "Mine", "schema": {"type": "object"},
            "example": {"event_type": name} });
        tenant.admin.post("/v1/event-types", &body).expect(201);
    }
    let path = "/v1/event-types/STORE_ORDER_CREATED";
    tenant
        .admin
        .patch(path, &json!({ "validation": "off" }))
        .expect(200);
    let mut expected: Vec<String> = names.map(str::to_owned).into();
    expected.extend(
        herald::catalogue::builtin()
            .iter()
            .map(|it| it.name.clone()),
    );
    expected.sort();
    for limit in [1, 4, 200] {
        let types = tenant
            .viewer
            .list(&format!("/v1/event-types?limit={limit}"));
        let listed: Vec<String> = types.iter().map(|one| text(&one["name"])).collect();
        assert_eq!(listed, expected, "{limit}");
        for one in &types {
            assert!(one.get("schema").is_none() && one.get("example").is_none());
        }
        let changed = types.iter().find(|it| it["name"] == "STORE_ORDER_CREATED");
        assert_eq!(changed.unwrap()["validation"], "off");
    }
    let mine = tenant.viewer.list("/v1/event-types?group=Mine&limit=2");
    let mine: Vec<String> = mine.iter().map(|one| text(&one["name"])).collect();
    assert_eq!(mine, ["0-first", "OWN_C", "Own_a", "Own_b", "zz.last"]);
    let whole = tenant
        .viewer
        .get("/v1/event-types/Own_a")
        .expect(200)
        .json();
    assert_eq!(whole["schema"], json!({"type": "object"}));
    assert_eq!(whole["example"], json!({"event_type": "Own_a"}));
}

#[test]
fn a_batch_of_unknown_names_gets_its_suggestions_once() {
    let tenant = Tenant::new();
    let lines: String = (0..1_000)
        .map(|n| format!("{{\"event_type\":\"ORDER_CREATD{}\"}}\n", n % 2))
        .collect();
    let answer = tenant
        .publisher
        .send("POST", "/v1/events/batch", &[], lines.as_bytes());
    let answer = answer.json();
    let rejected = answer["rejected"]
        .as_array()
        .or_else(|| answer["errors"].as_array());
    let rejected = rejected.unwrap();
    assert_eq!(rejected.len(), 1_000);
    let hints = rejected
        .iter()
        .filter(|it| it["detail"].to_string().contains("did you mean"));
    // Those of the first name, each with what was found once.
    assert_eq!(hints.count(), 500);
}
