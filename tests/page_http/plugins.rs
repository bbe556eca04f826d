//! The pages of the scripts, and who sees which of their lines.

use std::fs;

use serde_json::json;

use crate::page_http::desk::page;
use crate::support::browser::{Browser, signed_in};
use crate::support::{Herald, wait_for, wait_until};

/// A script of which a line may be seen.
const BROKEN: &str = "// the head\nfn filter(event) {\n    let sesame = ;\n    true\n}\n";

fn save(herald: &Herald, name: &str, text: &str) {
    let file = herald.plugins().join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    wait_until(&format!("{name} to be read"), || {
        herald
            .list("/v1/plugins?limit=200")
            .iter()
            .any(|it| it["name"] == name)
    });
}

/// A daemon with scripts, an admin of `main`, and an admin and a viewer of another account.
fn desk() -> (Herald, [Browser; 3]) {
    let herald = Herald::launch();
    save(&herald, "triggers/X.rhai", BROKEN);
    save(&herald, "named/broken.rhai", BROKEN);
    let made = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    let mut operator = herald.client.clone();
    operator.token = Some(made.trim().to_owned());
    operator
        .post("/v1/accounts", &json!({ "name": "acme" }))
        .expect(201);
    let browsers = [
        signed_in(&herald, "boss@example.com", "admin", "main"),
        signed_in(&herald, "admin@acme.example", "admin", "acme"),
        signed_in(&herald, "viewer@example.com", "viewer", "main"),
    ];
    (herald, browsers)
}

#[test]
fn a_broken_script_is_shown_with_its_line_and_a_trigger_s_lines_to_operators_alone() {
    let (herald, [operator, admin, viewer]) = desk();
    let list = page(&operator, "/plugins");
    assert!(
        list.contains("triggers/X.rhai") && list.contains("Line 3"),
        "{list}"
    );
    let shown = page(&operator, "/plugins/triggers/X.rhai");
    // The operator sees the lines around it as well.
    assert!(
        shown.contains("sesame") && shown.contains("// the head"),
        "{shown}"
    );
    for other in [&admin, &viewer] {
        let shown = page(other, "/plugins/triggers/X.rhai");
        assert!(
            shown.contains("Line 3") && !shown.contains("sesame"),
            "{shown}"
        );
        assert!(!shown.contains("// the head"), "{shown}");
        let shown = page(other, "/plugins/named/broken.rhai");
        assert!(
            shown.contains("sesame") && !shown.contains("// the head"),
            "{shown}"
        );
    }
    operator.page("/plugins/named/nobody.rhai").expect(404);
    // Of a script, an operator who is signed in sees by the API what an operator's token sees; to
    // act in other accounts is not theirs.
    let told = operator
        .bare("GET", "/v1/plugins", &[], b"")
        .expect(200)
        .json();
    assert!(told.to_string().contains("sesame"), "{told}");
    let crossing = [("herald-account", "acme")];
    operator
        .bare("GET", "/v1/subscriptions", &crossing, b"")
        .expect(404);
    operator.bare("GET", "/v1/accounts", &[], b"").expect(403);
    let told = admin
        .bare("GET", "/v1/plugins", &[], b"")
        .expect(200)
        .json();
    let trigger = told["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["kind"] == "trigger");
    assert!(!trigger.unwrap().to_string().contains("sesame"), "{told}");
    drop(herald);
}

#[test]
fn a_dry_run_shows_the_difference_what_is_filtered_and_the_line_that_failed() {
    let (herald, [operator, _, viewer]) = desk();
    save(
        &herald,
        "named/change.rhai",
        "fn transform(event) { let body = event.payload; body.added = \"<b>new</b>\"; body }\n\
         fn headers(event) { #{ \"X-Ware\": \"north\" } }\n",
    );
    save(
        &herald,
        "named/nothing.rhai",
        "fn filter(event) { false }\n",
    );
    save(
        &herald,
        "named/failing.rhai",
        "fn filter(event) {\n    throw \"oh\";\n}\n",
    );
    let webhook =
        herald.subscribe_with("https://example.com/", &["*"], &json!({"plugin": "change"}));
    let event = herald
        .publish_event(&json!({ "event_type": "STORE_ORDER_CREATED", "data": {"id": "4711"} }));

    let path = "/plugins/named/change.rhai";
    let shown = page(&operator, path);
    assert!(
        shown.contains(&format!("href=\"/webhooks/{webhook}\"")),
        "{shown}"
    );
    let shown = page(&operator, &format!("{path}?type=STORE_ORDER_CREATED"));
    assert!(
        shown.contains("<ins>") && shown.to_lowercase().contains("<dt>x-ware</dt>"),
        "{shown}"
    );
    assert!(
        shown.contains("&lt;b&gt;new") && !shown.contains("<b>new"),
        "{shown}"
    );
    let shown = page(
        &operator,
        &format!("{path}?event={event}&webhook={webhook}"),
    );
    assert!(shown.contains("<ins>") && shown.contains("4711"), "{shown}");
    let shown = page(
        &operator,
        "/plugins/named/nothing.rhai?type=STORE_ORDER_CREATED",
    );
    assert!(shown.contains("It would not be delivered"), "{shown}");
    let shown = page(
        &operator,
        "/plugins/named/failing.rhai?type=STORE_ORDER_CREATED",
    );
    assert!(
        shown.contains("Line 2") && shown.contains("The run failed"),
        "{shown}"
    );
    let shown = page(&operator, &format!("{path}?event=nonsense"));
    assert!(shown.contains("That is not the ID of an event"), "{shown}");
    // As over the API, who only reads runs nothing.
    let shown = page(&viewer, &format!("{path}?type=STORE_ORDER_CREATED"));
    assert!(
        !shown.contains("<ins>") && !shown.contains("Try it out"),
        "{shown}"
    );
}

#[test]
fn the_last_failure_of_a_script_is_shown_to_operators_alone() {
    let (herald, [operator, admin, _]) = desk();
    save(
        &herald,
        "named/failing.rhai",
        "fn filter(event) {\n    throw \"oh \" + event.payload.data.id;\n}\n",
    );
    herald.subscribe_with(
        "https://example.com/",
        &["*"],
        &json!({"plugin": "failing"}),
    );
    herald.publish_event(&json!({ "event_type": "STORE_ORDER_CREATED", "data": {"id": "4711"} }));
    wait_for("a run that failed", || {
        let shown = page(&operator, "/plugins/named/failing.rhai");
        shown.contains("oh 4711").then_some(())
    });
    let shown = page(&admin, "/plugins/named/failing.rhai");
    assert!(!shown.contains("4711"), "{shown}");
}
