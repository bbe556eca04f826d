//! Users, tokens, accounts, and oneself.

use crate::page_http::desk::{html, led, link, list, page, submit};
use crate::support::Herald;
use crate::support::browser::{Browser, PASSWORD, path_of, signed_in};
use crate::support::client::Client;
use crate::support::tenant::Tenant;

/// An account of its own with an admin who is signed in.
fn desk(name: &str) -> (Tenant, Browser) {
    let tenant = Tenant::new();
    let email = format!("{name}@settings-{}.example", tenant.name);
    let browser = signed_in(tenant.daemon.herald(), &email, "admin", &tenant.name);
    (tenant, browser)
}

/// What stands in the element with this id.
#[track_caller]
fn inside(html: &str, id: &str) -> String {
    let (_, rest) = html.split_once(&format!("id=\"{id}\"")).expect(id);
    let (_, rest) = rest.split_once('>').unwrap();
    rest.split('<').next().unwrap().to_owned()
}

#[test]
fn a_token_is_shown_once_works_and_is_revoked_after_a_question_that_names_it() {
    let (tenant, browser) = desk("tokens");
    let refused = submit(
        &browser,
        "/settings/tokens",
        &[("title", ""), ("role", "viewer")],
    );
    let refused = html(refused.expect(422));
    assert!(refused.contains("aria-invalid=\"true\""), "{refused}");
    let fields = [("title", "CI <b>"), ("role", "publisher")];
    let made = page(
        &browser,
        &led(submit(&browser, "/settings/tokens", &fields)),
    );
    let text = inside(&made, "token");
    assert!(text.starts_with("hrld_"), "{made}");
    assert!(inside(&made, "token-line").contains("curl "), "{made}");
    let client = tenant.daemon.client(Some(text.clone()));
    client
        .publish(b"{\"event_type\":\"STORE_ORDER_CREATED\"}")
        .expect(202);
    let all = list(&browser, "/settings/tokens");
    assert!(
        all.contains("CI &lt;b&gt;") && !all.contains(&text),
        "{all}"
    );
    let path = link(&all, "/settings/tokens/tok_");
    assert!(!page(&browser, &path).contains(&text));
    let changed = submit(&browser, &path, &[("title", "CI"), ("role", "viewer")]);
    assert!(led(changed).ends_with("?done=token-saved"));
    let question = page(&browser, &format!("{path}/revoke"));
    assert!(question.contains("<strong>CI</strong>"), "{question}");
    led(submit(&browser, &format!("{path}/revoke"), &[]));
    client.get("/v1/events").expect(401);
    assert!(list(&browser, "/settings/tokens").contains("Revoked"));

    let (_, stranger) = desk("other-tokens");
    stranger.page(&path).expect(404);
    submit(&stranger, &format!("{path}/revoke"), &[]).expect(404);
}

#[test]
fn a_user_is_invited_changed_disabled_and_removed_and_the_last_admin_stays() {
    let (tenant, browser) = desk("users");
    let email = format!("new@settings-{}.example", tenant.name);
    let fields = [
        ("email", email.as_str()),
        ("name", "New <i>"),
        ("role", "viewer"),
    ];
    let made = page(&browser, &led(submit(&browser, "/settings/users", &fields)));
    // No mail server is set: the link is handed over.
    let handed = inside(&made, "link");
    let again = submit(&browser, "/settings/users", &fields).expect(409);
    assert!(html(again).contains("This e-mail"), "told above the form");
    let wrong = [("email", "nobody"), ("name", ""), ("role", "viewer")];
    let wrong = html(submit(&browser, "/settings/users", &wrong).expect(422));
    assert!(wrong.contains("id=\"email-error\""), "{wrong}");

    let herald = tenant.daemon.herald();
    let mut invited = Browser::new(&herald.client);
    invited.page(path_of(&handed)).expect(200);
    invited.set_password(&handed, PASSWORD).expect(204);
    invited.sign_in(&email);
    invited.page("/settings/users").expect(403);
    assert_eq!(led(invited.page("/settings")), "/settings/profile");

    let all = list(&browser, "/settings/users");
    assert!(
        all.contains("New &lt;i&gt;") && all.contains("(you)"),
        "{all}"
    );
    let path = link(&all, "/settings/users/usr_");
    led(submit(
        &browser,
        &path,
        &[("name", "Newer"), ("role", "admin")],
    ));
    invited.page("/settings/users").expect(200);
    led(submit(&browser, &format!("{path}/disable"), &[]));
    assert!(led(invited.page("/settings/users")).starts_with("/sign-in?next="));
    led(submit(&browser, &format!("{path}/enable"), &[]));
    let question = page(&browser, &format!("{path}/remove"));
    assert!(question.contains(&email), "{question}");
    led(submit(&browser, &format!("{path}/remove"), &[]));
    browser.page(&path).expect(404);

    // Who is left is the last admin: nothing takes them away.
    let own = link(&list(&browser, "/settings/users"), "/settings/users/usr_");
    submit(&browser, &format!("{own}/remove"), &[]).expect(409);
    submit(&browser, &format!("{own}/disable"), &[]).expect(409);
    submit(&browser, &own, &[("name", ""), ("role", "viewer")]).expect(409);
    browser.page("/settings/users").expect(200);

    let (_, stranger) = desk("other-users");
    stranger.page(&own).expect(404);
    submit(&stranger, &format!("{own}/remove"), &[]).expect(404);
}

