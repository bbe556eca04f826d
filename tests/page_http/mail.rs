//! The pages of the mail log.

use serde_json::json;

use crate::page_http::desk::{link, list, page};
use crate::support::browser::signed_in;
use crate::support::tenant::Tenant;

#[test]
fn a_mail_is_found_by_its_receiver_subject_topic_and_state_and_by_its_day() {
    let tenant = Tenant::new();
    for (topic, to, subject, record_only) in [
        ("Reset", "bob@example.com", "Your password", true),
        ("Order", "carl@example.com", "On its <b>way</b>", true),
    ] {
        let body = json!({
            "topic": topic, "from": "shop@example.com", "to": [to], "subject": subject,
            "text": "Hello", "record_only": record_only,
        });
        tenant.publisher.post("/v1/mails", &body);
    }
    let herald = tenant.daemon.herald();
    let email = format!("viewer@mail-{}.example", tenant.name);
    let browser = signed_in(herald, &email, "viewer", &tenant.name);
    let all = page(&browser, "/mail");
    assert!(all.contains("<option value=\"Reset\">"), "{all}");
    assert!(
        all.contains("On its &lt;b&gt;way&lt;/b&gt;") && !all.contains("<b>way"),
        "{all}"
    );
    for query in ["q=BOB%40example", "q=password", "topic=Reset"] {
        let found = list(&browser, &format!("/mail?{query}"));
        assert!(
            found.contains("bob@") && !found.contains("carl@"),
            "{query}: {found}"
        );
    }
    let found = list(&browser, "/mail?state=failed");
    assert!(found.contains("Clear the filters"), "{found}");
    let found = list(&browser, "/mail?to=2020-01-01");
    assert!(found.contains("Clear the filters"), "{found}");
    // Who types has typed less at first.
    let found = list(&browser, "/mail?q=bo");
    assert!(found.contains("at least 3 characters"), "{found}");
}

#[test]
fn a_mail_s_html_stands_in_a_frame_that_can_do_nothing() {
    let tenant = Tenant::new();
    let html = "<script>alert(1)</script><img src=\"https://evil.example/x.png\"><h1>Hello</h1>";
    let body = json!({
        "topic": "Reset", "from": "shop@example.com", "to": ["bob@example.com"], "subject": "Hi",
        "text": "Hello <i>", "html": html, "record_only": true,
    });
    tenant.publisher.post("/v1/mails", &body);
    let herald = tenant.daemon.herald();
    let email = format!("viewer@frame-{}.example", tenant.name);
    let browser = signed_in(herald, &email, "viewer", &tenant.name);
    let path = link(&list(&browser, "/mail"), "/mail/mail_");
    let shown = page(&browser, &path);
    assert!(
        shown.contains(&format!("src=\"{path}/html\" sandbox=\"\"")),
        "{shown}"
    );
    assert!(
        shown.contains("Hello &lt;i&gt;") && !shown.contains("<script>alert"),
        "{shown}"
    );
    let frame = browser.page(&format!("{path}/html")).expect(200);
    let policy = frame.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "img-src data:",
        "sandbox;",
        "frame-ancestors 'self'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(
        !policy.contains("script-src") && !policy.contains("allow-"),
        "{policy}"
    );
    assert_eq!(frame.header("x-frame-options"), Some("SAMEORIGIN"));
    assert_eq!(frame.header("x-content-type-options"), Some("nosniff"));

    let other = Tenant::new();
    let email = format!("other@frame-{}.example", other.name);
    let stranger = signed_in(herald, &email, "admin", &other.name);
    stranger.page(&path).expect(404);
    stranger.page(&format!("{path}/html")).expect(404);
}

#[test]
fn what_a_confidential_mail_says_is_shown_to_nobody() {
    let tenant = Tenant::new();
    let body = json!({
        "topic": "Invitation", "from": "shop@example.com", "to": ["bob@example.com"],
        "subject": "Hi", "text": "open sesame", "html": "<p>open sesame</p>", "record_only": true,
    });
    let made = tenant.publisher.post("/v1/mails", &body).json();
    let herald = tenant.daemon.herald();
    // Herald's own mails with links are marked so; here no mail server is set that would get one.
    herald.sql("update mail set confidential = true where subject = 'Hi' and topic = 'Invitation'");
    let email = format!("admin@secret-{}.example", tenant.name);
    let browser = signed_in(herald, &email, "admin", &tenant.name);
    let path = format!("/mail/{}", made["id"].as_str().unwrap());
    let shown = page(&browser, &path);
    assert!(
        !shown.contains("sesame") && !shown.contains("<iframe"),
        "{shown}"
    );
    assert!(shown.contains("for its receiver alone"), "{shown}");
    browser.page(&format!("{path}/html")).expect(404);
}
