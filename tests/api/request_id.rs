//! Each answer has an id of its own, by which its cause is found in the log.

use crate::support::{Herald, wait_until};

#[test]
fn a_problem_names_the_answer_that_the_log_tells_the_cause_of() {
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
    // What only the operator can mend is told in the log alone, with the id.
    herald.sql("alter table mail rename to mail_elsewhere");
    let failed = herald.get("/v1/mails").expect(500);
    let id = failed.header("request-id").unwrap().to_owned();
    assert!(!failed.detail().contains("mail_elsewhere") && !failed.detail().contains("relation"));
    let told = |line: &str| line.contains(&id) && line.contains("a request failed");
    wait_until("the cause in the log", || herald.log().lines().any(told));
    let log = herald.log();
    let line = log.lines().find(|line| told(line)).unwrap();
    assert!(
        line.contains("path=/v1/mails") && line.contains("mail"),
        "{line}"
    );
    // A page has it as well, and says so nowhere.
    let page = herald.get("/sign-in").expect(200);
    assert!(page.header("request-id").is_some());
}
