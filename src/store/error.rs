//! What can go wrong between Herald and its database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};

use tokio_postgres::error::SqlState;

use super::clock::uptime;
use super::made_key::KeyRefused;
use crate::domain::seal::OpenError;

/// What every error of a full disk says.
pub const DISK_FULL: &str = "no space is left on the database's disk";
/// For so long after such an error it is the likely reason for other failures.
const STILL_FULL: Duration = Duration::from_secs(10);
/// When the last such error came, in milliseconds of [`uptime`]; 0: never.
static FULL_AT: AtomicU64 = AtomicU64::new(0);

/// Whether the database said a moment ago that its disk is full.
#[must_use]
pub fn is_disk_full() -> bool {
    let at = FULL_AT.load(Ordering::Relaxed);
    at > 0 && uptime().saturating_sub(Duration::from_millis(at)) < STILL_FULL
}

/// A failure of the database, with its cause.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection, or it was lost. A statement under way may or may not have been committed.
    #[error("the database is away: {0}")]
    Away(String),
    /// As [`StoreError::Away`], because the disk of the database is full.
    #[error("{}: make room there", full_disk(.0))]
    DiskFull(String),
    /// The database refused the statement; nothing of it was committed.
    #[error("the database refused a statement: {0}")]
    Refused(#[source] DieselError),
    /// A sealed value does not open.
    #[error("{what} cannot be opened: {cause}")]
    Locked {
        /// Which value.
        what: String,
        /// Why.
        cause: OpenError,
    },
    /// A read took too long and was given up.
    #[error("the database took too long")]
    Slow,
    /// Other reads of the account have all the connections that it may have.
    #[error("the account has too many connections to the database")]
    Crowded,
    /// Another row has this name or key already.
    #[error("{0} is taken")]
    Taken(&'static str),
    /// A request with the same idempotency key has just made it.
    #[error("a request with the same Idempotency-Key has just made it: ask again to get it")]
    MadeBefore,
    /// Nothing is made with this idempotency key.
    #[error(transparent)]
    Key(#[from] KeyRefused),
    /// A daemon of an older version is at work, which would ignore or misread it.
    #[error("a daemon of an older version of Herald is still running on this database")]
    OlderDaemon,
    /// The account has all that it may have of this; the text is for people.
    #[error("{0}")]
    Full(String),
    /// The database is not in a state that this Herald can work with.
    #[error("{0}")]
    Unfit(String),
}

impl StoreError {
    /// Whether the same call may succeed later without any change.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Away(_) | Self::DiskFull(_))
    }

    /// From the text that says why the database could not be used.
    pub(super) fn away(text: String) -> Self {
        if !is_about_full_disk(&text) {
            return Self::Away(text);
        }
        let now = u64::try_from(uptime().as_millis()).unwrap_or(u64::MAX);
        FULL_AT.store(now.max(1), Ordering::Relaxed);
        Self::DiskFull(text)
    }
}

fn full_disk(text: &str) -> String {
    format!("{DISK_FULL} ({text})")
}

/// By the system's message, or by PostgreSQL's hint beside its own.
fn is_about_full_disk(text: &str) -> bool {
    [
        "No space left on device",
        "Disk quota exceeded",
        "Check free disk space",
    ]
    .iter()
    .any(|mark| text.contains(mark))
}

/// By PostgreSQL's messages about a value that it cannot take (class 22 of SQLSTATE). Diesel hands
/// no SQLSTATE on; where the message is in another language, such an error counts as away.
fn is_about_data(text: &str) -> bool {
    const BEGINNINGS: [&str; 6] = [
        "invalid byte sequence for encoding",
        "invalid input syntax for",
        "invalid input value for",
        "value too long for type",
        "malformed array literal",
        "unsupported Unicode escape sequence",
    ];
    BEGINNINGS.iter().any(|begin| text.starts_with(begin)) || text.contains(" out of range")
}

fn in_full(info: &(dyn DatabaseErrorInformation + Send + Sync)) -> String {
    match info.hint() {
        Some(hint) => format!("{}. {hint}", info.message()),
        None => info.message().to_owned(),
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(kind, info) => match kind {
                DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::ForeignKeyViolation
                | DatabaseErrorKind::NotNullViolation
                | DatabaseErrorKind::CheckViolation
                | DatabaseErrorKind::RestrictViolation
                | DatabaseErrorKind::ExclusionViolation
                | DatabaseErrorKind::SerializationFailure
                | DatabaseErrorKind::ReadOnlyTransaction => {
                    Self::Refused(DieselError::DatabaseError(kind, info))
                }
                DatabaseErrorKind::Unknown if is_about_data(info.message()) => {
                    Self::Refused(DieselError::DatabaseError(kind, info))
                }
                // Diesel hands no SQLSTATE on; this is 42P01 (undefined_table).
                _ if info.message().starts_with("relation \"")
                    && info.message().ends_with("\" does not exist") =>
                {
                    Self::Unfit(
                        "this database holds no tables of Herald, or of another version: run \
                         `herald migrate`, or check HERALD_DATABASE_URL"
                            .to_owned(),
                    )
                }
                // 57014 (query_canceled), by `statement_timeout`.
                _ if info.message().ends_with("due to statement timeout") => Self::Slow,
                // Everything that may mean a lost connection (terminated, crashed, shut down)
                // counts as away: treating a refusal as unknown is safe, the reverse is not.
                _ => Self::away(in_full(&*info)),
            },
            DieselError::BrokenTransactionManager => {
                Self::Away("the connection broke within a transaction".to_owned())
            }
            other => Self::Refused(other),
        }
    }
}

impl From<diesel::ConnectionError> for StoreError {
    fn from(error: diesel::ConnectionError) -> Self {
        Self::away(error.to_string())
    }
}

/// What kept a connection from being made, with its cause.
pub(super) fn connect_error_text(error: &tokio_postgres::Error) -> String {
    use std::error::Error;
    let text = match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    match error.code() {
        Some(&SqlState::CANNOT_CONNECT_NOW) => format!(
            "{text} (it is starting or in recovery; if it is a standby, give the address of its \
             primary)"
        ),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: DatabaseErrorKind, message: &str) -> StoreError {
        DieselError::DatabaseError(kind, Box::new(message.to_owned())).into()
    }

    #[test]
    fn a_value_that_is_not_taken_is_a_refusal_and_what_may_be_a_lost_connection_is_not() {
        use DatabaseErrorKind::{CheckViolation, UnableToSendCommand, Unknown};
        for refused in [
            "invalid byte sequence for encoding \"UTF8\": 0x00",
            "timestamp out of range",
            "bigint out of range",
            "invalid input syntax for type uuid: \"a\"",
        ] {
            let error = of(Unknown, refused);
            assert!(matches!(error, StoreError::Refused(_)), "{refused}");
        }
        assert!(
            !of(
                CheckViolation,
                "no partition of relation \"event\" found for row"
            )
            .is_away()
        );
        for away in [
            "terminating connection due to administrator command",
            "the database system is shutting down",
            "Zeitstempel ist außerhalb des gültigen Bereichs",
        ] {
            assert!(matches!(of(Unknown, away), StoreError::Away(_)), "{away}");
        }
        assert!(of(UnableToSendCommand, "value out of range").is_away());
    }

    #[test]
    fn a_full_disk_is_named_and_what_it_hinders_can_be_tried_again() {
        let full = "could not extend file \"base/5/16403\": No space left on device";
        let error = of(DatabaseErrorKind::Unknown, full);
        assert!(error.is_away() && is_disk_full());
        let text = error.to_string();
        assert!(text.contains(DISK_FULL) && text.contains(full), "{text}");
    }
}
