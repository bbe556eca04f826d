//! How many requests may be made with each token (library: governor). Each daemon counts for
//! itself.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use governor::clock::{Clock, DefaultClock};
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::{Reason, Refusal, Result};
use crate::config::{ClientsConfig, Live};
use crate::domain::id::TokenId;

/// What the settings say: requests a second, and at once. A handle, cheap to clone.
#[derive(Debug, Clone)]
pub struct Rates(Arc<Live<(u32, u32)>>);

impl Rates {
    /// What the settings say.
    #[must_use]
    pub fn new(clients: &ClientsConfig) -> Self {
        let rates = (clients.rate_limit, clients.rate_burst);
        Self(Arc::new(Live::new(rates)))
    }

    /// Takes over what the settings say now.
    pub fn change(&self, clients: &ClientsConfig) {
        self.0.set((clients.rate_limit, clients.rate_burst));
    }
}

/// Tokens that are remembered at most.
const MOST_KNOWN: usize = 10_000;

/// Counts the requests that are made with one token.
#[derive(Debug)]
pub struct Limit {
    /// Requests a second.
    rate: u32,
    quota: Quota,
    limiter: RateLimiter<NotKeyed, InMemoryState, DefaultClock>,
}

impl Limit {
    fn new(rate: u32, quota: Quota) -> Self {
        Self {
            rate,
            limiter: RateLimiter::direct(quota),
            quota,
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// There were too many; the answer says when another one may be made.
    pub fn count(&self) -> Result<()> {
        self.limiter.check().map_err(|early| {
            let wait = early.wait_time_from(self.limiter.clock().now());
            // Whole seconds, rounded up.
            let seconds = i64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(i64::MAX);
            let seconds = seconds.max(1);
            let (rate, burst) = (self.rate, self.quota.burst_size());
            let detail = format!(
                "This token may make {rate} requests a second, and {burst} at once: wait {seconds} \
                 s, or ask for a higher rate_limit."
            );
            Refusal {
                retry_after: Some(seconds),
                ..Refusal::new(Reason::RateLimited, detail)
            }
        })
    }
}

/// The limits of all tokens that were used.
#[derive(Debug)]
pub struct RateLimits {
    rates: Rates,
    known: Mutex<HashMap<TokenId, Arc<Limit>>>,
}

impl RateLimits {
    /// Of no token yet.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        let known = Mutex::default();
        Self { rates, known }
    }

    /// The limit of a token, which goes on counting as long as it is the same; none: it has none.
    /// `own`: requests a second of its own limit, or 0 for none at all.
    #[must_use]
    pub fn of(&self, token: TokenId, own: Option<u32>) -> Option<Arc<Limit>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((rate, quota)) = self.quota(own) else {
            known.remove(&token);
            return None;
        };
        if let Some(limit) = known.get(&token)
            && limit.quota == quota
        {
            return Some(Arc::clone(limit));
        }
        if known.len() >= MOST_KNOWN {
            // Whose limit nobody holds is in use no more.
            known.retain(|_, limit| Arc::strong_count(limit) > 1);
        }
        let limit = Arc::new(Limit::new(rate, quota));
        known.insert(token, Arc::clone(&limit));
        Some(limit)
    }

    fn quota(&self, own: Option<u32>) -> Option<(u32, Quota)> {
        let (rate, burst) = match own {
            Some(own) => (own, 0),
            None => *self.rates.0.get(),
        };
        let mut quota = Quota::per_second(NonZeroU32::new(rate)?);
        if let Some(burst) = NonZeroU32::new(burst) {
            quota = quota.allow_burst(burst);
        }
        Some((rate, quota))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::config::Config;

    fn config(settings: &[(&str, &str)]) -> ClientsConfig {
        let settings = settings.iter();
        let settings = settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(None, settings).unwrap().clients
    }

    fn passed(limit: &Limit) -> usize {
        (0..100).take_while(|_| limit.count().is_ok()).count()
    }

    #[test]
    fn a_token_has_its_own_limit_or_that_of_the_settings_or_none() {
        let rates = Rates::new(&config(&[]));
        let limits = RateLimits::new(rates.clone());
        let token = TokenId::from_uuid(Uuid::from_u128(1));
        assert!(limits.of(token, None).is_none() && limits.of(token, Some(0)).is_none());
        assert_eq!(passed(&limits.of(token, Some(1)).unwrap()), 1);
        rates.change(&config(&[
            ("HERALD_RATE_LIMIT_PER_SECOND", "1"),
            ("HERALD_RATE_LIMIT_BURST", "5"),
        ]));
        assert_eq!(passed(&limits.of(token, None).unwrap()), 5);
        assert!(limits.of(token, Some(0)).is_none());
    }

    #[test]
    fn a_limit_goes_on_counting_when_it_is_asked_for_again() {
        let limits = RateLimits::new(Rates::new(&config(&[])));
        let tokens = [1, 2].map(|n| TokenId::from_uuid(Uuid::from_u128(n)));
        assert_eq!(passed(&limits.of(tokens[0], Some(1)).unwrap()), 1);
        assert_eq!(passed(&limits.of(tokens[0], Some(1)).unwrap()), 0);
        assert_eq!(passed(&limits.of(tokens[1], Some(1)).unwrap()), 1);
    }
}
