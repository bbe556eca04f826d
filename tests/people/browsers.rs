//! What a browser is given, and what is not taken from one that another site steers.

use serde_json::json;

use crate::people::herald;
use crate::support::Herald;
use crate::support::browser::{self, Browser, PASSWORD, signed_in};
use crate::support::client::Answer;

/// The attributes of the cookie that an answer sets.
fn attributes(answer: &Answer) -> Vec<String> {
    let cookie = answer.header("set-cookie").expect("a cookie");
    let mut parts: Vec<String> = cookie.split("; ").map(str::to_owned).collect();
    let (name, value) = parts[0].split_once('=').unwrap();
    assert!(value.is_empty() || value.len() == 43, "{cookie}");
    parts[0] = name.to_owned();
    parts
}

#[test]
fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let herald = herald();
    browser::user(&herald, "ann@example.com", "admin", "main");
    let mut browser = Browser::new(&herald.client);
    let answer = browser.try_sign_in("ann@example.com", PASSWORD);
    let expected = [
        "herald_session",
        "Path=/",
        "Max-Age=1209600",
        "HttpOnly",
        "SameSite=Strict",
    ];
    assert_eq!(attributes(&answer.expect(200)), expected);
    let out = browser.submit(
        "/sign-out",
        &[("csrf_token", browser.csrf.as_deref().unwrap())],
    );
    let expected = [
        "herald_session",
        "Path=/",
        "Max-Age=0",
        "HttpOnly",
        "SameSite=Strict",
    ];
    assert_eq!(attributes(&out.expect(303)), expected);
}

#[test]
fn over_tls_the_cookie_is_secure_and_bound_to_the_host() {
    let herald = Herald::launch_with(&[
        ("HERALD_TRUSTED_PROXIES", "127.0.0.1/32"),
        ("HERALD_PUBLIC_URL", "https://herald.example.com"),
    ]);
    let link = herald.run(&["user", "add", "ann@example.com", "--role", "admin"]);
    let plain = Browser::new(&herald.client);
    plain.set_password(link.trim(), PASSWORD).expect(204);
    let mut secure = plain.clone();
    secure.origin = "https://herald.example.com".to_owned();
    let form = "email=ann%40example.com&password=correct+horse+battery";
    let sent = [
        ("host", "herald.example.com"),
        ("origin", "https://herald.example.com"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let answer = secure
        .bare("POST", "/sign-in", &sent, form.as_bytes())
        .expect(303);
    let expected = [
        "__Host-herald",
        "Path=/",
        "Max-Age=1209600",
        "HttpOnly",
        "SameSite=Strict",
        "Secure",
    ];
    assert_eq!(attributes(&answer), expected);
    let cookie = answer.header("set-cookie").unwrap();
    let value = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    let ask = |name: &str, host: &str| {
        let mut asking = plain.clone();
        asking.cookie = Some(format!("{name}={value}"));
        asking
            .bare("GET", "/v1/events", &[("host", host)], b"")
            .status
    };
    assert_eq!(ask("__Host-herald", "herald.example.com"), 200);
    // A cookie that anybody on the way could have set counts for nothing over TLS.
    assert_eq!(ask("herald_session", "herald.example.com"), 401);
    assert_eq!(
        ask("__Host-herald", &herald.client.address.to_string()),
        401
    );
    // A link goes where the operator says.
    let link = herald.run(&[
        "user",
        "link",
        "ann@example.com",
        "--url",
        "https://herald.example.com/",
    ]);
    assert!(
        link.starts_with("https://herald.example.com/reset/"),
        "{link}"
    );
}

#[test]
fn a_request_that_changes_something_needs_the_csrf_token() {
    let herald = herald();
    let browser = signed_in(&herald, "ann@example.com", "admin", "main");
    let other = signed_in(&herald, "bob@example.com", "admin", "main");
    let body = json!({ "title": "t", "role": "viewer" }).to_string();
    let post = |csrf: Option<&str>| {
        let mut asking = browser.clone();
        asking.csrf = csrf.map(str::to_owned);
        asking.api("POST", "/v1/tokens", body.as_bytes())
    };
    for wrong in [None, Some(""), Some("x"), other.csrf.as_deref()] {
        let refused = post(wrong).expect(403);
        assert!(refused.detail().contains("CSRF"), "{}", refused.detail());
    }
    post(browser.csrf.as_deref()).expect(201);
    // A token in `Authorization` proves itself: no browser sends one by itself.
    herald
        .post("/v1/tokens", &json!({ "title": "t", "role": "viewer" }))
        .expect(201);
    // With both, the token counts, also if it is wrong.
    let mut both = browser.clone();
    both.csrf = None;
    both.bare("GET", "/v1/events", &[("authorization", "Bearer x")], b"")
        .expect(401);
    for wrong in [&[][..], &[("csrf_token", "x")]] {
        browser.submit("/sign-out", wrong).expect(403);
    }
    browser.api("GET", "/v1/events", b"").expect(200);
}

#[test]
fn pages_of_other_sites_and_foreign_hosts_are_refused() {
    let herald = herald();
    let browser = signed_in(&herald, "ann@example.com", "admin", "main");
    let sign_in = json!({ "email": "ann@example.com", "password": PASSWORD }).to_string();
    let csrf = browser.csrf.as_deref().unwrap();
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let json = ("content-type", "application/json");
        for path in ["/sign-in", "/reset", "/reset/x", "/invitation/x"] {
            let answer = browser.bare("POST", path, &[(name, value), json], sign_in.as_bytes());
            assert_eq!(answer.status, 403, "{path} {name}: {value}");
        }
        let proved = [(name, value), ("x-csrf-token", csrf)];
        browser
            .bare("POST", "/v1/tokens", &proved, b"{}")
            .expect(403);
        browser
            .bare("POST", "/sign-out", &proved, b"{}")
            .expect(403);
    }
    for host in [
        "evil.example",
        "herald",
        "127.0.0.1@evil.example",
        "localhost.evil.example",
    ] {
        let own = [("host", host), ("accept", "text/html")];
        for path in [
            "/",
            "/sign-in",
            "/reset",
            "/reset/x",
            "/invitation/x",
            "/v1/events",
        ] {
            let answer = browser.bare("GET", path, &own, b"");
            assert_eq!(answer.status, 421, "{path} at {host}");
        }
        let json = [("host", host), ("content-type", "application/json")];
        browser
            .bare("POST", "/sign-in", &json, sign_in.as_bytes())
            .expect(421);
    }
    // What has nothing to do with cookies is served under any name.
    let anywhere = [("host", "herald")];
    herald.send("GET", "/v1/events", &anywhere, b"").expect(200);
    herald.send("GET", "/healthz", &anywhere, b"").expect(200);
    browser.api("GET", "/v1/events", b"").expect(200);
}

#[test]
fn pages_hold_heralds_own_scripts_alone_and_show_what_others_wrote_as_text() {
    let herald = herald();
    let nasty = "<script>alert(1)</script>\"'&";
    herald.run(&[
        "user",
        "add",
        "ann@example.com",
        "--role",
        "viewer",
        "--name",
        nasty,
    ]);
    let link = herald.run(&["user", "link", "ann@example.com"]);
    let mut browser = Browser::new(&herald.client);
    browser.set_password(link.trim(), PASSWORD).expect(204);
    browser.sign_in("ann@example.com");
    let home = browser.page("/").expect(200);
    let refused = browser
        .submit("/sign-in", &[("email", nasty), ("password", "x")])
        .expect(401);
    let account = [("email", "a@b.c"), ("password", "x"), ("account", nasty)];
    let account = browser.submit("/sign-in", &account).expect(401);
    let asked = browser.submit("/reset", &[("email", nasty)]).expect(422);
    for page in [&home, &refused, &account, &asked] {
        let html = String::from_utf8(page.body.clone()).unwrap();
        for script in html.split("<script").skip(1) {
            let own = script.starts_with(" defer src=\"/assets/");
            assert!(own && script.contains("\"></script>"), "{html}");
        }
    }
    assert!(String::from_utf8_lossy(&home.body).contains("&lt;script&gt;"));
    let link = herald.run(&["user", "link", "ann@example.com"]);
    let mut nobody = Browser::new(&herald.client);
    nobody.cookie = None;
    for path in ["/sign-in", "/reset", browser::path_of(link.trim())] {
        let page = nobody.page(path).expect(200);
        assert_eq!(
            page.header("content-security-policy").unwrap(),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
             connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        );
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("referrer-policy"), Some("same-origin"));
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
    }
}

