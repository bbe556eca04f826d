//! Under which names Herald answers.

use crate::support::Herald;
use crate::support::api::order;

fn status(herald: &Herald, path: &str, host: &str) -> u16 {
    herald.send("GET", path, &[("host", host)], b"").status
}

/// What everybody may ask, what a browser gets, and what programs read.
const PUBLIC: &[&str] = &[
    "/",
    "/sign-in",
    "/reset",
    "/metrics",
    "/openapi.json",
    "/assets/base.css",
];

#[test]
fn pages_and_public_routes_answer_under_own_names_alone() {
    let herald = Herald::launch_with(&[
        ("HERALD_PUBLIC_URL", "https://herald.example.com"),
        ("HERALD_ALLOWED_HOSTS", ""),
    ]);
    for path in PUBLIC {
        for own in [
            "127.0.0.1:8080",
            "localhost",
            "[::1]:80",
            "herald.example.com",
        ] {
            assert_ne!(status(&herald, path, own), 421, "{path} {own}");
        }
        for foreign in [
            "evil.example",
            "herald.example.com.evil.example",
            "",
            "2130706433",
        ] {
            assert_eq!(status(&herald, path, foreign), 421, "{path} {foreign}");
        }
    }
    for page in ["/webhooks", "/settings/tokens"] {
        assert_eq!(status(&herald, page, "evil.example"), 421, "{page}");
    }
    // Programs reach the API as they like, and balancers its health.
    for path in ["/v1/events?limit=1", "/healthz", "/readyz"] {
        assert_eq!(status(&herald, path, "evil.example"), 200, "{path}");
    }
}

#[test]
fn with_allowed_hosts_the_api_answers_under_these_alone() {
    let herald = Herald::launch_with(&[("HERALD_ALLOWED_HOSTS", "herald.internal, api.internal")]);
    for own in [
        "herald.internal",
        "API.internal:8080",
        "127.0.0.1:1",
        "localhost:2",
    ] {
        assert_eq!(status(&herald, "/v1/events?limit=1", own), 200, "{own}");
        assert_eq!(status(&herald, "/metrics", own), 200, "{own}");
    }
    let body = order(1).to_string();
    let refused = herald
        .send(
            "POST",
            "/v1/events",
            &[("host", "evil.example")],
            body.as_bytes(),
        )
        .expect(421);
    assert!(
        refused.detail().contains("HERALD_ALLOWED_HOSTS"),
        "{}",
        refused.detail()
    );
    assert_eq!(status(&herald, "/healthz", "evil.example"), 200);
}
