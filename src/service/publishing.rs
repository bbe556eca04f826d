//! Publishing events: the hot path. Few allocations, no lock held, no look at the database.

mod batch;
mod event_body;

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

pub use self::batch::{BatchPublished, publish_lines};
pub use self::event_body::EventBody;
use super::{Fault, Reason, Refusal, Result};
use crate::actors::{
    Check, Checked, Engine, IdempotencyKey, KeyRefused, NewEvent, PublishError, Receipt,
    RoutingTable,
};
use crate::catalogue::{Load, Violation};
use crate::domain::event::{EnvelopeError, EnvelopeErrorKind, parse_document, parse_envelope};
use crate::domain::event_type::{Suggestions, Validation, nearest};
use crate::domain::hops::Hops;
use crate::domain::id::AccountId;

/// Bytes of a body that is parsed as a whole before its type is known.
const SMALL: usize = 64 * 1024;

/// An event that was committed.
pub struct Accepted {
    /// Its id, and how many subscriptions matched.
    pub receipt: Receipt,
    /// Where it does not fit its schema, as JSON.
    pub warnings: Option<String>,
}

/// Checks a body and publishes it; returns after the commit.
///
/// # Errors
/// It is no event, its schema refuses it, its key was used with another one, or the database is
/// away.
pub async fn accept(
    engine: &Engine,
    account: AccountId,
    body: &[u8],
    key: Option<&str>,
    hops: Option<Hops>,
) -> Result<Accepted> {
    let prepare = |types: &RoutingTable| {
        let (key, mut hints) = (key.map(str::to_owned), Suggestions::default());
        prepare(types, account, body, key, hops.clone(), &mut hints)
    };
    let types = engine.types();
    let prepared = match prepare(&types) {
        Err(refused) if refused.reason == Reason::Invalid => {
            // In a box, as it is rare: what waits for a commit stays small.
            match Box::pin(engine.newer_types(&types)).await {
                Some(newer) => prepare(&newer)?,
                None => return Err(refused),
            }
        }
        prepared => prepared?,
    };
    drop(types);
    let event = match prepared {
        Prepared {
            event, check: None, ..
        } => event,
        open => match judged(engine, account, vec![open]).await.pop() {
            Some(judged) => judged?,
            None => return Err(PublishError::Away.into()),
        },
    };
    let warnings = event.warnings.clone();
    match engine.publish(vec![event]).await?.pop() {
        Some(Ok(receipt)) => Ok(Accepted { receipt, warnings }),
        Some(Err(why)) => Err(Refusal {
            retry_after: (why != KeyRefused::Reused)
                .then(|| seconds_of_today(engine.clock().now())),
            ..why.into()
        }),
        None => Err(PublishError::Away.into()),
    }
}

/// An event whose body is one, and that may have to be held to its schema yet.
struct Prepared {
    event: NewEvent,
    check: Option<Check>,
    mode: Validation,
}

/// Holds events to their schemas where that was not done at once: all of them on one way to the
/// threads that do it, and back.
async fn judged(
    engine: &Engine,
    account: AccountId,
    prepared: Vec<Prepared>,
) -> Vec<Result<NewEvent>> {
    let mut checks = Vec::new();
    let mut events = Vec::with_capacity(prepared.len());
    for Prepared { event, check, mode } in prepared {
        events.push((event, check.is_some(), mode));
        checks.extend(check);
    }
    let mut verdicts = Vec::new();
    if !checks.is_empty() {
        verdicts = engine.check(account, checks).await;
    }
    let mut verdicts = verdicts.into_iter();
    let judge = |(mut event, is_open, mode): (NewEvent, bool, Validation)| {
        if is_open {
            event.warnings = match verdicts.next() {
                Some(Checked::Fits) => None,
                Some(Checked::Unfit(violations)) => unfit(mode, &event.event_type, violations)?,
                Some(Checked::Unchecked(why)) => unchecked(mode, &event.event_type, &why)?,
                None => unchecked(mode, &event.event_type, "checking it failed")?,
            };
        }
        Ok(event)
    };
    events.into_iter().map(judge).collect()
}

