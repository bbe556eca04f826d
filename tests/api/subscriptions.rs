//! Subscriptions: making, changing, listing, switching, secrets.

use serde_json::{Value, json};

use crate::support::tenant::Tenant;

#[test]
fn a_new_subscription_has_the_defaults_and_a_secret() {
    let tenant = Tenant::new();
    let body = json!({ "url": "https://Example.com/hooks", "triggers": ["STORE_ORDER_*"] });
    let answer = tenant.admin.post("/v1/subscriptions", &body).expect(201);
    let made = answer.json();
    assert_eq!(made["title"], "example.com");
    assert_eq!(made["state"], "enabled");
    assert_eq!(made["max_in_flight"], 8);
    assert_eq!(made["timeout_seconds"], 15);
    let schedule = json!([5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]);
    assert_eq!(made["retry_schedule"], schedule);
    for (field, neutral) in [
        ("plugin", Value::Null),
        ("rate_per_second", Value::Null),
        ("ordered", json!(false)),
        ("order_key", Value::Null),
        ("last_status", Value::Null),
    ] {
        assert_eq!(made[field], neutral, "{field}");
    }
    let path = answer.header("location").unwrap();
    let secret = tenant
        .admin
        .get(&format!("{path}/secret"))
        .expect(200)
        .json();
    assert_eq!(secret["secret"], made["secret"]);
    assert_eq!(
        tenant.admin.get(path).expect(200).json().get("secret"),
        None
    );
}

#[test]
fn a_change_touches_what_it_names_alone() {
    let tenant = Tenant::new();
    let path = format!(
        "/v1/subscriptions/{}",
        tenant.subscribe("https://example.com/", &["A"])
    );
    let before = tenant.viewer.get(&path).json();
    let body = json!({ "title": "Shop", "retry_schedule": [], "plugin": null });
    let after = tenant.admin.patch(&path, &body).expect(200).json();
    assert_eq!(after["title"], "Shop");
    assert_eq!(after["retry_schedule"], json!([]));
    assert_eq!(after["url"], before["url"]);
    assert_eq!(after["created_at"], before["created_at"]);
    assert_ne!(after["updated_at"], before["updated_at"]);
    tenant
        .admin
        .patch(&path, &json!({ "url": "https://10.1.2.3/" }))
        .expect(422);
    assert_eq!(tenant.viewer.get(&path).json()["url"], before["url"]);
}

#[test]
fn lists_filter_sort_and_page_in_both_directions() {
    let tenant = Tenant::new();
    let ids: Vec<String> = (0..5)
        .map(|n| tenant.subscribe(&format!("https://h{n}.example.com/"), &["*"]))
        .collect();
    tenant
        .admin
        .post(&format!("/v1/subscriptions/{}/pause", ids[1]), &json!({}))
        .expect(200);
    let all = |query: &str| {
        let found = tenant
            .viewer
            .list(&format!("/v1/subscriptions?limit=2&{query}"));
        let place = |one: &Value| ids.iter().position(|known| *known == one["id"]).unwrap();
        found.iter().map(place).collect::<Vec<usize>>()
    };
    assert_eq!(all(""), [4, 3, 2, 1, 0]);
    assert_eq!(all("order=asc"), [0, 1, 2, 3, 4]);
    assert_eq!(all("sort=id&order=asc"), [0, 1, 2, 3, 4]);
    assert_eq!(all("sort=id"), [4, 3, 2, 1, 0]);
    assert_eq!(all("sort=updated_at"), [1, 4, 3, 2, 0]);
    assert_eq!(all("state=paused"), [1]);
    assert_eq!(all("q=H3.EXAMPLE"), [3]);
    assert_eq!(
        all("q=%25"),
        [] as [usize; 0],
        "a percent sign is no wildcard"
    );
    assert_eq!(all("created_to=2020-01-01"), [] as [usize; 0]);
    assert_eq!(all("created_from=2020-01-01").len(), 5);
}

