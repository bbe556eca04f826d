//! What Herald records of itself: who did what, with what was before and what is after, and
//! nothing of it without the change itself.

use serde_json::{Value, json};

use crate::activity::find;
use crate::support::api::{order, text};
use crate::support::client::Client;
use crate::support::receiver::Receiver;
use crate::support::tenant::Tenant;
use crate::support::{Herald, wait_for};

/// Herald's own entries on a subject, oldest first: activity, payload.
#[track_caller]
fn told(client: &Client, subject: &str) -> Vec<(String, Value)> {
    let mut found = find(client, "group=Herald&limit=200");
    found.retain(|it| it["subject"] == subject);
    found.reverse();
    let entry = |it: &Value| (text(&it["activity"]), it["payload"].clone());
    found.iter().map(entry).collect()
}

/// The same without payloads.
#[track_caller]
fn names(client: &Client, subject: &str) -> Vec<String> {
    told(client, subject).into_iter().map(|it| it.0).collect()
}

#[test]
fn urls_are_masked_in_the_log_also_what_was_noted_before_they_were() {
    let herald = Herald::launch();
    let id = herald.subscribe("https://example.com/hooks/geheim-1?key=2", &["*"]);
    let path = format!("/v1/subscriptions/{id}");
    let url = |url: &str| herald.patch(&path, &json!({ "url": url })).expect(200);
    url("https://example.com/hooks/geheim-3");
    url("https://example.com/hooks/geheim-3");
    url("https://example.org/hooks/geheim-3");
    herald.delete(&path).expect(204);
    let (com, org) = ("https://example.com/•••", "https://example.org/•••");
    let changed = "https://example.com/••• (changed)";
    let expected = [
        json!(com),
        json!([com, changed]),
        json!([com, org]),
        json!(org),
    ];
    let urls = |subject: &str| -> Vec<Value> {
        let urls = told(&herald, subject).into_iter();
        urls.map(|(_, it)| match &it["url"] {
            Value::Null => json!([it["before"]["url"], it["after"]["url"]]),
            url => url.clone(),
        })
        .collect()
    };
    assert_eq!(urls(&id), expected);
    let stored = herald.sql("select payload from activity");
    assert!(!stored.contains("geheim"), "{stored}");

    // As older code noted it, and as the application may note what it likes.
    let older = [
        (
            "Herald",
            "Subscription Created",
            r#"{"url":"https://example.com/geheim"}"#,
        ),
        (
            "Herald",
            "Subscription Changed",
            r#"{"before":{"url":"https://example.com/geheim"},"after":{"url":"https://example.com/geheim2"}}"#,
        ),
        (
            "Herald",
            "Subscription Changed",
            r#"{"before":{"url":"https://example.com/geheim"},"after":{"url":"https://example.org/geheim"}}"#,
        ),
        (
            "Herald",
            "Subscription Deleted",
            r#"{"title":"x","url":"https://example.org/geheim"}"#,
        ),
    ];
    for (number, (group, activity, payload)) in older.into_iter().enumerate() {
        herald.sql(&format!(
            "insert into activity (account_id, at, actor, \"group\", activity, subject, payload) \
             select account_id, now() + interval '{number} seconds', 'herald', '{group}', \
                 '{activity}', 'old', '{payload}' \
             from activity limit 1"
        ));
    }
    assert_eq!(urls("old"), expected);
    let own = json!({"user": "ann", "group": "Order", "activity": "Submit",
        "payload": {"url": "https://example.com/not/ours"}});
    herald.post("/v1/activities", &own).expect(201);
    let found = find(&herald, "group=Order");
    assert_eq!(found[0]["payload"]["url"], "https://example.com/not/ours");
}

