//! What people and tools read may not keep the database from everybody else: within [`reading`]
//! each statement has its time, and an account at most half of the pool.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::WAIT;
use crate::domain::id::AccountId;
use crate::store::StoreError;

/// How long one statement of a read may take.
pub const READ_WITHIN: Duration = Duration::from_secs(15);

tokio::task_local! {
    /// The account that reads.
    static READER: Option<AccountId>;
}

/// Does something that only reads, for an account; none: for the operators.
pub async fn reading<F: Future>(account: Option<AccountId>, work: F) -> F::Output {
    READER.scope(account, work).await
}

/// The connections that each account reads with. Cheap to clone.
#[derive(Clone)]
pub(super) struct Readers {
    most: usize,
    accounts: Arc<Mutex<HashMap<Option<AccountId>, Weak<Semaphore>>>>,
}

/// The right to read with one connection.
pub(super) struct Reader {
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    pub(super) fn new(connections: usize) -> Self {
        Self {
            most: (connections / 2).max(1),
            accounts: Arc::default(),
        }
    }

    /// Waits for one of the account's connections; none: this is no read.
    pub(super) async fn enter(&self) -> Result<Option<Reader>, StoreError> {
        let Ok(account) = READER.try_with(|account| *account) else {
            return Ok(None);
        };
        let permit = self.seats(account).acquire_owned();
        match tokio::time::timeout(WAIT, permit).await {
            Ok(Ok(permit)) => Ok(Some(Reader { _permit: permit })),
            _ => Err(StoreError::Crowded),
        }
    }

    fn seats(&self, account: Option<AccountId>) -> Arc<Semaphore> {
        let mut accounts = (self.accounts.lock()).unwrap_or_else(PoisonError::into_inner);
        if let Some(seats) = accounts.get(&account).and_then(Weak::upgrade) {
            return seats;
        }
        // Whoever reads or waits keeps theirs alive.
        accounts.retain(|_, seats| seats.strong_count() > 0);
        let seats = Arc::new(Semaphore::new(self.most));
        accounts.insert(account, Arc::downgrade(&seats));
        seats
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::domain::id::MAIN_ACCOUNT;

    #[tokio::test]
    async fn an_account_reads_with_half_of_the_connections_and_writes_with_any() {
        let readers = Readers::new(4);
        let enter = |account| reading(account, readers.enter());
        let own = Some(MAIN_ACCOUNT);
        let first = enter(own).await.unwrap();
        let second = enter(own).await.unwrap();
        assert!(first.is_some() && second.is_some());
        assert!(enter(own).now_or_never().is_none(), "it waits");
        assert!(enter(None).await.unwrap().is_some());
        assert!(readers.enter().await.unwrap().is_none());
        let (third, ()) = tokio::join!(enter(own), async { drop(first) });
        assert!(third.unwrap().is_some());
        drop(second);
        readers.seats(own);
        assert_eq!(readers.accounts.lock().unwrap().len(), 1);
    }
}