#[test]
fn a_rotated_secret_overlaps_with_the_one_before() {
    let tenant = Tenant::new();
    let path = format!(
        "/v1/subscriptions/{}",
        tenant.subscribe("https://example.com/", &["*"])
    );
    let first = tenant.admin.get(&format!("{path}/secret")).json()["secret"].clone();
    let rotate = |hours: i64| {
        tenant.admin.post(
            &format!("{path}/secret/rotate"),
            &json!({"overlap_hours": hours}),
        )
    };
    let both = rotate(2).expect(200).json();
    assert_ne!(both["secret"], first);
    assert_eq!(both["previous"][0]["secret"], first);
    assert!(both["previous"][0]["expires_at"].is_string());
    for _ in 0..3 {
        rotate(168).expect(200);
    }
    rotate(1).expect(409);
    let alone = rotate(0).expect(200).json();
    assert_eq!(alone["previous"], json!([]));
    rotate(169).expect(422);
}

#[test]
fn switches_lead_from_state_to_state() {
    let tenant = Tenant::new();
    let path = format!(
        "/v1/subscriptions/{}",
        tenant.subscribe("https://example.com/", &["*"])
    );
    let switch = |to: &str| tenant.admin.poke(&format!("{path}/{to}"));
    for (to, status, state) in [
        ("pause", 200, "paused"),
        ("pause", 200, "paused"),
        ("resume", 200, "enabled"),
        ("disable", 200, "disabled"),
        ("pause", 409, "disabled"),
        ("resume", 409, "disabled"),
        ("enable", 200, "enabled"),
    ] {
        switch(to).expect(status);
        assert_eq!(
            tenant.viewer.get(&path).json()["state"],
            state,
            "after {to}"
        );
    }
    let resume = |body: Value| tenant.admin.post(&format!("{path}/resume"), &body);
    resume(json!({ "held": "keep" })).expect(422);
    resume(json!({ "rate_per_second": 5 })).expect(422);
    resume(json!({ "rate_per_second": null })).expect(200);
}

#[test]
fn a_removed_subscription_is_gone_and_its_deliveries_are_cancelled() {
    let tenant = Tenant::new();
    let id = tenant.subscribe("https://example.com/", &["STORE_*"]);
    let path = format!("/v1/subscriptions/{id}");
    tenant.admin.poke(&format!("{path}/pause")).expect(200);
    let event = tenant.publish("STORE_ORDER_CREATED");
    tenant.viewer.delivery_in("held", &event, &id);
    tenant.admin.delete(&path).expect(204);
    tenant.admin.get(&path).expect(404);
    tenant.admin.delete(&path).expect(404);
    tenant.viewer.delivery_in("cancelled", &event, &id);
    let resend = format!("/v1/deliveries/{event}/{id}/resend");
    tenant.admin.poke(&resend).expect(409);
}

#[test]
fn webhooks_and_users_are_found_whether_letters_are_small_or_capital() {
    let tenant = Tenant::new();
    let named = json!({"title": "BESTELLUNGEN für Zürich"});
    let id = tenant
        .admin
        .subscribe_with("http://127.0.0.1:9/", &["*"], &named);
    for part in ["FÜR", "zürich", "ZÜRICH", "bestellungen Für"] {
        let query: String = url::form_urlencoded::byte_serialize(part.as_bytes()).collect();
        let found = tenant.viewer.list(&format!("/v1/subscriptions?q={query}"));
        assert_eq!(found.len(), 1, "{part}");
        assert_eq!(found[0]["id"], id.as_str());
    }
    let user = |email: &str| {
        let body = json!({"email": email, "role": "viewer"});
        tenant.admin.post("/v1/users", &body).status
    };
    assert_eq!(user("Jörg@example.com"), 201);
    assert_eq!(user("JÖRG@example.com"), 409);
    assert_eq!(user("jörg@EXAMPLE.com"), 409);
}
