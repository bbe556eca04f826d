//! What can go wrong between Herald and its database.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::domain::seal::OpenError;

/// A failure of the database, with its cause.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection, or it was lost. A statement under way may or may not have been committed.
    #[error("the database is away: {0}")]
    Away(String),
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
    /// A daemon of an older version is at work, which would ignore or misread it.
    #[error("a daemon of an older version of Herald is still running on this database")]
    OlderDaemon,
    /// The database is not in a state that this Herald can work with.
    #[error("{0}")]
    Unfit(String),
}

impl StoreError {
    /// Whether the same call may succeed later without any change.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Away(_))
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
                // Diesel tells no SQLSTATE; this is 42P01 (undefined_table).
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
                _ => Self::Away(info.message().to_owned()),
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
        Self::Away(error.to_string())
    }
}

/// What kept a connection from being made, with its cause.
pub(super) fn in_words(error: &tokio_postgres::Error) -> String {
    use std::error::Error;
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
