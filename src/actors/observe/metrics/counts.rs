//! What was recorded since the start: events and what attempts came to, of all, of the busiest
//! subscriptions and of the busiest accounts. The rollups raise them once a second, so that a
//! delivery costs nothing here.

use super::busiest::Busiest;
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::stat_bucket::StatBucket;

/// Numbers since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutcomeCounts {
    /// Accepted events.
    pub events: u64,
    /// Attempts that the target answered 2xx.
    pub sent: u64,
    /// Attempts that used the schedule up.
    pub failed: u64,
    /// A plugin said no.
    pub filtered: u64,
    /// Given up on purpose.
    pub cancelled: u64,
    /// Attempts that went wrong and are made again.
    pub retried: u64,
}

impl OutcomeCounts {
    /// The outcomes by their names in the API.
    #[must_use]
    pub const fn outcomes(&self) -> [(&'static str, u64); 5] {
        [
            ("sent", self.sent),
            ("failed", self.failed),
            ("filtered", self.filtered),
            ("cancelled", self.cancelled),
            ("retry", self.retried),
        ]
    }

    pub(super) const fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.sent += other.sent;
        self.failed += other.failed;
        self.filtered += other.filtered;
        self.cancelled += other.cancelled;
        self.retried += other.retried;
    }

    pub(super) const fn all(&self) -> u64 {
        self.events + self.sent + self.failed + self.filtered + self.cancelled + self.retried
    }
}

impl From<&StatBucket> for OutcomeCounts {
    fn from(bucket: &StatBucket) -> Self {
        Self {
            events: bucket.events.into(),
            sent: bucket.sent.into(),
            failed: bucket.failed.into(),
            filtered: bucket.filtered.into(),
            cancelled: bucket.cancelled.into(),
            retried: bucket.retried.into(),
        }
    }
}

/// The counts, as they are raised.
#[derive(Debug)]
pub(in crate::actors::observe) struct RaisedCounts {
    all: OutcomeCounts,
    subscriptions: Busiest<SubscriptionId>,
    accounts: Busiest<AccountId>,
}

impl RaisedCounts {
    /// `most`: so many subscriptions, and so many accounts, have counts of their own.
    pub(in crate::actors::observe) fn new(most: usize) -> Self {
        Self {
            all: OutcomeCounts::default(),
            subscriptions: Busiest::new(most),
            accounts: Busiest::new(most),
        }
    }

    /// Adds what was recorded in a minute since 1970.
    pub(in crate::actors::observe) fn add(
        &mut self,
        account: AccountId,
        subscription: Option<SubscriptionId>,
        bucket: &StatBucket,
        minute: i64,
    ) {
        let counts = OutcomeCounts::from(bucket);
        self.all.add(&counts);
        self.accounts.add(account, &counts, minute);
        if let Some(subscription) = subscription {
            self.subscriptions.add(subscription, &counts, minute);
        }
    }

    pub(in crate::actors::observe) fn read(&self) -> CountsRead {
        let (subscriptions, other_subscriptions) = self.subscriptions.read();
        let (accounts, other_accounts) = self.accounts.read();
        CountsRead {
            all: self.all,
            subscriptions,
            other_subscriptions,
            accounts,
            other_accounts,
        }
    }
}

/// The counts, as they are read.
#[derive(Debug, Clone)]
pub struct CountsRead {
    /// Of everything.
    pub all: OutcomeCounts,
    /// Of the busiest subscriptions.
    pub subscriptions: Vec<(SubscriptionId, OutcomeCounts)>,
    /// Of all other subscriptions together.
    pub other_subscriptions: OutcomeCounts,
    /// Of the busiest accounts.
    pub accounts: Vec<(AccountId, OutcomeCounts)>,
    /// Of all other accounts together.
    pub other_accounts: OutcomeCounts,
}
