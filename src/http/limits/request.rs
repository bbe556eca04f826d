//! What an event, a request and what it records may have.

use super::amount::{bytes, bytes_of, grouped, time};
use super::{LimitRow, limit};
use crate::actors::MOST_DRY_RUNS;
use crate::catalogue::MAX_SCHEMA_BYTES;
use crate::domain::activity::{MAX_PAYLOAD, MOST_BEHIND};
use crate::domain::event::{MAX_BATCH_EVENTS, MAX_EVENT_BYTES, MAX_NESTING};
use crate::domain::hops::{MOST_HOPS, MOST_OF_ONE};
use crate::domain::mail::{GIVE_UP, MAX_RECEIVERS};
use crate::http::api::{activities, mails};
use crate::http::body::{MAX_FORM, MAX_OBJECT};
use crate::http::idempotency::MAX_KEY;
use crate::http::page::DEFAULT_LIMIT;
use crate::service::activities::LONGEST_TIME;
use crate::service::input::{MOST_ENTRIES, YEARS};
use crate::store::READ_WITHIN;

pub(super) fn events() -> Vec<LimitRow> {
    vec![
        limit(
            "an event",
            format!(
                "{}, JSON (RFC 8259) in UTF-8, at most {MAX_NESTING} arrays and objects inside \
                 one another",
                bytes(MAX_EVENT_BYTES)
            ),
            "413 `too-large`; nested deeper: 400 `malformed`",
        ),
        limit(
            "a number or a text in an event",
            "any size, any escape",
            "the bytes pass unchanged. A schema sees a number beyond 1.8e308 as 1e308, and half \
             of a surrogate pair as U+FFFD; for plugins see \
             [Numbers](../guides/plugin-language.md#numbers)",
        ),
        limit(
            "a batch of events",
            format!(
                "{} events; {} (`max_body_bytes`)",
                grouped(MAX_BATCH_EVENTS),
                bytes_of("max_body_bytes")
            ),
            "422 `invalid`; larger: 413 `too-large`",
        ),
        limit(
            "`Idempotency-Key`",
            format!("{MAX_KEY} visible ASCII characters; remembered for 24 hours"),
            "400 `malformed`",
        ),
        limit(
            "a schema of your own",
            format!(
                "{}; see [What a schema may cost](../guides/events.md#what-a-schema-may-cost)",
                bytes(MAX_SCHEMA_BYTES)
            ),
            "422 `invalid`",
        ),
        limit(
            "times that an event may come through the same database",
            (MOST_OF_ONE - 1).to_string(),
            "508 `loop`, see [Loops](../guides/webhooks.md#loops)",
        ),
        limit(
            "databases of Herald that an event may come through in all",
            (MOST_HOPS - 1).to_string(),
            "508 `loop`",
        ),
    ]
}

pub(super) fn requests() -> Vec<LimitRow> {
    vec![
        limit(
            "the body of a request that no other row names",
            bytes(MAX_OBJECT),
            "413 `too-large`",
        ),
        limit(
            "a form that needs no session (sign-in, reset, invitation)",
            bytes(MAX_FORM),
            "413 `too-large`",
        ),
        limit(
            "a page of a list",
            format!("{DEFAULT_LIMIT} entries; at most {MOST_ENTRIES} with `limit`"),
            "400 `malformed`",
        ),
        limit(
            "times in queries",
            format!("the years {} to {}", YEARS.start(), YEARS.end()),
            "422 `invalid`",
        ),
        limit(
            "the time of a summary of activities",
            format!("{} days", LONGEST_TIME.num_days()),
            "400 `malformed`",
        ),
        limit(
            "a read of the API or of a page",
            format!(
                "{} for each of its statements in the database; an account reads with half of \
                 `database_connections` at one time",
                time(READ_WITHIN)
            ),
            "503 `unavailable`; `detail` says what to do",
        ),
        limit(
            "dry runs of plugins that an account has under way",
            MOST_DRY_RUNS.to_string(),
            "429 `enough`",
        ),
        limit(
            "audits",
            "one at a time; of one account 2 wait or run, each up to 10 s for its turn",
            "503 `unavailable`",
        ),
    ]
}

pub(super) fn mails_and_activities() -> Vec<LimitRow> {
    vec![
        limit(
            "the body of a request that sends a mail",
            bytes(mails::MAX_MAIL_BYTES),
            "413 `too-large`",
        ),
        limit(
            "receivers of a mail",
            MAX_RECEIVERS.to_string(),
            "422 `invalid`",
        ),
        limit(
            "tries of a mail",
            format!("for {}", time(GIVE_UP)),
            "the mail is `failed`",
        ),
        limit(
            "an activity",
            format!(
                "{}; its payload {}",
                bytes(activities::MAX_ACTIVITY_BYTES),
                bytes(MAX_PAYLOAD)
            ),
            "413 `too-large`; its payload: 422 `invalid`",
        ),
        limit(
            "when an activity was done",
            format!("at most {} days ago", MOST_BEHIND.num_days()),
            "422 `invalid`",
        ),
        limit(
            "a batch of activities",
            format!(
                "{} activities; {} (`max_body_bytes`)",
                grouped(activities::MAX_LINES),
                bytes_of("max_body_bytes")
            ),
            "422 `invalid`; larger: 413 `too-large`",
        ),
    ]
}