#[test]
fn the_life_of_a_subscription_is_told_with_before_and_after_and_no_secret() {
    let tenant = Tenant::new();
    let body = json!({"headers": {"X-Key": "s3cret", "X-Other": "0ther"}});
    let id = tenant
        .admin
        .subscribe_with("https://example.com/a", &["STORE_*"], &body);
    let path = format!("/v1/subscriptions/{id}");
    let patch = |body: &Value| tenant.admin.patch(&path, body).expect(200);
    patch(&json!({
        "title": "Another", "headers": {"X-Key": "n3w", "X-Other": "0ther"}, "state": "paused"
    }));
    // What changes nothing is no change.
    patch(&json!({"title": "Another"}));
    tenant.admin.switch(&id, "resume");
    tenant.admin.switch(&id, "pause");
    tenant.admin.switch(&id, "pause");
    tenant.admin.switch(&id, "disable");
    tenant.admin.switch(&id, "enable");
    let shown = tenant.admin.get(&format!("{path}/secret")).expect(200);
    let secret = text(&shown.json()["secret"]);
    tenant
        .admin
        .post(
            &format!("{path}/secret/rotate"),
            &json!({"overlap_hours": 1}),
        )
        .expect(200);
    tenant.admin.delete(&path).expect(204);
    let told = told(&tenant.viewer, &id);
    let names: Vec<&str> = told.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(
        names,
        [
            "Subscription Created",
            "Subscription Changed",
            "Subscription Paused",
            "Subscription Resumed",
            "Subscription Paused",
            "Subscription Disabled",
            "Subscription Enabled",
            "Secret Shown",
            "Secret Rotated",
            "Subscription Deleted",
        ]
    );
    assert_eq!(told[0].1["url"], "https://example.com/•••");
    assert_eq!(told[0].1["triggers"], json!(["STORE_*"]));
    assert_eq!(
        told[1].1,
        json!({
            "before": {"title": "A test", "headers": {"X-Key": "•••", "X-Other": "•••"}},
            "after": {"title": "Another", "headers": {"X-Key": "••• (changed)", "X-Other": "•••"}},
        })
    );
    assert_eq!(told[2].1["before"]["state"], "enabled");
    assert_eq!(told[2].1["after"]["state"], "paused");
    let all = tenant.viewer.get("/v1/activities?limit=200").body;
    let all = String::from_utf8(all).unwrap();
    for hidden in ["s3cret", "n3w", "0ther", secret.as_str()] {
        assert!(!all.contains(hidden), "{hidden} in {all}");
    }
    // Who did it: the token, by its id and its title.
    let entry = &find(&tenant.viewer, "group=Herald&activity=Secret%20Shown")[0];
    assert_eq!(entry["actor"], "token");
    assert_eq!(entry["user"], "of a test");
    let token = text(&entry["actor_id"]);
    tenant.admin.get(&format!("/v1/tokens/{token}")).expect(200);
}

#[test]
fn tokens_and_event_types_are_told_and_what_is_refused_is_not() {
    let tenant = Tenant::new();
    let admin = &tenant.admin;
    let made = admin.post("/v1/tokens", &json!({"title": "CI", "role": "viewer"}));
    let made = made.expect(201).json();
    let (id, secret) = (text(&made["id"]), text(&made["token"]));
    let path = format!("/v1/tokens/{id}");
    admin
        .patch(&path, &json!({"role": "publisher"}))
        .expect(200);
    admin
        .patch(&path, &json!({"role": "publisher"}))
        .expect(200);
    admin.delete(&path).expect(204);
    admin.delete(&path).expect(204);
    let entries = told(&tenant.viewer, &id);
    let names_of: Vec<&str> = entries.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(
        names_of,
        ["Token Created", "Token Changed", "Token Revoked"]
    );
    assert_eq!(entries[1].1["before"]["role"], "viewer");
    assert_eq!(entries[1].1["after"]["role"], "publisher");
    let all = tenant.viewer.get("/v1/activities?limit=200").body;
    assert!(!String::from_utf8(all).unwrap().contains(&secret));

    let body = json!({"name": "OWN", "title": "My own"});
    admin.post("/v1/event-types", &body).expect(201);
    admin.post("/v1/event-types", &body).expect(409);
    admin
        .patch(
            "/v1/event-types/OWN",
            &json!({"schema": {"type": "object"}}),
        )
        .expect(200);
    admin.delete("/v1/event-types/OWN").expect(204);
    admin.delete("/v1/event-types/OWN").expect(404);
    let entries = told(&tenant.viewer, "OWN");
    let names_of: Vec<&str> = entries.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(
        names_of,
        [
            "Event Type Created",
            "Event Type Changed",
            "Event Type Deleted"
        ]
    );
    assert_eq!(entries[1].1["changed"], json!(["schema"]));
    let builtin = "/v1/event-types/STORE_ORDER_CREATED";
    admin
        .patch(builtin, &json!({"validation": "reject"}))
        .expect(200);
    assert_eq!(
        names(&tenant.viewer, "STORE_ORDER_CREATED"),
        ["Event Type Changed"]
    );
}

