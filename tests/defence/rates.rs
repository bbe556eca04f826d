//! How many requests may be made with a token.

use serde_json::json;

use crate::support::client::{Answer, Client};
use crate::support::{Herald, wait_for, wait_until};

/// A client with a token of the account `main`, of the role `viewer` and with that limit.
fn client(herald: &Herald, limit: &serde_json::Value) -> (Client, String) {
    let body = json!({ "title": "limited", "role": "viewer", "rate_limit": limit });
    let made = herald.post("/v1/tokens", &body).expect(201).json();
    assert_eq!(made["rate_limit"], *limit);
    let token = made["token"].as_str().unwrap().to_owned();
    let client = Client {
        token: Some(token),
        ..herald.client.clone()
    };
    (client, made["id"].as_str().unwrap().to_owned())
}

fn ask(client: &Client) -> Answer {
    client.get("/v1/event-types?limit=1")
}

/// Asks until it is refused, which a limit of a few requests a second soon does.
fn refused(client: &Client) -> Answer {
    wait_for("a refusal", || {
        let answer = ask(client);
        (answer.status != 200).then_some(answer)
    })
    .expect(429)
}

#[test]
fn a_token_with_a_limit_of_its_own_is_held_to_it_and_others_are_not() {
    let herald = Herald::launch();
    let (limited, id) = client(&herald, &json!(2));
    ask(&limited).expect(200);
    let refusal = refused(&limited);
    assert_eq!(refusal.header("retry-after"), Some("1"));
    assert_eq!(refusal.json()["type"], "urn:herald:problem:rate-limited");
    assert!(
        refusal.detail().contains("2 requests a second"),
        "{}",
        refusal.detail()
    );
    for _ in 0..50 {
        ask(&herald).expect(200);
    }
    wait_until("the next second", || ask(&limited).status == 200);
    // Without a limit from now on, and then by the settings, which have none.
    for limit in [json!(0), json!(null)] {
        let path = format!("/v1/tokens/{id}");
        let changed = herald
            .patch(&path, &json!({ "rate_limit": limit }))
            .expect(200);
        assert_eq!(changed.json()["rate_limit"], limit);
        for _ in 0..50 {
            ask(&limited).expect(200);
        }
    }
    for bad in [json!(-1), json!(1_000_001), json!("2"), json!(1.5)] {
        let body = json!({ "title": "t", "role": "viewer", "rate_limit": bad });
        let refused = herald.post("/v1/tokens", &body).expect(422);
        assert_eq!(refused.pointers(), ["/rate_limit"], "{bad}");
    }
}

#[test]
fn the_limit_of_the_settings_holds_for_tokens_without_one() {
    let herald = Herald::launch_with(&[
        ("HERALD_RATE_LIMIT_PER_SECOND", "1"),
        ("HERALD_RATE_LIMIT_BURST", "5"),
    ]);
    // Tokens are made at the database: the admin's requests are counted as well.
    let client = |more: &[&str]| {
        let arguments = ["token", "create", "--account", "main", "--role", "viewer"];
        let token = herald.run(&[&arguments, more].concat()).trim().to_owned();
        Client {
            token: Some(token),
            ..herald.client.clone()
        }
    };
    let usual = client(&[]);
    for _ in 0..5 {
        ask(&usual).expect(200);
    }
    let refusal = refused(&usual);
    assert!(
        refusal.detail().contains("5 at once"),
        "{}",
        refusal.detail()
    );
    let free = client(&["--rate-limit", "0", "--title", "free"]);
    let own = client(&["--rate-limit", "1", "--title", "own"]);
    for _ in 0..50 {
        ask(&free).expect(200);
    }
    ask(&own).expect(200);
    assert!(refused(&own).detail().contains("and 1 at once"));
    let list = herald.run(&["token", "list", "--account", "main"]);
    let line = |title: &str| {
        list.lines()
            .find(|line| line.contains(title))
            .unwrap()
            .to_owned()
    };
    assert!(line("free").contains("none"), "{list}");
    assert!(line("own").contains("1/s"), "{list}");
    assert!(
        line("made on the command line").contains("settings"),
        "{list}"
    );
}
