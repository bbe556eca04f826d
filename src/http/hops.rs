//! The header `herald-hops` of a request that publishes: reading it, refusing events that go in a
//! circle, and reporting that to the account, now and then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use serde_json::json;

use super::operation::{OperationDescription, Takes};
use super::problem::{Fault, ProblemDetails, ProblemKind};
use crate::domain::hops::{HEADER, Hops, HopsError};
use crate::domain::id::AccountId;
use crate::service::Context;
use crate::store::hop::{self, RefusedLoop};

const HERALD_HOPS: HeaderName = HeaderName::from_static(HEADER);
/// How often the database is asked at most whether a report went to an account within the last hour.
const ASKED_EVERY: Duration = Duration::from_secs(60);

/// Characters of the header that are reported.
const MOST_REPORTED: usize = 2_000;

/// The header, as the API's document describes it.
pub(super) struct HopsHeader;

impl Takes for HopsHeader {
    fn describe(described: &mut OperationDescription) {
        described.parameters.push(json!({
            "name": "Herald-Hops", "in": "header", "required": false,
            "description": "That of the delivery that the events came of: ids, the newest last.",
            "schema": {
                "type": "string",
                "pattern": r"^([A-Za-z0-9._-]{1,64}( *, *[A-Za-z0-9._-]{1,64}){0,14})?$",
            },
        }));
        described.refusals.push(508);
    }
}

/// When each account's last report was tried.
#[derive(Debug, Default)]
pub(super) struct LoopReports(Mutex<HashMap<AccountId, Instant>>);

impl LoopReports {
    fn is_due(&self, account: AccountId) -> bool {
        let now = Instant::now();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = last.get(&account);
        if recent.is_some_and(|at| now.duration_since(*at) < ASKED_EVERY) {
            return false;
        }
        last.insert(account, now);
        true
    }
}

/// The hops of the events in a request. `event_type` names one of them, for the report.
///
/// # Errors
/// The header is malformed, or the events go in a circle.
pub(super) async fn read(
    cx: Context<'_>,
    reports: &LoopReports,
    request: &HttpRequest,
    event_type: impl FnOnce() -> Option<String>,
) -> Result<Option<Hops>, ProblemDetails> {
    let values = || request.headers().get_all(HERALD_HOPS);
    if values().next().is_none() {
        return Ok(None);
    }
    let (account, table) = (cx.account, cx.engine.types());
    let bytes = values().map(|value| value.as_bytes());
    let error = match Hops::read(bytes, table.hop()) {
        Ok(hops) => return Ok(hops),
        Err(error @ HopsError::Malformed) => {
            return Err(ProblemDetails::query(vec![Fault::new(
                HEADER,
                error.to_string(),
            )]));
        }
        Err(error) => error,
    };
    let reason = error.to_string();
    if reports.is_due(account) {
        let given: Vec<_> = values().filter_map(|value| value.to_str().ok()).collect();
        let given: String = given.join(", ").chars().take(MOST_REPORTED).collect();
        let event_type = event_type();
        let refused = RefusedLoop {
            reason: &reason,
            hops: &given,
            event_type: event_type.as_deref(),
        };
        let (database, by) = (cx.database(), cx.by());
        let reported = Box::pin(hop::report(database, account, &refused, &by));
        if let Err(error) = reported.await {
            tracing::warn!(%error, %account, "an event loop could not be reported to its account");
        }
    }
    Err(ProblemDetails::new(ProblemKind::Loop, reason))
}
