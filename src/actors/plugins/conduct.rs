//! How one version of a script does for each account, and what follows from that: for which
//! accounts it runs in the isolated runner, and for which it does not run at all. Every table that
//! has the version shares it.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, Utc};

use crate::domain::id::AccountId;
use crate::plugin::{Health, HealthRule, Limits};
use crate::store::plugin_health::AccountMark;

/// Accounts that all versions together remember, some 1.5 KB each.
const MOST_REMEMBERED: usize = 16 << 10;

/// What a new version is measured by.
#[derive(Debug, Clone)]
pub(crate) struct Measure {
    pub(crate) limits: Limits,
    pub(crate) rule: HealthRule,
}

impl Measure {
    /// Has a version judged by this one from now on.
    pub(crate) fn apply(&self, conduct: &Conduct) {
        conduct.health.judge_by(self.rule, self.limits.deadline);
    }

    pub(super) fn fresh(&self) -> Arc<Conduct> {
        Arc::new(Conduct {
            health: Health::new(self.rule, self.limits.deadline),
            proven: AtomicBool::new(false),
            everywhere: OnceLock::new(),
            standings: RwLock::default(),
        })
    }
}

/// Since when it is suspended, and why.
pub(super) type Suspended = (DateTime<Utc>, Arc<str>);

/// How it does.
#[derive(Debug)]
pub(crate) struct Conduct {
    pub(crate) health: Health,
    /// It came to a verdict once, for whichever account. Until then it runs in an isolated runner:
    /// what loops for ever does so from its first run on, and must not stop a delivery thread even
    /// once.
    pub(crate) proven: AtomicBool,
    /// A daemon of a version that knew no accounts suspended it, so for all of them.
    everywhere: OnceLock<Suspended>,
    /// Of accounts for which it once failed or was slow. There are no more of them than accounts.
    standings: RwLock<HashMap<AccountId, Standing>>,
}

/// What is known of a version and an account.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// Since when it runs in the isolated runner.
    pub(super) isolated: Option<DateTime<Utc>>,
    /// The account's deliveries are held.
    pub(super) suspended: Option<Suspended>,
    /// When it was isolated the last time before it came back; an older mark says nothing.
    back: Option<DateTime<Utc>>,
}

impl Conduct {
    /// Keeps memory bounded where there are so many scripts.
    pub(super) fn share_memory(&self, scripts: usize) {
        (self.health).remember(MOST_REMEMBERED.div_ceil(scripts.max(1)));
    }

    /// How it is with an account.
    pub(super) fn standing(&self, account: AccountId) -> Standing {
        let mut standing = self.read().get(&account).cloned().unwrap_or_default();
        if standing.suspended.is_none() {
            standing.suspended = self.everywhere.get().cloned();
        }
        standing
    }

    /// Whether it may run for an account; none: for some account that is not known.
    pub(crate) fn works_for(&self, account: Option<AccountId>) -> bool {
        let suspended = |account| {
            let standings = self.read();
            (standings.get(&account)).is_some_and(|standing| standing.suspended.is_some())
        };
        self.everywhere.get().is_none() && !account.is_some_and(suspended)
    }

    /// Whether it is known to take long for an account.
    pub(crate) fn is_slow_for(&self, account: AccountId) -> bool {
        let standings = self.read();
        (standings.get(&account)).is_some_and(|standing| standing.isolated.is_some())
    }

    /// The accounts for which it runs in the isolated runner or not at all, the first suspended
    /// first.
    pub(super) fn troubled(&self) -> Vec<(AccountId, Standing)> {
        let standings = self.read();
        let troubled =
            (standings.iter()).filter(|(_, it)| it.isolated.is_some() || it.suspended.is_some());
        let mut troubled: Vec<_> = troubled.map(|(id, it)| (*id, it.clone())).collect();
        drop(standings);
        troubled.sort_by_key(|(account, it)| {
            let at = it.suspended.as_ref().map(|(at, _)| *at);
            (at.is_none(), at.or(it.isolated), *account)
        });
        troubled
    }

    /// It is suspended for all, since then.
    pub(super) fn everywhere(&self) -> Option<&Suspended> {
        self.everywhere.get()
    }

