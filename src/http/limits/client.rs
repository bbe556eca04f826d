//! What a client, an account and the people who sign in may take up, and how long data is kept.

use super::amount::{bytes, bytes_of, count_of, grouped, setting};
use super::{LimitRow, limit};
use crate::domain::password::{MAX_PASSWORD, MIN_PASSWORD};
use crate::http::pages::deliveries::live;
use crate::http::pages::{kept, payload};
use crate::http::room::{BODIES, FREE, PART};
use crate::store::session_note;
use crate::store::sign_in::{
    MOST_ANYWHERE, MOST_BY_ADDRESS, MOST_BY_EMAIL, MOST_MAILS, NETWORK_V4, NETWORK_V6, WINDOW,
};

pub(super) fn clients() -> Vec<LimitRow> {
    let slow = "see [What a client may take up](../operating/proxies.md#what-a-client-may-take-up)";
    vec![
        limit(
            "the head of a request",
            "128 KiB and 96 headers",
            "431 `large-head`",
        ),
        limit(
            "time for the head of a request",
            format!(
                "{} s (`head_timeout_seconds`)",
                setting("head_timeout_seconds")
            ),
            "408 `timeout`",
        ),
        limit(
            "time for the body of a request",
            format!(
                "{} s (`body_timeout_seconds`)",
                setting("body_timeout_seconds")
            ),
            "408 `timeout`",
        ),
        limit(
            "all bodies that are being read, beyond the first bytes of each",
            format!(
                "{BODIES} × `max_body_bytes` ({}), not counting {} of each; an account or an \
                 address may have 1/{PART} of it",
                bytes(BODIES * count_of("max_body_bytes")),
                bytes(FREE)
            ),
            "the body waits up to `slow_client_seconds`, then gets 503 `unavailable`",
        ),
        limit(
            "connections in all",
            format!(
                "{} (`max_connections`); a quarter is kept for known callers, and a quarter for \
                 others",
                grouped(count_of("max_connections"))
            ),
            slow,
        ),
        limit(
            "connections from one address",
            format!(
                "{} (`max_connections_per_address`)",
                grouped(count_of("max_connections_per_address"))
            ),
            "429 `too-many-connections`",
        ),
        limit(
            "requests with one token",
            "any number, unless the token or `rate_limit_per_second` has a limit",
            "429 `rate-limited`",
        ),
        limit(
            "pages that watch deliveries come in",
            format!(
                "{} of a user, {} of an account, {} in all",
                live::MOST_OF_USER,
                live::MOST_OF_ACCOUNT,
                live::MOST
            ),
            "429 `enough`; in all: 503 `unavailable`",
        ),
    ]
}

pub(super) fn people() -> Vec<LimitRow> {
    let minutes = WINDOW / 60;
    vec![
        limit(
            "a password",
            format!("{MIN_PASSWORD} to {MAX_PASSWORD} characters"),
            "422 `invalid`",
        ),
        limit(
            "failed tries to sign in",
            format!(
                "within {minutes} minutes: {MOST_BY_ADDRESS} from an address (IPv6: /64); \
                 {MOST_BY_EMAIL} for an e-mail from a network (/{NETWORK_V4}, IPv6: \
                 /{NETWORK_V6}), {MOST_ANYWHERE} from anywhere; {MOST_BY_EMAIL} from a browser in \
                 which the user signed in before"
            ),
            "429 `too-many`",
        ),
        limit(
            "asking for a mail to set a password",
            format!(
                "within {minutes} minutes: {MOST_BY_ADDRESS} from an address; {MOST_BY_EMAIL} for \
                 an e-mail from a network, {MOST_MAILS} from anywhere; {MOST_BY_EMAIL} from a \
                 browser in which the user signed in before"
            ),
            "429 `too-many`",
        ),
        limit(
            "a payload on a page",
            format!(
                "{}, laid out in up to {} lines",
                bytes(payload::MOST_RAW),
                grouped(payload::MOST_LINES)
            ),
            "*Copy* and *All bytes* give all of it",
        ),
        limit(
            "what comes back of a form whose session ended",
            format!(
                "{}, within {} minutes of the sign-in",
                bytes(kept::MOST_TYPED),
                session_note::LIFETIME.num_minutes()
            ),
            "the form is empty",
        ),
    ]
}

pub(super) fn accounts() -> Vec<LimitRow> {
    let named = |key: &str| format!("{} (`{key}`)", grouped(count_of(key)));
    vec![
        limit(
            "own event types",
            named("account_event_types"),
            "409 `conflict`",
        ),
        limit(
            "schemas of all own event types",
            format!(
                "{} (`account_schema_bytes`)",
                bytes_of("account_schema_bytes")
            ),
            "409 `conflict`",
        ),
        limit("webhooks", named("account_subscriptions"), "409 `conflict`"),
        limit("tokens in force", named("account_tokens"), "409 `conflict`"),
        limit("users", named("account_users"), "409 `conflict`"),
        limit(
            "activities that the account adds to the catalogue",
            named("account_activity_types"),
            "409 `conflict`",
        ),
        limit(
            "idempotency keys on one day, by UTC",
            named("account_idempotency_keys"),
            "429 `used-up`, with `Retry-After` until midnight; known keys still work",
        ),
    ]
}

pub(super) fn retention() -> Vec<LimitRow> {
    let days = |key: &str| format!("{} days (`{key}`)", setting(key));
    let months = |key: &str| format!("{} days, to the end of their month (`{key}`)", setting(key));
    vec![
        limit(
            "events and attempts",
            days("retention_days"),
            "they are removed",
        ),
        limit(
            "activities",
            months("activity_retention_days"),
            "they are removed",
        ),
        limit("mails", months("mail_retention_days"), "they are removed"),
    ]
}
