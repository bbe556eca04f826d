//! Whose idempotency keys are counted today: the rows that the ingest statement locks and raises
//! are there before the first key of the day. It knows no counts.

use std::collections::HashSet;

use uuid::Uuid;

use super::batch::Batch;
use crate::domain::id::AccountId;
use crate::store::{Connection, StoreError, ingest};

const SECONDS_A_DAY: u64 = 86_400;

/// The accounts whose rows of today are known to be there.
#[derive(Default)]
pub(super) struct KeyCounts {
    day: u64,
    accounts: HashSet<AccountId>,
}

impl KeyCounts {
    /// Begins the counts of the accounts that use keys in a batch, where that was not done yet.
    pub(super) async fn begin(
        &mut self,
        connection: &mut Connection,
        batch: &Batch,
    ) -> Result<(), StoreError> {
        if !batch.has_keys() {
            return Ok(());
        }
        let at = batch.first_id().get_timestamp();
        let day = at.map_or(0, |at| at.to_unix().0 / SECONDS_A_DAY);
        if self.day != day {
            self.day = day;
            self.accounts.clear();
        }
        let accounts = batch.accounts_with_keys();
        let fresh: HashSet<_> = accounts.filter(|it| !self.accounts.contains(it)).collect();
        if !fresh.is_empty() {
            let ids: Vec<Uuid> = fresh.iter().map(|account| account.uuid()).collect();
            ingest::begin_counts(connection, &ids).await?;
            self.accounts.extend(fresh);
        }
        Ok(())
    }
}
