//! What may change in the web layer while it runs: whom it believes, under which names it
//! answers, and what its clients may take up.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ipnet::IpNet;

use crate::config::{ClientsConfig, Config, Live};
use crate::domain::bearer::BearerToken;
use crate::service::rate_limit::Rates;

/// The rules of one moment.
#[derive(Debug)]
pub(super) struct RuleSet {
    /// Names, in lower case, under which Herald answers beside its public one.
    pub hosts: Vec<String>,
    /// The networks of proxies whose `X-Forwarded-…` is believed.
    pub proxies: Vec<IpNet>,
    /// The token that readers of the metrics must send; none: they need none.
    pub metrics_token: Option<BearerToken>,
    /// What clients may take up.
    pub clients: ClientsConfig,
}

impl RuleSet {
    fn of(config: &Config) -> Self {
        Self {
            hosts: config.http.allowed_hosts.clone(),
            proxies: config.http.trusted_proxies.clone(),
            metrics_token: config.http.metrics_token.as_deref().map(BearerToken::new),
            clients: config.clients.clone(),
        }
    }

    /// Whether this is a proxy that is believed about its clients.
    #[must_use]
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|it| it.contains(&address))
    }
}

/// The rules in force. A handle, cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpRules(Arc<RulesInner>);

#[derive(Debug)]
struct RulesInner {
    set: Live<RuleSet>,
    rates: Rates,
    pace: Pace,
    /// Whether `/v1` answers under certain hosts alone.
    names_api: AtomicBool,
}

impl HttpRules {
    /// What the settings say.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let rules = Self(Arc::new(RulesInner {
            set: Live::new(RuleSet::of(config)),
            rates: Rates::new(&config.clients),
            pace: Pace::default(),
            names_api: AtomicBool::new(false),
        }));
        rules.mark(config);
        rules
    }

    /// Takes over what the settings say now.
    pub fn change(&self, config: &Config) {
        self.0.set.set(RuleSet::of(config));
        self.0.rates.change(&config.clients);
        self.mark(config);
    }

    /// Keeps what each request needs in atomics.
    fn mark(&self, config: &Config) {
        let named = !config.http.allowed_hosts.is_empty();
        self.0.names_api.store(named, Ordering::Relaxed);
        self.0.pace.set(&config.clients);
    }

    /// The rules of this moment.
    #[must_use]
    pub(super) fn get(&self) -> Arc<RuleSet> {
        self.0.set.get()
    }

    /// Whether `/v1` answers under certain hosts alone.
    #[must_use]
    pub(super) fn names_api(&self) -> bool {
        self.0.names_api.load(Ordering::Relaxed)
    }

    /// How many requests may be made with a token that has no limit of its own.
    #[must_use]
    pub(super) fn rates(&self) -> &Rates {
        &self.0.rates
    }

    /// How fast clients must be.
    #[must_use]
    pub(super) fn pace(&self) -> &Pace {
        &self.0.pace
    }
}

/// How fast clients must be, in milliseconds and bytes a second.
#[derive(Debug, Default)]
pub(super) struct Pace {
    head: AtomicU64,
    body: AtomicU64,
    idle: AtomicU64,
    slow: AtomicU64,
    speed: AtomicU64,
}

impl Pace {
    fn set(&self, clients: &ClientsConfig) {
        let set = |at: &AtomicU64, value: u64| at.store(value, Ordering::Relaxed);
        let set_seconds = |at, seconds: u64| set(at, seconds.saturating_mul(1_000));
        set_seconds(&self.head, clients.head_seconds);
        set_seconds(&self.body, clients.body_seconds);
        set_seconds(&self.idle, clients.idle_seconds);
        set_seconds(&self.slow, clients.slow_seconds);
        set(&self.speed, clients.bytes_per_second);
    }

    /// How long the head of a request may take.
    pub(super) fn head(&self) -> Duration {
        Duration::from_millis(self.head.load(Ordering::Relaxed))
    }

    /// How long the body of a request may take, however fast it comes.
    pub(super) fn body(&self) -> Duration {
        Duration::from_millis(self.body.load(Ordering::Relaxed))
    }

    /// How long a connection without a request is kept.
    pub(super) fn idle(&self) -> Duration {
        Duration::from_millis(self.idle.load(Ordering::Relaxed))
    }

    /// How long so many bytes may take: at the least speed, and a while more.
    pub(super) fn transfer(&self, bytes: u64) -> Duration {
        let speed = self.speed.load(Ordering::Relaxed).max(1);
        let millis = bytes.saturating_mul(1_000) / speed;
        let slow = self.slow.load(Ordering::Relaxed);
        Duration::from_millis(slow.saturating_add(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &[(&str, &str)]) -> Config {
        let settings = settings.iter();
        let settings = settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(None, settings).unwrap()
    }

    #[test]
    fn a_change_is_in_force_for_every_handle() {
        let rules = HttpRules::new(&config(&[]));
        let other = rules.clone();
        assert!(!other.names_api() && !other.get().trusts([10, 0, 0, 1].into()));
        rules.change(&config(&[
            ("HERALD_ALLOWED_HOSTS", "herald.example.com"),
            ("HERALD_TRUSTED_PROXIES", "10.0.0.0/8"),
            ("HERALD_HEAD_TIMEOUT_SECONDS", "3"),
        ]));
        assert!(other.names_api() && other.get().trusts([10, 0, 0, 1].into()));
        assert_eq!(other.pace().head(), Duration::from_secs(3));
    }

    #[test]
    fn a_transfer_may_take_its_time_at_the_least_speed_and_a_while_more() {
        let rules = HttpRules::new(&config(&[
            ("HERALD_MIN_BYTES_PER_SECOND", "500"),
            ("HERALD_SLOW_CLIENT_SECONDS", "4"),
        ]));
        assert_eq!(rules.pace().transfer(0), Duration::from_secs(4));
        assert_eq!(rules.pace().transfer(1_000), Duration::from_secs(6));
    }
}