/// What becomes of an event that does not fit its schema: a refusal, or its warnings.
fn unfit(mode: Validation, name: &str, violations: Vec<Violation>) -> Result<Option<String>> {
    if mode != Validation::Reject {
        return Ok(serde_json::to_string(&violations).ok());
    }
    let fault = |violation: Violation| Fault::new(violation.pointer, violation.detail);
    let faults = violations.into_iter().map(fault).collect();
    let detail = format!("The event does not fit the schema of {name}.");
    Err(Refusal::new(Reason::Invalid, detail).with(faults))
}

/// What becomes of an event of which nobody knows whether it fits.
fn unchecked(mode: Validation, name: &str, why: &str) -> Result<Option<String>> {
    let violation = Violation {
        pointer: String::new(),
        detail: format!("was not checked: {why}"),
    };
    if mode != Validation::Reject {
        return Ok(serde_json::to_string(&[violation]).ok());
    }
    let detail = format!(
        "The event could not be held to the schema of {name}, which refuses what does not fit."
    );
    let fault = Fault::new(violation.pointer, violation.detail);
    Err(Refusal::new(Reason::Invalid, detail).with(vec![fault]))
}

/// How long it is until the next day, by UTC.
fn seconds_of_today(now: DateTime<Utc>) -> i64 {
    86_400 - now.timestamp().rem_euclid(86_400)
}

/// Checks a body and makes an event of it. Its bytes are copied to a buffer of their exact size:
/// a slice would keep the connection's whole read buffer alive for as long as the event waits.
fn prepare(
    types: &RoutingTable,
    account: AccountId,
    body: &[u8],
    key: Option<String>,
    hops: Option<Hops>,
    hints: &mut Suggestions,
) -> Result<Prepared> {
    let malformed = |error: EnvelopeError| refused(&error);
    // Most types have a schema: a body of the usual size is parsed once, as a document. Of a
    // large one the type is read first, because a document takes many times its size.
    let (name, document) = if body.len() <= SMALL {
        let (envelope, document) = parse_document(body).map_err(malformed)?;
        (envelope.event_type, Some(document))
    } else {
        (parse_envelope(body).map_err(malformed)?.event_type, None)
    };
    let Some(entry) = types.find(account, &name) else {
        return Err(unknown_type(types, account, &name, hints));
    };
    let mode = entry.validation;
    let payload = Bytes::copy_from_slice(body);
    let mut warnings = None;
    let mut check = None;
    if entry.is_checked() {
        let quick = document.as_ref().zip(entry.quick(&Load::of(body)));
        if let Some((document, validator)) = quick {
            let violations = validator.validate(document);
            if !violations.is_empty() {
                warnings = unfit(mode, &name, violations)?;
            }
        } else {
            check = Some(Check {
                entry: Arc::clone(entry),
                body: payload.clone(),
                document,
            });
        }
    }
    let key = key.map(|key| IdempotencyKey {
        key,
        body_hash: Sha256::digest(body).into(),
    });
    let event = NewEvent {
        account,
        event_type: Arc::clone(&entry.name),
        payload,
        warnings,
        hops,
        key,
    };
    Ok(Prepared { event, check, mode })
}

fn refused(error: &EnvelopeError) -> Refusal {
    let kind = match error.kind {
        EnvelopeErrorKind::TypeMissing
        | EnvelopeErrorKind::TypeTwice
        | EnvelopeErrorKind::TypeNotText { .. }
        | EnvelopeErrorKind::TypeIllegal { .. } => Reason::Invalid,
        _ => Reason::Malformed,
    };
    let detail = error.to_string();
    let fault = |pointer| Fault::new(pointer, detail.clone());
    let faults = error.pointer().map(fault).into_iter().collect();
    Refusal::new(kind, detail).with(faults)
}

fn unknown_type(
    types: &RoutingTable,
    account: AccountId,
    name: &str,
    hints: &mut Suggestions,
) -> Refusal {
    let near = hints.once(name, || {
        let near = nearest(name, types.names(account)).into_iter();
        near.map(str::to_owned).collect()
    });
    let hint = match near {
        [] => "GET /v1/event-types lists them".to_owned(),
        near => format!("did you mean {}?", near.join(", ")),
    };
    let detail = format!("`{name}` is not an event type of this account; {hint}");
    let fault = Fault::new("/event_type", detail.clone());
    Refusal::new(Reason::Invalid, detail).with(vec![fault])
}
