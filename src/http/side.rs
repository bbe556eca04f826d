//! The connections of strangers, or those of known callers, by the address that they count for; the
//! address that has the most of them is found without looking at all of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use super::life::Life;

/// How many of an address's connections are compared when one of them must go.
const COMPARED: usize = 32;

/// The connections of one kind.
#[derive(Default)]
pub(super) struct ConnectionSide {
    /// All of them.
    pub count: usize,
    networks: HashMap<IpAddr, Network>,
    /// The last one has the most connections; of several, it was joined least recently.
    by_size: BTreeSet<(usize, Reverse<u64>, IpAddr)>,
}

#[derive(Default)]
struct Network {
    newest: u64,
    lives: BTreeMap<u64, Arc<Life>>,
}

impl ConnectionSide {
    pub(super) fn add(&mut self, network: IpAddr, number: u64, life: &Arc<Life>) {
        self.change(network, |of| {
            of.newest = of.newest.max(number);
            of.lives.insert(number, Arc::clone(life)).is_none()
        });
        self.count += 1;
    }

    pub(super) fn remove(&mut self, network: IpAddr, number: u64) {
        if self.change(network, |of| of.lives.remove(&number).is_some()) {
            self.count -= 1;
        }
    }

    fn change(&mut self, network: IpAddr, change: impl FnOnce(&mut Network) -> bool) -> bool {
        let of = self.networks.entry(network).or_default();
        let size = |of: &Network| (of.lives.len(), Reverse(of.newest), network);
        self.by_size.remove(&size(of));
        let changed = change(of);
        if of.lives.is_empty() {
            self.networks.remove(&network);
        } else {
            self.by_size.insert(size(of));
        }
        changed
    }

    /// How many count for a network.
    pub(super) fn from(&self, network: IpAddr) -> usize {
        self.networks.get(&network).map_or(0, |of| of.lives.len())
    }

    /// The connection that is least worth keeping, of the address that has the most.
    pub(super) fn least(&self) -> Option<u64> {
        let mut largest_first = self.by_size.iter().rev();
        largest_first.find_map(|(_, _, network)| {
            let lives = self.networks.get(network)?.lives.iter();
            let worth = lives.filter_map(|(number, life)| Some((life.worth()?, *number)));
            worth.take(COMPARED).min().map(|(_, number)| number)
        })
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0 && self.networks.is_empty() && self.by_size.is_empty()
    }
}
