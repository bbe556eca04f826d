//! Links that come by mail: to their receiver, and to nobody who reads the log.

use serde_json::json;

use crate::desk::{herald, mail_in};
use crate::server::MailServer;
use crate::support::api::text;
use crate::support::wait_until;

#[test]
fn an_invitation_comes_by_mail_and_the_log_does_not_show_its_link() {
    let server = MailServer::start();
    let herald = herald(&server.url());
    let new = json!({"email": "ann@example.com", "name": "Ann", "role": "viewer"});
    let made = herald.client.post("/v1/users", &new).expect(201).json();
    assert!(!made.to_string().contains("http"), "{made:#}");
    wait_until("the mail to arrive", || server.taken().len() == 1);
    let taken = &server.taken()[0];
    assert_eq!(taken["to"], json!([["Ann", "ann@example.com"]]));
    assert!(
        taken["text"].as_str().unwrap().contains("http"),
        "{taken:#}"
    );
    let listed = herald.client.list("/v1/mails?topic=Invitation");
    let mail = mail_in(&herald.client, "sent", &text(&listed[0]["id"]));
    assert_eq!(
        (&mail["confidential"], &mail["text"]),
        (&json!(true), &json!(""))
    );
    // Once it is sent, Herald does not know it any more.
    assert_eq!(
        herald.count("select count(*) from mail where text <> ''"),
        0
    );
}
