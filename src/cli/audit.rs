//! `herald audit`: the count that proves that nothing was lost and nothing is in two places.

use std::process::ExitCode;

use serde_json::json;

use super::database::{self, Missing};
use super::output;
use crate::config::Config;
use crate::store::audit::{self, Audit};

/// Prints the audit; the exit code is 1 unless lost and double are 0.
pub(super) async fn run(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let audit: Audit = database::with_database(config, Missing::Refuse, async |database| {
        Ok(audit::run(database, None).await?)
    })
    .await?;
    if json {
        output::json(&json!({
            "as_of": audit.as_of,
            "accepted": audit.accepted,
            "targets": audit.targets,
            "sent": audit.sent,
            "failed": audit.failed,
            "filtered": audit.filtered,
            "cancelled": audit.cancelled,
            "open": audit.open,
            "in_flight": audit.in_flight,
            "lost": audit.lost,
            "double": audit.double,
            "difference": audit.difference(),
            "retired": {
                "events": audit.retired_events,
                "targets": audit.retired_targets,
                "open": audit.retired_open,
            },
        }))?;
    } else {
        output::pairs(&[
            ("as of", audit.as_of.to_rfc3339()),
            ("accepted", audit.accepted.to_string()),
            ("targets", audit.targets.to_string()),
            ("sent", audit.sent.to_string()),
            ("failed", audit.failed.to_string()),
            ("filtered", audit.filtered.to_string()),
            ("cancelled", audit.cancelled.to_string()),
            ("open", audit.open.to_string()),
            ("in flight", audit.in_flight.to_string()),
            ("lost", audit.lost.to_string()),
            ("double", audit.double.to_string()),
            ("retired events", audit.retired_events.to_string()),
            ("retired targets", audit.retired_targets.to_string()),
            ("retired open", audit.retired_open.to_string()),
        ])?;
    }
    if audit.difference() == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    output::report("herald: the audit does not add up: lost and double should be 0");
    Ok(ExitCode::FAILURE)
}
