//! The audit: what became of every target of every accepted event.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Refusal;
use crate::actors::Engine;
use crate::domain::id::AccountId;

/// What became of every target, in one snapshot.
#[derive(Debug, Serialize, ToSchema)]
pub struct Audit {
    /// When the snapshot was taken.
    as_of: DateTime<Utc>,
    /// Events.
    accepted: i64,
    /// Their targets, each in exactly one of the following classes.
    targets: i64,
    /// Ended: the receiver answered 2xx.
    sent: i64,
    /// Ended: the schedule was used up.
    failed: i64,
    /// Ended: a plugin said no.
    filtered: i64,
    /// Ended: given up on purpose.
    cancelled: i64,
    /// To be tried, with a row that says when.
    open: i64,
    /// Being tried for the first time by a live daemon.
    in_flight: i64,
    /// None of these: must be 0.
    lost: i64,
    /// Ended and open at once: must be 0.
    double: i64,
    /// `lost` and `double` together.
    difference: i64,
    /// What retention removed: in none of the counts above.
    retired: Retired,
}

/// What retention removed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Retired {
    /// Events.
    events: i64,
    /// Their targets.
    targets: i64,
    /// Deliveries that were still open.
    open: i64,
}

/// Counts, for one account or for the whole server.
///
/// # Errors
/// Other audits are being run, or the database is away.
pub async fn run(engine: &Engine, account: Option<AccountId>) -> Result<Audit, Refusal> {
    let count = engine.audit(account).await?;
    Ok(Audit {
        as_of: count.as_of,
        accepted: count.accepted,
        targets: count.targets,
        sent: count.sent,
        failed: count.failed,
        filtered: count.filtered,
        cancelled: count.cancelled,
        open: count.open,
        in_flight: count.in_flight,
        lost: count.lost,
        double: count.double,
        difference: count.difference(),
        retired: Retired {
            events: count.retired_events,
            targets: count.retired_targets,
            open: count.retired_open,
        },
    })
}
