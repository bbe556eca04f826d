//! Audits in the background: those that a page asks for, and one a day. One runs at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::id::AccountId;
use crate::store::{Database, StoreError, account, audit};

/// Runs them. Cheap to clone.
#[derive(Clone)]
pub(super) struct Auditor {
    database: Database,
    running: Arc<AtomicBool>,
}

impl Auditor {
    pub(super) fn new(database: Database) -> Self {
        Self {
            database,
            running: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Whether one runs.
    pub(super) fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// Begins one of an account, or of the whole server; false: one runs already.
    pub(super) fn begin(&self, account: Option<AccountId>) -> bool {
        let Some(turn) = self.turn() else {
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

    /// The one of the day, if it is due: of the whole server, and of each account where there are
    /// several.
    pub(super) async fn daily(&self) -> Result<(), StoreError> {
        if !audit::is_due(&self.database).await? {
            return Ok(());
        }
        let Some(_turn) = self.turn() else {
            return Ok(());
        };
        note(Ok(audit::run(&self.database, None).await?.difference()));
        let accounts = account::ids(&self.database).await?;
        if accounts.len() > 1 {
            for account in accounts {
                note(Ok(audit::run(&self.database, Some(account))
                    .await?
                    .difference()));
            }
        }
        Ok(())
    }

    fn turn(&self) -> Option<Turn> {
        let free = !self.running.swap(true, Ordering::AcqRel);
        free.then(|| Turn(Arc::clone(&self.running)))
    }
}

fn note(difference: Result<i64, StoreError>) {
    match difference {
        Ok(0) => tracing::debug!("an audit found no difference"),
        Ok(difference) => tracing::error!(difference, "an audit does not add up"),
        Err(error) => tracing::warn!(%error, "an audit could not be run"),
    }
}

/// The turn to run one, given back however that ends.
struct Turn(Arc<AtomicBool>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
