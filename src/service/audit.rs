//! The audit: what became of every target of every accepted event.

use chrono::{DateTime, Utc};

use super::{Result, views};
use crate::actors::Engine;
use crate::domain::id::AccountId;
use crate::store::audit;

views! {
    /// What became of every target, in one snapshot.
    #[schema(as = Audit)]
    pub AuditView of count: audit::Audit {
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
        difference: i64 = count.difference(),
        /// What retention removed: in none of the counts above.
        retired: Retired = Retired::from(&count),
    }

    /// What retention removed.
    pub Retired of count: &audit::Audit {
        /// Events.
        events: i64 = count.retired_events,
        /// Their targets.
        targets: i64 = count.retired_targets,
        /// Deliveries that were still open.
        open: i64 = count.retired_open,
    }
}

/// Counts, for one account or for the whole server.
///
/// # Errors
/// Other audits are being run, or the database is away.
pub async fn run(engine: &Engine, account: Option<AccountId>) -> Result<AuditView> {
    Ok(engine.audit(account).await?.into())
}
