//! What is served on which address.

use std::net::SocketAddr;

use crate::support::client::Client;
use crate::support::{Herald, wait_for};

/// Where a setting's own listener is, by the daemon's log.
fn listens(herald: &Herald, setting: &str) -> Client {
    let address: SocketAddr = wait_for("the listener's address", || {
        let log = herald.log();
        let line = log
            .lines()
            .find(|line| line.contains(&format!("setting=\"{setting}\"")))?;
        let (_, address) = line.split_once("address=")?;
        address.split_whitespace().next()?.parse().ok()
    });
    Client {
        address,
        ..herald.client.clone()
    }
}

const API: &[&str] = &["/v1/events?limit=1", "/openapi.json"];
const PAGES: &[&str] = &["/", "/sign-in", "/assets/base.css", "/webhooks"];
const METRICS: &[&str] = &["/metrics"];

#[track_caller]
fn serves(client: &Client, paths: &[&str], yes: bool) {
    for path in paths {
        // A page asks who comes by cookie; a token is for the API.
        let without = Client {
            token: client.token.clone().filter(|_| path.starts_with("/v1")),
            ..client.clone()
        };
        let status = without.get(path).status;
        assert_eq!(status != 404, yes, "{path} at {}: {status}", client.address);
    }
}

#[test]
fn pages_and_metrics_are_where_the_operator_says_and_nowhere_else() {
    let herald = Herald::launch_with(&[
        ("HERALD_PAGES_LISTEN", "127.0.0.1:0"),
        ("HERALD_METRICS_LISTEN", "127.0.0.1:0"),
    ]);
    let pages = listens(&herald, "pages_listen");
    let metrics = listens(&herald, "metrics_listen");
    for (client, own) in [(&herald.client, API), (&pages, PAGES), (&metrics, METRICS)] {
        for paths in [API, PAGES, METRICS] {
            serves(client, paths, paths == own);
        }
        for path in ["/healthz", "/readyz"] {
            client.get(path).expect(200);
        }
    }
}

#[test]
fn without_addresses_of_their_own_all_is_on_one() {
    let herald = Herald::launch();
    for paths in [API, PAGES, METRICS] {
        serves(&herald, paths, true);
    }
}
