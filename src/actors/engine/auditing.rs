//! Audits on demand: one at a time, whoever asks.

use super::Engine;
use crate::actors::upkeep::auditor::AuditError;
use crate::domain::id::AccountId;
use crate::store::audit::Audit;

impl Engine {
    /// Begins an audit of an account, or of the whole server, in the background; false: one runs
    /// already. What it finds is kept. To be called inside of the runtime.
    pub fn begin_audit(&self, account: Option<AccountId>) -> bool {
        self.auditor.begin(account)
    }

    /// Runs an audit of an account, or of the whole server, when it has its turn.
    ///
    /// # Errors
    /// Others are run, or the database is away.
    pub async fn audit(&self, account: Option<AccountId>) -> Result<Audit, AuditError> {
        self.auditor.run(account).await
    }

    /// Whether an audit runs.
    #[must_use]
    pub fn is_auditing(&self) -> bool {
        self.auditor.is_running()
    }
}
