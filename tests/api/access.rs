//! Who may do what: every route of the OpenAPI document, by every role.

use std::collections::BTreeSet;

use herald::domain::role::Role;
use herald::http::access::{Access, Scope};
use herald::http::routes::TABLE;
use serde_json::{Value, json};

use crate::support::browser::{self, Browser};
use crate::support::tenant::Tenant;
use crate::support::wait_until;

/// The path of a pattern, with ids that nobody has.
fn path(pattern: &str) -> String {
    let id = |prefix: &str| format!("{prefix}_01h455vb4pex5vsknk084sn02q");
    let first = match pattern.split('/').nth(2) {
        Some("accounts") => id("acc"),
        Some("tokens") => id("tok"),
        Some("subscriptions") => id("sub"),
        Some("users") => id("usr"),
        Some("mails") => id("mail"),
        _ => id("evt"),
    };
    pattern
        .replace("{id}", &first)
        .replace("{event_id}", &first)
        .replace("{subscription_id}", &id("sub"))
        .replace("{name}", "NOBODY_HAS_THIS")
        .replace("{token}", "nobody-has-this")
        .replace("{kind}", "named")
        .replace("{file}", "nobody-has-this.rhai")
}

#[test]
fn the_document_has_exactly_the_routes_of_the_table() {
    let tenant = Tenant::new();
    let document = tenant
        .daemon
        .client(None)
        .get("/openapi.json")
        .expect(200)
        .json();
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            found.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let table: BTreeSet<String> = TABLE
        .iter()
        .filter(|entry| entry.is_documented())
        .map(|entry| format!("{} {}", entry.method, entry.pattern))
        .collect();
    assert_eq!(found, table);
}

#[test]
fn every_route_lets_in_the_roles_of_the_table_and_nobody_else() {
    let tenant = Tenant::new();
    let own = [
        (Role::Publisher, &tenant.publisher),
        (Role::Viewer, &tenant.viewer),
        (Role::Admin, &tenant.admin),
    ];
    for entry in TABLE {
        let method = entry.method.as_str();
        let path = path(entry.pattern);
        let ask =
            |client: &crate::support::client::Client| client.send(method, &path, &[], b"{}").status;
        let nobody = ask(&tenant.daemon.client(None));
        assert_eq!(
            nobody == 401,
            entry.access != Access::Public,
            "{method} {path}: {nobody}"
        );
        for (role, client) in own {
            let status = ask(client);
            let refused = matches!(status, 401 | 403);
            let permitted = entry.access.permits(role, false);
            assert_eq!(refused, !permitted, "{method} {path} as {role}: {status}");
        }
        let operator = ask(&tenant.daemon.operator(None));
        // Signing out and pages are nothing for a token.
        let of_users = entry.access == Access::SignedIn || entry.access.is_page();
        assert_eq!(
            matches!(operator, 401 | 403),
            of_users,
            "{method} {path} as operator: {operator}"
        );
        if entry.scope == Scope::Account && !of_users {
            assert_eq!(operator, 400, "{method} {path} without an account");
        }
        let named = ask(&tenant.daemon.operator(Some(&tenant.id)));
        assert_eq!(
            matches!(named, 401 | 403),
            of_users,
            "{method} {path} as operator: {named}"
        );
    }
}

#[test]
fn every_route_lets_in_the_users_of_the_table_by_their_cookie_and_nobody_else() {
    let (tenant, other) = (Tenant::new(), Tenant::new());
    let herald = tenant.daemon.herald();
    for role in [Role::Viewer, Role::Admin] {
        let email = format!("{role}@{}.example", tenant.name);
        browser::user(herald, &email, role.as_str(), &tenant.name);
        let mut browser = Browser::new(&herald.client);
        for entry in TABLE {
            let method = entry.method.as_str();
            let path = path(entry.pattern);
            // Signing in and out ends the session that came along.
            browser.sign_in(&email);
            let asked = |browser: &Browser| browser.api(method, &path, b"{}").status;
            let permitted = entry.access.permits_user(role, false);
            if method != "GET" && entry.access != Access::Public {
                let mut unproved = browser.clone();
                unproved.csrf = None;
                let status = asked(&unproved);
                assert!(
                    matches!(status, 403 | 415),
                    "{method} {path} without a proof: {status}"
                );
                let mut foreign = browser.clone();
                foreign.origin = "https://evil.example".to_owned();
                assert_eq!(asked(&foreign), 403, "{method} {path} from elsewhere");
            }
            if matches!(entry.scope, Scope::Account) {
                let mut more = vec![("herald-account", other.name.as_str())];
                more.push(("origin", &browser.origin));
                more.push(("x-csrf-token", browser.csrf.as_deref().unwrap()));
                let crossing = browser.bare(method, &path, &more, b"{}").status;
                let expected = if permitted { 404 } else { 403 };
                assert_eq!(crossing, expected, "{method} {path} in another account");
            }
            let status = asked(&browser);
            let refused = matches!(status, 401 | 403);
            assert_eq!(refused, !permitted, "{method} {path} as {role}: {status}");
        }
    }
}

