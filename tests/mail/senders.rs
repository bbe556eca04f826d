//! Which senders a publisher may name.

use serde_json::{Value, json};

use crate::desk::{herald, letter, mail_in, send};
use crate::server::MailServer;
use crate::support::client::Client;
use crate::support::cluster::Cluster;
use crate::support::{Herald, OLDER_LANE, psql};

fn operator(herald: &Herald) -> Client {
    let made = herald.run(&["token", "create", "--operator", "--role", "admin"]);
    Client {
        token: Some(made.trim().to_owned()),
        ..herald.client.clone()
    }
}

/// The letter with a sender.
fn from(sender: &str) -> Value {
    let mut mail = letter(&["ann@example.com"], "x");
    mail["from"] = json!(sender);
    mail
}

#[test]
fn an_account_sends_as_its_own_senders_alone_and_never_as_herald() {
    let server = MailServer::start();
    let herald = herald(&server.url());
    let client = &herald.client;
    let operator = operator(&herald);
    // Without a list: the domain of `mail_from`, and not its address.
    let id = send(client, &from("Shop <shop@example.com>"));
    mail_in(client, "sent", &id);
    let id = send(client, &letter(&["ann@example.com"], "x"));
    assert_eq!(
        mail_in(client, "sent", &id)["from"],
        "Hérald <herald@example.com>"
    );
    for foreign in [
        "Your bank <service@bank.example>",
        "herald@example.com",
        "a@mail.example.com",
    ] {
        let refused = client.post("/v1/mails", &from(foreign)).expect(422);
        assert_eq!(refused.pointers(), ["/from"], "{foreign}");
        let detail = refused.detail();
        assert!(detail.contains("but herald@example.com"), "{detail}");
    }
    // What the application sent itself is only recorded.
    let mut recorded = from("service@bank.example");
    recorded["record_only"] = json!(true);
    client.post("/v1/mails", &recorded).expect(201);

    let accounts = operator.get("/v1/accounts").expect(200).json();
    let id = accounts["data"][0]["id"].as_str().unwrap();
    let path = format!("/v1/accounts/{id}");
    assert_eq!(accounts["data"][0]["mail_senders"], Value::Null);
    for (wrong, pointer) in [
        (json!(["Ann <a@example.com>"]), "/mail_senders/0"),
        (json!(["example.com", "*.example.com"]), "/mail_senders/1"),
        (json!("example.com"), "/mail_senders"),
        (json!(vec!["example.com"; 51]), "/mail_senders"),
    ] {
        let refused = operator.patch(&path, &json!({"mail_senders": wrong}));
        assert_eq!(refused.expect(422).pointers(), [pointer]);
    }
    let listed = json!({"mail_senders": ["bank.example", "News@Paper.example"]});
    let changed = operator.patch(&path, &listed).expect(200).json();
    assert_eq!(
        changed["mail_senders"],
        json!(["bank.example", "News@paper.example"])
    );
    // It counts from the answer on.
    let id = send(client, &from("Your bank <service@bank.example>"));
    mail_in(client, "sent", &id);
    client
        .post("/v1/mails", &from("shop@example.com"))
        .expect(422);
    let id = send(client, &letter(&["ann@example.com"], "x"));
    assert_eq!(mail_in(client, "sent", &id)["from"], "News@paper.example");
    let envelopes: Vec<Value> = server
        .taken()
        .iter()
        .map(|it| it["envelope_from"].clone())
        .collect();
    assert_eq!(
        envelopes,
        [
            "shop@example.com",
            "herald@example.com",
            "service@bank.example",
            "News@paper.example"
        ]
    );
    // Only an operator changes it, and it is recorded.
    client
        .patch(&path, &json!({"mail_senders": null}))
        .expect(403);
    operator
        .patch(&path, &json!({"mail_senders": null}))
        .expect(200);
    client
        .post("/v1/mails", &from("service@bank.example"))
        .expect(422);
    let log = client.get("/v1/activities?activity=Mail%20Senders%20Changed");
    let log = log.expect(200).json();
    assert_eq!(log["data"].as_array().unwrap().len(), 2);
    assert_eq!(log["data"][1]["payload"]["after"], changed["mail_senders"]);
}

#[test]
fn senders_are_not_listed_while_an_older_daemon_lives_that_would_ignore_them() {
    let database = Cluster::shared().database();
    psql(&database, OLDER_LANE);
    let herald = Herald::launch_at(&database, &[]);
    let operator = operator(&herald);
    let accounts = operator.get("/v1/accounts").expect(200).json();
    let path = format!(
        "/v1/accounts/{}",
        accounts["data"][0]["id"].as_str().unwrap()
    );
    let listed = json!({"mail_senders": ["shop.example"]});
    let refused = operator.patch(&path, &listed).expect(409);
    assert!(refused.detail().contains("older version"));
    herald.sql("update lane set closed_at = now() where feature_level = 0");
    operator.patch(&path, &listed).expect(200);
}