#[test]
fn the_pages_work_with_forms_alone() {
    let herald = herald();
    let link = herald.run(&["user", "add", "ann@example.com", "--role", "viewer"]);
    let path = browser::path_of(link.trim());
    let mut browser = Browser::new(&herald.client);
    let start = browser.page("/").expect(303);
    assert_eq!(start.header("location"), Some("/sign-in"));
    browser.page(path).expect(200);
    let different = [("password", PASSWORD), ("again", "something else")];
    browser.submit(path, &different).expect(422);
    browser
        .submit(path, &[("password", "short"), ("again", "short")])
        .expect(422);
    browser
        .submit(path, &[("password", PASSWORD), ("again", PASSWORD)])
        .expect(303);
    let given = [
        ("email", "Ann@Example.com"),
        ("password", PASSWORD),
        ("account", ""),
    ];
    let answer = browser.submit("/sign-in", &given).expect(303);
    assert_eq!(answer.header("location"), Some("/"));
    let cookie = answer.header("set-cookie").unwrap();
    browser.cookie = cookie.split(';').next().map(str::to_owned);
    let home = String::from_utf8(browser.page("/").expect(200).body).unwrap();
    assert!(home.contains("ann@example.com"), "{home}");
    assert_eq!(
        browser.page("/sign-in").expect(303).header("location"),
        Some("/")
    );
    let (_, after) = home.split_once("name=\"csrf_token\" value=\"").unwrap();
    let csrf = after.split('"').next().unwrap();
    let out = browser
        .submit("/sign-out", &[("csrf_token", csrf)])
        .expect(303);
    assert_eq!(out.header("location"), Some("/sign-in"));
    browser.page("/").expect(303);
    // A machine gets what it always got.
    let json = herald.get("/").expect(200).json();
    assert_eq!(json["name"], "Herald");
}