#[test]
fn accounts_are_for_admins_of_main_alone_and_come_with_their_first_admin() {
    let herald = Herald::launch();
    let operator = signed_in(&herald, "boss@example.com", "admin", "main");
    let viewer = signed_in(&herald, "viewer@example.com", "viewer", "main");
    let fields = [("name", "acme"), ("email", "first@acme.example")];
    submit(&viewer, "/settings/accounts", &fields).expect(403);
    viewer.page("/settings/accounts").expect(403);
    let wrong = [("name", "Acme!"), ("email", "nobody")];
    let wrong = html(submit(&operator, "/settings/accounts", &wrong).expect(422));
    assert!(
        wrong.contains("id=\"name-error\"") && wrong.contains("id=\"email-error\""),
        "{wrong}"
    );
    let made = page(
        &operator,
        &led(submit(&operator, "/settings/accounts", &fields)),
    );
    let handed = inside(&made, "link");
    submit(&operator, "/settings/accounts", &fields).expect(409);
    let mut first = Browser::new(&herald.client);
    first.set_password(&handed, PASSWORD).expect(204);
    first.sign_in("first@acme.example");
    assert!(page(&first, "/settings/users").contains("first@acme.example"));
    first.page("/settings/accounts").expect(403);
    assert!(!page(&first, "/settings/profile").contains("/settings/accounts"));
    // What the operator did is told in their own log; in the other account they may do nothing.
    assert!(list(&operator, "/activity").contains("Account Created"));
    assert!(!page(&operator, "/settings/users").contains("acme.example"));

    let path = link(
        &list(&operator, "/settings/accounts"),
        "/settings/accounts/acc_",
    );
    led(submit(&operator, &path, &[("name", "acme-2")]));
    assert!(page(&operator, &format!("{path}/remove")).contains("acme-2"));
    led(submit(&operator, &format!("{path}/remove"), &[]));
    operator.page(&path).expect(404);
    assert!(led(first.page("/settings")).starts_with("/sign-in"));
}

#[test]
fn one_changes_the_own_password_with_the_present_one_and_is_signed_out_elsewhere() {
    let (tenant, mut browser) = desk("profile");
    let email = format!("profile@settings-{}.example", tenant.name);
    let mut elsewhere = Browser::new(&tenant.daemon.herald().client);
    elsewhere.sign_in(&email);
    led(submit(
        &browser,
        "/settings/profile",
        &[("name", "Ann <u>")],
    ));
    let shown = page(&browser, "/settings/profile");
    assert!(
        shown.contains("Ann &lt;u&gt;") && shown.contains("(this one)"),
        "{shown}"
    );
    assert!(shown.contains("Sign out everywhere else"), "{shown}");

    let path = "/settings/profile/password";
    let new = "another horse battery";
    let change = |browser: &Browser, fields: [&str; 3]| {
        let names = ["present", "password", "again"];
        submit(
            browser,
            path,
            &[
                (names[0], fields[0]),
                (names[1], fields[1]),
                (names[2], fields[2]),
            ],
        )
    };
    let told = html(change(&browser, [PASSWORD, "short", "short"]).expect(422));
    assert!(told.contains("id=\"password-error\""), "{told}");
    let told = html(change(&browser, [PASSWORD, new, "else"]).expect(422));
    assert!(told.contains("id=\"again-error\""), "{told}");
    let told = html(change(&browser, ["wrong", new, new]).expect(422));
    assert!(told.contains("id=\"present-error\""), "{told}");
    elsewhere.page("/settings/profile").expect(200);
    led(change(&browser, [PASSWORD, new, new]));
    browser.page("/settings/profile").expect(200);
    led(elsewhere.page("/settings/profile"));
    assert_eq!(elsewhere.try_sign_in(&email, PASSWORD).status, 401);
    elsewhere.try_sign_in(&email, new).expect(200);
    led(submit(&browser, "/settings/profile/sessions", &[]));
    led(elsewhere.page("/settings/profile"));

    // Tries count as those of a sign-in do.
    for _ in 0..5 {
        change(&browser, ["wrong", PASSWORD, PASSWORD]).expect(422);
    }
    change(&browser, [new, PASSWORD, PASSWORD]).expect(429);
    browser.cookie = None;
    led(browser.page("/settings/profile"));
}

#[test]
fn the_sign_in_leads_to_own_pages_alone() {
    let tenant = Tenant::new();
    let email = format!("next@settings-{}.example", tenant.name);
    let browser = signed_in(tenant.daemon.herald(), &email, "viewer", &tenant.name);
    let client: &Client = &tenant.daemon.herald().client;
    let to = |next: &str| {
        let fields = [
            ("email", email.as_str()),
            ("password", PASSWORD),
            ("next", next),
        ];
        led(Browser::new(client).submit("/sign-in", &fields))
    };
    assert_eq!(to("/mail?q=bob"), "/mail?q=bob");
    for foreign in [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "mail",
        "/\t/evil",
    ] {
        assert_eq!(to(foreign), "/", "{foreign}");
        let query: String = url::form_urlencoded::byte_serialize(foreign.as_bytes()).collect();
        assert_eq!(
            led(browser.page(&format!("/sign-in?next={query}"))),
            "/",
            "{foreign}"
        );
    }
}