#[test]
fn accounts_are_told_in_the_log_of_main_and_so_is_the_command_line() {
    let herald = Herald::launch();
    let made = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    let operator = Client {
        token: Some(made.trim().to_owned()),
        ..herald.client.clone()
    };
    let made = operator.post("/v1/accounts", &json!({"name": "shop"}));
    let id = text(&made.expect(201).json()["id"]);
    operator
        .post("/v1/accounts", &json!({"name": "shop"}))
        .expect(409);
    let path = format!("/v1/accounts/{id}");
    operator.patch(&path, &json!({"name": "store"})).expect(200);
    operator.patch(&path, &json!({"name": "store"})).expect(200);
    operator.patch(&path, &json!({"name": "main"})).expect(409);
    operator.delete(&path).expect(204);
    assert_eq!(
        names(&herald, &id),
        ["Account Created", "Account Renamed", "Account Removed"]
    );
    let tokens = find(&herald, "group=Herald&activity=Token%20Created");
    assert_eq!(tokens.len(), 2);
    for token in &tokens {
        assert_eq!(token["user"], "command line");
        assert_eq!(token["actor"], "herald");
    }
    assert_eq!(tokens[0]["payload"]["operator"], true);
}

#[test]
fn tests_resends_and_what_a_target_s_410_does_are_told() {
    let tenant = Tenant::new();
    let gone = Receiver::start(&["--fail", "410", "--rate", "1"]);
    let id = tenant.subscribe(&gone.url, &["ORDER_CREATED"]);
    let event = tenant.publisher.publish_event(&order(1));
    wait_for("the subscription to be disabled", || {
        (tenant.admin.subscription(&id)["state"] == "disabled").then_some(())
    });
    let entries = told(&tenant.viewer, &id);
    assert_eq!(entries[1].0, "Subscription Disabled");
    assert_eq!(entries[1].1["reason"], "The target answered 410 (Gone).");
    let by_herald = &find(&tenant.viewer, "activity=Subscription%20Disabled")[0];
    assert_eq!(by_herald["actor"], "herald");
    assert_eq!(by_herald["user"], Value::Null);
    tenant
        .admin
        .post(&format!("/v1/subscriptions/{id}/test"), &json!({}))
        .expect(202);
    // Its attempt is recorded beside the switch, perhaps a little later.
    let delivery = format!("/v1/deliveries/{event}/{id}");
    wait_for("the attempt to be recorded", || {
        (tenant.viewer.get(&delivery).json()["attempts"] != json!([])).then_some(())
    });
    tenant.admin.resend(&event, &id).expect(202);
    assert_eq!(names(&tenant.viewer, &id)[2..], ["Test Sent"]);
    let resent = told(&tenant.viewer, &event);
    assert_eq!(resent[0].0, "Delivery Resent");
    assert_eq!(resent[0].1["subscription_id"], json!(id));
}

#[test]
fn a_change_whose_record_fails_does_not_happen() {
    let herald = Herald::launch();
    let id = herald.subscribe("https://example.com/", &["*"]);
    let path = format!("/v1/subscriptions/{id}");
    herald.sql(
        "create function broken() returns trigger language plpgsql as \
             'begin raise check_violation using message = ''broken''; end'; \
         create trigger broken before insert on activity \
             for each row execute function broken()",
    );
    herald.patch(&path, &json!({"title": "No"})).expect(500);
    herald.poke(&format!("{path}/pause")).expect(500);
    herald.get(&format!("{path}/secret")).expect(500);
    herald.delete(&path).expect(500);
    herald
        .post("/v1/tokens", &json!({"title": "x", "role": "viewer"}))
        .expect(500);
    herald
        .post("/v1/event-types", &json!({"name": "OWN"}))
        .expect(500);
    herald.sql("drop trigger broken on activity");
    let now = herald.subscription(&id);
    assert_eq!(
        (&now["title"], &now["state"]),
        (&json!("A test"), &json!("enabled"))
    );
    assert_eq!(herald.list("/v1/tokens").len(), 1);
    herald.get("/v1/event-types/OWN").expect(404);
    assert_eq!(names(&herald, &id), ["Subscription Created"]);
}