#[test]
fn what_another_account_has_is_not_there() {
    let (mine, other) = (Tenant::new(), Tenant::new());
    let subscription = mine.subscribe("https://example.com/", &["STORE_*"]);
    mine.admin
        .post(
            &format!("/v1/subscriptions/{subscription}/pause"),
            &json!({}),
        )
        .expect(200);
    let event = mine.publish("STORE_ORDER_CREATED");
    mine.admin
        .post("/v1/event-types", &json!({ "name": "MINE" }))
        .expect(201);
    let token = mine.admin.get("/v1/tokens").json()["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let user = json!({ "email": "ann@example.com", "role": "viewer" });
    let user = mine.admin.post("/v1/users", &user).expect(201).json();
    let user = format!("/v1/users/{}", user["id"].as_str().unwrap());
    mine.admin.get(&user).expect(200);
    other
        .admin
        .patch(&user, &json!({ "role": "admin" }))
        .expect(404);
    assert_eq!(other.admin.list("/v1/users"), [] as [Value; 0]);
    let subscription = format!("/v1/subscriptions/{subscription}");
    let delivery = subscription.replace("/v1/subscriptions", &format!("/v1/deliveries/{event}"));
    mine.viewer.get(&delivery).expect(200);
    for path in [
        format!("/v1/events/{event}"),
        "/v1/event-types/MINE".to_owned(),
        format!("/v1/tokens/{token}"),
        format!("{subscription}/secret"),
        subscription.clone(),
        delivery.clone(),
        user.clone(),
    ] {
        other.admin.get(&path).expect(404);
    }
    for path in [
        "",
        "/secret/rotate",
        "/test",
        "/pause",
        "/resume",
        "/enable",
        "/disable",
    ] {
        let path = format!("{subscription}{path}");
        let method = if path == subscription {
            "PATCH"
        } else {
            "POST"
        };
        other.admin.send(method, &path, &[], b"{}").expect(404);
    }
    other.admin.poke(&format!("{delivery}/resend")).expect(404);
    for path in [
        &subscription,
        &user,
        &format!("/v1/tokens/{token}"),
        "/v1/event-types/MINE",
    ] {
        other.admin.delete(path).expect(404);
    }
    for path in ["/v1/events", "/v1/subscriptions", "/v1/deliveries"] {
        assert_eq!(other.viewer.get(path).expect(200).json()["data"], json!([]));
    }
    let mut crossing = other.admin.clone();
    crossing.account = Some(mine.name.clone());
    crossing.get("/v1/events").expect(404);
    crossing.account = Some(other.name.clone());
    crossing.get("/v1/events").expect(200);
}

#[test]
fn a_viewer_sees_no_secrets() {
    let tenant = Tenant::new();
    let body = json!({
        "url": "https://example.com/", "triggers": ["*"], "headers": {"X-Key": "open sesame"},
    });
    let made = tenant
        .admin
        .post("/v1/subscriptions", &body)
        .expect(201)
        .json();
    let path = format!("/v1/subscriptions/{}", made["id"].as_str().unwrap());
    assert_eq!(
        tenant.admin.get(&path).json()["headers"]["X-Key"],
        "open sesame"
    );
    for path in [path.as_str(), "/v1/subscriptions"] {
        let shown = tenant.viewer.get(path).expect(200).json().to_string();
        assert!(
            !shown.contains("sesame") && !shown.contains("whsec_"),
            "{shown}"
        );
    }
    tenant.viewer.get(&format!("{path}/secret")).expect(403);
}

#[test]
fn a_revoked_token_ends_at_once_and_its_text_is_never_shown_again() {
    let tenant = Tenant::new();
    let body = json!({ "title": "short lived", "role": "viewer" });
    let made = tenant.admin.post("/v1/tokens", &body).expect(201).json();
    let client = tenant
        .daemon
        .client(made["token"].as_str().map(str::to_owned));
    client.get("/v1/events").expect(200);
    let path = format!("/v1/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(
        tenant.admin.get(&path).expect(200).json().get("token"),
        None
    );
    tenant.admin.delete(&path).expect(204);
    wait_until("the token is refused", || {
        client.get("/v1/events").status == 401
    });
    assert_ne!(
        tenant.admin.get(&path).expect(200).json()["revoked_at"],
        Value::Null
    );
}

#[test]
fn an_account_in_use_and_the_main_account_cannot_be_removed() {
    let tenant = Tenant::new();
    let operator = tenant.daemon.operator(None);
    let path = format!("/v1/accounts/{}", tenant.id);
    let subscription = tenant.subscribe("https://example.com/", &["*"]);
    operator.delete(&path).expect(409);
    tenant
        .admin
        .delete(&format!("/v1/subscriptions/{subscription}"))
        .expect(204);
    operator.delete(&path).expect(204);
    operator.get(&path).expect(404);
    wait_until("its tokens end", || {
        tenant.admin.get("/v1/events").status == 401
    });
    let main = herald::domain::id::MAIN_ACCOUNT;
    operator.delete(&format!("/v1/accounts/{main}")).expect(409);
    operator
        .patch(&format!("/v1/accounts/{main}"), &json!({ "name": "else" }))
        .expect(409);
}
