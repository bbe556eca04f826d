//! What a webhook may have, and what its receiver may answer.

use std::time::Duration;

use super::amount::{bytes, grouped, time};
use super::{LimitRow, limit};
use crate::domain::headers::{MAX_HEADER_NAME, MAX_HEADER_VALUE, MAX_HEADERS};
use crate::domain::retry::{MAX_RETRIES, MAX_RETRY_AFTER, MAX_STEP_SECONDS};
use crate::domain::subscription::{
    DEFAULT_MAX_IN_FLIGHT, DEFAULT_TIMEOUT_SECONDS, MAX_MAX_IN_FLIGHT, MAX_TIMEOUT_SECONDS,
    MAX_TRIGGERS,
};
use crate::domain::target::MAX_TARGET;
use crate::store::secret::MAX_LIVE_SECRETS;
use crate::transport::bounds::{
    AHEAD, EXCERPT, KEPT_FIELDS, KEPT_OPEN, MOST_FIELDS, MOST_HEAD, MOST_INTERIM,
};

pub(super) fn webhooks() -> Vec<LimitRow> {
    vec![
        limit(
            "one attempt, from connecting to the end of the answer",
            format!("{DEFAULT_TIMEOUT_SECONDS} s; 1 to {MAX_TIMEOUT_SECONDS} s by webhook"),
            "the attempt fails",
        ),
        limit(
            "attempts under way for one webhook, in one daemon",
            format!("{DEFAULT_MAX_IN_FLIGHT}; 1 to {MAX_MAX_IN_FLIGHT} by webhook"),
            "deliveries wait",
        ),
        limit(
            "`retry_schedule` of a webhook",
            format!(
                "{MAX_RETRIES} waits of 1 s to {}",
                time(Duration::from_secs(MAX_STEP_SECONDS.into()))
            ),
            "422 `invalid`",
        ),
        limit(
            "the wait that `Retry-After` of a receiver asks for",
            time(MAX_RETRY_AFTER),
            "Herald waits no longer than that",
        ),
        limit(
            "triggers of a webhook",
            MAX_TRIGGERS.to_string(),
            "422 `invalid`",
        ),
        limit(
            "a target",
            format!(
                "{} characters; port 443 or from 1024 on, see [Targets that are \
                 allowed](../guides/webhooks.md#targets-that-are-allowed)",
                grouped(MAX_TARGET)
            ),
            "422 `invalid`",
        ),
        limit(
            "own headers of a webhook",
            format!(
                "{MAX_HEADERS}; names of {MAX_HEADER_NAME} bytes, values of {} bytes",
                grouped(MAX_HEADER_VALUE)
            ),
            "422 `invalid`",
        ),
        limit(
            "secrets of a webhook in force at once",
            MAX_LIVE_SECRETS.to_string(),
            "409 `conflict`",
        ),
    ]
}

pub(super) fn answers() -> Vec<LimitRow> {
    vec![
        limit(
            "the head of an answer",
            format!(
                "{} and {MOST_FIELDS} fields; {} of fields are kept",
                bytes(MOST_HEAD),
                bytes(KEPT_FIELDS)
            ),
            "the attempt fails",
        ),
        limit(
            "interim answers (1xx) before the final one",
            MOST_INTERIM.to_string(),
            "the attempt fails",
        ),
        limit(
            "the body of an answer",
            format!("{} are read", bytes(EXCERPT)),
            "Herald closes the connection; the status counts",
        ),
        limit(
            "the body of an answer in the log",
            "512 bytes of one that was 2xx, else all that was read",
            "the rest is not kept",
        ),
        limit(
            "an idle connection to a target",
            format!(
                "{}; where the receiver announces less (`Keep-Alive: timeout=`), {} less than \
                 that",
                time(KEPT_OPEN),
                time(AHEAD)
            ),
            "Herald closes it",
        ),
    ]
}
