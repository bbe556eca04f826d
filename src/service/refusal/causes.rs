//! What the layers below could not do, as refusals: what the caller reads, and what goes to the
//! log.

use tracing::field::{DisplayValue, display};

use super::{Fault, Reason, Refusal};
use crate::actors::{AuditError, KeyRefused, PublishError, RecordError};
use crate::domain::id::RequestId;
use crate::service::request;
use crate::store::{READ_WITHIN, StoreError, is_disk_full};

/// What a caller reads while the database can store nothing more.
pub(super) const FULL: &str = "The disk of the database is full, so nothing was accepted for \
                               certain. The operator must make room; try again later.";

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DiskFull(_) => {
                tracing::warn!(request_id = request(), %error, "a request could not be served");
                Self::unavailable(FULL)
            }
            StoreError::Away(cause) => {
                tracing::debug!(
                    request_id = request(), %cause,
                    "a request was refused because the database is away"
                );
                Self::unavailable("The database is away. Try again shortly.")
            }
            StoreError::Locked { .. } => {
                tracing::error!(
                    request_id = request(), %error,
                    "a request failed: a sealed value does not open"
                );
                Self::conflict(format!(
                    "It cannot be opened: {error}. Rotate a secret with `overlap_hours` 0 and \
                     tell the receiver; set headers again."
                ))
            }
            StoreError::Slow => Self::unavailable(format!(
                "The database took more than {} s for this, so it was given up. Ask for less: \
                 a shorter time, a narrower search or a smaller page.",
                READ_WITHIN.as_secs()
            )),
            StoreError::Crowded => Self::unavailable(
                "Other requests of this account keep all the connections to the database that it \
                 may have at one time, half of them. Make fewer requests side by side, or ask for \
                 less at once.",
            ),
            StoreError::OlderDaemon => Self::conflict(
                "A daemon of an older version of Herald is still running on this database and \
                 would not know what to do with this. Finish the upgrade (stop that daemon or \
                 start it with this version), then try again.",
            ),
            StoreError::Taken(_) | StoreError::Full(_) | StoreError::MadeBefore => {
                Self::conflict(format!("{error}."))
            }
            StoreError::Key(why) => why.into(),
            StoreError::Refused(_) | StoreError::Unfit(_) => {
                let error = Causes(&error);
                tracing::error!(request_id = request(), %error, "a request failed");
                let detail = "The operator finds the cause in Herald's log.";
                Self::new(Reason::Internal, detail)
            }
        }
    }
}

/// The id of the request that is being answered, for the log.
fn request() -> Option<DisplayValue<RequestId>> {
    request::id().map(display)
}

impl From<KeyRefused> for Refusal {
    fn from(why: KeyRefused) -> Self {
        match why {
            KeyRefused::Reused => {
                Self::invalid(vec![Fault::new("Idempotency-Key", why.to_string())])
            }
            KeyRefused::TooMany { .. } => Self::new(Reason::UsedUp, format!("{why}.")),
        }
    }
}

impl From<AuditError> for Refusal {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Busy => Self::unavailable(
                "Other audits are being run, and they run one at a time. Try again in a minute.",
            ),
            AuditError::Store(error) => error.into(),
        }
    }
}

impl From<PublishError> for Refusal {
    fn from(error: PublishError) -> Self {
        let detail = match error {
            PublishError::Away if is_disk_full() => FULL,
            PublishError::Away => {
                "The database is away, so nothing was accepted for certain. Try again shortly; \
                 an Idempotency-Key makes that harmless."
            }
            PublishError::Stopping => "Herald is stopping. Try again shortly.",
        };
        Self::unavailable(detail)
    }
}

impl From<RecordError> for Refusal {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Away if is_disk_full() => Self::unavailable(FULL),
            RecordError::Away => Self::unavailable(
                "The database is away, so it is not certain that anything was recorded. Try \
                 again shortly; an activity may be recorded twice then.",
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
