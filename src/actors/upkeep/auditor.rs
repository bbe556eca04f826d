//! Audits: those that somebody asks for over HTTP or on a page, and one a day. One runs at a time,
//! whoever asked: each reads the whole log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::actors::shares::Shares;
use crate::domain::id::AccountId;
use crate::store::audit::{self, Audit};
use crate::store::{Database, StoreError, account};

/// How long somebody waits for the turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// Audits of an account that wait or run because somebody waits for what they find.
const MOST_ASKED: usize = 2;

/// Runs them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Auditor {
    database: Database,
    turn: Arc<Semaphore>,
    asked: Shares<Option<AccountId>>,
}

/// Why an audit was not run.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Others run, or too many of the account wait.
    #[error("another audit is being run")]
    Busy,
    /// The database is away.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Auditor {
    pub(crate) fn new(database: Database) -> Self {
        Self {
            database,
            turn: Arc::new(Semaphore::new(1)),
            asked: Shares::new(MOST_ASKED),
        }
    }

    /// Whether one runs.
    pub(crate) fn is_running(&self) -> bool {
        self.turn.available_permits() == 0
    }

    /// Begins one of an account, or of the whole server; false: one runs already.
    pub(crate) fn begin(&self, account: Option<AccountId>) -> bool {
        let Ok(turn) = Arc::clone(&self.turn).try_acquire_owned() else {
            return false;
        };
        let database = self.database.clone();
        actix::spawn(async move {
            let result = audit::run(&database, account).await;
            drop(turn);
            note(result.map(|audit| audit.difference()));
        });
        true
    }

    /// Runs one when it has its turn, and returns what it found.
    pub(crate) async fn run(&self, account: Option<AccountId>) -> Result<Audit, AuditError> {
        let share = self.asked.take(account).ok_or(AuditError::Busy)?;
        let turn = tokio::time::timeout(PATIENCE, self.turn()).await;
        let turn = turn.map_err(|_elapsed| AuditError::Busy)?;
        let database = self.database.clone();
        // The database goes on with it when nobody waits any more: so do the turn and the share.
        let audit = actix::spawn(async move {
            let (_turn, _share) = (turn, share);
            audit::run(&database, account).await
        });
        let ended = |error| StoreError::Unfit(format!("the audit stopped: {error}"));
        Ok(audit.await.map_err(ended)??)
    }

    /// The one of the day, if it is due: of the whole server, and of each account where there are
    /// several. Whoever waits for a turn gets it between them.
    pub(crate) async fn daily(&self) -> Result<(), StoreError> {
        if !audit::is_due(&self.database).await? {
            return Ok(());
        }
        let mut whose = vec![None];
        let accounts = account::ids(&self.database).await?;
        if accounts.len() > 1 {
            whose.extend(accounts.into_iter().map(Some));
        }
        for account in whose {
            let turn = self.turn().await;
            let audit = audit::run(&self.database, account).await?;
            drop(turn);
            note(Ok(audit.difference()));
        }
        Ok(())
    }

    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.turn).acquire_owned().await.ok()
    }
}

fn note(difference: Result<i64, StoreError>) {
    match difference {
        Ok(0) => tracing::debug!("an audit found no difference"),
        Ok(difference) => tracing::error!(difference, "an audit does not add up"),
        Err(error) => tracing::warn!(%error, "an audit could not be run"),
    }
}
