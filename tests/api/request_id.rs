//! Each answer has an id of its own, by which its cause is found in the log.

use crate::support::browser::signed_in;
use crate::support::{Herald, wait_until};

#[test]
fn a_problem_names_the_request_whose_cause_is_in_the_log() {
    let herald = Herald::launch();
    let missing = herald
        .get("/v1/mails/mail_01h455vb4pex5vsknk084sn02q")
        .expect(404);
    let id = missing.header("request-id").unwrap();
    assert_eq!(
        missing.json()["instance"],
        format!("urn:herald:request:{id}")
    );
    let other = herald.get("/v1/mails").expect(200);
    assert_ne!(other.header("request-id"), Some(id));
    // What only the operator can fix is in the log alone, with the id.
    herald.sql("alter table mail rename to mail_elsewhere");
    let failed = herald.get("/v1/mails").expect(500);
    let id = failed.header("request-id").unwrap().to_owned();
    assert!(!failed.detail().contains("mail_elsewhere") && !failed.detail().contains("relation"));
    let names_it = |line: &str| line.contains(&id) && line.contains("a request failed");
    wait_until("the cause in the log", || {
        herald.log().lines().any(names_it)
    });
    herald.sql("alter table mail_elsewhere rename to mail");
    // A form that shows the failure on its own page is no exception.
    let admin = signed_in(&herald, "ann@example.com", "admin", "main");
    let webhook = [
        ("csrf_token", admin.csrf.as_deref().unwrap()),
        ("title", "Shop"),
        ("url", "http://127.0.0.1:9/"),
        ("patterns", "ORDER_*"),
        ("state", "enabled"),
        ("max_in_flight", "8"),
        ("timeout_seconds", "15"),
    ];
    herald.sql("alter table subscription_secret rename to secret_elsewhere");
    let page = admin.submit("/webhooks/new", &webhook);
    let id = page.header("request-id").unwrap().to_owned();
    let names_it = |line: &str| line.contains(&id) && line.contains("a request failed");
    wait_until("its cause in the log", || {
        herald.log().lines().any(names_it)
    });
}
