//! Users of an account, over HTTP and on the command line.

use serde_json::{Value, json};

use super::{herald, noted};
use crate::support::api::text;
use crate::support::browser::{self, Browser, PASSWORD, signed_in};

#[test]
fn an_admin_invites_changes_and_removes_users() {
    let herald = herald();
    let body = json!({ "email": "Ann@Example.com", "name": "Ann", "role": "viewer" });
    let made = herald.post("/v1/users", &body).expect(201);
    let path = made.header("location").unwrap().to_owned();
    let made = made.json();
    assert_eq!(
        (&made["password_set"], &made["disabled"]),
        (&json!(false), &json!(false))
    );
    // Without mail the admin gets the link, this once.
    let link = text(&made["link"]);
    assert!(
        link.starts_with(&format!("{}/invitation/", herald.url)),
        "{link}"
    );
    let shown = herald.get(&path).expect(200).json();
    assert_eq!(shown.get("link"), None);
    herald
        .post(
            "/v1/users",
            &json!({ "email": "ANN@example.com", "role": "admin" }),
        )
        .expect(409);
    let mut browser = Browser::new(&herald.client);
    browser.set_password(&link, PASSWORD).expect(204);
    browser.sign_in("ann@example.com");
    let shown = herald.get(&path).expect(200).json();
    assert_eq!(shown["password_set"], true);
    assert!(shown["last_sign_in_at"].is_string());
    let changed = herald
        .patch(&path, &json!({ "role": "admin", "name": "" }))
        .expect(200)
        .json();
    assert_eq!(
        (&changed["role"], &changed["name"]),
        (&json!("admin"), &json!(""))
    );
    browser.api("GET", "/v1/users", b"").expect(200);
    herald
        .patch(&path, &json!({ "disabled": true }))
        .expect(200);
    browser.api("GET", "/v1/users", b"").expect(401);
    browser.try_sign_in("ann@example.com", PASSWORD).expect(401);
    herald
        .patch(&path, &json!({ "disabled": false }))
        .expect(200);
    // The sessions of before stay ended.
    browser.api("GET", "/v1/users", b"").expect(401);
    browser.sign_in("ann@example.com");
    herald.delete(&path).expect(204);
    browser.api("GET", "/v1/users", b"").expect(401);
    herald.get(&path).expect(404);
    herald.delete(&path).expect(404);
    herald.patch(&path, &json!({ "name": "x" })).expect(404);
    assert_eq!(herald.list("/v1/users"), [] as [Value; 0]);
    let names: Vec<Value> = herald
        .list("/v1/activities?group=Herald")
        .into_iter()
        .filter(|it| it["subject"] == made["id"] && it["actor"] == "token")
        .map(|it| it["activity"].clone())
        .collect();
    let expected = [
        "User Removed",
        "User Changed",
        "User Changed",
        "User Changed",
        "User Invited",
    ];
    assert_eq!(names, expected);
    let changes = noted(&herald, "User Changed");
    let first = &changes.last().unwrap()["payload"];
    assert_eq!(
        (&first["before"]["role"], &first["after"]["role"]),
        (&json!("viewer"), &json!("admin"))
    );
}

#[test]
fn wrong_values_of_a_user_are_told_all_at_once() {
    let herald = herald();
    let body = json!({ "email": "Ann <ann@example.com>", "role": "publisher", "colour": "red" });
    let answer = herald.post("/v1/users", &body).expect(422);
    assert_eq!(answer.pointers(), ["/email", "/role", "/colour"]);
    herald.post("/v1/users", &json!({})).expect(422);
    let body = json!({ "email": "a@b.c", "role": "viewer", "name": "a\r\nBcc: x@y.z" });
    assert_eq!(
        herald.post("/v1/users", &body).expect(422).pointers(),
        ["/name"]
    );
}

