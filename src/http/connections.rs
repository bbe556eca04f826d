//! Who is connected: how many in all and from each address, and who makes room when there are
//! too many.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::connection::Life;
use super::rules::HttpRules;

/// All connections of the server. A handle, cheap to clone.
#[derive(Clone)]
pub(super) struct Connections(Arc<Shared>);

struct Shared {
    rules: HttpRules,
    known: Mutex<Known>,
    /// Since the start: for the address, and for all.
    refused: [AtomicU64; 2],
}

/// The connections of this moment, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Connected {
    /// Connections that are open.
    pub open: usize,
    /// How many there may be.
    pub limit: usize,
    /// Who was not let in since the start, because of too many from one address.
    pub refused_address: u64,
    /// Who was not let in because of too many in all.
    pub refused_all: u64,
}

#[derive(Default)]
struct Known {
    next: u64,
    all: HashMap<u64, Arc<Life>>,
    by_network: HashMap<IpAddr, usize>,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Too many from this address.
    Address,
    /// Too many in all, and each of them is being answered.
    All,
}

/// The place of one connection, held as long as this lives.
pub(super) struct Place {
    connections: Connections,
    number: u64,
    network: IpAddr,
    /// What is known of it.
    pub life: Arc<Life>,
}

impl Connections {
    #[must_use]
    pub(super) fn new(rules: HttpRules) -> Self {
        Self(Arc::new(Shared {
            rules,
            known: Mutex::default(),
            refused: Default::default(),
        }))
    }

    /// Lets a connection in. At the bound, one without a request makes room for it: one that
    /// never made any before others, and of these the one that waits for longest.
    pub(super) fn enter(&self, peer: Option<SocketAddr>) -> Result<Place, Refusal> {
        let rules = self.0.rules.get();
        let address = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| {
            peer.ip().to_canonical()
        });
        let network = network(address);
        let mut known = self.known();
        let here = known.by_network.get(&network).copied().unwrap_or(0);
        if here >= rules.clients.connections_per_address && !rules.trusts(address) {
            return Err(Refusal::Address);
        }
        if known.all.len() >= rules.clients.connections {
            let waiting = known.all.iter();
            let waiting = waiting.filter_map(|(number, life)| Some((life.waiting()?, *number)));
            // It counts no more from now on, so that the next one sends another away.
            let (_, least) = waiting.min().ok_or(Refusal::All)?;
            if let Some(life) = known.all.remove(&least) {
                life.send_away();
            }
        }
        let number = known.next;
        known.next += 1;
        let life = Arc::new(Life::new());
        known.all.insert(number, Arc::clone(&life));
        *known.by_network.entry(network).or_default() += 1;
        Ok(Place {
            connections: self.clone(),
            number,
            network,
            life,
        })
    }

    /// Somebody was not let in.
    pub(super) fn refused(&self, why: Refusal) {
        let [address, all] = &self.0.refused;
        let count = match why {
            Refusal::Address => address,
            Refusal::All => all,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// What the metrics tell.
    pub(super) fn now(&self) -> Connected {
        let [address, all] = &self.0.refused;
        Connected {
            open: self.known().all.len(),
            limit: self.0.rules.get().clients.connections,
            refused_address: address.load(Ordering::Relaxed),
            refused_all: all.load(Ordering::Relaxed),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        (self.0.known.lock()).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut known = self.connections.known();
        known.all.remove(&self.number);
        if let Some(count) = known.by_network.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                known.by_network.remove(&self.network);
            }
        }
    }
}

/// What counts as one address: of IPv6 the network that one customer gets.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn connections(all: &str, one: &str) -> Connections {
        let settings = [
            ("HERALD_MAX_CONNECTIONS", all),
            ("HERALD_MAX_CONNECTIONS_PER_ADDRESS", one),
            ("HERALD_TRUSTED_PROXIES", "10.0.0.0/8"),
        ];
        let settings = settings.iter();
        let settings = settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Connections::new(HttpRules::new(&Config::load(None, settings).unwrap()))
    }

    fn from(connections: &Connections, peer: &str) -> Result<Place, Refusal> {
        connections.enter(Some(peer.parse().unwrap()))
    }

    #[test]
    fn one_address_gets_so_many_and_a_proxy_more() {
        let connections = connections("100", "2");
        let mut held = Vec::new();
        for peer in ["192.0.2.1:1", "[::ffff:192.0.2.1]:2"] {
            held.push(from(&connections, peer).unwrap());
        }
        assert_eq!(
            from(&connections, "192.0.2.1:3").err(),
            Some(Refusal::Address)
        );
        held.push(from(&connections, "192.0.2.2:1").unwrap());
        held.extend((0..2).map(|_| from(&connections, "[2001:db8::1]:1").unwrap()));
        let same = from(&connections, "[2001:db8::2:2]:1");
        assert_eq!(same.err(), Some(Refusal::Address));
        held.extend((0..5).map(|_| from(&connections, "10.1.2.3:1").unwrap()));
        drop(held);
        assert!(from(&connections, "192.0.2.1:1").is_ok());
        assert!(connections.known().by_network.is_empty());
    }

    #[test]
    fn at_the_bound_the_idle_make_room_and_who_is_served_stays() {
        let connections = connections("8", "100");
        let peers = (0..8).map(|_| from(&connections, "192.0.2.1:1").unwrap());
        let held: Vec<Place> = peers.collect();
        for busy in held.iter().skip(2) {
            busy.life.begin();
        }
        let first = from(&connections, "192.0.2.2:1").unwrap();
        first.life.begin();
        let second = from(&connections, "192.0.2.2:1").unwrap();
        second.life.begin();
        let sent: Vec<bool> = held.iter().map(|it| it.life.is_sent_away()).collect();
        assert_eq!(sent.iter().filter(|sent| **sent).count(), 2);
        assert!(sent[0] && sent[1]);
        assert_eq!(from(&connections, "192.0.2.2:1").err(), Some(Refusal::All));
        held[2].life.end();
        assert!(from(&connections, "192.0.2.2:1").is_ok());
    }
}