    /// Moves it to the isolated runner for an account. Returns whether it was elsewhere.
    pub(super) fn isolate(&self, account: AccountId, at: DateTime<Utc>) -> bool {
        let mut standings = self.write();
        let isolated = &mut standings.entry(account).or_default().isolated;
        isolated.is_none() && isolated.replace(at).is_none()
    }

    /// Brings it back for an account. Returns whether it was in the isolated runner.
    pub(super) fn bring_back(&self, account: AccountId) -> bool {
        let mut standings = self.write();
        let Some(standing) = standings.get_mut(&account) else {
            return false;
        };
        let Some(at) = standing.isolated.take() else {
            return false;
        };
        standing.back = Some(at);
        true
    }

    /// Suspends it for an account. Returns whether it was not.
    pub(super) fn suspend(&self, account: AccountId, at: DateTime<Utc>, reason: &str) -> bool {
        let mut standings = self.write();
        let suspended = &mut standings.entry(account).or_default().suspended;
        suspended.is_none() && suspended.replace((at, reason.into())).is_none()
    }

    /// Takes over what this daemon knew before its start, or another one found out.
    pub(super) fn obey(&self, mark: &AccountMark) {
        if let Some(at) = mark.apart_at {
            let standing = self.read().get(&mark.account()).cloned();
            if standing
                .is_none_or(|it| it.isolated.is_none() && it.back.is_none_or(|back| at > back))
            {
                self.isolate(mark.account(), at);
            }
        }
        if let (Some(at), Some(reason)) = (mark.suspended_at, &mark.reason) {
            self.suspend(mark.account(), at, reason);
        }
    }

    /// Takes over what a daemon found out that knew no accounts.
    pub(super) fn obey_everywhere(&self, at: DateTime<Utc>, reason: &str) {
        self.everywhere.get_or_init(|| (at, reason.into()));
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<AccountId, Standing>> {
        // Each change is one assignment, so that a panic leaves nothing half done.
        (self.standings.read()).unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<AccountId, Standing>> {
        (self.standings.write()).unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn fresh() -> Arc<Conduct> {
        let (limits, rule) = (Limits::default(), HealthRule::default());
        Measure { limits, rule }.fresh()
    }

    #[test]
    fn what_is_known_of_an_account_concerns_it_alone() {
        let conduct = fresh();
        let [a, b] = [1, 2].map(|n| AccountId::from_uuid(Uuid::from_u128(n)));
        assert!(conduct.isolate(a, at(1)) && !conduct.isolate(a, at(2)));
        assert!(conduct.suspend(b, at(3), "why") && !conduct.suspend(b, at(4), "other"));
        assert!(conduct.is_slow_for(a) && !conduct.is_slow_for(b));
        assert!(conduct.works_for(Some(a)) && !conduct.works_for(Some(b)));
        assert!(conduct.works_for(None));
        let troubled: Vec<_> = conduct.troubled().into_iter().map(|(id, _)| id).collect();
        assert_eq!(troubled, [b, a]);
        conduct.obey_everywhere(at(5), "all");
        assert!(!conduct.works_for(Some(a)) && !conduct.works_for(None));
        let why = |account| conduct.standing(account).suspended.map(|(_, why)| why);
        assert_eq!(
            (why(a).as_deref(), why(b).as_deref()),
            (Some("all"), Some("why"))
        );
    }

    #[test]
    fn a_mark_from_before_it_came_back_does_not_set_it_apart_again() {
        let conduct = fresh();
        let account = AccountId::from_uuid(Uuid::from_u128(1));
        let mark = |at| AccountMark::new("named/x.rhai", "hash", account).apart(at);
        conduct.obey(&mark(at(1)));
        assert!(conduct.is_slow_for(account));
        assert!(conduct.bring_back(account) && !conduct.bring_back(account));
        conduct.obey(&mark(at(1)));
        assert!(!conduct.is_slow_for(account), "it came back since");
        conduct.obey(&mark(at(2)));
        assert!(
            conduct.is_slow_for(account),
            "another daemon found out again"
        );
    }
}