#[test]
fn an_admin_cannot_shut_themselves_out() {
    let herald = herald();
    let id = browser::user(&herald, "ann@example.com", "admin", "main");
    let mut browser = Browser::new(&herald.client);
    browser.sign_in("ann@example.com");
    let path = format!("/v1/users/{id}");
    let patch = |body: Value| browser.api("PATCH", &path, body.to_string().as_bytes());
    patch(json!({ "role": "viewer" })).expect(409);
    patch(json!({ "disabled": true })).expect(409);
    browser.api("DELETE", &path, b"").expect(409);
    patch(json!({ "name": "Ann" })).expect(200);
    let other = signed_in(&herald, "bob@example.com", "admin", "main");
    other
        .api(
            "PATCH",
            &path,
            json!({ "role": "viewer" }).to_string().as_bytes(),
        )
        .expect(200);
    other.api("DELETE", &path, b"").expect(204);
}

#[test]
fn many_users_are_listed_page_by_page() {
    let herald = herald();
    for number in 0..5 {
        let body = json!({ "email": format!("u{number}@example.com"), "role": "viewer" });
        herald.post("/v1/users", &body).expect(201);
    }
    let emails: Vec<String> = herald
        .list("/v1/users?limit=2")
        .iter()
        .map(|it| text(&it["email"]))
        .collect();
    let expected: Vec<String> = (0..5)
        .rev()
        .map(|it| format!("u{it}@example.com"))
        .collect();
    assert_eq!(emails, expected);
}

#[test]
fn the_command_line_adds_lists_edits_and_removes_users() {
    let herald = herald();
    let link = herald.run(&[
        "user",
        "add",
        "ann@example.com",
        "--role",
        "admin",
        "--name",
        "Ann",
    ]);
    assert_eq!(link.lines().count(), 1, "{link}");
    let list =
        || -> Value { serde_json::from_str(&herald.run(&["user", "list", "--json"])).unwrap() };
    assert_eq!(list()[0]["email"], "ann@example.com");
    assert_eq!(list()[0]["password_set"], false);
    assert!(herald.run(&["user", "list"]).contains("invited"));
    herald.run(&[
        "user",
        "edit",
        "ANN@example.com",
        "--role",
        "viewer",
        "--disable",
    ]);
    assert_eq!(
        (&list()[0]["role"], &list()[0]["disabled"]),
        (&json!("viewer"), &json!(true))
    );
    herald.run(&["user", "edit", "ann@example.com", "--enable"]);
    let link = herald.run(&[
        "user",
        "link",
        "ann@example.com",
        "--url",
        "https://h.example",
    ]);
    assert!(link.starts_with("https://h.example/invitation/"), "{link}");
    let exit = |arguments: &[&str]| {
        let output = herald.command().args(arguments).output().unwrap();
        output.status.code()
    };
    assert_eq!(
        exit(&["user", "add", "ann@example.com", "--role", "admin"]),
        Some(1)
    );
    assert_eq!(
        exit(&["user", "add", "no-email", "--role", "admin"]),
        Some(2)
    );
    assert_eq!(exit(&["user", "link", "no@example.com"]), Some(1));
    assert_eq!(
        exit(&[
            "user",
            "add",
            "b@example.com",
            "--role",
            "admin",
            "--account",
            "x"
        ]),
        Some(1)
    );
    herald.run(&["user", "remove", "ann@example.com"]);
    assert_eq!(exit(&["user", "remove", "ann@example.com"]), Some(1));
    assert_eq!(list(), json!([]));
    let added = &noted(&herald, "User Added")[0];
    assert_eq!(
        (&added["user"], &added["actor"]),
        (&json!("command line"), &json!("herald"))
    );
}

#[test]
fn an_account_goes_with_its_users() {
    let herald = herald();
    let operator = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    let mut operator_client = herald.client.clone();
    operator_client.token = Some(operator.trim().to_owned());
    let made = operator_client
        .post("/v1/accounts", &json!({ "name": "other" }))
        .expect(201)
        .json();
    let browser = signed_in(&herald, "ann@example.com", "admin", "other");
    browser.api("GET", "/v1/events", b"").expect(200);
    operator_client
        .delete(&format!("/v1/accounts/{}", text(&made["id"])))
        .expect(204);
    browser.api("GET", "/v1/events", b"").expect(401);
}
