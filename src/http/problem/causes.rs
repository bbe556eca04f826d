//! What the layers below could not do, as problems: what the caller reads, and what goes to the
//! log.

use super::{FULL, Kind, Problem};
use crate::actors::{AuditError, PublishError, RecordError};
use crate::store::{READ_WITHIN, StoreError, is_disk_full};

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DiskFull(_) => {
                tracing::warn!(%error, "a request could not be served");
                Self::new(Kind::Unavailable, FULL)
            }
            StoreError::Away(cause) => {
                tracing::debug!(%cause, "a request was refused because the database is away");
                Self::new(
                    Kind::Unavailable,
                    "The database is away. Try again shortly.",
                )
            }
            StoreError::Locked { .. } => {
                tracing::error!(%error, "a request failed: a sealed value does not open");
                Self::new(
                    Kind::Conflict,
                    format!(
                        "It cannot be opened: {error}. Rotate a secret with `overlap_hours` 0 and \
                         tell the receiver; set headers again."
                    ),
                )
            }
            StoreError::Slow => {
                let detail = format!(
                    "The database took more than {} s for this, so it was given up. Ask for less: \
                     a shorter time, a narrower search or a smaller page.",
                    READ_WITHIN.as_secs()
                );
                Self::new(Kind::Unavailable, detail)
            }
            StoreError::Crowded => Self::new(
                Kind::Unavailable,
                "Other requests of this account keep all the connections to the database that it \
                 may have at one time, half of them. Make fewer requests side by side, or ask for \
                 less at once.",
            ),
            StoreError::OlderDaemon => Self::new(
                Kind::Conflict,
                "A daemon of an older version of Herald is still running on this database and \
                 would not know what to do with this. Finish the upgrade (stop that daemon or \
                 start it with this version), then try again.",
            ),
            StoreError::Taken(_) | StoreError::Full(_) => {
                Self::new(Kind::Conflict, format!("{error}."))
            }
            StoreError::Refused(_) | StoreError::Unfit(_) => {
                tracing::error!(error = %Causes(&error), "a request failed");
                Self::new(
                    Kind::Internal,
                    "The operator finds the cause in Herald's log.",
                )
            }
        }
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Busy => Self::new(
                Kind::Unavailable,
                "Other audits are being run, and they run one at a time. Try again in a minute.",
            ),
            AuditError::Store(error) => error.into(),
        }
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        let detail = match error {
            PublishError::Away if is_disk_full() => FULL,
            PublishError::Away => {
                "The database is away, so nothing was accepted for certain. Try again shortly; \
                 an Idempotency-Key makes that harmless."
            }
            PublishError::Stopping => "Herald is stopping. Try again shortly.",
        };
        Self::new(Kind::Unavailable, detail)
    }
}

impl From<RecordError> for Problem {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Away if is_disk_full() => Self::new(Kind::Unavailable, FULL),
            RecordError::Away => Self::new(
                Kind::Unavailable,
                "The database is away, so it is not certain that anything was recorded. Try \
                 again shortly; an activity may stand there twice then.",
            ),
            RecordError::Refused(error) => error.into(),
        }
    }
}

/// An error with its causes, in one line.
struct Causes<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}
